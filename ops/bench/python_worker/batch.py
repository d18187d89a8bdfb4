"""Entries of several lanes as rows of Tidemark's tables, for one transaction."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

Fields = dict[str, str]
Row = tuple[Any, ...]


@dataclass
class Lane:
    """Where a lane stands, as its row in `lanes` tells."""

    name: str
    lane_id: int
    entry_ms: int
    entry_no: int
    applied_no: int
    anchor: bytes = b""

    @property
    def entry_id(self) -> str:
        """The cursor as Redis writes it."""
        return f"{self.entry_ms}-{self.entry_no}"


@dataclass
class Batch:
    """The rows of each table, in the order of their columns in statements.py."""

    change_log: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    context_history: list[Row] = field(default_factory=list)
    outcomes: list[Row] = field(default_factory=list)
    session_updates: list[Row] = field(default_factory=list)
    calls_started: list[Row] = field(default_factory=list)
    calls_finished: list[Row] = field(default_factory=list)
    cursors: list[Row] = field(default_factory=list)
    # Only the first change of a session and the last one of a context key leave a trace.
    first_seen: dict[str, tuple[int, str]] = field(default_factory=dict)
    context: dict[tuple[str, str], Row] = field(default_factory=dict)
    removed: dict[tuple[str, str], Row] = field(default_factory=dict)

    def add(self, lane: Lane, entries: list[tuple[str, Fields]]) -> None:
        """Takes a lane's next entries and moves it to behind them."""
        before = lane.entry_ms, lane.entry_no
        for entry_id, fields in entries:
            milliseconds, _, number = entry_id.partition("-")
            lane.entry_ms, lane.entry_no = int(milliseconds), int(number)
            lane.applied_no += 1
            lane.anchor = digest(fields)
            self._apply(lane, fields)
        count = len(entries)
        self.cursors.append((
            lane.entry_ms, lane.entry_no, count, lane.anchor, lane.applied_no, count, count, lane.lane_id, *before))

    def _apply(self, lane: Lane, fields: Fields) -> None:
        session, kind, get = fields["session"], fields["type"], fields.get
        milliseconds, number, lane_id = lane.entry_ms, lane.entry_no, lane.lane_id
        at = timestamp(milliseconds)
        kept = None
        self.first_seen.setdefault(session, (lane_id, at))
        if kind == "message.appended":
            self.messages.append((
                session, milliseconds, number, lane_id, get("seq"), get("message_id"), get("parent_id"), get("call_id"), get("role"),
                get("content"), get("parts"), get("model"), get("tokens"), get("usage"), get("meta"), at))
        elif kind == "context.set":
            key, value, note = fields["key"], fields["value"], get("kind", "note")
            self.context_history.append((session, milliseconds, number, lane_id, key, note, value, False, at))
            self.context[session, key] = (session, key, note, value, milliseconds, number, lane_id, at)
            self.removed.pop((session, key), None)
        elif kind == "context.removed":
            key = fields["key"]
            self.context_history.append((session, milliseconds, number, lane_id, key, None, None, True, at))
            self.removed[session, key] = (session, key, milliseconds, number, lane_id)
            self.context.pop((session, key), None)
        elif kind == "tool.started":
            self.calls_started.append((
                session, fields["call_id"], milliseconds, number, lane_id, fields["tool"], get("arguments"), get("idempotency_key"),
                at))
        elif kind == "tool.finished":
            self.calls_finished.append((
                fields["status"], get("result"), get("error"), get("cost"), get("usage"), at, milliseconds, number,
                lane_id, session, fields["call_id"], session, fields["call_id"], milliseconds, number, lane_id))
        elif kind == "outcome.recorded":
            self.outcomes.append((
                session, milliseconds, number, lane_id, get("label"), get("score"), get("scorer"), get("message_id"), get("call_id"),
                get("meta"), at))
        elif kind == "session.updated":
            kept = session_fields(fields)
            self.session_updates.append((
                get("title"), get("status"), json_object(fields, "meta."), at, milliseconds, number, lane_id, session, milliseconds,
                number, lane_id))
        else:
            raise ValueError(f"no change of the data sets: {kind}")
        self.change_log.append((
            lane.lane_id, lane.applied_no, milliseconds, number, session, get("event_id"), lane.anchor, get("seq"), get("epoch"), kind,
            get("actor"), get("trace"), 1, at, kept))


# Fields that are not the content of a change.
DELIVERY = ("event_id", "trace", "ts")


def digest(fields: Fields) -> bytes:
    """The first 16 bytes of a SHA-256 over all fields: over the content, and over its digest and the other fields where there are some."""
    content = hashed(fields, sorted(name for name in fields if name not in DELIVERY))
    delivery = [name for name in DELIVERY if name in fields]
    return hashed(fields, delivery, content) if delivery else content


def hashed(fields: Fields, names: list[str], before: bytes = b"") -> bytes:
    """Over names and values with their lengths."""
    parts = [before]
    for name in names:
        for part in (name.encode(), fields[name].encode()):
            parts.append(len(part).to_bytes(4, "little"))
            parts.append(part)
    return hashlib.sha256(b"".join(parts)).digest()[:16]


@lru_cache(maxsize=1024)
def timestamp(milliseconds: int) -> str:
    """As Postgres reads it."""
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(" ", "milliseconds")


def json_object(fields: Fields, prefix: str) -> str:
    """The members under a prefix, whose values are JSON already."""
    members = (f"{json.dumps(name[len(prefix):])}:{value}" for name, value in fields.items() if name.startswith(prefix))
    return "{" + ",".join(members) + "}"


def session_fields(fields: Fields) -> str:
    """Everything that a change of a session says."""
    texts = {name: fields[name] for name in ("title", "status") if name in fields}
    members = [f"{json.dumps(name)}:{value}" for name, value in fields.items() if name.startswith("meta.")]
    members += [f"{json.dumps(name)}:{json.dumps(text)}" for name, text in texts.items()]
    return "{" + ",".join(members) + "}"
