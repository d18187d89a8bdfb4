"""What a run shall do: its faults in order, from the seed. The same seed and command give the same plan; the world's timing does not."""

import random
import time

# They register their faults.
from chaos import (  # noqa: F401
    entry_faults, failover_faults, installation_faults, job_faults, memory_faults, network_faults, pooler_faults, postgres_faults, redis_faults,
    restore_faults, settings_faults, slot_faults, worker_faults)
from chaos.cluster import take_mounts_along
from chaos.faults import PERSISTENCE, PGBOUNCER, PROXY, SMALL_DISK, STANDBY, STREAMS, WINDOW, chosen
from chaos.pooler import find_pgbouncer
from chaos.proxies import find_proxy
from chaos.witnessed import PATTERN
from chaos.world import SHORT_WINDOW_SECONDS, STREAM_PATTERNS, TRIM_KEEP_SECONDS
from servers import find_binary, say

# From this length on all faults belong to a run that names none; a shorter one takes the cheap ones.
MINUTES_FOR_ALL = 3
DEFAULT_WINDOW_SECONDS = 24 * 3600
# Of what could not be injected at its time.
ATTEMPTS = 3


class Plan:
    def __init__(self, options, seed):
        self._seed = seed
        self._has_witness = options.workload == "witness"
        self.binary, self.proxy = find_binary(options.binary), find_proxy(options.proxy)
        self.faults = chosen(options.faults or ("all" if options.minutes >= MINUTES_FOR_ALL else "cheap"), options.redis)
        self.skipped = []
        self.wants_small_disk = self._wants(SMALL_DISK)
        if self.wants_small_disk and not take_mounts_along():
            self.wants_small_disk = False
            self._skip(SMALL_DISK, "a small disk takes root and a mount namespace")
        if self._wants(PGBOUNCER) and not find_pgbouncer():
            self._skip(PGBOUNCER, "pgbouncer is not installed")
        self.wants_proxy, self.wants_standby = self._wants(PROXY), self._wants(STANDBY)
        self.wants_persistence = self._wants(PERSISTENCE)
        if self.wants_proxy and not self.proxy:
            raise SystemExit("there is no fault-proxy: run swift build -c release --product fault-proxy, or name it by --proxy")

    @property
    def settings(self):
        """Of the workers, beside the usual ones: only what a fault of this run needs."""
        settings = {}
        if self._wants(STREAMS):
            settings |= {"lanes": [{"streams": pattern} for pattern in STREAM_PATTERNS], "discover": "500ms"}
        if self._wants(WINDOW):
            settings |= {"dedupe": {"window": f"{SHORT_WINDOW_SECONDS}s"}}
        if self._has_witness:
            settings["lanes"] = settings.get("lanes", []) + [{"streams": PATTERN}]
        return settings

    keep_seconds = TRIM_KEEP_SECONDS

    @property
    def window_seconds(self):
        """How far apart two entries with one event id count as one change."""
        return SHORT_WINDOW_SECONDS if self._wants(WINDOW) else DEFAULT_WINDOW_SECONDS

    def _wants(self, need):
        return any(need in fault.needs for fault in self.faults)

    def _skip(self, need, reason):
        for fault in [fault for fault in self.faults if need in fault.needs]:
            say(f"skipped: {fault.kind}: {reason}")
            self.skipped.append(fault.kind)
            self.faults.remove(fault)

    def rng(self, purpose):
        """Numbers of their own for each purpose, so that what one draws does not shift another."""
        return random.Random(f"{self._seed}/{purpose}")

    def schedule(self, minutes):
        """(number, fault, whether to await recovery): each fault once in some order, then by weight until the time is over."""
        rng, number = self.rng("schedule"), 0
        deadline = time.monotonic() + 60 * minutes
        first = list(self.faults)
        rng.shuffle(first)
        while first or self.faults and time.monotonic() < deadline:
            fault = first.pop() if first else rng.choices(self.faults, [fault.weight for fault in self.faults])[0]
            number += 1
            # Now and then the next fault meets what has not recovered from this one.
            yield number, fault, rng.random() > 0.2
