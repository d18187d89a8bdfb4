internal import TidemarkCore

/// All problems of a configuration.
package struct ConfigurationError: Error, Equatable, Sendable {
  /// The problems of the file by line, then those of the environment, the flags and `tune`. Never empty.
  package let problems: [Problem]

  init(_ problems: [Problem]) {
    self.problems = problems.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }.map(\.element)
  }
}

extension ConfigurationError: CustomStringConvertible {
  /// The problems, one per line.
  package var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// A problem of a configuration, described in one line: what is wrong, where, and how to fix it. Never shows a secret.
package struct Problem: Hashable, Sendable {
  /// The source of the wrong value.
  package let source: SettingSource
  /// The description of the problem, which begins with the key.
  package let what: String
  /// The way to fix the problem.
  package let hint: String
  /// The settings that are wrong, or that can't be combined; empty where the problem is not one of settings.
  var keys: [String] = []

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
  /// The problem as one line. Characters that could control a terminal are escaped.
  package var description: String {
    ForeignText.line("\(source.place): \(what); \(hint)")
  }
}
