/// What a private server, a child process or a wait reports when it fails: one line that says what, where and how to fix it.
package struct ServerError: Error, CustomStringConvertible, Sendable {
  /// Which kind of failure it is, for callers that decide by it.
  package enum Code: Sendable, Hashable {
    /// A program that is needed is not installed.
    case programMissing
    /// A program ran and failed.
    case programFailed
    /// A server did not start.
    case startFailed
    /// A condition did not become true before its deadline.
    case deadline
    /// The call does not fit the state that the server is in.
    case misuse
    /// A file, a folder or a port could not be had.
    case resource
  }

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
