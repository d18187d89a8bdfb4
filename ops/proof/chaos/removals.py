"""What faults took out of Redis. Ids are read in the same atomic step that removes them, so this is known exactly."""

import time
from collections import defaultdict
from dataclasses import dataclass

from resp import entry_id
from workload import LANES

# The ids of a stream, and then what is to become of them.
IDS = "local ids = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do ids[#ids + 1] = entry[1] end "
LIST = IDS + "return ids"
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
        self.moment_ms = moment_ms
        self.kept = {}
        for lane in LANES:
            old = [identifier for identifier in after[lane] if identifier[0] <= moment_ms]
            # Nothing old is left: then what was there before the crash is lost, from its first entry on.
            first = min(before[lane], default=(moment_ms, 0))
            self.kept[lane] = max(old) if old else (first[0], first[1] - 1)

    def may_have_lost(self, lane, identifier):
        return self.kept[lane] < identifier and identifier[0] <= self.moment_ms


class Removals:
    def __init__(self):
        # lane -> id -> Removal
        self.causes = defaultdict(dict)
        self.crashes = []

    def trim(self, redis, lane, keep):
        """XTRIM MAXLEN; returns how many entries went."""
        return self._note(now_ms(), lane, redis.connection.call("EVAL", TRIM, 1, lane, keep), "trimmed")

    def delete_some(self, redis, lane, places):
        return self._note(now_ms(), lane, redis.connection.call("EVAL", DELETE_SOME, 1, lane, *places), "deleted")

    def delete_key(self, redis, lane):
        return self._note(now_ms(), lane, redis.connection.call("EVAL", DELETE_KEY, 1, lane), "destroyed")

    def flush_all(self, redis):
        commands = [("MULTI",), *(("EVAL", LIST, 1, lane) for lane in LANES), ("FLUSHALL",), ("EXEC",)]
        begun = now_ms()
        answers = redis.connection.pipeline(commands)[-1]
        if not isinstance(answers, list):
            raise RuntimeError(f"FLUSHALL in a transaction: {answers}")
        return sum(self._note(begun, lane, ids, "destroyed") for lane, ids in zip(LANES, answers))

    def crashed(self, before, after, moment_ms):
        """Notes a crash, and returns how many entries of the listing before it are gone."""
        self.crashes.append(RedisCrash(before, after, moment_ms))
        return sum(1 for lane in LANES for identifier in before[lane] - after[lane] if self.crashes[-1].may_have_lost(lane, identifier))

    def _note(self, begun_ms, lane, identifiers, cause):
        for identifier in identifiers:
            self.causes[lane][entry_id(identifier)] = Removal(cause, begun_ms)
        return len(identifiers)

    def lost_by_crash(self, lane, identifier):
        return any(crash.may_have_lost(lane, identifier) for crash in self.crashes)

    @property
    def count(self):
        return sum(len(of_lane) for of_lane in self.causes.values())


def listing(redis):
    """The ids in every lane."""
    answers = redis.connection.pipeline([("EVAL", LIST, 1, lane) for lane in LANES])
    return {lane: {entry_id(identifier) for identifier in answer} for lane, answer in zip(LANES, answers)}


def now_ms():
    return time.time_ns() // 1_000_000
