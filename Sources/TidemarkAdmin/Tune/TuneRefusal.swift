internal import TidemarkConfiguration

/// The reason why nothing was changed.
package struct TuneRefusal: Error, Sendable, Equatable {
  package enum Kind: Sendable, Equatable {
    /// What was ordered is wrong.
    case wrong
    /// There is nothing to change.
    case nothing
    /// Others change settings at the same time.
    case overtaken
  }

  package var kind: Kind
  /// One line for each problem: what, where, and how to fix it.
  package var lines: [String]

  package init(_ kind: Kind, _ lines: String...) {
    self.kind = kind
    self.lines = lines
  }
}

extension TuneRefusal {
  init(_ error: ConfigurationError) {
    kind = .wrong
    lines = error.problems.map(\.description)
  }
}
