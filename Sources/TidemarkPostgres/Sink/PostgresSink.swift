package import Logging
package import TidemarkCore

/// The ledger of one schema: leases, lanes, checkpoints; and writers, each with a connection of its own.
///
/// Safe to use from any task: calls share one connection and follow one another.
package struct PostgresSink: ChangeSink {
  let configuration: PostgresConfiguration
  private let control: PostgresConnection
  private let controlDeadline: SharedCallDeadline
  let sql: LedgerSQL
  let reconciliation: ReconciliationSQL
  let hotSQL: HotStateSQL
  let stateCheck: StateCheckSQL
  let statements: [DestinationStatements]
  let settings: SinkSettings
  let version: String
  let logger: Logger

  /// Connects nothing yet. Throws ``PostgresError`` where a name can't be quoted or no thread is left.
  package init(
    configuration: PostgresConfiguration, settings: SinkSettings, destinations: [Destination], version: String, logger: Logger
  ) throws {
    var settings = settings
    // Later than the server gives up by itself: it says more.
    settings.commitDeadline = configuration.statementTimeout + settings.patience
    controlDeadline = SharedCallDeadline(
      CallDeadline(
        statementTimeout: settings.extendsQueries ? configuration.statementTimeout : .zero, first: settings.queryDeadline,
        patience: settings.extendsQueries ? settings.patience : settings.queryDeadline))
    self.configuration = configuration
    self.settings = settings
    self.version = version
    self.logger = logger
    control = try PostgresConnection(configuration: configuration, logger: logger)
    sql = try LedgerSQL(schema: settings.schema)
    reconciliation = try ReconciliationSQL(schema: settings.schema)
    hotSQL = try HotStateSQL(schema: settings.schema)
    stateCheck = try StateCheckSQL(schema: settings.schema)
    statements = try destinations.map { try DestinationStatements($0, schema: settings.schema) }
  }

  /// The connection that the sink's own queries use, for those that administrate it.
  @discardableResult
  package func query(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> PostgresResult {
    do {
      try await control.ensureConnected(deadline: settings.connectDeadline)
      return try await controlDeadline.during { try await control.query(sql, parameters, deadline: $0) }
    } catch let error as PostgresError {
      throw SinkError(error)
    }
  }

  package func lanes(named names: [String]) async throws -> [LaneRecord] {
    LaneRecord.all(of: try await query(sql.lanesByName, [.textArray(strings: names)]))
  }

  package func begunLanes(of shards: [Int]) async throws -> [String] {
    let result = try await query(sql.begunLanes, [.integerArray(shards.map { Int64($0) })])
    return (0..<result.rowCount).compactMap { result.string($0, "lane") }
  }

  package func ledger(of names: [String]) async throws -> LedgerReading {
    // Before the lanes: where the server changes in between, they are a newer one's, and the identity does not say so.
    let identity = try await query(sql.identity)
    guard let system = identity.string(0, "system"), let timeline = identity.string(0, "timeline") else {
      throw SinkError(.fault(.world), "Postgres does not say which cluster it is")
    }
    let lanes = try await lanes(named: names)
    let connection = control.backend.map { "\($0.pid) \($0.startedAt)" } ?? ""
    return LedgerReading(identity: LedgerIdentity(system: system, timeline: timeline), connection: connection, lanes: lanes)
  }

  package func reclaim(_ lanes: [String], for worker: WorkerIdentity) async throws -> [LaneRecord] {
    try await query(sql.reclaim, [.string(worker.name), .textArray(strings: lanes)])
    return try await self.lanes(named: lanes).filter { $0.owner == worker.name }
  }

  package func laneControls() async throws -> [LaneControl] {
    let result = try await query(sql.laneControls)
    return (0..<result.rowCount).compactMap { row in
      result.string(row, "lane").map {
        LaneControl(
          lane: $0, isPaused: result.bool(row, "is_paused") ?? false, retries: result.int64(row, "retries") ?? 0,
          resolutions: result.int64(row, "resolutions") ?? 0)
      }
    }
  }

  package func tuning() async throws -> [TunedSetting] {
    let result = try await query(sql.tuning)
    return (0..<result.rowCount).map { row in
      TunedSetting(
        place: TunedSetting.Place(lanes: result.string(row, "lane") ?? "", key: result.string(row, "key") ?? ""),
        value: result.string(row, "value"), change: result.int64(row, "change") ?? 0, at: result.string(row, "at") ?? "",
        by: result.string(row, "changed_by") ?? "", why: result.string(row, "why"))
    }
  }

  package func note(_ states: [LaneNote]) async throws {
    try await query(
      sql.note,
      [
        .textArray(strings: states.map(\.lane)), .integerArray(states.map(\.fence)),
        .textArray(strings: states.map(\.state.rawValue)), .textArray(strings: states.map(\.lastError)),
        .textArray(strings: states.map(\.hint)),
      ])
  }

  package func noteUnknownTypes(_ types: [String: Int]) async throws {
    let types = types.sorted { $0.key < $1.key }
    try await query(sql.noteUnknownTypes, [.textArray(strings: types.map(\.key)), .integerArray(types.map { Int64($0.value) })])
  }

  package func checkpoint(_ marks: [CheckpointMark], worker: WorkerIdentity) async throws {
    try await query(
      sql.checkpoint,
      [
        .textArray(strings: marks.map(\.lane)), .integerArray(marks.map(\.fence)), .integerArray(marks.map(\.lagEntries)),
        .textArray(strings: marks.map { $0.lagSeconds.map { String($0) } }), .string(worker.name),
      ])
  }

  package func makeWriter() throws -> any ChangeWriter {
    var configuration = configuration
    configuration.keepsPlans = true
    return PostgresWriter(
      connection: try PostgresConnection(configuration: configuration, logger: logger), sql: sql, statements: statements,
      settings: settings,
      deadline: CallDeadline(
        statementTimeout: configuration.statementTimeout, first: settings.commitDeadline, patience: settings.patience))
  }
}
