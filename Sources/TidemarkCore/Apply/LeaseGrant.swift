/// What a worker holds after asking for leases.
package struct LeaseGrant: Sendable, Equatable {
  /// Shards and the fencing token of each lease.
  package var shards: [Int: Int64]

  package init(shards: [Int: Int64]) {
    self.shards = shards
  }
}
