/// Why the HTTP server can't be: one line of what, where, and the mend.
package struct AdminError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  init(_ description: String) {
    self.description = description
  }
}
