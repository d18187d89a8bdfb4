/// All leases of an installation and its live workers, at one moment of Postgres' clock.
package struct LeaseTable: Sendable, Equatable {
  package var shards: [ShardLease]
  package var workers: [LiveWorker]

  package init(shards: [ShardLease], workers: [LiveWorker]) {
    self.shards = shards
    self.workers = workers
  }
}
