"""What workers take of the machine, sampled every second, and the durable marks beside the cursors."""

import os
import threading
import time
from collections import defaultdict

from chaos.checker import AHEAD
from chaos.marks import read_mark
from pgwire import PostgresConnection, PostgresError
from resp import RespError

MEASURES = ("resident MiB", "descriptors", "threads", "Redis connections", "Postgres connections")
INTERVAL = 1.0
# A process grows while it begins: its slope is taken from what follows, where it lives longer than a minute.
WARM_UP_SECONDS = 20
SHORTEST_LIFE_SECONDS = 60


class Sampler(threading.Thread):
    def __init__(self, world, verdict):
        super().__init__(name="sampler", daemon=True)
        self._world, self._verdict = world, verdict
        self._halt = threading.Event()
        self._redis_ports = {proxies.redis.port for proxies in world.proxies if proxies.redis} or {server.port for server in world.redis.servers}
        self._redis = world.redis.router(timeout=2)
        self._postgres_ports = {proxy.port for proxies in world.proxies for proxy in proxies.postgres}
        # process id -> [(seconds, values of MEASURES)]
        self.lives = defaultdict(list)
        self.marks_compared = 0
        self.failure = None

    def run(self):
        try:
            while not self._halt.wait(INTERVAL):
                for worker in self._world.workers:
                    if worker.exit_code() is None:
                        self._sample(worker.pid)
                self._compare_marks()
        except Exception as error:  # the main thread reports it
            self.failure = error

    def stop(self):
        self._halt.set()
        self.join()

    def _sample(self, process):
        try:
            with open(f"/proc/{process}/status", encoding="utf-8") as file:
                status = dict(line.split(":", 1) for line in file)
            links = [os.readlink(f"/proc/{process}/fd/{name}") for name in os.listdir(f"/proc/{process}/fd")]
            peers = established(process)
            resident, threads = int(status["VmRSS"].split()[0]) / 1024, int(status["Threads"])
        except (OSError, KeyError):
            return  # it has just died
        ports = [peers.get(link) for link in links]
        values = (
            resident, len(links), threads, sum(port in self._redis_ports for port in ports),
            sum(port in self._postgres_ports for port in ports))
        self.lives[process].append((time.monotonic(), values))

    def _compare_marks(self):
        """A mark that Redis has before the cursor is read must not be ahead of the cursor, within an incarnation."""
        led, lanes = self._world.marks_may_lead, self._world.lanes_with_cursors
        try:
            marks = [self._mark(lane) for lane in lanes]
            postgres = PostgresConnection(self._world.cluster.primary.port, timeout=2)
            cursors = {row[0]: row[1:] for row in postgres.query("select lane, entry_ms, entry_no, incarnation from tidemark.lanes")}
            postgres.close()
        except (OSError, PostgresError):
            return
        if led or self._world.marks_may_lead:
            return
        for lane, mark in zip(lanes, marks):
            if lane not in cursors or mark is None:
                continue
            ms, no, incarnation = map(int, cursors[lane])
            self.marks_compared += 1
            if mark.incarnation == incarnation and mark.id > (ms, no):
                self._verdict.add(AHEAD, f"{lane}: durable {mark.id[0]}-{mark.id[1]}, the cursor is {ms}-{no}")

    def _mark(self, lane):
        """None where its node does not answer."""
        try:
            return read_mark(self._redis, lane)
        except (OSError, RespError):
            return None

    def slopes(self):
        """For each measure its growth an hour: of the life that grows fastest, and the mean of all by their length."""
        lives = [trimmed for samples in self.lives.values() if len(trimmed := without_warm_up(samples)) > 2]
        result = {}
        for index, name in enumerate(MEASURES):
            values = [sample[1][index] for samples in self.lives.values() for sample in samples]
            slopes = [(hourly(samples, index), samples[-1][0] - samples[0][0]) for samples in lives]
            length = sum(seconds for _, seconds in slopes)
            result[name] = {
                "most": max(values, default=None), "last": values[-1] if values else None,
                "slope an hour, mean": sum(slope * seconds for slope, seconds in slopes) / length if slopes else None,
                "slope an hour, steepest": max((slope for slope, _ in slopes), default=None)}
        return {"lives": len(self.lives), "series": self._series(), "lives with a slope": len(lives), "seconds with a slope": round(sum(
            samples[-1][0] - samples[0][0] for samples in lives)), "measures": result}


    def _series(self):
        """Of each process a hundred samples or so: seconds since the first, then MEASURES."""
        return {
            process: [[round(moment - samples[0][0], 1), *(round(value, 1) for value in values)]
                      for moment, values in samples[::max(1, len(samples) // 100)]]
            for process, samples in self.lives.items()}


def established(process):
    """The port at the other end of each established connection that the process could have, by the name of its descriptor."""
    peers = {}
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{process}/net/{table}", encoding="utf-8") as file:
            next(file)
            for line in file:
                parts = line.split()
                if parts[3] == "01":
                    peers[f"socket:[{parts[9]}]"] = int(parts[2].rsplit(":", 1)[1], 16)
    return peers


def without_warm_up(samples):
    begun = samples[0][0]
    return [sample for sample in samples if sample[0] - begun > WARM_UP_SECONDS] if samples[-1][0] - begun > SHORTEST_LIFE_SECONDS else []


def hourly(samples, index):
    """Least squares."""
    times, values = [sample[0] for sample in samples], [sample[1][index] for sample in samples]
    time_mean, value_mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((moment - time_mean) ** 2 for moment in times)
    return 3600 * sum((moment - time_mean) * (value - value_mean) for moment, value in zip(times, values)) / spread
