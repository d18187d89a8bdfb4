"""The built-in types of change and the rules of their fields: the same rules as the worker's (ChangeCatalog.swift, FieldCheck.swift)."""

from __future__ import annotations

import math
import re
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import json_text
from .errors import Invalid

NAME_LIMIT = 512
TYPE_LIMIT = 128
SESSION_LIMIT = 256

TEXT, JSON, JSON_ARRAY, INTEGER, DECIMAL, NUMBER, FLAG = "text", "json", "json_array", "integer", "decimal", "number", "flag"
_ABSENT_WHEN_EMPTY = (JSON, JSON_ARRAY, INTEGER, DECIMAL, NUMBER)


class Rule(NamedTuple):
    """The rule for one field."""

    name: str
    kind: str = TEXT
    required: bool = False
    limit: Optional[int] = None
    choices: Tuple[str, ...] = ()

    @property
    def holds_json(self) -> bool:
        return self.kind in (JSON, JSON_ARRAY)


class ChangeType(NamedTuple):
    """The fields of a type of change, and the rules between them."""

    fields: Tuple[Rule, ...]
    #: At least one of these fields must be given.
    any_of: Tuple[str, ...] = ()
    #: Unless the first field is given, the others must be.
    unless: Tuple[str, Tuple[str, ...]] = ("", ())
    #: The prefix of fields of which each holds one JSON value.
    json_prefix: str = ""

    def rule(self, name: str) -> Rule:
        for rule in self.fields:
            if rule.name == name:
                return rule
        if self.json_prefix and name.startswith(self.json_prefix) and name != self.json_prefix:
            return Rule(name, JSON)
        return Rule(name)


def _name(name: str, required: bool = False) -> Rule:
    return Rule(name, required=required, limit=NAME_LIMIT)


ENVELOPE: Dict[str, Rule] = {
    rule.name: rule
    for rule in (
        _name("event_id"),
        Rule("ts", INTEGER),
        Rule("actor"),
        Rule("trace"),
        Rule("v", INTEGER),
        Rule("ephemeral", FLAG),
    )
}
#: The fields that are no producer's to give: the first two are arguments, the function numbers the changes.
RESERVED = ("type", "session", "seq", "epoch")

CATALOG: Dict[str, ChangeType] = {
    "session.started": ChangeType(
        (Rule("agent"), Rule("user"), Rule("tenant"), Rule("title"), Rule("parent")), json_prefix="meta."),
    "session.updated": ChangeType((Rule("title"), Rule("status")), json_prefix="meta."),
    "session.ended": ChangeType((Rule("status", choices=("completed", "failed", "cancelled")),)),
    "message.appended": ChangeType(
        (
            _name("role"), Rule("content"), Rule("parts", JSON_ARRAY), _name("message_id"), _name("parent_id"), _name("call_id"),
            Rule("model"), Rule("tokens", INTEGER), Rule("usage", JSON), Rule("meta", JSON),
        ),
        unless=("parts", ("role", "content"))),
    "message.removed": ChangeType((_name("message_id"), Rule("last", FLAG)), any_of=("message_id", "last")),
    "messages.cleared": ChangeType(()),
    "context.set": ChangeType(
        (_name("key", True), Rule("value", JSON, True), Rule("kind", choices=("goal", "fact", "result", "note")))),
    "context.removed": ChangeType((_name("key", True),)),
    "tool.started": ChangeType(
        (_name("call_id", True), _name("tool", True), Rule("arguments", JSON), _name("idempotency_key"))),
    "tool.finished": ChangeType(
        (
            _name("call_id", True), Rule("status", required=True, choices=("ok", "error", "cancelled")), Rule("result", JSON),
            Rule("error"), Rule("cost", DECIMAL), Rule("usage", JSON),
        )),
    "outcome.recorded": ChangeType(
        (Rule("label"), Rule("score", NUMBER), Rule("scorer"), _name("message_id"), _name("call_id"), Rule("meta", JSON)),
        any_of=("label", "score")),
    "snapshot.requested": ChangeType((Rule("reason"),)),
}
_UNKNOWN = ChangeType(())

# The first and the last moment that a `ts` may name: the beginning of 2001 and the end of 9999, in Unix milliseconds.
_FIRST_TIME = 978_307_200_000
_LAST_TIME = 253_402_300_799_999
_INTEGER = re.compile(r"-?[0-9]+")


def change_type(name: str) -> ChangeType:
    return CATALOG.get(name, _UNKNOWN)


def check_session(session: str) -> None:
    """Checks the id of a session."""
    _check_length("session", _utf8("session", session), SESSION_LIMIT, "missing or empty")


