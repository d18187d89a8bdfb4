/// Each is a statement over the rows of one session of one lane; a row is chosen at random. `table` is what a difference begins with.
struct StateSpoil {
  var table: String
  var sql: String
  /// Whether nothing else says what the row was.
  var isLost = false

  init(_ table: String, _ sql: String) {
    self.table = table
    self.sql = sql
  }

  /// Changes one row.
  static func update(_ table: String, _ change: String, where condition: String = "true") -> StateSpoil {
    StateSpoil(table, "update tide.\(table) set \(change) where ctid = (\(row(table, condition)))")
  }

  static func delete(_ table: String, where condition: String = "true") -> StateSpoil {
    StateSpoil(table, "delete from tide.\(table) where ctid = (\(row(table, condition)))")
  }

  var lost: StateSpoil {
    var spoil = self
    spoil.isLost = true
    return spoil
  }

  private static func row(_ table: String, _ condition: String) -> String {
    "select ctid from tide.\(table) where session_id like 'check%' and \(condition) order by md5(ctid::text || 'SEED') limit 1"
  }

  static let all: [StateSpoil] = [
    .delete("sessions"),
    .update("sessions", "title = coalesce(title, '') || 'x'"), .update("sessions", "status = status || 'x'"),
    .update("sessions", "agent_id = coalesce(agent_id, '') || 'x'"), .update("sessions", "user_id = coalesce(user_id, '') || 'x'"),
    .update("sessions", "tenant = coalesce(tenant, '') || 'x'"), .update("sessions", "parent_id = coalesce(parent_id, '') || 'x'"),
    .update("sessions", "meta = meta || '{\"k0\": \"another\"}'"), .update("sessions", "meta = meta - 'k1'", where: "meta ? 'k1'"),
    .update("sessions", "ext = coalesce(ext, '{}') || '{\"another\": \"1\"}'"), .update("sessions", "entry_ms = entry_ms + 1"),
    .update("sessions", "updated_at = updated_at + interval '1 second'", where: "updated_at is not null"),
    .update("sessions", "ended_at = coalesce(ended_at, now()) + interval '1 second'"),
    .update("sessions", "set_at = '{}'", where: "set_at <> '{}'"),
    StateSpoil("sessions", "insert into tide.sessions (session_id) values ('check-added')").lost,
    .delete("context"), .update("context", "value = '\"another\"'"), .update("context", "kind = kind || 'x'"),
    .update("context", "updated_at = now()"), .update("context", "entry_ms = entry_ms - 1"),
    StateSpoil(
      "context",
      """
      insert into tide.context (session_id, key, kind, value, entry_ms, entry_no, lane_id, updated_at)
      select session_id, 'added', kind, value, entry_ms, entry_no, lane_id, updated_at from tide.context where session_id like 'check%' limit 1
      """),
    .delete("context_history").lost, .update("context_history", "at = at + interval '1 second'").lost,
    .update("context_history", "removed = not removed").lost,
    StateSpoil(
      "context_history",
      """
      insert into tide.context_history (session_id, entry_ms, entry_no, lane_id, key, kind, value, removed, at)
      select session_id, entry_ms, 7, lane_id, 'added', 'note', '1', false, at from tide.context_history where session_id like 'check%' limit 1
      """
    ).lost,
    .delete("messages").lost, .update("messages", "at = at + interval '1 second'"), .update("messages", "seq = coalesce(seq, 0) + 1"),
    .update("messages", "removed_at = null, removed_ms = null, removed_no = null, removed_lane = null", where: "removed_ms is not null"),
    .update("messages", "removed_at = now()"),
    .update("messages", "removed_ms = entry_ms + 1, removed_no = 9, removed_lane = lane_id, removed_at = now()"),
    StateSpoil(
      "messages",
      """
      insert into tide.messages (session_id, entry_ms, entry_no, lane_id, role, content, at)
      select session_id, entry_ms, 7, lane_id, 'user', 'added', at from tide.messages where session_id like 'check%' limit 1
      """
    ).lost,
    .delete("message_hides"), .update("message_hides", "at = at + interval '1 second'"),
    .update("message_hides", "message_id = 'another'", where: "kind = 'remove'"),
    .update("message_hides", "kind = 'last', message_id = null", where: "kind = 'remove'"),
    .update("message_hides", "kind = 'remove', message_id = 'another'", where: "kind = 'last'"),
    .update("message_hides", "hidden_from = ((hidden_from).entry_ms + 1, 5, 5)::tide.entry_position", where: "kind in ('last', 'clear')"),
    StateSpoil(
      "message_hides",
      """
      insert into tide.message_hides (session_id, entry_ms, entry_no, lane_id, kind, message_id, at)
      select session_id, entry_ms, 7, lane_id, 'remove', 'nothing', at from tide.message_hides where session_id like 'check%' limit 1
      """
    ).lost,
    .delete("tool_calls").lost, .update("tool_calls", "attempt = attempt + 100"),
    .update("tool_calls", "status = 'started'", where: "finished_ms is not null").lost,
    .update("tool_calls", "status = 'ok'", where: "finished_ms is null").lost,
    .update("tool_calls", "started_at = started_at + interval '1 second'", where: "started_at is not null"),
    .update("tool_calls", "finished_at = finished_at + interval '1 second'", where: "finished_at is not null"),
    .update("tool_calls", "finished_ext = coalesce(finished_ext, '{}') || '{\"added\": \"1\"}'", where: "finished_ms is not null"),
    .update("tool_calls", "finished_ms = finished_ms + 1, entry_ms = entry_ms + 1", where: "started_at is null").lost,
    StateSpoil(
      "tool_calls",
      """
      insert into tide.tool_calls (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, status, started_at)
      select session_id, 'added', 1, entry_ms, 7, lane_id, 'search', 'started', now() from tide.tool_calls where session_id like 'check%' limit 1
      """
    ).lost,
    .delete("outcomes").lost, .update("outcomes", "at = at + interval '1 second'").lost, .update("outcomes", "entry_no = 7").lost,
    StateSpoil(
      "tool_calls", "delete from tide.change_log where ctid = (select ctid from tide.change_log where type = 'tool.started' limit 1)"
    ).lost,
    StateSpoil(
      "messages",
      "update tide.change_log set type = 'agent.thought' where ctid = (select ctid from tide.change_log where type = 'message.appended' limit 1)"
    ).lost,
    StateSpoil(
      "sessions",
      "update tide.change_log set fields = '{\"title\": \"another\"}', occurred_at = now() where ctid = (select ctid from tide.change_log where type = 'session.updated' order by entry_ms desc limit 1)"
    ).lost,
  ]
}
