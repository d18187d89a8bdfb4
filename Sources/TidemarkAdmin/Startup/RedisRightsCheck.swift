internal import TidemarkCore
internal import TidemarkRedis

/// Checks that the user may run a worker's commands, and names the ACL rules that are missing.
struct RedisRightsCheck: Sendable {
  private let configuration: RedisConfiguration
  private let lanes: LaneCatalog
  private let isTrimming: Bool

  /// - Parameter isTrimming: whether workers trim.
  init(_ configuration: RedisConfiguration, lanes: LaneCatalog, isTrimming: Bool) {
    self.configuration = configuration
    self.lanes = lanes
    self.isTrimming = isTrimming
  }

  /// The effects of missing rights, the most important first.
  private static let effects: [(purpose: RedisRight.Purpose, severity: Finding.Severity, effect: String)] = [
    (.work, .problem, "a worker can't do its work"),
    (.discovery, .problem, "the streams of a pattern can't be found"),
    (.trimming, .risk, "streams are not trimmed and fill Redis"),
    (.publishing, .risk, "durable marks and the ids of dead letters are not published to agents"),
    (.mirroring, .warning, "no consumer group mirrors the cursors, so a recreated stream may look like the old one"),
    (.raisingIDs, .warning, "ids may be reused after a rewind"),
    (.doorbell, .warning, "with more than 64 lanes, changes are found only by the sweep, within a second"),
    (.functions, .warning, "the function library is not installed, so agents can't call it unless another user installs it"),
    (.sessions, .warning, "sessions can't be restored, evicted or forked"),
    (.countingWorkers, .warning, "a claim on the prefix can't tell whether other workers are connected"),
    (.naming, .warning, "connections have no name in CLIENT LIST, so a claim on the prefix can't recognize workers"),
  ]

  /// Throws ``RedisError`` if a server can't be asked.
  func findings(over keyspace: RedisKeyspace) async throws -> [Finding] {
    let hasPatterns = !lanes.patterns.isEmpty
    var purposes = Set(Self.effects.map(\.purpose))
    if !isTrimming { purposes.remove(.trimming) }
    if !hasPatterns { purposes.remove(.discovery) }
    if !hasPatterns, lanes.namesAndPatterns.count <= 64 { purposes.remove(.doorbell) }
    let probe = RedisRightsProbe(configuration, lanes: lanes)
    let refusals = try await probe.refusals(of: RedisRight.all.filter { purposes.contains($0.purpose) }, in: keyspace)
    guard !refusals.isEmpty else { return [Finding(.ok, "redis.acl", "the user may run every command of a worker")] }
    return Self.findings(of: refusals, user: configuration.username ?? "default", prefix: lanes.keys.prefix)
  }

  /// Returns one finding for each effect, with the missing rules.
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
      // Without this rule the check can't tell whether more rights are missing.
      let rest = commands.contains("eval") ? ", then check again" : ""
      return Finding(
        severity, "redis.acl", "the user \(user) may not \(text): \(effect)",
        hint: "ACL SETUSER \(user) \(rules.joined(separator: " "))\(rest)")
    }
  }

  /// Returns the pattern of a rule for a key or a channel: one rule grants all keys of the installation together.
  private static func pattern(_ name: String, _ prefix: String) -> String { name.hasPrefix("\(prefix):") ? "\(prefix):*" : name }

  private static func shortened(_ names: [String]) -> String {
    names.count <= 12 ? names.joined(separator: ", ") : "\(names.prefix(8).joined(separator: ", ")) and \(names.count - 8) more"
  }

  private static func unique(_ names: [String]) -> [String] {
    names.reduce(into: []) { all, name in if !all.contains(name) { all.append(name) } }
  }
}
