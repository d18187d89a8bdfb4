"""The private servers that all contenders share, and the meter that is held against each of them."""

import os
import subprocess
import sys
import time
from typing import Any, Callable

import load  # noqa: F401  puts ops/proof on the path
from machine import CORES, cpu_of_family, machine_cpu
from psql import Psql
from servers import Postgres, Redis, program

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# A share of the cores that makes a measurement worth repeating; this script and its psql take about 0.03.
DISTURBED = 0.08

Result = dict[str, Any]


def say(text: str) -> None:
    """Progress, beside the figures."""
    print(text, file=sys.stderr, flush=True)


class Ground:
    """A Redis, a Postgres, and what it takes to measure on them. `patience` is how many seconds a measurement waits for an idle
    machine; `attempts` how often one that was disturbed is made at most."""

    def __init__(self, folder: str, binary: str | None, patience: float, attempts: int) -> None:
        self.folder = folder
        self.binary = find_binary(binary)
        self._patience = patience
        self._attempts = attempts
        self._opened: list[Any] = []
        self._tools = {name: self._compile(name) for name in ("c_loop", "round_trip")}
        self.redis = self.ends(Redis(f"{folder}/redis"))
        self.postgres = self.ends(Postgres(f"{folder}/postgres"))
        self.psql = self.ends(Psql(self.postgres.url.replace("tidemark@", "postgres@")))
        self.data = self.psql.value("show data_directory")
        with open(f"{self.data}/postmaster.pid", encoding="ascii") as pid:
            self._postmaster = int(pid.readline())

    def ends(self, closable: Any) -> Any:
        """To be closed with the servers, before those that were there first."""
        self._opened.append(closable)
        return closable

    def close(self) -> None:
        """Ends the servers."""
        for closable in reversed(self._opened):
            closable.close()

    def _compile(self, name: str) -> str:
        libraries = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "hiredis", "libpq"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        subprocess.run([program("cc"), "-O2", f"{HERE}/{name}.c", "-o", f"{self.folder}/{name}", *libraries], check=True)
        return f"{self.folder}/{name}"

    def library(self, name: str) -> str:
        """Compiles a shared library, to be loaded into somebody else's program."""
        path = f"{self.folder}/{name}.so"
        subprocess.run([program("cc"), "-O2", "-shared", "-fPIC", f"{HERE}/{name}.c", "-o", path], check=True)
        return path

    def tool(self, name: str, *arguments: str) -> dict[str, float]:
        """Runs a compiled tool; the names and values that it prints."""
        return figures_of([self._tools[name], *arguments])

    def _redis_cpu(self) -> float:
        info = self.redis_info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def redis_info(self, section: str) -> dict[str, str]:
        """What INFO tells."""
        lines = self.redis.connection.call("INFO", section).decode().splitlines()
        return dict(line.strip().split(":", 1) for line in lines if ":" in line)

    def settle(self) -> None:
        """Every measurement begins with nothing left to write, so that none pays for the one before; and, where that can be had within
        the patience, on a machine that does nothing else. How much it did meanwhile is in `others_share`."""
        self.psql.query("checkpoint")
        deadline = time.monotonic() + self._patience
        while True:
            busy = machine_cpu()
            time.sleep(0.5)
            if (machine_cpu() - busy) / 0.5 / CORES < 0.1 or time.monotonic() > deadline:
                return

    def meter(self) -> tuple[float, float, float]:
        """CPU seconds so far: of Postgres, of Redis, and of the whole machine."""
        return cpu_of_family(self._postmaster), self._redis_cpu(), machine_cpu()

    def spent(self, before: tuple[float, float, float], seconds: float, contender: float) -> Result:
        """CPU seconds since `before`, and which share of the cores somebody else took meanwhile (this script is among them)."""
        postgres, redis, machine = (now - then for now, then in zip(self.meter(), before))
        others = max(0.0, machine - postgres - redis - contender) / seconds / CORES
        return {"postgres_cpu_seconds": postgres, "redis_cpu_seconds": redis, "others_share": others}

    def undisturbed(self, measure: Callable[..., Result], *arguments: Any) -> Result:
        """Of several attempts the one that others disturbed least; never chosen by the result."""
        best: Result | None = None
        for _ in range(self._attempts):
            result = measure(*arguments)
            if best is None or result["others_share"] < best["others_share"]:
                best = result
            if best["others_share"] < DISTURBED:
                break
        return best


def figures_of(command: list[str]) -> dict[str, float]:
    """Runs a program that prints names and values."""
    done = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE)
    return {key: float(value) for key, value in (line.split() for line in done.stdout.splitlines())}


def find_binary(given: str | None) -> str:
    """The tidemark executable."""
    path = given or f"{ROOT}/.build/release/tidemark"
    if not os.access(path, os.X_OK):
        raise SystemExit(f"no executable at {path}: run swift build -c release --product tidemark")
    return os.path.abspath(path)
