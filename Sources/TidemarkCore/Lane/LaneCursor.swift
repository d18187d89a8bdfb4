/// The position of a lane in Postgres: the last entry whose outcome is committed, and the number of entries that were applied by then.
package struct LaneCursor: Sendable, Equatable {
  /// The last entry whose outcome is committed.
  package var position: EntryID
  /// The last number given in `changes.no`.
  package var appliedNo: Int64

  package init(position: EntryID, appliedNo: Int64) {
    self.position = position
    self.appliedNo = appliedNo
  }
}
