/// Which servers of Redis can be reached. Of a server that holds no owned lane nothing is kept, because no task would ask it again; while
/// the worker owns no lane, Redis is judged as a whole by a probe.
struct RedisReachability: Sendable {
  /// A server as the last request found it. Each state may follow each other one.
  enum Standing: Sendable, Equatable {
    case reachable
    /// The server answered, and refuses this worker.
    case refused(String)
    /// The server does not answer.
    case away(String, since: ContinuousClock.Instant)

    /// Returns the state after a request. A server that stays away has been away since the first failure.
    func after(_ failure: String?, isAway: Bool, now: ContinuousClock.Instant) -> Standing {
      guard let failure else { return .reachable }
      return isAway ? .away(failure, since: awaySince ?? now) : .refused(failure)
    }

    var reason: String? {
      switch self {
      case .reachable: nil
      case .refused(let reason), .away(let reason, since: _): reason
      }
    }

    var awaySince: ContinuousClock.Instant? {
      if case .away(_, let since) = self { since } else { nil }
    }
  }

  /// The servers that are not reachable.
  private var servers: [LaneServer: Standing] = [:]
  private var withoutLanes = Standing.reachable

  subscript(server: LaneServer) -> Standing { servers[server] ?? .reachable }

  /// Records the result of a request to a server that holds lanes. Returns whether the reason changed.
  mutating func asked(_ server: LaneServer, failed failure: String?, isAway: Bool, now: ContinuousClock.Instant) -> Bool {
    let before = self[server]
    let after = before.after(failure, isAway: isAway, now: now)
    servers[server] = after == .reachable ? nil : after
    return before.reason != after.reason
  }

  /// Records the result of a probe while the worker owns no lane.
  mutating func probed(failed failure: String?, isAway: Bool, now: ContinuousClock.Instant) {
    withoutLanes = withoutLanes.after(failure, isAway: isAway, now: now)
  }

  /// The reasons why lanes can't be read.
  func reasons(of scheduler: borrowing LaneScheduler) -> Set<String> {
    scheduler.lanes.isEmpty ? Set([withoutLanes.reason].compactMap(\.self)) : Set(servers.values.compactMap(\.reason))
  }

  /// Returns Redis as a whole. It is away since the last server went away, while no server with owned lanes can be reached.
  func standing(of scheduler: borrowing LaneScheduler) -> Standing {
    guard !scheduler.lanes.isEmpty else { return withoutLanes }
    var latest: ContinuousClock.Instant?
    for server in scheduler.holdingServers {
      guard let since = self[server].awaySince else { return .reachable }
      latest = latest.map { max($0, since) } ?? since
    }
    return latest.map { .away(reasons(of: scheduler).sorted().joined(separator: "; "), since: $0) } ?? .reachable
  }

  /// Forgets the servers that hold no lane any more.
  ///
  /// - Parameter before: Redis as it was before the worker lost its last lane, which stays known; nil where it owned none.
  mutating func forget(except scheduler: borrowing LaneScheduler, before: Standing?) {
    for server in servers.keys where !scheduler.holdsLanes(server) { servers[server] = nil }
    if !scheduler.lanes.isEmpty {
      withoutLanes = .reachable
    } else if let before, before.awaySince != nil {
      withoutLanes = before
    }
  }
}
