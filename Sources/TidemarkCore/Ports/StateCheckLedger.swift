/// The state of agents in the ledger, what it is compared with, and what a comparison found. All methods throw ``SinkError`` and may be called again
/// after they threw.
package protocol StateCheckLedger: Sendable {
  /// Returns lanes by name; names without a row are left out.
  func lanes(named names: [String]) async throws -> [LaneRecord]

  /// Returns the hot state of those of these sessions that the ledger knows.
  ///
  /// - Parameter messages: the largest number of messages of a session.
  func hotSessions(_ ids: [String], messages: Int) async throws -> [HotSession]

  /// Returns some known sessions in the order of their ids, after one of them.
  func sessions(_ filter: SessionFilter, after id: String, limit: Int) async throws -> [KnownSession]

  /// Returns the differences between the rows of these sessions and what the audit trail gives.
  func checkSessions(_ ids: [String]) async throws -> [TableDifference]

  /// Looks for the rows of a lane's changes after an entry.
  ///
  /// - Parameters:
  ///   - session: only changes of this session count; nil: all.
  ///   - limit: the largest number of changes, of any session.
  func checkChanges(of lane: Int32, after entry: EntryID, session: String?, limit: Int) async throws -> CheckedChanges

  /// Returns the lane that follows another one by its number, also one that is not read any more; nil after the last one.
  func lane(after id: Int32) async throws -> (id: Int32, name: String)?

  /// Returns the lanes of a session's changes, each with an entry before the first of them.
  func lanes(ofSession id: String) async throws -> [(id: Int32, after: EntryID)]

  /// Returns what is known of sessions whose state in Redis differs, in the order asked.
  func evidence(of suspects: [SuspectSession]) async throws -> [HotEvidence]

  /// Returns the sessions of a lane's changes after an entry, each once.
  ///
  /// - Parameter limit: the largest number of changes.
  func changedSessions(of lane: Int32, after entry: EntryID, limit: Int) async throws -> [String]

  /// Returns the smallest number of messages that Redis was ever to keep of a session, which is at most `present`.
  func fewestHotMessages(_ present: Int) async throws -> Int

  /// Records of sessions that are equal in Redis and Postgres that they do not differ any more.
  func recordEqual(_ ids: [String]) async throws

  /// Records of sessions whose rows were checked that they do not differ any more, except for these differences.
  func recordChecked(_ ids: [String], _ found: [TableDifference]) async throws

  /// Records differences, each once while it is not repaired. Returns those that are new.
  func recordDivergences(_ found: [Divergence]) async throws -> [Divergence]

  /// Returns how many recorded differences between the state, in Redis or in the tables, and what it should be are not repaired; of one session
  /// where that is given.
  func openStateDivergences(of session: String?) async throws -> Int

  /// Folds the derived rows of a session again from the audit trail, and records what that repairs. Returns the differences that remain.
  func repairSession(_ id: String) async throws -> [TableDifference]

  /// Makes the row of a change again whose row is missing, where the audit trail has the whole change, and records the repair. Returns whether it
  /// does.
  func repairChange(of lane: Int32, at entry: EntryID) async throws -> Bool

  /// Records that sessions were written to Redis again from the ledger.
  func recordRebuilt(_ ids: [String]) async throws

  /// Returns how far the walks over the tables have come.
  func walks() async throws -> [StateWalk: WalkProgress]

  /// Records how far a walk has come.
  ///
  /// - Parameter place: where it goes on; nil at its end.
  func recordWalk(_ walk: StateWalk, place: String?) async throws
}

/// A difference between a row of the state and what the audit trail gives.
package struct TableDifference: Sendable, Equatable {
  package var session: String
  package var kind: Divergence.Kind
  /// The lane of the session's first change; nil where the ledger does not say it.
  package var lane: String?
  /// Names the table, the column and the position, never what stands there.
  package var detail: String
  /// The change whose row is missing.
  package var entry: EntryID?

  package init(session: String, kind: Divergence.Kind, lane: String? = nil, detail: String, entry: EntryID? = nil) {
    self.session = session
    self.kind = kind
    self.lane = lane
    self.detail = detail
    self.entry = entry
  }
}

/// Changes of a lane whose rows were looked for.
package struct CheckedChanges: Sendable, Equatable {
  package var differences: [TableDifference]
  /// The last change that was looked at; nil where there was none.
  package var through: EntryID?

  package init(differences: [TableDifference], through: EntryID?) {
    self.differences = differences
    self.through = through
  }
}

/// A session whose state in Redis differs from what the ledger has.
package struct SuspectSession: Sendable, Equatable {
  package var id: String
  package var lane: String
  /// The last change of the session in Redis.
  package var entry: EntryID
  /// The entry from which on Redis has its changes.
  package var start: EntryID
  /// A message behind which messages are counted.
  package var since: EntryID?

  package init(id: String, lane: String, entry: EntryID, start: EntryID, since: EntryID?) {
    self.id = id
    self.lane = lane
    self.entry = entry
    self.start = start
    self.since = since
  }
}
