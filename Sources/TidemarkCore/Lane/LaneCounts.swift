/// The counts of the accounting: read = applied + duplicates + divergent + ephemeral + skipped + dead letters, and read + missing +
/// baseline is the number of entries that Redis added up to the cursor. An entry that is read again counts in `reread` only, and to the
/// baseline, because it came before the entries that this incarnation adds.
package struct LaneCounts: Sendable, Equatable {
  package var read = 0
  package var applied = 0
  package var duplicates = 0
  package var divergent = 0
  package var ephemeral = 0
  package var skipped = 0
  package var deadLetters = 0
  package var missing = 0
  package var reread = 0
  package var misrouted = 0

  package init() {}

  package static func += (left: inout LaneCounts, right: LaneCounts) {
    left.read += right.read
    left.applied += right.applied
    left.duplicates += right.duplicates
    left.divergent += right.divergent
    left.ephemeral += right.ephemeral
    left.skipped += right.skipped
    left.deadLetters += right.deadLetters
    left.missing += right.missing
    left.reread += right.reread
    left.misrouted += right.misrouted
  }

  /// The number of entries, of those that Redis added, for which these counts stand.
  package var added: Int { read + reread + missing }

  /// The number of entries read that have no outcome, or the negative number of outcomes without an entry. Anything but 0 is an error in
  /// Tidemark.
  package var discrepancy: Int { read - applied - duplicates - divergent - ephemeral - skipped - deadLetters }
}
