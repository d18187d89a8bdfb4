"""The documented tables beside the naive model, session by session."""

from collections import defaultdict

from .model import Session

# Ids that tell no time: promises.md says that they are applied as any other, not when they happened.
TIMELESS = ("witness:microseconds:", "witness:beyond:")


def histories(evidence):
    """session -> [(position with lane, fields, row, entry)] of what is applied, in order."""
    found = defaultdict(list)
    for entry in evidence.entries.values():
        for row in entry.rows[:1]:
            at = (row["entry_ms"], row["entry_no"], evidence.lane_number(row["lane"]))
            found[entry.session].append((at, entry.fields, row, entry))
    for history in found.values():
        history.sort(key=lambda each: each[0])
    return found


def is_shared(history):
    return len({row["lane"] for _, _, row, _ in history}) > 1


def has_late(history):
    """Whether something came after what is behind it, by the numbers of one lane: then snapshots keep what was known when they were taken."""
    numbers = [row["no"] for _, _, row, _ in history]
    return numbers != sorted(numbers) or any(entry.outcome == "replayed" for _, _, _, entry in history)


def compare(evidence, verdict):
    rows = {table: defaultdict(list) for table in evidence.rows}
    for table, found in evidence.rows.items():
        for row in found:
            rows[table][row["session_id"]].append(row)
    deleted = {record["session"] for record in evidence.records["session deleted"]}
    all_histories = histories(evidence)
    for session, history in all_histories.items():
        model = Session()
        for at, fields, row, entry in history:
            audit(verdict, row, entry)
            model.apply(at, text_of(fields, evidence))
        shared = is_shared(history)
        compare_messages(verdict, session, model, rows["messages"][session], shared)
        compare_values(verdict, session, model, rows["context"][session], rows["context_history"][session])
        if not shared:
            compare_calls(verdict, session, model, rows["tool_calls"][session])
        compare_outcomes(verdict, session, model, rows["outcomes"][session])
        late = has_late(history)
        compare_snapshots(verdict, session, model, rows["snapshots"][session], shared or late)
        if session not in deleted:
            compare_session(verdict, session, model, rows["sessions"][session], history)
        if not shared and session not in deleted:
            compare_readers(evidence, verdict, session, model)
        chain(verdict, session, history, rows["messages"][session])
    for table in ("messages", "context", "tool_calls", "outcomes", "snapshots"):
        for session in set(rows[table]) - set(all_histories):
            verdict.fault(f"{table} has rows of {session!r}, of which no change is applied")


def text_of(fields, evidence):
    """As Postgres holds it: a replayed NUL is U+FFFD."""
    return {key: value.replace("\0", "\ufffd") if isinstance(value, str) else value for key, value in fields.items()}


def audit(verdict, row, entry):
    fields = entry.fields
    same = (row["type"] == fields["type"] and row["session_id"] == entry.session and row["event_id"] == entry.event
            and row["actor"] == fields.get("actor") and row["v"] == int(fields.get("v", "1")))
    verdict.check(same, "audit rows", lambda: f"{entry.serial}: written {fields}, in changes {row}"[:500])
    if entry.asked == "*":
        verdict.check(abs(float(row["occurred"]) * 1000 - row["entry_ms"]) < 1, "times of entries", lambda: f"{entry.serial}: occurred_at {row['occurred_at']}")
    if fields["type"].startswith("witness."):
        kept = row["fields"] or {}
        wanted = {key: value for key, value in fields.items() if key not in ("event_id", "ephemeral")}
        verdict.check(all(kept.get(key) == value for key, value in wanted.items() if key not in ("v",)), "entries kept whole",
                      lambda: f"{entry.serial}: {wanted} is kept as {kept}")


def compare_rows(verdict, what, session, wanted, found):
    """Two dicts from a key to a row's content."""
    for key in wanted.keys() | found.keys():
        if key not in found:
            verdict.fault(f"{what} of {session!r}: {key} is missing: {wanted[key]}")
        elif key not in wanted:
            verdict.fault(f"{what} of {session!r}: {key} should not be there: {found[key]}")
        else:
            verdict.check(wanted[key] == found[key], what, lambda: f"{what} of {session!r} at {key}: should be {differing(wanted[key], found[key])}")


def differing(wanted, found):
    return {key: (str(wanted[key])[:80], "is", str(found.get(key))[:80]) for key in wanted if wanted[key] != found.get(key)}


def place(row):
    return int(row["entry_ms"]), int(row["entry_no"]), int(row["lane_id"])


def compare_messages(verdict, session, model, found, shared):
    names = ("role", "content", "parts", "message_id", "parent_id", "call_id", "model", "tokens", "usage", "meta", "ext")
    # "Between lanes no order is promised": what hides what is not compared in a session of several lanes.
    extra = () if shared else ("hidden",)
    wanted = {at: {key: row[key] for key in names + extra} for at, row in model.messages.items()}
    real = {place(row): {**{key: row[key] for key in names}, **({"hidden": row["removed_at"] is not None} if extra else {})} for row in found}
    compare_rows(verdict, "messages", session, wanted, real)


