/// The error that keeps the HTTP server from running, in one line that says what is wrong, where, and how to fix it.
package struct AdminError: Error, Sendable, Equatable, CustomStringConvertible {
  package var description: String

  init(_ description: String) {
    self.description = description
  }
}
