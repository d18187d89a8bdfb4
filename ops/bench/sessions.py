#!/usr/bin/env python3
"""The way back in figures: a cold load beside a hot one and HGETALL, `restore --all` beside a bare pipelined write of the same keys, and the
memory of Redis with and without tiering.

Standard library only. Starts its own Redis and Postgres; only ratios travel to another machine. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "proof"))

from hot.calls import fcall, keys_of, lanes_of  # noqa: E402
from resp import Connection, RespError, encode  # noqa: E402
from servers import Postgres, Redis, Worker, find_binary, say, wait_for  # noqa: E402

TEXT = "Could you summarise the report that I sent yesterday, please? It is about the figures of the third quarter and their causes."
PARTITIONS = 16
PAGE = 500


def name(number: int) -> str:
    return f"session-{number:06}"


def keys(session: str) -> list[str]:
    return keys_of(session, PARTITIONS)


def call(function: str, session: str, *arguments: str) -> list[str]:
    return fcall(function, session, *arguments, partitions=PARTITIONS)


class Bench:
    """The servers, filled."""

    def __init__(self, folder: str, options: argparse.Namespace) -> None:
        self.folder = folder
        self.redis = Redis(f"{folder}/redis")
        self.postgres = Postgres(f"{folder}/postgres", ["shared_buffers=512MB", "max_wal_size=4GB"])
        self.worker = Worker(find_binary(options.binary), folder, {
            "TIDEMARK_REDIS_URL": self.redis.url, "TIDEMARK_POSTGRES_URL": self.postgres.url, "TIDEMARK_HTTP_LISTEN": "off"})
        self.filled = 0

    def close(self) -> None:
        for server in (self.worker, self.redis, self.postgres):
            server.close()

    def fill(self, sessions: int) -> None:
        """Sessions of five context values and ten messages each, through a worker."""
        migrated = self.worker.command("migrate")
        if migrated.returncode:
            raise SystemExit(migrated.stderr)
        if not self.worker._process or self.worker.exit_code() is not None:
            self.worker.start()
        for first in range(self.filled, sessions, PAGE):
            commands = []
            for number in range(first, min(first + PAGE, sessions)):
                lane = keys(name(number))[0]
                add = ["XADD", lane, "*", "session", name(number), "type"]
                commands.append([*add, "session.started", "agent", "bench", "user", f"user-{number % 100}", "title", "A report"])
                commands += [[*add, "context.set", "key", f"k{n}", "value", f'{{"value": {n}, "of": "the session"}}'] for n in range(5)]
                commands += [[*add, "message.appended", "role", "user", "content", TEXT, "tokens", str(n)] for n in range(10)]
            for answer in self.redis.connection.pipeline(commands):
                if isinstance(answer, RespError):
                    raise SystemExit(str(answer))
        self.filled = sessions
        wait_for("everything is committed", 600, lambda: int(self.postgres.query("select count(*) from tidemark.changes")[0]) >= 16 * sessions)
        if self.worker.terminate() != 0:
            raise SystemExit("the worker did not end well")
        self.postgres.query("vacuum analyze", admin=True, database="tidemark")

    def restore(self) -> tuple[float, float]:
        """The seconds that `restore --all` takes into an empty Redis, and the MiB that it needs."""
        self.redis.connection.call("FLUSHALL")
        start = time.perf_counter()
        process = subprocess.Popen(
            [self.worker.binary, "restore", "--all", "--json"], env=self.worker.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        told, errors = process.stdout.read().decode(), process.stderr.read().decode()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or json.loads(told)["restored"] != self.filled:
            raise SystemExit(f"restore: {process.returncode}: {told}{errors}")
        return seconds, usage.ru_maxrss / 1024

    def bare(self) -> float:
        """The seconds that a bare pipelined write of the keys that are in Redis takes, into an empty one."""
        connection, pages = self.redis.connection, []
        for first in range(0, self.filled, PAGE):
            page, count = [], 0
            for number in range(first, min(first + PAGE, self.filled)):
                session = keys(name(number))
                hashes = connection.pipeline([["HGETALL", session[2]], ["HGETALL", session[3]], ["LRANGE", session[4], "0", "-1"]])
                for command, key, values in zip(("HSET", "HSET", "RPUSH"), session[2:5], hashes):
                    page.append(encode([command, key, *values]))
                    count += 1
            pages.append((b"".join(page), count))
        connection.call("FLUSHALL")
        start = time.perf_counter()
        for page, count in pages:
            connection._socket.sendall(page)
            for _ in range(count):
                connection._read()
        return time.perf_counter() - start

    def used_memory(self) -> int:
        lines = self.redis.connection.call("INFO", "memory").decode().splitlines()
        return next(int(line.split(":")[1]) for line in lines if line.startswith("used_memory:"))


def quantiles(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {"p50": times[len(times) // 2] * 1e6, "p99": times[len(times) * 99 // 100] * 1e6}


def timed(connection: Connection, commands: list[list[str]]) -> dict[str, float]:
    times = []
    for command in commands:
        data = encode(command)
        start = time.perf_counter()
        connection._socket.sendall(data)
        answer = connection._read()
        times.append(time.perf_counter() - start)
        if isinstance(answer, RespError):
            raise SystemExit(str(answer))
    return quantiles(times)


def cold_loads(bench: Bench, sessions: list[str]) -> dict[str, float]:
    """From the request to the first load that finds the session, one after the other. The load is repeated every millisecond."""
    times, connection = [], bench.redis.connection
    for session in sessions:
        start = time.perf_counter()
        lane = keys(session)[0]
        connection.call("XADD", lane.replace("changes", "requests"), "*", "op", "restore", "session", session)
        while isinstance(answer := connection.pipeline([call("load", session)])[0], RespError):
            if not str(answer).startswith("COLD") or time.perf_counter() - start > 60:
                raise SystemExit(f"{session}: {answer}")
            time.sleep(0.001)
        times.append(time.perf_counter() - start)
    return quantiles(times)


def loads(bench: Bench, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Loads while a worker runs, with what was restored before hot; then those that Redis lost, then those that a worker evicted."""
    rng = random.Random(1)
    chosen = [name(rng.randrange(bench.filled)) for _ in range(options.loads)]
    figures: dict[str, dict[str, float]] = {}
    bench.worker.environment["TIDEMARK_HOT_EVICT_IDLE_AFTER"] = "0s"
    bench.worker.start()
    connection = bench.redis.connection
    wait_for("the worker serves requests", 60, lambda: all(
        connection.call("HGET", lane.replace("changes", "lane"), "pressure_until") for lane in lanes_of(PARTITIONS)))
    for _ in range(2):  # the first time warms up
        figures["HGETALL of the session's hash"] = timed(connection, [["HGETALL", keys(session)[2]] for session in chosen])
        figures["load, hot"] = timed(connection, [call("load", session) for session in chosen])
    lost = rng.sample(range(bench.filled), options.cold)
    for number in lost:
        connection.call("DEL", *keys(name(number))[2:])
    figures["load, lost by Redis"] = cold_loads(bench, [name(number) for number in lost])
    bench.worker.terminate()
    return figures


