"""Everything that runs: the Redis, the Postgres pair, proxies, workers, producers; and what became of them."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

from chaos.author import Author, message
from chaos.checker import WAITED
from chaos.cluster import Cluster
from chaos.cluster_redis import ClusterRedis
from chaos.faults import CLUSTER, SENTINEL
from chaos.marks import read_marks
from chaos.one_redis import OneRedis
from chaos.proxies import WorkerProxies
from chaos.removals import Removals, now_ms
from chaos.sentinel_redis import SentinelRedis
from chaos.witnessed import Witness
from pgwire import PostgresError
from proof import migrate
from resp import RespError
from servers import Worker, die_with_parent
from workload import LANES, lane_of

PRODUCERS = 3
HERE = os.path.dirname(os.path.abspath(__file__))
# Faults hold a standby's replication up for less than this: so long what was committed stays in Redis, for the standby that lacks it.
TRIM_KEEP_SECONDS = 15
# The longest that is waited for lanes of servers that are well, while another is not.
OTHERS_SECONDS = 30
# What an entry may wait that has nothing to do with the fault. A machine that does much other work lets all entries wait, so at least so many
# times what they wait without a fault is allowed.
INNOCENT_SECONDS, INNOCENT_MULTIPLE = 5, 3
# What Redis may send when nothing but the usual load comes in.
QUIET_SECONDS, QUIET_BYTES_A_SECOND = 4, 10_000_000
# Streams beside the built-in lanes, for faults that want some of their own: jobs end and their streams with them, ids are no moments.
STREAM_PATTERNS = ["jobs:*:events", "ids:*:events", "own:*:events"]
# How far back event ids count where a fault waits for longer than that.
SHORT_WINDOW_SECONDS = 5


class World:
    def __init__(self, options, plan, folder, events, verdict):
        self.folder, self.events, self.verdict, self._options = folder, events, verdict, options
        self.binary = plan.binary
        self.removals = Removals()
        self.marks_may_lead = False
        self.lease_seconds = options.lease_seconds
        # Workers that a fault has ended.
        self._spared = frozenset()
        self._opened = []
        # By the fault that made the lanes of other servers, or those that it did not touch, wait: for how long, in seconds.
        self.waits_of_others = defaultdict(list)
        # What faults brought about, for the report, by its name.
        self.situations = Counter()
        # Lanes whose last ids no cursor can hold.
        self.unreachable_lanes = set()
        # By the fault that must not make other lanes wait: how long they waited, and how long they may have.
        self.judged_waits = defaultdict(list)
        # What agents were told each time that Redis was full.
        self.levels_when_full = []
        self._settings = plan.settings
        self.redis = self._open(open_redis(options.redis, plan, folder))
        self.cluster = self._open(Cluster(folder, plan.wants_standby, plan.wants_small_disk))
        self.proxies, self.workers = [], []
        for number in range(1, options.workers + 1):
            place = f"{folder}/worker-{number}"
            os.makedirs(place)
            ports = [node.port for node in self.cluster.nodes]
            redis_port = self.redis.server.port if self.redis.has_proxy else None
            proxies = WorkerProxies(plan.proxy if plan.wants_proxy else None, redis_port, ports, f"{place}/proxy.log")
            self.proxies.append(proxies)
            for proxy in proxies.all:
                self._open(proxy)
            self.workers.append(self._open(Worker(plan.binary, place, {})))
            self.configure(number - 1, {})
        os.makedirs(f"{folder}/ledgers")
        self.author = Author(self.redis, f"{folder}/ledgers/of-the-run")
        self.canary_sessions = canary_sessions()
        self.producers = []
        events.note(f"{self.redis}, {len(self.cluster.nodes)} Postgres")

    def _open(self, process):
        self._opened.append(process)
        return process

    def configure(self, number, changed):
        """Writes a worker's configuration file, which a reload reads again. `changed` are the sections that shall differ from the usual."""
        proxies = self.proxies[number]
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies.postgres)
        self.write_settings(self.workers[number].folder, {
            "redis": {"url": self.redis.worker_url(proxies.redis.port if proxies.redis else None)},
            "postgres": {"url": f"postgresql://tidemark@{hosts}/tidemark?target_session_attrs=read-write"}, **changed})

    def configure_all(self, changed):
        for number in range(len(self.workers)):
            self.configure(number, changed)

    def write_settings(self, folder, changed):
        """A configuration file below a folder: the usual settings of the run, and what is changed in them."""
        sections = {
            "lease": {"ttl": f"{round(self.lease_seconds * 1000)}ms"}, "retry": {"cap": "2s"}, "checkpoint": {"interval": "1s"},
            "trim": {"keep": f"{TRIM_KEEP_SECONDS}s"}, "batch": {"max_entries": 5000, "max_bytes": "8MiB", "max_delay": "0ms"},
            "http": {"listen": "off"}, **self._settings}
        for name, value in changed.items():
            sections[name] = {**sections.get(name, {}), **value} if isinstance(value, dict) else value
        path = f"{folder}/tidemark.yaml"
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            # JSON is YAML, too.
            file.writelines(f"{name}: {json.dumps(value)}\n" for name, value in sections.items())
        os.replace(f"{path}.new", path)

    def begin(self, plan):
        migrate(self.workers[0])
        for worker in self.workers:
            worker.start()
        if self._options.workload == "witness":
            self.witness = Witness(self.folder, plan, self._options, self.redis.url, [node.port for node in self.cluster.nodes],
                                   plan.rng("witness").getrandbits(32))
            self.producers.append(self.witness.start())
            return
        seeds = plan.rng("producers")
        for number in range(1, PRODUCERS + 1):
            self.producers.append(subprocess.Popen(
                [sys.executable, "-B", f"{HERE}/producer.py", "--url", self.redis.url, "--seed", str(seeds.getrandbits(32))]
                + (["--patient"] if number == 1 or self.redis.has_proxy else [])
                + ["--rate", str(self._options.rate / PRODUCERS), "--sessions", str(self._options.sessions)]
                + ["--ledger", f"{self.folder}/ledgers/producer-{number}"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent))

    def look_after(self):
        """A worker that ended by itself is started again and counts in the verdict; a producer must not end."""
        for worker in self.workers:
            if worker in self._spared:
                continue
            exits = len(worker.exits)
            worker.keep_up()
            if len(worker.exits) > exits:
                self.events.note(f"a worker ended by itself with {worker.exits[-1]}")
        for producer in self.producers:
            if producer.poll() is not None:
                raise RuntimeError(f"a producer ended with {producer.returncode}")

    def rest(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.look_after()
            time.sleep(min(0.1, left))

    def rest_of_others(self, worker, seconds):
        """Like `rest`, while one worker is dead on purpose."""
        with self.without([worker]):
            self.rest(seconds)

    @contextlib.contextmanager
    def without(self, workers):
        """Within it, these workers are dead on purpose."""
        self._spared = frozenset(workers)
        try:
            yield
        finally:
            self._spared = frozenset()

    def wait_for(self, what, seconds, condition):
        """Like `rest`, until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s in vain: {what}")
            self.rest(0.05)

    def reload_all(self, changed):
        """Other settings for all workers, by SIGHUP."""
        self.configure_all(changed)
        for worker in self.workers:
            worker.signal(signal.SIGHUP)

    def new_stream(self, kind):
        """The name of a stream of a fault's own, which is a lane by its pattern once something is written to it."""
        lane = f"{kind}:{len(self.removals.births) + 1}:events"
        self.removals.births[lane] = now_ms()
        return self.redis.add_lane(lane)

    @property
    def lanes_with_cursors(self):
        return [lane for lane in list(self.redis.lanes) if lane not in self.unreachable_lanes]

    def freeze_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)

    def thaw_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGCONT)

    def write_canaries(self, but=()):
        """One entry to each lane, except some; returns their places (lane, milliseconds, number)."""
        return [
            (lane_of(session), *self.author.write_surely(lambda: canary(session)))
            for session in self.canary_sessions if lane_of(session) not in but]

    def note_wait_of_others(self, kind, lanes):
        """How long entries wait that are written now to all lanes but these, in seconds; returns it."""
        begun = time.monotonic()
        places = self.write_canaries(but=lanes)
        while self.canaries_missing(places) and time.monotonic() - begun < OTHERS_SECONDS:
            self.look_after()
            time.sleep(0.02)
        self.waits_of_others[kind].append(time.monotonic() - begun)
        return self.waits_of_others[kind][-1]

    def ordinary_wait(self):
        """How long entries wait without a fault, in seconds: the wait of those that a fault must spare is compared with this."""
        begun = time.monotonic()
        places = self.write_canaries()
        while self.canaries_missing(places) and time.monotonic() - begun < OTHERS_SECONDS:
            self.look_after()
            time.sleep(0.02)
        return time.monotonic() - begun

    def judge_waits(self, kind, waits, before):
        """The verdict compares these waits with the ordinary one. Where other programs take the processors, that may have grown since."""
        ordinary = max(before, self.ordinary_wait()) if os.getloadavg()[0] > os.cpu_count() else before
        allowed = max(INNOCENT_SECONDS, INNOCENT_MULTIPLE * ordinary)
        self.judged_waits[kind] += [(seconds, allowed) for seconds in waits]
        self.events.note(f"others waited {max(waits):.2f} s, and {ordinary:.2f} s without the fault")

    def expect_others_soon(self, kind, lanes, before):
        """Notes how long all other lanes wait, again and again until these lanes are done; the verdict then judges it. `before` is the
        ordinary wait before the fault."""
        touched = [session for session in self.canary_sessions if lane_of(session) in lanes]
        places = [(lane_of(session), *self.author.write_surely(lambda: canary(session))) for session in touched]
        deadline = time.monotonic() + OTHERS_SECONDS
        waits = [self.note_wait_of_others(kind, lanes)]
        while self.canaries_missing(places) and time.monotonic() < deadline:
            self.rest(0.3)
            waits.append(self.note_wait_of_others(kind, lanes))
        self.judge_waits(kind, waits, before)

    def expect_quiet(self, kind):
        """After this fault: that Redis does not send what is committed again and again."""
        def sent():
            return sum(int(master.info("stats")["total_net_output_bytes"]) for master in self.redis.masters())

        before = sent()
        self.rest(QUIET_SECONDS)
        rate = (sent() - before) / QUIET_SECONDS
        self.events.note(f"Redis sends {rate / 1e6:.1f} MB a second")
        if rate > QUIET_BYTES_A_SECOND:
            self.verdict.add(WAITED, f"after {kind}, Redis sends {rate / 1e6:.0f} MB a second")

    def canaries_missing(self, places):
        """How many of them are not committed yet; all of them when nobody can tell."""
        wanted = ", ".join(f"('{lane}', {ms}, {no})" for lane, ms, no in places)
        try:
            found = self.cluster.ask(f"select count(*) from tidemark.changes where (lane, entry_ms, entry_no) in ({wanted})")
            return len(places) - int(found[0][0])
        except (OSError, PostgresError):
            return len(places)

    def canary_marks_missing(self, places):
        """How many lanes' durable marks have not come to them; None when nobody can tell."""
        marks = read_marks(self.redis, [lane for lane, _, _ in places])
        return None if marks is None else sum(marks[lane] is None or marks[lane].id < (ms, no) for lane, ms, no in places)

    def stop_producers(self):
        """Ends them, and returns how often a write was refused and how many connections they made."""
        totals = {"refused": 0, "connections": 0}
        for producer in self.producers:
            producer.stdin.close()
        for producer in self.producers:
            output = producer.stdout.read()
            if producer.wait(30) != 0:
                raise RuntimeError(f"a producer ended with {producer.returncode}")
            for name, value in json.loads(output).items():
                totals[name] += value
        self.producers = []
        return totals

    def close(self):
        for producer in self.producers:
            producer.kill()
        for worker in self.workers:
            # One that is stopped would not be seen to end.
            if worker.exit_code() is None:
                worker.signal(signal.SIGCONT)
        for process in reversed(self._opened):
            process.close()


def open_redis(topology, plan, folder):
    rng = plan.rng("redis")
    if topology == SENTINEL:
        return SentinelRedis(folder)
    if topology == CLUSTER:
        return ClusterRedis(folder, serves_in_part=rng.random() < 0.7)
    return OneRedis(folder, rng.choice(["everysec", "always"]) if plan.wants_persistence else None)


def canary(session):
    return message(session, "are you there?")


def canary_sessions():
    """A session for each lane."""
    sessions, rng = {}, random.Random(0)
    while len(sessions) < len(LANES):
        session = f"canary-{rng.getrandbits(32):08x}"
        sessions.setdefault(lane_of(session), session)
    return list(sessions.values())
