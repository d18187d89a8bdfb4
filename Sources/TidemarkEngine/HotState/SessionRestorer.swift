package import TidemarkCore

/// Puts sessions back into Redis as the ledger knows them.
///
/// The ledger must have committed what Redis still holds of a session before, or the restore would put back the past: see ``ends(of:)``.
package struct SessionRestorer: Sendable {
  private let ledger: any HotStateLedger & LaneLedger
  private let store: any HotStore
  private let lanes: LaneCatalog
  private let installation: InstallationID
  private let messages: Int

  /// - Parameter messages: the largest number of messages of a session that are put back: `hot.messages`.
  package init(
    ledger: any HotStateLedger & LaneLedger, store: any HotStore, lanes: LaneCatalog, installation: InstallationID, messages: Int
  ) {
    self.ledger = ledger
    self.store = store
    self.lanes = lanes
    self.installation = installation
    self.messages = messages
  }

  /// The last entry of each of these lanes that has a stream. Once the ledger has committed them, its sessions are as new as Redis.
  ///
  /// - Throws: ``SourceError``.
  package func ends(of lanes: [String]) async throws -> [String: EntryID] {
    var ends: [String: EntryID] = [:]
    for (lane, end) in zip(lanes, try await store.lastIDs(of: lanes)) { ends[lane] = end }
    return ends
  }

  /// Restores sessions that are not in Redis, and those that began there anew while the ledger knows more of them.
  ///
  /// - Parameters:
  ///   - overwrites: whether sessions that are in Redis are replaced, too.
  ///   - createsUnknown: whether a session of which the ledger knows nothing is made, empty.
  ///   - onlyEvicted: leaves all others alone. Of a session that a worker evicted the ledger has everything, whatever its lane still holds.
  /// - Returns: the outcome of each session; a session that is unknown and not made has none.
  /// - Throws: ``SourceError``, ``SinkError``; some sessions may be restored then, and the call may be repeated.
  package func restore(
    _ ids: [String], overwrites: Bool = false, createsUnknown: Bool = false, onlyEvicted: Bool = false
  ) async throws -> [String: RestoreOutcome] {
    var outcomes: [String: RestoreOutcome] = [:]
    var presences: [String: HotPresence] = [:]
    for (id, presence) in zip(ids, try await store.presence(of: ids)) {
      if presence == .hot, !overwrites { outcomes[id] = .alreadyHot } else { presences[id] = presence }
    }
    let wanted = ids.filter { id in
      guard let presence = presences[id] else { return false }
      return !onlyEvicted || presence == .absent
    }
    guard !wanted.isEmpty else { return outcomes }
    // The records of evictions end here, whatever follows: see ``HotStateLedger/takeEvicted(_:)``.
    let evicted = Dictionary(try await ledger.takeEvicted(wanted).map { ($0.id, $0) }) { $1 }
    if onlyEvicted, evicted.isEmpty { return outcomes }
    let known = Dictionary(try await ledger.hotSessions(wanted, messages: messages).map { ($0.id, $0) }) { $1 }
    let incarnations = try await incarnations(of: wanted)
    let restores = wanted.compactMap { id -> HotRestore? in
      guard known[id] != nil || createsUnknown else { return nil }
      let restore = HotRestore(
        id, known: known[id], evicted: evicted[id], presence: presences[id] ?? .absent, incarnation: incarnations[id, default: 0],
        overwrites: overwrites)
      return onlyEvicted && restore.numbering == .beginsAnew ? nil : restore
    }
    for (restore, isWritten) in zip(restores, try await store.restore(restores, for: installation)) {
      let id = restore.session.id
      outcomes[id] = isWritten ? .restored(isKnown: known[id] != nil) : .changedMeanwhile
    }
    return outcomes
  }

  /// The present incarnation of each session's lane.
  private func incarnations(of ids: [String]) async throws -> [String: Int64] {
    let laneOfSession = Dictionary(ids.compactMap { id in lanes.hotKeys(of: id).map { (id, $0.partition.changes) } }) { $1 }
    let records = try await ledger.lanes(named: Set(laneOfSession.values).sorted())
    let incarnations = Dictionary(records.map { ($0.name, $0.incarnation) }) { $1 }
    return laneOfSession.compactMapValues { incarnations[$0] }
  }
}
