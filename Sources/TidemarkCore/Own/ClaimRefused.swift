/// The prefix in Redis and the ledger in Postgres don't belong together: nothing may be read, published or trimmed until they do.
package struct ClaimRefused: Error, Sendable, CustomStringConvertible {
  package var description: String
  package var hint: String

  package init(_ description: String, hint: String) {
    self.description = description
    self.hint = hint
  }
}
