@testable import TidemarkCore

/// Redis servers with sessions, whose memory falls when sessions leave. An ``EvictionPlan`` is driven against them on a clock of its own.
struct EvictionWorld {
  struct Server {
    /// The lane of the server's sessions.
    var lane: String
    var sessions: [FoundSession]
    /// The share of memory that is used without sessions, and that of one session.
    var base: Double
    var each: Double

    var memory: Double { base + each * Double(sessions.count) }
  }

  static let installation = InstallationID("installation")
  /// The time on the servers' clock when the plan begins.
  static let start: Int64 = 100_000_000_000
  static let pageSize = 100

  var servers: [Server]
  var idle = Duration.seconds(3_600)
  var isPostgresAway = false
  /// The lanes of other workers.
  var foreign: Set<String> = []

  private(set) var plan: EvictionPlan
  private(set) var elapsed = Duration.zero
  private let origin = ContinuousClock.now
  private var gauges: [String: PressureGauge] = [:]
  /// What happened, in order.
  private(set) var searches = 0
  private(set) var evicted: [String] = []
  private(set) var evictions: [Eviction] = []

  init(_ servers: [Server]) {
    self.servers = servers
    plan = EvictionPlan(now: origin)
  }

  /// A session that was not used for so many seconds when the plan begins.
  static func session(_ id: String, unused: Int, in lane: String = "a", isDurable: Bool = true) -> FoundSession {
    FoundSession(id: id, lane: lane, usedAt: start - Int64(unused) * 1000, isDurable: isDurable)
  }

  private var now: Int64 { Self.start + Int64(elapsed.seconds * 1000) }

  /// What a worker knows whose observer has just measured all servers.
  private mutating func knownFacts() -> EvictionFacts {
    let limits = PressureLimits(slow: .seconds(5), stop: .seconds(60), memory: 0.8)
    for server in servers { gauges[server.lane, default: PressureGauge()].observe(lag: 0, memory: server.memory, limits: limits) }
    let owned = servers.map(\.lane).filter { !foreign.contains($0) }
    return EvictionFacts(
      idle: idle, memoryLimit: limits.memory, owned: Dictionary(uniqueKeysWithValues: owned.map { ($0, Self.installation) }),
      fullLanes: Set(owned.filter { gauges[$0]?.isMemoryFull == true }), isPostgresAway: isPostgresAway)
  }

  /// Does what the plan says for this time. Each piece takes a millisecond.
  mutating func run(for duration: Duration) {
    let end = elapsed + duration
    while elapsed < end {
      let facts = knownFacts()
      let action = plan.next(facts, now: origin + elapsed)
      if case .wait(let moment) = action {
        elapsed = min(end, origin.duration(to: moment))
        continue
      }
      let took = Duration.milliseconds(1)
      elapsed += took
      switch action {
      case .wait: break
      case .search(let place):
        let found = nextPage(after: place)
        plan.found(found, facts, took: took, now: origin + elapsed)
      case .measure(let session):
        let server = servers.first { $0.sessions.contains { $0.id == session } }
        plan.measured(server?.memory, facts, took: took, now: origin + elapsed)
      case .evict(let eviction):
        let count = evict(eviction)
        plan.evicted(count, eviction, took: took, now: origin + elapsed)
      }
    }
  }

  private mutating func nextPage(after place: HotPlace?) -> HotPage {
    if place == nil { searches += 1 }
    let (server, first) = (place?.server ?? 0, place.flatMap { Int($0.cursor) } ?? 0)
    let sessions = servers[server].sessions.dropFirst(first).prefix(Self.pageSize)
    let isLast = first + Self.pageSize >= servers[server].sessions.count
    let next =
      !isLast
      ? HotPlace(server: server, cursor: "\(first + Self.pageSize)")
      : server + 1 < servers.count ? HotPlace(server: server + 1, cursor: "0") : nil
    return HotPage(sessions: Array(sessions), now: now, next: next)
  }

  private mutating func evict(_ eviction: Eviction) -> Int {
    evictions.append(eviction)
    let before = evicted.count
    let (wanted, now) = (Set(eviction.sessions), self.now)
    for server in servers.indices {
      let leaving = Set(
        servers[server].sessions.filter { session in
          wanted.contains(session.id) && session.isDurable && .milliseconds(now - session.usedAt) >= eviction.idle
        }.map(\.id))
      evicted += eviction.sessions.filter(leaving.contains)
      servers[server].sessions.removeAll { leaving.contains($0.id) }
    }
    return evicted.count - before
  }
}
