"""One function for each row of the table in ops/promises.md that the entries themselves show; ledger_promises.py has the others."""

from collections import defaultdict

from . import tables
from .evidence import has_group
from .outcomes import DESTROYED, NOBODY_KNOWS, TOO_LATE


READ_AGAIN = "reads everything that Redis has again: an entry that is in changes with equal content counts as reread ... any other entry is applied"


def once(evidence, losses, verdict):
    """Each entry at its own place, once, and its rows with it; read at one moment, audit rows, numbers and cursors agree."""
    for entry in evidence.entries.values():
        places = [(row["lane"], row["position"]) for row in entry.rows]
        if entry.refused:
            verdict.check(not places and not entry.letters, "refused by Redis, nowhere", lambda: f"{name(entry)} was refused and is at {places}")
        elif len(places) > 1:
            verdict.fault(f"{name(entry)} stands more than once: {places}")
        elif len(entry.letters) > 1 and len(entry.letters) > evidence.lanes[entry.lane]["incarnation"]:
            verdict.fault(f"{name(entry)} is a dead letter more than once: {[letter['id'] for letter in entry.letters]}")
        elif places and entry.id and (places[0][0], unsigned(places[0][1])) != (entry.lane, entry.position):
            verdict.fault(f"{name(entry)} stands at {places[0]}")
        elif places and entry.letters and not any(letter["resolution"] == "replayed" for letter in entry.letters):
            verdict.fault(f"{name(entry)} is applied and is a dead letter, too")
        elif places:
            verdict.ok("applied once")
        elif entry.letters:
            verdict.ok("dead letter once")
        if len(entry.letters) > 1:
            verdict.excuse(READ_AGAIN)
    for row in evidence.unknown_rows:
        verdict.fault(f"never written: {row['lane']} {row['position']} {row['trace']}")
    for row in evidence.foreign_rows:
        verdict.fault(f"never written: {row}")
    for record in evidence.records["counts"]:
        verdict.check(not record["unequal"], "moments with as many audit rows as numbers", lambda: f"lane, applied_no, rows, last no: {record['unequal']}")
        same = record["messages"] == record["appended"] and record["outcomes"] == record["recorded"]
        verdict.check(same, "moments with a row for each audit row", lambda: f"messages and outcomes beside their audit rows: {record}")


def each_change_once(evidence, losses, verdict):
    """Of two entries of a session with one event_id, less than a window apart, one is applied, whichever comes first."""
    for (session, event), entries in evidence.events.items():
        placed = [entry for entry in entries if entry.position]
        if len(entries) < 2 or any(entry.late for entry in entries):
            continue
        applied = sorted((entry for entry in placed if entry.rows and entry.outcome != "replayed"), key=lambda entry: entry.position)
        for one, other in zip(applied, applied[1:]):
            apart = other.position[0] - one.position[0]
            verdict.check(apart >= evidence.window, "applied again beyond the window",
                          lambda: f"{name(one)} and {name(other)} are {apart} ms apart and both applied: {event}")
        for entry in placed:
            if entry.rows or entry.expect != "good":
                continue
            near = [other for other in applied if abs(other.position[0] - entry.position[0]) < evidence.window]
            if not near:
                # Lost, or wrongly taken for a repetition: nothing_vanishes_silently judges which.
                continue
            same = [other.content == entry.content for other in near]
            is_letter = any(letter["reason"] == "id_reused" for letter in entry.letters)
            if entry.letters and not is_letter:
                verdict.fault(f"{name(entry)} repeats {event} and is a dead letter for {entry.letters[0]['reason']}")
            elif all(same):
                verdict.check(not is_letter, "the same again, without effect", lambda: f"{name(entry)} repeats {event} exactly and is a dead letter")
            elif entry.outcome == "lost":
                continue
            elif not any(same):
                verdict.check(is_letter, "another content, a dead letter", lambda: f"{name(entry)} uses {event} for another content and is none")
                noted = any(row["kind"] == "id_reused" and row["lane"] == entry.lane and shown(entry) in row["detail"] for row in evidence.divergences)
                verdict.check(noted or not is_letter, "another content, a divergence", lambda: f"{name(entry)} is in no row of divergences")


