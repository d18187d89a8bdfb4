/// The way in which a batch is sent.
package enum CommitMode: Sendable, Equatable {
  /// All entries are sent at once; any fault fails the whole batch.
  case fast
  /// Entries are applied one by one: duplicates are found and bad records are left out.
  case exact
  /// Entries are applied as in ``exact``, and an entry that fails alone for no clear reason is left out, too.
  case isolating
}
