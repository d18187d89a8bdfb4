"""What happened when: on the terminal, in a file beside the logs, and in the report."""

import time
from datetime import datetime, timezone

from servers import say


class Events:
    def __init__(self, folder):
        self._file = open(f"{folder}/events.log", "a", encoding="utf-8")
        self._begun = time.monotonic()
        self.lines, self._begins = [], []

    def begin(self, number, kind):
        self._begins.append((kind, time.time()))
        self.note(f"#{number} {kind}")

    def spans(self):
        """(kind, its beginning, the beginning of what came next), in seconds since 1970."""
        ends = [began for _, began in self._begins[1:]] + [time.time()]
        return [(kind, began, ended) for (kind, began), ended in zip(self._begins, ends)]

    def note(self, text):
        now = datetime.now(timezone.utc)
        line = f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {time.monotonic() - self._begun:7.1f} s  {text}"
        self.lines.append(line)
        self._file.write(line + "\n")
        self._file.flush()
        say(line)
