"""What happened when: on the terminal, in a file beside the logs, and in the report."""

import time
from datetime import datetime, timezone

from proof import say


class Events:
    def __init__(self, folder):
        self._file = open(f"{folder}/events.log", "a", encoding="utf-8")
        self._begun = time.monotonic()
        self.lines = []

    def begin(self, number, kind):
        self.note(f"#{number} {kind}")

    def note(self, text):
        now = datetime.now(timezone.utc)
        line = f"{now:%H:%M:%S}.{now.microsecond // 1000:03} {time.monotonic() - self._begun:7.1f} s  {text}"
        self.lines.append(line)
        self._file.write(line + "\n")
        self._file.flush()
        say(line)
