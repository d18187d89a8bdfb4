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


class Entry:
    """One line of the ledger."""

    __slots__ = ("event_id", "session", "lane", "type", "fields", "id")

    def __init__(self, event_id, session, kind, fields):
        self.event_id = event_id
        self.session = session
        self.lane = lane_of(session)
        self.type = kind
        self.fields = fields
        self.id = None  # (milliseconds, number), once Redis has told it

    def command(self):
        arguments = ["XADD", self.lane, "*", "type", self.type, "session", self.session, "event_id", self.event_id]
        for name, value in self.fields.items():
            arguments += [name, value]
        return arguments


class Generator:
    """The mix: 50 % messages, 20 % context over 20 keys, 12.5 % calls begun, 12.5 % ended, 5 % other."""

    def __init__(self, rng, sessions):
        self._rng = rng
        self._sessions = ["proof-%04d-%08x" % (n, rng.getrandbits(32)) for n in range(sessions)]
        self._open = {session: [] for session in self._sessions}
        self._count = 0

    def next(self):
        rng = self._rng
        self._count += 1
        session = rng.choice(self._sessions)
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
        return Entry(str(uuid.UUID(int=rng.getrandbits(128), version=4)), session, kind, fields)

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

    def __init__(self, port, rng, changes, sessions, seconds):
        super().__init__(name="producer", daemon=True)
        self._port = port
        self._generator = Generator(rng, sessions)
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
