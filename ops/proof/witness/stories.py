"""What a session writes: each message names the one before it, a counter counts itself, and repetitions are told from what they repeat.

A deed is (fields, expectation). The expectation is what ops/promises.md and the README say becomes of it where nothing is lost: `good`,
`ephemeral`, the reason of a dead letter, or `either` where the worker's settings decide.
"""

import json

KINDS = ("goal", "fact", "result", "note")
TEXTS = ("", "plain", "naïve café", "日本語", "a\tb\nc\\d\"e", "👩‍🚀", "'; drop table x; --", "\\N", "{1,2}", "\u007f\u0001")
NUMBERS = ("0", "-0", "1.50", "1e3", "12345678901234567890123", "-7", "0.1", "true", "null")


class Story:
    """One session. `lanes` are the lanes that it is written to, the first one is its own."""

    def __init__(self, session, lanes, random, features=()):
        self.session, self.lanes, self.features = session, lanes, features
        self._random = random
        self._step, self._counter, self._previous = 0, 0, 0
        self._calls = []
        self._events = 0
        # (fields, lane) of deeds with an event_id, for repetitions of every age.
        self.told = []

    @property
    def is_shared(self):
        return len(self.lanes) > 1

    def next_event(self):
        self._events += 1
        return f"{self.session}-event-{self._events}"

    def next_deed(self, serial):
        """(lane, fields, expectation)"""
        chosen = self._random.choices(list(DEEDS), weights=[weight for weight, _ in DEEDS.values()])[0]
        fields, expectation = DEEDS[chosen][1](self, serial)
        lane = self._random.choice(self.lanes)
        envelope = [("type", fields[0]), ("session", self.session)]
        if expectation == "good" and self._random.random() < 0.5:
            envelope.append(("event_id", self.next_event()))
        if self._random.random() < 0.1:
            envelope.append(("actor", self._random.choice(TEXTS[1:4])))
        rest = fields[1]
        self._random.shuffle(rest)
        return lane, envelope + rest, expectation

    def remember(self, fields, lane, expectation):
        """For repetitions; with the trace, for the same content means the same trace."""
        if expectation == "good" and any(name == "event_id" for name, _ in fields):
            self.told.append((fields, lane))
            del self.told[:-60]

    def repetition(self):
        """An earlier event again, perhaps with another content, perhaps through another lane. None before there is any."""
        if not self.told:
            return None
        fields, lane = self._random.choice(self.told)
        fields = list(fields)
        if self._random.random() < 0.3:
            fields = [field for field in fields if field[0] != "trace"] + [("repeated_otherwise", str(self._random.randrange(1000)))]
        if self.is_shared and self._random.random() < 0.5:
            lane = self._random.choice(self.lanes)
        self._random.shuffle(fields)
        return lane, fields, "good"

    def json(self):
        random = self._random
        return random.choice([
            lambda: random.choice(NUMBERS),
            lambda: json.dumps(random.choice(TEXTS)),
            lambda: f'{{"a": [{random.choice(NUMBERS)}, {{"b": {json.dumps(random.choice(TEXTS))}}}], "n": {random.randrange(10**9)}}}',
            lambda: " [ ] ",
        ])()

    def message(self, serial):
        random = self._random
        self._step += 1
        fields = [("role", random.choice(("user", "assistant", "tool"))),
                  ("content", f"step {self._step} is {serial} after {self._previous} {random.choice(TEXTS)}")]
        self._previous = serial
        optional = [("message_id", f"m{random.randrange(12)}"), ("parent_id", f"m{random.randrange(12)}"), ("call_id", "c1"),
                    ("model", "model-1"), ("tokens", str(random.randrange(100000))), ("usage", self.json()), ("meta", self.json()),
                    ("parts", f"[{self.json()}]"), ("unheard_of", random.choice(TEXTS)), ("v", "2")]
        fields += [field for field in optional if random.random() < 0.2]
        return ("message.appended", fields), "good"

    def long_message(self, serial):
        (name, fields), expectation = self.message(serial)
        letter = self._random.choice("x\"\\é")
        fields = [(n, v) for n, v in fields if n != "content"] + [("content", letter * self._random.choice((20_000, 200_000, 900_000)))]
        return (name, fields), expectation

    def wide_message(self, serial):
        (name, fields), expectation = self.message(serial)
        return (name, fields + [(f"further_{i}", str(i)) for i in range(self._random.choice((100, 3000, 9000)))]), expectation

    def counter(self, serial):
        self._counter += 1
        return ("context.set", [("key", "counter"), ("value", str(self._counter)), ("kind", "fact")]), "good"

    def value(self, serial):
        fields = [("key", f"key {self._random.randrange(6)}"), ("value", self.json())]
        if self._random.random() < 0.7:
            fields.append(("kind", self._random.choice(KINDS)))
        return ("context.set", fields), "good"

    def value_removed(self, serial):
        return ("context.removed", [("key", f"key {self._random.randrange(7)}")]), "good"

    def call_started(self, serial):
        call = f"c{self._random.randrange(8)}"
        self._calls.append(call)
        fields = [("call_id", call), ("tool", "search"), ("arguments", self.json()), ("idempotency_key", f"i{serial}")]
        return ("tool.started", fields[:self._random.randrange(2, 5)]), "good"

    def call_finished(self, serial):
        # Now and then one that nothing started, or long after its start.
        late = self._calls.pop(self._random.randrange(len(self._calls))) if self._calls else "never started"
        status = self._random.choice(("ok", "error", "cancelled"))
        fields = [("call_id", late), ("status", status)]
        optional = [("result", self.json()), ("error", "it failed"), ("cost", "0.0150"), ("usage", '{"in": 3}')]
        return ("tool.finished", fields + [field for field in optional if self._random.random() < 0.5]), "good"

    def outcome(self, serial):
        fields = [("label", "right"), ("score", self._random.choice(("0.5", "-1", "1e-3")))]
        fields = fields[self._random.randrange(2):] + [("scorer", "judge"), ("meta", self.json())][:self._random.randrange(3)]
        return ("outcome.recorded", fields), "good"

    def started(self, serial):
        optional = [("agent", "a"), ("user", "u"), ("tenant", "t"), ("title", f"title {serial}"), ("parent", "p"), ("meta.one", self.json())]
        return ("session.started", [field for field in optional if self._random.random() < 0.6]), "good"

    def updated(self, serial):
        optional = [("title", f"title {serial}"), ("status", self._random.choice(("waiting", "active"))), ("meta.two", self.json()),
                    ("meta.one", "null")]
        return ("session.updated", [field for field in optional if self._random.random() < 0.6]), "good"

    def ended(self, serial):
        return ("session.ended", [("status", self._random.choice(("completed", "failed", "cancelled")))]), "good"

    def message_removed(self, serial):
        if self.is_shared:
            # Between lanes no order is promised, so what hides what can't be computed there.
            return self.message(serial)
        field = ("last", "1") if self._random.random() < 0.5 else ("message_id", f"m{self._random.randrange(13)}")
        return ("message.removed", [field]), "good"

    def cleared(self, serial):
        return self.message(serial) if self.is_shared else (("messages.cleared", []), "good")

    def other(self, serial):
        return (f"witness.{self._random.choice(('note', 'plan', 'ünïcode'))}", [("body", self._random.choice(TEXTS)), ("n", str(serial))]), "good"

    def snapshot(self, serial):
        return ("snapshot.requested", [("reason", f"because of {serial}")]), "good"

    def ephemeral(self, serial):
        return ("witness.typing", [("ephemeral", "1"), ("n", str(serial))]), "ephemeral"

    def bad(self, serial):
        fields, reason = self._random.choice(BAD)
        if reason in ("constraint", "rejected_by_postgres") and "schema" not in self.features:
            fields, reason = BAD[0]
        if reason == "unstorable_text" and "text" in self.features:
            reason = "either"
        # A late value at its own position: one that nobody will ever replay must not be missed, so it goes to a key of its own.
        return (fields[0], list(fields[1])), reason


