"""Everything that runs: the Redis, the Postgres pair, proxies, workers, producers; and what became of them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict

from chaos.cluster import Cluster
from chaos.cluster_redis import ClusterRedis
from chaos.faults import CLUSTER, SENTINEL
from chaos.ledger_files import CanaryLedger
from chaos.one_redis import OneRedis
from chaos.proxies import WorkerProxies
from chaos.removals import Removals
from chaos.sentinel_redis import SentinelRedis
from pgwire import PostgresError
from proof import migrate
from resp import RespError, entry_id
from servers import Worker, die_with_parent
from workload import LANES, Entry, lane_of

PRODUCERS = 3
HERE = os.path.dirname(os.path.abspath(__file__))
# Faults hold a standby's replication up for less than this: so long what was committed stays in Redis, for the standby that lacks it.
TRIM_KEEP_SECONDS = 15
# The longest that is waited for lanes of servers that are well, while another is not.
OTHERS_SECONDS = 30


class World:
    def __init__(self, options, plan, folder, events):
        self.folder, self.events, self._options = folder, events, options
        self.removals = Removals()
        self.marks_may_lead = False
        self.lease_seconds = options.lease_seconds
        self._spared = None
        self._opened = []
        # By the fault that made lanes of other servers wait: for how long, in seconds.
        self.waits_of_others = defaultdict(list)
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
        self._canaries = CanaryLedger(f"{folder}/ledgers/canaries")
        self._canary_sessions = canary_sessions()
        self.producers = []
        events.note(f"{self.redis}, {len(self.cluster.nodes)} Postgres")

    def _open(self, process):
        self._opened.append(process)
        return process

    def configure(self, number, batch):
        """Writes a worker's configuration file, which a reload reads again."""
        proxies = self.proxies[number]
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies.postgres)
        settings = {"max_entries": 5000, "max_bytes": "8MiB", "max_delay": "0ms", **batch}
        redis_url = self.redis.worker_url(proxies.redis.port if proxies.redis else None)
        text = f"""
redis: {{ url: "{redis_url}" }}
postgres: {{ url: "postgresql://tidemark@{hosts}/tidemark?target_session_attrs=read-write" }}
lease: {{ ttl: {round(self.lease_seconds * 1000)}ms }}
retry: {{ cap: 2s }}
checkpoint: {{ interval: 1s }}
trim: {{ keep: {TRIM_KEEP_SECONDS}s }}
batch: {{ {", ".join(f"{name}: {value}" for name, value in settings.items())} }}
http: {{ listen: "off" }}
"""
        path = f"{self.workers[number].folder}/tidemark.yaml"
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(text.lstrip())
        os.replace(f"{path}.new", path)

    def begin(self, plan):
        migrate(self.workers[0])
        for worker in self.workers:
            worker.start()
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
            if worker is self._spared:
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
        self._spared = worker
        self.rest(seconds)
        self._spared = None

    def wait_for(self, what, seconds, condition):
        """Like `rest`, until something is so."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited {seconds} s in vain: {what}")
            self.rest(0.05)

    def freeze_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)

    def thaw_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGCONT)

    def write_canaries(self, but=()):
        """One entry to each lane, except some; returns their places (lane, milliseconds, number)."""
        places = []
        for session in self._canary_sessions:
            if lane_of(session) not in but:
                places.append((lane_of(session), *entry_id(self._write_canary(session))))
        return places

    def note_wait_of_others(self, kind, lanes):
        """How long entries wait that are written now to all lanes but these."""
        begun = time.monotonic()
        places = self.write_canaries(but=lanes)
        while self.canaries_missing(places) and time.monotonic() - begun < OTHERS_SECONDS:
            self.look_after()
            time.sleep(0.02)
        self.waits_of_others[kind].append(time.monotonic() - begun)

    def _write_canary(self, session):
        deadline = time.monotonic() + 20
        while True:
            fields = {"role": "canary", "content": "are you there?", "message_id": f"canary-{uuid.uuid4()}"}
            entry = Entry(str(uuid.uuid4()), session, "message.appended", fields)
            try:
                identifier = self.redis.call(entry.lane, *entry.command()).decode()
            except (OSError, RespError) as error:
                if isinstance(error, OSError):
                    self._canaries.note("unknown", entry)
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no canary can be written: {error}") from None
                time.sleep(0.1)
                continue
            self._canaries.note("acknowledged", entry, identifier, self.redis.answered_by)
            return identifier

    def canaries_missing(self, places):
        """How many of them are not committed yet; all of them when nobody can tell."""
        wanted = ", ".join(f"('{lane}', {ms}, {no})" for lane, ms, no in places)
        try:
            found = self.cluster.ask(f"select count(*) from tidemark.changes where (lane, entry_ms, entry_no) in ({wanted})")
            return len(places) - int(found[0][0])
        except (OSError, PostgresError):
            return len(places)

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


def canary_sessions():
    """A session for each lane."""
    sessions, rng = {}, random.Random(0)
    while len(sessions) < len(LANES):
        session = f"canary-{rng.getrandbits(32):08x}"
        sessions.setdefault(lane_of(session), session)
    return list(sessions.values())
