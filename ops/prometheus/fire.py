#!/usr/bin/env python3
"""Makes the alerts of rules.yml fire by real faults, and stop after the fix.

Standard library only. Starts its own Redis, Postgres, workers, load and Prometheus (the program of Debian's package `prometheus`, on
PATH or given with --prometheus), all on loopback below /tmp. Exit 0: every alert that was asked for fired and stopped; 1: one did not.
README.md beside this file says what was measured.

--calm MINUTES does the opposite: load, restarts of workers and servers, the rules unchanged, and no alert may fire.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proof"))

from proof import migrate, run  # noqa: E402
from resp import RespError  # noqa: E402
from servers import Postgres, Redis, Worker, die_with_parent, find_binary, free_port, program, say, wait_for  # noqa: E402

LANE = "tidemark:{5}:changes"
LANES = ["tidemark:{%d}:changes" % number for number in range(16)]
# A session of lane 5: crc_hqx of its name modulo 16 is 5.
SESSION = "fire-3"

# What the rules wait for, in seconds instead of minutes. Recording rules count samples of their group's interval, which becomes 1 s.
SHORTER = [
    (r"interval: 15s", "interval: 1s"), (r"\* 15 / ", "* 1 / "),
    (r"for: (30m|1h)\b", "for: 30s"), (r"for: (10|15|20)m\b", "for: 15s"), (r"for: (1|2|5)m\b", "for: 5s"),
    (r"(tidemark_[a-z_]+(?:\{[^}]*\})?)\[15m\] offset 5m", r"\1[30s] offset 10s"),
    (r"(tidemark_[a-z_]+(?:\{[^}]*\})?)\[15m\]", r"\1[45s]"), (r"(tidemark_[a-z_]+(?:\{[^}]*\})?)\[(10|5)m\]", r"\1[20s]"),
    (r"\[30m\] offset 15m", "[30s] offset 10s"), (r"(tidemark_[a-z_]+)\[2h\]", r"\1[45s]"),
    (r"< 900", "< 45"), (r"> 1200", "> 40"), (r"> 3600", "> 20"),
]


def arguments():
    parser = argparse.ArgumentParser(description="Makes the alerts fire by real faults, and stop after the fix.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--prometheus", help="the prometheus executable (default: on PATH)")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this fault, by its name in the table; may be given several times")
    parser.add_argument("--calm", type=float, metavar="MINUTES", help="no faults but deploys and failovers: no alert may fire")
    parser.add_argument("--rate", type=int, default=50, help="changes a second (default %(default)s)")
    parser.add_argument("--wait", type=float, default=150, help="seconds for an alert to fire, and to stop (default %(default)s)")
    parser.add_argument("--hold", type=float, metavar="SECONDS", help="let everything run for so long at the end, to look at it")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    options = parser.parse_args()
    options.seed = 0
    return options


class Prometheus:
    def __init__(self, executable, folder, rules, scrape, evaluation, ports):
        os.makedirs(folder)
        self.url = f"http://127.0.0.1:{free_port()}"
        with open(f"{folder}/rules.yml", "w", encoding="utf-8") as file:
            file.write(rules)
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        with open(f"{folder}/prometheus.yml", "w", encoding="utf-8") as file:
            file.write(f"global: {{ scrape_interval: {scrape}, scrape_timeout: 5s, evaluation_interval: {evaluation} }}\n")
            file.write("rule_files: [rules.yml]\n")
            file.write(f"scrape_configs:\n  - job_name: tidemark\n    static_configs:\n      - targets: [{targets}]\n")
        with open(f"{folder}/prometheus.log", "ab") as log:
            self._process = subprocess.Popen(
                [executable, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address={self.url[7:]}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent, cwd=folder)
        wait_for("Prometheus answers", 60, self._answers)

    def _answers(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"Prometheus ended with {self._process.returncode}")
        try:
            self.get("/api/v1/rules")
            return True
        except (OSError, urllib.error.URLError):
            return False

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))["result"]

    def alerts(self):
        """The labels of the alerts that fire."""
        return [alert["labels"] for alert in self.get("/api/v1/alerts")["alerts"] if alert["state"] == "firing"]

    def firing(self):
        return {labels["alertname"] for labels in self.alerts()}

    def close(self):
        self._process.kill()
        self._process.wait()


class Installation:
    """Servers, two workers, load, and what the faults do with them."""

    def __init__(self, options, folder, started):
        self.options, self.folder, self.started = options, folder, started
        self.binary = find_binary(options.binary)
        self.redis = Redis(f"{folder}/redis", settings=("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"))
        started.append(self.redis)
        self.postgres = Postgres(f"{folder}/postgres")
        started.append(self.postgres)
        self.ports = [free_port(), free_port()]
        self.workers = [self._worker(number, port) for number, port in enumerate(self.ports)]
        migrate(self.workers[0])
        self.start_workers()
        self.load = None
        self.start_load()

    def _worker(self, number, port):
        folder = f"{self.folder}/worker-{number}"
        os.makedirs(folder)
        with open(f"{folder}/tidemark.yaml", "w", encoding="utf-8") as file:
            file.write("dead_letters: { halt_after: 20 }\n")
            if not self.options.calm:
                file.write("trim: { keep: 2s }\nlease: { ttl: 4s }\nseal: { interval: 1s }\nreconcile: { interval: 1s }\n")
        worker = Worker(self.binary, folder, {
            "TIDEMARK_REDIS_URL": self.redis.url, "TIDEMARK_POSTGRES_URL": self.postgres.url,
            "TIDEMARK_HTTP_LISTEN": f"127.0.0.1:{port}", "PGAPPNAME": ""})
        self.started.append(worker)
        return worker

    def wait_until_ready(self):
        for port in self.ports:
            wait_for("the worker is ready", 120, lambda: is_ready(port))

    def start_load(self):
        with open(f"{self.folder}/load.log", "ab") as log:
            self.load = subprocess.Popen(
                [self.binary, "agents", "--rate", str(self.options.rate), "--agents", "20"], cwd=self.workers[0].folder,
                env=self.workers[0].environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)

    def stop_load(self):
        self.load.terminate()
        self.load.wait()

    def command(self, *arguments):
        done = self.workers[0].command(*arguments)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"tidemark {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def sql(self, text):
        return self.postgres.query(text, admin=True, database="tidemark")

    def append(self, count=1, lane=LANE, identifier="*", **fields):
        fields = {"type": "message.appended", "session": SESSION, "role": "user", "content": "x", **fields}
        flat = [part for pair in fields.items() for part in pair]
        return [self.redis.connection.call("XADD", lane, identifier, *flat) for _ in range(count)]

    def signal_all(self, number):
        for worker in self.workers:
            worker.signal(number)

    def stop_worker(self, number):
        code = self.workers[number].terminate()
        if code != 0:
            raise RuntimeError(f"a worker ended with {code}")

    def stop_workers(self):
        for number in range(len(self.workers)):
            self.stop_worker(number)

    def start_workers(self):
        for worker in self.workers:
            worker.start()

    def restart_redis(self, away=0.0):
        self.redis.stop()
        time.sleep(away)
        self.redis.start()

    def lock(self, statement):
        """Holds a lock in a session of its own until the returned process is ended."""
        session = subprocess.Popen(
            [program("psql"), "-X", "-q", "-d", f"postgresql://postgres@127.0.0.1:{self.postgres.port}/tidemark"], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        session.stdin.write(f"begin; {statement};\n")
        session.stdin.flush()
        return session


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def end(session):
    session.kill()
    session.wait()


# Each fault: its name, the alerts that it must make fire, what breaks, and what mends. `state` passes something from one to the other.

def lose_entries(at, state):
    at.command("lanes", "pause", LANE)
    wait_for("the lane is paused", 60, lambda: json_lane(at)["state"] == "paused")
    at.append(5)
    at.redis.connection.call("XTRIM", LANE, "MAXLEN", 0)
    at.command("lanes", "resume", LANE)


def lose_entries_without_worker(at, state):
    at.stop_load()
    at.stop_workers()
    at.append(7)
    at.redis.connection.call("XTRIM", LANE, "MAXLEN", 0)
    at.start_workers()
    at.start_load()


def json_lane(at, lane=LANE):
    return next(row for row in json.loads(at.command("status", "--json"))["lanes"] if row["lane"] == lane)


def acknowledge(at, state):
    at.command("lanes", "ack", "--all")


def replace_stream(at, state):
    at.append()
    at.redis.connection.call("DEL", LANE)
    at.append()


def reuse_identifier(at, state):
    """An entry comes back under its id with other content, as after a restore of an edited copy."""
    at.command("lanes", "pause", *LANES)
    at.stop_load()
    identifier = at.append()[0]
    at.command("lanes", "resume", LANE)
    wait_for("the entry is committed", 60, lambda: json_lane(at)["entry_id"] == identifier.decode())
    at.redis.connection.call("DEL", LANE)
    at.append(identifier=identifier, content="another text")
    at.append(event_id="fire-1", content="first")
    at.append(event_id="fire-1", content="second")


def after_reuse(at, state):
    at.command("lanes", "resume", *LANES)
    at.start_load()
    wait_for("the dead letter can be discarded", 60, lambda: json_lane(at)["dead_letters_open"] >= 1)
    at.command("dead-letters", "discard", "--lane", LANE, "--because", "fire.py")
    at.command("lanes", "ack", "--all")


def bad_entries(at, state):
    at.append(3, role="")


def halting_entries(at, state):
    at.stop_load()
    time.sleep(1)
    at.append(25, role="")


def discard(at, state):
    at.command("dead-letters", "discard", "--reason", "missing_field", "--because", "fire.py")
    if at.load.poll() is not None:
        at.start_load()


def miscount(at, state):
    at.stop_workers()
    at.sql(f"update tidemark.lanes set applied_total = applied_total + 2 where lane = '{LANE}'")
    at.start_workers()


def count_again(at, state):
    at.stop_workers()
    at.sql(f"update tidemark.lanes set applied_total = applied_total - 2 where lane = '{LANE}'")
    at.start_workers()


def lose_commits(at, state):
    """Postgres comes back from a copy of its files, on the same timeline."""
    at.postgres.stop("fast")
    copy = f"{at.folder}/copy"
    subprocess.run(["cp", "-a", at.postgres.data, copy], check=True)
    at.postgres.start()
    before = int(at.sql("select coalesce(sum(applied_total), 0) from tidemark.lanes")[0])
    wait_for("commits", 60, lambda: int(at.sql("select sum(applied_total) from tidemark.lanes")[0]) > before + 50)
    at.postgres.stop("immediate")
    subprocess.run(["rm", "-rf", at.postgres.data], check=True)
    subprocess.run(["mv", copy, at.postgres.data], check=True)
    at.postgres.start()


def unowned(at, state):
    """A session holds the rows of leases while the workers restart: they can't acquire lanes."""
    at.stop_workers()
    state["session"] = at.lock("select * from tidemark.leases for update")
    time.sleep(1)
    at.start_workers()


