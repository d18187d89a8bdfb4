"""What faults took out of Redis. Ids are read in the same atomic step that removes them, so this is known exactly."""

import time
from collections import defaultdict
from dataclasses import dataclass

from resp import entry_id
from workload import LANES

# The ids of a stream, and then what is to become of them.
IDS = "local ids = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do ids[#ids + 1] = entry[1] end "
LIST = IDS + "return ids"
# By what the ledgers know them; ids are given twice where there are two masters for a moment.
LIST_EVENTS = (
    "local events = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do "
    "for i = 1, #entry[2], 2 do if entry[2][i] == 'event_id' then events[#events + 1] = entry[2][i + 1] end end end return events"
)
# All lanes that a node holds. A script, for a transaction of a Cluster may not name keys of several slots.
FLUSH = (
    "local all = {} for number, lane in ipairs(ARGV) do local ids = {} "
    "for _, entry in ipairs(redis.call('XRANGE', lane, '-', '+')) do ids[#ids + 1] = entry[1] end all[number] = ids end "
    "redis.call('FLUSHALL') return all"
)
TRIM = IDS + "redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', ARGV[1]) for i = #ids, math.max(1, #ids - ARGV[1] + 1), -1 do ids[i] = nil end return ids"
DELETE_KEY = IDS + "redis.call('DEL', KEYS[1]) return ids"
# Out of the last ARGV[1] entries those whose place, counted from the end, is given.
DELETE_SOME = (
    IDS + "local gone = {} for i = 1, #ARGV do local id = ids[#ids - ARGV[i]] "
    "if id and redis.call('XDEL', KEYS[1], id) == 1 then gone[#gone + 1] = id end end return gone"
)


@dataclass(frozen=True)
class Removal:
    # trimmed, deleted or destroyed
    cause: str
    at_ms: int


class RedisCrash:
    """A Redis that came back with less than it had: everything behind `kept` and before the moment may be lost."""

    def __init__(self, before, after, moment_ms):
        self.begun_ms = self.moment_ms = moment_ms
        self.kept = {}
        # Of streams that only the run writes to, which waits meanwhile: just these are gone. Their ids need not be moments.
        self._gone = {lane: before[lane] - after[lane] for lane in before if lane not in LANES}
        for lane in LANES:
            old = [identifier for identifier in after[lane] if identifier[0] <= moment_ms]
            # Nothing old is left: then what was there before the crash is lost, from its first entry on.
            first = min(before[lane], default=(moment_ms, 0))
            self.kept[lane] = max(old) if old else (first[0], first[1] - 1)

    def learn(self, entries):
        pass

    def may_have_lost(self, entry):
        if entry.lane not in self.kept:
            return entry.id in self._gone.get(entry.lane, ())
        return self.kept[entry.lane] < entry.id and entry.id[0] <= self.moment_ms

    def lost(self, before, after):
        """How many entries of the listing before it are gone."""
        return sum(map(len, self._gone.values())) + sum(
            1 for lane in self.kept for identifier in before[lane] - after[lane] if self.kept[lane] < identifier)


class Replacement:
    """A master whose replica took its place. What only it acknowledged is lost, where that is the end of what it acknowledged.

    `copied` are the ids that the replicas were seen to have while it was still the master, `taken_over` the event ids that the new master began
    with; what it acknowledged between `begun_ms` and `moment_ms`, when it was dead or no master any more, may be lost behind the last of these.
    """

    def __init__(self, port, copied, taken_over, begun_ms, moment_ms):
        self.port, self.begun_ms, self.moment_ms = port, begun_ms, moment_ms
        self._taken_over = taken_over
        self.kept = {lane: max(entries, default=(0, 0)) for lane, entries in copied.items()}

    def learn(self, entries):
        """Who acknowledged what, only the ledgers know: the new master may have taken entries of its own by then."""
        for entry in entries:
            if entry.node == self.port and entry.event_id in self._taken_over and entry.id[0] <= self.moment_ms:
                self.kept[entry.lane] = max(self.kept[entry.lane], entry.id)

    def may_have_lost(self, entry):
        return (
            entry.node == self.port and entry.lane in self.kept and self.kept[entry.lane] < entry.id
            and self.begun_ms <= entry.id[0] <= self.moment_ms)


class Removals:
    def __init__(self):
        # lane -> id -> Removal
        self.causes = defaultdict(dict)
        self.crashes = []
        # lane -> when its stream was destroyed, had it entries or not.
        self.destroyed = defaultdict(list)
        # When the first stream of a lane began, where it was not there from the start; and until when all that was written had been seen
        # when it was destroyed.
        self.births, self.watched_until_ms = {}, {}

    def trim(self, redis, lane, keep):
        """XTRIM MAXLEN; returns how many entries went."""
        return self._note(now_ms(), lane, redis.call(lane, "EVAL", TRIM, 1, lane, keep), "trimmed")

    def delete_some(self, redis, lane, places):
        return self._note(now_ms(), lane, redis.call(lane, "EVAL", DELETE_SOME, 1, lane, *places), "deleted")

    def delete_key(self, redis, lane):
        return self._note(now_ms(), lane, redis.call(lane, "EVAL", DELETE_KEY, 1, lane), "destroyed")

    def flush_all(self, redis):
        """Node by node; returns how many entries went."""
        total = 0
        for master in redis.masters():
            lanes, begun = redis.lanes_of(master), now_ms()
            answers = master.command("EVAL", FLUSH, 0, *lanes)
            total += sum(self._note(begun, lane, ids, "destroyed") for lane, ids in zip(lanes, answers))
        return total

    def crashed(self, before, after, moment_ms):
        """Notes a crash, and returns how many entries of the listing before it are gone."""
        crash = RedisCrash(before, after, moment_ms)
        self.crashes.append(crash)
        return crash.lost(before, after)

    def replaced(self, replacement):
        self.crashes.append(replacement)

    def learn(self, entries):
        """What the ledgers tell of who acknowledged what."""
        for crash in self.crashes:
            crash.learn([entry for entry in entries if entry.id])

    def ends_of(self, lane):
        """When its stream went, or may have become an older one."""
        return self.destroyed[lane] + [moment for crash in self.crashes for moment in (crash.begun_ms, crash.moment_ms)]

    def _note(self, begun_ms, lane, identifiers, cause):
        if cause == "destroyed":
            self.destroyed[lane].append(begun_ms)
        for identifier in identifiers:
            self.causes[lane][entry_id(identifier)] = Removal(cause, begun_ms)
        return len(identifiers)

    def lost_by_crash(self, entry):
        return any(crash.may_have_lost(entry) for crash in self.crashes)

    def lost_with_master(self, entry):
        return any(isinstance(crash, Replacement) and crash.may_have_lost(entry) for crash in self.crashes)

    @property
    def has_replacements(self):
        return any(isinstance(crash, Replacement) for crash in self.crashes)

    @property
    def count(self):
        return sum(len(of_lane) for of_lane in self.causes.values())


def listing(redis):
    """The ids in every lane."""
    return {lane: {entry_id(identifier) for identifier in redis.call(lane, "EVAL", LIST, 1, lane)} for lane in redis.lanes}


def now_ms():
    return time.time_ns() // 1_000_000
