/// The position of a lane in Postgres: the last entry whose outcome is committed, and the number of entries that were applied by then.
package struct LaneCursor: Sendable, Equatable {
  /// The last entry whose outcome is committed.
  package var position: EntryID
  /// The last number given in `changes.no`.
  package var appliedNo: Int64
  /// The chain over the digests of all applied changes, see ``SealChain``.
  package var seal: [UInt8]

  package init(position: EntryID, appliedNo: Int64, seal: [UInt8]) {
    self.position = position
    self.appliedNo = appliedNo
    self.seal = seal
  }
}
