"""What a contender left in Postgres, table by table, as one digest each: for tables that must be equal whoever filled them."""

from ground import Ground

# Tidemark's tables; lanes by name, because their numbers depend on the order in which they were met. Not `committed_at`, of the cursors not
# who holds them, and of the sessions not what only late changes need.
TIDEMARK = {
    "change_log":
        "select l.lane, no, c.entry_ms, c.entry_no, session_id, seq, epoch, event_id, type, actor, trace, v, occurred_at, digest, fields "
        "from tidemark.change_log c join tidemark.lanes l using (lane_id) order by lane, no",
    "sessions": "select to_jsonb(s) - '{lane_id,first_lane,set_at}'::text[] from tidemark.sessions s order by session_id",
    "messages": "select to_jsonb(m) - 'lane_id' from tidemark.messages m order by session_id, entry_ms, entry_no",
    "context": "select to_jsonb(c) - 'lane_id' from tidemark.context c order by session_id, key",
    "context_history": "select to_jsonb(h) - 'lane_id' from tidemark.context_history h order by session_id, entry_ms, entry_no",
    "tool_calls": 
        "select to_jsonb(t) - '{lane_id,finished_lane}'::text[] from tidemark.tool_calls t order by session_id, call_id, attempt",
    "outcomes": "select to_jsonb(o) - 'lane_id' from tidemark.outcomes o order by session_id, entry_ms, entry_no",
    "lanes":
        "select lane, entry_ms, entry_no, ordinal, anchor, applied_no, read_total, applied_total from tidemark.lanes "
        "where read_total > 0 order by lane",
}
PLAIN = {"messages": "select session_id, entry_ms, entry_no, role, content from plain.messages order by session_id, entry_ms, entry_no"}


def contents(ground: Ground, tables: dict[str, str]) -> dict[str, str]:
    """Each table's digest, over its rows in order."""
    return {
        table: ground.psql.value(f"select md5(coalesce(string_agg(md5(t::text), ''), '')) from ({rows}) as t")
        for table, rows in tables.items()}


def check(ground: Ground, tables: dict[str, str], expected: dict[str, str], who: str) -> None:
    """Ends the run where a contender stored something else."""
    found = contents(ground, tables)
    different = [table for table in tables if found[table] != expected[table]]
    if different:
        raise SystemExit(f"{who} stored something else in {', '.join(different)}")
