/// Whether a worker or a command may use a prefix in Redis together with a ledger in Postgres.
///
/// The rules, in this order:
/// 1. The ledger belongs to one prefix, with one number of partitions.
/// 2. A prefix that bears another installation's id is never taken.
/// 3. Where the ids and the claims of both servers agree, all is well.
/// 4. Where Redis bears no id (it was flushed, or an empty one replaced it), or the right id with another claim (an older copy, or a Redis
///    that was replaced and has come back), it may be another Redis than the one that serves. It is taken, under a new claim, only
///    - by the first `migrate`,
///    - by a worker that found the ledger's claim in its Redis before: the same Redis has lost it, or the ledger went back to an earlier one,
///    - or while no other worker serves: a worker that serves would have put the id back into its Redis within a second.
///
/// Adopting passes over rules 1 (its prefix) and 2, and never over a worker that serves.
package enum ClaimVerdict: Sendable, Equatable {
  case held
  /// Redis is to be claimed for the ledger's installation, under a new claim.
  case take
  case refused(Refusal)

  package enum Refusal: Error, Sendable, Equatable {
    /// The ledger belongs to this prefix.
    case otherPrefix(String)
    /// The installation has this number of partitions.
    case otherPartitions(Int)
    /// The prefix belongs to an installation with this schema.
    case otherInstallation(InstallationID, schema: String?)
    /// This worker serves the installation through another Redis, or is about to claim the same one again.
    case servedElsewhere(by: String)
  }

  /// - Parameters:
  ///   - confirmed: the claims that this worker has found in both servers so far; none for a command.
  ///   - isAdopting: a person said that this Redis and this ledger belong together from now on.
  package init(
    _ ledger: InstallationRecord, _ redis: PrefixClaim, prefix: String, partitions: Int, confirmed: Set<String> = [],
    isAdopting: Bool = false
  ) {
    let isOurs = redis.installation == nil || redis.installation == ledger.id
    if ledger.prefix != prefix, !isAdopting {
      self = .refused(.otherPrefix(ledger.prefix))
    } else if ledger.partitions != partitions {
      self = .refused(.otherPartitions(ledger.partitions))
    } else if !isOurs, !isAdopting {
      self = .refused(.otherInstallation(redis.installation ?? .unknown, schema: redis.schema))
    } else if !isOurs, ledger.claim == nil, let written = redis.partitions, written != partitions {
      // A new ledger for a Redis whose own is gone: the sessions in it are spread over as many lanes.
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
