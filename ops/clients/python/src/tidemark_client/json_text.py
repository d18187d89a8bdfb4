"""JSON as Postgres' jsonb takes it. What passes here the worker accepts; a worker makes a dead letter of anything else."""

from __future__ import annotations

import json
import re
from typing import Any, Optional

# The limits are those of the worker (JSONCheck.swift, NumberRoom.swift), and they come from Postgres' numeric and from its JSON parser.
MAX_DEPTH = 1_000
MAX_INTEGER_DIGITS = 131_072
MAX_FRACTION_DIGITS = 16_383
_MAX_EXPONENT = 1_073_741_823
_ROOM_GROWTH = 16
_ROOM_SLACK = MAX_INTEGER_DIGITS + 1 + MAX_FRACTION_DIGITS
_ROOM_MOST = 64 << 20

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[\[\]{}]', re.DOTALL)
_EXPONENT = re.compile(r"[0-9][eE]([+-]?[0-9]+)")
# A number whose digits and exponent are all below this fits numeric on either side of the point.
_SHORT = 8_000
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)


class RawJSON:
    """JSON text that is stored as it is, for those who have a text already, or need a number with all its digits."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"RawJSON({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RawJSON) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


class Unstorable(Exception):
    """The text of this error says why a value can't be stored as jsonb."""


class Number:
    """The shape of a JSON number: how many digits Postgres needs to write it out."""

    def __init__(self, match: "re.Match[str]") -> None:
        integer, fraction, exponent_text = match.group(1), match.group(2) or "", match.group(3)
        # An exponent of more digits than this is beyond every limit; Python refuses to convert texts of thousands of digits.
        digits = (exponent_text or "0").lstrip("+-").lstrip("0")[:11]
        exponent = int(digits or 0) * (-1 if (exponent_text or "").startswith("-") else 1)
        self.exponent = exponent
        self.is_zero = not (integer + fraction).strip("0")
        if integer != "0":
            leading = len(integer) - 1
        else:
            leading = -1 - (len(fraction) - len(fraction.lstrip("0")))
        self.magnitude = 0 if self.is_zero else leading + exponent
        self.fraction_digits = max(0, len(fraction) - exponent)

    @property
    def fits_numeric(self) -> bool:
        return (
            self.magnitude < MAX_INTEGER_DIGITS
            and self.fraction_digits <= MAX_FRACTION_DIGITS
            and abs(self.exponent) < _MAX_EXPONENT
        )

    @property
    def printed_length(self) -> int:
        return max(1, self.magnitude + 1) + (1 + self.fraction_digits if self.fraction_digits else 0)


def number(text: str) -> Optional[Number]:
    """Returns the shape of a number, or None where the text as a whole is no JSON number."""
    match = _NUMBER.fullmatch(text)
    return Number(match) if match else None


class NumberRoom:
    """Limits the bytes that all numbers of one entry take when Postgres prints them: `1e131071` is short and prints 131,072 digits."""

    def __init__(self, entry_bytes: int) -> None:
        self._limit = min(entry_bytes * _ROOM_GROWTH + _ROOM_SLACK, max(_ROOM_MOST, entry_bytes))
        self._taken = 0

    def has(self, printed: int) -> bool:
        return self._taken + printed <= self._limit

    def take(self, printed: int) -> None:
        self._taken += printed
        if self._taken > self._limit:
            raise Unstorable(f"has numbers that take more than {self._limit} bytes when their digits are written out")


def encode(value: Any) -> str:
    """Returns the JSON text of a value, in which all characters stand as they are."""
    if isinstance(value, RawJSON):
        _require_json(value.text)
        return value.text
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise Unstorable("is nested too deep") from None
    except (TypeError, ValueError) as error:
        raise Unstorable(f"is not a value that JSON can hold: {error}") from None


def check_storable(text: str, room: NumberRoom) -> None:
    """Checks that jsonb can hold a text that is known to be JSON."""
    _check_escapes(text)
    longest_print = _longest_print(text)
    if longest_print is not None and text.count("[") + text.count("{") <= MAX_DEPTH and room.has(longest_print):
        room.take(longest_print)
        return
    depth = 0
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Unstorable(f"is nested more than {MAX_DEPTH} deep")
        elif token in "]}":
            depth -= 1
        elif token[0] != '"':
            shape = number(token)
            if shape is None:
                raise Unstorable("is not JSON")
            if not shape.fits_numeric:
                raise Unstorable("has a number that numeric can't hold")
            room.take(shape.printed_length)


def _longest_print(text: str) -> Optional[int]:
    """Returns a bound of the bytes that the numbers of a text take when their digits are written out, found without looking at each of them.

    Returns None where some number may be beyond numeric. What looks like a number within a string only makes the bound larger.
    """
    # A run of that many digits would hold one of these places.
    if any(text[place] in "0123456789." for place in range(_SHORT, len(text), _SHORT)) and re.search(f"[0-9.]{{{_SHORT}}}", text):
        return None
    exponents = _EXPONENT.findall(text)
    if not exponents:
        return len(text)
    if max(map(len, exponents)) > 5:
        return None
    sizes = [abs(int(exponent)) for exponent in exponents]
    return None if max(sizes) > _SHORT else len(text) + sum(sizes) + len(sizes)


def _require_json(text: Any) -> None:
    if not isinstance(text, str):
        raise Unstorable("is raw JSON, which must be given as text")
    try:
        # Numbers stay text: they are only scanned, and Python converts no text of thousands of digits.
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except RecursionError:
        raise Unstorable("is nested too deep") from None
    except ValueError as error:
        raise Unstorable(f"is not JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _check_escapes(text: str) -> None:
    if "\\u" not in text:
        return
    high_ends_at = -1
    for match in _ESCAPE.finditer(text):
        if high_ends_at >= 0 and match.start() != high_ends_at:
            break
        code = int(match.group(1), 16) if match.group(1) else -1
        if high_ends_at >= 0:
            if not 0xDC00 <= code <= 0xDFFF:
                break
            high_ends_at = -1
        elif code == 0:
            raise Unstorable("has \\u0000, which jsonb can't hold")
        elif 0xD800 <= code <= 0xDBFF:
            high_ends_at = match.end()
        elif 0xDC00 <= code <= 0xDFFF:
            raise Unstorable("has a lone surrogate")
    if high_ends_at >= 0:
        raise Unstorable("has a lone surrogate")
