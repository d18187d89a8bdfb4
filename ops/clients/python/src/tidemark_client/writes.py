"""The changes that an agent writes, one method for each type of change."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Union

from . import entry as entries
from .binding import change
from .entry import Entry
from .errors import Invalid
from .json_text import RawJSON

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .entry import Envelope

_NULL = RawJSON("null")


class Writes:
    """The changes of one session. Sessions and turns have all of these methods.

    All take the arguments of `Envelope` in addition to their own. An argument that is None counts as absent; JSON null is written as
    `RawJSON("null")`, except as a value of the context or of `meta`, where None means null.
    """

    id: str

    def _entry(self, type_name: str, values: Mapping[str, Any], envelope: Mapping[str, Any]) -> Entry:
        return entries.make(type_name, self.id, values, envelope)

    @change
    def start(
        self, *, agent: Optional[str] = None, user: Optional[str] = None, tenant: Optional[str] = None, title: Optional[str] = None,
        parent: Optional[str] = None, meta: Optional[Mapping[str, Any]] = None, **envelope: Unpack[Envelope],
    ) -> Entry:
        """Starts the session, or makes it active again and sets what is given."""
        values = {"agent": agent, "user": user, "tenant": tenant, "title": title, "parent": parent, **_prefixed(meta)}
        return self._entry("session.started", values, envelope)

    @change
    def update(
        self, *, title: Optional[str] = None, status: Optional[str] = None, meta: Optional[Mapping[str, Any]] = None,
        **envelope: Unpack[Envelope],
    ) -> Entry:
        """Sets the title, the status, or keys of `meta`."""
        return self._entry("session.updated", {"title": title, "status": status, **_prefixed(meta)}, envelope)

    @change
    def end(self, status: Optional[str] = None, **envelope: Unpack[Envelope]) -> Entry:
        """Ends the session: `completed` (the default), `failed` or `cancelled`."""
        return self._entry("session.ended", {"status": status}, envelope)

    @change
    def message(
        self, role: Optional[str] = None, content: Optional[str] = None, *, parts: Any = None, message_id: Optional[str] = None,
        parent_id: Optional[str] = None, call_id: Optional[str] = None, model: Optional[str] = None, tokens: Optional[int] = None,
        usage: Any = None, meta: Any = None, **envelope: Unpack[Envelope],
    ) -> Entry:
        """Appends a message: `role` and `content`, or `parts` (a list). A repeated `message_id` replaces the message that has it."""
        values = {
            "role": role, "content": content, "parts": parts, "message_id": message_id, "parent_id": parent_id, "call_id": call_id,
            "model": model, "tokens": tokens, "usage": usage, "meta": meta,
        }
        return self._entry("message.appended", values, envelope)

    @change
    def remove_message(self, message_id: Optional[str] = None, *, last: bool = False, **envelope: Unpack[Envelope]) -> Entry:
        """Hides a message, or the last one."""
        return self._entry("message.removed", {"message_id": message_id, "last": True if last else None}, envelope)

    @change
    def clear_messages(self, **envelope: Unpack[Envelope]) -> Entry:
        """Hides all messages."""
        return self._entry("messages.cleared", {}, envelope)

    @change
    def set(self, key: str, value: Any, *, kind: Optional[str] = None, **envelope: Unpack[Envelope]) -> Entry:
        """Sets a key of the context to a JSON value. The kind is `goal`, `fact`, `result` or `note` (the default)."""
        return self._entry("context.set", {"key": key, "value": _NULL if value is None else value, "kind": kind}, envelope)

    @change
    def unset(self, key: str, **envelope: Unpack[Envelope]) -> Entry:
        """Removes a key of the context."""
        return self._entry("context.removed", {"key": key}, envelope)

    @change
    def tool_started(
        self, call_id: str, tool: str, arguments: Any = None, *, idempotency_key: Optional[str] = None, **envelope: Unpack[Envelope],
    ) -> Entry:
        """Writes that a tool call begins. `session.call` does it for you."""
        values = {"call_id": call_id, "tool": tool, "arguments": arguments, "idempotency_key": idempotency_key}
        return self._entry("tool.started", values, envelope)

    @change
    def tool_finished(
        self, call_id: str, status: str = "ok", *, result: Any = None, error: Optional[str] = None,
        cost: Union[Decimal, int, float, str, None] = None, usage: Any = None, **envelope: Unpack[Envelope],
    ) -> Entry:
        """Writes the end of a tool call: `ok`, `error` or `cancelled`."""
        values = {"call_id": call_id, "status": status, "result": result, "error": error, "cost": cost, "usage": usage}
        return self._entry("tool.finished", values, envelope)

    @change
    def outcome(
        self, label: Optional[str] = None, *, score: Union[float, Decimal, str, None] = None, scorer: Optional[str] = None,
        message_id: Optional[str] = None, call_id: Optional[str] = None, meta: Any = None, **envelope: Unpack[Envelope],
    ) -> Entry:
        """Records how something turned out: a label, a score, or both."""
        values = {"label": label, "score": score, "scorer": scorer, "message_id": message_id, "call_id": call_id, "meta": meta}
        return self._entry("outcome.recorded", values, envelope)

    @change
    def snapshot(self, reason: Optional[str] = None, **envelope: Unpack[Envelope]) -> Entry:
        """Asks for a snapshot of the session's state in Postgres."""
        return self._entry("snapshot.requested", {"reason": reason}, envelope)

    @change
    def append(self, type: str, fields: Optional[Mapping[str, Any]] = None, **envelope: Unpack[Envelope]) -> Entry:
        """Writes a change of any type. An unknown type is kept whole; its values are texts or integers."""
        return self._entry(type, fields or {}, envelope)


def _prefixed(meta: Optional[Mapping[str, Any]]) -> Dict[str, Any]:
    values = {}
    for key, value in (meta or {}).items():
        if not isinstance(key, str) or not key:
            raise Invalid("meta", "has a key that is empty or no text")
        values[f"meta.{key}"] = _NULL if value is None else value
    return values
