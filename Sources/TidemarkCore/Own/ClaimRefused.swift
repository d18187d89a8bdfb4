/// The error that the prefix in Redis and the ledger in Postgres do not belong together. Nothing may be read, published or trimmed while
/// they do not.
package struct ClaimRefused: Error, Sendable, CustomStringConvertible {
  package var description: String
  package var hint: String

  package init(_ description: String, hint: String) {
    self.description = description
    self.hint = hint
  }
}
