"""One function for each row of the table in ops/promises.md that marks, the ledger's numbers, and what was tried in a run show."""

from .outcomes import Losses
from .promises import explained, name, shown
from .testimony import position

BACK = "Until then, about a second for a server that answers, durable marks may be ahead of Postgres."
# The hash that holds the mark is part of the copy.
OLDER_COPY = "an older copy: failover to a replica without the last entries, a restored snapshot"
FORGOTTEN = "the ledger's incarnation is raised above the one that Redis knows"
# How long an answering Postgres may be behind after it went back. Generous, for machines that are busy.
BACK_SECONDS = 45


def each_dead_letter_resolved_once(evidence, losses, verdict):
    """By one replay, with its entry in the same transaction, or by a discard."""
    for letter in evidence.letters:
        entry = letter["entry"]
        if not entry or not letter["resolved_at"]:
            continue
        if letter["resolution"] == "replayed":
            again = entry.rows or entry.event
            verdict.check(again, "replayed, with its entry", lambda: f"{name(entry)} is replayed and not applied")
        else:
            other = any(again["resolution"] == "replayed" for again in entry.letters)
            verdict.check(not entry.rows or other, "discarded, without effect", lambda: f"{name(entry)} is discarded and applied")
    for record in evidence.records["resolved"]:
        # Of those that resolve one letter at the same time exactly one does; the others say what was done.
        done = [answer for answer in record["answers"] if answer in ("applied", "discarded")]
        verdict.check(len(done) <= 1, "letters that several resolved at once", lambda: f"letter {record['letter']}: {record['answers']}")


def durable_means_committed(evidence, losses, verdict):
    """A mark never runs ahead of the commit: read first the mark, then Postgres."""
    backs = [(harm["began"], harm["ended"] + BACK_SECONDS) for harm in evidence.harms if harm["what"] == "postgres-back"]
    by_place = {(entry.lane, entry.position): entry for entry in evidence.entries.values() if entry.position}
    last = {}
    for record in evidence.records["marks"]:
        was_back = any(began <= record["at"] and record["taken"] <= ended for began, ended in backs)
        for lane, (mark, incarnation, cursor, earlier) in record["marks"].items():
            reached = [at[1:] for at in earlier if incarnation is None or at[0] >= incarnation]
            if cursor[0] is not None and (incarnation is None or cursor[0] >= incarnation):
                reached.append(cursor[1:])
            holds = any(unsigned(at) >= position(mark) for at in reached)
            if not holds and was_back:
                verdict.excuse(BACK)
            else:
                verdict.check(holds, f"marks {record['how']}", lambda: f"{lane}: mark {mark} ({incarnation}), then cursor {cursor}, earlier {earlier}")
            if record["how"] == "polled":
                before = last.get(lane)
                falls = before and (incarnation, position(mark)) < (before[0], before[1])
                if falls and any(before[2] <= harm["ended"] + 1 and harm["ended"] - 1 <= record["at"] for harm in losses.tails):
                    verdict.excuse(OLDER_COPY)
                elif falls and was_forgotten(losses, lane, before[2], record["at"], backs):
                    verdict.excuse(FORGOTTEN)
                else:
                    verdict.check(not falls, "marks that do not fall within an incarnation",
                                  lambda: f"{lane}: {before} and then {mark} ({incarnation}) at {record['taken']:.3f}")
                last[lane] = (incarnation, position(mark), record["taken"])
        for lane, ms, no, has_row, has_letter in record["found"]:
            entry = by_place.get((lane, (ms % (1 << 64), no % (1 << 64))))
            if not entry or has_row or has_letter:
                verdict.ok("entries that a mark claims", 1 if entry else 0)
            elif was_back:
                verdict.excuse(BACK)
            else:
                lost = entry.outcome == "lost" and (losses.exact_row(entry) or losses.later_exact_row(entry) or losses.destruction(entry) or losses.tail(entry))
                moved = any(harm["began"] <= record["at"] for harm in [*losses.may_have_destroyed(entry), losses.tail(entry)] if harm)
                verdict.check(lost or moved, "claimed entries that a fault took", lambda: f"{name(entry)} {shown(entry)} in {lane} was claimed and not there")
    for lane, stream in evidence.streams.items():
        row = evidence.lanes.get(lane)
        if row is None or not (row["entry_ms"] or row["entry_no"]):
            continue
        cursor = unsigned((row["entry_ms"], row["entry_no"]))
        mark = evidence.marks.get(lane)
        verdict.check(mark is not None and position(mark[0]) == cursor and mark[1] == row["incarnation"], "marks at the end are the cursors",
                      lambda: f"{lane}: mark {mark}, cursor {cursor} ({row['incarnation']})")


def was_forgotten(losses, lane, since, until, backs):
    """Whether Redis lost the mark and Postgres the commits that it told of: then neither knows the incarnation that agents know."""
    return (any(harm["began"] <= until for harm in losses.destructions(lane, since))
            and any(began <= until and ended >= since for began, ended in backs))


def unsigned(at):
    return at[0] % (1 << 64), at[1] % (1 << 64)


