"""The changes that the proof writes, and the ledger of what was written."""

import binascii
import json
import threading
import time
import uuid

from resp import Connection, RespError, entry_id

PARTITIONS = 16


def lane_of(session):
    return "tidemark:{%d}:changes" % (binascii.crc_hqx(session.encode(), 0) % PARTITIONS)


LANES = ["tidemark:{%d}:changes" % n for n in range(PARTITIONS)]

WORDS = (
    "harbour tide log keel Zürich 東京 naïve 🙂 \"quoted\" back\\slash tab\tstop line\nbreak 100% {brace} 'single' null "
    "agent waits answers plans measures corrects writes reads the a of and to with because until"
).split(" ")


# Streams beside the built-in lanes: a session is written to both of the first two, and the ids of the third are microseconds.
ASTRAY_LANES = ["proof:astray:one", "proof:astray:other"]
MICROSECONDS_LANE = "proof:microseconds"
EDGE_LANES = [*ASTRAY_LANES, MICROSECONDS_LANE]


class Entry:
    """One line of the ledger."""

    __slots__ = ("event_id", "session", "lane", "type", "fields", "id")

    def __init__(self, event_id, session, kind, fields, lane=None):
        """`lane` is given where the entry goes to another stream than its session's own lane."""
        self.event_id = event_id
        self.session = session
        self.lane = lane or lane_of(session)
        self.type = kind
        self.fields = fields
        self.id = None  # (milliseconds, number), once Redis has told it

    def command(self, identifier="*"):
        arguments = ["XADD", self.lane, identifier, "type", self.type, "session", self.session, "event_id", self.event_id]
        for name, value in self.fields.items():
            arguments += [name, value]
        return arguments


