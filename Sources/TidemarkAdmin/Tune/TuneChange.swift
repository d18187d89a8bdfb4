internal import TidemarkConfiguration
internal import TidemarkCore

/// What `tune` has changed.
package struct TuneChange: Sendable, Equatable, Codable {
  package struct Setting: Sendable, Equatable, Codable {
    /// The pattern of the lanes; null for all.
    package var lanes: String?
    package var key: String
    /// The values before and after; null for none of these lanes' own.
    package var from: String?
    package var to: String?
    package var applies: String
  }

  package var change: Int64
  /// The change that this one took back.
  package var undoes: Int64?
  package var settings: [Setting]

  /// One line for each setting, for a terminal.
  package func text() -> String {
    let head = undoes.map { "change \(change) takes back change \($0): " } ?? ""
    return settings.map { setting in
      let lanes = setting.lanes.map { " of \($0)" } ?? ""
      return ForeignText.line(
        "\(head)\(setting.key)\(lanes): \(setting.from ?? "as for all lanes") -> \(setting.to ?? "as for all lanes"), \(setting.applies)")
    }.joined(separator: "\n")
  }

  /// One line for people.
  package var summary: String {
    settings.map { "\($0.key)\($0.lanes.map { " of \($0)" } ?? "")=\($0.to ?? "")" }.joined(separator: ", ")
  }
}

extension TuneChange.Setting {
  init(_ wish: TuningWish, before: SettingsInForce) {
    let key = ConfigurationSchema.key(wish.place.key)
    let isOfAll = wish.place.lanes.isEmpty
    let tuned = before.lanes.flatMap(\.tuned).first { $0.place == wish.place }?.value
    let from = isOfAll ? key.flatMap { $0.shown(in: before.loaded.configuration) } : tuned
    let untuned = isOfAll ? key.flatMap { $0.shown(in: before.read.configuration) } : nil
    self.init(
      lanes: isOfAll ? nil : wish.place.lanes, key: wish.place.key, from: from, to: wish.value ?? untuned,
      applies: (key?.effect ?? .atOnce).rawValue)
  }
}

extension TuneChange {
  package func json(pretty: Bool = false) throws -> String { try reportJSON(pretty: pretty) }
}
