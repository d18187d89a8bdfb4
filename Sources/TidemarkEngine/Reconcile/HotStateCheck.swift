package import TidemarkCore

/// Compares sessions in Redis with what the ledger has of them, and writes those again that are wrong, as ``HotVerdict`` decides.
///
/// A change in flight is no difference: Redis is read before the ledger, only sessions whose last change the ledger has passed are compared, and
/// a session that seems to differ is read again on both sides, between two readings of Redis that must be the same.
package struct HotStateCheck: Sendable {
  package struct Result: Sendable {
    /// What is different, whether or not it was recorded before.
    package var found: [Divergence] = []
    /// What was not recorded before.
    package var new: [Divergence] = []
    /// The number of sessions that were written to Redis again.
    package var repaired = 0
    /// The number of bytes that were read.
    package var bytes = 0
  }

  /// How far the rows of a session are looked for before it is written again: a million changes of its lane.
  private static let changes = 1_000
  private static let mostPages = 1_000

  private let store: any HotStateStore
  private let ledger: any StateCheckLedger
  private let lanes: LaneCatalog
  private let messages: Int

  /// - Parameter messages: the largest number of messages that Redis keeps of a session: `hot.messages`.
  package init(store: any HotStateStore, ledger: any StateCheckLedger, lanes: LaneCatalog, messages: Int) {
    self.store = store
    self.ledger = ledger
    self.lanes = lanes
    self.messages = messages
  }

  /// - Parameters:
  ///   - repairs: whether sessions are written again of which the ledger has all changes.
  ///   - isDry: whether nothing is recorded.
  /// - Throws: ``SourceError``, ``SinkError``.
  package func check(_ ids: [String], repairs: Bool, isDry: Bool = false) async throws -> Result {
    var result = Result()
    let first = try await read(ids)
    result.bytes = first.bytes
    let suspects = first.sessions.compactMap { session -> (id: String, since: EntryID?)? in
      guard case .suspect(let since) = verdict(session, nil, fewest: 0) else { return nil }
      return (session.id, since)
    }
    if !isDry { try await ledger.recordEqual(first.sessions.filter { verdict($0, nil, fewest: 0) == .equal }.map(\.id)) }
    guard !suspects.isEmpty else { return result }
    let fewest = try await ledger.fewestHotMessages(messages)
    let again = try await read(suspects.map(\.id))
    let asked = zip(again.sessions, suspects).compactMap { session, suspect -> SuspectSession? in
      guard let hot = session.hot, let entry = hot.entry else { return nil }
      return SuspectSession(id: session.id, lane: session.lane, entry: entry, start: hot.start ?? .zero, since: suspect.since)
    }
    let evidence = Dictionary(zip(asked.map { SessionKey($0.id) }, try await ledger.evidence(of: asked))) { $1 }
    let last = try await store.load(suspects.map(\.id)).sessions
    var wrong: [(session: Read.Session, kind: Divergence.Kind)] = []
    for (session, hot) in zip(again.sessions, last) where hot == session.hot {
      guard case .different(let kind, let detail) = verdict(session, evidence[SessionKey(session.id)], fewest: fewest) else { continue }
      wrong.append((session, kind))
      result.found.append(Divergence(lane: session.lane, session: session.id, kind: kind, subject: "state", detail: detail))
    }
    guard !isDry else { return result }
    result.new = try await ledger.recordDivergences(result.found)
    if repairs { result.repaired = try await rebuild(wrong.filter(\.kind.isRebuilt).map(\.session)) }
    return result
  }

  private func verdict(_ session: Read.Session, _ evidence: HotEvidence?, fewest: Int) -> HotVerdict {
    HotVerdict(session.hot, session.known, committed: session.committed, evidence: evidence, limit: messages, fewest: fewest)
  }

  /// Sessions as both sides have them, Redis first.
  private struct Read: Sendable {
    struct Session: Sendable {
      var id: String
      var lane: String
      var hot: LoadedSession?
      var known: HotSession?
      var committed: EntryID
      var installation: InstallationID?
    }

    var readAt: Int64
    var sessions: [Session]
    var bytes: Int
  }

  private func read(_ ids: [String]) async throws -> Read {
    let (readAt, loaded) = try await store.load(ids)
    let present = zip(ids, loaded).filter { $0.1 != nil }.map(\.0)
    let names = ids.map { lanes.hotKeys(of: $0)?.partition.changes ?? "" }
    // The cursors before the sessions: what is committed by then is in what is read.
    let records = Dictionary(try await ledger.lanes(named: Set(names).sorted()).map { ($0.name, $0) }) { $1 }
    let known = try await ledger.hotSessions(present, messages: messages)
    let byID = Dictionary(known.map { (SessionKey($0.id), $0) }) { $1 }
    let sessions = ids.indices.map { place in
      Read.Session(
        id: ids[place], lane: names[place], hot: loaded[place], known: byID[SessionKey(ids[place])],
        committed: records[names[place]]?.cursor.position ?? .zero,
        installation: records[names[place]]?.installation)
    }
    let bytes = loaded.reduce(0) { $0 + ($1?.byteCount ?? 0) } + known.reduce(0) { $0 + $1.byteCount }
    return Read(readAt: readAt, sessions: sessions, bytes: bytes)
  }

  /// Writes sessions again of which the ledger has everything that Redis has. Returns how many were written; the others changed meanwhile, or
  /// rows of theirs are missing or wrong: Redis may show what the ledger lost.
  private func rebuild(_ wrong: [Read.Session]) async throws -> Int {
    var whole: [Read.Session] = []
    for session in wrong where try await isWhole(session.id) { whole.append(session) }
    guard !whole.isEmpty else { return 0 }
    let last = try await read(whole.map(\.id))
    let restores = zip(whole, last.sessions).compactMap { judged, session -> HotRestore? in
      guard session.hot == judged.hot, let standing = session.hot?.numbering, let known = session.known else { return nil }
      return HotRestore(rebuilding: standing, as: known, readAt: last.readAt)
    }
    guard let installation = last.sessions.compactMap(\.installation).first else { return 0 }
    let outcomes = try await store.restore(restores, for: installation)
    let written = zip(restores, outcomes).compactMap { restore, outcome in
      (try? outcome.get()) == .written ? restore.session.id : nil
    }
    try await ledger.recordRebuilt(written)
    return written.count
  }

  /// Returns whether all rows of a session are there and right, as far as the ledger can tell.
  private func isWhole(_ id: String) async throws -> Bool {
    guard try await ledger.checkSessions([id]).isEmpty else { return false }
    for lane in try await ledger.lanes(ofSession: id) {
      var place = lane.after
      var pages = 0
      while true {
        let checked = try await ledger.checkChanges(of: lane.id, after: place, session: id, limit: Self.changes)
        guard checked.differences.isEmpty, pages < Self.mostPages else { return false }
        guard let through = checked.through else { break }
        place = through
        pages += 1
      }
    }
    return true
  }
}

extension Divergence.Kind {
  /// Whether the session in Redis is written again from the ledger, which has all of its changes.
  fileprivate var isRebuilt: Bool { [.hotMissing, .hotOlder, .hotDifferent, .bypassed].contains(self) }
}
