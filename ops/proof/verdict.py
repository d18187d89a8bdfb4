"""Compares Postgres with the ledger, by SQL over the documented columns and without any code of the product."""

import json
from collections import defaultdict

from workload import LANES


class Verdict:
    """Differences by kind, with the first few of each in words."""

    KINDS = ["lost", "twice", "never written", "out of order", "content differs", "accounting", "process"]

    def __init__(self, further_kinds=()):
        self.counts = dict.fromkeys([*self.KINDS, *further_kinds], 0)
        self.examples = []

    def add(self, kind, text):
        self.counts[kind] += 1
        if self.counts[kind] <= 5:
            self.examples.append(f"{kind}: {text}")

    def take(self, other):
        """Adds what another verdict says."""
        for kind, count in other.counts.items():
            self.counts[kind] += count
        self.examples += other.examples

    @property
    def is_clean(self):
        return not any(self.counts.values())


def rows(postgres, sql):
    return [json.loads(line) for line in postgres.query(sql)]


def compare(postgres, ledger, verdict):
    """`ledger` in the order in which Redis has it, lane by lane."""
    changes(postgres, sorted(ledger, key=lambda entry: (entry.lane, entry.id)), verdict)
    effects(postgres, in_order_of_effect(postgres, ledger), verdict)
    for text in rows(postgres, "select json_build_array(lane, reason, detail) from tidemark.dead_letters"):
        verdict.add("lost", f"dead letter {text}")
    for text in rows(postgres, "select json_build_array(lane, cause, missing) from tidemark.gaps"):
        verdict.add("lost", f"gap {text}")


def in_order_of_effect(postgres, entries):
    """A session's entries take effect in the order of their ids, whatever lanes they are in; among equal ids the lane decides."""
    numbers = dict(rows(postgres, "select json_build_array(lane, lane_id) from tidemark.lanes"))
    return sorted(entries, key=lambda entry: (entry.id, numbers.get(entry.lane, 0)))


def effects(postgres, ordered, verdict):
    """What the tables hold, where these entries and no others were applied one by one."""
    messages(postgres, ordered, verdict)
    context(postgres, ordered, verdict)
    context_history(postgres, ordered, verdict)
    tool_calls(postgres, ordered, verdict)
    sessions(postgres, ordered, verdict)
    session_changes(postgres, ordered, verdict)
    outcomes(postgres, ordered, verdict)


def changes(postgres, ordered, verdict):
    seen = defaultdict(int)
    expected = {entry.event_id: entry for entry in ordered}
    number, position = {}, {}
    query = """select json_build_array(lane, no, entry_ms, entry_no, session_id, event_id, type) from tidemark.changes
      order by lane::text, no"""
    for lane, no, ms, entry_no, session, event_id, kind in rows(postgres, query):
        seen[event_id] += 1
        entry = expected.get(event_id)
        if entry is None:
            verdict.add("never written", f"{lane} {ms}-{entry_no} has event_id {event_id}")
            continue
        if (entry.lane, entry.id, entry.session, entry.type) != (lane, (ms, entry_no), session, kind):
            verdict.add("content differs", f"change {event_id}: {(lane, ms, entry_no, session, kind)}, written {entry.lane} {entry.id}")
        if no != number.get(lane, 0) + 1:
            verdict.add("out of order", f"{lane}: no {no} comes after {number.get(lane, 0)}")
        if (ms, entry_no) <= position.get(lane, (0, 0)):
            verdict.add("out of order", f"{lane}: no {no} is {ms}-{entry_no}, after {position[lane]}")
        number[lane], position[lane] = no, (ms, entry_no)
    for event_id, entry in expected.items():
        if seen[event_id] == 0:
            verdict.add("lost", f"{entry.lane} {entry.id} {entry.type} of {entry.session}")
        elif seen[event_id] > 1:
            verdict.add("twice", f"{entry.lane} {entry.id} stands {seen[event_id]} times")


