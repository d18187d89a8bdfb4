/// Why the HTTP server can't be: one line that says what, where and how to fix it.
package struct AdminError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  init(_ description: String) {
    self.description = description
  }
}
