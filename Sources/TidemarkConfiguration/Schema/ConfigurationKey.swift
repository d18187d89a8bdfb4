internal import TidemarkCore

/// One setting with its name, type, range, traits and documentation.
package struct ConfigurationKey: Sendable {
  package struct Traits: OptionSet, Sendable {
    package let rawValue: Int

    package init(rawValue: Int) {
      self.rawValue = rawValue
    }

    /// A running worker applies a new value on SIGHUP.
    package static let reloadable = Traits(rawValue: 1)
    /// `tidemark tune` changes the value in running workers.
    package static let tunable = Traits(rawValue: 2)
    /// The value is never shown and never taken from a flag.
    package static let secret = Traits(rawValue: 4)
    /// The setting may be unset.
    package static let optional = Traits(rawValue: 8)
    /// The setting is read and validated, but this release ignores it.
    package static let reserved = Traits(rawValue: 16)
    /// A new value applies with the next transaction, not within the one that is under way.
    package static let nextTransaction = Traits(rawValue: 32)
    /// `tidemark tune --lane` sets the value for some lanes only.
    package static let perLane = Traits(rawValue: 64)

    static let live: Traits = [.reloadable, .tunable]
    /// The limits of transactions.
    static let ofBatches: Traits = [.reloadable, .tunable, .nextTransaction, .perLane]
  }

  package enum Status: Sendable, Equatable {
    case effective
    case reserved
  }

  /// When a new value applies in a running worker.
  package enum Effect: String, Sendable {
    case atOnce = "at once"
    case nextTransaction = "with the next transaction"
    case restart = "after a restart"
  }

  /// The name, such as `batch.max_entries`.
  package let path: String
  package let kind: ValueKind
  /// The text for operators: the setting's effect, and when to change it.
  package let documentation: String
  private let traits: Traits
  private let write: @Sendable (inout Configuration, ParsedValue) -> Void
  private let read: @Sendable (Configuration) -> ParsedValue

  init<Value: SettingValue>(
    _ path: String, _ field: any WritableKeyPath<Configuration, Value> & Sendable, _ kind: ValueKind, _ traits: Traits = [],
    _ documentation: String
  ) {
    self.path = path
    self.kind = kind
    self.traits = traits
    self.documentation = documentation
    write = { configuration, parsed in
      if let value = Value(parsed) { configuration[keyPath: field] = value }
    }
    read = { $0[keyPath: field].parsed }
  }

  package var isReloadable: Bool { traits.contains(.reloadable) }
  package var isTunable: Bool { traits.contains(.tunable) }
  /// Whether `tidemark tune --lane` sets the value for some lanes only.
  package var isPerLane: Bool { traits.contains(.perLane) }
  package var isSecret: Bool { traits.contains(.secret) }
  package var isOptional: Bool { traits.contains(.optional) }
  package var status: Status { traits.contains(.reserved) ? .reserved : .effective }
  package var effect: Effect {
    isTunable || isReloadable ? (traits.contains(.nextTransaction) ? .nextTransaction : .atOnce) : .restart
  }

  /// The environment variable, such as `TIDEMARK_BATCH_MAX_ENTRIES`. With `_FILE` appended, the variable names a file that holds the value.
  package var environmentName: String {
    "TIDEMARK_" + path.uppercased().replacing(".", with: "_")
  }

  /// The default as a user would write it; nil if there is none.
  package var defaultText: String? { value(in: Configuration()).text }

  /// Returns the value within a configuration, including secrets, for comparison only; it must not be shown.
  func value(in configuration: Configuration) -> ParsedValue {
    let value = read(configuration)
    if case .percent = kind, case .integer(let number) = value { return .percent(number) }
    return value
  }

  func set(_ value: ParsedValue, in configuration: inout Configuration) {
    write(&configuration, value)
  }

  /// Returns the value as listings may show it; nil if it is unset.
  package func shown(in configuration: Configuration) -> String? {
    guard let text = value(in: configuration).text else { return nil }
    if isSecret { return Secret.mask }
    return kind.mayHoldPassword ? ServerURL(text).redacted : text
  }
}
