/// A lane beside what Redis says of it.
package struct LaneLook: Sendable {
  package var lane: LaneCheck
  package var snapshot: LaneSnapshot
  package var anchor: LaneFinding.Anchor

  package init(_ lane: LaneCheck, _ snapshot: LaneSnapshot, anchor: LaneFinding.Anchor) {
    self.lane = lane
    self.snapshot = snapshot
    self.anchor = anchor
  }

  /// Compares the cursor's entry with the digest that the ledger keeps of it.
  package init(_ lane: LaneCheck, _ snapshot: LaneSnapshot) {
    self.init(lane, snapshot, anchor: .gone)
    guard case .there(let found) = snapshot.anchor else { return }
    // One that is too large for a digest is not the one that had one.
    anchor = lane.anchor.map { found == $0 ? .same : .other } ?? .unknown
  }

  package var finding: LaneFinding { LaneFinding(lane, snapshot, anchor: anchor) }

  /// Nothing is removed of a stream that is another one, or may be, or that has a gap which is not recorded yet.
  package var mayBeTrimmed: Bool {
    switch finding {
    case .missing, .broken: false
    case .sound, .milestone: LaneFinding.isSame(lane, snapshot, anchor: anchor)
    }
  }
}
