#!/usr/bin/env python3
"""How fast Tidemark drains a backlog, beside what the same machine can do at most: Postgres' own COPY and a bare C loop.

Standard library only. Starts its own Redis and Postgres; everything is measured in one run, because only the ratios travel to
another machine. Exit 1 when a drain is not complete and clean. See README.md beside this file.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from load import LANES, Generator, Load

from servers import Postgres, Redis, Worker, program  # from ops/proof, which load.py puts on the path

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TICKS = os.sysconf("SC_CLK_TCK")

# A share of the cores that makes a measurement worth repeating; this script and its psql take about 0.03.
DISTURBED = 0.08

# Bookkeeping, a few rows whatever the backlog; everything else that a drain filled counts for the limit.
NOT_ROWS = {"lanes", "leases", "workers", "checkpoints", "migrations"}


def arguments():
    parser = argparse.ArgumentParser(description="First figures: drain rates beside the COPY limit and a bare C loop.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark)")
    parser.add_argument("--changes", type=int, default=300_000, help="in each data set (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--repeat", type=int, default=1, help="measure so often and report medians (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the data sets")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the worker, such as batch.max_entries=10000")
    parser.add_argument("--patience", type=float, default=30, metavar="SECONDS", help="how long a measurement waits for an idle machine (default %(default)s)")
    parser.add_argument("--attempts", type=int, default=1, metavar="N", help="of a measurement that somebody else's work disturbed; the least disturbed counts (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    options = parser.parse_args()
    if options.changes < 1000 or min(options.sessions, options.repeat, options.attempts) < 1:
        parser.error("--changes must be at least 1000, --sessions, --repeat and --attempts at least 1")
    if any("=" not in setting for setting in options.set):
        parser.error("--set wants KEY=VALUE")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


class Psql:
    """One psql for the whole run, so that a poll costs a query and not a connection."""

    END = "-- end of answer --"

    def __init__(self, url):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self._process = subprocess.Popen(
            [program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment, start_new_session=True)

    def query(self, sql):
        self._process.stdin.write(f"{sql};\n\\echo '{self.END}'\n")
        self._process.stdin.flush()
        rows = []
        while True:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"psql ended at: {sql[:200]}")
            if line.rstrip("\n") == self.END:
                return rows
            rows.append(line.rstrip("\n").split("|"))

    def value(self, sql):
        return self.query(sql)[0][0]

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def cpu_of(pid):
    """User and system seconds of a process and of its children that ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / TICKS


def peak_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no VmHWM for process {pid}")


