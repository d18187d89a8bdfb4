/// Counts changes towards snapshots, and takes these. All methods throw ``SinkError`` and may be called again after they threw.
package protocol SnapshotLedger: Sendable {
  /// Returns up to which entry every change of a lane is in a snapshot; lanes of which nothing is recorded are left out.
  func snapshotProgress(of lanes: [Int32]) async throws -> [Int32: EntryID]

  /// Records the progress of lanes.
  func recordSnapshotProgress(_ progress: [Int32: EntryID]) async throws

  /// Returns the sessions to which the next changes of a lane belong, at most `rows` changes.
  ///
  /// - Parameter types: the types of changes that have snapshots of their own.
  func changedSessions(of lane: Int32, after entry: EntryID, types: [String], rows: Int) async throws -> [ChangedSession]

  /// Takes snapshots in one transaction, all or none. A session that has one at the entry or a later one, or that is gone, is left out.
  ///
  /// - Returns: how many were taken.
  func takeSnapshots(_ orders: [SnapshotOrder]) async throws -> Int
}
