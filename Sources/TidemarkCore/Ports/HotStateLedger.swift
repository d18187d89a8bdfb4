/// What the ledger knows of sessions for their hot state in Redis. All methods throw ``SinkError``. All but ``takeEvicted(_:)`` may be called
/// again after they threw.
package protocol HotStateLedger: Sendable {
  /// Returns the hot state of those of these sessions that the ledger knows.
  ///
  /// - Parameter messages: the largest number of messages of a session.
  func hotSessions(_ ids: [String], messages: Int) async throws -> [HotSession]

  /// Returns some known sessions in the order of their ids, after one of them.
  func sessions(_ filter: SessionFilter, after id: String, limit: Int) async throws -> [KnownSession]

  /// Returns those of these lanes whose shards a worker holds: under a lease that has not run out, or over a connection that is still there. Such
  /// a worker may commit what it has read.
  func servedLanes(_ lanes: [String]) async throws -> Set<String>

  /// Takes those of these lanes that no worker serves from the owners that they still have, so that an owner that was cut off from the ledger
  /// commits nothing more of what it has read.
  func fenceUnserved(_ lanes: [String]) async throws

  /// Returns the changes that make a new session of what a session was after an entry; nil: as it is now. Empty for an unknown session.
  func forkChanges(of session: String, at entry: EntryID?) async throws -> [SessionChange]

  /// Returns those of these sessions that had begun at the time of an entry.
  func begunSessions(_ ids: [String], by entry: EntryID) async throws -> [String]

  /// Returns the changes that bring a session back to what it was after an entry, by going on from what the ledger has of it.
  func rewindChanges(of session: String, to entry: EntryID) async throws -> [SessionChange]

  /// Records sessions that were evicted, each over an earlier record. One that is about to be evicted, without an incarnation, is not recorded
  /// over the record of an eviction at the same entry.
  func recordEvicted(_ sessions: [EvictedSession]) async throws

  /// Completes the records of sessions that were about to be evicted, and are by now, without writing their event ids again. Returns those whose
  /// records are gone or of another entry; they are to be recorded whole.
  func recordNumbers(of sessions: [EvictedSession]) async throws -> [EvictedSession]

  /// Returns the records of the evictions of these sessions as they were, and takes their incarnations away. It must come before the sessions
  /// are written to Redis: a record with an incarnation while its session is numbered on would lead to numbers that are used twice. Where the
  /// call or what follows fails, numbering begins anew.
  func takeEvicted(_ ids: [String]) async throws -> [EvictedSession]

  /// Removes those records of these sessions that have no incarnation, because the sessions are in Redis.
  func forgetEvicted(_ ids: [String]) async throws
}

/// A session that the ledger knows.
package struct KnownSession: Sendable, Equatable {
  package var id: String
  /// Whether the function library writes the session; else plain XADD does, and the session has no state in Redis.
  package var isNumbered: Bool

  package init(id: String, isNumbered: Bool) {
    self.id = id
    self.isNumbered = isNumbered
  }
}

/// Selects sessions. A condition that is nil selects all.
package struct SessionFilter: Sendable, Equatable {
  package var agent: String?
  package var user: String?
  package var tenant: String?
  package var status: String?

  package init(agent: String? = nil, user: String? = nil, tenant: String? = nil, status: String? = nil) {
    self.agent = agent
    self.user = user
    self.tenant = tenant
    self.status = status
  }
}
