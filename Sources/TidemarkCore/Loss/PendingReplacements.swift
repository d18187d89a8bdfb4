/// Lanes whose streams were found to be replaced. First the entries that were read of the old stream are committed, then the next
/// incarnation begins.
///
/// The finding stays until then. Commits in the meantime may make the two streams look alike, when they include entries of the new stream
/// that were read before the replacement was found.
package struct PendingReplacements: Sendable {
  package struct Replacement: Sendable, Equatable {
    package var incarnation: Int64
    package var fence: Int64
    package var replacement: StreamReplacement
    /// The number of entries that Redis had added to the old stream when it was last asked.
    package var knownAdded: UInt64
    /// The number of entries that Redis had added to the new stream when it was found; 0 where there was no stream. `foundGone` is the
    /// number of these that were gone by then.
    package var foundAdded: UInt64
    package var foundGone: UInt64
  }

  private var replacements: [String: Replacement] = [:]

  package init() {}

  package var isEmpty: Bool { replacements.isEmpty }

  /// Removes the lanes that another worker may own by now and for which nothing waits to be published.
  package mutating func keep(where isNeeded: (String) -> Bool) {
    replacements = replacements.filter { isNeeded($0.key) }
  }

  /// Records the replacement that was found for a lane under this record; ignores any other verdict.
  package mutating func note(_ verdict: StreamVerdict, _ comparison: StreamComparison, _ record: LaneRecord) {
    guard case .replacement(let replacement) = verdict else { return }
    replacements[record.name] = Replacement(
      incarnation: record.incarnation, fence: record.fence, replacement: replacement, knownAdded: comparison.lane.knownAdded,
      foundAdded: comparison.observed.stream?.entriesAdded ?? 0, foundGone: LaneStart.oldest.begin(comparison.observed.stream).baseline)
  }

  /// Returns the replacement that was found in this incarnation and under this fencing token. If another worker has owned the lane since,
  /// that worker has judged the stream, and perhaps begun the next incarnation, for whose stream the finding means nothing.
  package func pending(of record: LaneRecord) -> Replacement? {
    replacements[record.name].flatMap { $0.incarnation == record.incarnation && $0.fence == record.fence ? $0 : nil }
  }

  /// Keeps the finding for a lane that continues under a later incarnation of the same stream, because agents had been notified of that
  /// incarnation.
  package mutating func raised(_ record: LaneRecord, to incarnation: Int64) {
    guard pending(of: record) != nil else { return }
    replacements[record.name]?.incarnation = incarnation
  }

  /// Removes the finding for a lane that is not served until its stream appears again.
  package mutating func forget(_ lane: String) { replacements[lane] = nil }

  /// Records that the lane was acquired, which removes a finding of another incarnation or of an earlier owner.
  package mutating func acquired(_ record: LaneRecord) {
    if pending(of: record) == nil { replacements[record.name] = nil }
  }
}

extension ExpectedStream {
  /// Creates the expectation for a lane that is about to be acquired, of which only the committed entries were read.
  package init(_ record: LaneRecord, after pending: PendingReplacements.Replacement?) {
    self.init(record, knownAdded: pending?.knownAdded ?? 0)
    // What was committed meanwhile may be of the new stream already.
    if let pending { countedPosition = min(countedPosition, pending.replacement.after) }
  }
}

extension StreamComparison {
  /// Returns why the stream is not the one that was read: the finding of this comparison, or else an earlier one.
  package func replacement(after pending: PendingReplacements.Replacement? = nil) -> StreamReplacement? {
    if case .replacement(let replacement) = verdict { replacement } else { pending?.replacement }
  }
}
