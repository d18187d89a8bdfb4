/// What a piece of a lane's changes says of one session.
package struct ChangedSession: Sendable, Equatable {
  /// Nil for changes that belong to no session.
  package var session: String?
  /// The number of its changes in the piece.
  package var total: Int
  /// The number of its changes after the last one that has a snapshot of its own.
  package var changes: Int
  /// Whether one of its changes has a snapshot of its own: what came before it is in a snapshot.
  package var isTaken: Bool
  /// The first of `changes`; nil if there is none.
  package var first: EntryID?
  /// The last change of all.
  package var last: EntryID

  package init(session: String?, total: Int, changes: Int, isTaken: Bool = false, first: EntryID?, last: EntryID) {
    self.session = session
    self.total = total
    self.changes = changes
    self.isTaken = isTaken
    self.first = first
    self.last = last
  }
}

/// A snapshot to take: the state of a session at one of its committed entries.
package struct SnapshotOrder: Sendable, Equatable {
  /// Why a snapshot is taken; the text is the column `reason`.
  package enum Reason: String, Sendable, CaseIterable {
    case changes = "every_changes"
    case time = "every"
  }

  package var lane: Int32
  package var session: String
  package var entry: EntryID
  package var reason: Reason

  package init(lane: Int32, session: String, entry: EntryID, reason: Reason) {
    self.lane = lane
    self.session = session
    self.entry = entry
    self.reason = reason
  }
}

/// Where an owned lane stands in the ledger.
package struct CommittedLane: Sendable, Equatable {
  package var position: EntryID
  package var incarnation: Int64

  package init(position: EntryID, incarnation: Int64) {
    self.position = position
    self.incarnation = incarnation
  }
}
