"""A change before it is written: checked, as text, with its event id."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, TypedDict, Union, cast

from . import json_text, rules
from .errors import Invalid
from .identity import new_id

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Envelope(TypedDict, total=False):
    """What every change may carry beside the fields of its type."""

    #: The change's own id; a new one by default. A second change with it and the same content has no effect.
    event_id: str
    #: When it happened: Unix milliseconds, or a datetime with a time zone. By default the moment at which Redis gets the change.
    ts: Union[int, datetime]
    #: Who did it.
    actor: str
    #: The W3C traceparent.
    trace: str
    #: The version of the payload.
    v: int
    #: Counted by the worker and never stored.
    ephemeral: bool
    #: The session's last seq as you know it: the change is written only if no other change came in between, else Conflict is raised.
    expect: int
    #: Further fields, kept beside the others.
    extra: Mapping[str, str]


@dataclass(frozen=True)
class Entry:
    """What is sent to Redis for one change."""

    type: str
    event_id: str
    fields: Tuple[Tuple[str, bytes], ...] = field(repr=False)
    expect: Optional[int] = None
    is_ephemeral: bool = False

    def arguments(self) -> Iterator[Union[str, bytes]]:
        """Yields the names and values in turn, as the functions take them."""
        for name, value in self.fields:
            yield name
            yield value


def make(type_name: str, session: str, values: Mapping[str, Any], envelope: Mapping[str, Any]) -> Entry:
    """Returns the entry of a change. A value that is None counts as absent. Raises Invalid, which names the field."""
    given = cast("Dict[str, Any]", dict(envelope))
    unknown = set(given).difference(Envelope.__annotations__)
    if unknown:
        raise TypeError(f"{sorted(unknown)[0]!r} is not an argument; further fields go into extra={{...}}")
    expect = _expected(given.pop("expect", None))
    extra = dict(given.pop("extra", None) or {})
    event_id = given.get("event_id")
    if event_id is None:
        event_id = given["event_id"] = new_id()
    is_ephemeral = bool(given.get("ephemeral"))
    given["ephemeral"] = True if is_ephemeral else None
    shape = rules.change_type(type_name)
    fields: List[Tuple[str, str]] = []
    for name, value in [*values.items(), *extra.items()]:
        if value is not None:
            fields.append((name, text_of(shape.rule(name), value)))
    for name, value in given.items():
        if value is not None:
            fields.append((name, text_of(rules.ENVELOPE[name], value)))
    encoded = rules.check(type_name, session, fields)
    return Entry(type_name, event_id, tuple(encoded), expect, is_ephemeral)


def text_of(rule: rules.Rule, value: Any) -> str:
    """Returns the text of a value as its field's kind wants it. The text is checked by `rules.check`."""
    if rule.holds_json:
        try:
            return json_text.encode(value)
        except json_text.Unstorable as problem:
            raise Invalid(rule.name, str(problem)) from None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if rule.kind == rules.FLAG:
            return "1" if value else "0"
    elif isinstance(value, datetime):
        if rule.name == "ts":
            return str(_milliseconds(value))
    elif isinstance(value, int) or (isinstance(value, (float, Decimal)) and rule.kind in (rules.DECIMAL, rules.NUMBER)):
        try:
            return str(value)
        except ValueError as error:  # an integer of thousands of digits
            raise Invalid(rule.name, str(error)) from None
    raise Invalid(rule.name, f"is a {type(value).__name__}, which is not a value of this field")


def _milliseconds(moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise Invalid("ts", "is a datetime without a time zone")
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _expected(expect: Any) -> Optional[int]:
    if expect is not None and (isinstance(expect, bool) or not isinstance(expect, int) or expect < 0):
        raise Invalid("expect", "is not the number of a change")
    return expect
