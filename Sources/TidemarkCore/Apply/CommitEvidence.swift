/// Counts what this worker knows Postgres to have committed so far. Two values are compared: a difference shows that Postgres was working
/// in between.
package struct CommitEvidence: Sendable, Equatable {
  /// The number of transactions that applied entries, of any writer and lane, and of dry runs that could have.
  package var batches = 0
  /// The number of renewals of the leases. They write and commit on the same server, so it is up and accepts writes; they say nothing about
  /// the tables to which entries go.
  package var renewals = 0

  package init(batches: Int = 0, renewals: Int = 0) {
    self.batches = batches
    self.renewals = renewals
  }

  var commits: Int { batches + renewals }
}