BAD = [
    (("message.appended", [("content", "without a role")]), "missing_field"),
    (("context.set", [("key", "k")]), "missing_field"),
    (("context.set", [("key", "k"), ("value", "1"), ("kind", "unheard-of")]), "invalid_field"),
    (("session.ended", [("status", "unheard-of")]), "invalid_field"),
    (("context.set", [("key", "k" * 513), ("value", "1")]), "too_long"),
    (("context.set", [("key", "k"), ("key", "k"), ("value", "1")]), "repeated_field"),
    (("message.appended", [("role", "user"), ("content", b"broken \xff\xfe text")]), "bad_utf8"),
    (("message.appended", [("role", "replayed"), ("content", "a \0 in it")]), "unstorable_text"),
    (("context.set", [("key", "k"), ("value", "{\"open\": ")]), "bad_json"),
    (("message.appended", [("role", "user"), ("content", "x"), ("tokens", "many")]), "bad_number"),
    (("outcome.recorded", [("score", "high")]), "bad_number"),
    (("message.appended", [("role", "user"), ("content", "x")] + [(f"f{i}", "1") for i in range(10_010)]), "entry_too_large"),
    (("outcome.recorded", [("label", "x"), ("scorer", "against a constraint")]), "constraint"),
    (("outcome.recorded", [("label", "x"), ("scorer", "against a trigger")]), "rejected_by_postgres"),
]

# How often, and what.
DEEDS = {
    "message": (30, Story.message), "long message": (0.3, Story.long_message), "wide message": (0.3, Story.wide_message),
    "counter": (10, Story.counter), "value": (10, Story.value), "value removed": (4, Story.value_removed),
    "call started": (7, Story.call_started), "call finished": (6, Story.call_finished), "outcome": (3, Story.outcome),
    "started": (2, Story.started), "updated": (3, Story.updated), "ended": (1, Story.ended),
    "message removed": (4, Story.message_removed), "cleared": (0.5, Story.cleared), "other": (4, Story.other),
    "snapshot": (1, Story.snapshot), "ephemeral": (2, Story.ephemeral), "bad": (3, Story.bad),
}
