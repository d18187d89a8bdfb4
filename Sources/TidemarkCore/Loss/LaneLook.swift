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
  package init(_ lane: LaneCheck, _ snapshot: LaneSnapshot, table: RouteTable, limits: EntryDecoder.Limits) {
    self.init(lane, snapshot, anchor: .gone)
    guard case .there(let block) = snapshot.anchor else { return }
    anchor = .unknown
    guard let block, let expected = lane.anchor else { return }
    var decoder = EntryDecoder(catalog: table.catalog, limits: limits)
    var decoded = DecodedEntry()
    let isDecoded = (try? decoder.decode(block.entries[0], of: block, into: &decoded)) != nil
    anchor = isDecoded && decoded.digest == expected ? .same : .other
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