def accounting(evidence, losses, verdict):
    """The two sums of "nothing vanishes silently", and what the witness knows of the numbers in them."""
    status = {row["lane"]: row for row in evidence.status["lanes"]}
    for lane, row in status.items():
        parts = sum(row[key] for key in ("applied", "duplicates", "divergent", "ephemeral", "skipped", "dead_letters"))
        verdict.check(row["read"] == parts, "lanes whose read entries add up", lambda: f"{lane}: read {row['read']}, its parts {parts}: {row}")
        stream = evidence.streams.get(lane)
        if stream:
            total = row["read"] + row["missing"] + row["baseline"]
            verdict.check(total == stream["added"], "lanes that add up to what Redis added", lambda: f"{lane}: {total}, Redis added {stream['added']}: {row}")
    for before in evidence.incarnations:
        parts = sum(before[f"{key}_total"] for key in ("applied", "duplicates", "divergent", "ephemeral", "skipped", "dead_letters"))
        verdict.check(before["read_total"] == parts, "earlier incarnations whose read entries add up", lambda: f"{before}")
        total = before["read_total"] + before["missing_total"] + before["baseline"]
        verdict.check(total == before["ordinal"], "earlier incarnations that add up to their ordinal", lambda: f"{before}")
    for lane in status:
        if evidence.is_sole_writer(lane) and lane in evidence.streams and evidence.lanes[lane]["incarnation"] == 1:
            ours(evidence, losses, verdict, lane, status[lane])


def ours(evidence, losses, verdict, lane, row):
    """In a lane that only the witness writes to and that nothing destroyed, each number is known, but for what was never answered."""
    entries = [entry for entry in evidence.entries.values() if entry.lane == lane]
    count = lambda outcome: sum(1 for entry in entries if entry.outcome == outcome)  # noqa: E731
    doubtful = sum(1 for entry in entries if entry.id is None and not entry.seen and not entry.refused and not entry.rows and not entry.letters)
    # A repetition that a fault took looks like one that was left out.
    removed = sum(1 for entry in entries if entry.position and entry.outcome in ("duplicate", "ephemeral") and explained(entry, losses))
    # An entry whose content differs and whose first one is gone may have been refused for an event_id; it is among the dead letters then.
    for key, exact in (("applied", count("applied") + count("replayed")), ("dead_letters", count("dead") + count("replayed"))):
        found = row[key] + (count("replayed") if key == "applied" else 0)
        verdict.check(found == exact, f"lanes whose {key} are ours", lambda: f"{lane}: {key} {row[key]}, the witness knows {exact}")
    for key, known in (("duplicates", count("duplicate")), ("ephemeral", sum(1 for e in entries if e.outcome == "ephemeral" and (e.id or e.seen)))):
        verdict.check(known - removed <= row[key] <= known + doubtful, f"lanes whose {key} are ours",
                      lambda: f"{lane}: {key} {row[key]}, the witness knows {known}, {doubtful} doubtful, {removed} removed")


def worlds_faults_are_no_records_faults(evidence, losses, verdict):
    """A dead letter is an entry that was written to be one, with the reason that it was written for, and its own bytes."""
    for letter in evidence.letters:
        entry = letter["entry"]
        if entry is None:
            continue
        expected = {"good": ("id_reused",), "either": ("unstorable_text",)}.get(entry.expect, (entry.expect,))
        if any(record["began"] - 1 <= entry.at and entry.sent <= record["ended"] + 1 for record in evidence.records["limits"]):
            expected += ("entry_too_large",)
        verdict.check(letter["reason"] in expected, f"dead letters: {letter['reason']}",
                      lambda: f"{name(entry)}, written to be {entry.expect}, is a dead letter: {letter['reason']}: {letter['detail']}")
        if letter["reason"] == "id_reused" and entry.expect == "good":
            other = not entry.event or any(entry.content != again.content for again in evidence.events[entry.session, entry.event])
            verdict.check(entry.event and other, "dead letters whose event_id was used", lambda: f"{name(entry)}: id_reused, and nothing used it: {letter['detail']}")
        if letter["raw_complete"]:
            verdict.check(letter["parts"] == 2 * len(entry.flat), "dead letters with all of their fields", lambda: f"{name(entry)}: {letter['parts']} parts")
    for entry in evidence.entries.values():
        if entry.expect not in ("good", "ephemeral", "either") and entry.rows:
            verdict.check(entry.outcome == "replayed", "bad entries applied by a replay", lambda: f"{name(entry)} should be refused as {entry.expect} and is applied")
    for lane, row in evidence.lanes.items():
        verdict.check(row["state"] != "halted", "lanes that go on", lambda: f"{lane} is halted: {row['last_error']}")


def one_writer(evidence, losses, verdict):
    """A fencing token has one owner, and never falls."""
    owners, highest = {}, {}
    for record in evidence.records["owners"]:
        for lane, (_, _, owner, fence) in record["lanes"].items():
            if owner is None:
                continue
            known = owners.setdefault((lane, fence), owner)
            verdict.check(known == owner, "looks at who owns a lane", lambda: f"{lane}: {known} and {owner} with the token {fence}")
            verdict.check(fence >= highest.get(lane, 0) or losses.postgres_went_back, "tokens that do not fall", lambda: f"{lane}: {fence} after {highest[lane]}")
            highest[lane] = max(fence, highest.get(lane, 0))


def tried(kind, outcome):
    """A promise that a trial of the run shows: it noted what it expected and whether it held."""
    def judge(evidence, losses, verdict):
        for record in evidence.records[kind]:
            verdict.check(record["holds"], f"{outcome}: {record['what']}", lambda: f"{record['what']}: {record['found']}")
    return judge


__all__ = ["Losses"]
