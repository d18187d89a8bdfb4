/// A file that holds a password and may be rotated. It is read each time a connection is made.
///
/// Two sources are equal when they read from the same place.
package struct PasswordSource: Sendable {
  private let place: String
  private let read: @Sendable () -> String?

  /// - Parameters:
  ///   - place: identifies the source. It is never printed.
  ///   - read: returns the present password. It returns nil where the password can't be read; the last one that could be read is then used.
  package init(place: String, _ read: @escaping @Sendable () -> String?) {
    self.place = place
    self.read = read
  }

  package func current() -> String? { read() }
}

extension PasswordSource: Equatable {
  package static func == (left: PasswordSource, right: PasswordSource) -> Bool { left.place == right.place }
}

extension PasswordSource: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "a file" }
  package var debugDescription: String { "a file" }
  package var customMirror: Mirror { Mirror(self, children: []) }
}
