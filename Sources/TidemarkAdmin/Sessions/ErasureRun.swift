package import TidemarkCore
package import TidemarkPostgres
package import TidemarkRedis

/// The erasure of the sessions of a subject from both servers, as `tidemark forget` runs it.
///
/// Each step may be repeated, and what has been done is in the ledger: an erasure that was interrupted goes on when it is run again. The order
/// matters. First the sessions are marked, in the ledger, so that nothing can bring them back; then, once no transaction is under way that began
/// before, they are erased there; then in Redis, where their entries are removed only behind the lanes' cursors. At last everything is read.
package struct ErasureRun: Sendable {
  /// The sessions that are handled at once.
  private static let page = 1_000
  /// The entries that are removed in one atomic step of Redis.
  private static let portion = 500

  private let ledger: ErasureStore
  private let lanesOfLedger: any LaneLedger
  private let store: RedisHotStore
  private let lanes: LaneCatalog
  private let installation: InstallationID

  package init(
    ledger: ErasureStore, lanesOfLedger: any LaneLedger, store: RedisHotStore, lanes: LaneCatalog, installation: InstallationID
  ) {
    self.ledger = ledger
    self.lanesOfLedger = lanesOfLedger
    self.store = store
    self.lanes = lanes
    self.installation = installation
  }

  /// Counts what an erasure would erase, by table; `hot_sessions` and `entries` are in Redis. Changes nothing.
  package func preview(_ subject: ErasureSubject, progress: (String) -> Void) async throws -> [String: Int] {
    var counts: [String: Int] = [:]
    var ids: Set<SessionKey> = []
    let tables = try await ledger.tables()
    var last = ""
    while true {
      var page = try await ledger.sessions(of: subject, through: .max, after: last, limit: Self.page)
      // A session without a row may have dead letters, or be in Redis.
      if subject.kind == .session, last.isEmpty { page = [subject.name] }
      guard let end = page.last else { break }
      last = end
      ids.formUnion(page.map { SessionKey($0) })
      for table in tables { counts[table, default: 0] += try await ledger.count(page, in: table) }
      counts["hot_sessions", default: 0] += try await store.traces(of: page, begunBy: .max).count
      progress("\(ids.count) sessions")
      if subject.kind == .session { break }
    }
    for lane in lanes.partitionLanes {
      try await read(lane, through: .max, of: ids) { counts["entries", default: 0] += $0.count }
    }
    return counts
  }

  /// Erases, and returns the receipt. It is not finished if anything was left.
  ///
  /// - Parameters:
  ///   - isRefused: whether later changes of the sessions become dead letters: `forget.refuse`.
  ///   - host: the machine of the command.
  ///   - waitForCommits: waits until the ledger has what the streams of these lanes hold at the moment.
  package func run(
    _ subject: ErasureSubject, isRefused: Bool, host: String, waitForCommits: ([String]) async throws -> Void, progress: (String) -> Void
  ) async throws -> (receipt: ErasureStore.Receipt, isResumed: Bool) {
    let (erasure, isResumed) = try await ledger.begin(subject, isRefused: isRefused, host: host)
    // What waits in the streams may say whose sessions there are.
    progress("waiting for commits")
    try await waitForCommits(subject.kind == .session ? [lane(of: subject.name)] : lanes.partitionLanes)
    let boundary = try await ends().map(\.ms).max() ?? 0
    try await mark(subject, through: Int64(clamping: boundary), in: erasure, progress)

    progress("erasing from PostgreSQL")
    try await ledger.eraseSessions(of: erasure)
    for table in ErasureStore.pagedTables { try await ledger.erasePages(of: table, in: erasure) }

    progress("erasing from Redis")
    var forgottenAt = Int64(clamping: boundary)
    var ids: Set<SessionKey> = []
    try await forEachPage(of: erasure) { page in
      let (removed, now) = try await store.forget(page, for: installation)
      try await ledger.note(removed, "hot_sessions", in: erasure)
      forgottenAt = max(forgottenAt, now)
      ids.formUnion(page.map { SessionKey($0) })
    }
    try await ledger.note(try await removeRequests(of: ids), "requests", in: erasure)
    let ends = Dictionary(uniqueKeysWithValues: zip(lanes.partitionLanes, try await ends()))
    try await eraseEntries(of: ids, through: ends, in: erasure, waitForCommits, progress)
    forgottenAt = max(forgottenAt, Int64(clamping: ends.values.map(\.ms).max() ?? 0))

    progress("reading everything again")
    let left = try await traces(of: erasure, ids, through: ends, begunBy: forgottenAt)
    return (try await ledger.finish(erasure, through: forgottenAt, left: left), isResumed)
  }

  private func lane(of session: String) -> String { lanes.hotKeys(of: session)?.partition.changes ?? "" }

  /// The last ids that the lanes' streams gave.
  private func ends() async throws -> [EntryID] {
    try await store.lanes(named: lanes.partitionLanes).map { $0.end ?? .zero }
  }

  /// Marks all sessions of the subject. A transaction that was under way may have made the row of a session again without having seen its mark:
  /// it is over when the writers were waited for, and whatever begins later sees the marks. So it is done when nothing is found after a wait.
  private func mark(_ subject: ErasureSubject, through ms: Int64, in erasure: Int64, _ progress: (String) -> Void) async throws {
    var total = 0
    var rounds = 0
    var found = 0
    repeat {
      found = 0
      rounds += 1
      if subject.kind == .session { found += try await ledger.mark([subject.name], in: erasure) }
      var last = ""
      while subject.kind != .session {
        let page = try await ledger.sessions(of: subject, through: ms, after: last, limit: Self.page)
        guard let end = page.last else { break }
        last = end
        found += try await ledger.mark(page, in: erasure)
        total += page.count
        progress("\(total) sessions are marked")
      }
      if rounds > 1 {
        try await forEachPage(of: erasure) { page in
          if try await ledger.count(page, in: "sessions") > 0 { found += try await ledger.mark(page, in: erasure) }
        }
      }
      try await ledger.waitForWriters()
    } while found > 0 || rounds < 2
  }

  private func forEachPage(of erasure: Int64, _ body: ([String]) async throws -> Void) async throws {
    var last = ""
    while true {
      let page = try await ledger.sessions(of: erasure, after: last, limit: Self.page)
      guard let end = page.last else { return }
      last = end
      try await body(page)
    }
  }

  private func removeRequests(of ids: Set<SessionKey>) async throws -> Int {
    var removed = 0
    for lane in try await requests(of: ids) {
      try await store.removeRequests(lane.ids, of: lane.name)
      removed += lane.ids.count
    }
    return removed
  }

  private func requests(of ids: Set<SessionKey>) async throws -> [(name: String, ids: [EntryID])] {
    try await store.requests(of: lanes.partitionLanes.map { ($0, .zero) }, limit: 10_000).requests.map { lane in
      let wanted = lane.entries.filter { entry in
        switch entry.request {
        case .restore(let session): ids.contains(SessionKey(session))
        case .fork(let session, let new, _): ids.contains(SessionKey(session)) || ids.contains(SessionKey(new))
        case .invalid: false
        }
      }
      return (lane.lane, wanted.map(\.id))
    }
  }

  /// Removes the sessions' entries from all lanes. Those that are not behind the cursor yet are waited for; where the last entry of a lane is one
  /// of them, another one without effect has to follow it, because a lane is known by the entry at its cursor.
  private func eraseEntries(
    of ids: Set<SessionKey>, through ends: [String: EntryID], in erasure: Int64, _ waitForCommits: ([String]) async throws -> Void,
    _ progress: (String) -> Void
  ) async throws {
    var waiting: [String: [StreamEntries.Entry]] = [:]
    for (lane, end) in ends.sorted(by: { $0.key < $1.key }) {
      let record = try await lanesOfLedger.records(of: [lane])[lane]
      try await read(lane, through: end, of: ids) { entries in
        let cursor = record?.cursor.position ?? .zero
        waiting[lane, default: []] += entries.filter { $0.id >= cursor }
        guard let record else { return }
        try await ledger.note(
          try await store.erase(entries.filter { $0.id < cursor }, of: record, for: installation), "entries", in: erasure)
        progress("erasing from Redis: \(lane)")
      }
    }
    waiting = waiting.filter { !$0.value.isEmpty }
    guard !waiting.isEmpty else { return }
    progress("waiting for commits")
    for lane in waiting.keys.sorted() { try await store.addMarker(to: lane) }
    try await waitForCommits(waiting.keys.sorted())
    for (lane, entries) in waiting.sorted(by: { $0.key < $1.key }) {
      guard let record = try await lanesOfLedger.records(of: [lane])[lane] else { continue }
      for start in stride(from: 0, to: entries.count, by: Self.portion) {
        let portion = Array(entries[start..<min(start + Self.portion, entries.count)])
        try await ledger.note(try await store.erase(portion, of: record, for: installation), "entries", in: erasure)
      }
    }
  }

  /// Reads a lane up to an entry, and hands over those of these sessions.
  private func read(
    _ lane: String, through end: EntryID, of ids: Set<SessionKey>, _ body: ([StreamEntries.Entry]) async throws -> Void
  ) async throws {
    var size = EntryPageSize()
    var last = EntryID.zero
    while last < end {
      let page = try await store.entries(of: lane, after: last, count: size.count)
      let wanted = page.entries.filter { $0.id <= end && ids.contains(SessionKey($0.session)) }
      if !wanted.isEmpty { try await body(wanted) }
      guard let next = page.last else { return }
      last = next
      size.read(entries: page.count, bytes: page.bytes)
    }
  }

  /// Counts what is left of the sessions, by table and by kind of key.
  private func traces(
    of erasure: Int64, _ ids: Set<SessionKey>, through ends: [String: EntryID], begunBy ms: Int64
  ) async throws -> [String: Int] {
    var left: [String: Int] = [:]
    let tables = try await ledger.tables()
    try await forEachPage(of: erasure) { page in
      for table in tables { left[table, default: 0] += try await ledger.count(page, in: table) }
      left["hot_sessions", default: 0] += try await store.traces(of: page, begunBy: ms).count
    }
    for (lane, end) in ends { try await read(lane, through: end, of: ids) { left["entries", default: 0] += $0.count } }
    return left.filter { $0.value > 0 }
  }
}
