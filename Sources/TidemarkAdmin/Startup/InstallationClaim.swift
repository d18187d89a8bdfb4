internal import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// Binds a prefix in Redis to a ledger in Postgres: compares their ids, and claims a Redis that has no claim.
///
/// ``ClaimVerdict`` decides. This type is an actor, because the last confirmed claim affects the next decision.
package actor InstallationClaim {
  /// The time for which a Redis without a claim is left to the workers that are connected to it: a worker whose claim was flushed restores
  /// it within a second.
  private static let patience = Duration.milliseconds(2_500)

  private let sink: PostgresSink
  private let configuration: RedisConfiguration
  private let keyspace: RedisKeyspace
  private let prefix: String
  private let schema: String
  private let partitions: Int
  private let worker: String?
  private let within: Duration
  /// The claims that both servers held when they were compared. Every Redis that was emptied gets a new claim.
  private var confirmed: Set<String> = []

  /// Creates the claim and opens no connection.
  ///
  /// - Parameters:
  /// - worker: the worker that asks; nil for a command.
  /// - within: the time since another worker's last sign of life within which it counts as serving: `lease.ttl`.
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

  /// Compares both servers, and claims Redis if that is allowed.
  ///
  /// - Parameter areMarksForeign: the marks have another installation's id. If the claim is this installation's, they get its id, because
  ///   they are left over from an installation that held the prefix in between.
  /// - Throws: ``ClaimVerdict/Refusal``, or the error that prevented the comparison; ``finding(of:)`` describes it to people.
  package func confirm(isAdopting: Bool = false, areMarksForeign: Bool = false) async throws {
    var hasWaited = false
    // A claimant that is overtaken by another one finds the other's claim when it compares again.
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
    throw SinkError(.fault(.world), "the prefix \(prefix) was claimed by others at this moment; try again")
  }

  /// Returns whether workers are connected that may be about to restore their claim. A worker that has confirmed its claim here before is
  /// one of them itself.
  private func othersMayClaim() async throws -> Bool {
    guard confirmed.isEmpty else { return false }
    guard let workers = try await redis.workers() else { return true }
    return workers > (worker == nil ? 0 : 1)
  }

  /// Throws the refusal of ``confirm(isAdopting:)`` and changes nothing. If `migrate` has not created the installation yet, it is judged as
  /// a new one.
  func admit(isAdopting: Bool) async throws {
    let ledger =
      try await sink.installation(askedBy: worker, within: within)
      ?? InstallationRecord(id: .unknown, prefix: prefix, partitions: partitions, claim: nil, servedBy: nil)
    if case .refused(let refusal) = judge(ledger, try await redis.claim(partitions: partitions), isAdopting) { throw refusal }
  }

  /// Returns the findings of a comparison. Changes nothing.
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
            hint: "if that is unexpected, check redis.url; the next `run` or `migrate` claims the prefix")
        ]
      }
    } catch {
      return [finding(of: error)]
    }
  }

  /// The error for a ledger in which no installation was created.
  private struct Missing: Error {}

  /// Returns the finding that describes an error of this type to people.
  package nonisolated func finding(of error: any Error) -> Finding {
    switch error {
    case let refusal as ClaimVerdict.Refusal: Finding(refusal, prefix: prefix, schema: schema, partitions: partitions)
    case is Missing:
      Finding(.problem, "postgres.schema", "the schema \(schema) has no installation", hint: "run `tidemark migrate`")
    case let error as RedisError: RedisCheck.finding(error, configuration, keys: KeyNames(prefix: prefix))
    case let error as SinkError:
      Finding(error.kind == .fault(.world) ? .unreachable : .problem, "postgres", error.description, hint: error.hint)
    default: Finding(.problem, "redis.prefix", "\(error)")
    }
  }

  private var redis: RedisPrefix { RedisPrefix(prefix, in: keyspace) }

  private func judge(_ ledger: InstallationRecord, _ claim: PrefixClaim, _ isAdopting: Bool) -> ClaimVerdict {
    ClaimVerdict(ledger, claim, prefix: prefix, partitions: partitions, confirmed: confirmed, isAdopting: isAdopting)
  }

  /// Decides again while the ledger's row is locked, then writes. Returns false if another claimant was first.
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