def sequences(verdict, what, expected, found):
    """Compares lists per session: what is missing, what is too much, what is at another place, what reads otherwise."""
    for session in expected.keys() | found.keys():
        want, have = expected.get(session, []), found.get(session, [])
        if want == have:
            continue
        want_keys, have_keys = [item[0] for item in want], [item[0] for item in have]
        for key in set(want_keys) - set(have_keys):
            verdict.add("lost", f"{what} {key} of {session}")
        for key in set(have_keys):
            extra = have_keys.count(key) - want_keys.count(key)
            if extra > 0:
                verdict.add("twice" if key in want_keys else "never written", f"{what} {key} of {session}")
        if sorted(want_keys) == sorted(have_keys):
            if want_keys != have_keys:
                verdict.add("out of order", f"{what}s of {session}")
            wanted = dict(want)
            for key, value in have:
                if wanted[key] != value:
                    verdict.add("content differs", f"{what} {key} of {session}: {value!r}, written {wanted[key]!r}")


def by_position(*collections, place):
    """Puts what stands at equal positions, in two lanes of one session, into one order on both sides."""
    for items in (items for by_session in collections for items in by_session.values()):
        items.sort(key=place)


def messages(postgres, ordered, verdict):
    expected, found = defaultdict(list), defaultdict(list)
    for entry in ordered:
        if entry.type == "message.appended":
            fields = entry.fields
            tokens = int(fields["tokens"]) if "tokens" in fields else None
            expected[entry.session].append((fields["message_id"], (entry.id, fields["role"], fields["content"], tokens)))
        elif entry.type == "messages.cleared":
            expected.pop(entry.session, None)
    query = """select json_build_array(session_id, message_id, entry_ms, entry_no, role, content, tokens) from tidemark.messages
      where removed_at is null order by session_id, entry_ms, entry_no"""
    for session, identifier, ms, no, role, content, tokens in rows(postgres, query):
        found[session].append((identifier, ((ms, no), role, content, tokens)))
    by_position(expected, found, place=lambda item: (item[1][0], item[0]))
    sequences(verdict, "message", expected, found)


def context(postgres, ordered, verdict):
    """The last value of each key, with the position of the entry that set it."""
    current = defaultdict(dict)
    for entry in ordered:
        if entry.type == "context.set":
            current[entry.session][entry.fields["key"]] = (entry.id, json.loads(entry.fields["value"]))
        elif entry.type == "context.removed":
            current[entry.session].pop(entry.fields["key"], None)
    expected = {session: sorted(keys.items(), key=lambda item: item[0]) for session, keys in current.items() if keys}
    found = defaultdict(list)
    query = "select json_build_array(session_id, key, entry_ms, entry_no, value) from tidemark.context"
    for session, key, ms, no, value in rows(postgres, query):
        found[session].append((key, ((ms, no), value)))
    for items in found.values():
        items.sort(key=lambda item: item[0])
    sequences(verdict, "context key", expected, found)


def context_history(postgres, ordered, verdict):
    """Every value that was ever set, and every removal."""
    expected, found = defaultdict(list), defaultdict(list)
    for entry in ordered:
        if entry.type in ("context.set", "context.removed"):
            value = json.loads(entry.fields["value"]) if "value" in entry.fields else None
            expected[entry.session].append((entry.id, (entry.fields["key"], value, entry.type == "context.removed")))
    query = """select json_build_array(session_id, entry_ms, entry_no, key, value, removed) from tidemark.context_history
      order by session_id, entry_ms, entry_no"""
    for session, ms, no, *values in rows(postgres, query):
        found[session].append(((ms, no), tuple(values)))
    by_position(expected, found, place=lambda item: (item[0], repr(item[1])))
    sequences(verdict, "context value", expected, found)


def tool_calls(postgres, ordered, verdict):
    # A call begins anew with each start: one that Redis refused and that was written again may follow its end.
    calls = defaultdict(lambda: defaultdict(list))
    for entry in ordered:
        if entry.type not in ("tool.started", "tool.finished"):
            continue
        attempts = calls[entry.session][entry.fields["call_id"]]
        if entry.type == "tool.started":
            attempts.append(("started", None, None, entry.fields["tool"], json.loads(entry.fields["arguments"])))
        else:
            begun = attempts.pop()[3:] if attempts and attempts[-1][0] == "started" else (None, None)
            result = json.loads(entry.fields["result"]) if "result" in entry.fields else None
            attempts.append((entry.fields["status"], result, entry.fields.get("error"), *begun))
    expected = {
        session: sorted(
            ((f"{call} attempt {number}", attempt) for call, attempts in items.items() for number, attempt in enumerate(attempts, 1)),
            key=lambda item: item[0])
        for session, items in calls.items()}
    found = defaultdict(list)
    # A call that was finished without ever being started has no tool and no arguments: nobody named them.
    query = "select json_build_array(session_id, call_id, attempt, status, result, error, tool, arguments) from tidemark.tool_calls"
    for session, call, number, *values in rows(postgres, query):
        found[session].append((f"{call} attempt {number}", tuple(values)))
    for items in found.values():
        items.sort(key=lambda item: item[0])
    sequences(verdict, "tool call", expected, found)


