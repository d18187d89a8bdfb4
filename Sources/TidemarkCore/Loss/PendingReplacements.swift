/// Lanes whose streams turned out to be other ones: what was read of the old stream is committed, then the next incarnation begins.
///
/// The finding stands until then. What is committed meanwhile may make the two streams look alike, by entries of the new one that were read
/// before anybody looked.
package struct PendingReplacements: Sendable {
  package struct Replacement: Sendable, Equatable {
    package var incarnation: Int64
    package var fence: Int64
    package var replacement: StreamReplacement
    /// What Redis had added to the old stream when it was asked last.
    package var knownAdded: UInt64
    /// What Redis had added to the stream that was found instead, and how many of these entries were gone already. 0 where there was none.
    package var foundAdded: UInt64
    package var foundGone: UInt64
  }

  private var replacements: [String: Replacement] = [:]

  package init() {}

  package var isEmpty: Bool { replacements.isEmpty }

  /// Forgets lanes that another worker may have by now and of which nothing waits to be published.
  package mutating func keep(where isNeeded: (String) -> Bool) {
    replacements = replacements.filter { isNeeded($0.key) }
  }

  /// What was found of a lane under this record.
  package mutating func note(_ verdict: StreamVerdict, _ comparison: StreamComparison, _ record: LaneRecord) {
    guard case .replacement(let replacement) = verdict else { return }
    replacements[record.name] = Replacement(
      incarnation: record.incarnation, fence: record.fence, replacement: replacement, knownAdded: comparison.lane.knownAdded,
      foundAdded: comparison.observed.stream?.entriesAdded ?? 0, foundGone: LaneStart.oldest.begin(comparison.observed.stream).baseline)
  }

  /// What was found in this incarnation and under this fence. Another worker may have had the lane since: then it has judged, and perhaps begun
  /// the next incarnation, whose stream has nothing to do with it.
  package func pending(of record: LaneRecord) -> Replacement? {
    replacements[record.name].flatMap { $0.incarnation == record.incarnation && $0.fence == record.fence ? $0 : nil }
  }

  /// The lane goes on under a later incarnation of the same stream, because agents were told of that one: what was found still holds.
  package mutating func raised(_ record: LaneRecord, to incarnation: Int64) {
    guard pending(of: record) != nil else { return }
    replacements[record.name]?.incarnation = incarnation
  }

  /// The lane is not served until its stream appears again.
  package mutating func forget(_ lane: String) { replacements[lane] = nil }

  /// The lane was taken up: what was found in another incarnation, or by an earlier owner, is over.
  package mutating func acquired(_ record: LaneRecord) {
    if pending(of: record) == nil { replacements[record.name] = nil }
  }
}

extension ExpectedStream {
  /// A lane that is about to be taken up: nothing of it is read but what is committed.
  package init(_ record: LaneRecord, after pending: PendingReplacements.Replacement?) {
    self.init(record, knownAdded: pending?.knownAdded ?? 0)
  }
}

extension StreamComparison {
  /// Why the stream is not the one that was read, by this look or, where something was found before, by an earlier one.
  package func replacement(after pending: PendingReplacements.Replacement? = nil) -> StreamReplacement? {
    if case .replacement(let replacement) = verdict { replacement } else { pending?.replacement }
  }
}
