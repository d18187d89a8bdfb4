"""Shows that the checker notices: each spoil breaks one thing before the comparison, and its promise must then fail.

A spoil of Postgres is a statement in a transaction that the judgement reads and that is rolled back; one of Redis is put back; one of the
testimony changes a copy of its records, such as one more entry that was acknowledged.
"""

import copy
import json

from .judge import judge
from .places import Places

OWN = "trace like '{prefix}%'"
PICK = ("(select c.ctid from tidemark.change_log c where " + OWN + " and type = '{type}' and event_id is null and session_id like 'witness % own %' "
        "and not exists (select 1 from tidemark.dead_letters d where d.entry_ms = c.entry_ms) order by entry_ms, entry_no offset 5 limit 1)")
MESSAGE = "(select ctid from tidemark.messages where session_id like 'witness % own %' and removed_at is null order by entry_ms offset 5 limit 1)"


def sql(*statements):
    return {"sql": statements}


def testimony(change):
    return {"records": change}


def one_more_write(records):
    """An entry that Redis acknowledged and that is nowhere."""
    extra = copy.deepcopy(next(record for record in reversed(records) if record["kind"] == "write" and record["id"] and record["expect"] == "good"
                               and " own " in dict(record["fields"])["session"] and "event_id" not in dict(record["fields"])))
    last = max(record["serial"] for record in records if record["kind"] == "write") + 7
    ms, no = extra["id"].split("-")
    extra.update(serial=last, id=f"{ms}-{int(no) + 1}", fields=[[name, value.replace(value[19:52], f"{last:016x}-{last:016x}") if name == "trace" else value]
                                                             for name, value in extra["fields"]])
    return records + [extra]


def as_bad(records):
    """What was written to be good becomes what had to be refused."""
    found = next(record for record in records if record["kind"] == "write" and record["id"] and record["expect"] == "good" and "event_id" not in dict(record["fields"]))
    found["expect"] = "missing_field"
    return records


def refused(records):
    found = next(record for record in records if record["kind"] == "write" and record["id"] and record["expect"] == "good" and "event_id" not in dict(record["fields"]))
    found["refused"] = "OOM"
    return records


def unseen_by_group(records):
    found = next(record for record in reversed(records) if record["kind"] == "seen" and record["entries"])
    found["entries"] = found["entries"][1:]
    return records


def mark_ahead(records):
    found = [record for record in records if record["kind"] == "marks" and record["marks"]][-1]
    lane = next(iter(found["marks"]))
    ms, _, no = found["marks"][lane][0].rpartition("-")
    found["marks"][lane][0] = f"{ms}-{int(no) + 1}"
    return records


def mark_falls(records):
    marks = [record for record in records if record["kind"] == "marks" and record["how"] == "polled" and record["marks"]]
    lane = next(iter(marks[-1]["marks"]))
    marks[-1]["marks"][lane][0] = "1-1"
    return records


def claimed_and_not_there(records):
    writes = {(record["lane"], record["id"]) for record in records if record["kind"] == "write"}
    for record in records:
        for found in record["found"] if record["kind"] == "marks" else []:
            if (found[0], f"{found[1]}-{found[2]}") in writes and not found[0].startswith("witness:brief"):
                found[3] = found[4] = False
                return records
    return records


def two_owners(records):
    found = [record for record in records if record["kind"] == "owners" and record["lanes"]]
    lane = next(name for name, about in found[-1]["lanes"].items() if about[2])
    found[-2]["lanes"][lane][2] = "somebody else"
    found[-2]["lanes"][lane][3] = found[-1]["lanes"][lane][3]
    return records


