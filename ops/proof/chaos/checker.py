"""The verdict: what was written and what faults removed, against Postgres, by SQL over the documented columns.

An entry that Redis is known to have had is in `changes` once, or a fault removed it and a row of `gaps` accounts for it:

- trimmed or deleted: between `after` and `before` of exact rows, whose `missing` add up to just these entries;
- destroyed with its stream, or trimmed shortly before: behind `after` of a row without `missing`, which ends an incarnation;
- lost by Redis itself in a crash before anybody read it: nobody can know (ops/promises.md). But where one of these had been read, the lane
  was seen to be rewound: a row says so.

An entry whose answer was lost and that was not found may be there or not, and may be one of those that a row counts.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass

from verdict import effects, rows
from workload import LANES

SILENT, AHEAD = "silent", "mark ahead"
FURTHER_KINDS = (SILENT, AHEAD)


@dataclass
class Gap:
    lane: str
    incarnation: int
    after: tuple
    before: tuple
    missing: int
    at_least: int
    cause: str
    detected_ms: int

    @property
    def is_exact(self):
        return self.missing is not None

    def holds(self, identifier):
        """Whether an entry may be one of those that it speaks of; what was written after it was detected is not."""
        end = self.before or (self.detected_ms + 1, 0)
        return self.after < identifier < end

    def __str__(self):
        count = self.missing if self.is_exact else f"at least {self.at_least}"
        return f"gap {self.cause} of {self.lane}, incarnation {self.incarnation}, {text(self.after)} to {text(self.before)}: {count}"


def text(identifier):
    return "%d-%d" % identifier if identifier else "the end"


def read_gaps(postgres):
    query = """select json_build_array(lane, incarnation, after_ms, after_no, before_ms, before_no, missing, at_least, cause,
      (extract(epoch from detected_at) * 1000)::bigint) from tidemark.gaps order by id"""
    return [
        Gap(lane, incarnation, (ms, no), None if before_ms is None else (before_ms, before_no), *rest)
        for lane, incarnation, ms, no, before_ms, before_no, *rest in rows(postgres, query)]


class Checker:
    def __init__(self, postgres, entries, removals, verdict):
        self._postgres, self._removals, self._verdict = postgres, removals, verdict
        self._entries = entries
        self._seen = defaultdict(int)
        self.counts = defaultdict(int)
        self.gaps = read_gaps(postgres)

    def check(self):
        self._read_changes()
        present = [entry for entry in self._entries if self._seen[entry.event_id]]
        effects(self._postgres, sorted(present, key=lambda entry: (entry.lane, entry.id)), self._verdict)
        for lane, reason, detail, ms, no in rows(
                self._postgres, "select json_build_array(lane, reason, detail, entry_ms, entry_no) from tidemark.dead_letters"):
            self._verdict.add("lost", f"dead letter {lane} {ms}-{no}: {reason}, {detail}")
        by_lane = defaultdict(list)
        for entry in self._entries:
            by_lane[entry.lane].append(entry)
        for lane in LANES:
            self._account(lane, by_lane[lane])
        self.counts["entries written"] = sum(entry.is_known for entry in self._entries)
        self.counts["answer lost, then found"] = sum(entry.outcome == "found" for entry in self._entries)
        self.counts["answer lost, not found"] = sum(not entry.is_known for entry in self._entries)
        self.counts["verified in Postgres"] = len(present)
        self.counts["gaps, exact"] = sum(gap.is_exact for gap in self.gaps)
        self.counts["gaps, with a new incarnation"] = sum(not gap.is_exact for gap in self.gaps)

    def _read_changes(self):
        """Each once, as it was written, in order."""
        expected = {entry.event_id: entry for entry in self._entries}
        number, position = defaultdict(int), defaultdict(lambda: (0, 0))
        query = """select json_build_array(lane, no, entry_ms, entry_no, session_id, event_id, type) from tidemark.changes
          order by lane::text, no"""
        for lane, no, ms, entry_no, session, event_id, kind in rows(self._postgres, query):
            place = (ms, entry_no)
            self._seen[event_id] += 1
            entry = expected.get(event_id)
            if entry is None:
                self._verdict.add("never written", f"{lane} {text(place)} has event_id {event_id}")
                continue
            # Where it is, only Redis knew, and its answer was lost.
            if entry.id is None:
                entry.id = place
            if self._seen[event_id] == 2:
                self._verdict.add("twice", f"{lane} {text(place)}, written once at {text(entry.id)}: event_id {event_id}")
            elif (entry.lane, entry.id, entry.session, entry.type) != (lane, place, session, kind):
                self._verdict.add(
                    "content differs", f"{lane} {text(place)} {kind} of {session}, written {entry.lane} {text(entry.id)} {entry.type}")
            if no != number[lane] + 1:
                self._verdict.add("out of order", f"{lane}: no {no} follows {number[lane]}")
            if place <= position[lane]:
                self._verdict.add("out of order", f"{lane}: no {no} is {text(place)}, behind {text(position[lane])}")
            number[lane], position[lane] = no, max(place, position[lane])

    def _account(self, lane, entries):
        """Every entry of a lane that is not in Postgres, against the lane's gaps."""
        gaps = [gap for gap in self.gaps if gap.lane == lane]
        exact, breaks = [gap for gap in gaps if gap.is_exact], [gap for gap in gaps if not gap.is_exact]
        absent = [entry for entry in entries if entry.is_known and not self._seen[entry.event_id]]
        doubtful = sum(not entry.is_known and not self._seen[entry.event_id] for entry in entries)
        only_exact = either = only_break = 0
        for entry in absent:
            cause = self._removals.causes[lane].get(entry.id)
            by_crash = self._removals.lost_by_crash(lane, entry.id)
            in_exact, in_break = any(gap.holds(entry.id) for gap in exact), any(gap.holds(entry.id) for gap in breaks)
            if cause is None and not by_crash:
                self._verdict.add("lost", f"{lane} {text(entry.id)} {entry.type} of {entry.session}; nothing removed it")
            elif by_crash:
                self.counts["lost by Redis itself"] += 1
                either += 1
            else:
                self.counts[f"{cause}, accounted for"] += in_exact or in_break
                if not in_exact and not in_break:
                    self._verdict.add(SILENT, f"{lane} {text(entry.id)} was {cause}, and no gap holds it")
                elif cause == "destroyed" and not in_break:
                    self._verdict.add(SILENT, f"{lane} {text(entry.id)} went with its stream, and no incarnation ended there")
            if not by_crash:
                only_exact += in_exact and not in_break
                only_break += in_break and not in_exact
                either += in_exact and in_break
        missing = sum(gap.missing for gap in exact)
        if not only_exact <= missing <= only_exact + either + doubtful:
            self._verdict.add(
                SILENT, f"{lane}: {missing} counted as missing, {only_exact} are (and {either + doubtful} may be); {'; '.join(map(str, exact))}")
        self._check_each(lane, entries, absent, gaps)
        self._check_rewinds(lane, entries, breaks)

    def _check_each(self, lane, entries, absent, gaps):
        """No row claims more than what can have gone there."""
        gone = sorted(entry.id for entry in absent)
        written = sorted(entry.id for entry in entries if entry.id)
        unplaced = sum(entry.id is None for entry in entries)
        for gap in gaps:
            # A stream that is read again, of an older copy, may give what was thought to be lost: it counts as written.
            pool = written if gap.cause == "rewound" else gone
            end = gap.before or (gap.detected_ms + 1, 0)
            most = bisect_left(pool, end) - bisect_right(pool, gap.after) + unplaced
            claimed = gap.missing if gap.is_exact else gap.at_least or 0
            if claimed > most:
                self._verdict.add(SILENT, f"{gap}, but only {most} can be")

    def _check_rewinds(self, lane, entries, breaks):
        for crash in self._removals.crashes:
            read = [entry.id for entry in entries if entry.id and self._seen[entry.event_id] and crash.may_have_lost(lane, entry.id)]
            if read and not any(gap.detected_ms >= crash.moment_ms for gap in breaks):
                self._verdict.add(SILENT, f"{lane}: Redis lost {len(read)} entries that had been read, from {text(read[0])}, and no gap says so")
