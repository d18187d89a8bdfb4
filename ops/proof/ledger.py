#!/usr/bin/env python3
"""The kill test: every change that was acknowledged stands in Postgres once, in order, whatever died on the way.

Standard library only. Starts its own Redis and Postgres, writes a ledger of changes while it kills the worker, crashes
Postgres and cuts Redis connections, then compares Postgres with the ledger. Exit 0: no difference; 1: differences, or it
could not come to a verdict. See README.md beside this file.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from servers import Postgres, Redis, Worker, free_port, wait_for
from verdict import Verdict, accounting, compare
from workload import LANES, Producer

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


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
    parser.add_argument("--seed", type=int, default=None, help="of workload and faults (default: a new one, printed)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


def find_binary(given):
    candidates = [given] if given else [f"{ROOT}/.build/{kind}/tidemark" for kind in ("release", "debug")]
    for path in candidates:
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise SystemExit(f"no executable at {' or '.join(candidates)}: run swift build -c release --product tidemark")


def say(text):
    print(text, file=sys.stderr, flush=True)


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


def applied(postgres):
    return int(postgres.query("select count(*) from tidemark.changes")[0])


def cursors(postgres):
    lines = postgres.query("select json_build_array(lane, entry_ms, entry_no) from tidemark.lanes")
    return {lane: (ms, no) for lane, ms, no in map(json.loads, lines)}


def caught_up(redis, postgres):
    known = cursors(postgres)
    for lane in LANES:
        added, last = redis.entries_added(lane)
        if added and known.get(lane) != last:
            return False
    return True


def table(rows):
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>12}")


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return ""


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
        migrated = worker.command("migrate")
        if migrated.returncode != 0:
            raise RuntimeError(f"tidemark migrate ended with {migrated.returncode}: {migrated.stderr.strip()}")
        worker.start()
        producer = Producer(redis.port, random.Random(rng.getrandbits(64)), options.changes, options.sessions, options.seconds)
        producer.start()
        wait_for("the producer is connected", 30, lambda: producer.client_id is not None or producer.failure)
        say(f"writing {options.changes} changes over {options.seconds:g} s, seed {seed}")
        faults = Faults(rng, options, redis, postgres, worker, producer)
        faults.run()
        say("all written; waiting until every cursor has reached its lane's end")

        def done():
            worker.keep_up()
            return caught_up(redis, postgres)

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
        say("comparing")
        compare(postgres, producer.ledger, verdict)
        status = worker.command("status", "--json")
        try:
            accounting(json.loads(status.stdout), redis, producer.ledger, verdict)
        except (ValueError, KeyError, TypeError) as error:
            verdict.add("accounting", f"tidemark status --json cannot be read ({error!r}): {status.stderr.strip()}")
        report(options, seed, faults, producer, waited, applied(postgres), verdict)
    finally:
        for process in reversed(started):
            process.close()
        if worker and not verdict.is_clean:
            say("the worker's last words:\n" + tail(worker.log))
    return verdict.is_clean


def report(options, seed, faults, producer, waited, stored, verdict):
    marks = [0] + faults.progress
    moved = sum(after > before for before, after in zip(marks, marks[1:]))
    kinds = {}
    for entry in producer.ledger:
        kinds[entry.type] = kinds.get(entry.type, 0) + 1
    print("faults injected")
    table([*faults.counts.items(), ("kills with commits since the one before", moved)])
    print("\nwritten")
    table([*sorted(kinds.items()), ("entries in the ledger", len(producer.ledger)), ("entries in Postgres", stored)])
    print("\ndifferences")
    table(list(verdict.counts.items()))
    for example in verdict.examples:
        print(f"  {example}")
    print(f"\nseed {seed}; {producer.resent} writes sent again after a lost answer; caught up {waited:.1f} s after the last change")
    expected = (options.kills, options.postgres_stops, options.redis_cuts)
    if tuple(list(faults.counts.values())[:3]) != expected:
        verdict.add("process", f"injected {list(faults.counts.values())[:3]} faults, asked for {list(expected)}")
    print("PASSED" if verdict.is_clean else "FAILED")


def main():
    options = arguments()
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="tidemark-proof-", dir="/tmp")
    os.chmod(folder, 0o711)
    clean = False
    try:
        clean = prove(options, seed, folder)
    except (RuntimeError, TimeoutError, OSError, subprocess.SubprocessError) as error:
        say(f"no verdict: {error}")
    finally:
        if options.keep:
            say(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
