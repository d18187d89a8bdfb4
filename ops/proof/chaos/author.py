"""What the run itself writes: an entry to each lane after a fault, and what faults want to have written. It has a ledger of its own."""

import json
import time
import uuid

from chaos.ledger_files import APPLIED
from resp import RespError, entry_id
from workload import Entry

# For a server that is back, but still loads or takes no writes.
REFUSED_SECONDS = 20


class IdTaken(Exception):
    """Redis refused an id that was given to it, for its stream has one that is not smaller."""


class Author:
    def __init__(self, redis, path):
        self._redis = redis
        self._file = open(path, "a", encoding="utf-8")

    def write(self, entry, identifier="*", fate=APPLIED, kept_fields=None, seconds=REFUSED_SECONDS):
        """The id that Redis gave, as two numbers, or None where its answer was lost. Raises IdTaken for an id that can't be given, and
        RuntimeError when Redis refused it for so long.

        `kept_fields` are what Postgres is to have, where that is something else than what is written."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                given = self._redis.call(entry.lane, *entry.command(identifier)).decode()
                self._note("acknowledged", entry, fate, kept_fields, given, self._redis.answered_by)
                return entry_id(given)
            except OSError:
                self._note("unknown", entry, fate, kept_fields)
                return None
            except RespError as error:
                # Nothing was written.
                if "equal or smaller" in str(error):
                    raise IdTaken(str(error)) from None
                if time.monotonic() > deadline:
                    raise RuntimeError(f"nothing can be written to {entry.lane}: {error}") from None
                time.sleep(0.1)

    def write_surely(self, make, *arguments):
        """An entry that `make` makes anew until one is acknowledged; its id."""
        deadline = time.monotonic() + REFUSED_SECONDS
        while (given := self.write(make(), *arguments)) is None:
            if time.monotonic() > deadline:
                raise RuntimeError("nothing that is written is acknowledged")
            time.sleep(0.1)
        return given

    def _note(self, outcome, entry, fate, kept_fields, identifier=None, node=None):
        fields = entry.fields if kept_fields is None else kept_fields
        line = [outcome, entry.event_id, entry.session, entry.type, fields, identifier, node, entry.lane, fate]
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def message(session, text, lane=None, event_id=None, **further):
    fields = {"role": "user", "content": text, "message_id": f"message-{uuid.uuid4()}", **further}
    return Entry(event_id or str(uuid.uuid4()), session, "message.appended", fields, lane)


def context_value(session, key, value, lane=None):
    return Entry(str(uuid.uuid4()), session, "context.set", {"key": key, "value": json.dumps(value)}, lane)
