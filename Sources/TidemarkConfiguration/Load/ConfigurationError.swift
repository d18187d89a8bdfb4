internal import TidemarkCore

/// All that is wrong with a configuration, not only the first of it.
package struct ConfigurationError: Error, Equatable, Sendable {
  /// Those of the file by line, then environment, flags and `tune`. Never empty.
  package let problems: [Problem]

  init(_ problems: [Problem]) {
    self.problems = problems.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }.map(\.element)
  }
}

extension ConfigurationError: CustomStringConvertible {
  /// One line a problem.
  package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One thing that is wrong: one line that says what, where and how to fix it. Never shows a secret.
package struct Problem: Hashable, Sendable {
  /// Where it was written.
  package let source: SettingSource
  /// Beginning with the key.
  package let what: String
  /// What to do about it.
  package let hint: String

  struct Order: Comparable {
    var rank: Int
    var position: TextPosition
    var name: String

    static func < (left: Order, right: Order) -> Bool {
      (left.rank, left.position, left.name) < (right.rank, right.position, right.name)
    }
  }

  var order: Order {
    switch source {
    case .file(_, let position): Order(rank: source.rank, position: position, name: "")
    case .environment(let name): Order(rank: source.rank, position: TextPosition(line: 0, column: 0), name: name)
    default: Order(rank: source.rank, position: TextPosition(line: 0, column: 0), name: "")
    }
  }
}

extension Problem: CustomStringConvertible {
  /// Within one line, and without what could steer a terminal, whatever was typed.
  package var description: String {
    ForeignText.line("\(source.place): \(what); \(hint)")
  }
}