class MicrosecondEntry(Entry):
    """Its id is the moment at which it is sent, in microseconds."""

    __slots__ = ()
    _last = 0

    def command(self, identifier="*"):
        MicrosecondEntry._last = max(time.time_ns() // 1000, MicrosecondEntry._last + 1)
        return super().command(f"{MicrosecondEntry._last}-0")


class Generator:
    """The mix: 50 % messages, 20 % context over 20 keys, 12.5 % calls begun, 12.5 % ended, 5 % other.

    With `has_edges` one entry in forty is one at the edges of what there can be."""

    def __init__(self, rng, sessions, has_edges=False):
        self._rng = rng
        self._has_edges = has_edges
        self._following = []
        self._sessions = ["proof-%04d-%08x" % (n, rng.getrandbits(32)) for n in range(sessions)]
        self._open = {session: [] for session in self._sessions}
        self._count = 0

    def next(self):
        rng = self._rng
        if self._following:
            return self._following.pop()
        self._count += 1
        session = rng.choice(self._sessions)
        if self._has_edges and rng.random() < 1 / 40:
            return self._edge(session)
        dice = rng.random()
        if dice < 0.50:
            kind, fields = "message.appended", self._message()
        elif dice < 0.70:
            value = {"n": self._count, "text": self._text(6), "flags": [True, None, 1.5]}
            kind = "context.set"
            fields = {"key": "key-%d" % rng.randrange(20), "value": json.dumps(value, ensure_ascii=rng.random() < 0.5)}
        elif dice < 0.825:
            call = "call-%d" % self._count
            self._open[session].append(call)
            kind = "tool.started"
            fields = {"call_id": call, "tool": rng.choice(["search", "read", "write"]), "arguments": json.dumps({"q": self._text(4)})}
        elif dice < 0.95:
            kind, fields = "tool.finished", self._finish(session)
        else:
            kind, fields = self._other()
        return Entry(self._event_id(), session, kind, fields)

    def _event_id(self):
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _edge(self, session):
        rng = self._rng
        dice = rng.random()
        if dice < 0.4:
            # One after the other into two quiet streams: they get the same id.
            session, number = "astray-%d" % rng.randrange(20), self._count
            for lane in ASTRAY_LANES:
                kind, fields = ("message.appended", self._message()) if number % 2 else (
                    "context.set", {"key": "key-%d" % (number % 5), "value": json.dumps(lane)})
                self._following.append(Entry(self._event_id(), session, kind, {**fields, **self._own_id(fields, lane)}, lane))
            return self._following.pop()
        if dice < 0.6:
            return MicrosecondEntry(self._event_id(), "microseconds", "message.appended", self._message(), MICROSECONDS_LANE)
        if dice < 0.65:
            further = {"field-%d" % number: "1" for number in range(rng.choice([300, 3000, 9900]))}
            return Entry(self._event_id(), session, "message.appended", {**self._message(), **further})
        return Entry(self._event_id(), session, "messages.cleared", {})

    def _own_id(self, fields, lane):
        return {"message_id": "%s of %s" % (fields["message_id"], lane)} if "message_id" in fields else {}

    def _text(self, words):
        return " ".join(self._rng.choice(WORDS) for _ in range(words))

    def _message(self):
        fields = {"role": self._rng.choice(["user", "assistant"]), "content": "%d %s" % (self._count, self._text(30))}
        fields["message_id"] = "message-%d" % self._count
        if self._rng.random() < 0.5:
            fields["tokens"] = str(self._rng.randrange(4000))
        return fields

    def _finish(self, session):
        calls = self._open[session]
        # Without an open call, one that was never announced: it creates a finished one.
        call = calls.pop(self._rng.randrange(len(calls))) if calls else "call-%d" % self._count
        status = self._rng.choice(["ok", "ok", "ok", "error", "cancelled"])
        fields = {"call_id": call, "status": status}
        if status == "error":
            fields["error"] = self._text(5)
        else:
            fields["result"] = json.dumps({"n": self._count})
        return fields

    def _other(self):
        dice = self._rng.random()
        if dice < 0.3:
            return "session.updated", {"title": self._text(4), "meta.step": str(self._count)}
        if dice < 0.4:
            # Begun once more, with a title or without: what is not given stays.
            return "session.started", {"agent": "agent-%d" % self._count, **({"title": self._text(4)} if self._rng.random() < 0.5 else {})}
        if dice < 0.5:
            return "session.ended", {"status": self._rng.choice(["completed", "failed", "cancelled"])}
        if dice < 0.8:
            return "outcome.recorded", {"label": self._rng.choice(["good", "bad"]), "score": "%.3f" % self._rng.random()}
        return "context.removed", {"key": "key-%d" % self._rng.randrange(20)}


class Producer(threading.Thread):
    """Writes `changes` entries spread evenly over `seconds`, and keeps the ledger in memory."""

    def __init__(self, port, rng, changes, sessions, seconds, has_edges=False):
        super().__init__(name="producer", daemon=True)
        self._port = port
        self._generator = Generator(rng, sessions, has_edges)
        self._changes = changes
        self._seconds = seconds
        self._connection = None
        self._halt = threading.Event()
        self.client_id = None
        self.ledger = []
        self.resent = 0
        self.failure = None

    def stop(self):
        self._halt.set()

    def run(self):
        try:
            self._connect()
            start = time.monotonic()
            while len(self.ledger) < self._changes and not self._halt.is_set():
                elapsed = time.monotonic() - start
                due = min(self._changes, int(self._changes * elapsed / self._seconds) + 1) - len(self.ledger)
                if due <= 0:
                    self._halt.wait(0.01)
                    continue
                batch = [self._generator.next() for _ in range(min(due, 500))]
                self._write(batch)
                self.ledger.extend(batch)
        except Exception as error:  # the main thread reports it
            self.failure = error

    def _connect(self):
        self._connection = Connection(self._port)
        self._connection.call("CLIENT", "SETNAME", "proof-producer")
        self.client_id = self._connection.call("CLIENT", "ID")

    def _write(self, batch):
        pending, unsure = list(batch), False
        while pending:
            try:
                if unsure:
                    # An entry without an answer may be in all the same: never written twice, its event_id tells.
                    pending = self._look_up(pending)
                    self.resent += len(pending)
                    unsure = False
                self._send(pending)
                return
            except OSError:
                self._reconnect()
                pending, unsure = [entry for entry in pending if entry.id is None], True

    def _send(self, entries):
        def answered(index, answer):
            if isinstance(answer, RespError):
                raise answer
            entries[index].id = entry_id(answer)

        self._connection.stream([entry.command() for entry in entries], answered)

    def _reconnect(self):
        for _ in range(100):
            try:
                return self._connect()
            except OSError:
                time.sleep(0.1)
        raise ConnectionError("Redis is gone for good")

    def _look_up(self, entries):
        for lane in {entry.lane for entry in entries}:
            tail = self._connection.call("XREVRANGE", lane, "+", "-", "COUNT", 2000)
            known = {}
            for identifier, fields in tail:
                names = dict(zip(fields[::2], fields[1::2]))
                known[names[b"event_id"].decode()] = entry_id(identifier)
            for entry in entries:
                if entry.lane == lane:
                    entry.id = known.get(entry.event_id)
        return [entry for entry in entries if entry.id is None]
