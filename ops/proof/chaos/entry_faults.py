"""Entries at the edges: in two lanes of one session, with odd ids, with very many fields, very long, repeated, and clears by the thousand."""

import json
import time
import uuid

from chaos.author import IdTaken, context_value, message
from chaos.faults import STREAMS, WINDOW, NotNow, fault
from chaos.job_faults import wait_for_lanes
from chaos.ledger_files import REFUSED, REPETITION
from chaos.removals import now_ms
from chaos.redis_faults import without_readers
from chaos.world import SHORT_WINDOW_SECONDS
from workload import LANES, Entry, lane_of

DAY_MILLISECONDS = 86_400_000
# limits.max_fields, unless it is set.
MOST_FIELDS = 10_000
CLEARS = 10_000
MEBIBYTE = 1 << 20


@fault("two-lanes", weight=4, cheap=True)
def write_to_two_lanes(world, rng):
    """One session in its own lane and in another, as by a producer that goes astray: both with the same ids."""
    sessions = [f"two-lanes-{rng.getrandbits(32):08x}" for _ in range(rng.randint(1, 3))]
    strays = {session: rng.choice([lane for lane in LANES if lane != lane_of(session)]) for session in sessions}
    end = without_readers(world, rng) if rng.random() < 0.5 else None
    pairs = sum(write_pair(world, rng, session, strays[session]) for session in sessions for _ in range(rng.randint(20, 60)))
    world.situations["pairs with one id in two lanes"] += pairs
    world.events.note(f"{pairs} pairs in two lanes of a session")
    if end:
        end()
    if not pairs:
        raise NotNow("no two entries got one id")


def write_pair(world, rng, session, stray):
    """Whether both got the same id: a millisecond that is yet to come, unless others were there before."""
    make = rng.choice([
        lambda lane: message(session, f"of {lane}", lane), lambda lane: context_value(session, f"key-{rng.randrange(3)}", lane, lane),
        lambda lane: Entry(str(uuid.uuid4()), session, "outcome.recorded", {"label": lane, "score": "0.5"}, lane)])
    identifier = f"{now_ms() + 2}-{rng.randrange(1, 1000)}"
    try:
        return None not in [world.author.write(make(lane), identifier) for lane in (lane_of(session), stray)]
    except IdTaken:
        return False


def write_with_ids(world, rng, lane, first_ms):
    """Some entries whose ids are given, and some whose ids Redis then makes of these."""
    end = without_readers(world, rng) if rng.random() < 0.5 else None
    count = rng.randint(10, 60)
    for number in range(count):
        identifier = f"{first_ms + number}-0" if number < count / 2 else "*"
        world.author.write(message(f"session-of-{lane}", f"entry {number}", lane), identifier)
    world.situations["entries with odd ids"] += count
    if end:
        end()


@fault("ids-ahead", weight=2, needs=[STREAMS], cheap=True)
def write_ahead(world, rng):
    """A day ahead of the clock, in a stream of their own."""
    write_with_ids(world, rng, world.new_stream("ids"), now_ms() + DAY_MILLISECONDS)


@fault("ids-microseconds", weight=2, needs=[STREAMS], cheap=True)
def write_microseconds(world, rng):
    write_with_ids(world, rng, world.new_stream("ids"), time.time_ns() // 1000)


@fault("ids-beyond", weight=2, needs=[STREAMS], cheap=True)
def write_beyond(world, rng):
    """Good entries, and then some whose ids no bigint holds: each of these is a dead letter, and neither is lost nor keeps others waiting."""
    lane = world.new_stream("ids")
    world.unreachable_lanes.add(lane)
    for number in range(5):
        world.author.write(message(f"session-of-{lane}", f"entry {number}", lane))
    if rng.random() < 0.5:
        wait_for_lanes(world, [lane])
    count = rng.randint(2, 100)
    for number in range(count):
        world.author.write(message(f"session-of-{lane}", f"beyond {number}", lane), f"{(1 << 63) + number}-0", REFUSED)
    world.situations["entries with ids of 2^63 and more"] += count


def write_fields(world, rng, kind, counts):
    """Entries of so many fields, all in one lane; the others must not wait for it."""
    session, before = f"fields-{rng.getrandbits(32):08x}", world.ordinary_wait()
    for count in counts:
        entry = message(session, f"{count} fields")
        entry.fields |= {f"field-{number}": "1" for number in range(count - len(entry.fields) - 3)}
        world.author.write(entry, fate=REFUSED if count > MOST_FIELDS else "applied", kept_fields=dict(list(entry.fields.items())[:3]))
    world.situations["entries of very many fields"] += len(counts)
    world.expect_others_soon(kind, [lane_of(session)], before)


@fault("fields-at-limit", weight=2, cheap=True, alone=True)
def write_at_limit(world, rng):
    write_fields(world, rng, "fields-at-limit", [MOST_FIELDS, MOST_FIELDS + 1])


@fault("fields-200000", weight=1, alone=True)
def write_many_fields(world, rng):
    write_fields(world, rng, "fields-200000", [200_000])


@fault("fields-1000000", weight=1, alone=True)
def write_a_million_fields(world, rng):
    write_fields(world, rng, "fields-1000000", [1_000_000])


@fault("long-entries", weight=1, needs=[STREAMS], alone=True)
def write_long(world, rng):
    """Messages of tens of megabytes in a few lanes; one is the last of a lane that is quiet then."""
    quiet, before = world.new_stream("own"), world.ordinary_wait()
    lanes = [quiet, *rng.sample(LANES, 2)]
    for lane in lanes:
        text = f"{rng.getrandbits(64):016x} ürgend " * (rng.randint(10, 24) * MEBIBYTE // 25)
        session = next(f"long-{number}" for number in iter(lambda: rng.getrandbits(32), None) if lane in (quiet, lane_of(f"long-{number}")))
        world.author.write(message(session, text, lane))
    world.situations["entries of tens of megabytes"] += len(lanes)
    world.expect_others_soon("long-entries", lanes, before)
    return lambda: world.expect_quiet("long-entries")


@fault("clears", weight=1, alone=True)
def clear_often(world, rng):
    """A producer that clears one session again and again, after each message or two. Its lane may wait for it; the others must not."""
    session, before = f"clears-{rng.getrandbits(32):08x}", world.ordinary_wait()
    end = without_readers(world, rng)
    for number in range(CLEARS):
        if rng.random() < 0.5:
            world.author.write(message(session, f"message {number}"))
        world.author.write(Entry(str(uuid.uuid4()), session, "messages.cleared", {}))
    world.author.write(message(session, "the last one"))
    end()
    world.situations["clears of one session"] += CLEARS
    world.expect_others_soon("clears", [lane_of(session)], before)


@fault("event-ids", weight=1, needs=[WINDOW], alone=True)
def repeat_events(world, rng):
    """Events come twice, 83 ms apart, and are read when more time has passed than the window is long. In small batches: each its own."""
    world.reload_all({"batch": {"max_entries": 20}})
    world.cluster.primary.crash()
    repeated = 0
    for _ in range(rng.randint(2, 4)):
        session = f"event-ids-{rng.getrandbits(32):08x}"
        entry = message(session, "once")
        if world.author.write(entry) is None:
            continue
        for number in range(rng.choice([0, 100, 500])):
            world.author.write(context_value(session, f"key-{number % 7}", number))
        time.sleep(0.083)
        world.author.write(entry, fate=REPETITION)
        repeated += 1
    world.situations["events repeated over an outage"] += repeated
    world.rest(SHORT_WINDOW_SECONDS + rng.uniform(2, 4))
    world.cluster.primary.start()
    return lambda: world.reload_all({})
