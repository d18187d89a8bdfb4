#!/usr/bin/env python3
"""The model test of the hot state: agents use the function library while sessions are evicted and come back, workers die, Redis loses its
data and `tidemark restore --all` puts it back. Then the hot state must be what Postgres says.

Standard library only. Exit 0: no difference; 1: differences, or it could not come to a verdict. See README.md beside this file.
"""

import argparse
import os
import random
import sys
import time

from hot.agents import Agent, Findings
from hot.calls import LANES, PARTITIONS
from hot.verdict import compare_forks, compare_hot, compare_tables, compare_writes, new_verdict, read_changes
from proof import caught_up, migrate, print_differences, run, table, tail
from resp import RespError, entry_id, pairs
from servers import Postgres, Redis, Worker, find_binary, say, wait_for

HOT_MESSAGES = 20


def arguments():
    parser = argparse.ArgumentParser(description="Model test of the hot state of sessions.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--seconds", type=float, default=60, help="of calls and faults (default %(default)s)")
    parser.add_argument("--agents", type=int, default=6)
    parser.add_argument("--sessions", type=int, default=12, help="of each agent, and as many that all share (default %(default)s)")
    parser.add_argument("--pace", type=float, default=0.002, help="seconds between two calls of an agent, on average (default %(default)s)")
    parser.add_argument("--kills", type=int, default=6, help="SIGKILLs of a worker (default %(default)s)")
    parser.add_argument("--flushes", type=int, default=2, help="times that Redis loses everything (default %(default)s)")
    parser.add_argument("--rewinds", type=int, default=0, help="times that Redis comes back without its tail, as a promoted replica does")
    parser.add_argument("--cuts", type=int, default=4, help="times that all Redis connections are cut (default %(default)s)")
    parser.add_argument("--idle", default="400ms", help="hot.evict_idle_after (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of calls and faults (default: a new one, printed)")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    return parser.parse_args()


class Site:
    """The servers, two workers, and the faults."""

    def __init__(self, options, seed, folder):
        self._rng = random.Random(f"{seed}-faults")
        self.redis = Redis(f"{folder}/redis")
        self.postgres = Postgres(f"{folder}/postgres")
        self.findings = Findings()
        self.flushes = []
        self.counts = {"worker killed": 0, "Redis flushed": 0, "Redis rewound": 0, "Redis cut": 0, "restored under load": 0}
        environment = {
            "TIDEMARK_REDIS_URL": self.redis.url, "TIDEMARK_POSTGRES_URL": self.postgres.url, "TIDEMARK_HTTP_LISTEN": "off",
            "TIDEMARK_LEASE_TTL": "2s", "TIDEMARK_HOT_MESSAGES": str(HOT_MESSAGES), "TIDEMARK_HOT_EVICT_IDLE_AFTER": options.idle,
            "TIDEMARK_STATE_PARTITIONS": str(PARTITIONS),
        }
        self.workers = []
        for n in range(2):
            os.makedirs(f"{folder}/worker-{n}")
            self.workers.append(Worker(find_binary(options.binary), f"{folder}/worker-{n}", environment))
        migrate(self.workers[0])
        self._options = options

    def inject(self, options):
        faults = [self._kill] * options.kills + [self._flush] * options.flushes + [self._cut] * options.cuts + [self._rewind] * options.rewinds
        self._rng.shuffle(faults)
        moments = sorted(self._rng.uniform(0.05, 0.95) * options.seconds for _ in faults)
        start = time.monotonic()
        for moment, fault in zip(moments, faults):
            self._until(start + moment)
            fault()
        self._until(start + options.seconds)

    def _until(self, moment):
        while time.monotonic() < moment:
            for worker in self.workers:
                worker.keep_up()
            time.sleep(0.05)

    def _kill(self):
        worker = self._rng.choice(self.workers)
        self.counts["worker killed"] += worker.kill()
        time.sleep(self._rng.uniform(0, 0.5))
        worker.start()

    def _cut(self):
        self.redis.cut_clients()
        self.counts["Redis cut"] += 1

    def _flush(self):
        commands = self._look()
        answers = self.redis.connection.pipeline([*commands, ["FLUSHALL"], ["EXEC"]])[-1]
        self._note_loss(answers)
        self.counts["Redis flushed"] += 1
        if self._rng.random() < 0.5:
            self.restore(is_under_load=True)

    def _rewind(self):
        """Redis comes back as it was a moment ago."""
        self.redis.connection.call("SAVE")
        time.sleep(self._rng.uniform(0.1, 0.6))
        # What is written from here on is lost, too; no client gets an answer to it.
        self.redis.connection.call("CLIENT", "PAUSE", "5000", "WRITE")
        answers = self.redis.connection.pipeline([*self._look(), ["EXEC"]])[-1]
        self.redis.kill()
        self._note_loss(answers)
        self.redis.start()
        os.unlink(f"{self.redis.folder}/dump.rdb")
        self.counts["Redis rewound"] += 1

    def _look(self):
        """The beginning of a transaction that tells how far each lane is durable, and what its last entry is."""
        commands = [["MULTI"]]
        for lane in LANES:
            commands += [["HGET", lane.replace("changes", "lane"), "durable"], ["XINFO", "STREAM", lane]]
        return commands

    def _note_loss(self, answers):
        flush = {}
        for lane, mark, info in zip(LANES, answers[0::2], answers[1::2]):
            if not isinstance(info, RespError):
                flush[lane] = (entry_id(mark) if mark else (0, 0), entry_id(pairs(info)["last-generated-id"]))
        self.flushes.append(flush)
        self.findings.losses += 1

    def restore(self, is_under_load=False):
        restored = self.workers[0].command("restore", "--all", "--json")
        if is_under_load:
            self.counts["restored under load"] += restored.returncode == 0
        if restored.returncode != 0:
            # Under load a lane may be between two workers for longer than it waits.
            say(f"restore --all: {restored.returncode}: {restored.stderr.strip()}")
            if not is_under_load:
                raise RuntimeError("restore --all failed")
        return restored.stdout.strip()

    def calm(self):
        """Workers that evict nothing more, and everything committed."""
        for worker in self.workers:
            worker.environment["TIDEMARK_HOT_EVICT_IDLE_AFTER"] = "0s"
            if worker.terminate() != 0:
                self.findings.problem("process", f"a worker did not end well; {worker.log}")
            worker.start()
        wait_for("everything is committed", 120, self._is_calm)

    def _is_calm(self):
        for worker in self.workers:
            worker.keep_up()
        requests = sum(self.redis.connection.call("XLEN", lane.replace("changes", "requests")) for lane in LANES)
        return requests == 0 and caught_up(self.redis, self.postgres, LANES)

    def close(self):
        for server in (*self.workers, self.redis, self.postgres):
            server.close()


