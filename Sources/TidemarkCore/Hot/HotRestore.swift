/// The outcome of the restore of one session.
package enum RestoreOutcome: Sendable, Equatable {
  /// The session is in Redis again. `isKnown` is false where the ledger knows nothing of it; it is empty then.
  case restored(isKnown: Bool)
  /// The session was in Redis, in a state that is at least as new.
  case alreadyHot
  /// The session changed in Redis while it was being restored, and was left alone. Another attempt may succeed.
  case changedMeanwhile
  /// Redis refused to write the session.
  case refused(SourceError)
}

/// What Redis has of a session.
package enum HotPresence: Sendable, Equatable {
  case absent
  /// The session is in Redis; its last change there has this number.
  case hot(seq: Int64)
  /// The session began in Redis while the ledger may know more of it. Its numbering there goes on.
  case fresh(FreshSession)

  /// The number of the session's last change; nil for a session that is not in Redis.
  package var seq: Int64? {
    switch self {
    case .absent: nil
    case .hot(let seq): seq
    case .fresh(let fresh): fresh.seq
    }
  }
}

/// Where a session stands that began in Redis anew.
package struct FreshSession: Sendable, Equatable {
  /// The entry of the session's last change.
  package var entry: EntryID
  package var epoch: Int64
  package var seq: Int64
  /// The lane's incarnation when the numbering began.
  package var incarnation: Int64

  package init(entry: EntryID, epoch: Int64, seq: Int64, incarnation: Int64) {
    self.entry = entry
    self.epoch = epoch
    self.seq = seq
    self.incarnation = incarnation
  }
}

/// What is written to Redis to restore a session.
package struct HotRestore: Sendable, Equatable {
  package var session: HotSession
  package var numbering: HotNumbering
  /// The lane's incarnation in which the numbering is valid.
  package var incarnation: Int64
  package var eventIDs: [String]
  /// What must be in Redis; in another state it is newer, and stays.
  package var expected: HotPresence
  /// Whether a session that is in Redis is replaced whatever its state.
  package var overwrites: Bool
  /// Whether the session is written only if the lane bears a mark of the incarnation. Where Redis lost its data, a worker that serves the lane
  /// may still commit what it had read before; it sets the mark of the next incarnation afterwards.
  package var needsMark: Bool
  /// Whether the session is replaced where its last change in Redis is the expected one, also where it is not fresh.
  package var rebuilds: Bool
  /// When Redis was asked for the session's presence, on its clock in Unix milliseconds. A restore that comes much later may put back the past.
  package var readAt: Int64

  /// What a restore came to in Redis.
  package enum Outcome: Int64, Sendable, Equatable {
    case written = 1
    /// The session is there in another state than expected, or it was asked for long ago. It is left alone.
    case changed = 0
    /// The lane does not bear the mark that is needed, and the session is not there. Nothing is written.
    case unmarked = -1
  }

  package init(
    session: HotSession, numbering: HotNumbering, incarnation: Int64, eventIDs: [String] = [], expected: HotPresence = .absent,
    overwrites: Bool = false, needsMark: Bool = false, rebuilds: Bool = false, readAt: Int64 = .max
  ) {
    self.session = session
    self.numbering = numbering
    self.incarnation = incarnation
    self.eventIDs = eventIDs
    self.expected = expected
    self.overwrites = overwrites
    self.needsMark = needsMark
    self.rebuilds = rebuilds
    self.readAt = readAt
  }

  /// Replaces a session that differs from what the ledger has of it, if its last change in Redis is still the one that was compared. Its numbering
  /// and the event ids that it remembers stay.
  package init(rebuilding standing: FreshSession, as known: HotSession, readAt: Int64) {
    var session = known
    session.entry = standing.entry
    self.init(
      session: session, numbering: .goesOn(epoch: standing.epoch, seq: standing.seq), incarnation: standing.incarnation,
      expected: .fresh(standing), rebuilds: true, readAt: readAt)
  }

  /// Decides how a session is restored, from what each side knows of it.
  ///
  /// - Parameters:
  ///   - known: its state in the ledger; without one, the session is made, empty.
  ///   - evicted: the record of its eviction.
  ///   - presence: what Redis has of it.
  ///   - lane: the session's lane in the ledger; nil where it does not know the lane.
  ///   - isServed: whether a worker serves the lane.
  package init(
    _ id: String, known: HotSession?, evicted: EvictedSession?, presence: HotPresence, lane: LaneRecord?, isServed: Bool,
    overwrites: Bool, readAt: Int64 = .max
  ) {
    let incarnation = lane?.incarnation ?? 0
    let needsMark = isServed && lane?.hasMark == true
    var session = known ?? HotSession(id: id, fields: ["status", "active"])
    guard case .fresh(let fresh) = presence else {
      self.init(
        session: session, numbering: HotNumbering(after: evicted, latest: session.entry, incarnation: incarnation),
        incarnation: incarnation, eventIDs: evicted?.eventIDs ?? [], expected: presence, overwrites: overwrites, needsMark: needsMark,
        readAt: readAt)
      return
    }
    // The session goes on in Redis: its numbers there, and the event ids that it remembers, stay, behind those of before its eviction.
    session.entry = fresh.entry
    self.init(
      session: session, numbering: .goesOn(epoch: fresh.epoch, seq: fresh.seq), incarnation: fresh.incarnation,
      eventIDs: evicted?.eventIDs ?? [], expected: presence, overwrites: overwrites, readAt: readAt)
  }
}
