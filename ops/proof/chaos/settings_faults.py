"""Settings that change while entries wait that were made under the old ones: what is in Postgres stays there, and nothing is skipped."""

import os

from chaos.author import message
from chaos.faults import STREAMS, NotNow, fault
from chaos.job_faults import wait_for_lanes
from chaos.ledger_files import EITHER
from pgwire import PostgresError


def write_nul(world, lane, fate):
    entry = message(f"session-of-{lane}", "before\0behind", lane)
    world.author.write(entry, fate=fate, kept_fields={**entry.fields, "content": "before\ufffdbehind"})


def write_long(world, lane, fate):
    world.author.write(message(f"session-of-{lane}", "x" * 20_000, lane), fate=fate)


@fault("settings-text", weight=2, needs=[STREAMS], alone=True)
def change_text(world, rng):
    return change(world, rng, {"text": {"unstorable": "replace"}}, {"text": {"unstorable": "reject"}}, write_nul)


@fault("settings-limit", weight=2, needs=[STREAMS], alone=True)
def change_limit(world, rng):
    return change(world, rng, {"limits": {"max_entry_bytes": "1MiB"}}, {"limits": {"max_entry_bytes": "16KiB"}}, write_long)


def change(world, rng, takes, refuses, write_odd):
    """The entry at the cursor is one that the new settings would refuse, and others wait behind it, unread, when they come into force."""
    lane = world.new_stream("own")
    policy = rng.choice(["resume", "reseed", "halt"])
    batch = {"batch": {"max_entries": rng.choice([1, 50, 5000])}, "rewind": policy}
    world.events.note(f"{takes} becomes {refuses}, rewind: {policy}")
    restart(world, {**takes, **batch})
    write_good(world, lane, 10)
    write_odd(world, lane, "applied")
    wait_for_end(world, lane)
    with world.without(world.workers):
        stop(world)
        write_good(world, lane, 7)
        world.configure_all({**refuses, **batch})
    start(world)
    write_odd(world, lane, EITHER)
    write_good(world, lane, 5)
    # What can be changed while they run is; of the rest they say that it waits for a restart.
    for changed in (takes, refuses):
        world.reload_all({**changed, **batch})
        write_odd(world, lane, EITHER)
        world.rest(rng.uniform(0, 0.5))
    world.situations["settings changed under a lane"] += 1
    return lambda: restart(world, {})


def write_good(world, lane, count):
    for number in range(count):
        world.author.write(message(f"session-of-{lane}", f"good {number}", lane))


def wait_for_end(world, lane):
    wait_for_lanes(world, [lane])

    def is_there():
        try:
            found = world.cluster.ask(f"select entry_ms, entry_no from tidemark.lanes where lane = '{lane}'")
            return tuple(map(int, found[0])) == world.redis.entries_added(lane)[1]
        except (OSError, PostgresError):
            return False

    try:
        world.wait_for("the lane's end is committed", 20, is_there)
    except TimeoutError as error:
        raise NotNow(str(error)) from None


def stop(world):
    for number, worker in enumerate(world.workers, 1):
        code = worker.terminate()
        if code != 0:
            world.verdict.add("process", f"worker {number} ended on SIGTERM with {code}")
        worker.close()


def restart(world, changed):
    with world.without(world.workers):
        stop(world)
        world.configure_all(changed)
    start(world)


def start(world):
    """And waits until they are up: SIGHUP ends a process that is not yet ready to be told anything."""
    lengths = [os.path.getsize(worker.log) for worker in world.workers]
    for worker in world.workers:
        worker.start()
    world.wait_for("the workers have started", 30, lambda: all(
        worker.has_logged("worker.started", length) for worker, length in zip(world.workers, lengths)))
