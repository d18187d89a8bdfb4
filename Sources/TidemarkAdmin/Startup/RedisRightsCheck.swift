internal import TidemarkCore
internal import TidemarkRedis

/// Looks whether the user may run what a worker runs, and names the rule that is missing.
struct RedisRightsCheck: Sendable {
  private let configuration: RedisConfiguration
  private let prefix: String
  private let lanes: [String]
  private let isTrimming: Bool

  /// - Parameters:
  ///   - lanes: the names of all lanes that are configured, and patterns.
  ///   - isTrimming: whether workers trim.
  init(_ configuration: RedisConfiguration, prefix: String, lanes: [String], isTrimming: Bool) {
    self.configuration = configuration
    self.prefix = prefix
    self.lanes = lanes
    self.isTrimming = isTrimming
  }

  /// What a missing right means, the most important first.
  private static let effects: [(purpose: RedisRight.Purpose, severity: Finding.Severity, effect: String)] = [
    (.work, .problem, "a worker can't do its work"),
    (.discovery, .problem, "the streams of a pattern can't be found"),
    (.trimming, .risk, "streams are not trimmed, and fill Redis"),
    (.publishing, .risk, "agents that wait for a durable mark are not told of it, nor are the ids of dead letters kept"),
    (.mirroring, .warning, "no consumer group mirrors the cursors, so a stream that was made anew can look like the old one"),
    (.raisingIDs, .warning, "after a rewind, ids may be given out again"),
    (.doorbell, .warning, "changes in more than 64 lanes are found by the sweep, within a second"),
    (.countingWorkers, .warning, "it is not known whether other workers are connected when the prefix is claimed"),
    (.naming, .warning, "connections have no name in CLIENT LIST, by which workers know of each other when the prefix is claimed"),
  ]

  /// Throws ``RedisError`` where a server can't be asked.
  func findings(over keyspace: RedisKeyspace) async throws -> [Finding] {
    let hasPatterns = lanes.contains { $0.contains { "*?[".contains($0) } }
    var purposes = Set(Self.effects.map(\.purpose))
    if !isTrimming { purposes.remove(.trimming) }
    if !hasPatterns { purposes.remove(.discovery) }
    if !hasPatterns, lanes.count <= 64 { purposes.remove(.doorbell) }
    let probe = RedisRightsProbe(configuration, prefix: prefix, lanes: lanes)
    let refusals = try await probe.refusals(of: RedisRight.all.filter { purposes.contains($0.purpose) }, in: keyspace)
    guard !refusals.isEmpty else { return [Finding(.ok, "redis.acl", "the user may run every command of a worker")] }
    return Self.findings(of: refusals, user: configuration.username ?? "default", prefix: prefix)
  }

  /// One line for each effect, with the rules that are missing.
  static func findings(of refusals: [RedisRightsProbe.Refusal], user: String, prefix: String) -> [Finding] {
    effects.compactMap { purpose, severity, effect in
      let refusals = refusals.filter { $0.right.purpose == purpose }
      guard !refusals.isEmpty else { return nil }
      let commands = unique(refusals.filter { $0.kind == .command }.map(\.right.command))
      let keys = unique(refusals.filter { $0.kind == .key }.map(\.name))
      let channels = unique(refusals.filter { $0.kind == .channel }.map(\.name))
      let parts = [("run", commands), ("use the key", keys), ("use the channel", channels)].filter { !$0.1.isEmpty }
      let text = parts.map { "\($0.0) \(shortened($0.1))" }.joined(separator: ", nor ")
      let rules =
        commands.map { "+\($0)" } + unique(keys.map { "~\(pattern($0, prefix))" }) + unique(channels.map { "&\(pattern($0, prefix))" })
      // Whether there are more can't be told without it.
      let rest = commands.contains("eval") ? ", then check again" : ""
      return Finding(
        severity, "redis.acl", "the user \(user) may not \(text): \(effect)",
        hint: "ACL SETUSER \(user) \(rules.joined(separator: " "))\(rest)")
    }
  }

  /// What a rule for a key or a channel says: all of the installation's are granted together.
  private static func pattern(_ name: String, _ prefix: String) -> String { name.hasPrefix("\(prefix):") ? "\(prefix):*" : name }

  private static func shortened(_ names: [String]) -> String {
    names.count <= 12 ? names.joined(separator: ", ") : "\(names.prefix(8).joined(separator: ", ")) and \(names.count - 8) more"
  }

  private static func unique(_ names: [String]) -> [String] {
    names.reduce(into: []) { all, name in if !all.contains(name) { all.append(name) } }
  }
}
