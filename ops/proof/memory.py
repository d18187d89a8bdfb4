#!/usr/bin/env python3
"""Shows that a worker's memory stays within its bound, whatever the entries: a private Redis and Postgres, one load after the other."""

import argparse
import os
import shutil
import sys
import tempfile
import time

from servers import Postgres, Redis, Worker, wait_for
from workload import lane_of

MIB = 1 << 20


def message(session, content):
    return ["type", "message.appended", "session", session, "role", "user", "content", content]


def context(session, value):
    return ["type", "context.set", "session", session, "key", "k", "value", value]


def twice(entry, size=b"first"):
    """A small entry, and this one under the same event id: the second goes entry by entry, is found to be another one, and is kept."""
    return [["event_id", "e", *message("s", size)], ["event_id", "e", *entry]]


def late(entry):
    """One that is applied entry by entry: its event id was used long before, by the first one's own id."""
    return [("1-1", ["event_id", "e", *message("s", b"first")]), ["event_id", "e", *entry]]


def loads():
    """Name, and entries one by one: all of them together would not fit into this process."""
    large, text = 31 * MIB, b"x"
    yield "nothing", ()
    yield "1 message of 31 MiB", (message("s", text * large),)
    yield "1 message of 31 MiB of quotes", (message("s", b'"' * large),)
    yield "1 context value of 31 MiB", (context("s", b'"' + text * large + b'"'),)
    yield "1 dead letter of 31 MiB", (["tokens", "no number", *message("s", text * large)],)
    # What quoting takes: entry by entry, and as JSON.
    yield "31 MiB of quotes, entry by entry", late(message("s", b'"' * large))
    yield "31 MiB of backslashes, entry by entry", late(message("s", b"\\" * large))
    yield "31 MiB of JSON escapes, entry by entry", late(context("s", b'"' + b'\\"' * (large // 2) + b'"'))
    yield "31 MiB of quotes, a dead letter of those", twice(message("s", b'"' * large))
    yield "15 MiB of quotes kept as JSON", (["type", "my.type", "session", "s", "body", b'"' * (large // 2)],)
    yield "15 MiB of quotes as JSON, entry by entry", late(["type", "my.type", "session", "s", "body", b'"' * (large // 2)])
    yield "5 MiB of control characters kept as JSON", (["type", "my.type", "session", "s", "body", b"\x01" * (5 * MIB)],)
    yield "31 MiB of control characters, too large", (["type", "my.type", "session", "s", "body", b"\x01" * large],)
    yield "5 too large as JSON", (["type", "my.type", "session", f"s{n}", "body", b'"' * large] for n in range(5))
    yield "15 MiB of meta, entry by entry", late(["type", "session.updated", "session", "s", "meta.a", b'"' + text * (large // 2) + b'"'])
    yield "10 sessions with 15 MiB of meta", (
        ["type", "session.updated", "session", f"s{n}", "meta.a", b'"' + text * (large // 2) + b'"'] for n in range(10))
    yield "10 messages of 31 MiB of quotes, refused", (
        entry for n in range(10) for entry in twice(message("s", b'"' * large)))
    yield "10,000 fields of 3 kB", (["type", "my.type", "session", "s", *fields(9_990, text * 3_000)],)
    yield "500,000 fields", (["type", "my.type", "session", "s", *fields(500_000, b"v")],)
    # Many of them.
    yield "20 messages of 10 MB", (message(f"s{n}", text * 10_000_000) for n in range(20))
    yield "20 context values of 10 MB", (context(f"s{n}", b'"' + text * 10_000_000 + b'"') for n in range(20))
    yield "10 messages of 31 MiB", (message(f"s{n}", text * large) for n in range(10))
    yield "10 context values of 31 MiB", (context(f"s{n}", b'"' + text * large + b'"') for n in range(10))
    yield "20 dead letters of 31 MiB", (["tokens", "no number", *message(f"s{n}", text * large)] for n in range(20))
    yield "5 of 40 MB, above the limit", (message(f"s{n}", text * 40_000_000) for n in range(5))
    yield "20,000 messages of 8 kB", (message(f"s{n % 50}", text * 8000) for n in range(20_000))


def fields(count, value):
    """Names and values in turn."""
    for number in range(count):
        yield b"%x" % number
        yield value


def trickle():
    """Read one by one, each in a block of its own."""
    return (message(f"s{n % 50}", b"x" * 200) for n in range(80_000))


def peak_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def write(redis, entries):
    """How many it wrote."""
    written = 0
    for entry in entries:
        identity, entry = entry if isinstance(entry, tuple) else ("*", entry)
        session = entry[entry.index("session") + 1]
        redis.connection.call("XADD", lane_of(session), identity, *entry)
        written += 1
    return written


def measure(folder, binary, entries, outage=()):
    """The worker's peak in MiB, once it has committed all of them, and then what is written while PostgreSQL is away."""
    redis, postgres = Redis(f"{folder}/redis"), Postgres(f"{folder}/postgres")
    worker = Worker(binary, folder, {
        "TIDEMARK_REDIS_URL": redis.url, "TIDEMARK_POSTGRES_URL": postgres.url, "TIDEMARK_HTTP_LISTEN": "off",
        "TIDEMARK_LOG_LEVEL": "warning"})
    try:
        migrated = worker.command("migrate")
        if migrated.returncode:
            raise SystemExit(migrated.stderr)
        written = write(redis, entries)
        worker.start()
        total = "select coalesce(sum(read_total), 0) from tidemark.lanes"
        wait_for("everything is read", 300, lambda: postgres.query(total) == [str(written)])
        if outage:
            postgres.stop_immediate()
            written += write(redis, outage)
            postgres.start()
            wait_for("everything is read", 300, lambda: postgres.query(total) == [str(written)])
        # What is committed is let go a moment later.
        time.sleep(1)
        return peak_mib(worker.pid)
    finally:
        worker.close()
        redis.close()
        postgres.close()


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=f"{here}/../../.build/release/tidemark", help="the executable (release build)")
    parser.add_argument("--only", default="", help="loads whose names hold this")
    parser.add_argument("--bound", type=float, default=64 + 3 * 32 + 64, help="MiB that no load may exceed (default: %(default)s)")
    options = parser.parse_args()
    if not os.access(options.binary, os.X_OK):
        raise SystemExit(f"{options.binary} is not there: swift build -c release --product tidemark")
    exceeded = False
    print(f"{'entries':44} peak MiB   of the bound ({options.bound:.0f})")
    small = (message(f"s{n % 50}", b"x" * 300) for n in range(100_000))
    # Behind a backlog, whose replies are large.
    outage = [("100,000 small ones, 80,000 in an outage", small, trickle())]
    for name, entries, *later in [*outage, *loads()]:
        if options.only not in name:
            continue
        folder = tempfile.mkdtemp(prefix="tidemark-memory-")
        os.chmod(folder, 0o755)
        try:
            peak = measure(folder, os.path.abspath(options.binary), entries, *later)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        exceeded = exceeded or peak > options.bound
        print(f"{name:44} {peak:8.0f}   {peak / options.bound:.2f}", flush=True)
    print("FAILED" if exceeded else "PASSED")
    sys.exit(1 if exceeded else 0)


if __name__ == "__main__":
    main()
