"""The client's checks and the function library's are two programs with one set of rules: what the client accepts, the function accepts.

The inputs come from a seed, so a failure comes back with the same run. Each is near the edge of a rule: lengths around a limit, numbers of
unusual form, text of every kind.
"""

from __future__ import annotations

import random
import unittest
from typing import Any, Callable, Dict, List, Tuple

from redis import exceptions as redis_errors

from support import ServerCase, lane
from tidemark_client import Invalid, RawJSON, rules
from tidemark_client.entry import make

SEED, ROUNDS = 20261127, 4_000

TEXTS = ["", "a", "\u2603" * 3, "\U0001f600", "\x7f", "\x01\n\r\t", "\0", "\ud800", "\udfff", "\ufeff", "\u2028", "\\", '"', "{", "x" * 70_000]
NUMBERS = [
    "0", "-0", "1", "-1", "007", "1.", ".5", "1.50", "-2.5e-3", "1e400", "1e-400", "0e-400", "5e-324", "1E+3", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "9" * 5_000, "0" * 5_000 + "1", "1e" + "9" * 30, "1e131071",
    "1e131072", "1e-16383", "1e-16384", "0." + "0" * 16_390, "NaN", "Infinity", "+1", " 1", "1 ", "1_000", "0x10", "\u0663", "--1", "-", "1\n",
]
JSONS: List[Any] = [
    None, True, 0, -1.5, 10**30, "", "text", "a\0", "\ud800", [], {}, [[]], {"a": {"b": [1, 2]}}, float("nan"), {1, 2}, RawJSON(""), RawJSON(" 1 "),
    RawJSON("01"), RawJSON("[1"), RawJSON('"\\ud800"'), RawJSON("1e131072"), RawJSON('{"a":1,"a":2}'), RawJSON("null"),
]
TIMES = ["1700000000000", "1700000000", "978307200000", "978307199999", "253402300799999", "253402300800000", "", "x", "-1"]


class Inputs:
    """Makes changes of all types, most of them nearly right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def change(self) -> Tuple[str, Dict[str, Any], Dict[str, Any]]:
        pick = self.random
        type_name = pick.choice([*rules.CATALOG, "my.type", "", "t" * 128, "t" * 129, "\u2603"])
        shape = rules.change_type(type_name)
        values: Dict[str, Any] = {}
        for rule in shape.fields:
            if pick.random() < (0.95 if rule.required or rule.name in ("role", "content", "label") else 0.3):
                values[rule.name] = self.value(rule)
        if shape.json_prefix and pick.random() < 0.5:
            values[shape.json_prefix + pick.choice(["k", "\u2603", "a.b"])] = pick.choice(JSONS)
        envelope: Dict[str, Any] = {}
        for name, make_value in self.envelope().items():
            if pick.random() < 0.15:
                envelope[name] = make_value()
        if pick.random() < 0.1:
            names = ["colour", "\u2603", "", "role", "rol", "seq", "type", "ts", "n" * 600, "a\0", "\ud800"]
            envelope["extra"] = {pick.choice(names): pick.choice(TEXTS)}
        return type_name, values, envelope

    def envelope(self) -> Dict[str, Callable[[], Any]]:
        pick = self.random
        return {
            "event_id": lambda: self.name(), "ts": lambda: pick.choice(TIMES), "actor": lambda: pick.choice(TEXTS),
            "trace": lambda: pick.choice(TEXTS), "v": lambda: pick.choice(["0", "1", "2147483647", "2147483648", "-1", "", "x"]),
            "ephemeral": lambda: True,
        }

    def value(self, rule: rules.Rule) -> Any:
        pick = self.random
        if pick.random() < 0.1:
            return pick.choice([*TEXTS, *NUMBERS])
        if rule.holds_json:
            return pick.choice([*JSONS, [1], [{}]] if rule.kind == rules.JSON else [[1], [], {}, RawJSON(" [1]"), RawJSON("1")])
        if rule.kind in (rules.INTEGER, rules.DECIMAL, rules.NUMBER):
            return pick.choice([*NUMBERS, "", 1, 0.5, 1e300])
        if rule.kind == rules.FLAG:
            return pick.choice(["0", "1", "", "2", True, False])
        if rule.choices:
            return pick.choice([*rule.choices, *rule.choices, "", "other", ", "])
        return self.name() if rule.limit else pick.choice(TEXTS)

    def name(self) -> str:
        pick = self.random
        return pick.choice(["a", "name", "x" * 511, "x" * 512, "x" * 513, "\u2603" * 170 + "xx", "\u2603" * 171, "", f"id{pick.randrange(50)}"])


class Agreement(ServerCase):
    def test_the_function_accepts_what_the_client_accepts(self) -> None:
        inputs = Inputs(SEED)
        accepted = refused = 0
        self.append(make("session.started", "s", {}, {}))
        for number in range(ROUNDS):
            type_name, values, envelope = inputs.change()
            try:
                entry = make(type_name, "s", values, envelope)
            except Invalid:
                refused += 1
                continue
            accepted += 1
            problem = self.append(entry)
            # That a time is too far ahead, and that an id is used for another change, only Redis can know.
            if problem and "more than a day after" not in problem and problem != "CONFLICT event_id":
                self.fail(f"change {number} of seed {SEED}, {type_name} {str(values)[:300]} {str(envelope)[:300]}: {problem}")
        self.assertGreater(accepted, ROUNDS // 10)
        self.assertGreater(refused, ROUNDS // 10)

    def test_the_client_refuses_only_what_the_function_refuses_too(self) -> None:
        """For texts, names and numbers; JSON only the client checks."""
        inputs = Inputs(SEED + 1)
        self.append(make("session.started", "s", {}, {}))
        compared = 0
        for number in range(ROUNDS):
            type_name, values, envelope = inputs.change()
            texts: Dict[str, Any] = {**values, **{name: "1" if value is True else value for name, value in envelope.items()}}
            texts.update(texts.pop("extra", {}))
            if not all(isinstance(text, str) for text in texts.values()):
                continue
            kinds = rules.change_type(type_name)
            # An ephemeral change is never stored, so the function looks only at its texts.
            if "ephemeral" in texts or any(kinds.rule(name).holds_json for name in texts):
                continue
            try:
                make(type_name, "s", values, envelope)
            except Invalid as error:
                words: List[Any] = ["s", _bytes(type_name), "-"]
                for name, text in texts.items():
                    words += [_bytes(name), _bytes(text)]
                if error.reason != "is given twice":
                    compared += 1
                    self.assertTrue(
                        self.send(words), f"change {number} of seed {SEED + 1}, {type_name} {str(texts)[:300]}: only the client says {error}")
        self.assertGreater(compared, ROUNDS // 20)

    def append(self, entry: Any) -> str:
        return self.send(["s", entry.type, "-", *entry.arguments()])

    def send(self, words: List[Any]) -> str:
        """Returns the function's refusal, or an empty text."""
        keys = lane("s").keys
        try:
            self.redis.execute_command("FCALL", "tidemark_append", len(keys), *keys, *words)
            return ""
        except redis_errors.ResponseError as error:
            return str(error)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


if __name__ == "__main__":
    unittest.main()
