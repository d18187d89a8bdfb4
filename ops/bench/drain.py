"""Draining a backlog into Tidemark's own tables: a fresh installation, the drain by Tidemark, and whether it came out complete."""

import time

from ground import Ground, Result
from load import LANES, Load
from machine import cpu_of, peak_memory
from servers import Worker

# Bookkeeping, a few rows whatever the backlog; everything else that a drain filled counts as rows written.
NOT_ROWS = {
    "lanes", "leases", "workers", "checkpoints", "migrations", "erasure_key", "seals", "session_numbers", "state_walks", "hot_message_limits",
    "session_rows", "installation",
}


def install(ground: Ground, load: Load, settings: dict[str, str], environment: dict[str, str] | None = None) -> Worker:
    """An empty migrated schema, the backlog in its lanes, and the worker that is not started yet."""
    ground.redis.connection.call("FLUSHALL")
    ground.psql.query("drop schema if exists tidemark cascade; drop schema if exists copy_limit cascade")
    worker = Worker(ground.binary, ground.folder, {
        "TIDEMARK_REDIS_URL": ground.redis.url, "TIDEMARK_POSTGRES_URL": ground.postgres.url, "TIDEMARK_HTTP_LISTEN": "off",
        **{"TIDEMARK_" + key.upper().replace(".", "_"): value for key, value in settings.items()}, **(environment or {})})
    migrated = worker.command("migrate")
    if migrated.returncode != 0:
        raise SystemExit(f"tidemark migrate: {migrated.stderr.strip()}")
    load.write_lanes(ground.redis.connection)
    return worker


def drain(
    ground: Ground, load: Load, settings: dict[str, str], prepare: str = "", environment: dict[str, str] | None = None
) -> Result:
    """From the start of `tidemark run` until every lane's cursor is its stream's last id. `prepare` is SQL for the empty schema,
    `environment` the worker's."""
    worker = install(ground, load, settings, environment)
    if prepare:
        ground.psql.query(prepare)
    goal = {lane: ground.redis.entries_added(lane)[1] for lane in LANES}
    goal = {lane: last for lane, last in goal.items() if last != (0, 0)}
    ground.settle()

    before = ground.meter()
    worker.start()
    start = time.monotonic()
    try:
        seconds = _wait(ground, worker, goal, start, len(load))
        cpu, memory = cpu_of(worker.pid), peak_memory(worker.pid)
        spent = ground.spent(before, seconds, cpu)
        verify(ground, load)
        if worker.terminate() != 0:
            raise SystemExit(f"the worker did not end well; its log: {worker.log}")
    finally:
        worker.close()
    return drained(ground, load, seconds, cpu, memory) | spent


def drained(ground: Ground, load: Load, seconds: float, cpu: float, memory: float) -> Result:
    """The figures of whoever filled Tidemark's tables."""
    tables = _tables(ground)
    rows = sum(tables.values())
    return {
        "seconds": seconds, "rate": len(load) / seconds, "rows": rows, "tables": tables, "cpu_seconds": cpu,
        "cpu_us_per_change": cpu * 1e6 / len(load), "cpu_us_per_row": cpu * 1e6 / rows, "peak_bytes": memory}


def _wait(ground: Ground, worker: Worker, goal: dict[str, tuple[int, int]], start: float, changes: int) -> float:
    """Looks every 20 ms."""
    deadline = start + max(120, changes / 500)
    while True:
        rows = ground.psql.query("select lane, entry_ms, entry_no from tidemark.lanes")
        cursors = {lane: (int(ms), int(no)) for lane, ms, no in rows}
        if all(cursors.get(lane) == last for lane, last in goal.items()):
            return time.monotonic() - start
        if worker.exit_code() is not None:
            raise SystemExit(f"the worker ended by itself; its log: {worker.log}")
        if time.monotonic() > deadline:
            raise SystemExit(f"the drain did not end in {deadline - start:.0f} s; the worker's log: {worker.log}")
        time.sleep(0.02)


def verify(ground: Ground, load: Load) -> None:
    """The counts must be exact: all applied but the bad records, nothing counted otherwise."""
    applied, dead, counted, other = map(int, ground.psql.query(
        "select sum(applied_total), (select count(*) from tidemark.dead_letters), sum(dead_letters_total), "
        "sum(duplicates_total + divergent_total + ephemeral_total + skipped_total + missing_total + reread_total + misrouted_total) "
        "from tidemark.lanes")[0])
    changes = int(ground.psql.value("select count(*) from tidemark.changes"))
    messages = int(ground.psql.value("select count(*) from tidemark.messages"))
    good = len(load) - load.dead
    if (applied, dead, counted, other, changes, messages) != (good, load.dead, load.dead, 0, good, load.messages()):
        raise SystemExit(
            f"{load.name}: not clean: {applied} applied of {good}, {dead} dead letters of {load.dead}, {other} neither, {changes} rows of "
            f"changes, {messages} messages of {load.messages()}")


def _tables(ground: Ground) -> dict[str, int]:
    names = ground.psql.query("select tablename from pg_tables where schemaname = 'tidemark' order by 1")
    counts = {name: int(ground.psql.value(f'select count(*) from tidemark."{name}"')) for (name,) in names if name not in NOT_ROWS}
    return {name: count for name, count in counts.items() if count}
