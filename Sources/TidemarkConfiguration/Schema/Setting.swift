/// A checked value for one key, by itself.
package struct Setting: Sendable {
  package let key: ConfigurationKey
  package let value: ParsedValue

  /// Puts the value in its place.
  package func apply(to configuration: inout Configuration) {
    key.set(value, in: &configuration)
  }

  /// As listings may show it; nil where it is unset.
  package var shown: String? {
    var configuration = Configuration()
    apply(to: &configuration)
    return key.shown(in: configuration)
  }
}
