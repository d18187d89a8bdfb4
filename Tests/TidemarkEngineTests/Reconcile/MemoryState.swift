import Synchronization
import TidemarkCore

/// Sessions in Redis and in the ledger, in memory, for the check of the state.
final class MemoryState: HotStateStore, StateCheckLedger {
  struct State {
    var hot: [String: LoadedSession] = [:]
    var known: [String: HotSession] = [:]
    var committed = EntryID.max
    var evidence: [String: HotEvidence] = [:]
    var fewest = 200
    /// What happens to the sessions in Redis after they were read so many times.
    var after: [Int: @Sendable (inout State) -> Void] = [:]
    var reads = 0
    var recorded: [Divergence] = []
    var rebuilt: [String] = []
    var equal: [String] = []
    var restores: [HotRestore] = []
    /// What the tables differ in, by session; and the rows that are missing, by the lane.
    var rows: [String: [TableDifference]] = [:]
    var missing: [Int32: [TableDifference]] = [:]
    var changes: [Int32: [EntryID]] = [:]
    var changed: [String] = []
    var repairedSessions: [String] = []
    var repairedChanges: [EntryID] = []
    var walks: [StateWalk: String?] = [:]
    var failure: SinkError?
  }

  let state = Mutex(State())

  // Redis.

  func sessions(after place: HotPlace?, count: Int) async throws -> HotPage {
    state.withLock { state in
      let found = state.hot.keys.sorted().map { FoundSession(id: $0, lane: "lane", usedAt: 0, isDurable: true) }
      return HotPage(sessions: found, now: 0, next: nil)
    }
  }

  func load(_ sessions: [String]) async throws -> (readAt: Int64, sessions: [LoadedSession?]) {
    state.withLock { state in
      let loaded = sessions.map { state.hot[$0] }
      state.reads += 1
      state.after[state.reads]?(&state)
      return (Int64(state.reads), loaded)
    }
  }

  func restore(_ sessions: [HotRestore], for installation: InstallationID) async throws -> [Result<HotRestore.Outcome, SourceError>] {
    state.withLock { state in
      state.restores += sessions
      return sessions.map { restore in
        guard case .fresh(let standing) = restore.expected, state.hot[restore.session.id]?.entry == standing.entry else {
          return .success(.changed)
        }
        return .success(.written)
      }
    }
  }

  // The ledger.

  func lanes(named names: [String]) async throws -> [LaneRecord] {
    state.withLock { state in
      names.map { name in
        LaneRecord(
          laneID: 1, name: name, shard: 0, fence: 1, incarnation: 1, cursor: LaneCursor(position: state.committed, appliedNo: 0),
          ordinal: 1,
          baseline: 0, owner: "w")
      }
    }
  }

  func hotSessions(_ ids: [String], messages: Int) async throws -> [HotSession] {
    try state.withLock { state in
      if let failure = state.failure { throw failure }
      return ids.compactMap { state.known[$0] }
    }
  }

  func sessions(_ filter: SessionFilter, after id: String, limit: Int) async throws -> [KnownSession] {
    state.withLock { $0.known.keys.sorted().filter { $0 > id }.prefix(limit).map { KnownSession(id: $0, isNumbered: true) } }
  }

  func checkSessions(_ ids: [String]) async throws -> [TableDifference] { state.withLock { state in ids.flatMap { state.rows[$0] ?? [] } } }

  func checkChanges(of lane: Int32, after entry: EntryID, session: String?, limit: Int) async throws -> CheckedChanges {
    state.withLock { state in
      let some = (state.changes[lane] ?? []).filter { $0 > entry }.prefix(limit)
      let missing = (state.missing[lane] ?? []).filter { some.contains($0.entry ?? .zero) && (session ?? $0.session) == $0.session }
      return CheckedChanges(differences: missing, through: some.last)
    }
  }

  func lane(after id: Int32) async throws -> (id: Int32, name: String)? {
    state.withLock { $0.changes.keys.filter { $0 > id }.min().map { ($0, "lane") } }
  }

  func lanes(ofSession id: String) async throws -> [(id: Int32, after: EntryID)] {
    state.withLock { $0.changes.keys.sorted().map { ($0, .zero) } }
  }

  func evidence(of suspects: [SuspectSession]) async throws -> [HotEvidence] {
    state.withLock { state in suspects.map { state.evidence[$0.id] ?? HotEvidence(isKnown: state.known[$0.id] != nil) } }
  }

  func changedSessions(of lane: Int32, after entry: EntryID, limit: Int) async throws -> [String] { state.withLock { $0.changed } }
  func fewestHotMessages(_ present: Int) async throws -> Int { state.withLock { min($0.fewest, present) } }

  func recordEqual(_ ids: [String]) async throws { state.withLock { $0.equal += ids } }
  func recordChecked(_ ids: [String], _ found: [TableDifference]) async throws {}

  func recordDivergences(_ found: [Divergence]) async throws -> [Divergence] {
    state.withLock { state in
      let new = found.filter { !state.recorded.contains($0) }
      state.recorded += new
      return new
    }
  }

  func openStateDivergences(of session: String?) async throws -> Int { state.withLock { $0.recorded.count } }

  func repairSession(_ id: String) async throws -> [TableDifference] {
    state.withLock { state in
      state.repairedSessions.append(id)
      return []
    }
  }

  func repairChange(of lane: Int32, at entry: EntryID) async throws -> Bool {
    state.withLock { state in
      state.repairedChanges.append(entry)
      return entry.no == 0
    }
  }

  func recordRebuilt(_ ids: [String]) async throws { state.withLock { $0.rebuilt += ids } }
  func walks() async throws -> [StateWalk: WalkProgress] { [:] }
  func recordWalk(_ walk: StateWalk, place: String?) async throws { state.withLock { $0.walks[walk] = .some(place) } }
}
