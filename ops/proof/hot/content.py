"""Random changes of every type, at random."""

import json

STATUSES = ["waiting", "thinking", "done"]


class Content:
    """Makes what one agent writes."""

    def __init__(self, rng, number):
        self._rng, self._number = rng, number

    def about(self):
        return ["agent", f"agent-{self._number}", "user", self._rng.choice(["ada", "grace"]), "title", self._text(), "meta.n", self._json()]

    def change(self, serial):
        rng = self._rng
        kind = rng.choices(
            ["message", "message with id", "remove", "remove last", "clear", "set", "unset", "start", "finish", "update", "end", "begin",
             "outcome", "snapshot", "own"], [22, 10, 3, 2, 0.4, 22, 5, 12, 12, 4, 1, 1, 2, 1, 2])[0]
        if kind == "message":
            return "message.appended", ["role", "user", "content", self._text(), "tokens", str(rng.randrange(1000)), "meta", self._json()]
        if kind == "message with id":
            return "message.appended", ["role", "assistant", "content", self._text(), "message_id", f"m{rng.randrange(8)}", "of", self._text()]
        if kind == "remove":
            return "message.removed", ["message_id", f"m{rng.randrange(8)}"]
        if kind == "remove last":
            return "message.removed", ["last", "1"]
        if kind == "clear":
            return "messages.cleared", []
        if kind == "set":
            return "context.set", ["key", f"k{rng.randrange(6)}", "value", self._json(), "kind", rng.choice(["goal", "fact", "result", "note"])]
        if kind == "unset":
            return "context.removed", ["key", f"k{rng.randrange(6)}"]
        if kind == "start":
            return "tool.started", [
                "call_id", f"c{rng.randrange(6)}", "tool", "search", "arguments", self._json(), "idempotency_key", f"i{serial}"]
        if kind == "finish":
            return "tool.finished", ["call_id", f"c{rng.randrange(6)}", "status", rng.choice(["ok", "error", "cancelled"]), "result", self._json()]
        if kind == "update":
            return "session.updated", ["title", self._text(), "status", rng.choice(STATUSES), f"meta.m{rng.randrange(3)}", self._json()]
        if kind == "end":
            return "session.ended", []
        if kind == "begin":
            return "session.started", self.about()
        if kind == "outcome":
            return "outcome.recorded", ["label", "good", "score", "0.5"]
        if kind == "snapshot":
            return "snapshot.requested", ["reason", "now"]
        return "agent.thought", ["thought", self._text()]

    def _text(self):
        return self._rng.choice(["", "plain ", "two\nlines ", 'a "quote" \\ ', "snow \u2603 \U0001f600 "]) + str(self._rng.randrange(10_000))

    def _json(self):
        rng = self._rng
        return rng.choice([
            str(rng.randrange(1_000)), "1.50", "null", "[]", "{}", json.dumps(self._text()), '{"b": [1, {"c": null}], "a": "\\u00e9"}',
            json.dumps({self._text(): rng.random()})])
