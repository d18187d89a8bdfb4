/// The lease of one shard, as Postgres sees it.
package struct ShardLease: Sendable, Equatable {
  package var shard: Int
  /// Who took it last, and did not give it back.
  package var holder: String?
  /// Whether anybody may take it, by Postgres' clock and by what Postgres knows of the holder's connection.
  package var isFree: Bool
  package var hasLanes: Bool

  package init(shard: Int, holder: String?, isFree: Bool, hasLanes: Bool) {
    self.shard = shard
    self.holder = holder
    self.isFree = isFree
    self.hasLanes = hasLanes
  }
}
