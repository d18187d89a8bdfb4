"""What the worker asks of Postgres, as SQL over Tidemark's tables."""

# Tables that only grow, and the columns that a batch fills, in the order of its rows.
APPENDED = {
    "change_log": (
        "lane_id", "no", "entry_ms", "entry_no", "session_id", "event_id", "digest", "seq", "epoch", "type", "actor", "trace", "v",
        "occurred_at", "fields"),
    "messages": (
        "session_id", "entry_ms", "entry_no", "lane_id", "seq", "message_id", "parent_id", "call_id", "role", "content", "parts", "model",
        "tokens", "usage", "meta", "at"),
    "context_history": ("session_id", "entry_ms", "entry_no", "lane_id", "key", "kind", "value", "removed", "at"),
    "outcomes": (
        "session_id", "entry_ms", "entry_no", "lane_id", "label", "score", "scorer", "message_id", "call_id", "meta", "at"),
}


def insert(table: str) -> str:
    """One row of a table that only grows."""
    columns = APPENDED[table]
    return f"INSERT INTO tidemark.{table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"


def copy(table: str) -> str:
    """All rows of a table that only grows."""
    return f"COPY tidemark.{table} ({', '.join(APPENDED[table])}) FROM STDIN"


ENSURE_SESSION = """
INSERT INTO tidemark.sessions (session_id, first_lane, started_at) VALUES (%s, %s, %s) ON CONFLICT (session_id) DO NOTHING"""

UPDATE_SESSION = """
UPDATE tidemark.sessions
   SET title = coalesce(%s, title), status = coalesce(%s, status), meta = meta || %s::jsonb, updated_at = %s, entry_ms = %s, entry_no = %s,
       lane_id = %s
 WHERE session_id = %s AND (entry_ms, entry_no, lane_id) < (%s, %s, %s)"""

SET_CONTEXT = """
INSERT INTO tidemark.context AS c (session_id, key, kind, value, entry_ms, entry_no, lane_id, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (session_id, key) DO UPDATE
   SET kind = excluded.kind, value = excluded.value, entry_ms = excluded.entry_ms, entry_no = excluded.entry_no,
       lane_id = excluded.lane_id, updated_at = excluded.updated_at
 WHERE (c.entry_ms, c.entry_no, c.lane_id) < (excluded.entry_ms, excluded.entry_no, excluded.lane_id)"""

REMOVE_CONTEXT = "DELETE FROM tidemark.context WHERE session_id = %s AND key = %s AND (entry_ms, entry_no, lane_id) < (%s, %s, %s)"

START_CALL = """
INSERT INTO tidemark.tool_calls
       (session_id, call_id, attempt, entry_ms, entry_no, lane_id, tool, arguments, status, idempotency_key, started_at)
SELECT n.session_id, n.call_id,
       1 + coalesce((SELECT max(t.attempt) FROM tidemark.tool_calls t WHERE t.session_id = n.session_id AND t.call_id = n.call_id), 0),
       n.entry_ms, n.entry_no, n.lane_id, n.tool, n.arguments, 'started', n.idempotency_key, n.at
  FROM (VALUES (%s::text, %s::text, %s::bigint, %s::bigint, %s::integer, %s::text, %s::jsonb, %s::text, %s::timestamptz))
    AS n (session_id, call_id, entry_ms, entry_no, lane_id, tool, arguments, idempotency_key, at)"""

# The last open attempt that began before.
FINISH_CALL = """
UPDATE tidemark.tool_calls
   SET status = %s, result = %s, error = %s, cost = %s, usage = %s, finished_at = %s, finished_ms = %s, finished_no = %s,
       finished_lane = %s
 WHERE session_id = %s AND call_id = %s AND attempt = (
       SELECT max(a.attempt) FROM tidemark.tool_calls a
        WHERE a.session_id = %s AND a.call_id = %s AND a.status = 'started' AND (a.entry_ms, a.entry_no, a.lane_id) < (%s, %s, %s))"""

MAKE_LANES = "INSERT INTO tidemark.lanes (lane, shard) SELECT unnest(%s::text[]), 0 ON CONFLICT (lane) DO NOTHING"

READ_LANES = "SELECT lane, lane_id, entry_ms, entry_no, applied_no FROM tidemark.lanes WHERE lane = ANY (%s)"

# Only from where the worker left the lane: else somebody else moved it, and nothing may be committed.
MOVE_CURSOR = """
UPDATE tidemark.lanes
   SET entry_ms = %s, entry_no = %s, ordinal = ordinal + %s, anchor = %s, applied_no = %s, read_total = read_total + %s,
       applied_total = applied_total + %s, updated_at = now()
 WHERE lane_id = %s AND entry_ms = %s AND entry_no = %s"""
