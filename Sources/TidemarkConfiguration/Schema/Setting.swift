/// A valid value for one key.
package struct Setting: Sendable {
  package let key: ConfigurationKey
  package let value: ParsedValue

  /// Stores the value in a configuration.
  package func apply(to configuration: inout Configuration) {
    key.set(value, in: &configuration)
  }

  /// The value as listings may show it; nil if it is unset.
  package var shown: String? {
    var configuration = Configuration()
    apply(to: &configuration)
    return key.shown(in: configuration)
  }
}
