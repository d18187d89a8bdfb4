package import TidemarkCore

extension StatusReport {
  /// A value that an operator tuned.
  package struct TunedValue: Sendable, Equatable, Codable {
    /// Who tuned a value, when and why.
    package struct Origin: Sendable, Equatable, Codable {
      package var by: String
      package var at: String
      package var why: String?

      package init(_ row: TunedSetting) {
        (by, at, why) = (row.by, row.at, row.why)
      }

      package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(by, forKey: .by)
        try container.encode(at, forKey: .at)
        try container.encode(why, forKey: .why)
      }
    }

    /// The pattern of the lanes; null for all.
    package var lanes: String?
    package var key: String
    package var value: String
    package var tuned: Origin

    /// Returns nil for a setting that was reset.
    package init?(_ row: TunedSetting) {
      guard let value = row.value else { return nil }
      lanes = row.place.lanes.isEmpty ? nil : row.place.lanes
      key = row.place.key
      self.value = value
      tuned = Origin(row)
    }

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(lanes, forKey: .lanes)
      try container.encode(key, forKey: .key)
      try container.encode(value, forKey: .value)
      try container.encode(tuned, forKey: .tuned)
    }
  }
}
