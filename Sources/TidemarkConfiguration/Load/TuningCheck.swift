package import TidemarkCore

extension SettingsInForce {
  /// Checks what an operator wants before anything is written.
  ///
  /// - Throws: the problems of the wanted values, and of tuned values that could not be combined with them any more. Problems that the
  ///   ledger has already are none of this change.
  package func check(_ wishes: [TuningWish]) throws(ConfigurationError) {
    for wish in wishes {
      guard let value = wish.value else { continue }
      _ = try ConfigurationSchema.parse(key: wish.place.key, value: value)
    }
    for pattern in Set(wishes.map(\.place.lanes)).sorted() where !GlobPattern(pattern).isWellFormed {
      throw ConfigurationError([
        Problem(source: .tune, what: "the pattern \(RawValue.quoted(pattern)) has a [ that is never closed", hint: "close it with ]")
      ])
    }
    let next = (rows.map(\.change).max() ?? 0) + 1
    let places = Set(wishes.map(\.place))
    let wanted = wishes.map { TunedSetting(place: $0.place, value: $0.value, change: next) }
    let after = SettingsInForce(read, rows: rows.filter { !places.contains($0.place) } + wanted)
    let known = SettingsInForce(read, rows: rows).refused
    let problems = after.refused.filter { new in !known.contains { $0.setting.place == new.setting.place && $0.problem == new.problem } }
    guard problems.isEmpty else { throw ConfigurationError(problems.map(\.problem)) }
  }
}
