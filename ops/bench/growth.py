#!/usr/bin/env python3
"""What tables that grow cost: disk and WAL of each further slice of changes, with one checkpoint of Postgres before each.

The first change of a page after a checkpoint writes the whole page to the WAL. On fresh tables few pages are there to be changed, so that
a benchmark's WAL is smaller than that of an installation that has been running for a while: here one sees it rise.

Standard library only. Starts its own Redis and Postgres. See ops/sizing.md.
"""

import argparse
import time

from drain import verify
from figures import common_arguments, parsed, print_facts, print_markdown, report
from fleet import Fleet
from ground import Ground, Result, say
from load import Generator, Load, lane_of, send
from redis_nodes import one_server


def sizes(ground: Ground) -> tuple[int, int]:
    """Bytes written to the WAL so far, and those of all tables and indexes."""
    wal, tables = ground.psql.query(
        "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, (select sum(pg_total_relation_size(oid)) from pg_class "
        "where relnamespace = 'tidemark'::regnamespace and relkind = 'r')")[0]
    return int(wal), int(tables)


def measure(ground: Ground, options: argparse.Namespace) -> Result:
    """One installation, from its first slice to its last."""
    nodes = one_server(ground.redis)
    ground.redis.connection.call("FLUSHALL")
    ground.psql.query("drop schema if exists tidemark cascade")
    generator = Generator(options.seed, options.sessions)
    everything, result = [], {}
    fleet = Fleet(ground, nodes, 1, options.settings)
    try:
        fleet.start(16)
        for number in range(options.slices):
            say(f"  slice {number + 1} of {options.slices}")
            entries = list(generator.mix(options.changes))
            everything += entries
            ground.psql.query("checkpoint")
            before = sizes(ground)
            send(ground.redis.connection, [["XADD", lane_of(entry.session), "*", *entry.fields] for entry in entries])
            fleet.wait_read(len(everything), 120)
            # Until the cursors' last transactions are counted, too.
            time.sleep(0.5)
            wal, disk = ((now - then) / len(entries) for now, then in zip(sizes(ground), before))
            result[str(len(everything))] = {"wal": wal, "disk": disk}
        verify(ground, Load("mix", everything))
        fleet.stop()
    finally:
        fleet.close()
    return result


def show(facts: Result, figures: Result, _: list[Result]) -> None:
    """The table, between the marks that it has in ops/sizing.md."""
    before = 0
    rows = [("changes so far", "disk, bytes a change", "WAL, bytes a change")]
    for changes, one in figures.items():
        rows.append((f"{before:,} to {int(changes):,}", f"{one['disk']:,.0f}", f"{one['wal']:,.0f}"))
        before = int(changes)
    mean = {key: sum(one[key] for one in figures.values()) / len(figures) for key in ("disk", "wal")}
    rows.append(("all", f"{mean['disk']:,.0f}", f"{mean['wal']:,.0f}"))
    print("<!-- measured: growth -->")
    print_markdown(rows)
    print("<!-- end: growth -->\n")
    print_facts(facts)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common_arguments(parser)
    parser.set_defaults(changes=100_000)
    parser.add_argument("--slices", type=int, default=6, help="of so many changes each (default %(default)s)")
    options = parsed(parser)
    report(options, lambda ground, *_: measure(ground, options), show, {"slices": options.slices})


if __name__ == "__main__":
    main()
