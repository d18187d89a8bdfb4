import Logging
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// An entry by hand: its id and its fields as bytes.
struct HandMade {
  var id: EntryID
  var fields: [(name: [UInt8], value: [UInt8])]

  init(_ ms: UInt64, _ no: UInt64 = 0, _ fields: [(String, String)]) {
    id = EntryID(ms: ms, no: no)
    self.fields = fields.map { (Array($0.0.utf8), Array($0.1.utf8)) }
  }

  /// A change of a type in a session.
  init(_ ms: UInt64, _ type: String, _ session: String = "s", _ fields: [(String, String)] = []) {
    self.init(ms, 0, [("type", type), ("session", session)] + fields)
  }
}

extension EntryBlock {
  init(_ entries: [HandMade]) {
    self.init()
    for entry in entries {
      self.entries.append(Entry(id: entry.id, firstField: UInt32(fields.count), fieldCount: UInt32(entry.fields.count)))
      for (name, value) in entry.fields {
        let start = UInt32(bytes.count)
        bytes += name
        bytes += value
        fields.append(
          Field(
            nameStart: start, nameLength: UInt32(name.count), valueStart: start + UInt32(name.count), valueLength: UInt32(value.count)))
      }
    }
    sections = [Section(lane: 0, entries: 0..<entries.count)]
  }
}

/// A migrated schema with a sink, one writer and some lanes of one worker.
struct SinkFixture {
  static let schema = "tide"
  static let worker = WorkerIdentity(name: "w1", host: "here", pid: 1)

  let server: PostgresServer
  let connection: PostgresConnection
  let sink: PostgresSink
  let writer: any ChangeWriter
  var limits = EntryDecoder.Limits(maxEntryBytes: 1 << 20, replacesNUL: false)
  var partitions: [String: SessionPartition] = [:]

  init(_ server: PostgresServer, lanes: [String] = ["one"], dedupeWindow: Duration = .seconds(86_400)) async throws {
    self.server = server
    connection = try await connect(to: server)
    try await Migrator(connection: connection, schema: Self.schema, logger: Logger(label: "test")).migrate()
    sink = try Self.makeSink(server, dedupeWindow: dedupeWindow)
    writer = try sink.makeWriter()
    _ = try await sink.lease(Self.worker, for: .seconds(600))
    try await sink.register(lanes.map { NewLane(name: $0, shard: Shard.of($0), position: .zero, baseline: 0) })
  }

  static func makeSink(_ server: PostgresServer, dedupeWindow: Duration = .seconds(86_400)) throws -> PostgresSink {
    var configuration = try PostgresConfiguration(url: server.url)
    // Tests hold locks on purpose, for as long as a busy machine takes.
    configuration.lockTimeout = .seconds(600)
    return try makeSink(configuration, dedupeWindow: dedupeWindow)
  }

  static func makeSink(
    _ configuration: PostgresConfiguration, dedupeWindow: Duration = .seconds(86_400), adjust: (inout SinkSettings) -> Void = { _ in }
  ) throws -> PostgresSink {
    var settings = SinkSettings(schema: schema, dedupeWindow: dedupeWindow)
    adjust(&settings)
    return try PostgresSink(
      configuration: configuration, settings: settings, destinations: RouteTable.builtIn.destinations, version: "test",
      logger: Logger(label: "test"))
  }

  func lane(_ name: String = "one") async throws -> LaneRecord {
    try #require(try await sink.lanes(named: [name]).first)
  }

  func batch(_ lanes: [(LaneRecord, [HandMade])]) -> ChangeBatch {
    var builder = BatchBuilder(routes: RouteTable.builtIn, limits: limits)
    for (record, entries) in lanes {
      let block = EntryBlock(entries)
      builder.append(
        lane: record, partition: partitions[record.name], [LaneChunk(block: block, blockID: 0, entries: 0..<block.entries.count)])
    }
    return builder.finish()
  }

