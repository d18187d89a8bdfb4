/// One value from outside the file: a flag, or what `tidemark tune` left in PostgreSQL.
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
