/// Inspects streams. Nothing is changed on the server, so every call may be repeated; all throw ``SourceError``.
package protocol StreamInspector: Sendable {
  /// Returns what Redis reports of each lane, in the order asked, at no particular moment relative to reads and writes.
  func inspect(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// Returns what Redis reports of each lane, each at one moment, with the entry at its cursor. The answer follows all reads that were sent before
  /// and precedes those that are sent later.
  func observe(_ lanes: [ExpectedStream]) async throws -> [StreamObservation]

  /// Observes over the connection for writes to a server, and returns that connection with the observations. A write that depends on them names this
  /// connection, and throws where another one has taken its place.
  func survey(_ lanes: [ExpectedStream], on server: LaneServer) async throws -> ObservedStreams

  /// Counts the entries of a stream after one id and up to another. It reads all of them: for the rare start in the middle.
  func count(_ lane: String, after: EntryID, through: EntryID) async throws -> UInt64

  /// Returns the names of the existing streams that match a glob pattern. Keys of other types are left out.
  func discover(_ pattern: String) async throws -> [String]

  /// Used memory divided by `maxmemory` on the server that holds a lane; nil where there is no limit, or where the server does not report it.
  func memoryShare(beside lane: String) async throws -> Double?

  /// The clock of the server that holds a lane, in Unix milliseconds.
  func currentMilliseconds(beside lane: String) async throws -> UInt64
}