def flap(at, state):
    for _ in range(8):
        at.stop_worker(1)
        at.workers[1].start()
        time.sleep(8)


def suspend(at, state):
    for turn in range(6):
        worker = at.workers[turn % 2]
        worker.signal(signal.SIGSTOP)
        time.sleep(7)
        worker.signal(signal.SIGCONT)
        time.sleep(4)


def wrong_reload(at, state):
    with open(f"{at.workers[0].folder}/tidemark.yaml", encoding="utf-8") as file:
        state["text"] = file.read()
    with open(f"{at.workers[0].folder}/tidemark.yaml", "a", encoding="utf-8") as file:
        file.write("batch: { max_entries: many }\n")
    at.workers[0].signal(signal.SIGHUP)


def right_reload(at, state):
    with open(f"{at.workers[0].folder}/tidemark.yaml", "w", encoding="utf-8") as file:
        file.write(state["text"])
    at.workers[0].signal(signal.SIGHUP)


def configure_comparison(text):
    def change(at, state):
        for worker in at.workers:
            with open(f"{worker.folder}/tidemark.yaml", encoding="utf-8") as file:
                before = file.read()
            with open(f"{worker.folder}/tidemark.yaml", "w", encoding="utf-8") as file:
                file.write(re.sub("reconcile: .*", f"reconcile: {text}", before))
            worker.signal(signal.SIGHUP)
    return change


