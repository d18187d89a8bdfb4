package import TidemarkCore

/// The settings in force: what file, environment and flags say, and what operators tuned over that.
///
/// It is the one place that combines them, for workers, for `tidemark tune` before it writes, and for the status. Tuned values are parsed
/// and checked by the code that checks all other sources. A value that this release does not know, or that can't be combined with the rest, is
/// refused by itself: the value that it would have replaced stays in force, and all others apply.
package struct SettingsInForce: Sendable {
  /// A tuned value that is not in force, and why.
  package struct Refusal: Sendable, Equatable {
    package var setting: TunedSetting
    package var problem: Problem
  }

  /// What was tuned for the lanes of one pattern.
  package struct Lanes: Sendable {
    package let pattern: String
    /// The values in force.
    package let tuned: [TunedSetting]
    /// The configuration with these values.
    package let configuration: Configuration
  }

  /// What file, environment and flags say.
  package let read: LoadedConfiguration
  /// The configuration in force, but for lanes with values of their own.
  package let loaded: LoadedConfiguration
  /// The lanes with values of their own, in the order in which their patterns were tuned first.
  package let lanes: [Lanes]
  /// The last row of each setting that was ever tuned.
  package let rows: [TunedSetting]
  /// The tuned values in force, of all lanes.
  package let tuned: [TunedSetting]
  package let refused: [Refusal]

  /// - Parameters:
  ///   - rows: what the ledger has.
  ///   - earlier: the settings that ran until now. A refused value leaves in force what was tuned before it.
  package init(_ read: LoadedConfiguration, rows: [TunedSetting] = [], after earlier: SettingsInForce? = nil) {
    let known = Dictionary(((earlier?.tuned ?? []) + (earlier?.lanes.flatMap(\.tuned) ?? [])).map { ($0.place, $0) }) { $1 }
    let rows = rows.sorted { ($0.change, $0.place.lanes, $0.place.key) < ($1.change, $1.place.lanes, $1.place.key) }
    let wanted = rows.filter { $0.value != nil }
    var refused: [Refusal] = []
    let all = Self.applying(wanted.filter(\.place.lanes.isEmpty), over: read, known, &refused)
    var patterns: [String] = []
    for row in wanted where !row.place.lanes.isEmpty && !patterns.contains(row.place.lanes) { patterns.append(row.place.lanes) }
    lanes = patterns.compactMap { pattern in
      let part = Self.applying(wanted.filter { $0.place.lanes == pattern }, over: all.loaded, known, &refused)
      return part.tuned.isEmpty ? nil : Lanes(pattern: pattern, tuned: part.tuned, configuration: part.loaded.configuration)
    }
    self.read = read
    loaded = all.loaded
    tuned = all.tuned
    self.rows = rows
    self.refused = refused
  }

  /// Returns the settings in force with other rows of the ledger.
  package func tuned(_ rows: [TunedSetting]) -> SettingsInForce { SettingsInForce(read, rows: rows, after: self) }

  /// Returns the settings in force after a reload of file and environment. Throws as ``LoadedConfiguration/reloading(_:)`` does.
  package func reloading(_ new: LoadedConfiguration) throws(ConfigurationError) -> SettingsInForce {
    SettingsInForce(try read.reloading(new), rows: rows, after: self)
  }

  /// Returns who tuned the value of a setting that is in force for all lanes; nil if it comes from another source.
  package func tuning(of key: String) -> TunedSetting? { tuned.first { $0.place.key == key } }

  /// Applies the rows that can be applied. Each round refuses one row, so it ends.
  private static func applying(
    _ rows: [TunedSetting], over base: LoadedConfiguration, _ known: [TunedSetting.Place: TunedSetting], _ refused: inout [Refusal]
  ) -> (loaded: LoadedConfiguration, tuned: [TunedSetting]) {
    var (remaining, known) = (rows, known)
    while !remaining.isEmpty {
      let problem: Problem?
      if let row = remaining.first(where: { !$0.place.lanes.isEmpty && ConfigurationSchema.key($0.place.key)?.isPerLane == false }) {
        problem = ofAllLanes(row.place.key)
      } else {
        do throws(ConfigurationError) {
          return (try base.applying(remaining.map { Overlay(key: $0.place.key, value: $0.value ?? "", source: .tune) }), remaining)
        } catch {
          problem = error.problems.first
        }
      }
      // The newest of the rows that can't be combined is the one that changed what ran.
      let index = problem.flatMap { problem in remaining.lastIndex { problem.keys.contains($0.place.key) } } ?? remaining.endIndex - 1
      let row = remaining.remove(at: index)
      if let problem { refused.append(Refusal(setting: row, problem: problem)) }
      if let before = known.removeValue(forKey: row.place), before.value != row.value { remaining.insert(before, at: 0) }
    }
    return (base, [])
  }

  private static func ofAllLanes(_ key: String) -> Problem {
    let keys = ConfigurationSchema.keys.filter(\.isPerLane).map(\.path).joined(separator: ", ")
    return Problem(
      source: .tune, what: "\(key) applies to all lanes", hint: "leave --lane out, or tune one of \(keys)", keys: [key])
  }
}
