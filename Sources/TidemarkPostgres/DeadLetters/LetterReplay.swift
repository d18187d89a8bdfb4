package import TidemarkCore

/// What became of a dead letter that was to be replayed.
package enum LetterReplay: Sendable, Equatable {
  case applied
  /// The entry is in Postgres already, or its event id is.
  case alreadyThere
  case rejectedAgain(Rejection)
  /// Somebody replayed or discarded it before; what they wrote down.
  case resolvedBefore(String)
}
