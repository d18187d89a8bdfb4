"""The checks that come before anything is sent."""

from __future__ import annotations

import math
import unittest
from datetime import datetime, timezone
from decimal import Decimal
from random import Random
from typing import Any, Dict, List, Tuple

from tidemark_client import Invalid, RawJSON, json_text
from tidemark_client.entry import make

DEEP: Any = []
for _ in range(1_000):
    DEEP = [DEEP]


def entry(type_name: str = "my.type", session: str = "s", envelope: Any = None, **values: Any) -> Dict[str, bytes]:
    return dict(make(type_name, session, values, envelope or {}).fields)


class Rules(unittest.TestCase):
    def refuses(self, field: str, reason: str, type_name: str, envelope: Any = None, **values: Any) -> None:
        with self.assertRaises(Invalid) as raised:
            make(type_name, "s", values, envelope or {})
        self.assertEqual(raised.exception.field, field)
        self.assertIn(reason, raised.exception.reason)

    def json_problem(self, value: Any) -> str:
        try:
            entry("context.set", key="k", value=value)
        except Invalid as error:
            self.assertEqual(error.field, "value")
            return error.reason
        return ""

    def test_required_fields_are_required_and_not_empty(self) -> None:
        self.refuses("role", "is missing", "message.appended", content="x")
        self.refuses("role", "is empty", "message.appended", role="", content="x")
        self.refuses("content", "is missing", "message.appended", role="user")
        self.assertEqual(entry("message.appended", role="user", content="")["content"], b"")
        self.assertNotIn("role", entry("message.appended", parts=[]))
        self.refuses("key", "is empty", "context.set", key="", value=1)
        self.refuses("value", "is missing", "context.set", key="k")
        self.refuses("call_id", "is missing", "tool.started", tool="t")
        self.refuses("status", "is missing", "tool.finished", call_id="c")
        self.refuses("label", "and so is score", "outcome.recorded", scorer="me")
        self.refuses("message_id", "and so is last", "message.removed")
        self.refuses("message_id", "and so is last", "message.removed", last=False)
        self.refuses("message_id", "is empty", "message.removed", message_id="")

    def test_lengths_count_bytes(self) -> None:
        self.refuses("key", "has 513 bytes, 512 are allowed", "context.removed", key="\u2603" * 171)
        self.assertEqual(len(entry("context.removed", key="\u2603" * 170 + "ab")["key"]), 512)
        self.refuses("type", "has 129 bytes, 128 are allowed", "t" * 129)
        self.refuses("type", "is empty", "")
        self.refuses("event_id", "has 513 bytes", "my.type", {"event_id": "e" * 513})
        self.refuses("event_id", "is empty", "my.type", {"event_id": ""})

    def test_text_is_utf8_without_nul(self) -> None:
        self.refuses("content", "NUL", "message.appended", role="user", content="a\0b")
        self.refuses("content", "surrogate", "message.appended", role="user", content="\ud83d")
        self.refuses("a\0", "NUL", "my.type", {"extra": {"a\0": "x"}})
        self.refuses("content", "is a bytes", "message.appended", role="user", content=b"bytes")
        self.refuses("title", "is a list", "session.started", title=["list"])

    def test_json_is_what_json_and_jsonb_both_hold(self) -> None:
        good: List[Any] = [None, 1, 1.5, 10**400, "\u2603 \U0001f600", [], {"a": {}}, RawJSON(' {"a": 1e5} '), RawJSON('"\\ud83d\\ude00"')]
        for value in good:
            self.assertEqual("" if value is None else self.json_problem(value), "")
        bad: List[Tuple[Any, str]] = [
            (math.nan, "not a value that JSON can hold"), (math.inf, "not a value"), ({1, 2}, "not a value"), (object(), "not a value"),
            ("a\0b", "\\u0000"), ({"a\0": 1}, "\\u0000"), ("\ud83d", "surrogate"), (DEEP, "nested"), (RawJSON("[" * 1001 + "]" * 1001), "nested"),
            (RawJSON("01"), "not JSON"), (RawJSON("NaN"), "not JSON"), (RawJSON('"\t"'), "not JSON"), (RawJSON("{'a': 1}"), "not JSON"),
            (RawJSON(""), "not JSON"), (RawJSON('"\\ud83d"'), "surrogate"), (RawJSON('"\\ude00"'), "surrogate"),
            (RawJSON('"\\ud83dx\\ude00"'), "surrogate"), (RawJSON('"\\ud83d\\u0041"'), "surrogate"), (RawJSON('"\\u0000"'), "\\u0000"),
            (RawJSON("1e131072"), "numeric can't hold"), (RawJSON("1e-16384"), "numeric can't hold"), (RawJSON("0e1073741823"), "numeric"),
            (RawJSON("1e" + "9" * 5000), "numeric can't hold"), ([1e308] * 1000, "digits are written out"), (RawJSON(b"1"), "text"),  # type: ignore[arg-type]
        ]
        for value, reason in bad:
            with self.subTest(reason):
                self.assertIn(reason, self.json_problem(value))
        self.assertEqual(self.json_problem(RawJSON('"\\\\u0000 \\\\ud800"')), "")
        self.assertEqual(self.json_problem(RawJSON("1e131071")), "")
        self.assertEqual(self.json_problem(RawJSON("9" * 131_072)), "")
        self.assertIn("numeric", self.json_problem(RawJSON("9" * 131_073)))
        self.assertEqual(self.json_problem(RawJSON("[" * 1000 + "]" * 1000)) or "", "" if not _is_shallow() else "is nested too deep")
        self.refuses("parts", "is not an array", "message.appended", parts={"a": 1})
        self.refuses("meta.k", "surrogate", "session.started", **{"meta.k": "\ud800"})

    def test_the_quick_bound_of_printed_numbers_is_never_below_the_exact_length(self) -> None:
        random = Random(20261127)

        def digits(most: int) -> str:
            return "".join(random.choice("0123456789") for _ in range(random.randint(1, most)))

        for _ in range(5_000):
            numbers = [
                random.choice(["", "-"]) + random.choice(["0", f"1{digits(5)}"]) + random.choice(["", f".{digits(6)}"])
                + random.choice(["", f"e{digits(3)}", f"E-{digits(4)}", f"e+{digits(2)}"])
                for _ in range(random.randint(1, 4))
            ]
            shapes = [json_text.number(number) for number in numbers]
            exact = sum(shape.printed_length for shape in shapes if shape)
            bound = json_text._longest_print(f"[{','.join(numbers)}]")
            if bound is None:
                continue
            self.assertGreaterEqual(bound, exact, numbers)
            self.assertTrue(all(shape and shape.fits_numeric for shape in shapes), numbers)

    def test_numbers_are_those_that_postgres_can_hold(self) -> None:
        for tokens in (0, -1, (1 << 63) - 1, -(1 << 63), "007"):
            entry("message.appended", role="user", content="", tokens=tokens)
        refused: List[Any] = [1 << 63, -(1 << 63) - 1, "1.5", "1e3", "+1", "\u0663", "9" * 5000, 10**5000, True, 1.5]
        for tokens in refused:
            self.refuses("tokens", "", "message.appended", role="user", content="", tokens=tokens)
        for cost in (1, 0.25, Decimal("0.10"), Decimal("1E+3"), "12.50", 1e-300):
            entry("tool.finished", call_id="c", status="ok", cost=cost)
        for cost in ("1,5", ".5", "1.", math.nan, Decimal("NaN"), Decimal("Infinity"), "1e131072"):
            self.refuses("cost", "is not a decimal", "tool.finished", call_id="c", status="ok", cost=cost)
        for score in (0, -0.5, 1e308, "5e-324", 5e-324, "0e-400"):
            entry("outcome.recorded", score=score)
        for score in (math.inf, "1e309", "1e-400", "x"):
            self.refuses("score", "double precision", "outcome.recorded", score=score)

    def test_choices_flags_and_the_envelope(self) -> None:
        self.refuses("kind", "is none of goal, fact, result, note", "context.set", key="k", value=1, kind="idea")
        self.refuses("status", "is none of", "session.ended", status="done")
        entry("session.updated", status="anything")
        self.refuses("v", "out of range", "my.type", {"v": 1 << 31})
        self.refuses("ts", "before 2001", "my.type", {"ts": 1_700_000_000})
        self.refuses("ts", "year 9999", "my.type", {"ts": 10**15})
        self.refuses("ts", "time zone", "my.type", {"ts": datetime(2026, 1, 1)})
        self.assertEqual(entry(envelope={"ts": datetime(2026, 1, 1, tzinfo=timezone.utc)})["ts"], b"1767225600000")
        self.assertNotIn("ephemeral", entry(envelope={"ephemeral": False}))
        for expect in (-1, True, "1"):
            self.refuses("expect", "is not the number", "my.type", {"expect": expect})
        with self.assertRaises(TypeError):
            entry(envelope={"evnt_id": "e"})

    def test_fields_are_given_once_and_not_those_of_the_function(self) -> None:
        for name in ("type", "session", "seq", "epoch"):
            self.refuses(name, "is not a field that a producer gives", "my.type", {"extra": {name: "1"}})
        self.refuses("role", "is given twice", "message.appended", {"extra": {"role": "x"}}, role="user", content="")
        self.refuses("actor", "is given twice", "my.type", {"extra": {"actor": "x"}, "actor": "y"})

    def test_every_change_has_an_event_id_of_its_own(self) -> None:
        ids = [make("my.type", "s", {}, {}).event_id for _ in range(100)]
        self.assertEqual(len(set(ids)), 100)
        for id in ids:
            self.assertRegex(id, r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def _is_shallow() -> bool:
    """Whether this Python parses JSON less deep than Tidemark allows: it depends on its version."""
    import json

    try:
        json.loads("[" * 1000 + "]" * 1000)
    except RecursionError:
        return True
    return False


if __name__ == "__main__":
    unittest.main()
