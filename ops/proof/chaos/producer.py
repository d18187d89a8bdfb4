"""A producer: a process of its own that writes plain XADD and keeps a ledger in a file. Ends with its standard input.

A line of the ledger is one attempt whose outcome is settled: [outcome, event id, session, type, fields, entry id, port of the server].
Outcomes: `acknowledged`; `found`: the answer was lost, and the entry stood in the stream; `unknown`: the answer was lost, and the entry
does not stand in the stream. It may have been there and be gone again, so it is never written a second time.

Where several servers hold the lanes, what one of them owes holds up only its own: its entries wait, the others' are written.
"""

import argparse
import json
import os
import random
import select
import sys
import time
from collections import defaultdict

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from resp import RespError  # noqa: E402
from routing import open_router  # noqa: E402
from workload import Generator  # noqa: E402

# A pipeline of more would make too much doubtful at once.
BATCH = 100
# For an answer. A patient producer stays with a server that others take for dead, and finds it again as it was.
SECONDS, PATIENT_SECONDS = 2, 10
# What may wait for servers that are away, before nothing more is made up.
WAITING = 2000
# How far behind the attempt a lookup begins: the clocks of Redis and of this process are the same.
SLACK_MILLISECONDS = 2000
# After the end, for lanes of which nobody can tell.
LAST_LOOKUPS_SECONDS = 10


class Producer:
    def __init__(self, options):
        self._options = options
        self._generator = Generator(random.Random(options.seed), options.sessions)
        self._ledger = open(options.ledger, "a", encoding="utf-8")
        self._router = open_router(options.url, PATIENT_SECONDS if options.patient else SECONDS, "chaos-producer", options.patient)
        # lane -> [(entry, milliseconds of the attempt)] whose answers were lost.
        self._doubtful = defaultdict(list)
        self.refused = 0

    @property
    def connections(self):
        """How many it made."""
        return self._router.connected

    def run(self):
        start, written, pending = time.monotonic(), 0, []
        while not self._is_over(0):
            self._look_up()
            due = int((time.monotonic() - start) * self._options.rate) - written
            pending += [self._generator.next() for _ in range(min(BATCH, WAITING - len(pending), due - len(pending)))]
            if not pending:
                if self._is_over(0.01):
                    break
                continue
            before = len(pending)
            pending = self._write(pending)
            written += before - len(pending)
            if pending and self._is_over(0.05):
                break
        deadline = time.monotonic() + LAST_LOOKUPS_SECONDS
        while self._doubtful and time.monotonic() < deadline:
            self._look_up()
            time.sleep(0.05)
        for entries in self._doubtful.values():
            for entry, _ in entries:
                self._settle("unknown", entry)
        self._ledger.close()

    def _is_over(self, seconds):
        """Whether the standard input has ended, waiting so long for it."""
        return bool(select.select([sys.stdin], [], [], seconds)[0])

    def _write(self, entries):
        """Returns those that were refused or have no server now, to be written later."""
        by_lane, by_server, left = defaultdict(list), defaultdict(list), []
        for entry in entries:
            by_lane[entry.lane].append(entry)
        for lane, of_lane in by_lane.items():
            try:
                # What is in doubt is settled first: the lookup is to find it by a short look.
                server = None if lane in self._doubtful else self._router.target(lane)
            except (OSError, RespError):
                server = None
            if server is None:
                left += of_lane
            else:
                by_server[server] += of_lane
        for (port, asks), group in by_server.items():
            left += group[BATCH:] + self._send(port, asks, group[:BATCH])
        self._ledger.flush()
        return left

    def _send(self, port, asks, entries):
        """To one server; returns those that it refused."""
        refused, unanswered = [], list(entries)
        each = 2 if asks else 1
        commands = [command for entry in entries for command in ([("ASKING",)] if asks else []) + [entry.command()]]

        def answered(index, answer):
            if index % each != each - 1:
                return
            entry = entries[index // each]
            unanswered.remove(entry)
            if isinstance(answer, RespError):
                # An error answer says that nothing was written: out of memory, still loading, another node's.
                self._router.told(entry.lane, answer)
                self.refused += 1
                refused.append(entry)
            else:
                self._settle("acknowledged", entry, answer, port)

        try:
            connection = self._router.connection(port)
        except (OSError, RespError) as error:
            self._router.lost(port, error)
            return entries
        attempted = time.time_ns() // 1_000_000
        try:
            connection.stream(commands, answered)
        except OSError as error:
            self._router.lost(port, error)
            for entry in unanswered:
                self._doubtful[entry.lane].append((entry, attempted))
        return refused

    def _settle(self, outcome, entry, identifier=None, port=None):
        text = identifier.decode() if identifier else None
        line = [outcome, entry.event_id, entry.session, entry.type, entry.fields, text, port]
        self._ledger.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _look_up(self):
        """Settles entries without an answer of those lanes of which Redis can tell."""
        for lane, entries in list(self._doubtful.items()):
            try:
                stream = self._router.call(lane, "XRANGE", lane, min(attempted for _, attempted in entries) - SLACK_MILLISECONDS, "+")
            except (OSError, RespError):
                continue
            known = {}
            for identifier, flat in stream:
                names = dict(zip(flat[::2], flat[1::2]))
                known[names.get(b"event_id", b"").decode()] = identifier
            for entry, _ in self._doubtful.pop(lane):
                identifier = known.get(entry.event_id)
                self._settle("found" if identifier else "unknown", entry, identifier, identifier and self._router.answered_by)


def main():
    parser = argparse.ArgumentParser(description="One producer of a chaos run.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--patient", action="store_true")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--ledger", required=True)
    producer = Producer(parser.parse_args())
    producer.run()
    print(json.dumps({"refused": producer.refused, "connections": producer.connections}))


if __name__ == "__main__":
    main()
