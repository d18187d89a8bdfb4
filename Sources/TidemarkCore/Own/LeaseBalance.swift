/// Decides which shards a worker acquires and which it hands over, so that all workers that can serve have equally many.
///
/// It is a value without I/O and clock. Every worker decides for itself, from a table that may be a moment old. A shard must still be free
/// when it is acquired, and only its holder hands it over. So the same table gives all workers the same shares, and only surplus shards
/// move.
package struct LeaseBalance: Sendable, Equatable {
  /// The free shards to acquire.
  package private(set) var wanted: [Int] = []
  /// The worker's own shards to hand over.
  package private(set) var surplus: [Int] = []

  /// Makes the decision of the worker `me`. A worker that the table does not list has lost its connection since its last renewal; it does
  /// nothing until it has renewed.
  package init(of me: String, in table: LeaseTable) {
    guard table.workers.contains(where: { $0.name == me }) else { return }
    let able = table.workers.filter(\.canServe)
    // Where no worker can serve, the fault is not one worker's, and a hand-over would not help.
    let serving = (able.isEmpty ? table.workers : able).map(\.name).sorted()
    // Busy and idle shards are balanced separately. Otherwise one worker could have all the busy shards and the others only idle ones.
    decide(for: me, table.shards.filter(\.hasLanes), serving)
    decide(for: me, table.shards.filter { !$0.hasLanes }, serving)
  }

  private mutating func decide(for me: String, _ shards: [ShardLease], _ serving: [String]) {
    let held = Dictionary(grouping: shards.filter { !$0.isFree }, by: \.holder).mapValues { $0.map(\.shard).sorted() }
    func count(_ name: String) -> Int { held[name]?.count ?? 0 }
    let share = Self.shares(of: shards.count, serving, count)
    surplus += (held[me] ?? []).dropFirst(share[me] ?? 0)

    // Each worker has its own part of the free shards, so that workers that decide at the same time do not try to acquire the same ones.
    var free = shards.filter(\.isFree).map(\.shard).sorted()[...]
    for name in serving {
      let taken = free.prefix(max(0, share[name, default: 0] - count(name)))
      free = free.dropFirst(taken.count)
      if name == me { wanted += taken }
    }
  }

  /// Returns the number of shards that each worker must hold: an equal part, and one more for as many workers as the division leaves over.
  /// The workers that hold most get the additional ones, because no shard has to move for that; among equals the first by name.
  private static func shares(of shardCount: Int, _ serving: [String], _ held: (String) -> Int) -> [String: Int] {
    let (part, rest) = shardCount.quotientAndRemainder(dividingBy: serving.count)
    let ranked = serving.sorted { (held($1), $0) < (held($0), $1) }
    return Dictionary(uniqueKeysWithValues: ranked.enumerated().map { ($1, part + ($0 < rest ? 1 : 0)) })
  }
}
