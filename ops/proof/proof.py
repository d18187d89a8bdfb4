"""What the proofs that compare Postgres with a ledger share: the frame of a run, and what they ask and tell."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

from servers import say
from verdict import accounting, compare
from workload import LANES


def run(options, prove):
    """Runs `prove(options, seed, folder)`, which answers whether there was no difference, in a folder that goes afterwards. The exit code."""
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="tidemark-proof-", dir="/tmp")
    # The user that runs Postgres must get through.
    os.chmod(folder, 0o711)
    clean = False
    try:
        clean = prove(options, seed, folder)
    except (RuntimeError, TimeoutError, OSError, subprocess.SubprocessError) as error:
        say(f"no verdict: {error}")
    finally:
        if options.keep:
            say(f"logs: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if clean else 1


def migrate(worker):
    migrated = worker.command("migrate")
    if migrated.returncode != 0:
        raise RuntimeError(f"tidemark migrate ended with {migrated.returncode}: {migrated.stderr.strip()}")


def compare_all(postgres, redis, worker, ledger, verdict, lanes=LANES):
    """The tables and the accounting with the ledger."""
    say("comparing")
    compare(postgres, ledger, verdict)
    status = worker.command("status", "--json")
    try:
        accounting(json.loads(status.stdout), redis, ledger, verdict, lanes)
    except (ValueError, KeyError, TypeError) as error:
        verdict.add("accounting", f"tidemark status --json cannot be read ({error!r}): {status.stderr.strip()}")


def print_differences(verdict):
    print("\ndifferences")
    table(list(verdict.counts.items()))
    for example in verdict.examples:
        print(f"  {example}")


def applied(postgres):
    return int(postgres.query("select count(*) from tidemark.changes")[0])


def cursors(postgres):
    lines = postgres.query("select json_build_array(lane, entry_ms, entry_no) from tidemark.lanes")
    return {lane: (ms, no) for lane, ms, no in map(json.loads, lines)}


def caught_up(redis, postgres, lanes=LANES):
    known = cursors(postgres)
    for lane in lanes:
        added, last = redis.entries_added(lane)
        if added and known.get(lane) != last:
            return False
    return True


def table(rows):
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value:>12}")


def tail(path, lines=15):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError:
        return ""
