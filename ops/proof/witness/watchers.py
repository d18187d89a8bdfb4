"""The threads that look: durable marks as agents see them, the ledger's own numbers, and a slow consumer group of somebody else."""

import json
import threading
import time

from pgwire import PostgresError
from resp import RespError

from .places import Places
from .testimony import is_at_most, position, serial_of

GROUP = "witness"
# Each mark is compared with so many of the newest entries that it claims.
CLAIMED = 3
LEDGER = """
select json_build_object(
  'lanes', (select json_agg(json_build_array(l.lane, l.incarnation, l.entry_ms, l.entry_no, l.applied_no, l.owner, l.fence, l.lane_id)) from {schema}.lanes l),
  'before', (select json_agg(json_build_array(i.lane, i.incarnation, i.entry_ms, i.entry_no)) from {schema}.lane_incarnations i),
  'found', (select json_agg(json_build_array(w.lane, w.ms, w.no,
      exists (select 1 from {schema}.changes c where c.lane = w.lane and c.entry_ms = w.ms and c.entry_no = w.no),
      exists (select 1 from {schema}.dead_letters d where d.lane = w.lane and d.entry_ms = w.ms and d.entry_no = w.no)))
    from (values {wanted}) as w (lane, ms, no)))
"""
COUNTS = """
select json_build_object(
  'lanes', (select json_agg(json_build_array(l.lane, l.applied_no,
       (select count(*) from {schema}.change_log c where c.lane_id = l.lane_id),
       (select coalesce(max(no), 0) from {schema}.change_log c where c.lane_id = l.lane_id))) from {schema}.lanes l),
  'messages', (select count(*) from {schema}.messages),
  'appended', (select count(*) from {schema}.change_log where type = 'message.appended'),
  'outcomes', (select count(*) from {schema}.outcomes),
  'recorded', (select count(*) from {schema}.change_log where type = 'outcome.recorded'))
"""


class Watcher(threading.Thread):
    """A thread that looks again and again; whoever is away is asked again."""

    pause = 0.25

    def __init__(self, options, testimony, stopped):
        super().__init__(daemon=True)
        self._options, self._testimony, self._stopped = options, testimony, stopped
        self._places = Places(options["places"])
        self.failure = None

    def run(self):
        while not self._stopped.is_set():
            try:
                self.look()
            except (OSError, PostgresError, RespError) as error:
                self._testimony.note("unseen", by=type(self).__name__, why=str(error)[:200])
                self._stopped.wait(0.3)
            except Exception as error:
                self.failure = repr(error)
                raise
            self._stopped.wait(self.pause)

    def look(self):
        raise NotImplementedError


def built_in(options):
    return [f"tidemark:{{{n}}}:changes" for n in range(options["partitions"])]


