import Logging
import TidemarkPostgres

@testable import TidemarkAdmin
@testable import TidemarkCore

/// Runs everything that a worker and the commands of an operator do with a schema, as the role of a connection, in separate steps: the
/// steps that lack a right are refused, and the others show that they don't need it.
final class SchemaExercise {
  private let sink: PostgresSink
  private let writer: any ChangeWriter
  private let connection: PostgresConnection
  private let letters: DeadLetterStore
  private let lanes: LaneStore
  private let audit: AuditStore
  private let tuning: TuningStore
  private let rights: LedgerRights
  /// The steps that were refused because of a missing right.
  private(set) var refused: Set<String> = []

  init(_ configuration: PostgresConfiguration, schema: String) async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let routes = RouteTable.builtIn
    // Without a window every repetition of a producer's id is applied, and the earlier position is remembered.
    sink = try PostgresSink(
      configuration: configuration, settings: SinkSettings(schema: schema, dedupeWindow: .zero), destinations: routes.destinations,
      version: "test", logger: logger)
    writer = try sink.makeWriter()
    connection = try PostgresConnection(configuration: configuration, logger: logger)
    try await connection.connect(deadline: .seconds(60))
    letters = try DeadLetterStore(
      sink: sink, schema: schema, routes: routes, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: false),
      lanes: LaneCatalog(prefix: "tidemark", partitions: nil))
    lanes = try LaneStore(sink: sink, schema: schema)
    audit = try AuditStore(sink: sink, schema: schema)
    tuning = try TuningStore(sink: sink, schema: schema)
    rights = try LedgerRights(SchemaRoles.worker(schema: schema, destinations: routes.destinations))
  }

  func close() async {
    await writer.close()
    await connection.close()
  }

  /// Returns the missing rights by `check`, as `table (privileges)`.
  func missing() async throws -> [String] {
    return try await rights.missing(over: connection).map { "\($0.object.split(separator: ".").last ?? "") (\($0.privileges))" }
  }

  /// Runs one round with a new lane and a new worker. `owner` runs statements that no worker runs.
  func run(_ round: Int, owner: (String) async throws -> Void) async throws {
    refused = []
    for failure in try await rights.failures(over: connection) { note("EXPLAIN \(failure.name)", failure.error.sqlstate) }

    let (name, worker) = ("lane\(round)", WorkerIdentity(name: "w\(round)", host: "here", pid: 1))
    try await step("lease") {
      _ = try await sink.renew(worker, canServe: true, for: .seconds(600))
      _ = try await sink.leases(within: .seconds(600))
      _ = try await sink.take(Array(0..<Shard.count), for: worker, ttl: .seconds(600))
    }
    try await step("register") {
      try await sink.register([NewLane(name: name, shard: Shard.of(name), position: .zero, baseline: 0)])
    }
    try await commit(name, from: 1_000, .fast)
    try await commit(name, from: 2_000, .exact)
    try await step("replay") { try await replay(name, owner) }
    try await step("incarnation") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      try await sink.begin(NewIncarnation(ended: lane, cause: .recreated, atLeast: 0, start: .zero, startOrdinal: 0))
    }
    try await step("checkpoint") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      try await sink.checkpoint([CheckpointMark(lane: name, fence: lane.fence, lagEntries: 0, lagSeconds: 0)], worker: worker)
    }
    try await step("retention") {
      for rule in [
        RetentionRule.eventIDs([0..<10_000]), .checkpoints(kept: .zero), .snapshots(kept: 1),
        .deadLetters(kept: .zero, lanes: [LetterLane(name: name, firstHeld: nil)]),
      ] {
        var place: RetentionPlace?
        repeat { place = try await sink.remove(rule, from: place, rows: 1_000).next } while place != nil
      }
    }
    try await step("snapshots") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      let sessions = try await sink.changedSessions(of: lane.laneID, after: .zero, types: ["snapshot.requested"], rows: 1_000)
      _ = try await sink.takeSnapshots(
        sessions.map { SnapshotOrder(lane: lane.laneID, session: $0.session ?? "", entry: $0.last, reason: .time) })
      try await sink.recordSnapshotProgress([lane.laneID: .zero])
      _ = try await sink.snapshotProgress(of: [lane.laneID])
    }
    try await step("seals") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      _ = try await sink.sealLanes([lane.laneID], most: 1_000)
      _ = try await sink.contains([SealHead(lane: name, throughNo: 1, link: [])])
    }
    try await step("audit") {
      for lane in try await audit.lanes() where lane.record.name == name { _ = try await audit.check(lane, after: 0, most: 1_000) }
      _ = try await audit.wrongErasures()
    }
    try await step("reconciliation") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      for seq in 1...Int64(2) {
        var numbers = NumberedChanges()
        numbers.append(NumberedChanges.Change(session: name, epoch: 1, seq: seq, entry: lane.cursor.position))
        _ = try await sink.record(
          ReconciledRange(
            lane: lane.laneID, incarnation: lane.incarnation, fence: nil, range: EntryRange(after: .zero, through: .zero), divergences: [],
            numbers: numbers))
      }
    }
    try await step("state") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      _ = try await sink.fewestHotMessages(1_000_000 - round)
      try await sink.recordWalk(.sessions, place: name)
      _ = try await sink.walks()
      _ = try await sink.checkChanges(of: lane.laneID, after: .zero, session: nil, limit: 1_000)
      try await owner("update tide.messages set removed_at = now() where session_id = '\(name)'")
      try await owner("update tide.context set updated_at = now() where session_id = '\(name)'")
      try await owner("update tide.tool_calls set started_at = now() where session_id = '\(name)' and started_at is not null")
      _ = try await sink.repairSession(name)
    }
    try await step("lanes") {
      _ = try await lanes.pause([name], true)
      _ = try await lanes.pause([name], false)
      _ = try await lanes.retry([name])
    }
    try await step("tune") {
      let wish = TuningWish(place: .init(lanes: name, key: "batch.max_entries"), value: "1")
      for _ in 0..<2 { _ = try await tuning.change([wish], by: "ana", why: nil, after: try await tuning.latest()) }
      _ = try await tuning.history(1)
      _ = try await tuning.recentBatches(of: [name], fullAt: 1)
      _ = try await tuning.tuning()
    }
    try await step("sessions") {
      _ = try await sink.hotSessions([name], messages: 10)
      _ = try await sink.sessions(SessionFilter(), after: "", limit: 1)
      _ = try await sink.forkChanges(of: name, at: nil)
      try await sink.recordEvicted([EvictedSession(id: name, lane: name, incarnation: 1, epoch: 1, seq: 1, entry: .zero)])
      try await sink.recordEvicted([EvictedSession(id: name, lane: name, incarnation: 1, epoch: 1, seq: 2, entry: .zero)])
      _ = try await sink.recordNumbers(of: [EvictedSession(id: name, lane: name, incarnation: 1, epoch: 1, seq: 2, entry: .zero)])
      _ = try await sink.takeEvicted([name])
      _ = try await sink.servedLanes([name])
      try await sink.fenceUnserved([name])
      try await sink.forgetEvicted([name])
    }
    try await step("serving") { _ = try await sink.installation(askedBy: worker.name, within: .seconds(600)) }
    try await step("release") { try await sink.release(Array(0..<Shard.count), of: worker) }
    try await step("leave") { try await sink.leave(worker) }
  }

  private func step(_ name: String, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as SinkError {
      note(name, error.sqlstate)
    }
  }

  /// Records a refused step. Failures that follow from an earlier refusal are ignored.
  private func note(_ step: String, _ sqlstate: String?) {
    if sqlstate == "42501" || refused.isEmpty { refused.insert("\(step) \(sqlstate ?? "")") }
  }

  /// Commits changes of every type from a position on, of two sessions, one of which belongs to another lane, too.
  private func commit(_ name: String, from first: UInt64, _ mode: CommitMode) async throws {
    try await step("commit \(mode)") {
      guard let lane = try await sink.lanes(named: [name]).first else { return }
      let entries = [
        ["session.started", "agent", "a"], ["session.updated", "title", "t"],
        ["message.appended", "role", "user", "content", "a", "message_id", "m"],
        ["message.appended", "role", "user", "content", "b", "event_id", "e"],
        ["message.appended", "role", "user", "content", "c", "message_id", "m"],
        ["message.removed", "message_id", "m"], ["message.removed", "last", "1"], ["messages.cleared"],
        ["message.appended", "role", "user", "content", "d"], ["message.appended", "role", "user", "content", "e"],
        ["message.removed", "last", "1"],
        ["context.set", "key", "k", "value", "1"], ["context.removed", "key", "k"], ["tool.started", "call_id", "c", "tool", "t"],
        ["tool.finished", "call_id", "c", "status", "ok"], ["outcome.recorded", "label", "l"], ["snapshot.requested"],
        ["other", "field", "f"],
        ["message.appended", "role", "user"],
      ]
      let chunks = (entries + entries.map { $0 + ["session", "s"] }).enumerated().map { index, fields in
        let fields = ["type", fields[0]] + fields.dropFirst() + (fields.contains("session") ? [] : ["session", name])
        let block = EntryBlock(id: EntryID(ms: first + UInt64(index), no: 0), raw: fields.map { Array($0.utf8) })
        return LaneChunk(block: block, blockID: index, entries: 0..<1)
      }
      var builder = BatchBuilder(routes: RouteTable.builtIn, limits: .init(maxEntryBytes: 1 << 20, replacesNUL: false))
      builder.append(lane: lane, partition: nil, chunks)
      _ = try await writer.commit(builder.finish(), mode)
    }
  }

  /// Replays late dead letters: a message and an attempt of a call before existing ones.
  private func replay(_ name: String, _ owner: (String) async throws -> Void) async throws {
    for (ms, fields) in [
      (1_500, "'type', 'message.appended', 'session', '\(name)', 'role', 'user', 'content', 'late'"),
      (1_501, "'type', 'tool.started', 'session', '\(name)', 'call_id', 'c', 'tool', 't'"),
      (1_502, "'type', 'context.set', 'session', '\(name)', 'key', 'late', 'value', '1'"),
    ] {
      try await owner(
        """
        insert into tide.dead_letters (lane, entry_ms, entry_no, session_id, reason, detail, raw, raw_complete)
        select '\(name)', \(ms), 0, '\(name)', 'constraint', '',
               array(select convert_to(t, 'UTF8') from unnest(array[\(fields)]) with ordinality as f (t, place) order by place), true
        """)
    }
    let open = try await letters.openLetters(.init(lane: name, reason: "constraint", includesResolved: false, limit: 10), after: 0)
    let replay = try letters.makeReplay()
    try await replay.run(open) { _ in }
    await replay.close()
  }
}
