/// Decides which shards a worker takes and which it hands over, so that all that are able have equally many.
///
/// A value without I/O and clock. Every worker decides for itself, from a table that may be a moment old; what it takes must still be free
/// then, and nobody but itself hands its own shards over. So the same table leads all of them to the same shares, and what moves is
/// only what somebody has too much of.
package struct LeaseBalance: Sendable, Equatable {
  /// Free shards to take.
  package private(set) var wanted: [Int] = []
  /// Shards of one's own to hand over.
  package private(set) var surplus: [Int] = []

  /// The decision of the worker `me`. One that the table does not know has lost its connection since it said that it lives: it does nothing
  /// before it has said so again.
  package init(of me: String, in table: LeaseTable) {
    guard table.workers.contains(where: { $0.name == me }) else { return }
    let able = table.workers.filter(\.canServe)
    // Where nobody is able the fault is nobody's own, and handing over would help nobody.
    let serving = (able.isEmpty ? table.workers : able).map(\.name).sorted()
    // Apart, or one worker could have all the busy shards and the others as many idle ones.
    decide(for: me, table.shards.filter(\.hasLanes), serving)
    decide(for: me, table.shards.filter { !$0.hasLanes }, serving)
  }

  private mutating func decide(for me: String, _ shards: [ShardLease], _ serving: [String]) {
    let held = Dictionary(grouping: shards.filter { !$0.isFree }, by: \.holder).mapValues { $0.map(\.shard).sorted() }
    func count(_ name: String) -> Int { held[name]?.count ?? 0 }
    let share = Self.shares(of: shards.count, serving, count)
    surplus += (held[me] ?? []).dropFirst(share[me] ?? 0)

    // Side by side, so that workers that look at the same time do not reach for the same shards.
    var free = shards.filter(\.isFree).map(\.shard).sorted()[...]
    for name in serving {
      let taken = free.prefix(max(0, share[name, default: 0] - count(name)))
      free = free.dropFirst(taken.count)
      if name == me { wanted += taken }
    }
  }

  /// What each worker shall hold: an equal part, and one more for as many as the division leaves over. Those that hold most have that one
  /// more, because nothing has to move for it; among equals the first by name.
  private static func shares(of shardCount: Int, _ serving: [String], _ held: (String) -> Int) -> [String: Int] {
    let (part, rest) = shardCount.quotientAndRemainder(dividingBy: serving.count)
    let ranked = serving.sorted { (held($1), $0) < (held($0), $1) }
    return Dictionary(uniqueKeysWithValues: ranked.enumerated().map { ($1, part + ($0 < rest ? 1 : 0)) })
  }
}