  /// Commits entries to a lane where it stands.
  @discardableResult
  func commit(_ entries: [HandMade], _ mode: CommitMode = .fast, lane: String = "one") async throws -> BatchOutcome {
    try await writer.commit(batch([(try await self.lane(lane), entries)]), mode)
  }

  /// An open dead letter of an entry; answers its number.
  func addLetter(_ entry: HandMade, lane: String) async throws -> Int64? {
    let result = try await connection.query(
      """
      insert into tide.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete)
      values ($1, $2::bigint, $3::bigint, 'constraint', '', $4::bytea[], true) returning id
      """,
      [
        .string(lane), .integer(Int64(entry.id.ms)), .integer(Int64(entry.id.no)),
        .byteaArray(entry.fields.flatMap { [$0.name[...], $0.value[...]] }),
      ], deadline: generous)
    return result.int64(0, "id")
  }

  /// Removes everything that a rule says, piece by piece.
  func sweep(_ rule: RetentionRule, rows: Int = 10_000, over other: PostgresSink? = nil) async throws -> [RetentionPiece] {
    var pieces: [RetentionPiece] = []
    repeat {
      pieces.append(try await (other ?? sink).remove(rule, from: pieces.last?.next, rows: rows))
    } while pieces.last?.next != nil
    return pieces
  }

  func one(_ sql: String) async throws -> String? { try await connection.one(sql) }

  func rows(_ sql: String) async throws -> [[String?]] {
    let result = try await connection.query(sql, [], deadline: generous)
    return (0..<result.rowCount).map { row in result.columns.indices.map { result.string(row, $0) } }
  }

  /// Every table of the schema as text, without what tells one commit or one database from another.
  func everything() async throws -> [String: [[String?]]] {
    var tables: [String: [[String?]]] = [:]
    let without = [
      "lanes": "- 'updated_at' - 'since' - 'fence'", "change_log": "- 'committed_at'", "dead_letters": "- 'at'",
      "divergences": "- 'found_at'", "message_hides": "- 'found_by'", "sessions": "- 'late_at'",
      "snapshots": "- 'taken_by' - 'late_at'",
    ]
    for table in [
      "lanes", "change_log", "event_ids", "dead_letters", "divergences", "gaps", "sessions", "messages", "message_hides", "context",
      "context_history", "tool_calls", "outcomes", "snapshots",
    ] {
      tables[table] = try await rows(
        "select * from (select (to_jsonb(t) \(without[table] ?? ""))::text as row from tide.\(table) t) r order by row collate \"C\"")
    }
    return tables
  }
}

extension LeaseLedger {
  /// Renews, and takes whatever is free; answers all that the worker holds then.
  func lease(_ worker: WorkerIdentity, for ttl: Duration) async throws -> LeaseGrant {
    let held = try await renew(worker, canServe: true, for: ttl)
    return held.with(try await take(Array(0..<Shard.count), for: worker, ttl: ttl))
  }
}

extension BatchOutcome {
  /// Over all lanes.
  var counts: LaneCounts { lanes.reduce(into: LaneCounts()) { $0 += $1.counts } }
}

/// Runs a body against a fresh schema.
func withSink(
  lanes: [String] = ["one"], dedupeWindow: Duration = .seconds(86_400), _ body: (SinkFixture) async throws -> Void
) async throws {
  try await withPostgres { server in
    let fixture = try await SinkFixture(server, lanes: lanes, dedupeWindow: dedupeWindow)
    try await body(fixture)
    await fixture.writer.close()
  }
}

/// Runs what must fail, and gives its error.
func sinkFailure<T>(_ body: () async throws -> T, sourceLocation: SourceLocation = #_sourceLocation) async throws -> SinkError {
  do {
    _ = try await body()
  } catch let error as SinkError {
    return error
  }
  Issue.record("expected a SinkError", sourceLocation: sourceLocation)
  return SinkError(.fault(.world), "nothing was thrown")
}
