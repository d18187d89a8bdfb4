/// An expected stream together with the observed one.
package struct StreamComparison: Sendable {
  package var lane: ExpectedStream
  package var observed: ObservedStream
  package var anchor: StreamVerdict.Anchor

  package init(_ lane: ExpectedStream, _ observed: ObservedStream, anchor: StreamVerdict.Anchor) {
    self.lane = lane
    self.observed = observed
    self.anchor = anchor
  }

  /// Creates the comparison, and compares the cursor's entry with the digest that the ledger keeps of it.
  package init(_ lane: ExpectedStream, _ observed: ObservedStream) {
    self.init(lane, observed, anchor: .gone)
    guard case .there(let found) = observed.anchor else { return }
    // An entry that is too large for a digest differs from one that had a digest.
    anchor = lane.anchor.map { found == $0 ? .same : .other } ?? .unknown
  }

  package var verdict: StreamVerdict { StreamVerdict(lane, observed, anchor: anchor) }

  /// Whether it is certain that the stream is the one that was read.
  package var isSameStream: Bool {
    if case .replacement = verdict { false } else { observed.stream != nil && StreamVerdict.isSame(lane, observed, anchor: anchor) }
  }

  /// Whether entries may be removed from the stream. None may be removed while the stream was, or may have been, replaced, or has a gap
  /// that is not recorded yet.
  package var mayBeTrimmed: Bool {
    switch verdict {
    case .missing, .replacement: false
    case .sound, .gapCheck: StreamVerdict.isSame(lane, observed, anchor: anchor)
    }
  }
}
