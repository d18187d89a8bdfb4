/// The lease of one shard, as Postgres sees it.
package struct ShardLease: Sendable, Equatable {
  package var shard: Int
  /// The worker that acquired the shard last and has not released it.
  package var holder: String?
  /// Whether any worker may acquire the shard, by Postgres' clock and by what Postgres knows of the holder's connection.
  package var isFree: Bool
  package var hasLanes: Bool

  package init(shard: Int, holder: String?, isFree: Bool, hasLanes: Bool) {
    self.shard = shard
    self.holder = holder
    self.isFree = isFree
    self.hasLanes = hasLanes
  }
}
