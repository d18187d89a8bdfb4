/// Where a lane stands in Postgres: the last entry whose outcome is committed, and how many were applied by then.
package struct LaneCursor: Sendable, Equatable {
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
