/// How far a lane's changes are sealed.
package struct SealedLane: Sendable, Equatable {
  package var laneID: Int32
  /// The number of the last sealed change; 0 where none is.
  package var throughNo: Int64
  /// The newest link; nil where there is none.
  package var link: [UInt8]?
  /// When the last sealed change was committed, in seconds since 1970; nil where none is known.
  package var committedAt: Double?
  /// Whether all changes are sealed that were there when the call began.
  package var isComplete: Bool
  /// The numbers of this call that had no change, though nothing was erased: changes were removed before they were sealed.
  package var missing: Int64

  package init(laneID: Int32, throughNo: Int64, link: [UInt8]?, committedAt: Double?, isComplete: Bool, missing: Int64 = 0) {
    self.laneID = laneID
    self.throughNo = throughNo
    self.link = link
    self.committedAt = committedAt
    self.isComplete = isComplete
    self.missing = missing
  }

  package func head(of lane: String) -> SealHead? { link.map { SealHead(lane: lane, throughNo: throughNo, link: $0) } }
}
