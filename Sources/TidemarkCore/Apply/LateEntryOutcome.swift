/// What became of an entry that was to be applied out of turn: a dead letter that is replayed, or an entry that Postgres lacks.
package enum LateEntryOutcome: Sendable, Equatable {
  case applied
  /// The entry is in Postgres already, or its event id is.
  case alreadyThere
  case rejectedAgain(Rejection)
  /// Somebody resolved the request before; the text is the resolution.
  case resolvedBefore(String)
}
