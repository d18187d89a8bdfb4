"""Compares the hot state with what Postgres knows, and both with what agents were told."""

import json
from collections import defaultdict

from hot.calls import fcall, keys_of
from resp import RespError, entry_id, pairs
from verdict import Verdict, rows

KINDS = ["number", "expect", "repeat", "refused", "cold", "divergence", "gap", "dead letter", "not durable", "fork", "not restored", "hot"]
MESSAGE_FIELDS = ["role", "content", "parts", "message_id", "parent_id", "call_id", "model", "tokens", "usage", "meta"]
JSON_FIELDS = {"parts", "usage", "meta"}


class Change:
    """A row of `tidemark.changes`."""

    def __init__(self, row):
        self.session, self.seq, self.epoch, self.id, self.event_id, self.type = row[0], row[1], row[2], (row[3], row[4]), row[5], row[6]


def read_changes(postgres):
    return [Change(row) for row in rows(postgres, """
        select json_build_array(session_id, seq, epoch, entry_ms, entry_no, event_id, type) from tidemark.changes
         where session_id is not null order by entry_ms, entry_no""")]


def read_durable(postgres):
    """The state and the visible messages of each session, as readers get them."""
    return {row["id"]: row for row in rows(postgres, """
        select json_build_object('id', s.session_id, 'state', tidemark.state(s.session_id), 'messages', coalesce((
          select json_agg(json_build_object(
                   'entry', tidemark.entry_id(m.entry_ms, m.entry_no), 'seq', m.seq, 'role', m.role, 'content', m.content, 'parts', m.parts,
                   'message_id', m.message_id, 'parent_id', m.parent_id, 'call_id', m.call_id, 'model', m.model, 'tokens', m.tokens,
                   'usage', m.usage, 'meta', m.meta, 'ext', m.ext) order by m.entry_ms, m.entry_no, m.lane_id)
            from tidemark.messages m where m.session_id = s.session_id and m.removed_at is null), '[]'))
          from tidemark.sessions s""")}


def read_hot(redis, sessions):
    """What Redis has of each session, as agents load it; None where it is not there."""
    found = {}
    for session in sessions:
        answer = redis.connection.pipeline([fcall("load", session)])[0]
        if isinstance(answer, RespError):
            if not str(answer).startswith("COLD"):
                raise answer
            found[session] = None
            continue
        about, context, tools, messages = answer
        found[session] = (pairs(about), pairs(context), [message.decode() for message in messages], pairs(tools))
    return found


def shown_hot(hot):
    about, context, messages, tools = hot
    about = {name: value.decode() for name, value in about.items()}
    session = {name: about[name] for name in ("status", "agent", "user", "tenant", "title", "parent") if name in about}
    session.setdefault("status", "active")
    session["meta"] = {name[5:]: json.loads(value) for name, value in about.items() if name.startswith("meta.")}
    calls = []
    for lines in tools.values():
        for line in lines.decode().split("\n"):
            call = json.loads(line)
            calls.append((entry_id(call["entry_id"]), call["call_id"], call["tool"], json.loads(call.get("arguments") or "null"),
                          call.get("idempotency_key")))
    return {
        "session": session,
        "context": {key: {"kind": about.get(f"kind.{key}", "note"), "value": json.loads(value)} for key, value in context.items()},
        "open_calls": [call[1:4] for call in sorted(calls)],
        "messages": [hot_message(json.loads(message)) for message in messages],
    }


def hot_message(fields):
    known = {name: fields[name] for name in ("role", "content", "message_id", "parent_id", "call_id", "model") if name in fields}
    known.update({name: json.loads(fields[name]) for name in JSON_FIELDS if fields.get(name)})
    if fields.get("tokens"):
        known["tokens"] = int(fields["tokens"])
    rest = {name: value for name, value in fields.items() if name not in MESSAGE_FIELDS and name not in ("entry_id", "seq", "epoch")}
    return {"entry": fields["entry_id"], "seq": int(fields["seq"]), "ext": rest, **known}


def shown_durable(known):
    state = known["state"]
    messages = []
    for message in known["messages"]:
        # A JSON null is kept as one, a field that was not given is none; both read as null here.
        shown = {name: value for name, value in message.items() if value is not None and name != "ext"}
        messages.append({**shown, "ext": message["ext"] or {}})
    return {
        "session": state["session"], "context": state["context"],
        "open_calls": [(call["call_id"], call["tool"], call["arguments"]) for call in state["open_calls"]], "messages": messages}


def without_nulls(message):
    return {name: value for name, value in message.items() if value is not None}


def differences(hot, durable, hot_messages, is_restored):
    """In words, what the hot state of a session and its state in Postgres differ in."""
    left, right = shown_hot(hot), shown_durable(durable)
    for part in ("session", "context", "open_calls"):
        if left[part] != right[part]:
            yield f"{part}: {left[part]} in Redis, {right[part]} in Postgres"
    ours = [without_nulls(message) for message in left["messages"]]
    theirs = [without_nulls(message) for message in right["messages"]]
    wanted = min(hot_messages, len(theirs)) if is_restored else len(ours)
    if len(ours) != wanted:
        yield f"messages: {len(ours)} in Redis, {len(theirs)} in Postgres"
    for mine, other in zip(reversed(ours), reversed(theirs)):
        if mine != other:
            yield f"message: {mine} in Redis, {other} in Postgres"
            return
    if len(ours) > len(theirs):
        yield f"messages: {len(ours)} in Redis, {len(theirs)} in Postgres"


