"""What everybody is held against: Postgres' own COPY of the same rows, a bare C loop, and one round trip."""

import os
import time

from ground import Ground, Result
from load import Load


def copy_limit(ground: Ground, load: Load, tables: dict[str, int], schema: str) -> Result:
    """The rows that `schema` holds by binary COPY from files of the server, one table after the other; the better of two orders."""
    took, spent = {}, {}
    for order in ("written", "key"):
        _export(ground, tables, schema, order)
        ground.settle()
        before, start = ground.meter(), time.monotonic()
        for table in tables:
            ground.psql.query(f"copy copy_limit.{table} from '{_file(ground, table)}' (format binary)")
        took[order] = time.monotonic() - start
        spent[order] = ground.spent(before, took[order], 0)
        for table, count in tables.items():
            if int(ground.psql.value(f"select count(*) from copy_limit.{table}")) != count:
                raise SystemExit(f"the COPY of {table} is not complete")
            os.unlink(_file(ground, table))
    order = min(took, key=took.get)
    disturbed = max(one["others_share"] for one in spent.values())
    return {
        "seconds": took[order], "rate": len(load) / took[order], "order": order, "seconds_by_order": took, **spent[order],
        "others_share": disturbed}


def _export(ground: Ground, tables: dict[str, int], schema: str, order: str) -> None:
    """The rows in files, and empty copies of their tables with the same indexes."""
    ground.psql.query("drop schema if exists copy_limit cascade; create schema copy_limit")
    for table in tables:
        by = _key(ground, schema, table) if order == "key" else "ctid"
        ground.psql.query(f"copy (select * from {schema}.{table} order by {by}) to '{_file(ground, table)}' (format binary)")
        ground.psql.query(f"create table copy_limit.{table} (like {schema}.{table} including all)")


def _file(ground: Ground, table: str) -> str:
    return f"{ground.data}/{table}.copy"


def _key(ground: Ground, schema: str, table: str) -> str:
    return ground.psql.value(
        "select string_agg(quote_ident(a.attname), ', ' order by k.n) from pg_index i, unnest(i.indkey) with ordinality k (attnum, n), "
        f"pg_attribute a where i.indrelid = '{schema}.{table}'::regclass and i.indisprimary "
        "and a.attrelid = i.indrelid and a.attnum = k.attnum")


def plain_table(ground: Ground) -> None:
    """The one table, empty, of those that fill only one."""
    ground.psql.query(
        "drop schema if exists plain cascade; create schema plain authorization tidemark; "
        "create table plain.messages (session_id text, entry_ms bigint, entry_no bigint, role text, content text, "
        "primary key (session_id, entry_ms, entry_no)); alter table plain.messages owner to tidemark")


def verify_plain(ground: Ground, load: Load, who: str) -> None:
    """As many rows as messages."""
    stored = int(ground.psql.value("select count(*) from plain.messages"))
    if stored != len(load):
        raise SystemExit(f"{who} stored {stored} of {len(load)}")


def c_loop(ground: Ground, load: Load, lanes: int) -> Result:
    """The C loop's own clock, from its start."""
    ground.redis.connection.call("FLUSHALL")
    load.write_streams(ground.redis.connection, ["plain"] if lanes == 1 else [f"plain:{n}" for n in range(lanes)])
    plain_table(ground)
    ground.settle()
    before = ground.meter()
    figures = ground.tool(
        "c_loop", str(ground.redis.port), ground.postgres.url, "plain.messages", "plain", *(("--lanes", str(lanes)) if lanes > 1 else ()))
    spent = ground.spent(before, figures["seconds"], figures["cpu_seconds"])
    verify_plain(ground, load, "the C loop")
    per_row = figures["cpu_seconds"] * 1e6 / len(load)
    return {
        "seconds": figures["seconds"], "rate": figures["rows_per_second"], "cpu_seconds": figures["cpu_seconds"],
        "cpu_us_per_change": per_row, "cpu_us_per_row": per_row, "peak_bytes": figures["peak_bytes"], **spent}


def round_trip(ground: Ground) -> dict[str, float]:
    """One-row INSERTs, each its own transaction."""
    ground.psql.query("drop table if exists round_trip; create table round_trip (n bigint); alter table round_trip owner to tidemark")
    ground.settle()
    return ground.tool("round_trip", ground.postgres.url, "round_trip", "5000")
