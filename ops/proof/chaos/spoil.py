"""Breaks the result on purpose before it is compared (`--spoil`): a checker that can't fail proves nothing."""

ONE = "(lane_id, entry_ms, entry_no) = (select l.lane_id, c.entry_ms, c.entry_no from tidemark.changes c join tidemark.lanes l using (lane) " \
      "where c.type = 'message.appended' order by c.committed_at desc, c.entry_ms desc limit 1 offset 100)"

# What is done, by what must come of it.
SCRIPTS = {
    "lost": f"delete from tidemark.change_log where {ONE}",
    "twice": "insert into tidemark.change_log (lane_id, no, entry_ms, entry_no, session_id, event_id, type, occurred_at, digest) "
             "select lane_id, (select max(no) + 1 from tidemark.change_log o where o.lane_id = c.lane_id), entry_ms, entry_no + 100000, session_id, "
             f"event_id, type, occurred_at, digest from tidemark.change_log c where {ONE}",
    "out of order": "update tidemark.change_log set no = no + 1 where "
                    "(lane_id, no) = (select lane_id, max(no) from tidemark.change_log group by lane_id limit 1)",
    "content differs": "update tidemark.messages set content = content || '.' where (session_id, message_id) = "
                       "(select session_id, message_id from tidemark.messages order by at desc limit 1 offset 100)",
    "silent": "delete from tidemark.gaps",
    "gap too large": "insert into tidemark.gaps (lane, incarnation, after_ms, after_no, missing, cause) "
                     "select lane, 1, 0, 0, 3, 'trimmed' from tidemark.lanes limit 1",
    "accounting": "update tidemark.lanes set missing_total = missing_total + 1 where lane_id = (select min(lane_id) from tidemark.lanes)",
}


def spoil(kind, cluster):
    (changed,) = cluster.query(f"with changed as ({SCRIPTS[kind]} returning 1) select count(*) from changed")
    if changed == "0":
        raise RuntimeError(f"nothing could be spoilt for {kind}: the run made no row of that kind")
