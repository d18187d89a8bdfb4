import Testing
import TidemarkTestKit

/// A late `dead-letters replay` ends as if the entry had been applied in its place.
@Suite(.serialized) struct LateReplayTests {
  private static let nul: [UInt8] = [0x6C, 0x61, 0x74, 0x65, 0x00]

  private static func message(_ content: String, id: String? = nil) -> RawRecord {
    message(Array(content.utf8), id: id)
  }

  private static func message(_ content: [UInt8], id: String? = nil) -> RawRecord {
    let record = RawRecord("message", ["type": "message.appended", "session": "s", "role": "user"]).with("content", content)
    return id.map { record.with("message_id", Array($0.utf8)) } ?? record
  }

  /// Writes records, waits for the worker, and replays the dead letters with NULs replaced.
  private static func replay(_ records: [RawRecord], _ letters: Int, of product: Product) async throws -> [String] {
    let worker = try await product.startWorker()
    let ids = try await product.add(records)
    try await product.waitUntilCaughtUp()
    #expect(try await product.value("select count(*) from tidemark.dead_letters") == "\(letters)")
    // The latest letter is replayed first, because the order of replays does not matter.
    for letter in (1...letters).reversed() {
      let outcome = try await product.run("dead-letters", "replay", "\(letter)", "--set", "text.unstorable=replace")
      #expect(outcome.standardOutput == "\(letter) applied\n", "\(outcome.standardError)")
    }
    #expect(try await product.discrepancies() == [])
    #expect(try await worker.stop() == 0)
    return ids
  }

  @Test func aReplayedMessageIsHiddenByWhatCameAfterIt() async throws {
    try await withProduct { product in
      let ids = try await Self.replay(
        [
          Self.message(Self.nul),
          RawRecord("clear", ["type": "messages.cleared", "session": "s"]),
          Self.message("after"),
          Self.message(Self.nul, id: "a"),
          Self.message("a again", id: "a"),
          Self.message(Self.nul, id: "b"),
          RawRecord("remove", ["type": "message.removed", "session": "s", "message_id": "b"]),
          Self.message("older"),
          Self.message(Self.nul),
          // The producer meant the previous message, which Postgres did not accept.
          RawRecord("last", ["type": "message.removed", "session": "s", "last": "1"]),
          Self.message(Self.nul),
        ], 5, of: product)
      let late = "late\u{FFFD}"
      #expect(try await product.rows("select content from tidemark.transcript('s')") == ["after", "a again", "older", late])
      #expect(
        try await product.rows("select content, removed_at is null from tidemark.messages order by entry_ms, entry_no") == [
          "\(late)|f", "after|t", "\(late)|f", "a again|t", "\(late)|f", "older|t", "\(late)|f", "\(late)|t",
        ])
      #expect(
        try await product.value("select tidemark.state('s') -> 'messages'") == #"{"last": "\#(ids[10])", "count": 4}"#)
      // The state at each entry is what was visible then.
      #expect(
        try await product.rows(
          """
          select tidemark.state_at_entry('s', tidemark.entry_id(entry_ms, entry_no)) -> 'messages' ->> 'count'
            from tidemark.changes order by entry_ms, entry_no
          """) == ["1", "0", "1", "2", "2", "3", "2", "3", "4", "3", "4"])
    }
  }

  @Test func aReplayedHidingHidesWhatWasBeforeIt() async throws {
    try await withProduct { product in
      _ = try await Self.replay(
        [
          Self.message("first"),
          RawRecord("clear", ["type": "messages.cleared", "session": "s"]).with("why", Self.nul),
          Self.message("second", id: "b"),
          Self.message("third", id: "c"),
          RawRecord("remove", ["type": "message.removed", "session": "s", "message_id": "c"]).with("why", Self.nul),
          RawRecord("last", ["type": "message.removed", "session": "s", "last": "1"]),
          Self.message("fourth"),
        ], 2, of: product)
      #expect(try await product.rows("select content from tidemark.transcript('s')") == ["fourth"])
    }
  }

  @Test func attemptsAreNumberedByPosition() async throws {
    try await withProduct { product in
      func started(_ tool: [UInt8]) -> RawRecord {
        RawRecord("started", ["type": "tool.started", "session": "s", "call_id": "c"]).with("tool", tool)
      }
      func finished(_ status: String, _ error: [UInt8]) -> RawRecord {
        RawRecord("finished", ["type": "tool.finished", "session": "s", "call_id": "c", "status": status]).with("error", error)
      }
      let ids = try await Self.replay(
        [
          started(Self.nul), finished("error", Array("one".utf8)), started(Array("second".utf8)), finished("error", Self.nul),
          started(Self.nul), started(Array("fourth".utf8)), finished("ok", []),
        ], 3, of: product)
      #expect(
        try await product.rows(
          "select attempt, tidemark.entry_id(entry_ms, entry_no), tool, status, error from tidemark.tool_calls order by attempt") == [
            "1|\(ids[0])|late\u{FFFD}|error|one", "2|\(ids[2])|second|error|late\u{FFFD}", "3|\(ids[4])|late\u{FFFD}|started|",
            "4|\(ids[5])|fourth|ok|",
          ])
      #expect(
        try await product.value("select jsonb_path_query_array(tidemark.state('s'), '$.open_calls[*].attempt')") == "[3]")
    }
  }
}