def machine_cpu():
    """Seconds that the cores worked for anybody, or were taken from this machine."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, interrupts, soft, stolen = map(int, stat.readline().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / TICKS


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.binary = find_binary(options.binary)
        self._opened = []
        self._tools = {name: self._compile(name) for name in ("c_loop", "round_trip")}
        self.redis = self._open(Redis(f"{folder}/redis"))
        self.postgres = self._open(Postgres(f"{folder}/postgres"))
        admin = self.postgres.url.replace("tidemark@", "postgres@")
        self.psql = self._open(Psql(admin))
        self.data = self.psql.value("show data_directory")
        with open(f"{self.data}/postmaster.pid", encoding="ascii") as pid:
            self.postmaster = int(pid.readline())

    def _open(self, closable):
        self._opened.append(closable)
        return closable

    def close(self):
        for closable in reversed(self._opened):
            closable.close()

    def _compile(self, name):
        libraries = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "hiredis", "libpq"], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
        subprocess.run([program("cc"), "-O2", f"{HERE}/{name}.c", "-o", f"{self.folder}/{name}", *libraries], check=True)
        return f"{self.folder}/{name}"

    def _tool(self, name, *arguments):
        done = subprocess.run([self._tools[name], *arguments], check=True, text=True, stdout=subprocess.PIPE)
        return {key: float(value) for key, value in (line.split() for line in done.stdout.splitlines())}

    def _postgres_cpu(self):
        with open(f"/proc/{self.postmaster}/task/{self.postmaster}/children", encoding="ascii") as children:
            pids = [self.postmaster, *map(int, children.read().split())]
        total = 0.0
        for pid in pids:
            try:
                total += cpu_of(pid)
            except FileNotFoundError:
                pass  # it ended meanwhile: from now on it counts with the postmaster
        return total

    def _redis_cpu(self):
        info = dict(line.split(":", 1) for line in self.redis.connection.call("INFO", "cpu").decode().splitlines() if ":" in line)
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def _settled(self):
        """Every measurement begins with nothing left to write, so that none pays for the one before; and, where that can be had within
        the patience, on a machine that does nothing else. How much it did meanwhile is in `others_share`."""
        self.psql.query("checkpoint")
        deadline = time.monotonic() + self.options.patience
        while True:
            busy = machine_cpu()
            time.sleep(0.5)
            if (machine_cpu() - busy) / 0.5 / len(os.sched_getaffinity(0)) < 0.1 or time.monotonic() > deadline:
                return

    def _meter(self):
        """CPU seconds so far: of Postgres, of Redis, and of the whole machine."""
        return self._postgres_cpu(), self._redis_cpu(), machine_cpu()

    def _spent(self, before, seconds, contender):
        """CPU seconds since `before`, and which share of the cores somebody else took meanwhile (this script is among them)."""
        postgres, redis, machine = (now - then for now, then in zip(self._meter(), before))
        others = max(0.0, machine - postgres - redis - contender) / seconds / len(os.sched_getaffinity(0))
        return {"postgres_cpu_seconds": postgres, "redis_cpu_seconds": redis, "others_share": others}

    # The drain

    def drain(self, load):
        self.redis.connection.call("FLUSHALL")
        self.psql.query("set client_min_messages = warning; drop schema if exists tidemark cascade; drop schema if exists copy_limit cascade")
        settings = {"TIDEMARK_" + key.upper().replace(".", "_"): value for key, value in (s.split("=", 1) for s in self.options.set)}
        worker = Worker(self.binary, self.folder, {
            "TIDEMARK_REDIS_URL": self.redis.url, "TIDEMARK_POSTGRES_URL": self.postgres.url, "TIDEMARK_HTTP_LISTEN": "off", **settings})
        migrated = worker.command("migrate")
        if migrated.returncode != 0:
            raise SystemExit(f"tidemark migrate: {migrated.stderr.strip()}")
        load.write_lanes(self.redis.connection)
        goal = {lane: self.redis.entries_added(lane)[1] for lane in LANES}
        goal = {lane: last for lane, last in goal.items() if last != (0, 0)}
        self._settled()

        before = self._meter()
        worker.start()
        start = time.monotonic()
        try:
            seconds = self._wait(worker, goal, start)
            cpu, memory = cpu_of(worker.pid), peak_memory(worker.pid)
            spent = self._spent(before, seconds, cpu)
            self._verify(load)
            if worker.terminate() != 0:
                raise SystemExit(f"the worker did not end well; its log: {worker.log}")
        finally:
            worker.close()
        tables = self._tables()
        rows = sum(tables.values())
        return {
            "seconds": seconds, "rate": len(load) / seconds, "rows": rows, "tables": tables,
            "worker_cpu_seconds": cpu, "worker_cpu_us_per_change": cpu * 1e6 / len(load), "worker_cpu_us_per_row": cpu * 1e6 / rows,
            "worker_peak_bytes": memory, **spent}

    def _wait(self, worker, goal, start):
        """Until every lane's cursor is its stream's last id; looks every 20 ms."""
        deadline = start + max(120, self.options.changes / 500)
        while True:
            cursors = {lane: (int(ms), int(no)) for lane, ms, no in self.psql.query("select lane, entry_ms, entry_no from tidemark.lanes")}
            if all(cursors.get(lane) == last for lane, last in goal.items()):
                return time.monotonic() - start
            if worker.exit_code() is not None:
                raise SystemExit(f"the worker ended by itself; its log: {worker.log}")
            if time.monotonic() > deadline:
                raise SystemExit(f"the drain did not end in {deadline - start:.0f} s; the worker's log: {worker.log}")
            time.sleep(0.02)

    def _verify(self, load):
        applied, dead, other = map(int, self.psql.query(
            "select sum(applied_total), (select count(*) from tidemark.dead_letters) + sum(dead_letters_total), "
            "sum(duplicates_total + divergent_total + ephemeral_total + skipped_total + missing_total + reread_total + misrouted_total) "
            "from tidemark.lanes")[0])
        changes = int(self.psql.value("select count(*) from tidemark.changes"))
        messages = int(self.psql.value("select count(*) from tidemark.messages"))
        expected = sum(entry.fields[1] == "message.appended" for entry in load.entries)
        if (applied, dead, other, changes, messages) != (len(load), 0, 0, len(load), expected):
            raise SystemExit(
                f"{load.name}: not clean: {applied} applied of {len(load)}, {dead} dead letters, {other} neither, {changes} rows of "
                f"changes, {messages} messages of {expected}")

    def _tables(self):
        names = self.psql.query("select tablename from pg_tables where schemaname = 'tidemark' order by 1")
        counts = {name: int(self.psql.value(f'select count(*) from tidemark."{name}"')) for (name,) in names if name not in NOT_ROWS}
        return {name: count for name, count in counts.items() if count}

    # What it is measured by

    def copy_limit(self, load, tables, schema="tidemark"):
        """The same rows by binary COPY from files of the server, one table after the other; the better of two orders."""
        took, spent = {}, {}
        for order in ("written", "key"):
            for table in tables:
                by = self._key(schema, table) if order == "key" else "ctid"
                self.psql.query(f"copy (select * from {schema}.{table} order by {by}) to '{self._file(table)}' (format binary)")
            self.psql.query("set client_min_messages = warning; drop schema if exists copy_limit cascade; create schema copy_limit")
            for table in tables:
                self.psql.query(f"create table copy_limit.{table} (like {schema}.{table} including all)")
            self._settled()
            before, start = self._meter(), time.monotonic()
            for table in tables:
                self.psql.query(f"copy copy_limit.{table} from '{self._file(table)}' (format binary)")
            took[order] = time.monotonic() - start
            spent[order] = self._spent(before, took[order], 0)
            for table, count in tables.items():
                if int(self.psql.value(f"select count(*) from copy_limit.{table}")) != count:
                    raise SystemExit(f"the COPY of {table} is not complete")
                os.unlink(self._file(table))
        order = min(took, key=took.get)
        disturbed = max(one["others_share"] for one in spent.values())
        return {
            "seconds": took[order], "rate": len(load) / took[order], "order": order, "seconds_by_order": took, **spent[order],
            "others_share": disturbed}

    def _file(self, table):
        return f"{self.data}/{table}.copy"

    def _key(self, schema, table):
        return self.psql.value(
            "select string_agg(quote_ident(a.attname), ', ' order by k.n) from pg_index i, unnest(i.indkey) with ordinality k (attnum, n), "
            f"pg_attribute a where i.indrelid = '{schema}.{table}'::regclass and i.indisprimary "
            "and a.attrelid = i.indrelid and a.attnum = k.attnum")

    def c_loop(self, load, lanes):
        self.redis.connection.call("FLUSHALL")
        streams = ["plain"] if lanes == 1 else [f"plain:{n}" for n in range(lanes)]
        load.write_streams(self.redis.connection, streams)
        self.psql.query(
            "set client_min_messages = warning; drop schema if exists plain cascade; create schema plain authorization tidemark; "
            "create table plain.messages (session_id text, entry_ms bigint, entry_no bigint, role text, content text, "
            "primary key (session_id, entry_ms, entry_no)); alter table plain.messages owner to tidemark")
        self._settled()
        before = self._meter()
        figures = self._tool(
            "c_loop", str(self.redis.port), self.postgres.url, "plain.messages", "plain", *(("--lanes", str(lanes)) if lanes > 1 else ()))
        spent = self._spent(before, figures["seconds"], figures["cpu_seconds"])
        stored = int(self.psql.value("select count(*) from plain.messages"))
        if not figures["rows"] == stored == len(load):
            raise SystemExit(f"the C loop stored {stored} of {len(load)}")
        return {
            "seconds": figures["seconds"], "rate": figures["rows_per_second"], "cpu_seconds": figures["cpu_seconds"],
            "cpu_us_per_row": figures["cpu_seconds"] * 1e6 / stored, **spent}

    def round_trip(self):
        self.psql.query(
            "set client_min_messages = warning; drop table if exists round_trip; create table round_trip (n bigint); "
            "alter table round_trip owner to tidemark")
        self._settled()
        return self._tool("round_trip", self.postgres.url, "round_trip", "5000")

    def _undisturbed(self, measure, *arguments, **named):
        """Chosen by how much somebody else worked meanwhile, never by the result."""
        best = None
        for _ in range(self.options.attempts):
            result = measure(*arguments, **named)
            if best is None or result["others_share"] < best["others_share"]:
                best = result
            if best["others_share"] < DISTURBED:
                break
        return best

    def measure(self, messages, mix):
        result = {}
        for load in (messages, mix):
            say(f"  {load.name}")
            drained = self._undisturbed(self.drain, load)
            result[load.name] = {"tidemark": drained, "limit": self._undisturbed(self.copy_limit, load, drained["tables"])}
        say("  the C loop")
        for lanes in (1, 2):
            result["messages"][f"c_loop_{lanes}"] = self._undisturbed(self.c_loop, messages, lanes)
        result["messages"]["c_loop_limit"] = self._undisturbed(self.copy_limit, messages, {"messages": len(messages)}, schema="plain")
        result["round_trip"] = self.round_trip()
        result["ratios"] = ratios(result)
        return result


def ratios(result):
    messages, mix = result["messages"], result["mix"]
    return {
        "messages_to_limit": messages["tidemark"]["rate"] / messages["limit"]["rate"],
        "mix_to_limit": mix["tidemark"]["rate"] / mix["limit"]["rate"],
        "messages_to_c_loop_1": messages["tidemark"]["rate"] / messages["c_loop_1"]["rate"],
        "messages_to_c_loop_2": messages["tidemark"]["rate"] / messages["c_loop_2"]["rate"],
        "cpu_per_row_to_c_loop": messages["tidemark"]["worker_cpu_us_per_row"] / messages["c_loop_1"]["cpu_us_per_row"],
        "cpu_per_change_to_c_loop": messages["tidemark"]["worker_cpu_us_per_change"] / messages["c_loop_1"]["cpu_us_per_row"],
    }


def median(results):
    """Number by number; of what is no number, such as the better order, the most frequent; of disturbances the worst."""
    first = results[0]
    if isinstance(first, dict):
        return {
            key: (max if key == "others_share" else median)([result[key] for result in results]) for key in first}
    return statistics.median(results) if isinstance(first, (int, float)) else statistics.mode(results)


def find_binary(given):
    path = given or f"{ROOT}/.build/release/tidemark"
    if not os.access(path, os.X_OK):
        raise SystemExit(f"no executable at {path}: run swift build -c release --product tidemark")
    return os.path.abspath(path)


def about(bench, loads):
    """What one must know to compare two runs."""
    processors = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8") if line.startswith("model name")]
    version = subprocess.run([bench.binary, "--version"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    redis = dict(line.split(":", 1) for line in bench.redis.connection.call("INFO", "server").decode().splitlines() if ":" in line)
    return {
        "tidemark": version.stdout.strip() or "unknown",
        "redis": redis["redis_version"].strip(),
        "postgres": bench.psql.value("show server_version"),
        "postgres_settings": {name: bench.psql.value(f"show {name}") for name in (
            "fsync", "synchronous_commit", "shared_buffers", "max_wal_size", "wal_level", "lc_collate")},
        "cores": len(os.sched_getaffinity(0)),
        "processor": processors[0] if processors else platform.machine(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "changes": bench.options.changes, "sessions": bench.options.sessions, "repeat": bench.options.repeat, "set": bench.options.set,
        "bytes_per_change": {load.name: round(load.entry_bytes()) for load in loads},
    }


def print_table(facts, figures):
    messages, mix, ratio = figures["messages"], figures["mix"], figures["ratios"]
    rows = [("", "changes/s", "of its limit", "CPU us/change", "CPU us/row", "peak MiB", "others")]

    def drained(name, part, share):
        one = part["tidemark"]
        rows.append((name, f"{one['rate']:,.0f}", f"{share:.2f}", f"{one['worker_cpu_us_per_change']:.2f}",
                     f"{one['worker_cpu_us_per_row']:.2f}", f"{one['worker_peak_bytes'] / 2**20:.0f}", f"{one['others_share']:.0%}"))
        limited(part["limit"])

    def limited(limit):
        rows.append((f"  the limit: COPY, {limit['order']} order", f"{limit['rate']:,.0f}", "1.00", "", "", "", f"{limit['others_share']:.0%}"))

    drained("Tidemark, messages", messages, ratio["messages_to_limit"])
    drained("Tidemark, mix", mix, ratio["mix_to_limit"])
    for lanes in (1, 2):
        loop = messages[f"c_loop_{lanes}"]
        rows.append((f"C loop, messages, {lanes} lane{'s' * (lanes - 1)}", f"{loop['rate']:,.0f}",
                     f"{loop['rate'] / messages['c_loop_limit']['rate']:.2f}", f"{loop['cpu_us_per_row']:.2f}", f"{loop['cpu_us_per_row']:.2f}", "",
                     f"{loop['others_share']:.0%}"))
    limited(messages["c_loop_limit"])
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print()
    print(f"Tidemark to the C loop, messages: {ratio['messages_to_c_loop_1']:.2f} of one lane, {ratio['messages_to_c_loop_2']:.2f} of two; "
          f"CPU {ratio['cpu_per_row_to_c_loop']:.2f} times a row, {ratio['cpu_per_change_to_c_loop']:.2f} times a change")
    for name, part in (("messages", messages), ("mix", mix)):
        one = part["tidemark"]
        print(f"{name}: {one['seconds']:.2f} s; CPU seconds: worker {one['worker_cpu_seconds']:.2f}, Postgres {one['postgres_cpu_seconds']:.2f}, "
              f"Redis {one['redis_cpu_seconds']:.2f}; {one['rows']:,.0f} rows: "
              + ", ".join(f"{table} {count:,.0f}" for table, count in one["tables"].items()))
    print(f"one-row INSERT + COMMIT: p50 {figures['round_trip']['p50_microseconds']:.0f} us, p99 {figures['round_trip']['p99_microseconds']:.0f} us")
    print(f"{facts['changes']:,} changes a set ({', '.join(f'{name} {size} bytes' for name, size in facts['bytes_per_change'].items())}), "
          f"{facts['sessions']:,} sessions, {facts['repeat']} run(s)")
    print(f"Tidemark {facts['tidemark']}, Redis {facts['redis']}, PostgreSQL {facts['postgres']}; {facts['cores']} cores, {facts['processor']}, "
          f"{facts['system']}; load before {facts['load_before']:.2f}")


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="tidemark-bench-", dir="/tmp")
    os.chmod(folder, 0o755)  # Postgres' user must pass
    bench = None
    try:
        loads = [Load(name, getattr(Generator(options.seed, options.sessions), name)(options.changes)) for name in ("messages", "mix")]
        bench = Bench(options, folder)
        facts = about(bench, loads)
        results = []
        for run in range(options.repeat):
            say(f"run {run + 1} of {options.repeat}")
            results.append(bench.measure(*loads))
        figures = median(results)
        if options.json:
            print(json.dumps({"about": facts, "median": figures, "runs": results}, indent=2))
        else:
            print_table(facts, figures)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if bench:
            bench.close()
        if options.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
