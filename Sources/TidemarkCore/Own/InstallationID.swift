/// The random id of an installation: a schema in Postgres with a prefix in Redis. Both servers hold it.
package struct InstallationID: Hashable, Sendable, CustomStringConvertible {
  /// A UUID as Postgres writes it.
  package var text: String

  package init(_ text: String) {
    self.text = text
  }

  /// The id of a ledger that does not know it. Nothing is written to Redis under it.
  package static let unknown = InstallationID("")

  package var description: String { text.isEmpty ? "unknown" : text }
}
