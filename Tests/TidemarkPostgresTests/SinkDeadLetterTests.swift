import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

@Suite struct SinkDeadLetterTests {
  private static func message(_ ms: UInt64, _ content: String) -> HandMade {
    HandMade(ms, "message.appended", "s", [("role", "user"), ("content", content)])
  }

  /// Names and values of dead letters, as they are kept.
  private static func raw(_ sink: SinkFixture, at ms: UInt64) async throws -> [[UInt8]] {
    let result = try await sink.connection.query(
      "select part from tide.dead_letters d, unnest(d.raw) with ordinality r (part, n) where entry_ms = \(ms) order by n", [],
      deadline: generous)
    return (0..<result.rowCount).compactMap { result.bytes($0, 0) }
  }

  @Test func `what only Postgres sees is left out by the exact path, with its reason and the bytes as they came`() async throws {
    try await withSink { sink in
      try await sink.connection.script(
        "alter table tide.messages add constraint polite check (content !~ 'bad')", deadline: generous)
      let entries = [Self.message(1, "good"), Self.message(2, "a bad\t\\ one"), Self.message(3, "good, too")]
      let error = try await sinkFailure { try await sink.commit(entries) }
      #expect(error.kind == .fault(.record))
      #expect(!error.description.contains("a bad"))
      let letters = try await sink.commit(entries, .exact).deadLetters
      #expect(letters.map(\.entry) == [1])
      let rejection = try #require(letters.first).rejection
      #expect(rejection.reason == .constraint)
      #expect(rejection.sqlstate == "23514")
      #expect(rejection.detail.contains("polite"))
      #expect(!rejection.detail.contains("a bad"))
      let rows = try await sink.rows("select lane, entry_ms, session_id, reason, sqlstate, raw_complete::text from tide.dead_letters")
      #expect(rows == [["one", "2", "s", "constraint", "23514", "true"]])
      #expect(try await Self.raw(sink, at: 2) == entries[1].fields.flatMap { [$0.name, $0.value] })
      #expect(try await sink.rows("select entry_ms, no from tide.changes order by no") == [["1", "1"], ["3", "2"]])
      #expect(try await sink.one("select count(*) from tide.messages") == "2")
    }
  }

  @Test func `a value that a column can't hold is the record's fault, without quoting it`() async throws {
    try await withSink { sink in
      try await sink.connection.script(
        "drop view tide.tool_days, tide.session_sizes; alter table tide.tool_calls alter column cost type numeric(5, 2)", deadline: generous
      )
      let entries = [
        HandMade(1, "tool.finished", "s", [("call_id", "c"), ("status", "ok"), ("cost", "123456789")]),
        HandMade(2, "tool.finished", "s", [("call_id", "d"), ("status", "ok"), ("cost", "1.5")]),
      ]
      #expect(try await sinkFailure { try await sink.commit(entries) }.kind == .fault(.record))
      let letters = try await sink.commit(entries, .exact).deadLetters
      #expect(letters.map(\.entry) == [0])
      let rejection = try #require(letters.first).rejection
      #expect(rejection.reason == .rejectedByPostgres)
      #expect(rejection.sqlstate == "22003")
      #expect(!rejection.detail.contains("123456789"))
      // Nothing of it is left, not even its session's or its audit row.
      #expect(try await sink.one("select count(*) from tide.changes") == "1")
      #expect(try await sink.one("select count(*) from tide.tool_calls") == "1")
    }
  }

  /// Raises this SQLSTATE for messages that say so.
  private static func raising(_ sink: SinkFixture, _ state: String) async throws {
    try await sink.connection.script(
      """
      create function tide.complain() returns trigger language plpgsql as $$ begin
        if new.content = 'bad' then raise exception 'complaint' using errcode = '\(state)'; end if; return new; end $$;
      create trigger complain before insert on tide.messages for each row execute function tide.complain()
      """, deadline: generous)
  }

