import Testing
import TidemarkTestKit

@testable import TidemarkCore

/// Leases as Postgres keeps them, and workers that read the table and act on it a while later.
private struct World {
  var table: LeaseTable
  /// The tables that workers have read and not acted on yet.
  var seen: [String: LeaseTable] = [:]
  var handedOver = 0
  var taken = 0
  var problems: [String] = []

  var names: [String] { table.workers.map(\.name) }

  func held(_ name: String, hasLanes: Bool? = nil) -> [Int] {
    table.shards.filter { $0.holder == name && !$0.isFree && (hasLanes == nil || $0.hasLanes == hasLanes) }.map(\.shard)
  }

  mutating func observe(_ name: String) { seen[name] = table }

  /// Lets a worker act as in Postgres: acquires shards that are still free, and releases shards that it still holds.
  mutating func act(_ name: String) {
    guard let view = seen.removeValue(forKey: name), names.contains(name) else { return }
    let balance = LeaseBalance(of: name, in: view)
    for index in balance.wanted where table.shards[index].isFree {
      table.shards[index].holder = name
      table.shards[index].isFree = false
      taken += 1
    }
    for index in balance.surplus where table.shards[index].holder == name && !table.shards[index].isFree {
      table.shards[index].holder = nil
      table.shards[index].isFree = true
      handedOver += 1
    }
    let serving = Self.serving(view).count
    for hasLanes in [true, false] where balance.wanted.contains(where: { view.shards[$0].hasLanes == hasLanes }) {
      let most = (view.shards.count { $0.hasLanes == hasLanes } + serving - 1) / serving
      let mine = view.shards.count { $0.hasLanes == hasLanes && $0.holder == name && !$0.isFree }
      let more = balance.wanted.count { view.shards[$0].hasLanes == hasLanes }
      if mine + more > most { problems.append("\(name) takes \(more) beside \(mine) of at most \(most)") }
    }
  }

  mutating func remove(_ name: String, givesBack: Bool) {
    table.workers.removeAll { $0.name == name }
    for index in table.shards.indices where table.shards[index].holder == name {
      if givesBack { table.shards[index].holder = nil }
      table.shards[index].isFree = true
    }
  }

  static func serving(_ table: LeaseTable) -> [LiveWorker] {
    let able = table.workers.filter(\.canServe)
    return able.isEmpty ? table.workers : able
  }

  /// The workers that do not hold an equal part, for either kind of shard.
  var imbalances: [String] {
    var found: [String] = []
    let serving = Self.serving(table)
    for hasLanes in [true, false] {
      let count = table.shards.count { $0.hasLanes == hasLanes }
      for worker in table.workers {
        let mine = held(worker.name, hasLanes: hasLanes).count
        let isServing = serving.contains(worker)
        let allowed = isServing ? count / serving.count...(count + serving.count - 1) / serving.count : 0...0
        if !allowed.contains(mine) { found.append("\(worker.name) holds \(mine), not \(allowed)") }
      }
    }
    if table.shards.contains(where: \.isFree) { found.append("a shard is free") }
    return found
  }

  /// Lets workers act until no shard moves any more. Returns the number of rounds.
  mutating func settle(_ order: (inout [String]) -> Void, atOnce: Bool) -> Int {
    for round in 0..<10 {
      let before = handedOver + taken
      var names = names
      order(&names)
      if atOnce {
        for name in names { observe(name) }
        for name in names { act(name) }
      } else {
        for name in names {
          observe(name)
          act(name)
        }
      }
      if handedOver + taken == before { return round }
    }
    return 10
  }
}

@Suite struct LeaseBalanceModelTests {
  @Test(arguments: 0..<200) func `shares are equal within three rounds after workers come, go or fail, and then no shard moves`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let count = 1 + random.below(64)
    var world = World(
      table: LeaseTable(
        shards: (0..<count).map { ShardLease(shard: $0, holder: nil, isFree: true, hasLanes: random.chance(30)) }, workers: []))
    var born = 0
    for _ in 0..<300 {
      let name = world.names.randomElement(using: &random)
      switch random.below(100) {
      case 0..<8:
        born += 1
        world.table.workers.append(LiveWorker(name: "w\(random.below(1_000))-\(born)", canServe: random.chance(80)))
      case 8..<12: if let name { world.remove(name, givesBack: true) }
      case 12..<15: if let name { world.remove(name, givesBack: false) }
      case 15..<20:
        if let index = world.table.workers.indices.randomElement(using: &random) { world.table.workers[index].canServe.toggle() }
      case 20..<25: world.table.shards[random.below(count)].hasLanes = true
      case 25..<60: if let name { world.observe(name) }
      default: if let name { world.act(name) }
      }
    }
    if world.table.workers.isEmpty { world.table.workers = [LiveWorker(name: "last", canServe: true)] }
    // Some workers act on tables that they read before the changes ended.
    for name in world.names where random.chance(50) { world.act(name) }
    let rounds = world.settle({ $0.shuffle(using: &random) }, atOnce: random.chance(50))
    #expect(rounds <= 3, "seed \(seed)")
    #expect(world.imbalances == [], "seed \(seed)")
    #expect(world.problems == [], "seed \(seed)")
  }

  @Test func `from every division of five shards among three workers the shares become equal with the fewest moves`() {
    let names = ["A", "B", "C"]
    for able in 0..<8 {
      let workers = names.enumerated().map { LiveWorker(name: $1, canServe: able & 1 << $0 != 0) }
      for division in 0..<1_024 {
        let holders = (0..<5).map { division >> (2 * $0) & 3 }
        let shards = holders.enumerated().map { number, holder in
          ShardLease(shard: number, holder: holder < 3 ? names[holder] : nil, isFree: holder == 3, hasLanes: true)
        }
        for atOnce in [true, false] {
          var world = World(table: LeaseTable(shards: shards, workers: workers))
          let serving = World.serving(world.table).map(\.name)
          let most = 5 / serving.count + (5 % serving.count > 0 ? 1 : 0)
          // The fewest moves are all shards beyond one more than an equal part, and the ones of those workers that have one more than their
          // number allows.
          let mine = names.map { (name: $0, held: world.held($0).count) }
          let beyond = mine.reduce(0) { $0 + max(0, $1.held - (serving.contains($1.name) ? most : 0)) }
          let withMost = mine.count { serving.contains($0.name) && $0.held >= most }
          let tooMany = 5 % serving.count > 0 ? max(0, withMost - 5 % serving.count) : 0
          let rounds = world.settle({ _ in }, atOnce: atOnce)
          guard rounds <= 3, world.imbalances.isEmpty, world.problems.isEmpty, world.handedOver == beyond + tooMany else {
            Issue.record("\(holders) with \(workers), at once: \(atOnce)")
            Issue.record("\(rounds) rounds, \(world.imbalances), \(world.problems), \(world.handedOver) handed over")
            return
          }
        }
      }
    }
  }
}
