import Crypto
import Foundation
import Testing
import TidemarkCore
import TidemarkServers
import TidemarkTestKit

@testable import TidemarkPostgres

/// Sessions that were forgotten, as writers meet them.
@Suite struct ForgottenSessionTests {
  private static let subject = ErasureSubject(.session, "s")

  private static func change(_ ms: UInt64, _ session: String = "s", value: String = "1") -> HandMade {
    HandMade(ms, "context.set", session, [("key", "k"), ("value", value)])
  }

  private static let padding = (0...PostgresWriter.pipelineLimit.entries).map {
    HandMade(10_000 + UInt64($0), 0, [("type", "noise"), ("session", "n"), ("ephemeral", "1")])
  }

  private func store(_ sink: SinkFixture) throws -> ErasureStore { try ErasureStore(sink: sink.sink, schema: SinkFixture.schema) }

  /// Erases the session's rows, as the command does; the erasure stays unfinished.
  private func erase(_ sink: SinkFixture, isRefused: Bool = true) async throws -> (store: ErasureStore, id: Int64) {
    let store = try store(sink)
    let (id, _) = try await store.begin(Self.subject, isRefused: isRefused, host: "here")
    _ = try await store.mark(["s"], in: id)
    try await store.waitForWriters()
    try await store.eraseSessions(of: id)
    for table in ErasureStore.pagedTables { try await store.erasePages(of: table, in: id) }
    return (store, id)
  }

  private static func isWaiting(_ connection: PostgresConnection) async throws -> Bool {
    try await connection.one(
      "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") != "0"
  }

  private func left(_ sink: SinkFixture) async throws -> [String] {
    let store = try store(sink)
    var left: [String] = []
    for table in try await store.tables() where try await store.count(["s"], in: table) > 0 { left.append(table) }
    return left
  }

