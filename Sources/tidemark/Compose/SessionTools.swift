import TidemarkAdmin
import TidemarkCore
import TidemarkEngine
import TidemarkPostgres
import TidemarkRedis

/// What the commands about sessions share: both servers of one installation, whose claim was compared.
struct SessionTools {
  let lanes: LaneCatalog
  let sink: PostgresSink
  let store: RedisHotStore
  let restorer: SessionRestorer
  let sessions: SessionStore
  let erasures: ErasureStore
  let installation: InstallationID
  /// The setting `forget.refuse`.
  let refusesForgotten: Bool

  var wait: CommitWait { CommitWait(ledger: sink) }

  /// - Parameter limit: the time to wait for commits before a session is restored.
  func writer(within limit: Duration) -> SessionWriter {
    SessionWriter(store: store, restorer: restorer) { try await waitForCommits(of: [lane(of: $0)], within: limit) }
  }

  var forker: SessionForker { SessionForker(ledger: sink, store: store) }

  func erasure() throws -> ErasureRun {
    ErasureRun(ledger: erasures, lanesOfLedger: sink, store: store, lanes: lanes, installation: installation)
  }

  func lanes(of sessions: [String]) -> [String] { Set(sessions.map { lane(of: $0) }).sorted() }

  func lane(of session: String) -> String { lanes.hotKeys(of: session)?.partition.changes ?? "" }

  /// Runs `body` with the tools, and turns the errors of both servers into those of a command.
  static func with(_ options: ConfigurationOptions, _ body: (SessionTools) async throws -> Void) async throws {
    let composition = try Composition(try options.load())
    guard composition.lanes.partitions != nil else {
      throw CommandFailure.wrong("state.enabled: is false, so that no session has a state in Redis; set it to true")
    }
    let store = composition.makeHotStore()
    do {
      let sink = try composition.makeSink()
      let installation = try await composition.confirmedInstallation(sink)
      try await body(
        SessionTools(
          lanes: composition.lanes, sink: sink, store: store,
          restorer: composition.makeRestorer(sink, store, for: installation), sessions: try composition.makeSessionStore(sink),
          erasures: try ErasureStore(sink: sink, schema: composition.schema), installation: installation,
          refusesForgotten: composition.refusesForgotten))
      await store.close()
    } catch {
      await store.close()
      throw Self.failure(error)
    }
  }

  private static func failure(_ error: any Error) -> any Error {
    switch error {
    case let error as SinkError: CommandFailure.found(error)
    case let error as SourceError: CommandFailure.found("redis: \(error.description)")
    case HotRefusal.cold: CommandFailure.found("redis: the session is not in Redis, and PostgreSQL does not know it")
    case HotRefusal.conflict(let last): CommandFailure.found("redis: the session was changed meanwhile, to number \(last); try again")
    case HotRefusal.invalid(let reason): CommandFailure.found("redis: the change is refused: \(reason)")
    case HotRefusal.eventIDReused: CommandFailure.found("redis: the change's event id was used for another change")
    case HotRefusal.stopped:
      CommandFailure.found("redis: writers are asked to stop (pressure.enforce); try again when `tidemark status` shows no pressure")
    default: error
    }
  }

  /// Throws unless the ledger has what the streams of these lanes hold, in time.
  ///
  /// - Parameter last: the last entry that must be committed; nil: all.
  func waitForCommits(of lanes: [String], through last: EntryID? = nil, within limit: Duration) async throws {
    let unready = try await RestoreWait(ledger: sink, store: store).unready(lanes, through: last, within: limit)
    guard let first = unready.first else { return }
    let count = unready.count == 1 ? "1 lane is" : "\(unready.count) lanes are"
    let (reason, remedy) =
      switch first.readiness {
      case .replaced:
        (
          "Redis lost the stream of \(first.lane), and the worker that serves it has not begun its next incarnation",
          "look at `tidemark status`, or wait longer with --wait"
        )
      case .uncompared:
        (
          "another Redis server has \(first.lane), and the worker that serves it has not compared its stream yet",
          "look at `tidemark status`, or wait longer with --wait"
        )
      case .uncommitted, .ready: ("changes of \(first.lane) are not committed yet", "start a worker, or wait longer with --wait")
      }
    throw CommandFailure.found("\(count) behind Redis, as \(reason); \(remedy): nothing more was written")
  }

  /// Throws unless the lanes of these entries are committed in time.
  func waitForCommit(_ entry: EntryID, of session: String, within limit: Duration, _ what: String) async throws {
    let behind = try await wait.lanes(behind: [lane(of: session): entry], within: limit)
    guard behind.isEmpty else {
      throw CommandFailure.found("\(what), and is not committed after \(limit.seconds) s; is a worker running?")
    }
  }
}

extension Composition {
  /// The installation that both servers belong to. An emptied Redis is claimed for it again, as a worker does.
  ///
  /// - Throws: ``CommandFailure`` where the servers don't belong together.
  func confirmedInstallation(_ sink: PostgresSink) async throws -> InstallationID {
    let claim = makeClaim(sink)
    // Where Redis was emptied, a worker that is connected to it restores the claim within a second.
    var attempts = 4
    while true {
      do {
        try await claim.confirm()
        break
      } catch is ClaimVerdict.Refusal where attempts > 1 {
        attempts -= 1
        try await SystemClock().sleep(for: .seconds(1))
      } catch {
        await claim.close()
        throw CommandFailure.found(claim.finding(of: error).description)
      }
    }
    await claim.close()
    guard let installation = try await sink.installation(askedBy: nil, within: .zero) else {
      throw CommandFailure.found("postgres.schema: the schema \(schema) has no installation; run `tidemark migrate`")
    }
    return installation.id
  }

  func makeAuditStore() throws -> AuditStore { try AuditStore(sink: try makeSink(), schema: schema) }

  func makeSessionStore(_ sink: PostgresSink? = nil) throws -> SessionStore {
    try SessionStore(sink: try sink ?? makeSink(), schema: schema)
  }
}