  @Test(arguments: ["P0001", "XX000", "53200", "55000", "0A000"])
  func `an ambiguous fault of one entry passes through until it is isolated`(state: String) async throws {
    try await withSink { sink in
      try await Self.raising(sink, state)
      let entries = [Self.message(1, "good"), Self.message(2, "bad"), Self.message(3, "good")]
      #expect(try await sinkFailure { try await sink.commit(entries) }.kind == .fault(.ambiguous))
      #expect(try await sinkFailure { try await sink.commit(entries, .exact) }.kind == .fault(.ambiguous))
      let letters = try await sink.commit(entries, .isolating).deadLetters
      #expect(letters.map(\.entry) == [1])
      let rejection = try #require(letters.first).rejection
      #expect(rejection.sqlstate == state)
      #expect(rejection.reason == .rejectedByPostgres)
      #expect(try await sink.rows("select entry_ms from tide.changes order by no") == [["1"], ["3"]])
    }
  }

  @Test(arguments: ["40001", "40P01", "53100", "53400", "55P03", "57P01", "57P03", "58030", "08006", "25006", "42501", "42P01", "3F000"])
  func `a fault of the world or of the configuration never makes a dead letter, not even while isolating`(state: String) async throws {
    try await withSink { sink in
      try await Self.raising(sink, state)
      let before = try await sink.everything()
      for mode in [CommitMode.fast, .exact, .isolating] {
        let error = try await sinkFailure { try await sink.commit([Self.message(1, "bad")], mode) }
        #expect(error.kind == .fault(FaultClass(sqlstate: state)))
      }
      #expect(try await sink.everything() == before)
    }
  }

  @Test func `bytes that are not UTF-8 and NULs are kept as they came`() async throws {
    try await withSink { sink in
      var entries = [Self.message(1, "x"), Self.message(2, "x"), Self.message(3, "x"), Self.message(4, "fine")]
      entries[0].fields.append((Array("note".utf8), [0xFF, 0x00, 0x5C, 0x22, 0xC3]))
      entries[1].fields.append(([0xC0, 0x80], [0x7B, 0x7D]))
      entries[2].fields.append((Array("nul\0".utf8), Array("a\0b".utf8)))
      try await sink.commit(entries)
      #expect(
        try await sink.rows("select entry_ms, reason from tide.dead_letters order by entry_ms") == [
          ["1", "bad_utf8"], ["2", "bad_utf8"], ["3", "unstorable_text"],
        ])
      for index in 0..<3 {
        #expect(try await Self.raw(sink, at: UInt64(index + 1)) == entries[index].fields.flatMap { [$0.name, $0.value] })
      }
    }
  }

  @Test func `a misspelt name with a NUL does not hold up the lane`() async throws {
    try await withSink { fixture in
      var sink = fixture
      sink.limits.replacesNUL = true
      try await sink.commit([HandMade(1, "context.set", "s", [("key\0", "k"), ("value", "1")])])
      #expect(try await sink.rows("select reason from tide.dead_letters") == [["missing_field"]])
    }
  }

  @Test func `an oversized entry keeps the first 4 KiB of each field and says its lengths`() async throws {
    try await withSink { fixture in
      var sink = fixture
      sink.limits.maxEntryBytes = 8_000
      let long = String(repeating: "a", count: 5_000)
      let entry = HandMade(1, "message.appended", "s", [("role", "user"), ("content", long), ("meta", long)])
      try await sink.commit([entry])
      #expect(try await sink.rows("select reason, raw_complete::text from tide.dead_letters") == [["entry_too_large", "false"]])
      let detail = try await sink.one("select detail from tide.dead_letters")
      #expect(detail?.contains("content 5000 bytes; meta 5000 bytes") == true, "\(detail ?? "")")
      let expected = entry.fields.flatMap { [$0.name, $0.value] }.map { Array($0.prefix(4_096)) }
      #expect(try await Self.raw(sink, at: 1) == expected)

      // As the reader delivers one that is larger than the credit: cut, with the whole value's length and digest.
      let record = try await sink.lane()
      var block = EntryBlock([HandMade(2, "message.appended", "s", [("content", "cut")])])
      block.truncations = [EntryBlock.Truncation(field: 2, length: 1 << 33, digest: [0xAB, 0xCD])]
      var builder = BatchBuilder(routes: RouteTable.builtIn, limits: sink.limits)
      builder.append(lane: record, partition: nil, [LaneChunk(block: block, blockID: 0, entries: 0..<1)])
      _ = try await sink.writer.commit(builder.finish(), .exact)
      let cut = try await sink.rows("select detail, raw_complete::text from tide.dead_letters where entry_ms = 2")
      #expect(cut.first?[0]?.contains("content 8589934592 bytes, sha256 abcd") == true, "\(cut)")
      #expect(cut.first?[1] == "false")
    }
  }
}
