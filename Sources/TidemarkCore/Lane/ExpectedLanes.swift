/// Lanes of patterns that must be acquired although discovery may not find their streams: those that the ledger knows when a shard is
/// acquired, and those that were released while the shard stayed.
///
/// A lane is removed when it is owned or set aside, or when its shard is released; so the collection holds only lanes on their way to one
/// of these states.
package struct ExpectedLanes: Sendable {
  private var shards: [String: Int] = [:]
  /// The fencing tokens under which the ledger was asked for a shard's lanes.
  private var recalled: [Int: Int64] = [:]

  package init() {}

  package var names: some Collection<String> { shards.keys }

  /// Returns the shards whose lanes were not read from the ledger since they were acquired.
  package func unknown(of grant: LeaseGrant) -> [Int] {
    grant.shards.filter { recalled[$0.key] != $0.value }.map(\.key).sorted()
  }

  /// Forgets what was read from the ledger, because the ledger may be an older one now.
  package mutating func recallAgain() { recalled = [:] }

  /// Records that the lanes of these shards were read from the ledger under these fencing tokens.
  package mutating func recalled(_ grant: LeaseGrant) {
    recalled.merge(grant.shards) { $1 }
  }

  package func contains(_ lane: String) -> Bool { shards[lane] != nil }

  package mutating func insert(_ lane: String, of shard: Int) { shards[lane] = shard }

  package mutating func remove(_ lane: String) { shards[lane] = nil }

  /// Removes the lanes of shards that were released, or that are held under other fencing tokens.
  package mutating func forget(_ changed: Set<Int>) {
    shards = shards.filter { !changed.contains($0.value) }
    for shard in changed { recalled[shard] = nil }
  }
}