  @Test func `a comparison that finds a forgotten session different does not write its id down`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1), Self.change(2, "other")])
      _ = try await erase(sink)
      let found = ["s", "other"].map {
        Divergence(
          lane: "one", session: $0, kind: .missingInPostgres, subject: $0, entries: EntryID(ms: 1, no: 0)...EntryID(ms: 1, no: 0),
          detail: "")
      }
      #expect(try await sink.sink.recordDivergences(found).map(\.session) == ["other"])
      #expect(try await left(sink) == [])
    }
  }

  @Test(arguments: ["pipeline", "copy", "exact"])
  func `what is written to a forgotten session becomes a dead letter of which nothing is kept`(path: String) async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1), Self.change(2, "other")])
      try await sink.commit([Self.change(3), Self.change(4, "other")])
      let (store, id) = try await erase(sink)
      #expect(try await left(sink) == [])
      let entries = [Self.change(5, value: #""secret""#), Self.change(6, "other")] + (path == "copy" ? Self.padding : [])
      let outcome = try await sink.commit(entries, path == "exact" ? .exact : .fast)
      #expect(outcome.deadLetters.map(\.rejection) == [.forgotten])
      #expect(outcome.counts.applied == 1 && outcome.counts.deadLetters == 1)
      #expect(outcome.lanes[0].rejected == [DurableMark.Rejection(id: EntryID(ms: 5, no: 0), reason: "forgotten")])
      #expect(
        try await sink.rows("select session_id, event_id, reason, raw, raw_complete::text from tide.dead_letters")
          == [[nil, nil, "forgotten", "{}", "false"]])
      #expect(try await sink.one("select count(*) from tide.change_log where session_id = 'other'") == "3")
      #expect(try await left(sink) == [])
      // The numbers that are missing in the audit trail are known.
      #expect(try await sink.rows("select no from tide.erased_changes order by no") == [["1"], ["3"]])
      let receipt = try await store.finish(id, through: 4, left: [:])
      #expect(receipt.finishedAt != nil && receipt.counts.contains("\"change_log\": 2"), "\(receipt)")
      // A refusal is for ever.
      #expect(try await sink.commit([Self.change(20_000)]).counts.deadLetters == 1)
      #expect(try await sink.one("select count(*) from tide.erasing_sessions") == "0")
    }
  }

  @Test func `where nothing is refused a new session begins after what was forgotten`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      let (store, id) = try await erase(sink, isRefused: false)
      // While the erasure runs everything is refused.
      #expect(try await sink.commit([Self.change(2)]).counts.deadLetters == 1)
      _ = try await store.finish(id, through: 10, left: [:])
      #expect(try await sink.commit([Self.change(11)]).counts.applied == 1)
      // What is read again, or replayed, is of the past.
      let record = try await sink.lane()
      #expect(try await sink.writer.commit(sink.batch([(record, [Self.change(1), Self.change(12)])]), .exact).counts.deadLetters == 1)
      #expect(try await sink.one("select tide.state('s') #>> '{context,k,value}'") == "1")
      #expect(try await sink.rows("select entry_ms from tide.change_log order by no") == [["11"], ["12"]])
    }
  }

  @Test func `a letter of a forgotten session keeps nothing whatever it was rejected for`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      _ = try await erase(sink)
      let outcome = try await sink.commit([Self.change(2, value: "no json, but a secret")])
      #expect(outcome.deadLetters.map(\.rejection.reason) == [.badJSON])
      #expect(
        try await sink.rows("select session_id, reason, raw, raw_complete::text from tide.dead_letters")
          == [[nil, "forgotten", "{}", "false"]])
    }
  }

  @Test func `a transaction that began before the mark can't write behind it`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      try await sink.commit([Self.change(2)])
      let store = try store(sink)
      let (id, _) = try await store.begin(Self.subject, isRefused: true, host: "here")
      // The batch has begun, and waits for its lane: it knows the session, and leaves its row out.
      try await sink.connection.script("begin; select from tide.lanes for update", deadline: generous)
      let batch = sink.batch([(try await sink.lane(), [Self.change(3)])])
      async let outcome = sink.writer.commit(batch, .fast)
      let other = try await connect(to: sink.server)
      try await waitUntil("the batch waits for its lane", within: generous) {
        try await Self.isWaiting(other)
      }
      _ = try await store.mark(["s"], in: id)
      try await sink.connection.script("commit", deadline: generous)
      #expect(try await outcome.deadLetters.map(\.rejection) == [.forgotten])
      await other.close()
    }
  }

  @Test func `a wait for writers ends when those that were under way have ended`() async throws {
    try await withSink { sink in
      try await sink.connection.script("begin; select from tide.lanes for update", deadline: generous)
      let other = try await connect(to: sink.server)
      let store = try store(sink)
      async let wait: Void = store.waitForWriters()
      try await waitUntil("it waits", within: generous) { try await Self.isWaiting(other) }
      try await sink.connection.script("commit", deadline: generous)
      try await wait
      await other.close()
    }
  }

  @Test func `neither an eviction nor a snapshot that was under way leaves anything`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      _ = try await erase(sink)
      try await sink.sink.recordEvicted([
        EvictedSession(id: "s", lane: "one", incarnation: 1, epoch: 1, seq: 1, entry: EntryID(ms: 1, no: 0), eventIDs: ["e", "1 1-0"])
      ])
      #expect(try await sink.one("select tide.take_due_snapshots('{s}', '{1}', '{0}', '{1}', '{x}')") == "0")
      #expect(try await left(sink) == [])
    }
  }

  @Test func `a snapshot keeps the session's row while it reads`() async throws {
    try await withSink { sink in
      try await sink.commit([Self.change(1)])
      try await sink.connection.script(
        "begin; select tide.take_due_snapshots('{s}', '{1}', '{0}', array[(select lane_id from tide.lanes)], '{x}')", deadline: generous)
      let store = try store(sink)
      let (id, _) = try await store.begin(Self.subject, isRefused: true, host: "here")
      let other = try await connect(to: sink.server)
      async let marked = store.mark(["s"], in: id)
      try await waitUntil("the mark waits", within: generous) { try await Self.isWaiting(other) }
      try await sink.connection.script("commit", deadline: generous)
      #expect(try await marked == 1)
      try await store.eraseSessions(of: id)
      #expect(try await sink.one("select count(*) from tide.snapshots") == "0")
      await other.close()
    }
  }

  @Test func `an interrupted erasure is found by its subject and by no other`() async throws {
    try await withSink { sink in
      let store = try store(sink)
      let (id, isResumed) = try await store.begin(Self.subject, isRefused: true, host: "here")
      #expect(!isResumed)
      #expect(try await store.begin(Self.subject, isRefused: false, host: "there") == (id, true))
      #expect(try await store.begin(ErasureSubject(.user, "s"), isRefused: true, host: "here").isResumed == false)
      _ = try await store.finish(id, through: 0, left: ["messages": 1])
      #expect(try await store.begin(Self.subject, isRefused: true, host: "here").isResumed)
      let receipt = try await store.finish(id, through: 0, left: [:])
      #expect(receipt.what == "session" && receipt.by.hasSuffix("@here") && receipt.left == "{}")
      #expect(try await store.begin(Self.subject, isRefused: true, host: "here").isResumed == false)
    }
  }

  @Test func `a receipt's subject is an HMAC under the ledger's own key`() async throws {
    try await withSink { sink in
      let (id, _) = try await store(sink).begin(Self.subject, isRefused: true, host: "here")
      let pad = try await sink.connection.query("select inner_pad from tide.erasure_key", [], deadline: generous)
      let key = SymmetricKey(data: Data(try #require(pad.bytes(0, "inner_pad")).map { $0 ^ 0x36 }))
      let code = HMAC<SHA256>.authenticationCode(for: Data("session s".utf8), using: key)
      let text = code.map { Hex.text([$0]) }.joined()
      #expect(try await sink.one("select encode(subject, 'hex') from tide.erasures where id = \(id)") == text)
    }
  }
}
