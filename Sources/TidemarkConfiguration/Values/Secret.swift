/// A password. It prints as `***` wherever it is interpolated, dumped or logged by mistake.
package struct Secret: Hashable, Sendable {
  /// The secret itself, for the one place that sends it to a server.
  package let value: String

  package init(_ value: String) {
    self.value = value
  }

  /// What stands in a secret's place.
  package static let mask = "***"
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { Self.mask }
  package var debugDescription: String { Self.mask }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
