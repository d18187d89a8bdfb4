/// Distinguishes a bad record from a general failure: counts the failures of the same entries, but each only when Postgres has committed
/// something else since the previous one. So an outage counts once, however long it lasts and however often it is met.
struct FailureStreak: Sendable {
  /// The number of failures after which entries are isolated.
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

  var hasReachedLimit: Bool { failures >= limit }

  /// Returns whether rows of other entries were committed between the first failure and the last, which shows that their tables work.
  func isProven(by evidence: CommitEvidence) -> Bool { failures > 0 && evidence.batches > first.batches }
}
