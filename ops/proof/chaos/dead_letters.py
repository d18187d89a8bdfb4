"""What may be a dead letter, and what has to be one."""

from collections import defaultdict

from chaos.ledger_files import EITHER, REFUSED
from verdict import rows

# An id that Postgres can't hold is told apart by what the entry said.
QUERY = """select json_build_array(lane, reason, detail, entry_ms, entry_no, (
    select convert_from(raw[at + 1], 'UTF8') from generate_series(1, least(array_length(raw, 1), 20), 2) as at
      where raw[at] = convert_to('event_id', 'UTF8') limit 1)) from tidemark.dead_letters"""


class DeadLetters:
    """Of good entries only one whose id a lost master had given, too; and all of those that were written to be refused."""

    def __init__(self, postgres, by_lane, seen, removals, verdict, counts):
        self._given_twice, self._held = set(), set()
        by_event = defaultdict(list)
        for entries in by_lane.values():
            for entry in entries:
                by_event[entry.event_id].append(entry)
        for lane, reason, detail, ms, no, event_id in rows(postgres, QUERY):
            of_id = [entry for entry in by_lane[lane] if entry.id == (ms, no)]
            of_event = [entry for entry in by_event[event_id] if entry.lane == lane]
            applied = [entry for entry in of_id if seen[entry] and removals.lost_by_crash(entry)]
            to_refuse = [entry for entry in of_id + of_event if entry.fate in (EITHER, REFUSED)]
            if reason == "id_reused" and applied and len(of_id) == 2:
                self._given_twice.add((lane, (ms, no)))
                counts["of an id that two masters gave, a dead letter"] += 1
            elif to_refuse and not seen[to_refuse[0]]:
                self._held.add(to_refuse[0])
                counts["refused, as they had to be"] += to_refuse[0].fate == REFUSED
            else:
                is_there = ", and it is in Postgres" if to_refuse else ""
                verdict.add("lost", f"dead letter {lane} {ms}-{no}: {reason}, {detail}{is_there}")

    def holds(self, entry):
        return entry in self._held

    def was_given_twice(self, entry):
        return (entry.lane, entry.id) in self._given_twice
