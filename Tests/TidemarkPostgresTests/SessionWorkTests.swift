import Testing
import TidemarkCore
import TidemarkTestKit

@testable import TidemarkPostgres

/// What a change costs follows what it changes, never what its session was before: counted in rows that Postgres looks at.
@Suite struct SessionWorkTests {
  private static let past = 3_000
  /// How many changes are counted.
  private static let changes = 40

  struct Scenario: Sendable, CustomTestStringConvertible {
    var name: String
    /// Makes a past of `past` changes in the session s.
    var before: [String]
    /// Makes the changes.
    var changes: String
    /// Rows at most for each change.
    var bound = 10
    /// And for all of them together.
    var once = 0

    var testDescription: String { name }
  }

  private static func messages(_ count: Int, from first: Int = 1, id: String = "null") -> String {
    """
    insert into tide.messages (session_id, entry_ms, entry_no, lane_id, message_id, role, content, at)
    select 's', g, 0, 1, \(id), 'user', 'x', now() from generate_series(\(first), \(first + count - 1)) g
    """
  }

  private static func hides(_ count: Int, from first: Int, step: Int = 1, _ kind: String, id: String = "null") -> String {
    """
    select tide.hide_messages(array_agg('s'::text), array_agg(g::bigint), array_agg(0::bigint), array_agg(1), array_agg(now()),
      array_agg('\(kind)'::text), array_agg(\(id)::text)) from generate_series(\(first), \(first + (count - 1) * step), \(step)) g
    """
  }

  private static func calls(_ count: Int, from first: Int, _ type: String) -> String {
    """
    select count(tide.apply_tool_entry('s', 'c', g, 0, 1, now(), 'tool.\(type)', null, null, null,
      \(type == "finished" ? "'ok'" : "null"), null, null, null, null, null)) from generate_series(\(first), \(first + count - 1)) g
    """
  }

  private static func titles(_ count: Int, from first: Int, _ field: String) -> String {
    """
    select tide.apply_session_changes(array_agg('s'::text), array_agg(g::bigint), array_agg(0::bigint), array_agg(1), array_agg(now()),
      array_agg('session.updated'::text), \(["agent", "user", "tenant", "title", "parent"].map {
        $0 == field ? "array_agg('x'::text)" : "array_agg(null::text)"
      }.joined(separator: ", ")), array_agg(null::text), array_agg(null::jsonb), array_agg(null::jsonb))
      from generate_series(\(first), \(first + count - 1)) g
    """
  }

  private static func exactMessages(_ first: Int) -> String {
    """
    select count(tide.append_message('s', g, 1, 1, null, 'late' || g, null, null, 'user', 'x', null, null, null, null, null, null, now()))
      from generate_series(\(first), \(first + changes - 1)) g
    """
  }

  private static func snapshots(_ first: Int) -> String {
    """
    select tide.take_snapshots(array_agg('s'::text), array_agg(g::bigint), array_agg(0::bigint), array_agg(1), array_agg(null::bigint),
      array_agg(null::text), array_agg(now())) from generate_series(\(first), \(first + changes - 1)) g
    """
  }