def tiering(bench: Bench, options: argparse.Namespace) -> dict[str, float]:
    """Redis' memory with all sessions in it, and with those that are in use."""
    connection = bench.redis.connection
    for lane in lanes_of(PARTITIONS):
        connection.call("XTRIM", lane, "MAXLEN", "0") if connection.call("EXISTS", lane) else None
    everything = bench.used_memory()
    bench.worker.environment["TIDEMARK_HOT_EVICT_IDLE_AFTER"] = options.idle
    # An unfilled lane has no durable mark, so nothing there would be called durable: one entry for each lane.
    marks = {keys(name(number))[0]: name(number) for number in range(200)}
    for lane, session in marks.items():
        connection.call("XADD", lane, "*", "type", "bench.mark", "session", f"mark-{session}")
    bench.worker.start()
    start = time.perf_counter()
    wait_for("all sessions are evicted", 1200, lambda: bench.used_memory() < everything * 0.05 or hot_sessions(connection) == 0)
    seconds = time.perf_counter() - start
    bench.worker.terminate()
    bench.worker.environment["TIDEMARK_HOT_EVICT_IDLE_AFTER"] = "0s"
    bench.worker.start()
    empty = bench.used_memory()
    rng = random.Random(2)
    used = [name(number) for number in rng.sample(range(bench.filled), options.in_use)]
    cold = cold_loads(bench, used)
    tiered = bench.used_memory()
    bench.worker.terminate()
    return {"all": everything, "tiered": tiered, "none": empty, "eviction_seconds": seconds, "evicted_p50": cold["p50"], "evicted_p99": cold["p99"]}


