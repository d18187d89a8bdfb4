internal import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// Holds a prefix in Redis and a ledger in Postgres together: compares their ids, and claims a Redis that bears none.
///
/// ``ClaimVerdict`` decides. An actor, because what the worker confirmed last belongs to its next decision.
package actor InstallationClaim {
  /// How long a Redis without a claim is left to workers that are connected to it: one whose claim was flushed puts it back within a second.
  private static let patience = Duration.milliseconds(2_500)

  private let sink: PostgresSink
  private let configuration: RedisConfiguration
  private let keyspace: RedisKeyspace
  private let prefix: String
  private let schema: String
  private let partitions: Int
  private let worker: String?
  private let within: Duration
  /// The claims that both servers held when they were compared: a new one with every Redis that was emptied.
  private var confirmed: Set<String> = []

  /// Connects nothing yet.
  ///
  /// - Parameters:
  ///   - worker: the worker that asks; nil for a command.
  ///   - within: how long ago another worker must have been heard of to count as serving: `lease.ttl`.
  package init(
    sink: PostgresSink, redis: RedisConfiguration, schema: String, prefix: String, partitions: Int, worker: String?, within: Duration
  ) {
    self.sink = sink
    configuration = redis
    keyspace = RedisKeyspace(redis, name: worker == nil ? "tidemark-check" : RedisPrefix.connectionName(ofWorkersOf: prefix))
    self.prefix = prefix
    self.schema = schema
    self.partitions = partitions
    self.worker = worker
    self.within = within
  }

  package func close() async { await keyspace.close() }

  /// Compares both servers, and claims Redis where that is allowed.
  ///
  /// - Parameter areMarksForeign: marks bear another installation's id. Where the claim is ours they follow it: they are left from somebody who
  ///   had the prefix in between.
  /// - Throws: ``ClaimVerdict/Refusal``, or what kept it from comparing; ``finding(of:)`` says it to people.
  package func confirm(isAdopting: Bool = false, areMarksForeign: Bool = false) async throws {
    var hasWaited = false
    // Who is overtaken by another one finds what that one wrote when it compares again.
    for _ in 0..<4 {
      guard let ledger = try await sink.installation(askedBy: worker, within: within) else { throw Missing() }
      switch judge(ledger, try await redis.claim(partitions: partitions), isAdopting) {
      case .held:
        if let claim = ledger.claim { confirmed.insert(claim) }
        if isAdopting || areMarksForeign { try await redis.relabel(ledger.id, partitions) }
        return
      case .refused(let refusal): throw refusal
      case .take:
        if !hasWaited, !isAdopting, try await othersMayClaim() {
          hasWaited = true
          try await Task.sleep(for: Self.patience)
        } else if try await take(isAdopting) {
          return
        }
      }
    }
    throw SinkError(.fault(.world), "the prefix \(prefix) was claimed by others at the same moment; try again")
  }

  /// Whether workers are connected that may be about to claim this Redis again. One that has found its claim here before is such a worker itself.
  private func othersMayClaim() async throws -> Bool {
    guard confirmed.isEmpty else { return false }
    guard let workers = try await redis.workers() else { return true }
    return workers > (worker == nil ? 0 : 1)
  }

  /// Throws what ``confirm(isAdopting:)`` would refuse, and changes nothing. Where `migrate` has not made the installation, it is judged as
  /// the new one that it will be.
  func admit(isAdopting: Bool) async throws {
    let ledger =
      try await sink.installation(askedBy: worker, within: within)
      ?? InstallationRecord(id: .unknown, prefix: prefix, partitions: partitions, claim: nil, servedBy: nil)
    if case .refused(let refusal) = judge(ledger, try await redis.claim(partitions: partitions), isAdopting) { throw refusal }
  }

  /// What a comparison finds. Changes nothing.
  package func findings() async -> [Finding] {
    do {
      guard let ledger = try await sink.installation(askedBy: worker, within: within) else { throw Missing() }
      switch judge(ledger, try await redis.claim(partitions: partitions), false) {
      case .held: return [Finding(.ok, "redis.prefix", "\(prefix) and the schema \(schema) are the installation \(ledger.id)")]
      case .refused(let refusal): throw refusal
      case .take:
        return [
          Finding(
            .warning, "redis.prefix", "the prefix \(prefix) is not claimed for the schema \(schema) in this Redis",
            hint: "where that is unexpected, look whether redis.url is right; the next `run` or `migrate` claims it")
        ]
      }
    } catch {
      return [finding(of: error)]
    }
  }

  /// The installation was never made in this ledger.
  private struct Missing: Error {}

  /// Says an error of this type to people.
  package nonisolated func finding(of error: any Error) -> Finding {
    switch error {
    case let refusal as ClaimVerdict.Refusal: Finding(refusal, prefix: prefix, schema: schema, partitions: partitions)
    case is Missing:
      Finding(.problem, "postgres.schema", "the schema \(schema) has no installation", hint: "run `tidemark migrate`")
    case let error as RedisError: RedisCheck.finding(error, configuration, prefix: prefix)
    case let error as SinkError:
      Finding(error.kind == .fault(.world) ? .unreachable : .problem, "postgres", error.description, hint: error.hint)
    default: Finding(.problem, "redis.prefix", "\(error)")
    }
  }

  private var redis: RedisPrefix { RedisPrefix(prefix, in: keyspace) }

  private func judge(_ ledger: InstallationRecord, _ claim: PrefixClaim, _ isAdopting: Bool) -> ClaimVerdict {
    ClaimVerdict(ledger, claim, prefix: prefix, partitions: partitions, confirmed: confirmed, isAdopting: isAdopting)
  }

  /// Judges again while the ledger's row is locked, then writes. False where another one came first.
  private func take(_ isAdopting: Bool) async throws -> Bool {
    let (redis, prefix, schema, partitions, confirmed) = (redis, prefix, schema, partitions, confirmed)
    let taken = try await sink.claim(by: worker, within: within, prefix: prefix) { ledger, claim in
      let held = try await redis.claim(partitions: partitions)
      let verdict = ClaimVerdict(ledger, held, prefix: prefix, partitions: partitions, confirmed: confirmed, isAdopting: isAdopting)
      guard verdict == .take else { return false }
      return try await redis.write(
        PrefixClaim(installation: ledger.id, claim: claim, schema: schema, partitions: ledger.partitions), over: held)
    }
    guard let taken else { return false }
    self.confirmed.insert(taken)
    return true
  }
}
