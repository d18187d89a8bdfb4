#!/usr/bin/env python3
"""A replicator as a good engineer would write it in Python: redis-py and psycopg 3 in a plain loop, a transaction a batch.

It fills the same tables as Tidemark does, with the same contents, from the changes of the data sets: audit trail, state, cursor.
It does without what makes Tidemark Tidemark: no validation, no dead letters, no recognition of duplicates, no leases, no retry.

Ends at the lanes' ends, and prints names and values: cpu_seconds, peak_bytes (of its largest process).
"""

import argparse
import gc
import os
import resource

import psycopg
import redis
from batch import Batch, Lane
from statements import (
    APPENDED, ENSURE_SESSION, FINISH_CALL, MAKE_LANES, MOVE_CURSOR, READ_LANES, REMOVE_CONTEXT, SET_CONTEXT, START_CALL, UPDATE_SESSION,
    copy, insert)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("redis_url")
    parser.add_argument("postgres_url")
    parser.add_argument("lanes", nargs="+")
    parser.add_argument("--write", choices=["executemany", "copy"], required=True, help="how the tables that only grow are filled")
    parser.add_argument("--batch", type=int, required=True, help="entries in a transaction, about")
    parser.add_argument("--processes", type=int, default=1, help="the lanes are spread over them")
    return parser.parse_args()


class Worker:
    """One process: its lanes, one connection to each server."""

    def __init__(self, options: argparse.Namespace, lanes: list[str]) -> None:
        self._copies = options.write == "copy"
        self._count = max(1, options.batch // len(lanes))
        self._redis = redis.Redis.from_url(options.redis_url, decode_responses=True, protocol=2)
        self._postgres = psycopg.connect(options.postgres_url, autocommit=True)
        self._cursor = self._postgres.cursor()
        self._postgres.execute(MAKE_LANES, (lanes,))
        self._lanes = {row[0]: Lane(*row) for row in self._postgres.execute(READ_LANES, (lanes,))}
        self._known: set[str] = set()

    def run(self) -> None:
        """Until a read comes back empty."""
        while batch := self._read():
            with self._postgres.transaction():
                if self._copies:
                    self._copy(batch)
                with self._postgres.pipeline():
                    if not self._copies:
                        for table in APPENDED:
                            self._many(insert(table), getattr(batch, table))
                    self._change_state(batch)
                self._move_cursors(batch)
            self._known.update(batch.first_seen)
            self._publish()

    def _read(self) -> Batch | None:
        replies = self._redis.xread({lane.name: lane.entry_id for lane in self._lanes.values()}, count=self._count)
        if not replies:
            return None
        batch = Batch()
        for name, entries in replies:
            batch.add(self._lanes[name], entries)
        return batch

    def _copy(self, batch: Batch) -> None:
        for table in APPENDED:
            if rows := getattr(batch, table):
                with self._cursor.copy(copy(table)) as target:
                    for row in rows:
                        target.write_row(row)

    def _change_state(self, batch: Batch) -> None:
        """What is updated in place."""
        self._many(ENSURE_SESSION, [(session, *first) for session, first in batch.first_seen.items() if session not in self._known])
        self._many(UPDATE_SESSION, batch.session_updates)
        self._many(SET_CONTEXT, list(batch.context.values()))
        self._many(REMOVE_CONTEXT, list(batch.removed.values()))
        self._many(START_CALL, batch.calls_started)
        self._many(FINISH_CALL, batch.calls_finished)

    def _move_cursors(self, batch: Batch) -> None:
        """Outside the pipeline of the other statements, where the count of rows is this statement's."""
        self._cursor.executemany(MOVE_CURSOR, batch.cursors)
        if self._cursor.rowcount != len(batch.cursors):
            raise RuntimeError("somebody else moved a lane")

    def _many(self, statement: str, rows: list) -> None:
        if rows:
            self._cursor.executemany(statement, rows)

    def _publish(self) -> None:
        """The durable marks, for the agents that wait for them."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for lane in self._lanes.values():
                prefix = lane.name.removesuffix(":changes")
                pipeline.hset(f"{prefix}:lane", "durable", lane.entry_id)
                pipeline.publish(f"{prefix}:durable", lane.entry_id)
            pipeline.execute()


def main() -> None:
    """A process for each share of the lanes; the sum of what they used."""
    options = arguments()
    gc.set_threshold(100_000)  # rows are tuples by the ten thousand, and none is part of a cycle
    children = []
    for index in range(options.processes):
        child = os.fork()
        if child == 0:
            Worker(options, options.lanes[index::options.processes]).run()
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    own, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"cpu_seconds {own.ru_utime + own.ru_stime + theirs.ru_utime + theirs.ru_stime:.6f}")
    print(f"peak_bytes {theirs.ru_maxrss * 1024}")
    raise SystemExit(max(codes))


if __name__ == "__main__":
    main()
