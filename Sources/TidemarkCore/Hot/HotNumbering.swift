/// A session that a worker removed from Redis because it was idle, and where its numbering stood.
package struct EvictedSession: Sendable, Equatable {
  package var id: String
  package var lane: String
  /// The incarnation of the lane when the session was evicted; nil while the session may be in Redis, where its numbering goes on.
  package var incarnation: Int64?
  /// The history of the data of the server that the session left (``HotLane/history``); nil where it is not known.
  package var history: String?
  package var epoch: Int64
  package var seq: Int64
  /// The session's last change.
  package var entry: EntryID
  /// The producers' ids that the function library remembers, each followed by its answer.
  package var eventIDs: [String]

  package init(
    id: String, lane: String, incarnation: Int64?, history: String? = nil, epoch: Int64, seq: Int64, entry: EntryID, eventIDs: [String] = []
  ) {
    self.id = id
    self.lane = lane
    self.incarnation = incarnation
    self.history = history
    self.epoch = epoch
    self.seq = seq
    self.entry = entry
    self.eventIDs = eventIDs
  }

  /// Returns whether the ledger has everything of the session, whatever its lane still holds: it has the session's last change, and Redis can't
  /// have lost a later one, because the server's data has had one history since the session left.
  ///
  /// - Parameters:
  ///   - cursor: the last entry of the lane that is committed.
  ///   - history: the present history of the server's data.
  package func isWhole(at cursor: EntryID, history: String?) -> Bool {
    guard cursor >= entry else { return false }
    return self.history == nil || history == nil || self.history == history
  }

  /// The record of a session that may be in Redis: it tells no numbers.
  package var unnumbered: EvictedSession {
    var record = self
    record.incarnation = nil
    return record
  }
}

/// How the changes of a restored session are numbered.
///
/// A pair of epoch and number is never used twice. So the numbering goes on only where it is certain that no change followed the one that the
/// ledger knows.
package enum HotNumbering: Sendable, Equatable {
  /// The next change is the one after `seq`.
  case goesOn(epoch: Int64, seq: Int64)
  /// The next change is number 1 of an epoch that begins now.
  case beginsAnew

  /// - Parameters:
  ///   - evicted: the record of the session's eviction; nil where it left Redis in another way.
  ///   - latest: the latest change of the session in the ledger.
  ///   - incarnation: the lane's present incarnation. In a later one than that of the eviction Redis may have lost changes. A session that is
  ///     older than its lane's first mark has the incarnation 0, which the first one follows.
  package init(after evicted: EvictedSession?, latest: EntryID, incarnation: Int64) {
    guard let evicted, let then = evicted.incarnation, then == incarnation || (then, incarnation) == (0, 1), latest <= evicted.entry else {
      self = .beginsAnew
      return
    }
    self = .goesOn(epoch: evicted.epoch, seq: evicted.seq)
  }
}
