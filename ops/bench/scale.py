#!/usr/bin/env python3
"""How a drain grows: with workers, lanes, writers and Redis nodes; what changes take up; and which of the three is the limit.

Standard library only. Starts its own Redis and Postgres; only the shape travels to another machine. Exit 1 when something is not
complete and clean. See README.md beside this file and ops/sizing.md.
"""

import argparse
import time

from backlog import PREFIX, Backlog
from drain import verify
from figures import common_arguments, parsed, print_facts, print_markdown, report
from fleet import Fleet
from footprint import Footprint
from ground import Ground, Result, say
from load import Load
from redis_nodes import Nodes, cluster, one_server

WORKERS = (1, 2, 3)
LANES = (1, 2, 4, 16, 64, 1_000)
WRITERS = (1, 2, 4, 8)
MASTERS = (1, 3)
PARTS = ("workers", "lanes", "writers", "nodes")
# The lanes of every row that is not about lanes.
USUAL_LANES = 16


class Scale:
    """The servers and the backlogs, which outlive a run."""

    def __init__(self, ground: Ground, load: Load, options: argparse.Namespace) -> None:
        self._ground = ground
        self._load = load
        self._options = options
        self._backlogs: dict[tuple[int, int], tuple[Nodes, Backlog]] = {}
        self._clusters: dict[int, Nodes] = {}

    def _backlog(self, lanes: int, masters: int) -> tuple[Nodes, Backlog]:
        """Written once. No masters: the one server that is no Cluster."""
        if (lanes, masters) not in self._backlogs:
            if masters and masters not in self._clusters:
                self._clusters[masters] = self._ground.ends(cluster(f"{self._ground.folder}/cluster-{masters}", masters))
            nodes = self._clusters[masters] if masters else one_server(self._ground.redis)
            self._backlogs[lanes, masters] = nodes, Backlog(self._load, lanes, nodes)
        return self._backlogs[lanes, masters]

    def row(
        self, workers: int = 1, lanes: int = USUAL_LANES, writers: int | None = None, masters: int = 0, with_lag: bool = False
    ) -> Result:
        """One line of a table: the drain, and then, where it is asked for, a trickle into the same installation."""
        say(f"    {workers} worker(s), {lanes} lane(s), {writers or 'the default'} writers, "
            + (f"a Cluster of {masters}" if masters else "one Redis"))
        return self._ground.undisturbed(self._measure, workers, lanes, writers, masters, with_lag)

    def _measure(self, workers: int, lanes: int, writers: int | None, masters: int, with_lag: bool) -> Result:
        nodes, backlog = self._backlog(lanes, masters)
        nodes.forget(PREFIX)
        self._ground.psql.query("drop schema if exists tidemark cascade")
        settings = self._options.settings | {"state.partitions": str(lanes)} | ({"postgres.writers": str(writers)} if writers else {})
        fleet = Fleet(self._ground, nodes, workers, settings)
        try:
            fleet.start(lanes)
            backlog.stage()
            result = self._drain(fleet, nodes, backlog) | {"per_node": backlog.per_node()}
            if with_lag:
                result["lag"] = self._trickle(fleet, backlog)
            fleet.stop()
        finally:
            fleet.close()
        return result

    def _drain(self, fleet: Fleet, nodes: Nodes, backlog: Backlog) -> Result:
        """From the moment that the backlog appears to workers that wait for it until the last commit, looked at every 20 ms."""
        self._ground.settle()
        footprint, before, start = Footprint(self._ground, nodes), fleet.meter(), time.monotonic()
        backlog.appear()
        fleet.wait_read(len(self._load), max(120, len(self._load) / 500))
        seconds = time.monotonic() - start
        spent = fleet.spent(before, seconds)
        left = footprint.left(backlog)
        verify(self._ground, self._load)
        return {"seconds": seconds, "rate": len(self._load) / seconds, "peak_bytes": fleet.peak(), "footprint": left} | spent | (
            fleet.connections())

    def _trickle(self, fleet: Fleet, backlog: Backlog) -> Result:
        """So many changes a second, one at a time, written on time whatever becomes of them."""
        rate, entries = self._options.rate, self._load.entries
        count = int(rate * self._options.seconds)
        self._ground.settle()
        first, before, start = int(time.time() * 1000), fleet.meter(), time.monotonic()
        for index in range(count):
            time.sleep(max(0.0, start + index / rate - time.monotonic()))
            # Messages: a call's end that came a second time would be a dead letter.
            backlog.add(self._messages[index % len(self._messages)])
        seconds = time.monotonic() - start
        spent = fleet.spent(before, seconds)
        fleet.wait_read(len(entries) + count, 120)
        p50, p99 = self._ground.psql.query(
            "select percentile_cont(0.5) within group (order by lag), percentile_cont(0.99) within group (order by lag) from ("
            "select extract(epoch from committed_at) * 1000 - entry_ms as lag from tidemark.change_log "
            f"where entry_ms >= {first}) as lags")[0]
        cores = {who: spent[f"{who}_seconds"] / seconds for who in ("cpu", "postgres_cpu", "redis_cpu")}
        return {"p50_ms": float(p50), "p99_ms": float(p99), "others_share": spent["others_share"]} | cores

    @property
    def _messages(self) -> list:
        return [entry for entry in self._load.entries[:20_000] if entry.fields[1] == "message.appended"]

    def measure(self) -> Result:
        """One run of what was asked for."""
        result: Result = {}
        parts = [self._options.only] if self._options.only else PARTS
        if "workers" in parts:
            result["workers"] = {str(count): self.row(workers=count, with_lag=True) for count in WORKERS}
        if "lanes" in parts:
            result["lanes"] = {str(count): self.row(lanes=count) for count in LANES}
        if "writers" in parts:
            result["writers"] = {str(count): self.row(writers=count) for count in WRITERS}
        if "nodes" in parts:
            result["nodes"] = {str(count): self.row(masters=count, with_lag=True) for count in (0, *MASTERS)}
        return result


