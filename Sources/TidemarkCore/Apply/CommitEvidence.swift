/// What this worker knows Postgres to have committed so far. Only comparing two of them says something: that Postgres was at work in
/// between.
package struct CommitEvidence: Sendable, Equatable {
  /// Transactions that applied entries, whichever writer and lane, and rehearsals that could have.
  package var batches = 0
  /// Renewals of the leases: they write and commit on the same server, so it is up and takes writes. They say nothing of the tables
  /// that entries go to.
  package var renewals = 0

  package init(batches: Int = 0, renewals: Int = 0) {
    self.batches = batches
    self.renewals = renewals
  }

  var commits: Int { batches + renewals }
}