def check(type_name: str, session: str, fields: Sequence[Tuple[str, str]]) -> List[Tuple[str, bytes]]:
    """Checks the fields of a change, and returns them in UTF-8.

    Raises Invalid, which names the field. What passes is accepted by the function library; two rules are left to it, because only it knows
    the limits of the lane and the time of Redis: the size of the whole entry, and that a `ts` is not more than a day ahead.
    """
    _check_length("type", _utf8("type", type_name), TYPE_LIMIT, "empty")
    shape = change_type(type_name)
    encoded = [(name, _utf8(name, text)) for name, text in fields]
    names = {name for name, _ in fields}
    if len(names) != len(fields):
        raise Invalid(_repeated(fields), "is given twice")
    for name in names.intersection(RESERVED):
        raise Invalid(name, "is not a field that a producer gives")
    size = len(type_name) + len(session) + sum(len(name) + len(value) for name, value in encoded)
    room = json_text.NumberRoom(size)
    given = {name: text for name, text in fields if text or not _is_absent_when_empty(shape, name)}
    _check_given(shape, given)
    for (name, value), (_, text) in zip(encoded, fields):
        if name in given and not (name in ENVELOPE and _check_envelope(name, text, value)):
            _check_value(shape.rule(name), text, value, room)
    if shape.any_of and not any(_counts(shape.rule(name), given) for name in shape.any_of):
        raise Invalid(shape.any_of[0], f"is missing, and so is {' and '.join(shape.any_of[1:])}")
    return encoded


def _is_absent_when_empty(shape: ChangeType, name: str) -> bool:
    rule = ENVELOPE.get(name) or shape.rule(name)
    return rule.kind in _ABSENT_WHEN_EMPTY and not rule.required


def _counts(rule: Rule, given: Mapping[str, str]) -> bool:
    """Whether a field is given; a flag that is 0 means the same as no flag."""
    return rule.name in given and not (rule.kind == FLAG and given[rule.name] == "0")


def _check_given(shape: ChangeType, given: Mapping[str, str]) -> None:
    other, needed = shape.unless
    required = [rule.name for rule in shape.fields if rule.required] + ([] if other in given else list(needed))
    for name in required:
        if name not in given:
            raise Invalid(name, "is missing")
        if not given[name] and name != "content":
            raise Invalid(name, "is empty")


def _check_envelope(name: str, text: str, value: bytes) -> bool:
    """Checks a field of the envelope. Returns True, because such a field has no rule beyond."""
    rule = ENVELOPE[name]
    _check_value(rule, text, value, json_text.NumberRoom(0))
    if name == "v" and not 0 <= int(text) < 1 << 31:
        raise Invalid(name, "is out of range")
    if name == "ts":
        milliseconds = int(text)
        if milliseconds < _FIRST_TIME:
            raise Invalid(name, "is before 2001: it is in milliseconds since 1970")
        if milliseconds > _LAST_TIME:
            raise Invalid(name, "is after the year 9999: it is in milliseconds since 1970")
    return True


def _check_value(rule: Rule, text: str, value: bytes, room: json_text.NumberRoom) -> None:
    name = rule.name
    if rule.limit is not None:
        _check_length(name, value, rule.limit, "empty")
    if rule.choices and text not in rule.choices:
        raise Invalid(name, f"is none of {', '.join(rule.choices)}")
    if rule.holds_json:
        if rule.kind == JSON_ARRAY and not text.lstrip(" \t\r\n").startswith("["):
            raise Invalid(name, "is not an array")
        try:
            json_text.check_storable(text, room)
        except json_text.Unstorable as problem:
            raise Invalid(name, str(problem)) from None
    elif rule.kind == INTEGER:
        # The length is checked first: Python refuses to convert texts of thousands of digits.
        digits = text.lstrip("-").lstrip("0")
        if not _INTEGER.fullmatch(text) or len(digits) > 19 or not -(1 << 63) <= int(digits or 0) * (-1 if text[0] == "-" else 1) < 1 << 63:
            raise Invalid(name, "is not an integer of 64 bits")
    elif rule.kind == DECIMAL:
        shape = json_text.number(text)
        if shape is None or not shape.fits_numeric:
            raise Invalid(name, "is not a decimal")
    elif rule.kind == NUMBER:
        shape = json_text.number(text)
        if shape is None or not math.isfinite(float(text)) or (float(text) == 0 and not shape.is_zero):
            raise Invalid(name, "is not a finite number that double precision can hold")
    elif rule.kind == FLAG and text not in ("0", "1"):
        raise Invalid(name, "is neither 1 nor 0")


def _utf8(name: str, text: str) -> bytes:
    if not isinstance(text, str):
        raise Invalid(name, f"is a {type(text).__name__}, not a text")
    try:
        value = text.encode("utf-8")
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid(name, "holds a lone surrogate, so it is not UTF-8") from None
    if "\0" in text or "\0" in name:
        raise Invalid(name, "holds a NUL byte, which Postgres can't store")
    return value


def _check_length(name: str, value: bytes, limit: int, when_empty: str) -> None:
    if not value:
        raise Invalid(name, f"is {when_empty}")
    if len(value) > limit:
        raise Invalid(name, f"has {len(value)} bytes, {limit} are allowed")


def _repeated(fields: Iterable[Tuple[str, str]]) -> str:
    seen = set()
    for name, _ in fields:
        if name in seen:
            return name
        seen.add(name)
    return ""
