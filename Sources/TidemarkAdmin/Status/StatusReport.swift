package import TidemarkConfiguration

/// What `tidemark status --json` and `/api/status` say. What is not known is null, and written as null.
package struct StatusReport: Sendable, Equatable, Codable {
  package var lanes: [Lane]
  package var workers: [Worker]
  /// Every setting by its key, with passwords redacted.
  package var settings: [String: Setting]
  /// When this was put together: ISO 8601, UTC, by this machine's clock.
  package var at: String
  package var postgres: Server
  package var redis: Server

  /// Whether a server could be asked for this report.
  package struct Server: Sendable, Equatable, Codable {
    package var isUp: Bool
    /// Why not.
    package var error: String?

    package init(isUp: Bool, error: String? = nil) {
      self.isUp = isUp
      self.error = error
    }
  }

  package struct Setting: Sendable, Equatable, Codable {
    /// Null where it is unset.
    package var value: String?
    package var source: String

    package init(value: String?, source: String) {
      self.value = value
      self.source = source
    }
  }

  package init(
    lanes: [Lane], workers: [Worker], settings: [String: Setting], at: String, postgres: Server, redis: Server
  ) {
    self.lanes = lanes
    self.workers = workers
    self.settings = settings
    self.at = at
    self.postgres = postgres
    self.redis = redis
  }
}

extension StatusReport {
  /// Every setting and where it comes from.
  package static func settings(of configuration: LoadedConfiguration) -> [String: Setting] {
    Dictionary(configuration.settings.map { ($0.key, Setting(value: $0.value, source: $0.source)) }) { first, _ in first }
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
  }
}
