/// Where a password that may change is read from, each time a connection is made: a file, which somebody rotates.
///
/// Two are equal that read from the same place.
package struct PasswordSource: Sendable {
  private let place: String
  private let read: @Sendable () -> String?

  /// - Parameters:
  ///   - place: tells it from others. Never printed.
  ///   - read: the password of now. Nil where it can't be read: then the last one that could be is used.
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
