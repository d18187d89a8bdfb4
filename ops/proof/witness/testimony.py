"""What the witness saw and did, one JSON object a line: the only thing beside Redis and Postgres that its checker believes.

Each entry carries a serial number in its field `trace`. Two entries with the same content are still told apart by it, for Postgres keeps
it and it is no part of what makes a change the same.
"""

import json
import threading
import time

TRACE = "00-{run:016x}{serial:016x}-{serial:016x}-01"


def trace_of(run, serial):
    return TRACE.format(run=run, serial=serial)


def serial_of(trace, run):
    """None for another run's trace, and for what is no trace at all."""
    if not trace or len(trace) != 55 or not trace.startswith(f"00-{run:016x}"):
        return None
    try:
        return int(trace[19:35], 16)
    except ValueError:
        return None


def packed(value):
    """A field's value as JSON can hold it: bytes that are no text survive, long runs of one letter are written short."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    if len(text) > 2000 and text == text[0] * len(text):
        return {"letter": text[0], "times": len(text)}
    return text


def unpacked(value):
    return value["letter"] * value["times"] if isinstance(value, dict) else value


def position(identity):
    """An id's two numbers. Tidemark shows one of 2^63 and more as itself minus 2^64 in cursors and marks."""
    ms, _, no = identity.rpartition("-")
    return int(ms) % (1 << 64), int(no) % (1 << 64)


def is_at_most(one, other):
    return position(one) <= position(other)


def raw(text):
    return text.encode("utf-8", "surrogateescape")


class Testimony:
    """The file, written by several threads."""

    def __init__(self, path):
        self.path = path
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="ascii")
        self._serial = 0

    def next_serial(self):
        with self._lock:
            self._serial += 1
            return self._serial

    def note(self, kind, **about):
        line = json.dumps({"kind": kind, "at": time.time(), **about})
        with self._lock:
            self._file.write(line + "\n")

    def close(self):
        with self._lock:
            self._file.close()


def read(path):
    with open(path, encoding="ascii") as file:
        return [json.loads(line) for line in file]
