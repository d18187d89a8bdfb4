#!/usr/bin/env python3
"""What each index costs a row: the rows of a drained mix by binary COPY, in the order in which they were written, into a copy of each
table without indexes, then with one index at a time.

Standard library only. Starts its own Redis and Postgres. See README.md beside this file.
"""

import argparse
import os
import time

from drain import drain
from figures import common_arguments, parsed, print_facts, print_rows, report
from ground import Ground, Result, say
from load import Load

# Of fewer rows a COPY says nothing.
ENOUGH_ROWS = 2_000


def copied(ground: Ground, table: str, file: str, index: str | None) -> float:
    """Seconds of one COPY into an empty table with at most one index."""
    ground.psql.query(
        "drop schema if exists one_index cascade; create schema one_index; "
        f"create table one_index.{table} (like tidemark.{table} including all excluding indexes)")
    if index:
        ground.psql.query(index)
    ground.settle()
    start = time.monotonic()
    ground.psql.query(f"copy one_index.{table} from '{file}' (format binary)")
    return time.monotonic() - start


def measure(ground: Ground, mix: Load, settings: dict[str, str]) -> Result:
    """One run of everything."""
    say("  a drain, for its rows")
    tables = drain(ground, mix, settings)["tables"]
    result: Result = {}
    for table, rows in tables.items():
        if rows < ENOUGH_ROWS:
            continue
        say(f"  {table}")
        file = f"{ground.data}/{table}.copy"
        ground.psql.query(f"copy (select * from tidemark.{table} order by ctid) to '{file}' (format binary)")
        plain = copied(ground, table, file, None)
        indexes = ground.psql.query(
            f"select indexname, indexdef from pg_indexes where schemaname = 'tidemark' and tablename = '{table}' order by 1")
        result[table] = {"rows": rows, "plain_us": plain * 1e6 / rows, "indexes": {
            name: (copied(ground, table, file, definition.replace(f"ON tidemark.{table}", f"ON one_index.{table}")) - plain) * 1e6 / rows
            for name, definition in indexes}}
        os.unlink(file)
    return result


def show(facts: Result, figures: Result, _: list[Result]) -> None:
    """The table."""
    rows = [("table, index", "rows", "us a row")]
    for table, one in figures.items():
        rows.append((f"{table}, no index", f"{one['rows']:,.0f}", f"{one['plain_us']:.2f}"))
        rows += [(f"  {name}", "", f"+{cost:.2f}") for name, cost in one["indexes"].items()]
    print_rows(rows)
    print_facts(facts)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common_arguments(parser)
    options = parsed(parser)
    report(options, lambda ground, _, mix: measure(ground, mix, options.settings), show, {})


if __name__ == "__main__":
    main()
