"""Jobs: streams that become lanes by a pattern, and that their producers delete when they end.

What was read of one arrives all the same, and of what was not read a row of `gaps` says so, whatever was away just then.
"""

from chaos.author import message
from chaos.faults import PROXY, STREAMS, NotNow, fault
from chaos.removals import now_ms
from pgwire import PostgresError

# A lane is looked at within a second after something of it was read; the rest is for a machine that does much else.
SEEN_MILLISECONDS = 3_000
NOTICED_SECONDS = 20


def begin(world, rng):
    """A few jobs, whose streams are lanes by now."""
    lanes = [world.new_stream("jobs") for _ in range(rng.randint(2, 4))]
    write(world, lanes, 3)
    wait_for_lanes(world, lanes)
    return lanes


def wait_for_lanes(world, lanes):
    try:
        world.wait_for("the streams are lanes", 20, lambda: are_in(world, lanes, "lanes where entry_ms > 0"))
    except TimeoutError as error:
        raise NotNow(str(error)) from None


def are_in(world, lanes, table):
    names = ", ".join(f"'{lane}'" for lane in lanes)
    try:
        return world.cluster.ask(f"select count(distinct lane) from tidemark.{table} and lane in ({names})")[0][0] == str(len(lanes))
    except (OSError, PostgresError):
        return False


def write(world, lanes, count):
    for number in range(count):
        for lane in lanes:
            world.author.write(message(f"session-of-{lane}", f"step {number}", lane))


def finish(world, rng, lanes, are_watched):
    """Their last entries, and then the streams are gone."""
    write(world, lanes, rng.randint(20, 120))
    world.rest(rng.choice([0, rng.uniform(0, 5)]))
    total = 0
    for lane in lanes:
        if are_watched:
            world.removals.watched_until_ms[lane] = now_ms() - SEEN_MILLISECONDS
        total += world.removals.delete_key(world.redis, lane)
    world.situations["jobs that ended"] += len(lanes)
    world.events.note(f"{len(lanes)} jobs ended, with {total} entries in their streams")
    return lambda: wait_for_rows(world, lanes)


def wait_for_rows(world, lanes):
    """That tell of their ends. What they say, the checker compares, also where they do not come."""
    try:
        world.wait_for("the ends are recorded", NOTICED_SECONDS, lambda: are_in(world, lanes, "gaps where missing is null"))
    except TimeoutError as error:
        world.events.note(str(error))


@fault("jobs", weight=3, needs=[STREAMS], cheap=True, alone=True)
def end_jobs(world, rng):
    return finish(world, rng, begin(world, rng), are_watched=True)


@fault("jobs-postgres-away", weight=3, needs=[STREAMS], alone=True)
def end_jobs_without_postgres(world, rng):
    lanes = begin(world, rng)
    world.cluster.primary.crash()
    wait_for_ends = finish(world, rng, lanes, are_watched=False)
    world.rest(rng.uniform(0, 3))
    world.cluster.primary.start()
    return wait_for_ends


@fault("jobs-postgres-unreachable", weight=2, needs=[STREAMS, PROXY], alone=True)
def end_jobs_without_connections(world, rng):
    """The server goes on, with the workers' leases; they can't reach it."""
    lanes = begin(world, rng)
    proxies = [proxy for of_worker in world.proxies for proxy in of_worker.postgres]
    for proxy in proxies:
        proxy.tell("refuse")
        proxy.tell("reset")
    wait_for_ends = finish(world, rng, lanes, are_watched=False)
    world.rest(rng.uniform(0, 2))
    for proxy in proxies:
        proxy.tell("clear")
    return wait_for_ends


@fault("jobs-no-worker", weight=3, needs=[STREAMS], cheap=True, alone=True)
def end_jobs_without_workers(world, rng):
    lanes = begin(world, rng)
    with world.without(world.workers):
        for worker in world.workers:
            worker.kill()
        wait_for_ends = finish(world, rng, lanes, are_watched=False)
    for worker in world.workers:
        worker.start()
    return wait_for_ends
