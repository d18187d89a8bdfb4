/// Notifies of streams that change.
package protocol StreamDoorbell: Sendable {
  /// Waits until keys are written whose names begin with one of `prefixes`, and returns the names of all that were since the last call. The first call
  /// begins to listen and returns ``ChangedLanes/any`` at once; so does the first call after a throw, or with other prefixes. No prefix may begin with
  /// another one. A cancelled call ends the listening. Throws ``SourceError``.
  func changedLanes(_ prefixes: [String], on server: LaneServer) async throws -> ChangedLanes
}