def first_is_young(records):
    """The kept window had lost its newest entries."""
    found = [record for record in records if record["kind"] == "firsts" and record["lanes"]]
    writes = [record for record in records if record["kind"] == "write" and record["id"] and record["asked"] == "*" and record["lane"].startswith("tidemark:")]
    for record in found[len(found) // 2:]:
        for lane in record["lanes"]:
            for write in writes:
                if write["lane"] == lane and 0.3 < record["lanes"][lane][0] - write["at"] < 2:
                    ms, no = write["id"].split("-")
                    record["lanes"][lane][1] = f"{ms}-{int(no) + 1}"
                    return records
    return records


def trial(kind):
    def change(records):
        next(record for record in records if record["kind"] == kind)["holds"] = False
        return records
    return testimony(change)


def unequal_counts(records):
    next(record for record in records if record["kind"] == "counts")["messages"] += 1
    return records


def resolved_twice(records):
    next(record for record in records if record["kind"] == "resolved")["answers"] = ["applied", "applied"]
    return records


SPOILS = {
    # name: (the promise that must fail, what is done)
    "row lost": ("nothing vanishes silently", sql("delete from tidemark.change_log where ctid = " + PICK.format(prefix="{prefix}", type="message.appended"))),
    "row never written": ("once", sql("insert into tidemark.change_log select lane_id, no + 1000000, entry_ms + 1, entry_no + 77, session_id, seq, epoch, event_id, type, actor, "
                                      "trace, v, occurred_at, committed_at, digest, fields from tidemark.change_log where ctid = " + PICK)),
    "row moved": ("once", sql("update tidemark.change_log set entry_no = entry_no + 1000 where ctid = " + PICK)),
    "refused and there": ("once", testimony(refused)),
    "table row without its audit row": ("once", testimony(unequal_counts)),
    "dead letter of what is applied": ("once", sql("insert into tidemark.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete) "
        "select l.lane, c.entry_ms, c.entry_no, 'bad_json', '', array['trace'::bytea, convert_to(c.trace, 'UTF8')], true from tidemark.change_log c "
        "join tidemark.lanes l using (lane_id) where c.ctid = " + PICK)),
    "event applied twice": ("each change once", sql("insert into tidemark.change_log select distinct on (session_id) lane_id, no + 1000000, entry_ms, entry_no + 99, session_id, seq, "
        "epoch, event_id, type, actor, {other}, v, occurred_at, committed_at, digest, fields from tidemark.change_log where {own} and event_id = {event} ")),
    "divergence lost": ("each change once", sql("delete from tidemark.divergences where kind = 'id_reused'")),
    "letter replayed without its entry": ("each dead letter resolved once", sql("update tidemark.dead_letters set resolved_at = now(), resolution = 'replayed' "
        "where reason = 'missing_field' and event_id is null and session_id like 'witness %'")),
    "letter resolved twice": ("each dead letter resolved once", testimony(resolved_twice)),
    "numbers with a hole": ("in order", sql("update tidemark.change_log set no = no + 1000000 where ctid = " + PICK)),
    "two entries swapped": ("in order", sql("update tidemark.change_log set no = case no when 1 then 3 else 1 end where no in (1, 3) and lane_id = "
                                            "(select lane_id from tidemark.change_log group by 1 order by count(*) desc limit 1)")),
    "content changed": ("in order", sql("update tidemark.messages set content = content || '!' where ctid = " + MESSAGE)),
    "message hidden": ("in order", sql("update tidemark.messages set removed_at = now() where ctid = " + MESSAGE)),
    "message lost": ("in order", sql("delete from tidemark.messages where ctid = " + MESSAGE)),
    "value is an older one": ("in order", sql("update tidemark.context set value = '-1' where session_id like 'witness % own %'")),
    "history lost": ("in order", sql("delete from tidemark.context_history where ctid = (select ctid from tidemark.context_history where session_id like 'witness % own %' limit 1)")),
    "attempt closed otherwise": ("in order", sql("update tidemark.tool_calls set status = 'cancelled', result = '1' where status = 'ok'")),
    "outcome doubled": ("in order", sql("insert into tidemark.outcomes select session_id, entry_ms + 1, entry_no, lane_id, label, score, scorer, message_id, call_id, meta, ext, at "
                                        "from tidemark.outcomes where session_id like 'witness %' limit 1")),
    "session's title": ("in order", sql("update tidemark.sessions set title = 'another' where session_id like 'witness % own %'")),
    "snapshot's state": ("in order", sql("update tidemark.snapshots set state = jsonb_set(state, '{messages,count}', '99999') where session_id like 'witness %'")),
    "audit row of another type": ("in order", sql("update tidemark.change_log set type = 'message.removed' where ctid = " + PICK)),
    "mark ahead": ("durable means committed", testimony(mark_ahead)),
    "mark falls": ("durable means committed", testimony(mark_falls)),
    "claimed and not there": ("durable means committed", testimony(claimed_and_not_there)),
    "cursor behind the mark": ("durable means committed", sql("update tidemark.lanes set entry_no = entry_no + 1 where lane like 'tidemark:%' and entry_ms > 0")),
    "twin lost": ("several lanes of a session", sql("update tidemark.context set value = '-1' where session_id like 'witness % twins'")),
    "twin refused": ("several lanes of a session", sql("insert into tidemark.dead_letters (lane, entry_ms, entry_no, reason, detail, raw, raw_complete) "
        "select l.lane, c.entry_ms, c.entry_no, 'constraint', '', array['trace'::bytea, convert_to(c.trace, 'UTF8')], true from tidemark.change_log c "
        "join tidemark.lanes l using (lane_id) where c.session_id like 'witness % twins' limit 2")),
    "costs too much": ("a change costs what it changes", trial("cost")),
    "session does not come back": ("sessions come back", trial("session deleted")),
    "trimmed before it was committed": ("trimmed is durable", testimony(one_more_write)),
    "not given to the other group": ("trimmed is durable", testimony(unseen_by_group)),
    "kept window cut": ("trimmed is durable", testimony(first_is_young)),
    "acknowledged and nowhere": ("nothing vanishes silently", testimony(one_more_write)),
    "read does not add up": ("accounting", {"status": "read"}),
    "missing does not add up": ("accounting", {"status": "missing"}),
    "duplicates are not ours": ("accounting", {"status": "duplicates"}),
    "break without a cause": ("streams that lose entries", sql("insert into tidemark.gaps (lane, incarnation, after_ms, after_no, at_least, cause) "
                                                             "select 'witness:steady:0', 1, 0, 0, 0, 'rewound' from generate_series(1, 50)")),
    "gap too large": ("streams that lose entries", sql("insert into tidemark.gaps (lane, incarnation, after_ms, after_no, before_ms, before_no, missing, cause) "
                                                       "values ('witness:steady:0', 1, 0, 0, 9, 9, 100000, 'deleted')")),
    "at_least too large": ("streams that lose entries", sql("insert into tidemark.gaps (lane, incarnation, after_ms, after_no, at_least, cause) values ('witness:steady:1', 1, 0, 0, 100000, 'flushed')")),
    "gaps lost": ("nothing vanishes silently", sql("delete from tidemark.gaps")),
    "good entry a dead letter": ("the world's faults", testimony(as_bad)),
    "letter with another reason": ("the world's faults", sql("update tidemark.dead_letters set reason = 'constraint' where reason = 'missing_field'")),
    "letter with fewer fields": ("the world's faults", sql("update tidemark.dead_letters set raw = raw[3:] where reason = 'missing_field'")),
    "lane halted": ("the world's faults", sql("update tidemark.lanes set state = 'halted' where lane = 'tidemark:{0}:changes'")),
    "full Redis stays full": ("a full Redis is emptied", trial("full")),
    "setting loses": ("a setting loses nothing", trial("setting")),
    "others held up": ("one lane holds up no other", trial("apart")),
    "lane unserved": ("every lane is served", trial("served")),
    "too much memory": ("bounded memory", trial("memory")),
    "stranger let in": ("one installation", trial("stranger")),
    "two owners of a token": ("one writer", testimony(two_owners)),
    "worker ended by itself": ("processes", trial("process")),
}


# Without faults nothing needs a row of `gaps`.
NEED_LOSSES = ("gaps lost",)


class SpoiledPlaces(Places):
    """Reads Postgres within a transaction that has been spoiled and is never committed."""

    def __init__(self, path, statements):
        super().__init__(path)
        super().query("begin")
        super().query("set constraints all deferred")
        for statement in statements:
            super().query(statement)

    def close(self):
        super().query("rollback")
        self._postgres.close()


def prepared(statement, records, run):
    prefix = f"00-{run:016x}"
    statement = statement.replace("{type}", "message.appended").replace("{prefix}", prefix)
    if "{event}" in statement:
        # A duplicate that was rightly left out is put in.
        writes = [record for record in records if record["kind"] == "write" and record["id"]]
        by_event = {}
        for record in writes:
            event = dict(record["fields"]).get("event_id")
            if isinstance(event, str) and record["expect"] == "good" and event.startswith("witness") and record["asked"] == "*":
                by_event.setdefault(event, []).append(record)
        event, found = next((event, found) for event, found in by_event.items()
                            if len(found) > 1 and dict(found[0]["fields"])["trace"] == dict(found[1]["fields"])["trace"] and found[0]["lane"] == found[1]["lane"]
                            and int(found[1]["id"].split("-")[0]) - int(found[0]["id"].split("-")[0]) < 10_000)
        ms, no = found[1]["id"].split("-")
        statement = (statement.replace("{event}", "'" + event.replace("'", "''") + "'").replace("{other}", "trace").replace("{own}", f"trace like '{prefix}%'")
                     .replace("entry_ms, entry_no + 99", f"{ms}, {no}"))
    return statement


def all_noticed(name, records, site, status, wanted):
    """Goes through the spoils (one or `all`) and says of each whether its promise failed. True when all did."""
    noticed_all = True
    for spoil, (promise, what) in SPOILS.items():
        if name not in (spoil, "all"):
            continue
        if promise not in wanted or spoil in NEED_LOSSES and "streams that lose entries" not in wanted:
            print(f"spoil {spoil:<36} {promise:<34} not asked for in this run")
            continue
        spoiled_records, spoiled_status = copy.deepcopy(records), copy.deepcopy(status)
        places = None
        try:
            if "records" in what:
                spoiled_records = what["records"](spoiled_records)
            if "status" in what:
                row = next(row for row in spoiled_status["lanes"] if row["lane"] == "witness:steady:0" or row["read"] > 20)
                row[what["status"]] += 1000
            places = SpoiledPlaces(site.options["places"], [prepared(statement, records, site.options["run"]) for statement in what.get("sql", [])])
            verdict = judge(spoiled_records, places, site.options, spoiled_status)
            noticed = verdict.broken[promise] > 0
            others = {key: count for key, count in verdict.broken.items() if key != promise}
            print(f"spoil {spoil:<36} {promise:<34} {'FAILED, as it must' if noticed else 'NOT NOTICED'} {json.dumps(others) if others else ''}")
        except StopIteration:
            noticed = False
            print(f"spoil {spoil:<36} {promise:<34} there was nothing to spoil")
        finally:
            if places:
                places.close()
        noticed_all = noticed_all and noticed
    return noticed_all
