"""Faults of Redis and of what it holds: restarts, crashes, an older copy, no memory, lost connections, entries and lanes that go."""

import shutil
import time

from chaos.faults import ONE, PERSISTENCE, fault
from chaos.removals import listing, now_ms
from workload import LANES


@fault("redis-restart", weight=3, needs=[ONE, PERSISTENCE], cheap=True)
def restart(world, rng):
    world.redis.server.stop()
    world.rest(rng.uniform(0, 1))
    world.redis.server.start()


@fault("redis-crash", weight=3, needs=[ONE, PERSISTENCE], cheap=True)
def crash(world, rng):
    before = listing(world.redis)
    world.redis.server.kill()
    come_back(world, before, now_ms())


def come_back(world, before, moment_ms):
    world.redis.server.start()
    gone = world.removals.crashed(before, listing(world.redis), moment_ms)
    world.events.note(f"Redis came back without {gone} entries")


@fault("redis-older-copy", weight=2, needs=[ONE, PERSISTENCE])
def older_copy(world, rng):
    """What a failover to a replica that lags does, or a restored backup: the last seconds of everything are gone."""
    folder = world.redis.server.folder
    files, copy = f"{folder}/appendonlydir", f"{folder}/copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(files, copy)
    world.rest(rng.uniform(0.5, 4))
    before = listing(world.redis)
    world.redis.server.kill()
    moment = now_ms()
    shutil.rmtree(files)
    shutil.move(copy, files)
    come_back(world, before, moment)


def some_masters(world, rng):
    """All, or half the time some of them, where there are several."""
    masters = world.redis.masters()
    if len(masters) == 1 or rng.random() < 0.5:
        return masters
    chosen = rng.sample(masters, rng.randint(1, len(masters) - 1))
    world.events.note(f"{len(chosen)} of {len(masters)} masters")
    return chosen


@fault("redis-memory", weight=3, cheap=True)
def no_memory(world, rng):
    """Every write is refused: producers wait, and so do marks."""
    masters = some_masters(world, rng)
    for master in masters:
        master.ask("CONFIG", "SET", "maxmemory", "1mb")
    world.rest(rng.uniform(1, 3))
    for master in masters:
        master.ask("CONFIG", "SET", "maxmemory", "0")


@fault("redis-cut", weight=5, cheap=True)
def cut(world, rng):
    """Every connection, those of producers too: what they had sent is in doubt."""
    total, masters = 0, some_masters(world, rng)
    for _ in range(rng.randint(1, 4)):
        total += world.redis.cut_clients(masters)
        world.rest(rng.uniform(0, 0.3))
    world.events.note(f"{total} connections cut")


@fault("flushall", weight=3, cheap=True)
def flush_all(world, rng):
    world.events.note(f"{world.removals.flush_all(world.redis)} entries flushed")


@fault("flushall-unread", weight=2, cheap=True, alone=True)
def flush_unread(world, rng):
    """When the workers have just seen what waits for them, and before they have read it all."""
    without_readers(world, rng)()
    time.sleep(rng.uniform(0, 0.3))
    world.events.note(f"{world.removals.flush_all(world.redis)} entries flushed")


def without_readers(world, rng):
    """Keeps entries unread for a while: half the time the workers are frozen, half the time Postgres is away. Returns what ends it."""
    if rng.random() < 0.5:
        world.freeze_all()
        world.rest(rng.uniform(0.3, 1.5))
        return world.thaw_all
    world.cluster.primary.crash()
    world.rest(rng.uniform(0.3, 2))
    return world.cluster.primary.start


@fault("maxlen", weight=5, cheap=True)
def overrun(world, rng):
    """Nobody reads, and what waits is trimmed."""
    end = without_readers(world, rng)
    total = 0
    for lane in rng.sample(LANES, rng.randint(1, len(LANES))):
        total += world.removals.trim(world.redis, lane, rng.choice([0, 1, 5, 20]))
    world.events.note(f"{total} entries trimmed")
    world.rest(rng.uniform(0, 0.5))
    end()


@fault("xdel", weight=4, cheap=True)
def delete_some(world, rng):
    """Of the last entries of a few lanes, read or not."""
    end = without_readers(world, rng) if rng.random() < 0.6 else None
    total = 0
    for lane in rng.sample(LANES, rng.randint(1, 6)):
        total += world.removals.delete_some(world.redis, lane, rng.sample(range(30), rng.randint(1, 12)))
    world.events.note(f"{total} entries deleted")
    if end:
        end()


@fault("del", weight=3, cheap=True)
def delete_lanes(world, rng):
    """Each again after a moment, perhaps, so that the second stream is gone before anybody knows the first."""
    total = 0
    for lane in rng.sample(LANES, rng.randint(1, 3)):
        for _ in range(rng.randint(1, 2)):
            total += world.removals.delete_key(world.redis, lane)
            time.sleep(rng.choice([0, 0.1]))
    world.events.note(f"{total} entries of deleted lanes")