def hot_sessions(connection: Connection) -> int:
    keyspace = connection.call("INFO", "keyspace").decode()
    count = next((int(line.split("keys=")[1].split(",")[0]) for line in keyspace.splitlines() if line.startswith("db0")), 0)
    return 0 if count < 200 else count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--sessions", type=int, nargs="+", default=[20_000, 100_000], help="that are restored (default 20000 100000)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each restore, of which the medians count")
    parser.add_argument("--loads", type=int, default=5_000, help="hot loads")
    parser.add_argument("--cold", type=int, default=500, help="loads of sessions that Redis lost")
    parser.add_argument("--in-use", type=int, default=1_000, help="sessions in use with tiering")
    parser.add_argument("--idle", default="1s", help="hot.evict_idle_after (default %(default)s)")
    parser.add_argument("--no-tiering", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidemark-sessions-") as folder:
        os.chmod(folder, 0o711)
        bench = Bench(folder, options)
        try:
            run(bench, options)
        finally:
            bench.close()


def run(bench: Bench, options: argparse.Namespace) -> None:
    print("| sessions | restore --all, s | a bare write of the same keys, s | ratio (the rounds) | sessions/s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for count in options.sessions:
        say(f"filling up to {count}")
        bench.fill(count)
        rounds = []
        for round_ in range(options.repeat):
            say(f"round {round_ + 1} of {options.repeat}")
            seconds, peak = bench.restore()
            rounds.append((seconds, peak, bench.bare()))
        ratios = [bare / seconds for seconds, _, bare in rounds]
        seconds, peak, bare = (statistics.median(one[n] for one in rounds) for n in range(3))
        print(f"| {count:,} | {seconds:.2f} | {bare:.2f} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
              f"| {count / seconds:,.0f} | {peak:.0f} |", flush=True)
    bench.restore()
    say("loading")
    figures = loads(bench, options)
    base = figures["HGETALL of the session's hash"]
    print("\n| | p50, us | p99, us | p50 of HGETALL's |\n|---|---|---|---|")
    for title, one in figures.items():
        print(f"| {title} | {one['p50']:,.0f} | {one['p99']:,.0f} | {one['p50'] / base['p50']:.1f} |", flush=True)
    if options.no_tiering:
        return
    say("tiering")
    result = tiering(bench, options)
    print(f"| load, evicted | {result['evicted_p50']:,.0f} | {result['evicted_p99']:,.0f} | {result['evicted_p50'] / base['p50']:.1f} |")
    print("\n| Redis' memory | MiB | of that without tiering |\n|---|---|---|")
    for title, value in ((f"{bench.filled:,} sessions", result["all"]), (f"{options.in_use:,} in use, the others evicted", result["tiered"]),
                         ("no session", result["none"])):
        print(f"| {title} | {value / 1048576:.1f} | {value / result['all']:.3f} |")
    print(f"\nAll were evicted {result['eviction_seconds']:.0f} s after the worker's start, with hot.evict_idle_after {options.idle}.")


if __name__ == "__main__":
    main()
