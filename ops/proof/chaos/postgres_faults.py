"""Faults of Postgres: restarts, crashes, ended sessions, a promoted standby, one that lags, a full disk."""

import os
import signal

from chaos.faults import SMALL_DISK, STANDBY, NotNow, fault
from chaos.redis_faults import delete_lanes, delete_some, flush_all, overrun
from chaos.world import TRIM_KEEP_SECONDS
from servers import wait_for


@fault("postgres-restart", weight=3, cheap=True)
def restart(world, rng):
    world.cluster.primary.stop("fast")
    world.rest(rng.uniform(0, 1.5))
    world.cluster.primary.start()


@fault("postgres-crash", weight=4, cheap=True)
def crash(world, rng):
    world.cluster.primary.crash()
    world.rest(rng.choice([0, rng.uniform(0.2, 3)]))
    world.cluster.primary.start()


@fault("postgres-terminate", weight=4, cheap=True)
def terminate(world, rng):
    """Several times: what reconnects is hit again."""
    ended = 0
    for _ in range(rng.randint(1, 4)):
        ended += world.cluster.primary.terminate_workers()
        world.rest(rng.uniform(0, 0.3))
    world.events.note(f"{ended} backends ended")


# What changes how text, time and arrays are read and written, how transactions see each other, and how long they may take.
WRONG_SETTINGS = {
    "bytea_output": "escape", "standard_conforming_strings": "off", "DateStyle": "SQL, DMY", "TimeZone": "Asia/Kathmandu",
    "IntervalStyle": "sql_standard", "extra_float_digits": "-15", "array_nulls": "off", "default_transaction_isolation": "serializable",
    "row_security": "off", "lock_timeout": "1ms", "idle_in_transaction_session_timeout": "1ms", "synchronous_commit": "off",
    "client_encoding": "LATIN1", "search_path": "pg_temp", "enable_indexscan": "off", "plan_cache_mode": "force_generic_plan"}


@fault("role-settings", weight=1, alone=True)
def change_role(world, rng):
    """The workers' role gets settings that somebody else wanted, and their sessions begin anew: nothing reads otherwise for that."""
    primary = world.cluster.primary
    chosen = rng.sample(sorted(WRONG_SETTINGS), rng.randint(4, len(WRONG_SETTINGS)))
    for name in chosen:
        primary.query(f"alter role tidemark set {name} = '{WRONG_SETTINGS[name]}'", admin=True)
    world.events.note(f"{', '.join(chosen)}")
    primary.terminate_workers()
    world.rest(rng.uniform(1, 4))

    def reset():
        primary.query("alter role tidemark reset all", admin=True)
        primary.terminate_workers()
    return reset


def wait_for_standby(world):
    try:
        wait_for("the standby follows", 30, world.cluster.is_following)
    except TimeoutError as error:
        raise NotNow(str(error)) from None


def fail_over(world, take_receiver=None):
    # What the new primary lacks was marked as durable all the same, until it has it again.
    world.marks_may_lead = True
    before = changes(world.cluster.primary)
    world.cluster.primary.crash()
    if take_receiver:
        take_receiver()
    world.events.note(f"the standby lacks about {max(0, before - changes(world.cluster.standby))} changes")
    world.cluster.promote_standby()
    return world.cluster.rebuild


def changes(node):
    return int(node.query("select count(*) from tidemark.changes")[0])


@fault("failover", weight=3, needs=[STANDBY])
def promote(world, rng):
    wait_for_standby(world)
    return fail_over(world)


@fault("failover-lagging", weight=3, needs=[STANDBY])
def promote_lagging(world, rng):
    """The standby's receiver is stopped for a while, and what it has not taken dies with the primary."""
    wait_for_standby(world)
    receiver = world.cluster.standby.wal_receiver()
    if receiver is None:
        raise NotNow("the standby has no receiver")
    os.kill(receiver, signal.SIGSTOP)

    def end_receiver():
        # It must not go on: what the primary sent still lies in its socket.
        os.kill(receiver, signal.SIGTERM)
        os.kill(receiver, signal.SIGCONT)

    try:
        longest = TRIM_KEEP_SECONDS * 0.4
        world.rest(rng.uniform(1, longest / 2))
        # What the old primary has recorded of this, the new one learns anew.
        meanwhile = rng.choice([None, None, overrun, delete_some, delete_lanes, flush_all])
        if meanwhile:
            world.events.note(f"meanwhile {meanwhile.__name__}")
            meanwhile(world, rng)
        world.rest(rng.uniform(1, longest / 2))
    except BaseException:
        end_receiver()
        raise
    return fail_over(world, end_receiver)


@fault("disk-full", weight=2, needs=[SMALL_DISK])
def fill_disk(world, rng):
    """Long enough for tables to grow. Where WAL finds no place the server panics, and is started again when there is room."""
    primary = world.cluster.primary
    ballast = primary.fill_disk()
    world.rest(rng.uniform(2, 5))
    os.unlink(ballast)
    if not primary.is_running():
        world.events.note("Postgres ended for want of space, and is started again")
        # Not closed: its disk stays.
        primary.start()
