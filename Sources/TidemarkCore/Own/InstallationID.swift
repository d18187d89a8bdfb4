/// The random id of an installation, which is a schema in Postgres with a prefix in Redis. Both servers hold it.
package struct InstallationID: Hashable, Sendable, CustomStringConvertible {
  /// The UUID as Postgres writes it.
  package var text: String

  package init(_ text: String) {
    self.text = text
  }

  /// The id of a ledger that has none. Nothing is written to Redis under it.
  package static let unknown = InstallationID("")

  package var description: String { text.isEmpty ? "unknown" : text }
}
