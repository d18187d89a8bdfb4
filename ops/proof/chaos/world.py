"""Everything that runs: Redis, the Postgres pair, proxies, workers, producers; and what became of them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid

from chaos.cluster import Cluster
from chaos.ledger_files import CanaryLedger
from chaos.proxies import WorkerProxies
from chaos.removals import Removals
from pgwire import PostgresError
from proof import migrate
from resp import RespError
from servers import Redis, Worker, die_with_parent
from workload import LANES, Entry, lane_of

PRODUCERS = 3
HERE = os.path.dirname(os.path.abspath(__file__))
# Faults hold a standby's replication up for less than this: so long what was committed stays in Redis, for the standby that lacks it.
TRIM_KEEP_SECONDS = 15


class World:
    def __init__(self, options, plan, folder, events):
        self.folder, self.events, self._options = folder, events, options
        self.removals = Removals()
        self.marks_may_lead = False
        self.lease_seconds = options.lease_seconds
        self._spared = None
        self._opened = []
        fsync = plan.rng("redis").choice(["everysec", "always"]) if plan.wants_persistence else None
        persistence = ["--appendonly", "yes", "--appendfsync", fsync] if fsync else ["--appendonly", "no"]
        # Disabled: what FLUSHALL took must not come back from a snapshot of our own making.
        self.redis = self._open(Redis(f"{folder}/redis", ["--save", "", *persistence]))
        self.cluster = self._open(Cluster(folder, plan.wants_standby, plan.wants_small_disk))
        self.proxies, self.workers = [], []
        for number in range(1, options.workers + 1):
            place = f"{folder}/worker-{number}"
            os.makedirs(place)
            ports = [node.port for node in self.cluster.nodes]
            proxies = WorkerProxies(plan.proxy if plan.wants_proxy else None, self.redis.port, ports, f"{place}/proxy.log")
            self.proxies.append(proxies)
            for proxy in proxies.all:
                self._open(proxy)
            self.workers.append(self._open(Worker(plan.binary, place, {})))
            self.configure(number - 1, {})
        os.makedirs(f"{folder}/ledgers")
        self._canaries = CanaryLedger(f"{folder}/ledgers/canaries")
        self._canary_sessions = canary_sessions()
        self.producers = []
        events.note(f"Redis with {'appendfsync ' + fsync if fsync else 'no persistence'}, {len(self.cluster.nodes)} Postgres")

    def _open(self, process):
        self._opened.append(process)
        return process

    def configure(self, number, batch):
        """Writes a worker's configuration file, which a reload reads again."""
        proxies = self.proxies[number]
        hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies.postgres)
        settings = {"max_entries": 5000, "max_bytes": "8MiB", "max_delay": "0ms", **batch}
        text = f"""
redis: {{ url: "redis://127.0.0.1:{proxies.redis.port}/0" }}
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
                [sys.executable, "-B", f"{HERE}/producer.py", "--port", str(self.redis.port), "--seed", str(seeds.getrandbits(32))]
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

    def freeze_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGSTOP)

    def thaw_all(self):
        for worker in self.workers:
            worker.signal(signal.SIGCONT)

    def write_canaries(self):
        """One entry to each lane; returns their places (lane, milliseconds, number)."""
        places = []
        for session in self._canary_sessions:
            identifier = self._write_canary(session)
            ms, _, no = identifier.partition("-")
            places.append((lane_of(session), int(ms), int(no)))
        return places

    def _write_canary(self, session):
        deadline = time.monotonic() + 20
        while True:
            fields = {"role": "canary", "content": "are you there?", "message_id": f"canary-{uuid.uuid4()}"}
            entry = Entry(str(uuid.uuid4()), session, "message.appended", fields)
            try:
                identifier = self.redis.connection.call(*entry.command()).decode()
            except (OSError, RespError) as error:
                if isinstance(error, OSError):
                    self._canaries.note("unknown", entry)
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no canary can be written: {error}") from None
                time.sleep(0.1)
                if isinstance(error, OSError):
                    self.redis.connect()
                continue
            self._canaries.note("acknowledged", entry, identifier)
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
        """Ends them, and returns how often a write was refused and a connection was lost."""
        totals = {"refused": 0, "reconnects": 0}
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


def canary_sessions():
    """A session for each lane."""
    sessions, rng = {}, random.Random(0)
    while len(sessions) < len(LANES):
        session = f"canary-{rng.getrandbits(32):08x}"
        sessions.setdefault(lane_of(session), session)
    return list(sessions.values())
