"""Breaks the result on purpose before it is compared (`--spoil`): a checker that can't fail proves nothing.

Those with a colon need the fault of that name in the run.
"""

from chaos.installation_faults import OTHER
from chaos.marks import hash_of
from workload import LANES


def one_change(condition="true", offset=0):
    return ("(lane_id, entry_ms, entry_no) = (select l.lane_id, c.entry_ms, c.entry_no from tidemark.changes c join tidemark.lanes l using (lane) "
            f"where c.type = 'message.appended' and {condition} order by c.committed_at desc, c.entry_ms desc limit 1 offset {offset})")


def second_row(condition="true"):
    return ("insert into tidemark.change_log (lane_id, no, entry_ms, entry_no, session_id, event_id, type, occurred_at, digest) "
            "select lane_id, (select max(no) + 1 from tidemark.change_log o where o.lane_id = c.lane_id), entry_ms, entry_no + 100000, session_id, "
            f"event_id, type, occurred_at, digest from tidemark.change_log c where {one_change(condition)}")


# What is done, by what must come of it.
SCRIPTS = {
    "lost": f"delete from tidemark.change_log where {one_change(offset=20)}",
    "twice": second_row(),
    "out of order": "update tidemark.change_log set no = no + 1 where "
                    "(lane_id, no) = (select lane_id, max(no) from tidemark.change_log group by lane_id limit 1)",
    "content differs": "update tidemark.messages set content = content || '.' where (session_id, message_id) = "
                       "(select session_id, message_id from tidemark.messages order by at desc limit 1 offset 100)",
    "silent": "delete from tidemark.gaps",
    "gap too large": "insert into tidemark.gaps (lane, incarnation, after_ms, after_no, missing, cause) "
                     "select lane, 1, 0, 0, 3, 'trimmed' from tidemark.lanes limit 1",
    "gap without cause": "insert into tidemark.gaps (lane, incarnation, after_ms, after_no, at_least, cause, detected_at) "
                         "select lane, 1, entry_ms, entry_no, 0, 'rewound', now() - interval '1 hour' from tidemark.lanes limit 1",
    "accounting": "update tidemark.lanes set missing_total = missing_total + 1 where lane_id = (select min(lane_id) from tidemark.lanes)",
    "lost: two-lanes": "delete from tidemark.change_log where " + one_change("c.session_id like 'two-lanes-%'"),
    "content differs: clears": "update tidemark.messages set removed_at = null where session_id like 'clears-%' and removed_at is not null",
    "silent: jobs": "delete from tidemark.gaps where lane like 'jobs:%'",
    "gap misplaced: flushall": "update tidemark.gaps set at_least = 100000 where id = "
                               "(select min(id) from tidemark.gaps where cause in ('flushed', 'recreated'))",
    "gap misplaced: jobs": "update tidemark.gaps set at_least = at_least + 1000 where id = (select min(id) from tidemark.gaps where lane like 'jobs:%')",
    "not refused: ids-beyond": "delete from tidemark.dead_letters where id = (select min(id) from tidemark.dead_letters where lane like 'ids:%')",
    "not refused: fields": "delete from tidemark.dead_letters where session_id like 'fields-%' or raw::text like '%fields-%'",
    "twice: event-ids": second_row("c.session_id like 'event-ids-%'"),
    "gap without cause: settings": "insert into tidemark.gaps (lane, incarnation, after_ms, after_no, at_least, cause) "
                                   "select lane, 1, entry_ms, entry_no, 0, 'rewound' from tidemark.lanes where lane like 'own:%' limit 1",
}


def move_mark(world, shift_ms):
    """Of the last lane that has one, in Redis."""
    key, field, _ = hash_of(LANES[-1])
    ms, no = world.redis.call(key, "HGET", key, field).decode().split("-")
    world.redis.call(key, "HSET", key, field, f"{int(ms) + shift_ms}-{no}")


def let_in(world):
    world.cluster.primary.query(
        "create schema if not exists tidemark; create table if not exists tidemark.lanes (entry_ms bigint); insert into tidemark.lanes values (1)",
        database=OTHER)


def wait_long(world):
    kind = min(world.judged_waits)
    _, allowed = world.judged_waits[kind][0]
    world.judged_waits[kind].append((allowed + 1, allowed))


def tell_nothing(world):
    world.levels_when_full[-1].clear()


# What is no row of Postgres.
ACTIONS = {
    "no stop: redis-full": tell_nothing,
    "mark ahead": lambda world: move_mark(world, 86_400_000), "mark behind": lambda world: move_mark(world, -1000),
    "let in: other-database": let_in, "innocent waited: clears": wait_long}
KINDS = [*SCRIPTS, *ACTIONS]


def spoil(kind, world):
    if kind in ACTIONS:
        ACTIONS[kind](world)
        return
    (changed,) = world.cluster.query(f"with changed as ({SCRIPTS[kind]} returning 1) select count(*) from changed")
    if changed == "0":
        raise RuntimeError(f"nothing could be spoilt for {kind}: the run made no row of that kind")