class MarkWatcher(Watcher):
    """Reads the durable marks, and only then what Postgres has: the cursors, and the entries themselves that the marks claim."""

    def __init__(self, options, testimony, stopped, newest):
        super().__init__(options, testimony, stopped)
        self._newest = newest

    def look(self):
        marks = {}
        for lane in built_in(self._options):
            durable, incarnation = self._places.redis.call(lane, "HMGET", lane.replace("changes", "lane"), "durable", "incarnation")
            if durable:
                marks[lane] = (durable.decode(), int(incarnation or 0))
        flat = self._places.redis.call("tidemark:durable", "HGETALL", "tidemark:durable")
        others = {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
        for lane, mark in others.items():
            if not lane.startswith(("incarnation:", "installation:")) and lane:
                marks[lane] = (mark, int(others.get(f"incarnation:{lane}", 0)))
        compare(self._places, self._testimony, self._newest, {lane: [mark, incarnation] for lane, (mark, incarnation) in marks.items()}, "polled")


class ToldWatcher(Watcher):
    """Subscribes to the channels of the built-in lanes: whatever is told has to be in Postgres at that moment."""

    pause = 0

    def __init__(self, options, testimony, stopped, newest):
        super().__init__(options, testimony, stopped)
        self._newest = newest
        self._connection = None

    def look(self):
        if self._connection is None:
            lane = built_in(self._options)[0]
            port, _ = self._places.redis.target(lane)
            self._connection = self._places.redis.connection(port)
            self._connection.call("PSUBSCRIBE", "tidemark:{*}:durable")
        try:
            if not self._connection.is_ended():
                self._stopped.wait(0.02)
                return
            message = self._connection._read()
        except OSError:
            self._places.redis.lost(self._places.redis.target(built_in(self._options)[0])[0], ConnectionError())
            self._connection = None
            raise
        lane = message[2].decode().replace(":durable", ":changes")
        compare(self._places, self._testimony, self._newest, {lane: [message[3].decode(), None]}, "told")


def compare(places, testimony, newest, marks, how):
    """Notes each mark with what Postgres said afterwards."""
    taken = time.time()
    wanted = [(lane, *position(identity)) for lane, (mark, _) in marks.items() for identity in newest.claimed(lane, mark, CLAIMED)]
    values = ", ".join(f"('{lane}', {signed(ms)}::bigint, {signed(no)}::bigint)" for lane, ms, no in wanted) or "(null::text, 0::bigint, 0::bigint)"
    found = json.loads(places.query(LEDGER.format(schema="tidemark", wanted=values))[0][0])
    cursors = {lane: rest for lane, *rest in found["lanes"] or []}
    earlier = {}
    for lane, incarnation, ms, no in found["before"] or []:
        earlier.setdefault(lane, []).append([incarnation, ms, no])
    testimony.note("marks", how=how, taken=taken, marks={lane: [mark, incarnation, cursors.get(lane, [None])[:3], earlier.get(lane, [])]
                   for lane, (mark, incarnation) in marks.items()}, found=[each for each in found["found"] if each[0]])
    if how == "polled":
        testimony.note("owners", lanes={lane: [rest[0], rest[3], rest[4], rest[5]] for lane, rest in cursors.items()})


def signed(number):
    return number - (1 << 64) if number >= 1 << 63 else number


class Newest:
    """The newest acknowledged good entries of each lane, from which marks are tried."""

    def __init__(self):
        self._lock = threading.Lock()
        self._lanes = {}

    def add(self, lane, identity):
        with self._lock:
            ids = self._lanes.setdefault(lane, [])
            ids.append(identity)
            del ids[:-200]

    def claimed(self, lane, mark, count):
        """Some of the newest at or below a mark."""
        with self._lock:
            ids = [identity for identity in self._lanes.get(lane, []) if is_at_most(identity, mark)]
        return ids[-count:]


class CountWatcher(Watcher):
    """At one moment of Postgres: audit rows, numbers, cursors and rows of the tables, which one transaction makes."""

    pause = 3

    def look(self):
        counts = json.loads(self._places.query(COUNTS.format(schema="tidemark"))[0][0])
        lanes = [each for each in counts.pop("lanes") or [] if each[1] != each[2] or each[1] != each[3]]
        self._testimony.note("counts", unequal=lanes, **counts)
        firsts = {}
        for lane in built_in(self._options):
            asked = time.time()
            first = self._places.redis.call(lane, "XRANGE", lane, "-", "+", "COUNT", "1")
            if first:
                firsts[lane] = [asked, first[0][0].decode()]
        self._testimony.note("firsts", lanes=firsts)


class SlowReader(Watcher):
    """Somebody else's consumer group: it reads slowly, acknowledges late, and must get every entry that no fault destroyed."""

    def __init__(self, options, testimony, stopped):
        super().__init__(options, testimony, stopped)
        self._pending = {}
        self._made = set()
        self.is_slow = True
        self.idle_turns = 0

    def lanes(self):
        return built_in(self._options) + [f"witness:steady:{n}" for n in range(self._options["writers"])]

    def look(self):
        got = 0
        for lane in self.lanes():
            got += self._read(lane)
            self._acknowledge(lane)
        self.idle_turns = 0 if got else self.idle_turns + 1

    def _read(self, lane):
        if lane not in self._made:
            try:
                self._places.redis.call(lane, "XGROUP", "CREATE", lane, GROUP, "0", "MKSTREAM")
                self._testimony.note("group", lane=lane)
            except RespError as error:
                if "BUSYGROUP" not in str(error):
                    raise
            self._made.add(lane)
        try:
            answer = self._places.redis.call(
                lane, "XREADGROUP", "GROUP", GROUP, "slow", "COUNT", "20" if self.is_slow else "500", "STREAMS", lane, ">")
        except RespError as error:
            # The stream was destroyed, and the group with it.
            self._made.discard(lane)
            if "NOGROUP" in str(error):
                return 1
            raise
        entries = answer[0][1] if answer else []
        if entries:
            ids = [identity.decode() for identity, _ in entries]
            serials = [self._serial(fields) for _, fields in entries]
            self._testimony.note("seen", lane=lane, entries=[[s, i] for s, i in zip(serials, ids) if s is not None], all=len(ids),
                                 last=ids[-1])
            self._pending.setdefault(lane, []).extend((time.monotonic(), identity) for identity in ids)
        return len(entries)

    def _serial(self, fields):
        for place in range(0, len(fields or []), 2):
            if fields[place] == b"trace":
                return serial_of(fields[place + 1].decode("utf-8", "replace"), self._options["run"])
        return None

    def _acknowledge(self, lane):
        pending = self._pending.get(lane, [])
        ripe = [identity for at, identity in pending if not self.is_slow or time.monotonic() - at > 4]
        if not ripe:
            return
        # Delivered and not acknowledged: it is still wanted, so it has to be there.
        if not self._places.redis.call(lane, "XRANGE", lane, ripe[0], ripe[0]):
            self._testimony.note("pending_gone", lane=lane, id=ripe[0])
        self._places.redis.call(lane, "XACK", lane, GROUP, *ripe)
        self._pending[lane] = pending[len(ripe):]
