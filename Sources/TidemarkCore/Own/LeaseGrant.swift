/// The leases that a worker holds.
package struct LeaseGrant: Sendable, Equatable {
  /// The shards, with the fencing token of each lease.
  package var shards: [Int: Int64]

  package init(shards: [Int: Int64] = [:]) {
    self.shards = shards
  }

  package func with(_ others: LeaseGrant) -> LeaseGrant {
    LeaseGrant(shards: shards.merging(others.shards) { $1 })
  }

  /// Returns the shards that only one of the two grants has, or that they have under different fencing tokens.
  package func changes(from other: LeaseGrant) -> Set<Int> {
    Set(shards.keys).union(other.shards.keys).filter { shards[$0] != other.shards[$0] }
  }
}
