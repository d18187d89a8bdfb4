package import TidemarkConfiguration
package import TidemarkCore

/// The output of `tidemark tune` without changes, and of `/api/tune`: the settings that can be tuned, what is tuned for single lanes, and the
/// history.
package struct TuneListing: Sendable, Equatable, Codable {
  package struct Setting: Sendable, Equatable, Codable {
    package var key: String
    package var value: String?
    package var source: String
    package var standard: String?
    package var bounds: String?
    package var unit: String
    /// When a new value applies.
    package var applies: String
    /// Whether the setting may be tuned for single lanes.
    package var perLane: Bool
    package var tuned: StatusReport.TunedValue.Origin?

    package enum CodingKeys: String, CodingKey {
      case key, value, source, bounds, unit, applies, tuned
      case standard = "default"
      case perLane = "per_lane"
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(key, forKey: .key)
      try container.encode(value, forKey: .value)
      try container.encode(source, forKey: .source)
      try container.encode(standard, forKey: .standard)
      try container.encode(bounds, forKey: .bounds)
      try container.encode(unit, forKey: .unit)
      try container.encode(applies, forKey: .applies)
      try container.encode(perLane, forKey: .perLane)
      try container.encode(tuned, forKey: .tuned)
    }
  }

  /// A value that could not be applied with the configuration of the reader.
  package struct Refused: Sendable, Equatable, Codable {
    package var key: String
    package var problem: String
  }

  /// One setting of a change.
  package struct Entry: Sendable, Equatable, Codable {
    package var change: Int64
    package var at: String
    package var by: String
    package var lanes: String?
    package var key: String
    /// The tuned values; null for none, when each worker's own value applies.
    package var from: String?
    package var to: String?
    package var why: String?
    package var undoes: Int64?

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(change, forKey: .change)
      try container.encode(at, forKey: .at)
      try container.encode(by, forKey: .by)
      try container.encode(lanes, forKey: .lanes)
      try container.encode(key, forKey: .key)
      try container.encode(from, forKey: .from)
      try container.encode(to, forKey: .to)
      try container.encode(why, forKey: .why)
      try container.encode(undoes, forKey: .undoes)
    }
  }

  package var settings: [Setting]
  package var lanes: [StatusReport.TunedValue]
  package var refused: [Refused]
  package var history: [Entry]

  package init(_ inForce: SettingsInForce, history: [TuningEntry]) {
    settings = ConfigurationSchema.keys.filter { $0.isTunable && $0.status == .effective }.map { key in
      Setting(
        key: key.path, value: key.shown(in: inForce.loaded.configuration), source: inForce.loaded.source(of: key.path).description,
        standard: key.defaultText, bounds: key.kind.bounds, unit: key.kind.unit, applies: key.effect.rawValue, perLane: key.isPerLane,
        tuned: inForce.tuning(of: key.path).map { .init($0) })
    }
    lanes = inForce.lanes.flatMap(\.tuned).compactMap { StatusReport.TunedValue($0) }
    refused = inForce.refused.map { Refused(key: $0.setting.place.key, problem: $0.problem.description) }
    self.history = history.map { entry in
      Entry(
        change: entry.change, at: entry.at, by: entry.by, lanes: entry.place.lanes.isEmpty ? nil : entry.place.lanes,
        key: entry.place.key, from: entry.from, to: entry.to, why: entry.why, undoes: entry.undoes)
    }
  }
}

extension TuneListing {
  package func json(pretty: Bool = false) throws -> String { try reportJSON(pretty: pretty) }
}
