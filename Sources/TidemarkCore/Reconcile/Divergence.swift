/// A difference between Redis and Postgres, as a row of `divergences` records it.
package struct Divergence: Sendable, Hashable {
  /// What is different. The raw values are the column `kind` and the metric's label; they are public and stable.
  package enum Kind: String, Sendable, CaseIterable {
    /// Postgres lacks what an entry should have become.
    case missingInPostgres = "missing_in_postgres"
    /// Postgres has another content at an entry's position.
    case differentInPostgres = "different_in_postgres"
    /// Somebody deleted entries from the stream after they were committed. Nothing is lost.
    case entryDeleted = "entry_deleted"
    /// Numbers of a session's changes are missing in their order.
    case sequenceGap = "sequence_gap"
    /// A table of the state lacks the row of a change.
    case rowMissing = "row_missing"
    /// No change explains a row of a table of the state.
    case rowUnexpected = "row_unexpected"
    /// A row of a table of the state is not what the audit trail gives.
    case rowDifferent = "row_different"
    /// Redis lacks a part of a session that is there.
    case hotMissing = "hot_missing"
    /// Postgres does not know a session that is in Redis, and whose changes it has passed.
    case hotUnknown = "hot_unknown"
    /// Redis has an earlier state of a session than Postgres.
    case hotOlder = "hot_older"
    /// Redis shows a change of a session that Postgres has passed and does not have.
    case hotNewer = "hot_newer"
    /// Redis and Postgres have another state of a session after the same change.
    case hotDifferent = "hot_different"
    /// A change was added to a lane without the function library while its session was in Redis.
    case bypassed
  }

  package var lane: String
  package var session: String?
  package var kind: Kind
  /// Names the difference within its lane, session and kind. While a difference is not repaired, it is recorded once under its subject.
  package var subject: String
  /// The first and the last entry that it concerns; nil where it concerns no entries.
  package var entries: ClosedRange<EntryID>?
  /// One line for people. It never holds a field's value.
  package var detail: String

  package init(lane: String, session: String?, kind: Kind, subject: String, entries: ClosedRange<EntryID>? = nil, detail: String) {
    self.lane = lane
    self.session = session
    self.kind = kind
    self.subject = subject
    self.entries = entries
    self.detail = detail
  }
}
