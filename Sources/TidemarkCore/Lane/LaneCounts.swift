/// The columns of the accounting: read = applied + duplicates + divergent + ephemeral + skipped + dead letters, and
/// read + missing + baseline is what Redis added up to the cursor. What is read again counts in `reread` only, and to the baseline: it came
/// before what this incarnation adds.
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

  /// How many of what Redis added these stand for.
  package var added: Int { read + reread + missing }

  /// What is read and has no outcome, or the reverse. Anything but 0 is an error of ours.
  package var discrepancy: Int { read - applied - duplicates - divergent - ephemeral - skipped - deadLetters }
}
