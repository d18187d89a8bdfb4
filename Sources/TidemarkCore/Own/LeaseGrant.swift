/// What a worker holds.
package struct LeaseGrant: Sendable, Equatable {
  /// Shards and the fencing token of each lease.
  package var shards: [Int: Int64]

  package init(shards: [Int: Int64] = [:]) {
    self.shards = shards
  }

  package func with(_ others: LeaseGrant) -> LeaseGrant {
    LeaseGrant(shards: shards.merging(others.shards) { $1 })
  }

  /// Shards that one of the two holds and the other does not, or under another fencing token.
  package func changes(from other: LeaseGrant) -> Set<Int> {
    Set(shards.keys).union(other.shards.keys).filter { shards[$0] != other.shards[$0] }
  }
}