def full_memory(at, state):
    used = int(re.search(rb"used_memory:(\d+)", at.redis.connection.call("INFO", "memory"))[1])
    at.redis.connection.call("CONFIG", "SET", "maxmemory", used * 11 // 10)


def wrong_key(at, state):
    at.command("lanes", "pause", LANE)
    time.sleep(2)
    at.redis.connection.call("RENAME", LANE, "fire:kept{5}")
    at.redis.connection.call("SET", LANE, "not a stream")
    at.command("lanes", "resume", LANE)


def right_key(at, state):
    at.redis.connection.pipeline([("DEL", LANE), ("RENAME", "fire:kept{5}", LANE)])
    at.command("lanes", "retry", LANE)
    acknowledge(at, state)


def hold(statement):
    def fault(at, state):
        state["session"] = at.lock(statement)
    return fault


def configure(name, value):
    return lambda at, state: at.redis.connection.call("CONFIG", "SET", name, value)


def sql(text):
    return lambda at, state: at.sql(text)


def seals_unknown(at, state):
    at.stop_workers()
    at.sql("revoke select on tidemark.seals from tidemark")
    at.start_workers()


def release(at, state):
    end(state["session"])


FAULTS = [
    ("postgres stopped", ["TidemarkPostgresDown"], lambda at, state: at.postgres.stop("fast"), lambda at, state: at.postgres.start()),
    ("redis suspended", ["TidemarkRedisDown"], lambda at, state: at.redis._process.send_signal(signal.SIGSTOP),
     lambda at, state: at.redis._process.send_signal(signal.SIGCONT)),
    ("one worker stopped", ["TidemarkWorkerDown"], lambda at, state: at.stop_worker(1), lambda at, state: at.workers[1].start()),
    ("all workers stopped", ["TidemarkNoWorker"], lambda at, state: at.stop_workers(), lambda at, state: at.start_workers()),
    ("eviction policy", ["TidemarkEvictionUnsafe"], configure("maxmemory-policy", "allkeys-lru"),
     configure("maxmemory-policy", "noeviction")),
    ("redis' memory full", ["TidemarkAgentsStopped"], full_memory, configure("maxmemory", "0")),
    ("entries trimmed", ["TidemarkEntriesMissing", "TidemarkGapsOpen"], lose_entries, acknowledge),
    ("entries trimmed without a worker", ["TidemarkEntriesMissing"], lose_entries_without_worker, acknowledge),
    ("stream deleted", ["TidemarkStreamReplaced"], replace_stream, acknowledge),
    ("entry id and event_id used twice", ["TidemarkDivergence"], reuse_identifier, after_reuse),
    ("bad entries", ["TidemarkDeadLettersIncrease", "TidemarkDeadLettersOpen"], bad_entries, discard),
    ("many bad entries in a row", ["TidemarkLaneHalted"], halting_entries, discard),
    ("a count changed in Postgres", ["TidemarkAccountingError"], miscount, count_again),
    ("older files of Postgres", ["TidemarkPostgresRewound"], lose_commits, acknowledge),
    ("leases locked", ["TidemarkLanesUnowned"], unowned, release),
    ("a worker restarts again and again", ["TidemarkLeasesFlap"], flap, lambda at, state: None),
    ("workers suspended in turn", ["TidemarkTransactionsFenced"], suspend, lambda at, state: None),
    ("a table locked", ["TidemarkCommitsRetried"], hold("lock table tidemark.change_log in access exclusive mode"), release),
    ("a group that does not read", ["TidemarkTrimBlocked"],
     lambda at, state: at.redis.connection.call("XGROUP", "CREATE", LANE, "billing", "$") and at.append(),
     lambda at, state: at.redis.connection.call("XGROUP", "DESTROY", LANE, "billing")),
    ("no right to write seals", ["TidemarkSealsBehind"], sql("revoke insert on tidemark.seals from tidemark"),
     sql("grant insert on tidemark.seals to tidemark")),
    ("no right to read seals", ["TidemarkSealsUnknown"], seals_unknown, sql("grant select on tidemark.seals to tidemark")),
    ("more is written than compared", ["TidemarkReconciliationBehind"],
     configure_comparison("{ interval: 1s, rate: 1 }"), configure_comparison("{ interval: 1s }")),
    ("wrong configuration", ["TidemarkReloadFailed"], wrong_reload, right_reload),
    ("a lane's key is no stream", ["TidemarkLagUnknown"], wrong_key, right_key),
    ("all lanes paused", ["TidemarkFreshnessBurnsFast"], lambda at, state: at.command("lanes", "pause", *LANES),
     lambda at, state: at.command("lanes", "resume", *LANES)),
]


def make_fire(at, prometheus, fault, patience):
    """Returns the rows of the table: fault, alert, seconds to fire, seconds to stop, other alerts; None for what did not happen."""
    name, expected, break_it, fix_it = fault
    state, fired, others = {}, {}, set()
    say(f"{name} ...")
    began = time.monotonic()
    break_it(at, state)
    while len(fired) < len(expected) and time.monotonic() < began + patience + 120:
        firing = prometheus.firing()
        for alert in expected:
            if alert in firing:
                fired.setdefault(alert, time.monotonic() - began)
        others |= firing - set(expected)
        time.sleep(0.5)
    fix_it(at, state)
    fixed, stopped = time.monotonic(), {}
    while len(stopped) < len(fired) and time.monotonic() < fixed + patience + (330 if "TidemarkFreshnessBurnsFast" in fired else 60):
        firing = prometheus.firing()
        for alert in fired:
            if alert not in firing:
                stopped.setdefault(alert, time.monotonic() - fixed)
        others |= firing - set(expected)
        time.sleep(0.5)
    rows = [(name, alert, fired.get(alert), stopped.get(alert), sorted(others)) for alert in expected]
    for row in rows:
        print(line(row), flush=True)
    return rows


def line(row):
    def seconds(value):
        return "never" if value is None else f"{value:.0f}"
    return f"| {row[0]} | {row[1]} | {seconds(row[2])} | {seconds(row[3])} | {', '.join(row[4])} |"


def settle(prometheus, patience):
    """Waits until nothing fires any more but the sums over hours, which keep what was."""
    wait_for("no alert fires", patience + 120, lambda: not {a for a in prometheus.firing() if not a.startswith("TidemarkFreshness")})


def calm(options, at, prometheus):
    """Deploys, failovers and load; returns the alerts that fired."""
    until, turn, fired = time.monotonic() + options.calm * 60, 0, {}
    while time.monotonic() < until:
        at.wait_until_ready()
        step = ("worker 0", "worker 1", "postgres", "redis")[turn % 4]
        say(f"restarting {step}")
        if step.startswith("worker"):
            at.stop_worker(turn % 4)
            time.sleep(3)
            at.workers[turn % 4].start()
        elif step == "postgres":
            at.postgres.stop("fast")
            time.sleep(20)
            at.postgres.start()
        else:
            at.restart_redis(away=20)
        turn += 1
        pause = min(until, time.monotonic() + 540)
        while time.monotonic() < pause:
            for labels in prometheus.alerts():
                fired.setdefault(json.dumps(labels, sort_keys=True), time.monotonic())
            if at.load.poll() is not None:
                at.start_load()
            time.sleep(5)
    print(f"{options.calm:g} minutes, {turn} restarts, {len(fired)} false alarms")
    for labels in fired:
        print(f"  {labels}")
    return fired


def prove(options, seed, folder):
    executable = options.prometheus or program("prometheus")
    with open(f"{HERE}/rules.yml", encoding="utf-8") as file:
        rules = file.read()
    if not options.calm:
        for pattern, shorter in SHORTER:
            rules, count = re.subn(pattern, shorter, rules)
            if count == 0:
                raise RuntimeError(f"nothing in rules.yml is like {pattern}")
    started = []
    try:
        at = Installation(options, folder, started)
        prometheus = Prometheus(executable, f"{folder}/prometheus", rules, *(("15s", "15s") if options.calm else ("5s", "1s")), at.ports)
        started.append(prometheus)
        at.wait_until_ready()
        if options.calm:
            return not calm(options, at, prometheus)
        time.sleep(15)
        if prometheus.firing():
            raise RuntimeError(f"before the first fault there fires {prometheus.firing()}")
        print("| fault | alert | s to fire | s to stop after the fix | also fired |\n|---|---|---|---|---|", flush=True)
        rows = []
        for fault in FAULTS:
            if options.only and fault[0] not in options.only:
                continue
            rows += make_fire(at, prometheus, fault, options.wait)
            try:
                settle(prometheus, options.wait)
            except TimeoutError:
                say(f"still fires: {prometheus.firing()}")
        if options.hold:
            say(f"Prometheus answers at {prometheus.url} for {options.hold:g} s")
            time.sleep(options.hold)
        return all(row[2] is not None and row[3] is not None for row in rows)
    finally:
        for server in reversed(started):
            try:
                server.close()
            except (OSError, RespError) as error:
                say(f"could not end a process: {error}")


if __name__ == "__main__":
    sys.exit(run(arguments(), prove))