def compare_hot(redis, postgres, verdict, hot_messages, is_restored, spared=(), is_complete=False):
    """Compares all sessions that are hot and whole; where all were completed or restored, each that Postgres knows must be. Returns how many
    were compared."""
    durable = read_durable(postgres)
    compared = 0
    for session, hot in read_hot(redis, sorted(durable)).items():
        if hot is None or "fresh" in hot[0]:
            if is_restored or is_complete:
                verdict.add("not restored", f"{session} is {'not in Redis' if hot is None else 'there as it began anew'} after restore --all")
            continue
        if session in spared:
            continue
        compared += 1
        for text in differences(hot, durable[session], hot_messages, is_restored):
            verdict.add("hot", f"{session} ({'restored' if is_restored else 'as it was'}): {text}")
    return compared


def compare_writes(findings, flushes, changes, verdict):
    """What agents were told, with the audit trail."""
    stored = {(change.session, change.id): change for change in changes}
    with_event = {(change.session, change.event_id) for change in changes if change.event_id}
    numbers = defaultdict(set)
    told = {}
    lost = 0
    for write in findings.writes:
        for (kind, fields), (seq, epoch, entry) in zip(write.changes, write.answers):
            entry, number = entry_id(entry), (write.session, epoch, seq)
            if told.setdefault(number, entry) != entry:
                verdict.add("number", f"{number} is {told[number]} and {entry}")
            change = stored.get((write.session, entry))
            event = fields[fields.index("event_id") + 1] if "event_id" in fields else None
            if change:
                if (change.seq, change.epoch, change.type) != (seq, epoch, kind):
                    verdict.add("number", f"{write.session} {entry}: told {(seq, epoch, kind)}, stored {(change.seq, change.epoch, change.type)}")
            elif event and (write.session, event) in with_event and write.session in findings.repeated_after_loss:
                pass  # a duplicate of what was stored before Redis lost its data
            elif may_be_lost(write.session, entry, flushes):
                lost += 1
            else:
                verdict.add("lost", f"{write.session} {entry} {kind} ({epoch}, {seq}) is not in Postgres, and Redis lost nothing there")
    seen = {}
    for change in changes:
        if change.seq is None:
            continue
        number = (change.session, change.epoch, change.seq)
        if seen.setdefault(number, change.id) != change.id or told.get(number, change.id) != change.id:
            verdict.add("number", f"{number} is used by {seen[number]}, {change.id} and was told for {told.get(number)}")
        numbers[change.session, change.epoch].add(change.seq)
    duplicates = set()
    for write in findings.writes:
        duplicates |= {(write.session, answer[1]) for answer in write.answers if (write.session, entry_id(answer[2])) not in stored}
    for (session, epoch), used in numbers.items():
        # A fork that a worker repeated after a loss: what Postgres had of it are duplicates. Its changes are numbered as their event ids are.
        repeated = {number for number in range(1, max(used)) if number not in used and (session, f"fork-{number}") in with_event}
        is_spared = (session, epoch) in duplicates or session in findings.repeated_after_loss
        if (used | repeated) != set(range(1, max(used) + 1)) and not is_spared:
            verdict.add("number", f"{session} epoch {epoch}: {len(used)} numbers up to {max(used)}")
    for session, entry in findings.durable:
        # A repeat of what Postgres has is in Postgres, under the entry that came first.
        if (session, entry) not in stored and session not in findings.repeated_after_loss:
            verdict.add("not durable", f"{session} {entry} was called durable")
    return lost


def may_be_lost(session, entry, flushes):
    """Whether Redis lost its data while it had the entry, and before it was called durable."""
    lane = keys_of(session)[0]
    return any(flush[lane][0] < entry <= flush[lane][1] for flush in flushes if lane in flush)


def compare_forks(postgres, findings, verdict):
    """A fork that is there is what the session was at the entry. One that was asked for before a loss may be missing."""
    made = partial = 0
    known = read_durable(postgres)
    for session, new, entry, losses in findings.forks:
        if new not in known:
            if losses == findings.losses:
                verdict.add("fork", f"{new} of {session} at {entry} was not made")
            continue
        made += 1
        then = rows(postgres, f"select tidemark.state_at_entry('{session}', '{entry}')")[0]
        now = known[new]["state"]
        if losses != findings.losses and (now["context"], now["messages"]["count"]) != (then["context"], then["messages"]["count"]):
            # Redis lost the rest of its changes before a worker had read them.
            partial += 1
            continue
        for part in ("context", "open_calls"):
            expected = then[part] if part == "context" else []
            if now[part] != expected:
                verdict.add("fork", f"{new} of {session} at {entry}: {part}: {now[part]} instead of {expected}")
        if now["messages"]["count"] != then["messages"]["count"]:
            verdict.add("fork", f"{new} of {session} at {entry}: {now['messages']} messages instead of {then['messages']}")
        if now["session"].get("parent") != session:
            verdict.add("fork", f"{new} has the parent {now['session'].get('parent')} instead of {session}")
    return made, partial


def compare_tables(postgres, verdict, is_flushed):
    for kind, session, detail in rows(postgres, "select json_build_array(kind, session_id, detail) from tidemark.divergences"):
        if kind in ("content", "id_reused", "bypassed"):
            verdict.add("divergence", f"{kind} {session}: {detail}")
    for lane, cause, missing in rows(postgres, "select json_build_array(lane, cause, missing) from tidemark.gaps"):
        if not is_flushed:
            verdict.add("gap", f"{lane}: {cause} {missing}")
    for session, reason, detail in rows(postgres, "select json_build_array(session_id, reason, detail) from tidemark.dead_letters"):
        verdict.add("dead letter", f"{session}: {reason}: {detail}")


def new_verdict():
    return Verdict(KINDS)