def prove(options, seed, folder):
    say(f"seed {seed}")
    site = Site(options, seed, folder)
    try:
        return judge(options, seed, site)
    except BaseException:
        for worker in site.workers:
            say(tail(worker.log))
        raise
    finally:
        site.findings.ends.set()
        site.close()


def judge(options, seed, site):
    findings, verdict = site.findings, new_verdict()
    for worker in site.workers:
        worker.start()
    agents = [Agent(number, seed, site.redis.port, findings, options) for number in range(options.agents)]
    for agent in agents:
        agent.start()
    site.inject(options)
    findings.ends.set()
    for agent in agents:
        agent.join(90)
        if agent.is_alive():
            findings.problem("process", "an agent does not end")
    say("comparing")
    site.calm()
    spared = findings.repeated_after_loss
    as_they_were = compare_hot(site.redis, site.postgres, verdict, HOT_MESSAGES, is_restored=False, spared=spared)
    # Those that are fresh are completed, and those that are not there come back; what is there and whole stays.
    site.restore()
    completed = compare_hot(site.redis, site.postgres, verdict, HOT_MESSAGES, is_restored=False, spared=spared, is_complete=True)
    changes = read_changes(site.postgres)
    lost = compare_writes(findings, site.flushes, changes, verdict)
    made, partial = compare_forks(site.postgres, findings, verdict)
    compare_tables(site.postgres, verdict, bool(site.flushes))
    site.redis.connection.call("FLUSHALL")
    site.restore()
    restored = compare_hot(site.redis, site.postgres, verdict, HOT_MESSAGES, is_restored=True)
    for kind, text in findings.problems:
        verdict.add(kind, text)
    for worker in site.workers:
        for code in worker.exits:
            verdict.add("process", f"a worker ended by itself with {code}")
    print("\nfaults")
    table(list(site.counts.items()))
    print("\ncalls")
    table([*sorted(findings.counts.items()), ("longest wait for a cold session, ms", round(findings.longest_cold * 1000))])
    print("\ncompared")
    table([("sessions, hot as they were", as_they_were), ("sessions, completed by restore", completed),
           ("sessions, restored after FLUSHALL", restored), ("changes in Postgres", len(changes)),
           ("changes that Redis lost", lost), ("sessions with repeats after a loss", len(spared)), ("forks", made), ("forks of which Redis lost a part", partial)])
    print_differences(verdict)
    print("\nPASSED" if verdict.is_clean else f"\nFAILED: --seed {seed}")
    return verdict.is_clean


if __name__ == "__main__":
    options = arguments()
    sys.exit(run(options, prove))
