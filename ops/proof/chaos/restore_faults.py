"""Servers that go back: Postgres' folder from a copy, on the same timeline; Redis and Postgres from copies of about the same time; commits that
were never written, as `synchronous_commit` was off."""

import shutil

from chaos.author import message
from chaos.checker import AHEAD
from chaos.faults import ONE, PERSISTENCE, STREAMS, NotNow, fault
from chaos.job_faults import wait_for_lanes
from chaos.marks import read_mark, read_marks
from chaos.redis_faults import come_back
from chaos.removals import listing, now_ms
from proof import cursors
from workload import LANES

# What a copy lacks has to be in Redis still when it is restored.
KEEP_SECONDS = 120
# Until what Postgres lost is there again, or its mark is taken back.
REPAIR_SECONDS = 40


class PostgresCopy:
    """Of the primary's folder, taken while it is down for a moment. A stream of its own gets its last entries behind it, and is quiet then."""

    def __init__(self, world):
        self._world = world
        self._primary = world.cluster.primary
        world.reload_all({"trim": {"keep": f"{KEEP_SECONDS}s"}})
        self._lane = world.new_stream("own")
        self._write(3)
        wait_for_lanes(world, [self._lane])
        self._primary.stop("fast")
        self._primary.copy_data()
        self._primary.start()

    def write_more(self):
        """Until the quiet stream's mark is at its end."""
        self._write(30)
        _, end = self._world.redis.entries_added(self._lane)
        try:
            self._world.wait_for("the quiet lane is durable", 30, lambda: self._mark_id() == end)
        except TimeoutError as error:
            self.close()
            raise NotNow(str(error)) from None

    def restore(self):
        self._world.marks_may_lead = True
        self._primary.crash()
        # Soon: who has not noticed yet that it was away goes on with what it knows.
        self._primary.restore_data()
        self._primary.start()

    def check(self):
        """The quiet stream is written to no more: its mark has to be true all the same."""
        def is_true():
            mark, cursor = self._mark_id(), cursors(self._world.cluster).get(self._lane)
            return mark is not None and mark == cursor == self._world.redis.entries_added(self._lane)[1]

        try:
            self._world.wait_for("the quiet lane's mark is true", REPAIR_SECONDS, is_true)
        except TimeoutError:
            self._world.verdict.add(
                AHEAD, f"{self._lane}, quiet: durable {self._mark_id()}, the cursor is {cursors(self._world.cluster).get(self._lane)}, "
                f"{REPAIR_SECONDS} s after Postgres went back; the stream ends at {self._world.redis.entries_added(self._lane)[1]}")
        self._world.situations["Postgres restored from a copy"] += 1

    def close(self):
        self._primary.drop_copy()
        self._world.reload_all({})

    def end(self):
        """What is left to be done: a standby was ahead of what is the primary now."""
        self._world.cluster.rebuild()
        self.close()

    def _write(self, count):
        for number in range(count):
            self._world.author.write(message(f"session-of-{self._lane}", f"entry {number}", self._lane))

    def _mark_id(self):
        mark = read_mark(self._world.redis, self._lane)
        return mark and mark.id


@fault("postgres-older-copy", weight=2, needs=[STREAMS], alone=True)
def restore_postgres(world, rng):
    """Half the time lanes went meanwhile, twice, and the copy knows their incarnations only as they were before."""
    copy = PostgresCopy(world)
    lanes = rng.sample(LANES, 2) if rng.random() < 0.5 else []
    for lane in 2 * lanes:
        world.removals.delete_key(world.redis, lane)
        places = [place for place in world.write_canaries() if place[0] == lane]
        world.wait_for("the lane goes on", 30, lambda: not world.canaries_missing(places))
    copy.write_more()
    world.rest(rng.uniform(0, 2))
    copy.restore()
    copy.check()
    return copy.end


@fault("both-older-copies", weight=2, needs=[ONE, PERSISTENCE, STREAMS], alone=True)
def restore_both(world, rng):
    """One copy a moment before the other, as snapshots of two machines are."""
    folder, server = world.redis.server.folder, world.redis.server
    files, saved = f"{folder}/appendonlydir", f"{folder}/copy"
    shutil.rmtree(saved, ignore_errors=True)
    is_redis_first = rng.random() < 0.5
    world.events.note(f"the copy of {'Redis' if is_redis_first else 'Postgres'} is the older one")
    if is_redis_first:
        shutil.copytree(files, saved)
    copy = PostgresCopy(world)
    world.rest(rng.uniform(0, 1.5))
    if not is_redis_first:
        shutil.copytree(files, saved)
    world.rest(rng.uniform(0.5, 3))
    before = listing(world.redis)
    server.kill()
    moment = now_ms()
    shutil.rmtree(files)
    shutil.move(saved, files)
    copy.restore()
    come_back(world, before, moment)
    world.situations["both restored from copies"] += 1
    return copy.end


@fault("postgres-unsynced", weight=2, alone=True)
def lose_commits(world, rng):
    """The role says that a commit need not wait for the disk, and the server writes late: durable has to mean durable all the same."""
    primary = world.cluster.primary
    primary.query("alter system set wal_writer_delay = '10s'; ", admin=True)
    primary.query("alter role tidemark set synchronous_commit = off; select pg_reload_conf()", admin=True)
    primary.terminate_workers()
    try:
        world.rest(rng.uniform(2, 5))
        world.freeze_all()
        marks = read_marks(world.redis, world.lanes_with_cursors)
        primary.crash()
        primary.start()
        known = cursors(primary)
        ahead = [lane for lane, mark in (marks or {}).items() if mark and lane in known and mark.id > known[lane]]
        for lane in ahead:
            world.verdict.add(AHEAD, f"{lane}: durable {marks[lane].id} before the crash, the cursor behind it is {known[lane]}")
        world.situations["crashes with synchronous_commit off"] += 1
    finally:
        primary.query("alter role tidemark reset synchronous_commit", admin=True)
        primary.query("alter system reset wal_writer_delay", admin=True)
        primary.query("select pg_reload_conf()", admin=True)
        primary.terminate_workers()
        world.thaw_all()
