/// What agents are told: durable marks and pressure. All methods throw ``SourceError`` and may be called again after they threw: marks only move
/// forward, and pressure is stated as it is.
package protocol MarkStore: Sendable {
  /// The executor on which a task that calls ``publish(_:over:)`` in a loop saves a change of threads; nil for any. Its jobs must not block.
  var publishers: (any TaskExecutor)? { get }

  /// The connection for writes to a server; nil where there is none at the moment.
  func writeConnection(to server: LaneServer) -> WriteConnection?

  /// The server that takes the marks of each lane: mostly the lane's own.
  func markServers(of lanes: [String]) async throws -> [LaneServer]

  /// The mark that was published last for each lane; nil where there is none.
  func marks(of lanes: [String]) async throws -> [DurableMark?]

  /// Publishes what is durable. A mark never moves back within one incarnation.
  ///
  /// - Parameter connection: the one over which the lanes were compared; nil where the marks go to another server than their lanes'.
  /// - Returns: the lanes whose marks could not be written, because the key is not what it should be, because a later incarnation was published
  ///   before (``SourceError/Kind/outdated(_:)``), or because there is no mark that one without a survey may follow
  ///   (``SourceError/Kind/unmarked``).
  func publish(_ marks: [DurableMark], over connection: WriteConnection?) async throws -> [String: SourceError]

  /// Publishes how hard agents may write, and until which moment of Redis' clock (Unix milliseconds) that holds. Lanes without pressure are left out.
  /// Returns the lanes that could not be written, as ``publish(_:over:)`` does.
  func publishPressure(_ levels: [LanePressure], until: UInt64) async throws -> [String: SourceError]
}
