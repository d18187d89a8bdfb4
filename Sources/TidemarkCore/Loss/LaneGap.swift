/// Entries that Redis added to a lane and that can't be read any more.
package struct LaneGap: Sendable, Equatable {
  package enum Cause: String, Sendable, CaseIterable {
    /// The entries were removed by `MAXLEN`, `MINID` or XTRIM.
    case trimmed
    /// The entries were removed by XDEL, perhaps together with trimming: Redis counts both together.
    case deleted
    /// The key is gone: FLUSHALL, FLUSHDB, DEL, or an expiry.
    case flushed
    /// The key is gone, and Redis has evicted keys since it started.
    case evicted
    /// Another stream has the same name.
    case recreated
    /// The stream is an older copy of itself: a replica was promoted without the last entries, or a snapshot was restored.
    case rewound

    /// Whether the number of lost entries is exact; otherwise the stream was replaced.
    package var isCounted: Bool { self == .trimmed || self == .deleted }
  }

  /// The last entry known before the gap.
  package var after: EntryID
  /// The first entry known behind the gap; nil where none followed.
  package var before: EntryID?
  /// The exact number of lost entries.
  package var missing: Int
  package var cause: Cause
  /// The position of the gap: entries that were read up to it are committed before the gap, or together with it.
  package var place: EntryID

  package init(after: EntryID, before: EntryID?, missing: Int, cause: Cause, place: EntryID) {
    self.after = after
    self.before = before
    self.missing = missing
    self.cause = cause
    self.place = place
  }
}
