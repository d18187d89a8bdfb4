"""What a run of the witness alone does to servers and workers. Each fault ends with everybody there again."""

import os
import signal
import time

from resp import RespError
from servers import wait_for

from .watchers import built_in
from .writers import REMOVAL, TRIMMING, destroy, remove


class Harm:
    def __init__(self, site, testimony, random):
        self.site, self._testimony, self._random = site, testimony, random

    def kinds(self):
        return {"worker-kill": self.kill_worker, "worker-freeze": self.freeze_worker, "postgres-crash": self.crash_postgres,
                "postgres-terminate": self.terminate_backends, "redis-kill": self.kill_redis, "redis-cut": self.cut_redis,
                "deleted": self.delete_entries, "trimmed": self.trim_entries, "destroyed": self.destroy_lanes, "flushall": self.flush}

    def do(self, kind):
        self.kinds()[kind]()

    def kill_worker(self):
        worker = self._random.choice(self.site.workers)
        worker.kill()
        time.sleep(self._random.choice((0, 1, 3)))
        worker.start()

    def freeze_worker(self):
        worker = self._random.choice(self.site.workers)
        worker.signal(signal.SIGSTOP)
        time.sleep(5)
        worker.signal(signal.SIGCONT)

    def crash_postgres(self):
        self.site.postgres.stop_immediate()
        time.sleep(self._random.random() * 4)
        self.site.postgres.start()

    def terminate_backends(self):
        self.site.postgres.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'tidemark'", admin=True)

    def kill_redis(self):
        self.site.redis.kill()
        time.sleep(self._random.random())
        self.site.redis.start()

    def cut_redis(self):
        self.site.redis.cut_clients()

    def _unread(self, then):
        """Does something to entries that no worker has read, for all of them stand still."""
        for worker in self.site.workers:
            worker.signal(signal.SIGSTOP)
        time.sleep(1.5)
        try:
            then()
        finally:
            for worker in self.site.workers:
                worker.signal(signal.SIGCONT)

    def delete_entries(self):
        def some():
            for lane in self._some_lanes():
                entries = self.site.places.redis.call(lane, "XREVRANGE", lane, "+", "-", "COUNT", "12")
                ids = [identity.decode() for identity, _ in entries if self._random.random() < 0.5]
                if ids:
                    remove(self.site.places.redis, self._testimony, lane, REMOVAL, ids, "deleted")
        self._unread(some)

    def trim_entries(self):
        self._unread(lambda: [remove(self.site.places.redis, self._testimony, lane, TRIMMING, [str(self._random.randrange(1, 8))], "trimmed")
                              for lane in self._some_lanes()])

    def _some_lanes(self):
        lanes = built_in(self.site.options) + [f"witness:steady:{n}" for n in range(self.site.options["writers"])]
        return [lane for lane in self._random.sample(lanes, 5) if self.site.places.redis.call(lane, "EXISTS", lane)]

    def destroy_lanes(self):
        destroy(self.site.places.redis, self._testimony, self._some_lanes()[:2])

    def flush(self):
        began = time.time()
        try:
            self.site.places.redis.call("tidemark:config", "FLUSHALL")
        finally:
            self._testimony.note("harm", what="destroyed", lanes=["*"], began=began, ended=time.time(), sure=True)


def wait_until_accepted(write, seconds):
    def accepted():
        try:
            return bool(write())
        except (OSError, RespError):
            return False
    wait_for("Redis takes writes again", seconds, accepted)


def memory_of(pid):
    """The largest resident memory that a process had, in MiB."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0


__all__ = ["Harm", "memory_of", "os", "wait_until_accepted"]
