#!/usr/bin/env python3
"""Tidemark beside what one would use instead: a worker in Python, a bare C loop, DataYoga; on the same servers, with the same data.

Starts its own Redis and Postgres, and installs the peers in virtual environments under the user's cache folder; a peer that can't be
had is named in one line. Exit 1 when somebody stored something else than Tidemark did. See README.md beside this file.
"""

import argparse
import functools
from dataclasses import dataclass
from typing import Callable

from contents import PLAIN, TIDEMARK, contents
from datayoga_peer import datayoga_programs, measure_datayoga
from drain import drain
from environments import Unavailable
from figures import common_arguments, parsed, print_facts, print_rows, report
from ground import HERE, Ground, Result, say
from load import Load
from python_peer import PythonPeer, python_programs
from yardsticks import c_loop

# Entries in a transaction, the best of what --sweep tries; of DataYoga, where all do the same, its default.
BATCH = {"executemany": 10_000, "copy": 5_000, "datayoga": 1_000}
SWEEP = (500, 1_000, 2_000, 5_000, 10_000, 20_000)

Contents = dict[str, str]
Measure = Callable[[Ground, Load, Contents], Result]


@dataclass(frozen=True)
class Peer:
    """A contender that is held against what Tidemark or, in one table, the C loop stored."""

    name: str
    measure: Measure
    one_table: bool = False


def python_peers(batches: list[tuple[str, int, int]]) -> list[Peer]:
    """For each way of writing, batch and number of processes."""
    programs = python_programs()
    return [
        Peer(f"Python, {write}, {processes} process{'es' * (processes > 1)}, batches of {batch:,}",
             PythonPeer(programs, write, batch, processes).measure)
        for write, batch, processes in batches]


def datayoga_peers(batches: list[int]) -> list[Peer]:
    """For each batch."""
    programs = datayoga_programs()
    return [
        Peer(f"DataYoga, one table, batches of {batch:,}", functools.partial(measure_datayoga, programs, batch), one_table=True)
        for batch in batches]


def chosen(sweep: bool) -> tuple[list[Peer], dict[str, str]]:
    """The peers that can be installed, and why the others can't."""
    if sweep:
        python = [(write, batch, 1) for write in ("executemany", "copy") for batch in SWEEP]
        datayoga = list(SWEEP)
    else:
        python = [(write, BATCH[write], processes) for write in ("executemany", "copy") for processes in (1, 2)]
        datayoga = [BATCH["datayoga"]]
    peers: list[Peer] = []
    missing: dict[str, str] = {}
    for name, make, batches in (("Python", python_peers, python), ("DataYoga", datayoga_peers, datayoga)):
        say(f"installing what {name} needs")
        try:
            peers += make(batches)
        except Unavailable as problem:
            missing[name] = str(problem)
    return peers, missing


class Contest:
    """Everybody on the same ground. `missing` collects who does not run here."""

    def __init__(self, peers: list[Peer], missing: dict[str, str], settings: dict[str, str]) -> None:
        self._peers = peers
        self._missing = missing
        self._settings = settings

    def run(self, ground: Ground, messages: Load, mix: Load) -> Result:
        """One run of everybody, by data set and name."""
        return {load.name: self._measure(ground, load) for load in (messages, mix)}

    def _measure(self, ground: Ground, load: Load) -> Result:
        say(f"  {load.name}: Tidemark")
        result = {"Tidemark": ground.undisturbed(drain, ground, load, self._settings)}
        expected = {False: contents(ground, TIDEMARK)}
        if load.name == "messages":
            for lanes in (1, 2):
                say(f"  {load.name}: C loop, {lanes}")
                name = f"C loop, one table, {lanes} process{'es' * (lanes > 1)}"
                result[name] = ground.undisturbed(c_loop, ground, load, lanes)
                expected[True] = expected.get(True) or contents(ground, PLAIN)
        for peer in [peer for peer in self._peers if peer.one_table in expected]:
            say(f"  {load.name}: {peer.name}")
            try:
                result[peer.name] = ground.undisturbed(peer.measure, ground, load, expected[peer.one_table])
            except Unavailable as problem:
                self._missing[peer.name] = str(problem)
                self._peers.remove(peer)
        return {name: one | {"tidemark_to_it": result["Tidemark"]["rate"] / one["rate"]} for name, one in result.items()}


def packages() -> list[str]:
    """The peers' pinned versions."""
    pins = []
    for folder in ("python_worker", "datayoga"):
        with open(f"{HERE}/{folder}/requirements.txt", encoding="utf-8") as file:
            pins += [f"{folder}: {line.strip()}" for line in file if "==" in line]
    return pins


def show(facts: Result, figures: Result, runs: list[Result]) -> None:
    """The table: medians, and the least and the greatest ratio of the runs."""
    rows = [("", "changes/s", "Tidemark to it", "of the runs", "CPU us/change", "Postgres us", "peak MiB", "others")]
    for load, contenders in figures.items():
        for name, one in contenders.items():
            ratios = [run[load][name]["tidemark_to_it"] for run in runs]
            rows.append((
                f"{load}: {name}", f"{one['rate']:,.0f}", f"{one['tidemark_to_it']:.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}",
                f"{one['cpu_us_per_change']:.1f}", f"{one['postgres_cpu_seconds'] * 1e6 / facts['changes']:.1f}",
                f"{one['peak_bytes'] / 2**20:.0f}", f"{one['others_share']:.0%}"))
    print_rows(rows)
    print()
    for name, why in facts["unavailable"].items():
        print(f"{name}: unavailable here: {why}")
    print_facts(facts)


def main() -> None:
    """Parses, installs, measures, prints."""
    parser = argparse.ArgumentParser(description="Tidemark beside a Python worker, a C loop and DataYoga.")
    common_arguments(parser)
    parser.add_argument("--sweep", action="store_true", help="measure the peers with several batch sizes instead of the best one")
    options = parsed(parser)
    peers, missing = chosen(options.sweep)
    report(options, Contest(peers, missing, options.settings).run, show, {"unavailable": missing, "packages": packages()})


if __name__ == "__main__":
    main()
