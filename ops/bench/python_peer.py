"""Runs the worker of python_worker/ on a fresh installation of Tidemark's schema."""

import os
import subprocess
import time
from dataclasses import dataclass

from contents import TIDEMARK, check
from drain import drained, install, verify
from environments import Unavailable, environment, reason
from ground import HERE, Ground, Result
from load import LANES, Load

FOLDER = f"{HERE}/python_worker"


@dataclass(frozen=True)
class PythonPeer:
    """How it writes, how many entries a transaction carries, and over how many processes the lanes are spread."""

    programs: str
    write: str
    batch: int
    processes: int

    def measure(self, ground: Ground, load: Load, expected: dict[str, str]) -> Result:
        """From the start of the process to its end, which comes when the lanes are read to theirs."""
        install(ground, load, {})
        ground.settle()
        before, start = ground.meter(), time.monotonic()
        figures = self._run(ground)
        seconds = time.monotonic() - start
        spent = ground.spent(before, seconds, figures["cpu_seconds"])
        verify(ground, load)
        check(ground, TIDEMARK, expected, f"the Python worker ({self.write})")
        return drained(ground, load, seconds, figures["cpu_seconds"], figures["peak_bytes"]) | spent | {"batch": self.batch}

    def _run(self, ground: Ground) -> dict[str, float]:
        done = subprocess.run(
            [f"{self.programs}/python", f"{FOLDER}/worker.py", ground.redis.url, ground.postgres.url, *LANES,
             "--write", self.write, "--batch", str(self.batch), "--processes", str(self.processes)],
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            env={name: value for name, value in os.environ.items() if not name.startswith("PG")})
        if done.returncode != 0:
            raise Unavailable(reason(done.stderr) or f"it ended with {done.returncode}")
        return {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}


def python_programs() -> str:
    """The interpreter that has the worker's packages."""
    return environment(f"{FOLDER}/requirements.txt")
