/// A value from outside the file: from a flag, or from `tidemark tune`, which stores it in PostgreSQL.
package struct Overlay: Sendable {
  package var key: String
  package var value: String
  package var source: SettingSource

  package init(key: String, value: String, source: SettingSource) {
    self.key = key
    self.value = value
    self.source = source
  }
}
