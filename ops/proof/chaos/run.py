"""A run: the world begins, faults come by the plan, everything catches up, and the checker speaks."""

import argparse
import json
import os
import subprocess
import tempfile
import time

from chaos.checker import AHEAD, BEHIND, FURTHER_KINDS, NO_STOP, WAITED, Checker
from chaos.events import Events
from chaos.faults import ONE, TOPOLOGIES, NotNow
from chaos.installation_faults import check_strangers
from chaos.ledger_files import read_ledgers
from chaos.marks import read_marks
from chaos.plan import ATTEMPTS, Plan
from chaos.report import Report
from chaos.samples import Sampler
from chaos.spoil import KINDS, spoil
from chaos.world import World
from proof import caught_up, cursors, tail
from servers import say, wait_for
from verdict import Verdict, sums

RECOVERY_SECONDS = 60
# A gap that XDEL left may be seen only when its lane's turn comes.
ACCOUNTING_SECONDS = 20


def arguments():
    parser = argparse.ArgumentParser(
        prog="ops/chaos", description="Injects faults while changes come in, and compares Postgres with what was written and removed.")
    parser.add_argument("--minutes", type=float, default=1, help="of faults; each that is asked for comes at least once (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of faults and content (default: a new one, printed)")
    parser.add_argument(
        "--redis", default=ONE, choices=TOPOLOGIES, help="what holds the lanes: one server, a master with replicas and Sentinels, or a Cluster")
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2, 3))
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--proxy", help="the fault-proxy executable (default: .build/release/fault-proxy, then debug)")
    parser.add_argument("--rate", type=float, default=600, help="changes a second, of all producers (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=200, help="of each of the three producers (default %(default)s)")
    parser.add_argument("--lease-seconds", type=float, default=2, help="lease.ttl of the workers (default %(default)s)")
    parser.add_argument("--faults", help="kinds, all, cheap or none, with commas (default: all from 3 minutes on, else cheap)")
    parser.add_argument("--report", help="where the report goes, as JSON (default: a new file below the folder for temporary files)")
    parser.add_argument("--deadline", type=float, default=120, help="seconds to catch up at the end (default %(default)s)")
    parser.add_argument(
        "--workload", default="producers", choices=("producers", "witness"),
        help="who writes and who judges: the producers and the checker, or the witness in their place (default %(default)s)")
    parser.add_argument("--spoil", choices=KINDS, help="break the result before it is compared, to see that this difference is found")
    parser.add_argument("--keep", action="store_true", help="keep the folder with logs and ledgers, also when all is well")
    return parser.parse_args()


def prove(options, seed, folder):
    plan = Plan(options, seed)
    verdict, events = Verdict(FURTHER_KINDS), Events(folder)
    report = Report(options, seed, plan, events)
    world = None
    try:
        world = World(options, plan, folder, events, verdict)
        world.begin(plan)
        sampler = Sampler(world, verdict)
        sampler.start()
        say(f"seed {seed}: {options.rate:g} changes a second, {options.workers} workers, {len(plan.faults)} kinds of faults")
        settle(world, report, verdict, "start")
        inject_all(options, plan, world, report, verdict)
        finish(options, world, report, verdict)
        sampler.stop()
        if sampler.failure:
            raise RuntimeError(f"the sampler failed: {sampler.failure!r}")
        if options.workload == "witness":
            report.finish_witness(verdict, world.waits_of_others, *world.witness.judge(world))
            return report.is_passed
        entries = read_ledgers(f"{folder}/ledgers")
        say(f"comparing {len(entries)} entries")
        checker = Checker(world.cluster, entries, world.removals, verdict, world.redis.lanes, plan.window_seconds)
        checker.check()
        checker.counts.update(world.situations)
        report.finish(verdict, checker, sampler, world.waits_of_others)
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        if world:
            world.close()
        if not report.is_passed:
            options.keep = True
            for worker in world.workers if world else []:
                say(f"the last words of {os.path.basename(worker.folder)}:\n{tail(worker.log)}")
        path = options.report or f"{tempfile.mkdtemp(prefix='tidemark-chaos-')}/chaos-report.json"
        report.write(path)
        print(f"report: {path}")
    return report.is_passed


def inject_all(options, plan, world, report, verdict):
    if not plan.faults:
        world.rest(60 * options.minutes)
    recovered, before = True, "start"
    for number, fault, awaits_recovery in plan.schedule(options.minutes):
        world.rest(plan.rng(f"{number}/rest").uniform(0.1, 1.2))
        for attempt in range(ATTEMPTS):
            if fault.is_alone and not recovered:
                settle(world, report, verdict, before)
                recovered = True
            world.redis.check_masters()
            world.events.begin(number, fault.kind)
            try:
                afterwards = fault.inject(world, plan.rng(f"{number}/{fault.kind}/{attempt}"))
            except NotNow as reason:
                world.events.note(f"not injected: {reason}")
                world.rest(3)
                continue
            report.injected(fault.kind)
            # What is left to be done may not overlap with another fault.
            recovered, before = awaits_recovery or bool(afterwards), fault.kind
            if recovered:
                settle(world, report, verdict, fault.kind)
            if afterwards:
                afterwards()
            break


def settle(world, report, verdict, kind):
    """Waits until entries written from now on are committed in every lane, and notes how long that took."""
    begun = time.monotonic()
    places = world.write_canaries()
    while world.canaries_missing(places):
        if time.monotonic() - begun > RECOVERY_SECONDS:
            verdict.add("process", f"after {kind}, {world.canaries_missing(places)} lanes did not recover within {RECOVERY_SECONDS} s")
            world.events.note(f"no recovery within {RECOVERY_SECONDS} s")
            return
        world.look_after()
        time.sleep(0.02)
    seconds = time.monotonic() - begun
    while world.canary_marks_missing(places) != 0:
        if time.monotonic() - begun > RECOVERY_SECONDS:
            missing = world.canary_marks_missing(places)
            verdict.add(BEHIND, f"after {kind}, {missing} lanes' durable marks did not come to what is committed within {RECOVERY_SECONDS} s")
            break
        world.look_after()
        time.sleep(0.02)
    world.marks_may_lead = False
    world.events.note(f"recovered after {seconds:.2f} s")
    report.recovered(kind, seconds)


def finish(options, world, report, verdict):
    """Lets everything come to rest: nothing more is written, all is read, what is missing is counted."""
    world.redis.check_masters()
    world.events.begin(0, "end")
    report.producers = world.stop_producers()
    world.write_canaries()
    begun = time.monotonic()

    def done():
        world.look_after()
        return caught_up(world.redis, world.cluster, world.lanes_with_cursors)

    try:
        wait_for("every cursor reaches its lane's end", options.deadline, done)
        world.events.note(f"caught up {time.monotonic() - begun:.1f} s after the last change")
    except TimeoutError as error:
        verdict.add("process", str(error))
    if options.spoil:
        spoil(options.spoil, world)
    deadline = time.monotonic() + (3 if options.spoil else ACCOUNTING_SECONDS)
    while True:
        said = check_status(world)
        if said.is_clean or time.monotonic() > deadline:
            break
        world.rest(0.5)
    verdict.take(said)
    check_marks(world, verdict, 3 if options.spoil else ACCOUNTING_SECONDS)
    check_strangers(world, verdict)
    check_waits(world, verdict)
    for number, worker in enumerate(world.workers, 1):
        code = worker.terminate()
        if code != 0:
            verdict.add("process", f"worker {number} " + ("did not end on SIGTERM" if code is None else f"ended on SIGTERM with {code}"))
        for code in worker.exits:
            verdict.add("process", f"worker {number} ended by itself with {code}")
        # Then a fault did not do what it says.
        if worker.has_logged("configuration.refused"):
            verdict.add("process", f"worker {number} refused a configuration")


def check_waits(world, verdict):
    """Nobody waited who had nothing to do with it, and whoever had was told."""
    for kind, waits in sorted(world.judged_waits.items()):
        for seconds, allowed in waits:
            if seconds > allowed:
                verdict.add(WAITED, f"after {kind}, lanes that it did not touch waited {seconds:.1f} s, where {allowed:.1f} s are allowed")
    for levels in world.levels_when_full:
        if "stop" not in levels:
            verdict.add(NO_STOP, f"Redis was full, and agents were told {', '.join(sorted(levels)) or 'nothing'}")


def check_marks(world, verdict, seconds):
    """At rest every durable mark is where the cursor is."""
    def differences():
        known = cursors(world.cluster)
        lanes = [lane for lane in world.lanes_with_cursors if lane in known and world.redis.call(lane, "EXISTS", lane)]
        marks = read_marks(world.redis, lanes)
        return [(lane, marks[lane] and marks[lane].id, known[lane]) for lane in lanes if marks[lane] is None or marks[lane].id != known[lane]]

    deadline = time.monotonic() + seconds
    while (found := differences()) and time.monotonic() < deadline:
        world.rest(0.5)
    for lane, mark, cursor in found:
        kind = AHEAD if mark and mark > cursor else BEHIND
        verdict.add(kind, f"at the end, {lane}: durable {mark}, the cursor is {cursor}")


def check_status(world):
    said, done = Verdict(), None
    try:
        done = world.workers[0].command("status", "--json")
        sums(json.loads(done.stdout), world.redis, said, world.redis.lanes)
    except (ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        words = f", its last words: {done.stderr.strip()[-300:]}" if done else ""
        said.add("accounting", f"tidemark status --json cannot be read: {error!r}{words}")
    return said
