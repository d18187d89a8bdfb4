"""A run whose workload and checker are the witness' (`--workload witness`): its process in the producers' place, and what the faults did, in its
words. The run's own checks of workers, marks and sums go on; its checker has no producers' ledgers then, and is not asked."""

import json
import os
import subprocess
import sys

from chaos.removals import RedisCrash
from servers import die_with_parent
from witness.judge import judge
from witness.places import Places
from witness.testimony import read
from workload import LANES

PATTERN = "witness:*"
WRITERS = 3
# What every run shows; the trials are left to `ops/witness`.
WANTED = ("once", "each change once", "in order", "durable means committed", "several lanes of a session", "trimmed is durable",
          "nothing vanishes silently", "accounting", "the world's faults", "one writer")
# Faults after which Postgres has less than it had committed.
BACK = ("failover", "failover-lagging", "postgres-older-copy", "both-older-copies")
# An older copy of Redis is at most as old as the faults let it be.
OLDEST_COPY_SECONDS = 15


class Witness:
    def __init__(self, folder, plan, options, redis_url, ports, seed):
        self._folder, self._kinds = f"{folder}/witness", {fault.kind for fault in plan.faults}
        os.makedirs(self._folder)
        self._places = f"{self._folder}/places.json"
        with open(self._places, "w", encoding="utf-8") as file:
            json.dump({"redis": redis_url, "postgres": ports}, file)
        keeps_all = "redis-full" not in self._kinds
        self.options = {
            "places": self._places, "seed": seed, "run": seed & 0xFFFFFFFF, "writers": WRITERS, "rate": options.rate / 10 / WRITERS,
            "partitions": len(LANES), "window_ms": plan.window_seconds * 1000, "keep_seconds": plan.keep_seconds if keeps_all else None,
            "features": ["removals"] + (["text"] if "settings-text" in self._kinds else []), "others": True, "gone": True}

    def start(self):
        path = f"{self._folder}/options.json"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.options, file)
        return subprocess.Popen(
            [sys.executable, "-B", "-m", "witness.companion", "--options", path, "--testimony", f"{self._folder}/testimony.jsonl"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)

    def judge(self, world):
        """Whether all is as promised, by its testimony, what the faults did, Redis and Postgres; and what the report says of it."""
        found = harms(world)
        wanted = [*WANTED, "streams that lose entries"] if any(record["kind"] == "harm" for record in found) else list(WANTED)
        status = json.loads(world.workers[0].command("status", "--json").stdout)
        verdict = judge(read(f"{self._folder}/testimony.jsonl") + found, Places(self._places), self.options, status)
        with open(f"{self._folder}/harms.json", "w", encoding="utf-8") as file:
            json.dump(found, file)
        verdict.print(wanted)
        return verdict.passed(wanted), {"judged": {f"{promise}: {outcome}": count for (promise, outcome), count in verdict.judged.items()},
                                        "broken": dict(verdict.broken), "examples": verdict.examples}


def harms(world):
    """What the faults took, as the witness' own harms are told."""
    found = []
    removals = world.removals
    for lane, causes in removals.causes.items():
        by_cause = {}
        for identity, removal in causes.items():
            key = removal.cause, removal.at_ms if removal.cause == "destroyed" else 0
            by_cause.setdefault(key, []).append("%d-%d" % identity)
        for (cause, at), ids in by_cause.items():
            found.append(harm(cause, [lane], at / 1000, at / 1000 + 5, ids=ids))
    # Of the witness' own streams a FLUSHALL took everything; which entries these were, nobody read.
    moments = [at for lane in LANES for at in removals.destroyed[lane]]
    for at in sorted(set(moments)):
        if moments.count(at) >= len(LANES) // 2:
            found.append(harm("destroyed", [PATTERN], at / 1000, at / 1000 + 1))
    for lane, ends in removals.destroyed.items():
        empty = set(ends) - {removal.at_ms for removal in removals.causes[lane].values() if removal.cause == "destroyed"}
        found += [harm("destroyed", [lane], at / 1000, at / 1000 + 5, ids=[]) for at in empty]
    for crash in removals.crashes:
        if isinstance(crash, RedisCrash):
            found.append(harm("redis-tail", ["*"], crash.moment_ms / 1000 - OLDEST_COPY_SECONDS, crash.moment_ms / 1000 + 0.1,
                              kept={lane: list(kept) for lane, kept in crash.kept.items()}))
    for kind, began, ended in world.events.spans():
        found.append({"kind": "met", "what": kind, "began": began, "at": ended, "ended": ended})
        if kind in BACK:
            found.append(harm("postgres-back", ["*"], began, ended))
        if kind == "settings-limit":
            found.append({"kind": "limits", "began": began, "ended": ended, "at": ended})
    return found


def harm(what, lanes, began, ended, **about):
    return {"kind": "harm", "what": what, "lanes": lanes, "began": began, "ended": ended, "at": ended, "sure": True, **about}

