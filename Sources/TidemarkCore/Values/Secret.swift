/// A password. It prints as `***` when it is interpolated, dumped or logged by mistake.
package struct Secret: Hashable, Sendable {
  /// The secret itself, only for the code that sends it to a server.
  package let value: String

  package init(_ value: String) {
    self.value = value
  }

  /// The text that is shown instead of a secret.
  package static let mask = "***"
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { Self.mask }
  package var debugDescription: String { Self.mask }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
