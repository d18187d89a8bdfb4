/// Tells a bad record from a bad time: counts the failures of the same entries, but each only when Postgres has committed something
/// else since the one before. So an outage counts once, however long it lasts and however often it is met.
struct FailureStreak: Sendable {
  /// Failures that make it firm.
  let limit: Int
  private(set) var failures = 0
  private var first = CommitEvidence()
  private var last = CommitEvidence()

  init(limit: Int) {
    self.limit = limit
  }

  mutating func failed(_ evidence: CommitEvidence) {
    guard failures == 0 || evidence.commits > last.commits else { return }
    if failures == 0 { first = evidence }
    last = evidence
    failures += 1
  }

  var isFirm: Bool { failures >= limit }

  /// Whether the rows of other entries passed between the first failure and the last: then it is not their tables that are out of
  /// order.
  func isProven(by evidence: CommitEvidence) -> Bool { failures > 0 && evidence.batches > first.batches }
}
