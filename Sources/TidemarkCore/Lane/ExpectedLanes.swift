/// Lanes of patterns that are to be taken up although discovery may not find their streams: those that the ledger knows when a shard is taken,
/// and those that were released while the shard stayed.
///
/// A lane leaves when it is owned or set aside, or when its shard is given up; so this holds only what is on its way to one of them.
package struct ExpectedLanes: Sendable {
  private var shards: [String: Int] = [:]
  /// The fencing tokens under which the ledger was asked for a shard's lanes.
  private var recalled: [Int: Int64] = [:]

  package init() {}

  package var names: some Collection<String> { shards.keys }

  /// Shards of which the ledger was not asked since they were taken.
  package func unknown(of grant: LeaseGrant) -> [Int] {
    grant.shards.filter { recalled[$0.key] != $0.value }.map(\.key).sorted()
  }

  /// The ledger may be an older one: what it was asked for before says nothing of what it knows now.
  package mutating func recallAgain() { recalled = [:] }

  /// The ledger was asked under these fencing tokens.
  package mutating func recalled(_ grant: LeaseGrant) {
    recalled.merge(grant.shards) { $1 }
  }

  package func contains(_ lane: String) -> Bool { shards[lane] != nil }

  package mutating func insert(_ lane: String, of shard: Int) { shards[lane] = shard }

  package mutating func remove(_ lane: String) { shards[lane] = nil }

  /// These shards were given up, or are held under other fencing tokens.
  package mutating func forget(_ changed: Set<Int>) {
    shards = shards.filter { !changed.contains($0.value) }
    for shard in changed { recalled[shard] = nil }
  }
}
