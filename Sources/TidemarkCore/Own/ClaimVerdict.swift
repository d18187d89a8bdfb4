/// Decides whether a worker or a command may use a prefix in Redis together with a ledger in Postgres.
///
/// The rules, in this order:
/// 1. The ledger belongs to one prefix, with one number of partitions.
/// 2. A prefix with another installation's id is never taken.
/// 3. Where the ids and the claims of both servers are equal, the claim is held.
/// 4. Where Redis has no id (it was flushed, or an empty one replaced it), or the right id with another claim (an older copy, or a Redis
///    that was replaced and has come back), it may not be the Redis that serves. It is taken, under a new claim, only
///    - by the first `migrate`,
///    - by a worker that found the ledger's claim in its Redis before: the same Redis has lost the claim, or the ledger went back to an
///      earlier one,
///    - or while no other worker serves: a worker that serves would have written the id into its Redis again within a second.
///
/// Adopting overrides rule 1 (for the prefix) and rule 2, but never a worker that serves.
package enum ClaimVerdict: Sendable, Equatable {
  case held
  /// Redis must be claimed for the ledger's installation, under a new claim.
  case take
  case refused(Refusal)

  package enum Refusal: Error, Sendable, Equatable {
    /// The ledger belongs to this prefix.
    case otherPrefix(String)
    /// The installation has this number of partitions.
    case otherPartitions(Int)
    /// The prefix belongs to another installation, with this schema.
    case otherInstallation(InstallationID, schema: String?)
    /// Another worker, named here, serves the installation through another Redis, or is about to claim this Redis again.
    case servedElsewhere(by: String)
  }

  /// - Parameters:
  ///   - confirmed: the claims that this worker has found in both servers so far; none for a command.
  ///   - isAdopting: whether a person has said that this Redis and this ledger belong together from now on.
  package init(
    _ ledger: InstallationRecord, _ redis: PrefixClaim, prefix: String, partitions: Int, confirmed: Set<String> = [],
    isAdopting: Bool = false
  ) {
    let isAvailable = redis.installation == nil || redis.installation == ledger.id
    if ledger.prefix != prefix, !isAdopting {
      self = .refused(.otherPrefix(ledger.prefix))
    } else if ledger.partitions != partitions {
      self = .refused(.otherPartitions(ledger.partitions))
    } else if !isAvailable, !isAdopting {
      self = .refused(.otherInstallation(redis.installation ?? .unknown, schema: redis.schema))
    } else if !isAvailable, ledger.claim == nil, let written = redis.partitions, written != partitions {
      // The ledger is new, and the Redis has lost its own ledger: its sessions are spread over the number of lanes that Redis states.
      self = .refused(.otherPartitions(written))
    } else if redis.installation == ledger.id, ledger.claim != nil, redis.claim == ledger.claim, ledger.prefix == prefix {
      self = .held
    } else if ledger.claim.map(confirmed.contains) ?? true {
      self = .take
    } else if let worker = ledger.servedBy {
      self = .refused(.servedElsewhere(by: worker))
    } else {
      self = .take
    }
  }
}
