internal import TidemarkCore

/// A Swift type that a setting can be stored as.
protocol SettingValue: Equatable, Sendable {
  /// Converts a parsed value; nil for a value of another type, which the schema rules out.
  init?(_ value: ParsedValue)
  var parsed: ParsedValue { get }
}

/// A type of the items of a list setting.
protocol SettingListItem: Equatable, Sendable {
  static func items(of value: ParsedValue) -> [Self]?
  static func parsed(_ items: [Self]) -> ParsedValue
}

extension Int: SettingValue {
  init?(_ value: ParsedValue) {
    switch value {
    case .integer(let number), .percent(let number): self = number
    default: return nil
    }
  }
  var parsed: ParsedValue { .integer(self) }
}

extension Bool: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .boolean(let flag) = value else { return nil }
    self = flag
  }
  var parsed: ParsedValue { .boolean(self) }
}

extension Duration: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .duration(let duration) = value else { return nil }
    self = duration
  }
  var parsed: ParsedValue { .duration(self) }
}

extension ByteCount: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .bytes(let count) = value else { return nil }
    self = count
  }
  var parsed: ParsedValue { .bytes(self) }
}

extension String: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .text(let text) = value else { return nil }
    self = text
  }
  var parsed: ParsedValue { .text(self) }
}

extension String: SettingListItem {
  static func items(of value: ParsedValue) -> [String]? {
    if case .list(let items) = value { items } else { nil }
  }
  static func parsed(_ items: [String]) -> ParsedValue { .list(items) }
}

extension LaneSetting: SettingListItem {
  static func items(of value: ParsedValue) -> [LaneSetting]? {
    if case .lanes(let items) = value { items } else { nil }
  }
  static func parsed(_ items: [LaneSetting]) -> ParsedValue { .lanes(items) }
}

extension Secret: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .text(let text) = value else { return nil }
    self.init(text)
  }
  var parsed: ParsedValue { .text(self.value) }
}

extension ServerURL: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .text(let text) = value else { return nil }
    self.init(text)
  }
  var parsed: ParsedValue { .text(text) }
}

extension ListenAddress: SettingValue {
  init?(_ value: ParsedValue) {
    guard case .text(let text) = value else { return nil }
    self.init(text)
  }
  var parsed: ParsedValue { .text(description) }
}

extension Array: SettingValue where Element: SettingListItem {
  init?(_ value: ParsedValue) {
    guard let items = Element.items(of: value) else { return nil }
    self = items
  }
  var parsed: ParsedValue { Element.parsed(self) }
}

extension Optional: SettingValue where Wrapped: SettingValue {
  init?(_ value: ParsedValue) {
    if value == .unset {
      self = .none
    } else {
      guard let wrapped = Wrapped(value) else { return nil }
      self = .some(wrapped)
    }
  }
  var parsed: ParsedValue { self?.parsed ?? .unset }
}

extension RawRepresentable where Self: SettingValue, RawValue == String {
  init?(_ value: ParsedValue) {
    guard case .text(let text) = value else { return nil }
    self.init(rawValue: text)
  }
  var parsed: ParsedValue { .text(rawValue) }
}

extension Configuration.Rewind: SettingValue {}
extension Configuration.Repair: SettingValue {}
extension Configuration.UnstorableText: SettingValue {}
extension Configuration.LogLevel: SettingValue {}
extension Configuration.LogFormat: SettingValue {}