  private static let scenarios: [Scenario] = [
    Scenario(
      name: "snapshots after messages, values and calls",
      before: [
        messages(past), hides(past / 2, from: 10_000, "last"),
        """
        insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
        select 's', g, 0, 1, 'k' || g % 7, 'note', '1', false, now() from generate_series(1, \(past)) g
        """,
        calls(past, from: 1, "started"), calls(past, from: 10_000, "finished"),
      ],
      changes: hides(changes, from: 20_000, "last") + "; " + snapshots(20_001), bound: 20, once: 4 * past),
    Scenario(
      name: "snapshots one by one",
      before: [
        messages(past), hides(past / 2, from: 10_000, "last"),
        """
        insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
        select 's', g, 0, 1, 'k' || g % 7, 'note', '1', false, now() from generate_series(1, \(past)) g
        """,
      ],
      changes: """
        select count(tide.take_snapshots(array['s'], array[g::bigint], array[0::bigint], array[1], array[null::bigint], array[null::text],
          array[now()])) from generate_series(20000, \(19_999 + changes)) g
        """, once: 3 * past),
    Scenario(
      name: "snapshots after an earlier one",
      before: [
        messages(past), hides(past / 2, from: 10_000, "last"),
        """
        insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
        select 's', g, 0, 1, 'k' || g % 7, 'note', '1', false, now() from generate_series(1, \(past)) g
        """, snapshots(15_000),
      ],
      changes: messages(changes, from: 20_000) + "; " + snapshots(20_000), bound: 20),
    Scenario(
      name: "clearings of what is cleared", before: [messages(past), hides(1, from: 10_000, "clear")],
      changes: hides(changes, from: 10_001, "clear")),
    Scenario(
      name: "a message and a clearing, again and again", before: [messages(past), hides(past, from: 10_000, "clear")],
      changes: messages(changes, from: 20_000) + "; " + hides(changes, from: 20_001, "clear")),
    Scenario(
      name: "removals of the last one", before: [messages(past), hides(past / 2, from: 10_000, "last")],
      changes: hides(changes, from: 20_000, "last")),
    Scenario(
      name: "removals of the last one where none is left", before: [messages(past), hides(past + 1, from: 10_000, "last")],
      changes: hides(changes, from: 20_000, "last")),
    Scenario(
      name: "a message and its removal, again and again",
      before: [messages(past), hides(past / 2, from: 10_000, "last")],
      changes: messages(changes, from: 20_000) + "; " + hides(changes, from: 20_001, "last")),
    Scenario(
      name: "removals of the last one behind many that were removed by id",
      before: [
        messages(past, id: "'m' || g"), hides(past, from: 10_000, "remove", id: "'m' || (g - 9999)"), hides(1, from: 19_000, "last"),
      ],
      changes: hides(changes, from: 20_000, "last")),
    Scenario(
      name: "repetitions of an id", before: [messages(past, id: "'m'"), hides(past, from: 1, "replace", id: "'m'")],
      changes: messages(changes, from: 20_000, id: "'m'") + "; " + hides(changes, from: 20_000, "replace", id: "'m'"), bound: 32),
    Scenario(
      name: "removals of an id", before: [messages(past, id: "'m'"), hides(past, from: 1, "replace", id: "'m'")],
      changes: hides(changes, from: 20_000, "remove", id: "'m'"), bound: 24),
    Scenario(
      name: "late messages behind removals of others",
      before: [messages(past, from: 10_000, id: "'m' || g"), hides(past, from: 20_000, "remove", id: "'m' || (g - 10000)")],
      changes: exactMessages(100)),
    Scenario(
      name: "late messages behind clearings", before: [hides(past, from: 10_000, "clear")], changes: exactMessages(100)),
    Scenario(
      name: "messages on the exact path, in order",
      before: [hides(past, from: 1, "clear"), hides(past, from: 10_000, "remove", id: "'m'")],
      changes: exactMessages(20_000)),
    Scenario(
      name: "ends of attempts of a call", before: [calls(past, from: 1, "started"), calls(past / 2, from: 10_000, "finished")],
      changes: calls(changes, from: 20_000, "finished")),
    Scenario(
      name: "attempts of a call", before: [calls(past, from: 1, "started"), calls(past, from: 10_000, "finished")],
      changes: calls(changes, from: 20_000, "started")),
    Scenario(
      name: "late changes of the session", before: [titles(past, from: 10_000, "title")], changes: titles(changes, from: 100, "agent")),
    Scenario(
      name: "late values of a key",
      before: [
        """
        insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, removed, at)
        select 's', g, 0, 1, 'k' || g, false, now() from generate_series(10000, \(10_000 + past)) g
        """
      ],
      changes: """
        select count(tide.set_context_late('s', 'late' || g, 'note', '1', g, 0, 1, now())) from generate_series(100, \(99 + changes)) g
        """),
  ]

  /// Rows that the session's tables were asked for.
  private static let work = """
    select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0) from pg_stat_xact_user_tables where schemaname = 'tide'
    """

  @Test(arguments: scenarios) func `does not look at the session's past`(scenario: Scenario) async throws {
    try await withSink { sink in
      let connection = sink.connection
      try await connection.script("select tide.ensure_sessions(array['s'], array[1], array[now()])", deadline: generous)
      for statement in scenario.before { try await connection.script(statement, deadline: generous) }
      // Both before the planner knows the tables, and after.
      for analyzed in [false, true] {
        if analyzed { try await connection.script("analyze", deadline: generous) }
        var work: [Int] = []
        // The first time the planner looks at the ends of indexes, too, which is no work of a change.
        for _ in 0..<2 {
          try await connection.script("begin", deadline: generous)
          let before = try await sink.one(Self.work).flatMap { Int($0) } ?? 0
          try await connection.script(scenario.changes, deadline: generous)
          work.append((try await sink.one(Self.work).flatMap { Int($0) } ?? .max) - before)
          try await connection.script("rollback", deadline: generous)
        }
        #expect(work[1] <= scenario.once + Self.changes * scenario.bound, "analyzed: \(analyzed)")
      }
    }
  }
}
