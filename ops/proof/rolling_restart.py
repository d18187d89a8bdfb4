#!/usr/bin/env python3
"""The rolling restart: three workers are restarted in turn while changes come in, and no lane stands still for long.

Standard library only. Starts its own Redis, Postgres and workers, stops and starts one worker after the other, then compares Postgres
with the ledger of what was written and tells how long each lane waited. Exit 0: no difference; 1: differences, or it could not come to a
verdict. See README.md beside this file.
"""

import argparse
import json
import os
import random
import sys
import time

from proof import applied, caught_up, compare_all, migrate, print_differences, run, table, tail
from servers import Postgres, Redis, Worker, find_binary, say, wait_for
from verdict import Verdict
from workload import LANES, Producer

WORKERS = 3
DAY = 86_400


def arguments():
    parser = argparse.ArgumentParser(description="Rolling restart: compares Postgres with a ledger, and tells each lane's longest pause.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--rate", type=int, default=5_000, help="changes a second (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=4, help="how often each worker is restarted (default %(default)s)")
    parser.add_argument("--between", type=float, default=2, help="seconds from one restart to the next (default %(default)s)")
    parser.add_argument("--lease-ttl", default="30s", help="of the workers: longer than any pause ought to be (default %(default)s)")
    parser.add_argument("--deadline", type=float, default=120, help="seconds to catch up after the last change (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the workload (default: a new one, printed)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


def shares(postgres):
    """How many lanes each owner has, ascending."""
    counts = postgres.query("select count(*) from tidemark.lanes where owner is not null group by owner")
    return sorted(int(count) for count in counts)


def are_equal(counts):
    return len(counts) == WORKERS and sum(counts) == len(LANES) and counts[-1] - counts[0] <= 1


def pauses(postgres):
    """For each lane: the longest time between two commits, and the longest that a change waited for its own.

    In milliseconds; `committed_at` is when the transaction began."""
    query = """
      select json_build_array(lane, max(gap), max(wait)) from (
        select c.lane,
               extract(epoch from c.committed_at - lag(c.committed_at) over (partition by c.lane order by c.no)) * 1000 as gap,
               extract(epoch from c.committed_at) * 1000 - c.entry_ms as wait
          from tidemark.changes c) as t
       group by lane order by length(lane), lane"""
    return [json.loads(line) for line in postgres.query(query)]


def quantiles(postgres):
    """Of the time that all changes waited, in milliseconds: the median, 99 and 99.9 of 100."""
    query = """
      select json_build_array(percentile_cont(0.5) within group (order by wait), percentile_cont(0.99) within group (order by wait),
                              percentile_cont(0.999) within group (order by wait))
        from (select extract(epoch from committed_at) * 1000 - entry_ms as wait from tidemark.changes) as t"""
    return json.loads(postgres.query(query)[0])


class Restarts:
    """Restarts one worker after the other, in the main thread, and keeps how long the shares took to be equal again."""

    def __init__(self, options, postgres, workers, producer, verdict):
        self._options, self._postgres, self._workers = options, postgres, workers
        self._producer, self._verdict = producer, verdict
        self.count = 0
        self.settled = []

    def run(self):
        for _ in range(self._options.rounds):
            for worker in self._workers:
                self._rest()
                code = worker.terminate()
                if code != 0:
                    self._verdict.add("process", f"a worker ended on SIGTERM with {code}")
                worker.start()
                started = time.monotonic()
                wait_for("the lanes are shared out again", 60, lambda: are_equal(shares(self._postgres)))
                self.settled.append(time.monotonic() - started)
                self.count += 1
        self._rest()

    def _rest(self):
        """Lets the load run on, and looks after those that make it."""
        until = time.monotonic() + self._options.between
        while time.monotonic() < until:
            if self._producer.failure:
                raise RuntimeError(f"the producer failed: {self._producer.failure}")
            for worker in self._workers:
                worker.keep_up()
            time.sleep(0.05)


def prove(options, seed, folder):
    binary = find_binary(options.binary)
    started, workers, verdict = [], [], Verdict()
    try:
        redis = Redis(f"{folder}/redis")
        started.append(redis)
        postgres = Postgres(f"{folder}/postgres")
        started.append(postgres)
        for number in range(1, WORKERS + 1):
            place = f"{folder}/worker-{number}"
            os.makedirs(place)
            workers.append(Worker(binary, place, {
                "TIDEMARK_REDIS_URL": redis.url, "TIDEMARK_POSTGRES_URL": postgres.url, "TIDEMARK_HTTP_LISTEN": "off",
                "TIDEMARK_LEASE_TTL": options.lease_ttl}))
        started += workers
        migrate(workers[0])
        for worker in workers:
            worker.start()
        wait_for("the lanes are shared out", 60, lambda: are_equal(shares(postgres)))
        producer = Producer(redis.port, random.Random(seed), options.rate * DAY, options.sessions, DAY)
        producer.start()
        say(f"writing {options.rate} changes a second, seed {seed}; restarting each of {WORKERS} workers {options.rounds} times")
        restarts = Restarts(options, postgres, workers, producer, verdict)
        begun = time.monotonic()
        restarts.run()
        producer.stop()
        producer.join()
        lasted = time.monotonic() - begun
        try:
            wait_for("every cursor reaches its lane's end", options.deadline, lambda: caught_up(redis, postgres))
        except TimeoutError as error:
            verdict.add("process", str(error))
        compare_all(postgres, redis, workers[0], producer.ledger, verdict)
        for worker in workers:
            code = worker.terminate()
            if code != 0:
                verdict.add("process", f"a worker ended on SIGTERM with {code}")
            for code in worker.exits:
                verdict.add("process", f"a worker ended by itself with {code}")
        report(seed, lasted, restarts, producer, postgres, verdict)
    finally:
        for process in reversed(started):
            process.close()
        if not verdict.is_clean:
            for worker in workers:
                say(f"the last words of a worker:\n{tail(worker.log)}")
    return verdict.is_clean


def report(seed, lasted, restarts, producer, postgres, verdict):
    stored = applied(postgres)
    print("written")
    table([
        ("restarts", restarts.count), ("seconds", f"{lasted:.0f}"), ("changes in the ledger", len(producer.ledger)),
        ("changes in Postgres", stored), ("changes a second", f"{len(producer.ledger) / lasted:.0f}")])
    print("\nlane                    longest between two commits  longest wait of a change")
    lanes = pauses(postgres)
    for lane, gap, wait in lanes:
        print(f"{lane:<22}  {gap:>24.0f} ms  {wait:>21.0f} ms")
    median, most, nearly_all = quantiles(postgres)
    longest = max(gap for _, gap, _ in lanes), max(wait for *_, wait in lanes)
    print("\nof all lanes the longest pause is %.0f ms, the longest wait %.0f ms" % longest)
    print(f"a change waited {median:.1f} ms in the median, {most:.0f} ms at 99 %, {nearly_all:.0f} ms at 99.9 %")
    settled = sorted(restarts.settled)
    print(f"from a start to equal shares: {settled[len(settled) // 2]:.2f} s in the median, {settled[-1]:.2f} s at most")
    print_differences(verdict)
    print(f"\nseed {seed}")
    print("PASSED" if verdict.is_clean else "FAILED")


if __name__ == "__main__":
    sys.exit(run(arguments(), prove))
