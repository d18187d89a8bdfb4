internal import TidemarkCore

/// Decides whether a worker is ready, and gives the reasons if it is not.
///
/// Ready means that both servers answer, the schema fits, this worker's leases are current, agents receive durable marks, every lane that
/// the worker may serve is served, none of its lanes is halted, and no lane of the installation has been without an owner for longer than a
/// handover takes. A paused lane does not count, because an operator has paused it; a lane that waits for a server is covered by that
/// server's reason.
struct Readiness: Sendable {
  struct UnownedLanes: Sendable, Equatable {
    var count: Int
    /// The names of the first of these lanes.
    var names: [String]
  }

  /// The problem of Redis; nil if there is none.
  var redisProblem: String?
  var postgresProblem: String?
  var schemaProblem: String?
  /// The worker's status; nil if the worker did not answer in time.
  var worker: WorkerStatus?
  var unowned: UnownedLanes?
  var leaseTTL: Duration
  /// The time that the worker had to answer.
  var patience: Duration

  /// The reasons why the worker is not ready, one line each; empty when it is ready.
  var reasons: [String] {
    var reasons: [String] = []
    if worker?.isDraining == true { reasons.append("worker: it is stopping; another worker acquires its lanes") }
    if let redisProblem {
      reasons.append(redisProblem)
    } else if let error = worker?.redisError {
      reasons.append("redis: the lanes can't be read: \(error)")
    }
    if let problem = postgresProblem ?? schemaProblem { reasons.append(problem) }
    guard let worker else {
      return reasons + ["worker: it has not answered within \(patience.components.seconds) s; its log may show the reason"]
    }
    if let problem = Self.leaseProblem(worker.leaseAge, leaseTTL) { reasons.append(problem) }
    // An outage explains the remaining problems, so they are left out.
    guard postgresProblem == nil, schemaProblem == nil, redisProblem == nil else { return reasons }
    if let error = worker.leaseError { reasons.append("leases: lanes can't be acquired or shared: \(error)") }
    if let error = worker.marksError, worker.redisError == nil {
      reasons.append("marks: durable marks can't be published: \(error)")
    }
    reasons += worker.acquisitionErrors.map { "lanes: they can't be acquired: \($0)" }
    reasons += Self.halted(worker.lanes)
    if let unowned, unowned.count > 0 {
      reasons.append(
        "lanes: \(Self.named(unowned.count, unowned.names)) had no owner for longer than \(Int((leaseTTL * 2).seconds.rounded(.up))) s; "
          + "start workers, or see in their logs why they acquire no lanes")
    }
    return reasons
  }

  /// Returns one reason for all lanes that are halted with one error.
  private static func halted(_ lanes: [LaneStatus]) -> [String] {
    let halted = Dictionary(grouping: lanes.filter { $0.state == .halted }) {
      [$0.lastError, $0.hint].compactMap(\.self).joined(separator: "; ")
    }
    return halted.sorted { $0.key < $1.key }.map { reason, lanes in
      "lanes: \(named(lanes.count, lanes.map(\.record.name))) halted: \(reason)"
    }
  }

  /// Returns `a`, `3 lanes (a, b, c)` or `70 lanes (a, b, c, ...)`.
  private static func named(_ count: Int, _ names: [String]) -> String {
    guard count > 1 else { return names.first ?? "a lane" }
    return "\(count) lanes (\(names.prefix(3).joined(separator: ", "))\(count > 3 ? ", ..." : ""))"
  }

  /// Returns the problem of the leases; nil while they are current.
  static func leaseProblem(_ age: Duration?, _ ttl: Duration) -> String? {
    guard let age else { return "leases: this worker has not reached PostgreSQL for its leases yet; its log shows the reason" }
    guard age >= ttl else { return nil }
    return "leases: renewed \(StatusTable.seconds(age.seconds)) s ago, longer than lease.ttl of \(StatusTable.seconds(ttl.seconds)) s: "
      + "another worker may have acquired the lanes; the log shows the reason; for a slow PostgreSQL raise lease.ttl"
  }
}