def drain_table(title: str, names: dict[str, str], rows: dict[str, Result], changes: int) -> None:
    """Rates beside the first row's, and what each of the three spent on 100,000 changes."""
    table = [(title, "changes/s", "to the first", "workers' CPU s per 100,000", "Postgres'", "Redis'", "of all cores", "others",
              "peak MiB a worker", "its connections to Redis, Postgres")]
    first = next(iter(rows.values()))["rate"]
    for key, one in rows.items():
        per = 100_000 / changes
        table.append((
            names[key], f"{one['rate']:,.0f}", f"{one['rate'] / first:.2f}", f"{one['cpu_seconds'] * per:.2f}",
            f"{one['postgres_cpu_seconds'] * per:.2f}", f"{one['redis_cpu_seconds'] * per:.2f}", f"{one['cores_share']:.0%}",
            f"{one['others_share']:.0%}", f"{one['peak_bytes'] / 2**20:.0f}", f"{one['to_redis']:.0f}, {one['to_postgres']:.0f}"))
    print_markdown(table)


def lag_table(title: str, names: dict[str, str], rows: dict[str, Result]) -> None:
    """The trickles."""
    table = [(title, "lag p50 ms", "p99", "p50 to the first", "workers' % of a core", "Postgres'", "Redis'", "others")]
    first = next(iter(rows.values()))["lag"]["p50_ms"]
    for key, one in rows.items():
        lag = one["lag"]
        table.append((
            names[key], f"{lag['p50_ms']:.1f}", f"{lag['p99_ms']:.1f}", f"{lag['p50_ms'] / first:.2f}",
            *(f"{lag[who] * 100:.0f}" for who in ("cpu", "postgres_cpu", "redis_cpu")), f"{lag['others_share']:.0%}"))
    print_markdown(table)


def footprint_tables(one: Result) -> None:
    """What a change takes up, of one row."""
    print_markdown([("one change of the mix", "bytes"), *(
        (name, f"{one['footprint'][key]:,.0f}") for name, key in (
            ("names and values, as the agent wrote them", "entry"), ("Redis' memory", "redis_memory"),
            ("sent by Redis", "redis_sent"), ("received by Postgres", "postgres_received"), ("WAL", "wal")))])
    print()
    tables = one["footprint"]["tables"]
    rows = [(name, f"{table['rows']:.2f}", *(f"{table[part]:,.0f}" for part in ("table", "indexes")),
             f"{table['table'] + table['indexes']:,.0f}") for name, table in tables.items()]
    sums = [sum(table[part] for table in tables.values()) for part in ("rows", "table", "indexes")]
    print_markdown([("table", "rows a change", "bytes in the table", "in its indexes", "together"), *rows,
                    ("all", f"{sums[0]:.2f}", f"{sums[1]:,.0f}", f"{sums[2]:,.0f}", f"{sums[1] + sums[2]:,.0f}")])


def show(facts: Result, figures: Result, _: list[Result]) -> None:
    """The tables, between the marks that they have in ops/sizing.md."""
    changes, rate = facts["changes"], facts["rate"]
    for part, rows in figures.items():
        print(f"<!-- measured: {part} -->")
        names = {key: NAMES[part](key, one) for key, one in rows.items()}
        title = "Redis" if part == "nodes" else part
        drain_table(f"{title}, drain", names, rows, changes)
        if all("lag" in one for one in rows.values()):
            print()
            lag_table(f"{title}, {rate:,} changes/s", names, rows)
        print(f"<!-- end: {part} -->\n")
    # One installation with the defaults is a row of every part.
    usual = {"workers": "1", "nodes": "0", "lanes": str(USUAL_LANES), "writers": "2"}
    print("<!-- measured: bytes -->")
    footprint_tables(next(figures[part][key] for part, key in usual.items() if part in figures))
    print("<!-- end: bytes -->\n")
    print_facts(facts)


def _counted(count: str, what: str) -> str:
    return f"{int(count):,} {what}{'s' if count != '1' else ''}"


def _nodes(masters: str, one: Result) -> str:
    if masters == "0":
        return "one server"
    return f"Cluster, {_counted(masters, 'master')} ({one['per_node']} lanes)"


NAMES = {
    "workers": lambda key, _: _counted(key, "worker"),
    "lanes": lambda key, _: _counted(key, "lane"),
    "writers": lambda key, _: f"`postgres.writers` {key}",
    "nodes": _nodes,
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common_arguments(parser)
    parser.set_defaults(changes=150_000)
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--rate", type=int, default=500, help="changes a second of a trickle (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of a trickle (default %(default)s)")
    options = parsed(parser)
    scale: list[Scale] = []

    def measure(ground: Ground, _: Load, mix: Load) -> Result:
        if not scale:
            scale.append(Scale(ground, mix, options))
        return scale[0].measure()

    report(options, measure, show, {"rate": options.rate})


if __name__ == "__main__":
    main()
