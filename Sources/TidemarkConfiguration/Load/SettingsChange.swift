package import TidemarkCore

/// The difference between the settings in force before and after operators tuned some, as the log reports it.
package struct SettingsChange: Sendable, Equatable {
  /// A setting whose value is another one now.
  package struct Tuned: Sendable, Equatable {
    package var key: String
    /// The pattern of the lanes; empty for all.
    package var lanes: String
    /// The values that were and are in force; nil where the lanes had or have none of their own.
    package var from: String?
    package var to: String?
    package var by: String
    package var why: String?
  }

  /// A tuned value that is not applied.
  package struct Refused: Sendable, Equatable {
    package var key: String
    package var lanes: String
    package var problem: String
  }

  package let tuned: [Tuned]
  /// The values that were not refused before.
  package let refused: [Refused]

  package init(from before: SettingsInForce, to after: SettingsInForce) {
    let rows = Dictionary(after.rows.map { ($0.place, $0) }) { $1 }
    func tuned(_ place: TunedSetting.Place, _ from: String?, _ to: String?) -> Tuned? {
      guard from != to else { return nil }
      return Tuned(key: place.key, lanes: place.lanes, from: from, to: to, by: rows[place]?.by ?? "", why: rows[place]?.why)
    }
    let all = ConfigurationSchema.keys.filter(\.isTunable).compactMap { key in
      tuned(
        TunedSetting.Place(key: key.path), key.shown(in: before.loaded.configuration), key.shown(in: after.loaded.configuration))
    }
    func values(_ settings: SettingsInForce) -> [TunedSetting.Place: String?] {
      Dictionary(settings.lanes.flatMap(\.tuned).map { ($0.place, $0.value) }) { $1 }
    }
    let (old, new) = (values(before), values(after))
    let places = Set(old.keys).union(new.keys).sorted { ($0.lanes, $0.key) < ($1.lanes, $1.key) }
    self.tuned = all + places.compactMap { tuned($0, old[$0] ?? nil, new[$0] ?? nil) }
    refused = after.refused.filter { !before.refused.contains($0) }.map {
      Refused(key: $0.setting.place.key, lanes: $0.setting.place.lanes, problem: $0.problem.description)
    }
  }
}

extension SettingsInForce {
  /// The tuned values that are not applied, as one line for people; nil if there are none.
  package var refusals: String? {
    refused.isEmpty ? nil : refused.map { $0.problem.description }.joined(separator: ", ")
  }

  /// The limits of lanes, the one that was tuned last at the end.
  package var laneLimits: [LaneLimit] {
    let all = lanes.flatMap { lanes in
      lanes.tuned.compactMap { row in
        ConfigurationSchema.limit(row.place.key, in: lanes.configuration).map {
          (change: row.change, limit: LaneLimit(lanes: GlobPattern(lanes.pattern), value: $0))
        }
      }
    }
    return all.sorted { $0.change < $1.change }.map(\.limit)
  }
}

extension ConfigurationSchema {
  /// Returns the limit of transactions that a setting is, where it may be set for single lanes.
  static func limit(_ key: String, in configuration: Configuration) -> LaneLimit.Value? {
    switch key {
    case "batch.max_entries": .maxEntries(configuration.batch.maxEntries)
    case "batch.max_bytes": .maxBytes(configuration.batch.maxBytes.bytes)
    case "batch.max_delay": .maxDelay(configuration.batch.maxDelay)
    default: nil
    }
  }
}
