"""A session's state as Redis holds it. JSON stays text until it is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple


class Context(Mapping[str, Any]):
    """The context: `state.context["goal"]` parses the value of the key `goal`."""

    def __init__(self, texts: Mapping[str, str], kinds: Mapping[str, str]) -> None:
        self._texts = texts
        self._kinds = kinds

    def __getitem__(self, key: str) -> Any:
        return json.loads(self._texts[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"Context({sorted(self._texts)})"

    def text(self, key: str) -> str:
        """Returns the JSON text of a value, exactly as it was written."""
        return self._texts[key]

    def kind(self, key: str) -> str:
        """Returns the kind of a key: `goal`, `fact`, `result` or `note`."""
        self._texts[key]
        return self._kinds.get(key, "note")


@dataclass(frozen=True)
class _Written:
    """One change as it was written. `fields` holds its fields as texts."""

    fields: Mapping[str, str] = field(repr=False)

    @property
    def entry_id(self) -> str:
        return self.fields["entry_id"]

    @property
    def seq(self) -> Optional[int]:
        return _integer(self.fields.get("seq"))

    @property
    def epoch(self) -> Optional[int]:
        return _integer(self.fields.get("epoch"))

    def _json(self, name: str) -> Any:
        text = self.fields.get(name)
        return json.loads(text) if text else None


@dataclass(frozen=True)
class Message(_Written):
    """A visible message."""

    @property
    def role(self) -> Optional[str]:
        return self.fields.get("role")

    @property
    def content(self) -> Optional[str]:
        return self.fields.get("content")

    @property
    def parts(self) -> Any:
        return self._json("parts")

    @property
    def message_id(self) -> Optional[str]:
        return self.fields.get("message_id")

    @property
    def parent_id(self) -> Optional[str]:
        return self.fields.get("parent_id")

    @property
    def call_id(self) -> Optional[str]:
        return self.fields.get("call_id")

    @property
    def model(self) -> Optional[str]:
        return self.fields.get("model")

    @property
    def tokens(self) -> Optional[int]:
        return _integer(self.fields.get("tokens"))

    @property
    def usage(self) -> Any:
        return self._json("usage")

    @property
    def meta(self) -> Any:
        return self._json("meta")

    def __repr__(self) -> str:
        return f"Message({self.entry_id} {self.role})"


@dataclass(frozen=True)
class OpenCall(_Written):
    """A tool call that began and has no end. Whether it had its effect is not known: ask the tool, by the idempotency key."""

    #: Whether the call came back from Postgres, where its beginning is committed. Redis may not have its entry any more.
    is_restored: bool = False

    @property
    def call_id(self) -> str:
        return self.fields["call_id"]

    @property
    def tool(self) -> str:
        return self.fields["tool"]

    @property
    def arguments(self) -> Any:
        return self._json("arguments")

    @property
    def idempotency_key(self) -> Optional[str]:
        return self.fields.get("idempotency_key")

    def __repr__(self) -> str:
        return f"OpenCall({self.call_id} {self.tool})"


@dataclass(frozen=True)
class State:
    """A session's state at the change `(epoch, seq)`, whose entry is `entry_id`."""

    session_id: str
    seq: int
    epoch: int
    entry_id: Optional[str]
    status: str
    agent: Optional[str]
    user: Optional[str]
    tenant: Optional[str]
    title: Optional[str]
    parent: Optional[str]
    #: The values of `meta`, parsed on request like those of the context.
    meta: Context
    context: Context
    #: The last visible messages, oldest first; Redis holds the last `hot.messages` (200) of them.
    messages: Tuple[Message, ...]
    #: The calls without an end, oldest first.
    open_calls: Tuple[OpenCall, ...]
    #: Whether the session began here while Redis did not hold it, so that Postgres may know more of it.
    is_fresh: bool


def parse(session_id: str, reply: Sequence[Any]) -> State:
    """Returns the state that the function `load` answered."""
    session, texts, tools = (_pairs(part) for part in reply[:3])
    found = [json.loads(line) for attempts in tools.values() for line in attempts.split("\n") if line]
    # A restore notes the last entry that it brought back.
    restored = _order(session["started_id"]) if "restored_at" in session else (0, 0)
    calls = [OpenCall(fields, is_restored=_order(fields["entry_id"]) <= restored) for fields in found]
    calls.sort(key=lambda call: _order(call.entry_id))
    return State(
        session_id=session_id,
        seq=int(session.get("seq") or 0),
        epoch=int(session.get("epoch") or 0),
        entry_id=session.get("entry_id") or None,
        status=session.get("status", "active"),
        agent=session.get("agent"),
        user=session.get("user"),
        tenant=session.get("tenant"),
        title=session.get("title"),
        parent=session.get("parent"),
        meta=Context(_below("meta.", session), {}),
        context=Context(texts, _below("kind.", session)),
        messages=tuple(Message(json.loads(text(element))) for element in reply[3]),
        open_calls=tuple(calls),
        is_fresh=session.get("fresh") == "1",
    )


def text(reply: Any) -> str:
    """Returns a text of Redis, whether the client decodes replies or not."""
    return reply.decode("utf-8") if isinstance(reply, bytes) else str(reply)


def _pairs(flat: Sequence[Any]) -> Dict[str, str]:
    words: List[str] = [text(word) for word in flat]
    return dict(zip(words[::2], words[1::2]))


def _below(prefix: str, pairs: Mapping[str, str]) -> Dict[str, str]:
    return {name[len(prefix):]: value for name, value in pairs.items() if name.startswith(prefix)}


def _order(entry_id: str) -> Tuple[int, ...]:
    """Returns an entry's id as two numbers, which is how ids compare."""
    return tuple(int(number) for number in entry_id.split("-"))


def _integer(text: Optional[str]) -> Optional[int]:
    return int(text) if text else None
