internal import TidemarkCore
internal import TidemarkEngine

/// Decides whether a worker is ready, and why not.
///
/// Ready means that this worker does what it is there for: both servers answer, the schema fits, its leases are current, agents are told
/// what is durable, every lane that it may serve is served, none of its lanes is halted, and no lane of the installation has been without an owner for longer than a hand-over
/// takes. A lane that an operator has paused does what it is told, and one that waits for a server has that server as the reason.
struct Readiness: Sendable {
  struct UnownedLanes: Sendable, Equatable {
    var count: Int
    /// The first of them.
    var names: [String]
  }

  /// What a server's probe says; nil: it is as it must be.
  var redisProblem: String?
  var postgresProblem: String?
  var schemaProblem: String?
  /// Nil where the worker has not answered in time.
  var worker: WorkerStatus?
  var unowned: UnownedLanes?
  var leaseTTL: Duration
  /// For how long the worker was asked.
  var patience: Duration

  /// Why the worker is not ready, each in one line; empty when it is.
  var reasons: [String] {
    var reasons: [String] = []
    if worker?.isDraining == true { reasons.append("worker: it is stopping; another one takes over") }
    if let redisProblem {
      reasons.append(redisProblem)
    } else if let error = worker?.redisError {
      reasons.append("redis: the lanes can't be read: \(error)")
    }
    if let problem = postgresProblem ?? schemaProblem { reasons.append(problem) }
    guard let worker else {
      return reasons + ["worker: it has not answered within \(patience.components.seconds) s; its log may say why"]
    }
    if let problem = Self.leaseProblem(worker.leaseAge, leaseTTL) { reasons.append(problem) }
    // What an outage explains needs no second reason.
    guard postgresProblem == nil, schemaProblem == nil, redisProblem == nil else { return reasons }
    if let error = worker.leaseError { reasons.append("leases: lanes can't be taken or shared: \(error)") }
    if let error = worker.marksError, worker.redisError == nil {
      reasons.append("marks: agents can't be told what is durable: \(error)")
    }
    reasons += worker.acquisitionErrors.map { "lanes: they can't be taken up: \($0)" }
    reasons += Self.halted(worker.lanes)
    if let unowned, unowned.count > 0 {
      reasons.append(
        "lanes: \(Self.named(unowned.count, unowned.names)) had no owner for longer than \(Int((leaseTTL * 2).seconds.rounded(.up))) s; "
          + "start workers, or see in their logs why they take no lanes")
    }
    return reasons
  }

  /// One reason for all lanes that are halted for the same one.
  private static func halted(_ lanes: [LaneStatus]) -> [String] {
    let halted = Dictionary(grouping: lanes.filter { $0.state == .halted }) {
      [$0.lastError, $0.hint].compactMap(\.self).joined(separator: "; ")
    }
    return halted.sorted { $0.key < $1.key }.map { reason, lanes in
      "lanes: \(named(lanes.count, lanes.map(\.record.name))) halted: \(reason)"
    }
  }

  /// As `a`, `3 lanes (a, b, c)` or `70 lanes (a, b, c, ...)`.
  private static func named(_ count: Int, _ names: [String]) -> String {
    guard count > 1 else { return names.first ?? "a lane" }
    return "\(count) lanes (\(names.prefix(3).joined(separator: ", "))\(count > 3 ? ", ..." : ""))"
  }

  /// Nil while the leases are current.
  static func leaseProblem(_ age: Duration?, _ ttl: Duration) -> String? {
    guard let age else { return "leases: this worker has not reached PostgreSQL for its leases yet; its log says why" }
    guard age >= ttl else { return nil }
    return "leases: renewed \(StatusTable.seconds(age.seconds)) s ago, longer than lease.ttl of \(StatusTable.seconds(ttl.seconds)) s: "
      + "another worker may have taken the lanes; the log says why, a slow PostgreSQL wants a longer lease.ttl"
  }
}
