"""What is drained: the changes, ready to send. The same for the same seed, so every run and every contender gets the same bytes."""

import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "proof"))
from workload import LANES, lane_of  # noqa: E402

CONTEXT_KEYS = 20
ENTRY_BYTES = 330
WORDS = (
    "harbour tide log keel agent waits answers plans measures corrects writes reads \"quoted\" the of and to with because until "
    "Zürich 東京 line\nbreak"
).split(" ")


class Texts:
    """Slices of one long text: generating must not take longer than draining."""

    def __init__(self, rng):
        self._rng = rng
        self._text = " ".join(rng.choice(WORDS) for _ in range(20_000))

    def take(self, characters):
        start = self._rng.randrange(len(self._text) - characters)
        return self._text[start:start + characters]


class Entry:
    __slots__ = ("session", "fields")

    def __init__(self, session, kind, fields):
        self.session = session
        self.fields = ["type", kind, "session", session, *fields]


class Generator:
    def __init__(self, seed, sessions):
        self._rng = random.Random(seed)
        self._texts = Texts(self._rng)
        self._sessions = ["session-%05d-%08x" % (n, self._rng.getrandbits(32)) for n in range(sessions)]
        self._open = []
        self._count = 0

    def messages(self, count):
        for _ in range(count):
            yield self._message(self._rng.choice(self._sessions))

    def mix(self, count):
        """50 % messages, 20 % context over 20 keys a session, 12.5 % calls begun, 12.5 % ended, 5 % other."""
        for _ in range(count):
            session, dice = self._rng.choice(self._sessions), self._rng.random()
            if dice < 0.50:
                yield self._message(session)
            elif dice < 0.70:
                yield self._context(session)
            elif dice < 0.825 or (dice < 0.95 and not self._open):
                yield self._started(session)
            elif dice < 0.95:
                yield self._finished()
            else:
                yield self._other(session)

    def _message(self, session):
        return self._padded(session, "message.appended", ["role", self._rng.choice(["user", "assistant"]), "content"])

    def _context(self, session):
        return self._padded(session, "context.set", ["key", "key-%d" % self._rng.randrange(CONTEXT_KEYS), "value"], as_json=True)

    def _started(self, session):
        self._count += 1
        call = "call-%d" % self._count
        self._open.append((session, call))
        return self._padded(session, "tool.started", ["call_id", call, "tool", "search", "arguments"], as_json=True)

    def _finished(self):
        at = self._rng.randrange(len(self._open))
        self._open[at], self._open[-1] = self._open[-1], self._open[at]
        session, call = self._open.pop()
        return self._padded(session, "tool.finished", ["call_id", call, "status", "ok", "result"], as_json=True)

    def _other(self, session):
        dice = self._rng.random()
        if dice < 0.4:
            return Entry(session, "session.updated", ["title", self._texts.take(40), "meta.step", str(self._rng.randrange(1000))])
        if dice < 0.8:
            return Entry(session, "outcome.recorded", ["label", "good", "score", "%.3f" % self._rng.random()])
        return Entry(session, "context.removed", ["key", "key-%d" % self._rng.randrange(CONTEXT_KEYS)])

    def _padded(self, session, kind, fields, as_json=False):
        """The last field's value fills the entry to its size, give or take what UTF-8 and JSON add."""
        entry = Entry(session, kind, fields)
        text = self._texts.take(max(1, ENTRY_BYTES - sum(map(len, entry.fields)) - (12 if as_json else 0)))
        entry.fields.append(json.dumps({"text": text}, ensure_ascii=False) if as_json else text)
        return entry


class Load:
    """A data set and the commands that write it. Its ids are part of it (the milliseconds before now, a hundred entries each), so that
    every contender stores the same positions and what they stored can be compared."""

    ENTRIES_PER_MILLISECOND = 100

    def __init__(self, name, entries, dead=0, times=1):
        """`dead` of the entries are bad records; all are written `times` times over, each time with ids of their own."""
        self.name = name
        self.entries = list(entries)
        self._times = times
        self.dead = dead * times
        self._start = int(time.time() * 1000) - len(self) // self.ENTRIES_PER_MILLISECOND - 1

    def position(self, index):
        """The id of an entry, as its two numbers."""
        return self._start + index // self.ENTRIES_PER_MILLISECOND, index % self.ENTRIES_PER_MILLISECOND

    def __len__(self):
        return len(self.entries) * self._times

    def messages(self):
        """How many of what is written shall be messages in the end."""
        return self._times * sum(entry.fields[1] == "message.appended" for entry in self.entries) - self.dead

    def entry_bytes(self):
        """The mean over the entries' names and values."""
        return sum(len(part.encode()) for entry in self.entries for part in entry.fields) / len(self.entries)

    def write_lanes(self, connection):
        self._write(connection, lane_of)

    def write_streams(self, connection, streams):
        """Plain streams; a session stays in one, as it would among lanes."""
        index = {lane: n for n, lane in enumerate(LANES)}
        self._write(connection, lambda session: streams[index[lane_of(session)] % len(streams)])

    def write_documents(self, connection, stream):
        """One plain stream of messages with a single field: the row as JSON, as tools want it that map its members to columns."""
        commands = []
        for index, entry in enumerate(self.entries):
            milliseconds, number = self.position(index)
            values = dict(zip(entry.fields[::2], entry.fields[1::2]))
            row = {"session_id": entry.session, "entry_ms": milliseconds, "entry_no": number, "role": values["role"],
                   "content": values["content"]}
            commands.append(["XADD", stream, f"{milliseconds}-{number}", "row", json.dumps(row, ensure_ascii=False)])
        send(connection, commands)

    def _write(self, connection, stream_of):
        for time_over in range(self._times):
            first = time_over * len(self.entries)
            send(connection, [
                ["XADD", stream_of(entry.session), "%d-%d" % self.position(index), *entry.fields]
                for index, entry in enumerate(self.entries, first)])


def send(connection, commands, chunk=1000):
    for start in range(0, len(commands), chunk):
        for answer in connection.pipeline(commands[start:start + chunk]):
            if isinstance(answer, Exception):
                raise answer