def compare_values(verdict, session, model, current, history):
    compare_rows(verdict, "context", session, model.context,
                 {row["key"]: {"kind": row["kind"], "value": row["value"], "position": place(row)} for row in current})
    compare_rows(verdict, "context_history", session, model.history,
                 {place(row): {key: row[key] for key in ("key", "kind", "value", "removed")} for row in history})


def compare_calls(verdict, session, model, found):
    names = ("position", "tool", "arguments", "status", "result", "error", "cost", "usage", "idempotency_key")
    wanted = {(call, number): {key: attempt[key] for key in names} for call, attempts in model.calls.items() for number, attempt in enumerate(attempts, 1)}
    real = {(row["call_id"], int(row["attempt"])): {**{key: row[key] for key in names[1:]}, "position": place(row)} for row in found}
    compare_rows(verdict, "tool_calls", session, wanted, real)


def compare_outcomes(verdict, session, model, found):
    real = {place(row): {"label": row["label"], "score": None if row["score"] is None else float(row["score"]), "scorer": row["scorer"],
                         "meta": row["meta"]} for row in found}
    compare_rows(verdict, "outcomes", session, model.outcomes, real)


def compare_snapshots(verdict, session, model, found, only_there):
    wanted, real = {}, {}
    for at, row in model.snapshots.items():
        wanted[at] = {"reason": row["reason"], "state": None if only_there else row["state"]}
    for row in found:
        real[place(row)] = {"reason": row["reason"], "state": None if only_there else state_of(row["state"])}
    compare_rows(verdict, "snapshots", session, wanted, real)


def state_of(state):
    last = state["messages"]["last"]
    return {"context": state["context"], "count": int(state["messages"]["count"]), "last": tuple(map(int, last.split("-"))) if last else None,
            "open_calls": sorted([call["call_id"], int(call["attempt"]), call["tool"]] for call in state["open_calls"]),
            "status": state["session"]["status"]}


def compare_session(verdict, session, model, found, history):
    if len(found) != 1:
        verdict.fault(f"sessions has {len(found)} rows of {session!r}")
        return
    row = found[0]
    names = ("status", "title", "agent_id", "user_id", "tenant", "parent_id", "meta")
    wanted = {key: model.row.get(key) for key in names}
    changed = [at for at, fields, _, _ in history if fields["type"].startswith("session.")]
    real = {key: row[key] for key in names}
    wanted["at"], real["at"] = (changed[-1] if changed else (0, 0, 0)), place(row)
    compare_rows(verdict, "sessions", session, {session: wanted}, {session: real})


def compare_readers(evidence, verdict, session, model):
    """What everyone reads: `tidemark.state` and `tidemark.transcript`."""
    wanted, found = model.state(), evidence.states.get(session)
    found = found and state_of(found)
    verdict.check(wanted == found, "states", lambda: f"state of {session!r}: should be {differing(wanted, found or {})}")
    shown = [("message", at) for at, row in model.messages.items() if not row["hidden"]]
    shown += [("tool_call", attempt["position"]) for attempts in model.calls.values() for attempt in attempts]
    read = evidence.transcripts[session]
    verdict.check(sorted(shown, key=lambda each: each[1]) == sorted(read, key=lambda each: each[1]), "transcripts", lambda: f"transcript of {session!r}")
    verdict.check([at for _, at in read] == sorted(at for _, at in read), "transcripts in order", lambda: f"transcript of {session!r} is out of order")


def chain(verdict, session, history, found):
    """From the table alone: each message of a session with one lane says which one came before it, so that they stand in this order."""
    if is_shared(history):
        return
    steps = []
    for row in sorted(found, key=place):
        words = (row["content"] or "").split(" ")
        if words[0] == "step" and len(words) > 5:
            steps.append((int(words[1]), int(words[3]), int(words[5])))
    written = {entry.serial for _, fields, _, entry in history if fields.get("content", "").startswith("step ")}
    # What was written again stands where it was written again.
    again = {int(fields["content"].split(" ")[3]) for _, fields, _, entry in history
             if fields.get("content", "").startswith("step ") and int(fields["content"].split(" ")[3]) != entry.serial}
    repeated = {entry.event for _, _, _, entry in history if entry.event and len([1 for _, _, _, other in history if other.event == entry.event]) > 1}
    for one, other in zip(steps, steps[1:]):
        if repeated or other[2] not in written or again & {one[1], other[1], other[2]}:
            continue
        verdict.check(one[1] == other[2], "links of chains of messages", lambda: f"{session!r}: {other} stands behind {one}")


def compare_context(evidence, session, verdict, what):
    """The value at the highest position wins, of equal ids that of the later lane."""
    newest = {}
    for at, fields, _, _ in histories(evidence)[session]:
        if fields["type"] == "context.set" and at > newest.get(fields["key"], ((0,), ""))[0]:
            newest[fields["key"]] = (at, fields["value"])
    found = {row["key"]: (place(row), str(row["value"])) for row in evidence.rows["context"] if row["session_id"] == session}
    for key in newest.keys() | found.keys():
        verdict.check(newest.get(key) == found.get(key), what, lambda: f"{session!r} {key}: should be {newest.get(key)}, is {found.get(key)}")
