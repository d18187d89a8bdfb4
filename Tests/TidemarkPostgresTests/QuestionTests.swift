import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// The views for what people ask: what they answer, and that the plans of narrow questions read no whole table.
@Suite struct QuestionTests {
  private static func change(_ ms: UInt64, _ type: String, _ session: String, _ fields: [(String, String)]) -> HandMade {
    HandMade(1_795_000_000_000 + ms, type, session, fields)
  }

  @Test func `the views answer what is asked of them`() async throws {
    try await withSink { sink in
      try await sink.commit([
        Self.change(0, "session.started", "s", [("user", "ada"), ("agent", "a"), ("meta.version", #""2""#)]),
        Self.change(1_000, "context.set", "s", [("key", "k"), ("value", "1"), ("kind", "goal")]),
        Self.change(2_000, "context.set", "s", [("key", "gone"), ("value", "1")]),
        Self.change(3_000, "context.removed", "s", [("key", "gone")]),
        Self.change(4_000, "message.appended", "s", [("role", "user"), ("content", "12345"), ("message_id", "m"), ("tokens", "7")]),
        Self.change(5_000, "context.set", "s", [("key", "k"), ("value", "2")]),
        Self.change(6_000, "tool.started", "s", [("call_id", "c1"), ("tool", "t")]),
        Self.change(8_000, "tool.finished", "s", [("call_id", "c1"), ("status", "error"), ("cost", "0.5")]),
        Self.change(9_000, "tool.started", "s", [("call_id", "c2"), ("tool", "t")]),
        Self.change(10_000, "tool.started", "s", [("call_id", "c3"), ("tool", "t")]),
        Self.change(11_000, "tool.finished", "s", [("call_id", "c3"), ("status", "ok"), ("cost", "0.25")]),
        Self.change(12_000, "outcome.recorded", "s", [("label", "good"), ("score", "0.5")]),
        Self.change(13_000, "outcome.recorded", "s", [("label", "good"), ("score", "1")]),
        Self.change(14_000, "message.appended", "nobody's", [("role", "user"), ("content", "x")]),
      ])
      func row(_ sql: String) async throws -> [[String?]] { try await sink.rows("select \(sql)") }
      #expect(
        try await row("session_id, extract(epoch from last_active_at)::bigint from tide.user_sessions where user_id = 'ada'")
          == [["s", "1795000013"]])
      #expect(try await row("session_id, call_id, tool from tide.open_calls") == [["s", "c2", "t"]])
      #expect(
        try await row("day, tool, attempts, ok, failed, open, failure_rate, cost, mean_duration from tide.tool_days")
          == [["2026-11-18", "t", "3", "1", "1", "1", "0.5", "0.75", "00:00:01.5"]])
      #expect(
        try await row("agent_id, version, label, outcomes, sessions, mean_score, lowest_score, highest_score from tide.agent_outcomes")
          == [["a", "2", "good", "2", "1", "0.75", "0.5", "1"]])
      #expect(
        try await row("messages, tokens, characters, calls, cost from tide.session_sizes where session_id = 's'")
          == [["1", "7", "5", "3", "0.75"]])
      #expect(try await row("key, kind, value from tide.context_at_message('s', 'm')") == [["k", "goal", "1"]])
      #expect(try await row("key from tide.context_at_message('s', 'another')") == [])
    }
  }

  @Test func `questions about one user, session or day read no whole table`() async throws {
    try await withSink { sink in
      try await sink.connection.script(
        """
        insert into tide.sessions (session_id, user_id, started_at)
        select 's' || g, 'u' || g % 500, now() from generate_series(1, 10000) g;
        insert into tide.messages (session_id, entry_ms, entry_no, lane_id, message_id, role, content, at)
        select 's' || g % 10000 + 1, g, 0, 1, 'm' || g, 'user', 'x', now() from generate_series(1, 120000) g;
        insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
        select 's' || g % 10000 + 1, g, 1, 1, 'k', 'note', '1', false, now() from generate_series(1, 120000) g;
        insert into tide.tool_calls (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, status, started_at)
        select 's' || g % 10000 + 1, 'c' || g, 1, g, 2, 1, 't', 'ok', '2026-01-01'::timestamptz + g * interval '1 minute'
          from generate_series(1, 120000) g;
        insert into tide.outcomes (session_id, entry_ms, entry_no, lane_id, label, at)
        select 's' || g % 10000 + 1, g, 3, 1, 'good', now() from generate_series(1, 120000) g;
        select brin_summarize_new_values('tide.tool_calls_by_day');
        analyze
        """, deadline: .seconds(300))
      for question in [
        "user_sessions where user_id = 'u7' order by last_active_at desc limit 20", "session_sizes where session_id = 's77'",
        "session_sizes where user_id = 'u7'", "tool_days where day = '2026-03-03'", "open_calls where session_id = 's77'",
        "context_at_message('s78', 'm77')",
      ] {
        let plan = try await sink.rows("explain select * from tide.\(question)").compactMap { $0[0] }.joined(separator: "\n")
        #expect(!plan.contains("Seq Scan"), "\(question)\n\(plan)")
      }
    }
  }
}
