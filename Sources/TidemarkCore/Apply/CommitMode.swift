/// How a batch is sent.
package enum CommitMode: Sendable, Equatable {
  /// All at once; any fault fails the whole.
  case fast
  /// Entry by entry: duplicates are found and bad records are left out.
  case exact
  /// As ``exact``, and what fails alone for no clear reason is left out, too.
  case isolating
}