def in_order(evidence, losses, verdict):
    """The tables are what the applied entries make one by one, and a lane's numbers follow its entries."""
    for lane, order in evidence.order.items():
        numbers = [no for no, _ in order]
        row = evidence.lanes[lane]
        verdict.check(numbers == list(range(1, len(numbers) + 1)) and row["applied_no"] == len(numbers), "lanes numbered without a hole",
                      lambda: f"{lane}: {len(numbers)} rows, from {numbers[:1]} to {numbers[-1:]}, applied_no {row['applied_no']}")
        falls = sum(1 for (_, one), (_, other) in zip(order, order[1:]) if other < one)
        # "reads everything that Redis has again: an entry that is in changes ... counts as reread, any other is applied", once an incarnation; a
        # replay "keeps its own position". Nothing else may come after what is behind it.
        late = sum(1 for letter in evidence.letters if letter["lane"] == lane and letter["resolution"] == "replayed")
        late += sum(1 for _, at in order if at[0] < 0)
        allowed = row["incarnation"] - 1 + late
        verdict.check(falls <= allowed, "lanes committed in the order of their entries", lambda: f"{lane}: {falls} times an older entry came later")
    tables.compare(evidence, verdict)


def several_lanes_of_a_session(evidence, losses, verdict):
    """No valid entry is refused because another lane has its id; of equal ids the lane decides."""
    lanes = defaultdict(lambda: defaultdict(list))
    for entry in evidence.entries.values():
        if entry.position and entry.expect == "good" and not entry.event:
            lanes[entry.session][entry.position].append(entry)
    for session, places in lanes.items():
        for position, entries in places.items():
            if len({entry.lane for entry in entries}) < 2:
                continue
            for entry in entries:
                verdict.check(not entry.letters, "entries with an id of another lane", lambda: f"{name(entry)} is a dead letter beside its twin")
    for session in sorted({entry.session for entry in evidence.entries.values() if " twins" in entry.session}):
        tables.compare_context(evidence, session, verdict, "values of sessions whose ids meet in two lanes")


def nothing_vanishes_silently(evidence, losses, verdict):
    """What Redis acknowledged and Postgres has not is recorded: each entry in a row of `gaps` that may speak of it, and the numbers fit."""
    for entry in evidence.entries.values():
        if entry.outcome != "lost":
            verdict.ok({"uncertain": "never answered and nowhere"}.get(entry.outcome, entry.outcome))
            continue
        row = losses.exact_row(entry)
        if row:
            verdict.ok(f"counted exactly as {row['cause']}")
            continue
        harm, tail = losses.destruction(entry), losses.lost_with_tail(entry)
        if harm and losses.break_row(entry.lane, harm["began"]):
            verdict.ok("destroyed, with a row of gaps")
            verdict.excuse(DESTROYED)
        elif harm and not was_known(evidence, losses, entry, harm):
            verdict.ok("destroyed before anybody read of the stream")
            verdict.excuse(NOBODY_KNOWS)
        elif losses.was_removed(entry) and losses.later_exact_row(entry):
            verdict.ok("counted, in front of the range")
            verdict.excuse(TOO_LATE)
        elif tail:
            verdict.ok("lost by Redis before it was read")
            verdict.excuse(NOBODY_KNOWS)
        else:
            verdict.fault(f"{name(entry)} {shown(entry)} in {entry.lane} is nowhere; removed {losses.was_removed(entry)}, destroyed {bool(harm)}, "
                          f"gaps {[brief(row) for row in evidence.gaps[entry.lane]]}")


# How long a stream may be there before a worker that nothing befalls must have found it; `discover` is a second.
FOUND_SECONDS = 10


def was_known(evidence, losses, entry, harm):
    """Whether something of the same life of the stream was read before it was destroyed, or had to be."""
    begun = max([other["ended"] for other in losses.destructions(entry.lane, 0) if other["ended"] <= entry.sent and other is not harm], default=0)
    met = [record for record in evidence.records["met"] + evidence.records["unseen"]
           if record.get("began", record["at"]) - FOUND_SECONDS < harm["began"] and record["at"] + FOUND_SECONDS > entry.at]
    if harm["began"] - entry.at > FOUND_SECONDS and not met:
        return True
    return any(other.rows and other.lane == entry.lane and begun <= other.sent and other.at <= harm["began"] and not other.letters
               for other in evidence.entries.values())


