"""The verdict: what was written and what faults removed, against Postgres, by SQL over the documented columns.

An entry that Redis is known to have had is in `changes` once, or a fault removed it and a row of `gaps` accounts for it:

- trimmed or deleted: between `after` and `before` of exact rows, whose `missing` add up to just these entries; shortly in front of `after` where
  a worker took the lane up when it had been read past them and nobody had counted yet (ops/promises.md);
- destroyed with its stream, or trimmed shortly before: a row without `missing` ends an incarnation within moments; the entry may lie in front
  of the row's `after`, where a worker took the lane up when it had been read into the next stream. No exact row counts it, unless the stream
  was so young that it had no group;
- destroyed before anybody read of it, within moments after the stream before it had gone: nobody can know either;
- lost by Redis itself in a crash, or with a master whose replica had not got it, before anybody read it: nobody can know (ops/promises.md). But
  where one of these had been read, the lane was seen to be rewound: a row says so.
- a dead letter: its id was given twice, by two that both were the master for a moment, and the other's entry had been read.

An entry whose answer was lost and that was not found may be there or not, and may be one of those that a row counts. A few were written to be
refused, and have to be dead letters; a few repeat an event id, and leave nothing where the first of them was applied. A row that ends an
incarnation needs a stream that went.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass

from chaos.dead_letters import DeadLetters
from chaos.ledger_files import REFUSED, REPETITION
from verdict import effects, in_order_of_effect, rows

SILENT, OVERCOUNTED, MISPLACED, UNCAUSED = "silent", "gap too large", "gap misplaced", "gap without cause"
AHEAD, BEHIND, NOT_REFUSED = "mark ahead", "mark behind", "not refused"
# What faults themselves find: another installation was let in, lanes waited that had nothing to do with it, nobody was told to stop.
LET_IN, WAITED, NO_STOP = "let in", "innocent waited", "no stop"
FURTHER_KINDS = (SILENT, OVERCOUNTED, MISPLACED, UNCAUSED, AHEAD, BEHIND, NOT_REFUSED, LET_IN, WAITED, NO_STOP)
# A lane is looked at within a second after something of it was read; a fault that comes upon the other may take longer.
NOTICED_MILLISECONDS = 30_000
# A stream that lives longer is looked at and gets its group.
UNREAD_MILLISECONDS = 2_000
# One that lives longer has it for certain, on a slow machine, too: the next stream is not taken for it.
GROUPLESS_MILLISECONDS = 10_000
# How far back a lane may be taken up behind what nobody had counted: a second, and the faults in which it is taken up.
TAKEN_UP_MILLISECONDS = 10_000
# Between a stream's end and the row that tells of it; the row may come again when Postgres is older for a moment.
CAUSE_MILLISECONDS = 120_000
# Behind every id.
END = (1 << 64, 0)


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

    @property
    def end(self):
        """What was written after it was detected is none of those that it speaks of; ids that are no moments do not tell."""
        return self.before or (END if has_other_ids(self.lane) else (self.detected_ms + 1, 0))

    def holds(self, identifier):
        """Whether an entry may be one of those that it speaks of."""
        return self.after < identifier < self.end

    def begins_behind(self, identifier):
        """Whether an entry lies shortly in front of its range, which may begin where the lane was taken up."""
        return self.is_exact and self.after >= identifier and self.after[0] - identifier[0] <= TAKEN_UP_MILLISECONDS

    def __str__(self):
        count = self.missing if self.is_exact else f"at least {self.at_least}"
        return f"gap {self.cause} of {self.lane}, incarnation {self.incarnation}, {text(self.after)} to {text(self.before)}: {count}"


def text(identifier):
    return "%d-%d" % identifier if identifier else "the end"


def has_other_ids(lane):
    return lane.startswith("ids:")


def read_gaps(postgres):
    query = """select json_build_array(lane, incarnation, after_ms, after_no, before_ms, before_no, missing, at_least, cause,
      (extract(epoch from detected_at) * 1000)::bigint) from tidemark.gaps order by id"""
    return [
        Gap(lane, incarnation, (ms, no), None if before_ms is None else (before_ms, before_no), *rest)
        for lane, incarnation, ms, no, before_ms, before_no, *rest in rows(postgres, query)]


class Checker:
    def __init__(self, postgres, entries, removals, verdict, lanes, window_seconds):
        self._postgres, self._removals, self._verdict, self._lanes = postgres, removals, verdict, lanes
        self._window_milliseconds = 1000 * window_seconds
        self._entries = entries
        removals.learn(entries)
        # How often each stands in `changes`, and by event id all that are written with it.
        self._seen, self._by_event = defaultdict(int), defaultdict(list)
        for entry in entries:
            self._by_event[entry.event_id].append(entry)
        self._dead_letters = None
        self.counts = defaultdict(int)
        self.gaps = read_gaps(postgres)

    def check(self):
        self._read_changes()
        present = [entry for entry in self._entries if self._seen[entry]]
        effects(self._postgres, in_order_of_effect(self._postgres, present), self._verdict)
        by_lane = defaultdict(list)
        for entry in self._entries:
            by_lane[entry.lane].append(entry)
        self._dead_letters = DeadLetters(self._postgres, by_lane, self._seen, self._removals, self._verdict, self.counts)
        for lane in self._lanes:
            self._account(lane, by_lane[lane])
        self.counts["entries written"] = sum(entry.is_known for entry in self._entries)
        self.counts["answer lost, then found"] = sum(entry.outcome == "found" for entry in self._entries)
        self.counts["answer lost, not found"] = sum(not entry.is_known for entry in self._entries)
        self.counts["verified in Postgres"] = len(present)
        self.counts["gaps, exact"] = sum(gap.is_exact for gap in self.gaps)
        self.counts["gaps, with a new incarnation"] = sum(not gap.is_exact for gap in self.gaps)

    def _read_changes(self):
        """Each once, as it was written, in order: what Redis lost with a master behind all before it, the others behind those of their stream."""
        number, position, kept = defaultdict(int), defaultdict(lambda: (0, 0)), defaultdict(lambda: (0, 0))
        times = defaultdict(list)
        query = """select json_build_array(lane, no, entry_ms, entry_no, session_id, event_id, type) from tidemark.changes
          order by lane::text, no"""
        for lane, no, ms, entry_no, session, event_id, kind in rows(self._postgres, query):
            place = (ms, entry_no)
            if event_id not in self._by_event:
                self._verdict.add("never written", f"{lane} {text(place)} has event_id {event_id}")
                continue
            same = self._by_event[event_id]
            entry = next((entry for entry in same if (entry.lane, entry.id) == (lane, place)), same[0])
            # Where it is, only Redis knew, and its answer was lost.
            if entry.id is None:
                entry.id = place
            self._seen[entry] += 1
            # Further apart than the window an id is a new one: a producer may take that long to write again what got no answer.
            is_again = any(abs(ms - earlier) < self._window_milliseconds for earlier in times[event_id])
            times[event_id].append(ms)
            if is_again:
                self._verdict.add("twice", f"{lane} {text(place)}, written at {', '.join(text(one.id) for one in same)}: event_id {event_id}")
            elif (entry.lane, entry.id, entry.session, entry.type) != (lane, place, session, kind):
                self._verdict.add(
                    "content differs", f"{lane} {text(place)} {kind} of {session}, written {entry.lane} {text(entry.id)} {entry.type}")
            elif entry.fate == REFUSED:
                self._verdict.add(NOT_REFUSED, f"{lane} {text(place)} was applied: {entry.session}")
            if no != number[lane] + 1:
                self._verdict.add("out of order", f"{lane}: no {no} follows {number[lane]}")
            # The next master gives ids that are below those which the one before it gave at the same time.
            is_of_another = self._removals.lost_with_master(entry)
            behind = position[lane] if is_of_another else kept[lane]
            if place <= behind:
                self._verdict.add("out of order", f"{lane}: no {no} is {text(place)}, behind {text(behind)}")
            number[lane], position[lane] = no, max(place, position[lane])
            if not is_of_another and (entry.is_known or not self._removals.has_replacements):
                kept[lane] = max(place, kept[lane])

    def _is_settled(self, entry):
        """Whether it is in Postgres as what it is: a row, a dead letter, or a repetition of another that is there."""
        return bool(self._seen[entry]) or self._dead_letters.holds(entry) or self._is_repeated(entry)

    def _is_repeated(self, entry):
        return entry.fate == REPETITION and any(self._seen[other] for other in self._by_event[entry.event_id])

    def _account(self, lane, entries):
        """Every entry of a lane that is not in Postgres, against the lane's gaps."""
        gaps = [gap for gap in self.gaps if gap.lane == lane]
        exact, breaks = [gap for gap in gaps if gap.is_exact], [gap for gap in gaps if not gap.is_exact]
        absent = [entry for entry in entries if entry.is_known and not self._is_settled(entry)]
        # It left nothing, whether it was read or not.
        repeated = [entry for entry in entries if entry.is_known and not self._seen[entry] and self._is_repeated(entry)]
        # Those that exact rows must count, those that they may count, and those that no row holds.
        certain, unheld = 0, []
        possible = len(repeated) + sum(not entry.is_known and not self._is_settled(entry) for entry in entries)
        for entry in absent:
            removal = self._removals.causes[lane].get(entry.id)
            in_exact, in_break = any(gap.holds(entry.id) for gap in exact), any(gap.holds(entry.id) for gap in breaks)
            if self._dead_letters.was_given_twice(entry):
                continue
            if self._removals.lost_by_crash(entry):
                self.counts["lost by Redis itself"] += 1
                possible += 1
            elif removal is None:
                kind = NOT_REFUSED if entry.fate == REFUSED else "lost"
                self._verdict.add(kind, f"{lane} {text(entry.id)} {entry.type} of {entry.session}; nothing removed it")
            elif removal.cause == "destroyed" and not in_break:
                if self._noticed(removal, breaks) and not self._has_one_stream(lane):
                    self._held(removal, is_outside=True)
                    # What went with a stream is no number that Redis tells.
                    possible += in_exact and removal.at_ms - self._born(lane, removal) <= GROUPLESS_MILLISECONDS
                elif self._is_unread(lane, removal, entries, breaks):
                    self.counts["destroyed unread, right behind another"] += 1
                    possible += in_exact
                else:
                    self._verdict.add(SILENT, f"{lane} {text(entry.id)} went with its stream, and no incarnation ended then")
            elif in_exact or in_break:
                self._held(removal)
                certain += not in_break
                possible += in_exact and in_break
            elif self._noticed(removal, breaks):
                self._held(removal, is_outside=True)
                possible += 1
            elif any(gap.begins_behind(entry.id) for gap in exact):
                self._held(removal, is_outside=True)
                certain += 1
            else:
                unheld.append((entry, removal))
        self._check_exact(lane, exact, certain, possible, unheld)
        self._check_each(lane, entries, absent + repeated, gaps)
        self._check_watched(lane, absent, breaks)
        self._check_ends(lane, entries, breaks)
        self._check_causes(lane, breaks)
        self._check_rewinds(lane, entries, breaks)

    def _has_one_stream(self, lane):
        """A job's: what a row does not hold was read of it, and has to be in Postgres."""
        return lane.startswith("jobs:") and not self._removals.crashes

    def _held(self, removal, is_outside=False):
        self.counts[f"{removal.cause}, accounted for"] += 1
        self.counts["- of these in front of their row's range"] += is_outside

    def _is_unread(self, lane, removal, entries, breaks):
        """Whether the stream came and went within moments after another had gone, and nobody had read of it since that was noticed, or given
        it a group: then nobody can know of it."""
        born = self._born(lane, removal)
        begun = max((gap.after for gap in breaks if born <= gap.detected_ms <= removal.at_ms), default=(born, 0))
        of_it = [entry for entry in entries if entry.id and begun < entry.id and entry.id[0] <= removal.at_ms]
        return removal.at_ms - born <= UNREAD_MILLISECONDS and not any(self._seen[entry] for entry in of_it)

    def _born(self, lane, removal):
        """When the stream that was destroyed had begun, at the earliest."""
        before = [other.at_ms for other in self._removals.causes[lane].values() if other.cause == "destroyed" and other.at_ms < removal.at_ms]
        return max(before, default=self._removals.births.get(lane, 0))

    def _noticed(self, removal, breaks):
        """Whether an incarnation ended soon after. What was read of the next stream before that lies in front of the row's `after`."""
        return any(0 <= gap.detected_ms - removal.at_ms <= NOTICED_MILLISECONDS for gap in breaks)

    def _check_exact(self, lane, exact, certain, possible, unheld):
        """What exact rows count together, and that each lost entry lies in one of them."""
        missing = sum(gap.missing for gap in exact)
        listed = "; ".join(map(str, exact))
        lost = certain + len(unheld)
        is_counted = lost <= missing
        if not lost <= missing <= lost + possible:
            self._verdict.add(
                OVERCOUNTED if is_counted else SILENT, f"{lane}: {missing} counted as missing, {lost} are, {possible} more may be; {listed}")
        for entry, removal in unheld:
            self._verdict.add(
                MISPLACED if is_counted else SILENT,
                f"{lane} {text(entry.id)} was {removal.cause}, and no row's range holds it" + (f" ({listed})" if is_counted else ""))

    def _check_each(self, lane, entries, absent, gaps):
        """No row claims more than what can have gone there."""
        gone = sorted(entry.id for entry in absent)
        written = sorted(entry.id for entry in entries if entry.id)
        unplaced = sum(entry.id is None for entry in entries)
        for gap in gaps:
            # A stream that is read again, of an older copy, may give what was thought to be lost: it counts as written.
            pool = written if gap.cause == "rewound" else gone
            begin = (gap.after[0] - TAKEN_UP_MILLISECONDS, 0) if gap.is_exact else gap.after
            most = bisect_left(pool, gap.end) - bisect_right(pool, begin) + unplaced
            claimed = gap.missing if gap.is_exact else gap.at_least or 0
            if claimed > most:
                self._verdict.add(MISPLACED, f"{gap}, but only {most} can have gone there")

    def _check_watched(self, lane, absent, breaks):
        """What waited when the stream was seen for the last time: the rows that end its incarnation count it."""
        until = self._removals.watched_until_ms.get(lane, 0)
        unread = sum(entry.id[0] <= until and not self._removals.lost_by_crash(entry) for entry in absent)
        counted = sum(gap.at_least or 0 for gap in breaks)
        if unread > counted:
            self._verdict.add(SILENT, f"{lane}: {unread} entries waited for long when the stream went, and {counted} are counted")

    def _check_ends(self, lane, entries, breaks):
        """A stream that had been read for a while does not end without a row, had it anything left or not."""
        begun = self._removals.births.get(lane, 0)
        for moment in self._removals.destroyed[lane]:
            read = any(self._seen[entry] and begun <= entry.id[0] < moment - UNREAD_MILLISECONDS for entry in entries)
            came_back = any(moment <= crash.moment_ms <= moment + NOTICED_MILLISECONDS for crash in self._removals.crashes)
            if read and not came_back and not any(0 <= gap.detected_ms - moment <= CAUSE_MILLISECONDS for gap in breaks):
                self._verdict.add(SILENT, f"{lane}: its stream went at {moment}, and no incarnation ended then")
            begun = moment

    def _check_causes(self, lane, breaks):
        """No incarnation ends by itself."""
        ends = self._removals.ends_of(lane)
        for gap in breaks:
            if not any(-2_000 <= gap.detected_ms - moment <= CAUSE_MILLISECONDS for moment in ends):
                self._verdict.add(UNCAUSED, f"{gap}, but nothing took the stream")

    def _check_rewinds(self, lane, entries, breaks):
        for crash in self._removals.crashes:
            read = [entry.id for entry in entries if entry.id and self._seen[entry] and crash.may_have_lost(entry)]
            if read and not any(gap.detected_ms >= crash.begun_ms for gap in breaks):
                self._verdict.add(SILENT, f"{lane}: Redis lost {len(read)} entries that had been read, from {text(read[0])}, and no gap says so")
