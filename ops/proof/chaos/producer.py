"""A producer: a process of its own that writes plain XADD and keeps a ledger in a file. Ends with its standard input.

A line of the ledger is one attempt whose outcome is settled: [outcome, event id, session, type, fields, entry id]. Outcomes:
`acknowledged`; `found`: the answer was lost, and the entry stood in the stream; `unknown`: the answer was lost, and the entry does not
stand in the stream. It may have been there and be gone again, so it is never written a second time.
"""

import argparse
import json
import os
import random
import select
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from resp import Connection, RespError  # noqa: E402
from workload import Generator  # noqa: E402

# A pipeline of more would make too much doubtful at once.
BATCH = 100
# How far behind the attempt a lookup begins: the clocks of Redis and of this process are the same.
SLACK_MILLISECONDS = 2000


class Producer:
    def __init__(self, options):
        self._options = options
        self._generator = Generator(random.Random(options.seed), options.sessions)
        self._ledger = open(options.ledger, "a", encoding="utf-8")
        self._connection = None
        self.refused = 0
        self.reconnects = -1

    def run(self):
        start, written, pending = time.monotonic(), 0, []
        while not self._is_over(0):
            due = int((time.monotonic() - start) * self._options.rate) - written
            pending += [self._generator.next() for _ in range(min(BATCH - len(pending), due - len(pending)))]
            if not pending:
                if self._is_over(0.01):
                    break
                continue
            before = len(pending)
            pending = self._write(pending)
            written += before - len(pending)
            if pending and self._is_over(0.05):
                break
        self._ledger.close()

    def _is_over(self, seconds):
        """Whether the standard input has ended, waiting so long for it."""
        return bool(select.select([sys.stdin], [], [], seconds)[0])

    def _write(self, entries):
        """Returns those that were refused, to be written later."""
        if self._connection is None and not self._connect():
            return entries
        refused, open_entries = [], list(entries)
        attempted = time.time_ns() // 1_000_000

        def answered(index, answer):
            entry = entries[index]
            open_entries.remove(entry)
            if isinstance(answer, RespError):
                # An error answer says that nothing was written: out of memory, still loading.
                self.refused += 1
                refused.append(entry)
            else:
                self._settle("acknowledged", entry, answer)

        try:
            self._connection.stream([entry.command() for entry in entries], answered)
        except OSError:
            self._connection = None
            self._look_up(open_entries, attempted)
        self._ledger.flush()
        return refused

    def _settle(self, outcome, entry, identifier=None):
        text = identifier.decode() if identifier else None
        line = [outcome, entry.event_id, entry.session, entry.type, entry.fields, text]
        self._ledger.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _connect(self):
        try:
            self._connection = Connection(self._options.port, timeout=10)
            self._connection.call("CLIENT", "SETNAME", "chaos-producer")
            self.reconnects += 1
            return True
        except (OSError, RespError):
            self._connection = None
            return False

    def _look_up(self, entries, attempted):
        """Settles entries without an answer, as soon as Redis can tell."""
        lanes = {entry.lane for entry in entries}
        while lanes:
            try:
                if self._connection is None and not self._connect():
                    raise ConnectionError
                lane = next(iter(lanes))
                stream = self._connection.call("XRANGE", lane, attempted - SLACK_MILLISECONDS, "+")
            except (OSError, RespError):
                self._connection = None
                if self._is_over(0.05):
                    # The run is over and Redis gone: nobody can tell.
                    stream, lane = [], next(iter(lanes))
                else:
                    continue
            lanes.discard(lane)
            known = {}
            for identifier, flat in stream:
                names = dict(zip(flat[::2], flat[1::2]))
                known[names.get(b"event_id", b"").decode()] = identifier
            for entry in entries:
                if entry.lane == lane:
                    identifier = known.get(entry.event_id)
                    self._settle("found" if identifier else "unknown", entry, identifier)


def main():
    parser = argparse.ArgumentParser(description="One producer of a chaos run.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--ledger", required=True)
    producer = Producer(parser.parse_args())
    producer.run()
    print(json.dumps({"refused": producer.refused, "reconnects": max(0, producer.reconnects)}))


if __name__ == "__main__":
    main()
