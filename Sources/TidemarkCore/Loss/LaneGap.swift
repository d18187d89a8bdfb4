/// Entries that Redis added to a lane and that nobody can read any more.
package struct LaneGap: Sendable, Equatable {
  package enum Cause: String, Sendable, CaseIterable {
    /// `MAXLEN`, `MINID` or XTRIM.
    case trimmed
    /// XDEL, perhaps together with trimming: Redis counts them together.
    case deleted
    /// The key is gone: FLUSHALL, FLUSHDB, DEL, an expiry.
    case flushed
    /// The key is gone, and Redis has evicted keys since it started.
    case evicted
    /// Another stream under the same name.
    case recreated
    /// The same stream as it was before: a replica promoted without the tail, a restored snapshot.
    case rewound

    /// Whether what was lost is known to the entry; else the stream is another one.
    package var isCounted: Bool { self == .trimmed || self == .deleted }
  }

  /// The last entry known before them.
  package var after: EntryID
  /// The first one known behind them; nil where nothing followed.
  package var before: EntryID?
  /// Exactly as many.
  package var missing: Int
  package var cause: Cause
  /// What was read up to here is committed before, or together with the gap.
  package var place: EntryID

  package init(after: EntryID, before: EntryID?, missing: Int, cause: Cause, place: EntryID) {
    self.after = after
    self.before = before
    self.missing = missing
    self.cause = cause
    self.place = place
  }
}
