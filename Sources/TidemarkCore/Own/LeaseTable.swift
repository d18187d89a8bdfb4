/// All leases of an installation and the workers that live, in one moment of Postgres'.
package struct LeaseTable: Sendable, Equatable {
  package var shards: [ShardLease]
  package var workers: [LiveWorker]

  package init(shards: [ShardLease], workers: [LiveWorker]) {
    self.shards = shards
    self.workers = workers
  }
}
