"""The verdict: what was written and what faults removed, against Postgres, by SQL over the documented columns.

An entry that Redis is known to have had is in `changes` once, or a fault removed it and a row of `gaps` accounts for it:

- trimmed or deleted: between `after` and `before` of exact rows, whose `missing` add up to just these entries; shortly in front of `after` where
  a worker took the lane up when it had been read past them and nobody had counted yet (ops/promises.md);
- destroyed with its stream, or trimmed shortly before: a row without `missing` ends an incarnation within moments; the entry may lie in front
  of the row's `after`, where the next stream was read before anybody saw that it is another;
- destroyed before anybody read of it, within moments after the stream before it had gone: nobody can know either;
- lost by Redis itself in a crash, or with a master whose replica had not got it, before anybody read it: nobody can know (ops/promises.md). But
  where one of these had been read, the lane was seen to be rewound: a row says so.
- a dead letter: its id was given twice, by two that both were the master for a moment, and the other's entry had been read.

An entry whose answer was lost and that was not found may be there or not, and may be one of those that a row counts.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass

from verdict import effects, rows
from workload import LANES

SILENT, OVERCOUNTED, MISPLACED, AHEAD = "silent", "gap too large", "gap misplaced", "mark ahead"
FURTHER_KINDS = (SILENT, OVERCOUNTED, MISPLACED, AHEAD)
# A lane is looked at within a second after something of it was read; a fault that comes upon the other may take longer.
NOTICED_MILLISECONDS = 30_000
# A stream that lives longer is looked at and gets its group.
UNREAD_MILLISECONDS = 2_000
# How far back a lane may be taken up behind what nobody had counted: a second, and the faults in which it is taken up.
TAKEN_UP_MILLISECONDS = 10_000


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

    def begins_behind(self, identifier):
        """Whether an entry lies shortly in front of its range, which may begin where the lane was taken up."""
        return self.is_exact and self.after >= identifier and self.after[0] - identifier[0] <= TAKEN_UP_MILLISECONDS

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
        # (lane, id) that two masters gave, and only the lost one's entry could be applied.
        self._given_twice = set()
        removals.learn(entries)
        self._seen = defaultdict(int)
        self.counts = defaultdict(int)
        self.gaps = read_gaps(postgres)

    def check(self):
        self._read_changes()
        present = [entry for entry in self._entries if self._seen[entry.event_id]]
        effects(self._postgres, sorted(present, key=lambda entry: (entry.lane, entry.id)), self._verdict)
        by_lane = defaultdict(list)
        for entry in self._entries:
            by_lane[entry.lane].append(entry)
        self._check_dead_letters(by_lane)
        for lane in LANES:
            self._account(lane, by_lane[lane])
        self.counts["entries written"] = sum(entry.is_known for entry in self._entries)
        self.counts["answer lost, then found"] = sum(entry.outcome == "found" for entry in self._entries)
        self.counts["answer lost, not found"] = sum(not entry.is_known for entry in self._entries)
        self.counts["verified in Postgres"] = len(present)
        self.counts["gaps, exact"] = sum(gap.is_exact for gap in self.gaps)
        self.counts["gaps, with a new incarnation"] = sum(not gap.is_exact for gap in self.gaps)

    def _read_changes(self):
        """Each once, as it was written, in order: what Redis lost with a master behind all before it, the others behind those of their stream."""
        expected = {entry.event_id: entry for entry in self._entries}
        number, position, kept = defaultdict(int), defaultdict(lambda: (0, 0)), defaultdict(lambda: (0, 0))
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
            # The next master gives ids that are below those which the one before it gave at the same time.
            is_of_another = self._removals.lost_with_master(entry)
            behind = position[lane] if is_of_another else kept[lane]
            if place <= behind:
                self._verdict.add("out of order", f"{lane}: no {no} is {text(place)}, behind {text(behind)}")
            number[lane], position[lane] = no, max(place, position[lane])
            if not is_of_another and (entry.is_known or not self._removals.has_replacements):
                kept[lane] = max(place, kept[lane])

    def _check_dead_letters(self, by_lane):
        """Every entry was good. Only an id that a lost master had given, too, may be refused."""
        query = "select json_build_array(lane, reason, detail, entry_ms, entry_no) from tidemark.dead_letters"
        for lane, reason, detail, ms, no in rows(self._postgres, query):
            of_id = [entry for entry in by_lane[lane] if entry.id == (ms, no)]
            applied = [entry for entry in of_id if self._seen[entry.event_id] and self._removals.lost_by_crash(entry)]
            if reason == "id_reused" and applied and len(of_id) == 2:
                self._given_twice.add((lane, (ms, no)))
                self.counts["of an id that two masters gave, a dead letter"] += 1
            else:
                self._verdict.add("lost", f"dead letter {lane} {ms}-{no}: {reason}, {detail}")

    def _account(self, lane, entries):
        """Every entry of a lane that is not in Postgres, against the lane's gaps."""
        gaps = [gap for gap in self.gaps if gap.lane == lane]
        exact, breaks = [gap for gap in gaps if gap.is_exact], [gap for gap in gaps if not gap.is_exact]
        absent = [entry for entry in entries if entry.is_known and not self._seen[entry.event_id]]
        # Those that exact rows must count, those that they may count, and those that no row holds.
        certain, unheld, possible = 0, [], sum(not entry.is_known and not self._seen[entry.event_id] for entry in entries)
        for entry in absent:
            removal = self._removals.causes[lane].get(entry.id)
            in_exact, in_break = any(gap.holds(entry.id) for gap in exact), any(gap.holds(entry.id) for gap in breaks)
            if (lane, entry.id) in self._given_twice:
                continue
            if self._removals.lost_by_crash(entry):
                self.counts["lost by Redis itself"] += 1
                possible += 1
            elif removal is None:
                self._verdict.add("lost", f"{lane} {text(entry.id)} {entry.type} of {entry.session}; nothing removed it")
            elif removal.cause == "destroyed" and not in_break:
                if self._noticed(removal, breaks):
                    self._held(removal, is_outside=True)
                    possible += in_exact
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
        self._check_each(lane, entries, absent, gaps)
        self._check_rewinds(lane, entries, breaks)

    def _held(self, removal, is_outside=False):
        self.counts[f"{removal.cause}, accounted for"] += 1
        self.counts["- of these in front of their row's range"] += is_outside

    def _is_unread(self, lane, removal, entries, breaks):
        """Whether the stream came and went within moments after another had gone, and nobody had read of it since that was noticed, or given
        it a group: then nobody can know of it."""
        before = [other.at_ms for other in self._removals.causes[lane].values() if other.cause == "destroyed" and other.at_ms < removal.at_ms]
        born = max(before, default=0)
        begun = max((gap.after for gap in breaks if born <= gap.detected_ms <= removal.at_ms), default=(born, 0))
        of_it = [entry for entry in entries if entry.id and begun < entry.id and entry.id[0] <= removal.at_ms]
        return removal.at_ms - born <= UNREAD_MILLISECONDS and not any(self._seen[entry.event_id] for entry in of_it)

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
            end = gap.before or (gap.detected_ms + 1, 0)
            begin = (gap.after[0] - TAKEN_UP_MILLISECONDS, 0) if gap.is_exact else gap.after
            most = bisect_left(pool, end) - bisect_right(pool, begin) + unplaced
            claimed = gap.missing if gap.is_exact else gap.at_least or 0
            if claimed > most:
                self._verdict.add(MISPLACED, f"{gap}, but only {most} can have gone there")

    def _check_rewinds(self, lane, entries, breaks):
        for crash in self._removals.crashes:
            read = [entry.id for entry in entries if entry.id and self._seen[entry.event_id] and crash.may_have_lost(entry)]
            if read and not any(gap.detected_ms >= crash.begun_ms for gap in breaks):
                self._verdict.add(SILENT, f"{lane}: Redis lost {len(read)} entries that had been read, from {text(read[0])}, and no gap says so")
