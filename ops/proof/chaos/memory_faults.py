"""A Redis that is full and stays full: nobody gives it more memory, and only the workers can make room, by committing and trimming. And a key
of the wrong type, which must hold up nobody else."""

import time

from chaos.author import message
from chaos.faults import NotNow, fault
from chaos.marks import hash_of
from resp import RespError
from workload import LANES

FULL_SECONDS = 60
# For marks that do not come at all.
LATE_SECONDS = 30
# So much must be there to be trimmed, of each server: buffers of connections come and go, and must not fill the room that is made.
FEWEST_ENTRIES = 1500


@fault("redis-full", weight=2, alone=True)
def fill_redis(world, rng):
    """Below what is used, without eviction, and with nothing to be kept of what is durable. Agents have to be told to stop.

    Half the time Postgres is away until Redis is full: what fills it is not durable, and must be read first."""
    try:
        world.wait_for("enough is in Redis", 20, lambda: all(
            length(world, master) >= FEWEST_ENTRIES for master in world.redis.masters()))
    except TimeoutError as error:
        raise NotNow(str(error)) from None
    world.reload_all({"trim": {"keep": "0s"}})
    is_away = rng.random() < 0.5
    if is_away:
        world.cluster.primary.crash()
        world.rest(rng.uniform(3, 6))
    masters, levels = world.redis.masters(), set()
    world.levels_when_full.append(levels)
    for master in masters:
        # What is kept for replicas would grow into the room that is made.
        master.ask("CONFIG", "SET", "repl-backlog-size", 16_384)
        master.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        master.ask("CONFIG", "SET", "maxmemory", int(master.info("memory")["used_memory"]) - 50_000)
    world.rest(rng.uniform(0, 3))
    if is_away:
        world.events.note("Postgres was away until Redis was full")
        world.cluster.primary.start()
    begun = time.monotonic()
    waiting = [session for session in world.canary_sessions if not wait_for_room(world, session, begun + FULL_SECONDS, levels)]
    if waiting:
        for master in masters:
            about = master.info("memory")
            world.events.note(
                f"{master.port} uses {about['used_memory']} of {about['maxmemory']} bytes, with {length(world, master)} entries in its lanes")
        world.verdict.add("process", f"Redis was full for {FULL_SECONDS} s, and {len(waiting)} lanes got no room")
    world.events.note(f"{len(waiting)} lanes had no room after {time.monotonic() - begun:.1f} s")
    # At the limit: what comes in has to go out again.
    until = time.monotonic() + rng.uniform(3, 12)
    while time.monotonic() < until:
        read_levels(world, levels)
        world.rest(0.2)
    for master in masters:
        master.ask("CONFIG", "SET", "maxmemory", "0")
        master.ask("CONFIG", "SET", "repl-backlog-size", 1 << 20)
    world.situations["Redis full until there was room"] += 1
    return lambda: world.reload_all({})


def length(world, master):
    """The entries of its lanes."""
    return sum(master.ask("XLEN", lane) for lane in world.redis.lanes_of(master) if lane in LANES)


def wait_for_room(world, session, deadline, levels):
    """Whether an entry could be written in time."""
    while time.monotonic() < deadline:
        read_levels(world, levels)
        try:
            return bool(world.author.write(message(session, "is there room?"), seconds=0))
        except RuntimeError:
            world.rest(0.1)
    return False


def read_levels(world, levels):
    """What agents are told."""
    for lane in LANES:
        try:
            levels.add((world.redis.call(lane, "HGET", lane.replace(":changes", ":lane"), "pressure") or b"").decode() or "nothing")
        except (OSError, RespError):
            pass


@fault("wrong-key", weight=2, cheap=True, alone=True)
def take_hash(world, rng):
    """Somebody writes a text where a lane's mark stands. The marks of all other lanes come on as ever."""
    lane = rng.choice(LANES)
    key, _, _ = hash_of(lane)
    before = wait_for_marks(world, lane)
    world.redis.call(key, "SET", key, "not a hash")
    world.rest(rng.uniform(2, 5))
    waited = wait_for_marks(world, lane)
    world.redis.call(key, "DEL", key)
    return lambda: world.judge_waits("wrong-key", [waited], before)


def wait_for_marks(world, lane):
    """How long the marks of entries that are written now to all other lanes take, in seconds."""
    begun = time.monotonic()
    places = world.write_canaries(but=[lane])
    while world.canary_marks_missing(places) != 0 and time.monotonic() - begun < LATE_SECONDS:
        world.rest(0.05)
    return time.monotonic() - begun
