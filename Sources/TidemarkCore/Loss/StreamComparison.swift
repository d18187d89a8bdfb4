/// A lane beside what Redis says of it.
package struct StreamComparison: Sendable {
  package var lane: ExpectedStream
  package var observed: ObservedStream
  package var anchor: StreamVerdict.Anchor

  package init(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: StreamVerdict.Anchor) {
    self.lane = lane
    self.observed = observed
    self.anchor = anchor
  }

  /// Compares the cursor's entry with the digest that the ledger keeps of it.
  package init(_ lane: ExpectedStream, _ observed: ObservedStream) {
    self.init(lane, observed, anchor: .gone)
    guard case .there(let found) = observed.anchor else { return }
    // One that is too large for a digest is not the one that had one.
    anchor = lane.anchor.map { found == $0 ? .same : .other } ?? .unknown
  }

  package var verdict: StreamVerdict { StreamVerdict(lane, observed, anchor: anchor) }

  /// Nothing is removed of a stream that is another one, or may be, or that has a gap which is not recorded yet.
  package var mayBeTrimmed: Bool {
    switch verdict {
    case .missing, .replacement: false
    case .sound, .gapCheck: StreamVerdict.isSame(lane, observed, anchor: anchor)
    }
  }
}