def streams_that_lose_entries(evidence, losses, verdict):
    """`missing` is exact where Redis counted; a break is there only if something was destroyed; `at_least` claims no more than is gone."""
    for lane, rows in evidence.gaps.items():
        is_sole = evidence.is_sole_writer(lane)
        if not is_sole and "gone" not in evidence.options:
            continue
        exact = [row for row in rows if row["missing"] is not None]
        breaks = [row for row in rows if row["missing"] is None]
        counted = sum(row["missing"] for row in exact)
        gone = losses.removed_ids(lane)
        ours = [entry for entry in evidence.entries.values() if entry.lane == lane and entry.position and shown(entry) in gone]
        certain = sum(1 for entry in ours if entry.outcome == "lost" and not losses.destruction(entry))
        # "Entries that were read of a new stream before the replacement was noticed, and were deleted before they were read again under the
        # new incarnation, count as missing there although they are in PostgreSQL."
        there = sum(1 for entry in ours if entry.outcome in ("applied", "dead", "replayed"))
        most = len(gone) if breaks else len(gone) - there
        if losses.is_unsure(lane) or losses.postgres_went_back:
            # What Postgres lost and Redis had trimmed is recorded in `gaps`, too; how much that was only the workers knew.
            most = 1 << 62
        verdict.check(certain <= counted <= most, "lanes with exact numbers",
                      lambda: f"{lane}: {counted} counted as missing, {certain} to {most} were: {[brief(row) for row in exact]}")
        causes = len(losses.destructions(lane, 0))
        unclear = losses.has_tails or losses.postgres_went_back
        verdict.check(len(breaks) <= causes or unclear, "lanes with no more breaks than destructions",
                      lambda: f"{lane}: destroyed {causes} times, breaks {[brief(row) for row in breaks]}")
        if not is_sole or losses.has_tails or losses.postgres_went_back:
            continue
        waiting = sum(1 for entry in evidence.entries.values()
                      if entry.lane == lane and entry.outcome in ("lost", "uncertain", "ephemeral", "duplicate"))
        claimed = sum(row["at_least"] or 0 for row in breaks)
        verdict.check(claimed <= waiting, "lanes whose at_least is no more than is gone", lambda: f"{lane}: at_least {claimed}, {waiting} are gone")


def trimmed_is_durable(evidence, losses, verdict):
    """What is gone from Redis without a fault is committed; the kept window, other groups' entries and the cursor's entry stay."""
    for lane, stream in evidence.streams.items():
        first = unsigned(tuple(map(int, stream["first"].split("-")))) if stream["first"] else None
        for entry in (e for e in evidence.entries.values() if e.lane == lane and e.position and first and e.position < first):
            if entry.outcome == "lost" and not explained(entry, losses):
                verdict.fault(f"{name(entry)} {shown(entry)} left {lane} and is not committed")
            elif entry.outcome in ("applied", "dead", "replayed") and not explained(entry, losses):
                verdict.ok("trimmed and in Postgres")
        row = evidence.lanes.get(lane)
        if row and stream["length"] and (row["entry_ms"] or row["entry_no"]):
            removed = f"{row['entry_ms']}-{row['entry_no']}" in losses.removed_ids(lane)
            verdict.check(stream["has_cursor"] or removed, "lanes with their cursor's entry", lambda: f"{lane}: the cursor's entry is gone")
    for entry in evidence.entries.values():
        if not has_group(entry.lane, evidence.options) or entry.position is None or entry.id is None:
            continue
        if entry.seen:
            verdict.ok("given to another group")
        elif not explained(entry, losses):
            verdict.fault(f"{name(entry)} {shown(entry)} in {entry.lane} never reached the group that wanted it")
    for record in evidence.records["pending_gone"]:
        excused = record["id"] in losses.removed_ids(record["lane"]) or losses.destructions(record["lane"], 0) or losses.has_tails
        verdict.check(excused, "pending of a group, destroyed by a fault", lambda: f"{record['lane']}: {record['id']} is pending and gone")
    kept_window(evidence, losses, verdict)


def kept_window(evidence, losses, verdict):
    keep = evidence.options.get("keep_seconds")
    if keep is None:
        return
    by_lane = defaultdict(list)
    for entry in evidence.entries.values():
        if entry.id and entry.asked == "*":
            by_lane[entry.lane].append(entry)
    for record in evidence.records["firsts"]:
        for lane, (asked, first) in record["lanes"].items():
            edge = tuple(map(int, first.split("-")))
            for entry in by_lane[lane]:
                if asked - keep < entry.position[0] / 1000 and entry.at < asked and entry.position < edge and not explained(entry, losses):
                    verdict.fault(f"{name(entry)} {shown(entry)} left {lane} {asked - entry.position[0] / 1000:.1f} s old")
            verdict.ok("looks at what the kept window begins with")


def explained(entry, losses):
    """Whether a fault may have taken it from Redis, whatever became of it in Postgres."""
    return losses.was_removed(entry) or losses.may_have_destroyed(entry) or losses.tail(entry)


def unsigned(position):
    return position[0] % (1 << 64), position[1] % (1 << 64)


def shown(entry):
    return f"{entry.position[0]}-{entry.position[1]}" if entry.position else "?"


def name(entry):
    return f"entry {entry.serial} ({entry.fields['type']})"


def brief(row):
    return {key: row[key] for key in ("incarnation", "after_ms", "after_no", "before_ms", "before_no", "missing", "at_least", "cause")}
