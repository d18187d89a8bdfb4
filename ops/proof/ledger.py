#!/usr/bin/env python3
"""The kill test: every change that was acknowledged stands in Postgres once, in order, whatever died on the way.

Standard library only. Starts its own Redis and Postgres, writes a ledger of changes while it kills the worker, crashes
Postgres and cuts Redis connections, then compares Postgres with the ledger. Exit 0: no difference; 1: differences, or it
could not come to a verdict. See README.md beside this file.
"""

import argparse
import random
import sys
import time

from proof import applied, caught_up, compare_all, migrate, print_differences, run, table, tail
from servers import Postgres, Redis, Worker, find_binary, free_port, say, wait_for
from verdict import Verdict
from workload import ASTRAY_LANES, EDGE_LANES, LANES, MICROSECONDS_LANE, Producer


def arguments():
    parser = argparse.ArgumentParser(description="Kill test: compares Postgres with a ledger of what was written.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--changes", type=int, default=200_000)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=150, help="over which changes and faults are spread (default %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs of the worker (default %(default)s)")
    parser.add_argument("--postgres-stops", type=int, default=3, help="immediate stops of Postgres (default %(default)s)")
    parser.add_argument("--redis-cuts", type=int, default=10, help="times all Redis connections are cut (default %(default)s)")
    parser.add_argument("--lease-ttl", default="2s", help="lease.ttl of the worker, so that a successor works before the next kill")
    parser.add_argument("--deadline", type=float, default=300, help="seconds to catch up after the last change (default %(default)s)")
    parser.add_argument("--plain", action="store_true", help="only the usual changes, none at the edges: two lanes, odd ids, many fields, clears")
    parser.add_argument("--seed", type=int, default=None, help="of workload and faults (default: a new one, printed)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


class Faults:
    """Runs the schedule in the main thread and counts what was really injected."""

    def __init__(self, rng, options, redis, postgres, worker, producer):
        self._rng = rng
        self._redis, self._postgres, self._worker, self._producer = redis, postgres, worker, producer
        self.counts = {"worker killed": 0, "Postgres stopped": 0, "Redis cut": 0, "connections cut": 0}
        kinds = [self._kill] * options.kills + [self._crash] * options.postgres_stops + [self._cut] * options.redis_cuts
        rng.shuffle(kinds)
        times = sorted(rng.uniform(0.04, 0.98) * options.seconds for _ in kinds)
        self._schedule = list(zip(times, kinds))
        self.progress = []

    def run(self):
        start = time.monotonic()
        for moment, fault in self._schedule:
            self._until(start + moment)
            fault()
        while self._producer.is_alive():
            self._until(time.monotonic() + 0.2)
        self._check_producer()

    def _until(self, moment):
        while time.monotonic() < moment:
            self._check_producer()
            self._worker.keep_up()
            time.sleep(min(0.1, max(0.0, moment - time.monotonic())))

    def _check_producer(self):
        if self._producer.failure:
            raise RuntimeError(f"the producer failed: {self._producer.failure}")

    def _kill(self):
        self.progress.append(applied(self._postgres))
        if self._worker.kill():
            self.counts["worker killed"] += 1
        self._worker.start()

    def _crash(self):
        self._postgres.stop_immediate()
        self.counts["Postgres stopped"] += 1
        time.sleep(self._rng.uniform(0.2, 3))
        self._postgres.start()

    def _cut(self):
        self.counts["connections cut"] += self._redis.cut_clients({self._producer.client_id})
        self.counts["Redis cut"] += 1


def prove(options, seed, folder):
    rng = random.Random(seed)
    binary = find_binary(options.binary)
    started, worker, verdict = [], None, Verdict()
    try:
        redis = Redis(f"{folder}/redis")
        started.append(redis)
        postgres = Postgres(f"{folder}/postgres")
        started.append(postgres)
        worker = Worker(binary, folder, {
            "TIDEMARK_REDIS_URL": redis.url,
            "TIDEMARK_POSTGRES_URL": postgres.url,
            "TIDEMARK_HTTP_LISTEN": f"127.0.0.1:{free_port()}",
            "TIDEMARK_LEASE_TTL": options.lease_ttl,
        })
        started.append(worker)
        lanes = LANES if options.plain else LANES + EDGE_LANES
        if not options.plain:
            with open(f"{folder}/tidemark.yaml", "w", encoding="utf-8") as file:
                file.writelines(["lanes:\n", *(f'  - streams: "{lane}"\n' for lane in EDGE_LANES)])
        migrate(worker)
        worker.start()
        producer = Producer(
            redis.port, random.Random(rng.getrandbits(64)), options.changes, options.sessions, options.seconds, has_edges=not options.plain)
        producer.start()
        wait_for("the producer is connected", 30, lambda: producer.client_id is not None or producer.failure)
        say(f"writing {options.changes} changes over {options.seconds:g} s, seed {seed}")
        faults = Faults(rng, options, redis, postgres, worker, producer)
        faults.run()
        say("all written; waiting until every cursor has reached its lane's end")

        def done():
            worker.keep_up()
            return caught_up(redis, postgres, lanes)

        waited = time.monotonic()
        try:
            wait_for("every cursor reaches its lane's end", options.deadline, done)
        except TimeoutError as error:
            verdict.add("process", str(error))
        waited = time.monotonic() - waited
        code = worker.terminate()
        if code != 0:
            verdict.add("process", "the worker did not end on SIGTERM" if code is None else f"the worker ended on SIGTERM with {code}")
        for code in worker.exits:
            verdict.add("process", f"the worker ended by itself with {code}")
        compare_all(postgres, redis, worker, producer.ledger, verdict, lanes)
        report(options, seed, faults, producer, waited, applied(postgres), verdict)
    finally:
        for process in reversed(started):
            process.close()
        if worker and not verdict.is_clean:
            say("the worker's last words:\n" + tail(worker.log))
    return verdict.is_clean


def count_edges(ledger):
    """What the proof has to have met."""
    one, other = ({entry.id for entry in ledger if entry.lane == lane} for lane in ASTRAY_LANES)
    return {
        "ids in two lanes of a session": len(one & other), "ids in microseconds": sum(entry.lane == MICROSECONDS_LANE for entry in ledger),
        "entries of hundreds of fields": sum(len(entry.fields) > 300 for entry in ledger)}


def report(options, seed, faults, producer, waited, stored, verdict):
    marks = [0] + faults.progress
    moved = sum(after > before for before, after in zip(marks, marks[1:]))
    kinds = {}
    for entry in producer.ledger:
        kinds[entry.type] = kinds.get(entry.type, 0) + 1
    print("faults injected")
    table([*faults.counts.items(), ("kills with commits since the one before", moved)])
    print("\nwritten")
    edges = {} if options.plain else count_edges(producer.ledger)
    table([*sorted(kinds.items()), *edges.items(), ("entries in the ledger", len(producer.ledger)), ("entries in Postgres", stored)])
    for name, count in edges.items():
        if not count:
            verdict.add("process", f"there were no {name}")
    print_differences(verdict)
    print(f"\nseed {seed}; {producer.resent} writes sent again after a lost answer; caught up {waited:.1f} s after the last change")
    expected = (options.kills, options.postgres_stops, options.redis_cuts)
    if tuple(list(faults.counts.values())[:3]) != expected:
        verdict.add("process", f"injected {list(faults.counts.values())[:3]} faults, asked for {list(expected)}")
    print("PASSED" if verdict.is_clean else "FAILED")


if __name__ == "__main__":
    sys.exit(run(arguments(), prove))
