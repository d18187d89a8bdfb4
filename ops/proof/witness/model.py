"""What changes mean, one by one: a naive reading of the documented tables, to which the real ones are compared.

It is given the changes that Postgres says it applied, with the contents that the testimony has, in the order of their positions.
"""

import json
from decimal import Decimal

ENVELOPE = {"type", "session", "event_id", "seq", "epoch", "ts", "actor", "trace", "v", "ephemeral"}
KNOWN = {
    "session.started": {"agent", "user", "tenant", "title", "parent"},
    "session.updated": {"title", "status"},
    "session.ended": {"status"},
    "message.appended": {"role", "content", "parts", "message_id", "parent_id", "call_id", "model", "tokens", "usage", "meta"},
    "context.set": {"key", "value", "kind"},
    "tool.started": {"call_id", "tool", "arguments", "idempotency_key"},
    "tool.finished": {"call_id", "status", "result", "error", "cost", "usage"},
    "outcome.recorded": {"label", "score", "scorer", "message_id", "call_id", "meta"},
}


def parsed(text):
    """A JSON value that compares as jsonb does: numbers by what they are worth."""
    if text is None or text == "":
        return None
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def further(kind, fields):
    """The fields that no rule names, which are kept as `ext`."""
    rest = {name: value for name, value in fields.items() if name not in ENVELOPE and name not in KNOWN[kind] and not name.startswith("meta.")}
    return rest or None


class Session:
    """A session's rows as they have to be."""

    def __init__(self):
        self.row = {"status": "active", "meta": {}}
        self.messages, self.context, self.history, self.calls, self.outcomes, self.snapshots = {}, {}, {}, {}, {}, {}

    def apply(self, position, fields):
        kind = fields["type"]
        rule = RULES.get(kind)
        if rule:
            rule(self, position, fields)

    def _started(self, position, fields):
        for name, column in (("agent", "agent_id"), ("user", "user_id"), ("tenant", "tenant"), ("title", "title"), ("parent", "parent_id")):
            if name in fields:
                self.row[column] = fields[name]
        self.row["status"] = "active"
        self._metas(fields)

    def _updated(self, position, fields):
        for name in ("title", "status"):
            if name in fields:
                self.row[name] = fields[name]
        self._metas(fields)

    def _ended(self, position, fields):
        self.row["status"] = fields.get("status", "completed")

    def _metas(self, fields):
        for name, value in fields.items():
            if name.startswith("meta."):
                self.row["meta"][name[5:]] = parsed(value)

    def _appended(self, position, fields):
        identity = fields.get("message_id")
        if identity:
            self._hide(lambda row: row["message_id"] == identity)
        self.messages[position] = {
            "role": fields.get("role"), "content": fields.get("content"), "parts": parsed(fields.get("parts")), "message_id": identity,
            "parent_id": fields.get("parent_id"), "call_id": fields.get("call_id"), "model": fields.get("model"),
            "tokens": parsed(fields.get("tokens")), "usage": parsed(fields.get("usage")), "meta": parsed(fields.get("meta")),
            "ext": further("message.appended", fields), "hidden": False}

    def _hide(self, chosen):
        for row in self.messages.values():
            if not row["hidden"] and chosen(row):
                row["hidden"] = True

    def _removed(self, position, fields):
        if "message_id" in fields:
            self._hide(lambda row: row["message_id"] == fields["message_id"])
            return
        visible = [at for at, row in self.messages.items() if not row["hidden"]]
        if visible:
            self.messages[max(visible)]["hidden"] = True

    def _cleared(self, position, fields):
        self._hide(lambda row: True)

    def _set(self, position, fields):
        value = {"kind": fields.get("kind", "note"), "value": parsed(fields["value"])}
        self.context[fields["key"]] = {**value, "position": position}
        self.history[position] = {"key": fields["key"], **value, "removed": False}

    def _unset(self, position, fields):
        self.context.pop(fields["key"], None)
        self.history[position] = {"key": fields["key"], "kind": None, "value": None, "removed": True}

    def _call_started(self, position, fields):
        self.calls.setdefault(fields["call_id"], []).append({
            "position": position, "tool": fields["tool"], "arguments": parsed(fields.get("arguments")), "status": "started",
            "idempotency_key": fields.get("idempotency_key"), "result": None, "error": None, "cost": None, "usage": None})

    def _call_finished(self, position, fields):
        attempts = self.calls.setdefault(fields["call_id"], [])
        still_open = [attempt for attempt in attempts if attempt["status"] == "started"]
        if still_open:
            attempt = still_open[-1]
        else:
            attempt = {"position": position, "tool": None, "arguments": None, "idempotency_key": None}
            attempts.append(attempt)
        attempt.update(status=fields["status"], result=parsed(fields.get("result")), error=fields.get("error"),
                       cost=parsed(fields.get("cost")), usage=parsed(fields.get("usage")))

    def _outcome(self, position, fields):
        score = parsed(fields.get("score"))
        self.outcomes[position] = {
            "label": fields.get("label"), "score": None if score is None else float(score), "scorer": fields.get("scorer"),
            "meta": parsed(fields.get("meta"))}

    def _snapshot(self, position, fields):
        self.snapshots[position] = {"reason": fields.get("reason"), "state": self.state()}

    def state(self):
        """What `tidemark.state` says of context, open calls and messages."""
        visible = [at for at, row in self.messages.items() if not row["hidden"]]
        return {
            "context": {key: {"kind": row["kind"], "value": row["value"]} for key, row in self.context.items()},
            "open_calls": sorted([call, number, attempt["tool"]] for call, attempts in self.calls.items()
                                 for number, attempt in enumerate(attempts, 1) if attempt["status"] == "started"),
            "count": len(visible), "last": max(visible)[:2] if visible else None, "status": self.row["status"]}


RULES = {
    "session.started": Session._started, "session.updated": Session._updated, "session.ended": Session._ended,
    "message.appended": Session._appended, "message.removed": Session._removed, "messages.cleared": Session._cleared,
    "context.set": Session._set, "context.removed": Session._unset, "tool.started": Session._call_started,
    "tool.finished": Session._call_finished, "outcome.recorded": Session._outcome, "snapshot.requested": Session._snapshot,
}
