"""A Redis that is full and stays full: nobody gives it more memory, and only the workers can make room, by committing and trimming."""

import time

from chaos.author import message
from chaos.checker import NO_STOP
from chaos.faults import NotNow, fault
from resp import RespError
from workload import LANES

FULL_SECONDS = 60
# So much must be there to be trimmed.
FEWEST_ENTRIES = 800


@fault("redis-full", weight=2, alone=True)
def fill_redis(world, rng):
    """Below what is used, without eviction, and with nothing to be kept of what is durable. Agents have to be told to stop."""
    try:
        world.wait_for("enough is in Redis", 20, lambda: sum(world.redis.call(lane, "XLEN", lane) for lane in LANES) >= FEWEST_ENTRIES)
    except TimeoutError as error:
        raise NotNow(str(error)) from None
    masters, levels = world.redis.masters(), set()
    for master in masters:
        master.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        master.ask("CONFIG", "SET", "maxmemory", int(master.info("memory")["used_memory"]) - 50_000)
    begun = time.monotonic()
    world.reload_all({"trim": {"keep": "0s"}})
    waiting = [session for session in world.canary_sessions if not wait_for_room(world, session, begun + FULL_SECONDS, levels)]
    if waiting:
        world.verdict.add("process", f"Redis was full for {FULL_SECONDS} s, and {len(waiting)} lanes got no room")
    world.events.note(f"{len(waiting)} lanes had no room after {time.monotonic() - begun:.1f} s")
    # At the limit: what comes in has to go out again.
    until = time.monotonic() + rng.uniform(3, 12)
    while time.monotonic() < until:
        read_levels(world, levels)
        world.rest(0.2)
    for master in masters:
        master.ask("CONFIG", "SET", "maxmemory", "0")
    if "stop" not in levels:
        world.verdict.add(NO_STOP, f"Redis was full, and agents were told {', '.join(sorted(levels)) or 'nothing'}")
    world.situations["Redis full until there was room"] += 1
    return lambda: world.reload_all({})


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
