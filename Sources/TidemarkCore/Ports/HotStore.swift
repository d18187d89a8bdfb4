/// The hot state of sessions in Redis. All methods throw ``SourceError``, and all but ``add(_:to:)`` may be called again after they threw: what
/// stands in Redis is compared in the same step in which it is changed.
package protocol HotStore: HotStateStore {
  /// Returns what Redis has of each session, in the order asked, and a time on its clock before it was asked, in Unix milliseconds.
  func presence(of sessions: [String]) async throws -> (readAt: Int64, presences: [HotPresence])

  /// Returns where these lanes stand in Redis, in the order asked.
  func lanes(named names: [String]) async throws -> [HotLane]

  /// Appends changes of a session in one atomic step, all or none, through the function library. A repetition with the same event ids takes
  /// effect once. Returns the id of the last change's entry.
  ///
  /// - Parameter expected: the number of the session's last change; nil: whatever it is.
  /// - Throws: ``HotRefusal``, ``SourceError``.
  func append(_ changes: [SessionChange], to session: String, expecting expected: Int64?) async throws -> EntryID

  /// Adds a change to the stream of a session's lane, as a producer that does not use the function library does. A repetition adds it again.
  /// Returns the entry's id.
  func add(_ change: SessionChange, to session: String) async throws -> EntryID

  /// Returns the oldest requests of these lanes that have any, each after an entry, and the time on Redis' clock in Unix milliseconds.
  ///
  /// - Parameter limit: the largest number of requests of a lane.
  func requests(of lanes: [(name: String, after: EntryID)], limit: Int) async throws -> (now: UInt64, requests: [LaneRequests])

  /// Removes requests of a lane.
  func removeRequests(_ ids: [EntryID], of lane: String) async throws

  /// Used memory divided by `maxmemory` on the server that holds a session; nil where there is no limit, or where the server does not report it.
  func memoryShare(beside session: String) async throws -> Double?

  /// Returns those of these sessions that ``evict(_:idleFor:for:)`` would remove.
  func evictable(_ sessions: [String], idleFor idle: Duration, for installation: InstallationID) async throws -> [EvictedSession]

  /// Removes those of these sessions that are durable, have not changed for `idle`, and whose last change is still the given one, each in one
  /// atomic step that compares all that. Returns the removed ones, each with the bytes that its keys took. A session that Redis refuses to
  /// remove is left out.
  func evict(
    _ sessions: [EvictedSession], idleFor idle: Duration, for installation: InstallationID
  ) async throws -> [(EvictedSession, bytes: Int)]
}

/// The state of sessions that are in Redis. All methods throw ``SourceError``, and may be called again after they threw.
package protocol HotStateStore: Sendable {
  /// Returns some sessions that are in Redis, of any lane, one server after another. A session that is there all the time is found once at least
  /// before `next` is nil. A session that Redis does not show is left out.
  ///
  /// - Parameter place: where the call before ended; nil to begin.
  func sessions(after place: HotPlace?, count: Int) async throws -> HotPage

  /// Returns each session as it is in Redis, in the order asked, and a time on its clock before it was asked, in Unix milliseconds. A session that
  /// is not there, or whose keys are of other types, is nil.
  func load(_ sessions: [String]) async throws -> (readAt: Int64, sessions: [LoadedSession?])

  /// Writes sessions, each in one atomic step. Returns for each whether it was written, or why Redis refuses it.
  ///
  /// - Throws: also where the lane's keys bear another installation's id (``SourceError/Kind/otherInstallation(_:)``).
  func restore(_ sessions: [HotRestore], for installation: InstallationID) async throws -> [Result<HotRestore.Outcome, SourceError>]
}

/// A place in the search for the sessions that are in Redis.
package struct HotPlace: Sendable, Equatable {
  /// The number of servers that are done.
  package var server: Int
  package var cursor: String

  package init(server: Int, cursor: String) {
    self.server = server
    self.cursor = cursor
  }
}

/// Why the function library refuses changes.
package enum HotRefusal: Error, Sendable, Equatable {
  /// The session is not in Redis.
  case cold
  /// The session's last change has this number.
  case conflict(last: Int64)
  /// The reason names the field.
  case invalid(String)
  /// A change's event id was used for another change.
  case eventIDReused
  /// Agents are asked to stop.
  case stopped
}
