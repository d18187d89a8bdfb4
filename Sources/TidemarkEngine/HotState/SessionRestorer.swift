package import TidemarkCore

/// Puts sessions back into Redis as the ledger knows them.
///
/// The ledger must have committed what Redis still holds of a session before, or the restore would put back the past: see
/// ``RestoreReadiness`` and ``CommitGoals``.
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

  /// Restores sessions that are not in Redis, and those that began there anew while the ledger knows more of them.
  ///
  /// - Parameters:
  ///   - overwrites: whether sessions that are in Redis are replaced, too.
  ///   - createsUnknown: whether a session of which the ledger knows nothing is made, empty.
  ///   - onlyEvicted: leaves all others alone. Of a session that a worker evicted the ledger has everything, whatever its lane still holds,
  ///     unless its server was promoted since (``EvictedSession/isWhole(at:history:)``).
  /// - Returns: the outcome of each session, in the order given; nil for one that is unknown and not made.
  /// - Throws: ``SourceError``, ``SinkError``; some sessions may be restored then, and the call may be repeated.
  package func restore(
    _ ids: [String], overwrites: Bool = false, createsUnknown: Bool = false, onlyEvicted: Bool = false
  ) async throws -> [RestoreOutcome?] {
    var outcomes: [RestoreOutcome?] = []
    var batch = Self.batch.upperBound
    while outcomes.count < ids.count {
      let part = Array(ids[outcomes.count..<min(outcomes.count + batch, ids.count)])
      let (found, bytes) = try await restoreBatch(part, overwrites, createsUnknown, onlyEvicted)
      outcomes += found
      // Large sessions go in smaller batches: a batch is held in memory, and sent at once.
      batch = min(max(batch * Self.batchBytes / max(bytes, 1), Self.batch.lowerBound), Self.batch.upperBound)
    }
    return outcomes
  }

  /// Returns the present histories of the data of the servers of these lanes, as far as they are known.
  private func histories(of lanes: [String]) async throws -> [String: String] {
    let found = try await store.lanes(named: lanes).map(\.history)
    return Dictionary(uniqueKeysWithValues: zip(lanes, found).compactMap { lane, history in history.map { (lane, $0) } })
  }

  private static let batch = 1...100
  private static let batchBytes = 4 << 20

  private func restoreBatch(
    _ ids: [String], _ overwrites: Bool, _ createsUnknown: Bool, _ onlyEvicted: Bool
  ) async throws -> (outcomes: [RestoreOutcome?], bytes: Int) {
    let (readAt, presences) = try await store.presence(of: ids)
    var outcomes: [RestoreOutcome?] = presences.map { if case .hot = $0, !overwrites { .alreadyHot } else { nil } }
    let wanted = ids.indices.filter { outcomes[$0] == nil && (!onlyEvicted || presences[$0] == .absent) }
    guard !wanted.isEmpty else { return (outcomes, 0) }
    let names = wanted.map { ids[$0] }
    // From here on these records tell no numbers, whatever follows: see ``HotStateLedger/takeEvicted(_:)``.
    let evicted = Dictionary(try await ledger.takeEvicted(names).map { (SessionKey($0.id), $0) }) { $1 }
    if onlyEvicted, evicted.isEmpty { return (outcomes, 0) }
    // The cursors before the sessions: what is committed by then is in what is read.
    let records = try await ledger.records(of: Set(names.compactMap { lanes.hotKeys(of: $0)?.partition.changes }).sorted())
    let served = try await ledger.servedLanes(records.keys.sorted())
    let histories = onlyEvicted ? try await self.histories(of: records.keys.sorted()) : [:]
    let known = Dictionary(try await ledger.hotSessions(names, messages: messages).map { (SessionKey($0.id), $0) }) { $1 }
    var restores: [(place: Int, restore: HotRestore)] = []
    var left: [EvictedSession] = []
    var returned: [String] = []
    for place in wanted {
      let key = SessionKey(ids[place])
      let record = lanes.hotKeys(of: ids[place]).flatMap { records[$0.partition.changes] }
      if case .fresh(let fresh) = presences[place], (record?.cursor.position ?? .zero) < fresh.entry {
        outcomes[place] = .changedMeanwhile
        // The session is numbered in another epoch since, so the record stays true.
        if let evicted = evicted[key] { left.append(evicted) }
        continue
      }
      guard known[key] != nil || createsUnknown else { continue }
      let restore = HotRestore(
        ids[place], known: known[key], evicted: evicted[key], presence: presences[place], lane: record,
        isServed: record.map { served.contains($0.name) } ?? false, overwrites: overwrites, readAt: readAt)
      let isWhole = evicted[key]?.isWhole(at: record?.cursor.position ?? .zero, history: record.flatMap { histories[$0.name] }) ?? false
      if onlyEvicted, !isWhole || restore.numbering == .beginsAnew {
        if let evicted = evicted[key] { left.append(evicted) }
      } else {
        restores.append((place, restore))
      }
    }
    for ((place, restore), result) in zip(restores, try await store.restore(restores.map(\.restore), for: installation)) {
      switch result {
      case .success(.written):
        outcomes[place] = .restored(isKnown: known[SessionKey(ids[place])] != nil)
        if evicted[SessionKey(ids[place])] != nil { returned.append(ids[place]) }
        continue
      case .success(.changed):
        outcomes[place] = .changedMeanwhile
        continue
      case .success(.unmarked): outcomes[place] = .changedMeanwhile
      case .failure(let error): outcomes[place] = .refused(error)
      }
      // Redis wrote nothing, so the session is as it was.
      if let evicted = evicted[SessionKey(restore.session.id)] { left.append(evicted) }
    }
    try await ledger.recordEvicted(left)
    try await ledger.forgetEvicted(returned)
    return (outcomes, restores.reduce(0) { $0 + $1.restore.session.byteCount })
  }
}
