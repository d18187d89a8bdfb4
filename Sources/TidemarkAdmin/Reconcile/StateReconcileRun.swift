package import TidemarkCore
internal import TidemarkEngine

/// Compares the state of all sessions on demand: in Redis with Postgres, and the tables with the audit trail. Workers may run at the same time.
///
/// It holds one piece at a time, whatever the number of sessions.
package struct StateReconcileRun: Sendable {
  package struct Progress: Sendable, Equatable {
    /// The sessions that were compared in Redis, and in the tables.
    package var hot = 0
    package var sessions = 0
    /// The changes whose rows were looked for.
    package var changes = 0
    package var found = 0
    package var repaired = 0
  }

  private static let page = 500
  /// The sessions that are compared at once: as many as take about a second, since one statement reads all that they ever were.
  private static let portions = 1...100
  private static let portionTime = Duration.seconds(1)
  private static let changes = 1_000

  private let hot: HotStateCheck
  private let tables: TableCheck
  private let store: any HotStateStore
  private let ledger: any StateCheckLedger
  private let options: ReconcileOptions
  private let clock: any WorkerClock

  /// - Parameter messages: the largest number of messages that Redis keeps of a session: `hot.messages`.
  package init(
    store: any HotStateStore, ledger: any StateCheckLedger, lanes: LaneCatalog, messages: Int, options: ReconcileOptions,
    clock: any WorkerClock = SystemClock()
  ) {
    hot = HotStateCheck(store: store, ledger: ledger, lanes: lanes, messages: messages)
    tables = TableCheck(ledger: ledger, lanes: lanes, repairs: options.repairs, isDry: options.isDry)
    self.store = store
    self.ledger = ledger
    self.options = options
    self.clock = clock
  }

  /// - Parameter report: is called with what is different; without a dry run it is recorded, too.
  /// - Throws: ``SinkError``, ``SourceError``; what was found until then is recorded.
  package func run(progress: (Progress) -> Void, report: ([Divergence]) throws -> Void) async throws -> Progress {
    var state = Progress()
    func add(_ found: [Divergence], _ repaired: Int) throws {
      state.found += found.count
      state.repaired += repaired
      try report(found)
      progress(state)
    }
    try await compareSessions { ids in
      let result = try await tables.check(ids)
      state.sessions += ids.count
      try add(result.found, result.repaired)
    }
    try await compareChanges { lane, entry in
      let (result, through) = try await tables.checkChanges(of: lane, after: entry, session: options.session, limit: Self.changes)
      state.changes += Self.changes
      try add(result.found, result.repaired)
      return through
    }
    // Last, because only sessions whose rows are right are written to Redis again.
    try await compareHot { ids in
      let result = try await hot.check(ids, repairs: options.repairs, isDry: options.isDry)
      state.hot += ids.count
      try add(result.found, result.repaired)
    }
    return state
  }

  private func compareHot(_ check: ([String]) async throws -> Void) async throws {
    if let session = options.session { return try await check([session]) }
    var place: HotPlace?
    var portion = Self.portions.lowerBound
    repeat {
      let page = try await store.sessions(after: place, count: Self.page)
      var rest = page.sessions.map(\.id)[...]
      while !rest.isEmpty {
        let start = clock.now
        try await check(Array(rest.prefix(portion)))
        rest = rest.dropFirst(portion)
        portion = Self.size(after: portion, thatTook: start.duration(to: clock.now))
      }
      place = page.next
    } while place != nil
  }

  private func compareSessions(_ check: ([String]) async throws -> Void) async throws {
    if let session = options.session { return try await check([session]) }
    var last = ""
    var portion = Self.portions.lowerBound
    while true {
      let start = clock.now
      let ids = try await ledger.sessions(SessionFilter(), after: last, limit: portion).map(\.id)
      guard let end = ids.last else { return }
      try await check(ids)
      last = end
      portion = Self.size(after: portion, thatTook: start.duration(to: clock.now))
    }
  }

  private static func size(after size: Int, thatTook time: Duration) -> Int {
    if time > portionTime { return max(portions.lowerBound, size / 2) }
    return time < portionTime / 4 ? min(portions.upperBound, size * 2) : size
  }

  private func compareChanges(_ check: (Int32, EntryID) async throws -> EntryID?) async throws {
    if let session = options.session {
      for lane in try await ledger.lanes(ofSession: session) {
        var place = lane.after
        while let next = try await check(lane.id, place) { place = next }
      }
      return
    }
    var id = Int32.min
    while let lane = try await ledger.lane(after: id) {
      var place = EntryID.zero
      while let next = try await check(lane.id, place) { place = next }
      id = lane.id
    }
  }
}
