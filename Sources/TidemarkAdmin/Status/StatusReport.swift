package import TidemarkConfiguration
internal import TidemarkCore

/// The content of `tidemark status --json` and `/api/status`. Unknown values are null and written as null.
package struct StatusReport: Sendable, Equatable, Codable {
  package var lanes: [Lane]
  package var workers: [Worker]
  /// Every setting by its key, with passwords redacted.
  package var settings: [String: Setting]
  /// The time of the report by this machine's clock, in ISO 8601 in UTC.
  package var at: String
  package var postgres: Server
  package var redis: Server
  /// The streams below the prefix that no lane reads; null if Redis did not answer in time.
  package var unreadStreams: [String]?
  /// The types of entries that the catalog does not know.
  package var unknownTypes: [UnknownType] = []
  /// The values that are tuned, those for single lanes among them; null if Postgres could not be reached.
  package var tuning: [TunedValue]?

  package enum CodingKeys: String, CodingKey {
    case lanes, workers, settings, at, postgres, redis, tuning
    case unreadStreams = "unread_streams"
    case unknownTypes = "unknown_types"
  }

  /// The totals of the lanes, which are written but not read.
  private enum TotalKeys: String, CodingKey {
    case readPerSecond = "read_per_second"
    case appliedPerSecond = "applied_per_second"
  }

  /// Whether a server could be reached for this report.
  package struct Server: Sendable, Equatable, Codable {
    package var isUp: Bool
    /// The error; nil if the server could be reached.
    package var error: String?

    package init(isUp: Bool, error: String? = nil) {
      self.isUp = isUp
      self.error = error
    }
  }

  package struct Setting: Sendable, Equatable, Codable {
    /// The value; null if it is unset.
    package var value: String?
    package var source: String
    /// Who tuned the value, when and why; nil if it is not tuned.
    package var tuned: TunedValue.Origin?

    package init(value: String?, source: String, tuned: TunedValue.Origin? = nil) {
      self.value = value
      self.source = source
      self.tuned = tuned
    }
  }

  package init(
    lanes: [Lane], workers: [Worker], settings: [String: Setting], at: String, postgres: Server, redis: Server,
    unreadStreams: [String]? = nil, unknownTypes: [UnknownType] = [], tuning: [TunedValue]? = nil
  ) {
    self.unreadStreams = unreadStreams
    self.unknownTypes = unknownTypes
    self.tuning = tuning
    self.lanes = lanes
    self.workers = workers
    self.settings = settings
    self.at = at
    self.postgres = postgres
    self.redis = redis
  }
}

extension StatusReport {
  // The synthesized encoder would leave out nil values.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    var totals = encoder.container(keyedBy: TotalKeys.self)
    try totals.encode(readPerSecond, forKey: .readPerSecond)
    try totals.encode(appliedPerSecond, forKey: .appliedPerSecond)
    try container.encode(lanes, forKey: .lanes)
    try container.encode(workers, forKey: .workers)
    try container.encode(settings, forKey: .settings)
    try container.encode(at, forKey: .at)
    try container.encode(postgres, forKey: .postgres)
    try container.encode(redis, forKey: .redis)
    try container.encode(unreadStreams, forKey: .unreadStreams)
    try container.encode(unknownTypes, forKey: .unknownTypes)
    try container.encode(tuning, forKey: .tuning)
  }

  /// The open dead letters and unacknowledged gaps, as `3 open dead letters, 1 gap`; nil if there are none, or none are known.
  var openProblems: String? {
    func counted(_ count: Int, _ one: String, _ many: String) -> String? { count == 0 ? nil : "\(count) \(count == 1 ? one : many)" }
    let parts = [
      counted(lanes.reduce(0) { $0 + ($1.deadLettersOpen ?? 0) }, "open dead letter", "open dead letters"),
      counted(lanes.reduce(0) { $0 + ($1.gapsOpen ?? 0) }, "gap", "gaps"),
      counted(lanes.reduce(0) { $0 + ($1.divergencesOpen ?? 0) }, "divergence", "divergences"),
    ].compactMap(\.self)
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// Returns the lag of the installation; nil if the lag of a lane or the list of lanes is unknown.
  ///
  /// - Parameter isConfigured: whether a lane is still configured. Other lanes are not read any more and don't count.
  func lag(_ isConfigured: (String) -> Bool = { _ in true }) -> LaneLag {
    guard postgres.isUp else { return LaneLag(entries: nil, seconds: nil) }
    let lanes = self.lanes.filter { isConfigured($0.lane) }
    let (entries, seconds) = (lanes.compactMap(\.lagEntries), lanes.compactMap(\.lagSeconds))
    return LaneLag(
      entries: entries.count == lanes.count ? entries.reduce(0, +) : nil, seconds: seconds.count == lanes.count ? seconds.max() ?? 0 : nil)
  }

  /// Returns every setting and its source.
  package static func settings(of inForce: SettingsInForce) -> [String: Setting] {
    Dictionary(
      inForce.loaded.settings.map { setting in
        let tuned = inForce.tuning(of: setting.key).map { TunedValue.Origin($0) }
        return (setting.key, Setting(value: setting.value, source: setting.source, tuned: tuned))
      }
    ) { first, _ in first }
  }
}

extension StatusReport.Server {
  package enum CodingKeys: String, CodingKey {
    case isUp = "up"
    case error
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(isUp, forKey: .isUp)
    try container.encode(error, forKey: .error)
  }
}

extension StatusReport.Setting {
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(value, forKey: .value)
    try container.encode(source, forKey: .source)
    try container.encodeIfPresent(tuned, forKey: .tuned)
  }
}
