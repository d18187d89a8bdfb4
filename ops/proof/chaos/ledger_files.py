"""The ledgers of all producers and of the run itself, as one."""

import json
import os

from resp import entry_id
from workload import Entry

# What has to become of an entry that Redis keeps until it is read. `EITHER` is a row or a dead letter, and not both; of a `REPETITION` nothing
# is left, for another entry of its session has the same event id.
APPLIED, REFUSED, EITHER, REPETITION = "applied", "refused", "either", "repetition"


class WrittenEntry(Entry):
    """A line of a ledger: what was written, and whether Redis is known to have had it."""

    __slots__ = ("outcome", "node", "fate")

    def __init__(self, outcome, event_id, session, kind, fields, identifier, node, lane=None, fate=APPLIED):
        super().__init__(event_id, session, kind, fields, lane)
        self.outcome = outcome
        # The port of the server that acknowledged it or was seen to have it.
        self.node = node
        self.id = entry_id(identifier) if identifier else None
        self.fate = fate

    @property
    def is_known(self):
        return self.outcome != "unknown"


def read_ledgers(folder):
    entries = []
    for name in sorted(os.listdir(folder)):
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            entries += [WrittenEntry(*json.loads(line)) for line in file]
    return entries
