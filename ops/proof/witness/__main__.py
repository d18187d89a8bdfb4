"""`ops/witness`: writes, harms, looks, and judges by ops/promises.md."""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from pgwire import PostgresError
from resp import RespError
from servers import find_binary, say, wait_for

from . import spoils
from .harm import Harm
from .judge import PROMISES, judge
from .site import Site
from .testimony import Testimony, read
from .threads import Threads, caught_up
from .trials import Trials

FAULTS = ("worker-kill", "worker-freeze", "postgres-crash", "postgres-terminate", "redis-kill", "redis-cut", "deleted", "trimmed", "destroyed", "flushall")
# buffer.max_bytes + 3 x limits.max_entry_bytes + 64 MiB, see ops/proof/README.md.
MEMORY_MIB = 224


def main():
    parser = argparse.ArgumentParser(prog="ops/witness", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="how long is written")
    parser.add_argument("--faults", default=",".join(FAULTS), help="a list, or none")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--rate", type=float, default=40, help="turns a second of each of three writers")
    parser.add_argument("--binary", help="default: .build/release/tidemark or .build/debug/tidemark")
    parser.add_argument("--no-trials", action="store_true", help="leave out what is tried rather than met: those promises are not asked for")
    parser.add_argument("--spoil", help=f"break one thing before judging and expect it to be noticed, or all: {', '.join(spoils.SPOILS)}")
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    folder = tempfile.mkdtemp(prefix="tidemark-witness-", dir="/tmp")
    os.chmod(folder, 0o711)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    passed = False
    try:
        passed = prove(options, seed, folder)
    except (RuntimeError, TimeoutError, OSError, subprocess.SubprocessError, RespError, PostgresError) as error:
        say(f"no verdict: {error!r}")
    finally:
        if options.keep or not passed:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"seed {seed}", "PASSED" if passed else "FAILED")
    return 0 if passed else 1


def prove(options, seed, folder):
    site = Site(folder, find_binary(options.binary), seed, writers=3, rate=options.rate)
    testimony = Testimony(f"{folder}/testimony.jsonl")
    try:
        threads = Threads(site.options, testimony)
        threads.start()
        trials = Trials(site, testimony, threads.newest)
        chance = random.Random(seed)
        meet(options, site, testimony, threads, trials, chance)
        threads.end(threads.stop_writing, threads.writers)
        say("written; waiting for the workers and the other group")
        threads.reader.is_slow = False
        wait_for("all is committed", 300, lambda: caught_up(site.places))
        wait_for("the other group has read all", 300, lambda: threads.reader.idle_turns > 5)
        if not options.no_trials:
            trials.cost()
            trials.resolve()
            wait_for("all is committed", 300, lambda: caught_up(site.places))
            wait_for("the other group has read all", 300, lambda: threads.reader.idle_turns > 5)
        time.sleep(5)
        threads.end(threads.stop_looking, threads.watchers)
        trials.memory(MEMORY_MIB)
        status = site.status()
        for number, worker in enumerate(site.workers):
            code = worker.terminate(120)
            testimony.note("process", what=f"worker {number} ends when asked", holds=code == 0 and not worker.exits, found=f"exit {code}, by itself {worker.exits}")
        testimony.close()
        records = read(testimony.path)
        wanted = [name for name in PROMISES if options.no_trials is False or name not in TRIED]
        if options.faults == "none":
            wanted = [name for name in wanted if name != "streams that lose entries"]
        verdict = judge(records, site.places, site.options, status)
        say("judged")
        verdict.print(wanted)
        passed = verdict.passed(wanted)
        if options.spoil:
            return spoils.all_noticed(options.spoil, records, site, status, wanted) and passed
        return passed
    finally:
        site.close()


TRIED = ("a change costs what it changes", "sessions come back", "a full Redis is emptied", "a setting loses nothing", "one lane holds up no other", "every lane is served",
         "one installation", "each dead letter resolved once")


def meet(options, site, testimony, threads, trials, chance):
    """The faults in some order, each kind at least once, with the trials between them."""
    harm = Harm(site, testimony, chance)
    kinds = [] if options.faults == "none" else options.faults.split(",")
    plan, deadline = list(kinds), time.monotonic() + options.seconds
    chance.shuffle(plan)
    if not options.no_trials:
        trials.served()
        trials.strangers()
    round_number = 0
    while plan or time.monotonic() < deadline:
        time.sleep(chance.uniform(1, 5))
        if plan or kinds:
            kind = plan.pop() if plan else chance.choice(kinds)
            say(kind)
            began = time.time()
            harm.do(kind)
            testimony.note("met", what=kind, began=began, ended=time.time())
            for worker in site.workers:
                worker.keep_up()
        if not options.no_trials and round_number < 3:
            trials.session_comes_back(round_number)
            if round_number == 0:
                trials.many_fields()
            if round_number == 1:
                trials.apart(int(time.time()))
        round_number += 1
    if not options.no_trials:
        # A stream that the last fault destroyed is noticed a second after something of the next one was read: not in the middle of this.
        time.sleep(5)
        trials.setting()

        def signal_all(number):
            for worker in site.workers:
                worker.signal(number)
        trials.full(threads.reader, lambda: signal_all(signal.SIGSTOP), lambda: signal_all(signal.SIGCONT))


if __name__ == "__main__":
    sys.exit(main())
