import Testing

@testable import TidemarkCore

/// Which sessions leave because a server has reached `pressure.memory`.
@Suite struct MemoryReliefTests {
  /// Sessions that were not used for 61 seconds and longer, in no order.
  private static func sessions(_ count: Int, in lane: String = "a", seed: UInt64 = 1) -> [FoundSession] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { EvictionWorld.session("\(lane)\($0)", unused: 61 + $0, in: lane) }.shuffled(using: &random)
  }

  private static func server(_ sessions: [FoundSession], base: Double = 0.5005, each: Double = 0.001) -> EvictionWorld.Server {
    EvictionWorld.Server(lane: sessions.first?.lane ?? "a", sessions: sessions, base: base, each: each)
  }

  /// The names of the sessions of a lane that are oldest, oldest first.
  private static func oldest(_ count: Int, of total: Int, in lane: String = "a") -> [String] {
    (0..<count).map { "\(lane)\(total - 1 - $0)" }
  }

  @Test func `the oldest leave first, and not many more than must until agents may write again`() {
    var world = EvictionWorld([Self.server(Self.sessions(300))])
    world.run(for: .seconds(20))
    // Fifty-one have to leave until memory is five points below the limit, and portions of 10, 20 and 40 cover them.
    #expect(world.evicted == Self.oldest(70, of: 300))
    #expect(world.evictions.allSatisfy { $0.reason == .memory && $0.idle == .seconds(60) && $0.installation == EvictionWorld.installation })
    #expect(world.evictions.map(\.sessions.count) == [10, 20, 40])
  }

  @Test func `below the limit nothing leaves`() {
    var world = EvictionWorld([Self.server(Self.sessions(299))])
    world.run(for: .seconds(200))
    #expect(world.evicted == [] && world.searches > 3)
  }

  @Test func `a session in use and one that is not durable stay, however short memory is`() {
    var sessions = Self.sessions(300)
    sessions.insert(EvictionWorld.session("used", unused: 30), at: 100)
    sessions.insert(EvictionWorld.session("not durable", unused: 3_000, isDurable: false), at: 200)
    sessions.insert(EvictionWorld.session("not durable and idle", unused: 30_000, isDurable: false), at: 200)
    var world = EvictionWorld([Self.server(sessions, base: 0.9)])
    world.run(for: .seconds(20))
    #expect(world.evicted == Self.oldest(300, of: 300))
    #expect(world.servers[0].sessions.map(\.id) == ["used", "not durable and idle", "not durable"])
    #expect(!world.evictions.contains { $0.sessions.contains { $0.hasPrefix("not durable") } })
    world.run(for: .seconds(40))
    #expect(world.evicted.last == "used")
  }

  @Test func `where sessions may leave earlier, they leave no later for lack of memory`() {
    var world = EvictionWorld([Self.server([EvictionWorld.session("s", unused: 20)], base: 0.9)])
    world.idle = .seconds(10)
    world.run(for: .seconds(1))
    #expect(world.evictions.map(\.reason) == [.idle] && world.evictions.map(\.idle) == [.seconds(10)])
  }

  @Test func `only a full server's sessions leave, each server's until it has room`() {
    let servers = [
      Self.server(Self.sessions(100, in: "a"), base: 0.75), Self.server(Self.sessions(100, in: "b"), base: 0.67),
      Self.server(Self.sessions(100, in: "c"), base: 0.715),
    ]
    var world = EvictionWorld(servers)
    world.run(for: .seconds(20))
    #expect(world.evicted == Self.oldest(100, of: 100, in: "a") + Self.oldest(70, of: 100, in: "c"))
  }

  @Test func `another worker's sessions are left to it`() {
    var world = EvictionWorld([Self.server(Self.sessions(100, in: "a"), base: 0.9), Self.server(Self.sessions(100, in: "b"), base: 0.9)])
    world.foreign = ["a"]
    world.run(for: .seconds(20))
    #expect(world.evicted == Self.oldest(100, of: 100, in: "b"))
  }

  @Test func `sessions that can't all be remembered leave over several searches that follow at once`() {
    let count = MemoryRelief.capacity + 2_000
    var world = EvictionWorld([Self.server(Self.sessions(count), base: 0.9, each: 0)])
    world.idle = .seconds(86_400)
    world.run(for: .seconds(5))
    let isInOrder = world.evicted == Self.oldest(count, of: count)
    #expect(isInOrder && world.searches == 2, "\(world.evicted.count) left in \(world.searches) searches")
  }

  @Test func `a search that can't free enough is repeated after a while only`() {
    var world = EvictionWorld([Self.server(Self.sessions(100), base: 0.9)])
    world.run(for: .seconds(14))
    #expect(world.searches == 1 && world.evicted.count == 100)
    world.run(for: .seconds(16))
    #expect(world.searches == 2)
  }

  @Test func `what a search found before memory became short is not evicted, but a new search begins at once`() {
    var world = EvictionWorld([Self.server(Self.sessions(300), base: 0.4)])
    // Pages are a fiftieth of a second apart: two of three were found.
    world.run(for: .milliseconds(30))
    #expect(world.evicted == [] && world.searches == 1)
    world.servers[0].base = 0.5005
    world.run(for: .seconds(1))
    #expect(world.evicted == Self.oldest(70, of: 300))
    #expect(world.searches == 2)
  }

  @Test func `memory that becomes short between two searches begins one at once`() {
    var world = EvictionWorld([Self.server(Self.sessions(300), base: 0.4)])
    world.run(for: .seconds(10))
    #expect(world.evicted == [] && world.searches == 1)
    world.servers[0].base = 0.5005
    world.run(for: .seconds(1))
    #expect(world.evicted == Self.oldest(70, of: 300))
  }

  @Test func `without tiering nothing leaves, and nothing while Postgres is away`() {
    var world = EvictionWorld([Self.server(Self.sessions(300), base: 0.9)])
    world.idle = .zero
    world.run(for: .seconds(200))
    #expect(world.searches == 0)
    world.idle = .seconds(3_600)
    world.isPostgresAway = true
    world.run(for: .seconds(200))
    #expect(world.searches == 0)
    world.isPostgresAway = false
    world.run(for: .seconds(1))
    #expect(world.evicted == Self.oldest(300, of: 300))
  }

  @Test func `memory that is not known, or has no limit, makes nothing leave`() {
    var relief = MemoryRelief()
    relief.found(EvictionWorld.session("s", unused: 100))
    #expect(relief.next() == .measure(beside: "s"))
    relief.measured(nil, limit: 0.8)
    #expect(relief.next() == .done)
    relief.measured(0.75, limit: 0.8)
    #expect(relief.next() == .evict([EvictionWorld.session("s", unused: 100)]))
    #expect(relief.next() == .done)
  }
}
