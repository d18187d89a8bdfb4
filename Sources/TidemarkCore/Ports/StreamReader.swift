/// Reads the entries of streams. A read changes nothing on the server, so it may be repeated; it throws ``SourceError``.
///
/// A call that names lanes of several servers fails when one of these servers does: a caller that wants the others to go on reads each
/// server's lanes separately.
package protocol StreamReader: Sendable {
  /// How many lanes of one server a blocking read may name.
  var blockingLanes: Int { get }

  /// The executor on which a task that calls ``read(_:)`` in a loop saves a change of threads; nil for any. Its jobs must not block.
  var readers: (any TaskExecutor)? { get }

  /// Returns entries after each lane's position, at most `count` a lane, and waits up to `block` for the first. Connects again by itself after a
  /// lost connection; the caller decides how long to wait between attempts.
  func read(_ request: LaneReadRequest) async throws -> LaneReadReply

  /// A number that differs for every connection for reads: another server may stand behind a new one.
  func readConnection(to server: LaneServer) -> Int
}