def sessions(postgres, ordered, verdict):
    expected = {}
    for entry in ordered:
        title, step, agent, status = expected.get(entry.session, (None, None, None, "active"))
        if entry.type == "session.updated":
            title, step = entry.fields["title"], json.loads(entry.fields["meta.step"])
        elif entry.type == "session.started":
            title, agent, status = entry.fields.get("title", title), entry.fields["agent"], "active"
        elif entry.type == "session.ended":
            status = entry.fields["status"]
        expected[entry.session] = (title, step, agent, status)
    query = "select json_build_array(session_id, title, meta -> 'step', agent_id, status) from tidemark.sessions"
    found = {session: [("row", tuple(values))] for session, *values in rows(postgres, query)}
    sequences(verdict, "session", {session: [("row", value)] for session, value in expected.items()}, found)


def session_changes(postgres, ordered, verdict):
    """What each said: no other table keeps it."""
    expected, found = defaultdict(list), defaultdict(list)
    for entry in ordered:
        if entry.type.startswith("session."):
            said = {name: json.loads(value) if name.startswith("meta.") else value for name, value in entry.fields.items()}
            expected[entry.session].append((entry.id, (entry.type, said)))
    query = """select json_build_array(session_id, entry_ms, entry_no, type, fields) from tidemark.changes
      where type like 'session.%' order by session_id, entry_ms, entry_no"""
    for session, ms, no, *values in rows(postgres, query):
        found[session].append(((ms, no), tuple(values)))
    sequences(verdict, "session change", expected, found)


def outcomes(postgres, ordered, verdict):
    expected, found = defaultdict(list), defaultdict(list)
    for entry in ordered:
        if entry.type == "outcome.recorded":
            expected[entry.session].append((entry.id, (entry.fields["label"], float(entry.fields["score"]))))
    query = """select json_build_array(session_id, entry_ms, entry_no, label, score) from tidemark.outcomes
      order by session_id, entry_ms, entry_no"""
    for session, ms, no, label, score in rows(postgres, query):
        found[session].append(((ms, no), (label, score)))
    by_position(expected, found, place=lambda item: (item[0], item[1]))
    sequences(verdict, "outcome", expected, found)


def accounting(status, redis, ledger, verdict, names=LANES):
    """The two sums that the product promises, against what Redis itself counted and against the ledger."""
    sums(status, redis, verdict, names)
    lanes = {lane["lane"]: lane for lane in status["lanes"]}
    written = defaultdict(int)
    for entry in ledger:
        written[entry.lane] += 1
    for name in names:
        added, _ = redis.entries_added(name)
        if added != written[name]:
            verdict.add("accounting", f"{name}: the ledger has {written[name]}, Redis added {added}")
        if name in lanes and lanes[name]["applied"] != written[name]:
            verdict.add("accounting", f"{name}: applied {lanes[name]['applied']}, written {written[name]}")


def sums(status, redis, verdict, names=LANES):
    """read = what became of it; read + missing + baseline = what Redis added, where every cursor is at its lane's end."""
    lanes = {lane["lane"]: lane for lane in status["lanes"]}
    for name in names:
        added, _ = redis.entries_added(name)
        lane = lanes.get(name)
        if lane is None:
            if added:
                verdict.add("accounting", f"{name} is missing from status")
            continue
        unknown = [key for key in ("read", "missing", "baseline") if lane.get(key) is None]
        if unknown:
            verdict.add("accounting", f"{name}: {', '.join(unknown)} not known")
            continue
        parts = ["applied", "duplicates", "divergent", "ephemeral", "skipped", "dead_letters"]
        total = sum(lane.get(part) or 0 for part in parts)
        if lane["read"] != total:
            verdict.add("accounting", f"{name}: read {lane['read']}, outcomes {total}")
        # A stream that has ended counts nothing any more.
        if added and lane["read"] + lane["missing"] + lane["baseline"] != added:
            verdict.add("accounting", f"{name}: read {lane['read']}, missing {lane['missing']}, baseline {lane['baseline']}; Redis added {added}")
