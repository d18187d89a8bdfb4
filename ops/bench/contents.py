"""What a contender left in Postgres, table by table, as one digest each: for tables that must be equal whoever filled them."""

from ground import Ground

# Tidemark's tables; lanes by name, because their numbers depend on the order in which they were met. Not `committed_at`, and of the
# cursors not who holds them.
TIDEMARK = {
    "change_log":
        "select l.lane, no, c.entry_ms, c.entry_no, session_id, seq, epoch, event_id, type, actor, trace, v, occurred_at, digest, fields "
        "from tidemark.change_log c join tidemark.lanes l using (lane_id) order by lane, no",
    "sessions": "select * from tidemark.sessions order by session_id",
    "messages": "select * from tidemark.messages order by session_id, entry_ms, entry_no",
    "context": "select * from tidemark.context order by session_id, key",
    "context_history": "select * from tidemark.context_history order by session_id, entry_ms, entry_no",
    "tool_calls": "select * from tidemark.tool_calls order by session_id, call_id, attempt",
    "outcomes": "select * from tidemark.outcomes order by session_id, entry_ms, entry_no",
    "lanes":
        "select lane, entry_ms, entry_no, ordinal, anchor, applied_no, seal, read_total, applied_total from tidemark.lanes "
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
