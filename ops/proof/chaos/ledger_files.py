"""The ledgers of all producers and of the canaries, as one."""

import json
import os

from resp import entry_id
from workload import Entry


class WrittenEntry(Entry):
    """A line of a ledger: what was written, and whether Redis is known to have had it."""

    __slots__ = ("outcome", "node")

    def __init__(self, outcome, event_id, session, kind, fields, identifier, node):
        super().__init__(event_id, session, kind, fields)
        self.outcome = outcome
        # The port of the server that acknowledged it or was seen to have it.
        self.node = node
        self.id = entry_id(identifier) if identifier else None

    @property
    def is_known(self):
        return self.outcome != "unknown"


def read_ledgers(folder):
    entries = []
    for name in sorted(os.listdir(folder)):
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            entries += [WrittenEntry(*json.loads(line)) for line in file]
    return entries


class CanaryLedger:
    """Entries that the run itself writes after a fault, one to each lane, in a ledger file of their own."""

    def __init__(self, path):
        self._file = open(path, "a", encoding="utf-8")

    def note(self, outcome, entry, identifier=None, node=None):
        line = [outcome, entry.event_id, entry.session, entry.type, entry.fields, identifier, node]
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
