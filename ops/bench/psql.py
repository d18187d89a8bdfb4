"""One psql for the whole run, so that a poll costs a query and not a connection."""

import os
import subprocess

from servers import program


class Psql:
    """Answers queries, one after the other."""

    END = "-- end of answer --"

    def __init__(self, url: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self._process = subprocess.Popen(
            [program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment, start_new_session=True)
        self.query("set client_min_messages = warning")

    def query(self, sql: str) -> list[list[str]]:
        """The rows as texts. No value may hold a line break or a bar."""
        self._process.stdin.write(f"{sql};\n\\echo '{self.END}'\n")
        self._process.stdin.flush()
        rows = []
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"psql ended at: {sql[:200]}")
            if line.rstrip("\n") == self.END:
                return rows
            rows.append(line.rstrip("\n").split("|"))

    def value(self, sql: str) -> str:
        """The first column of the first row."""
        return self.query(sql)[0][0]

    def close(self) -> None:
        """Ends psql."""
        self._process.stdin.close()
        self._process.wait()
