extension StatusReport {
  /// A running worker, or one that has died.
  package struct Worker: Sendable, Equatable, Codable {
    package var worker: String
    package var host: String?
    package var pid: Int32?
    package var version: String?
    package var startedAt: String?
    package var seenAt: String?
    /// Whether the worker was seen within the lease's time to live.
    package var isAlive: Bool?
    /// The number of shards for which the worker holds a live lease.
    package var shards: Int?
    package var lanes: Int?
    /// The settings that the worker has read and that require a restart, each with its value in force.
    package var notInForce: String?
    /// The tuned values that the worker can't apply, each with the reason.
    package var tuningRefused: String?

    package enum CodingKeys: String, CodingKey {
      case worker, host, pid, version
      case startedAt = "started_at"
      case seenAt = "seen_at"
      case isAlive = "alive"
      case shards, lanes
      case notInForce = "not_in_force"
      case tuningRefused = "tuning_refused"
    }

    // The synthesized encoder would leave out nil values.
    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(worker, forKey: .worker)
      try container.encode(host, forKey: .host)
      try container.encode(pid, forKey: .pid)
      try container.encode(version, forKey: .version)
      try container.encode(startedAt, forKey: .startedAt)
      try container.encode(seenAt, forKey: .seenAt)
      try container.encode(isAlive, forKey: .isAlive)
      try container.encode(shards, forKey: .shards)
      try container.encode(lanes, forKey: .lanes)
      try container.encode(notInForce, forKey: .notInForce)
      try container.encode(tuningRefused, forKey: .tuningRefused)
    }
  }
}
