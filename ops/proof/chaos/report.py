"""The report of a run: a table for people, JSON for machines."""

import json
import os
import platform
import subprocess
import sys
import time
from collections import defaultdict

from chaos.checker import AHEAD, BEHIND, MISPLACED, NOT_REFUSED, OVERCOUNTED, SILENT
from proof import print_differences, table
from servers import program


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def versions(binary):
    def first_line(*command):
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout.strip().split("\n")[0]

    return {
        "tidemark": first_line(binary, "--version"), "Redis": first_line(program("redis-server", "valkey-server"), "--version"),
        "PostgreSQL": first_line(program("postgres"), "--version"), "Python": platform.python_version(), "system": platform.platform()}


def summaries(seconds_by_kind):
    return {
        kind: {"p50": quantile(seconds, 0.5), "p99": quantile(seconds, 0.99), "max": max(seconds), "count": len(seconds)}
        for kind, seconds in seconds_by_kind.items() if seconds}


def print_times(name, count, seconds):
    figures = [f"{quantile(seconds, share):.2f} s" if seconds else "-" for share in (0.5, 0.99, 1)]
    print(f"{name:<24} {count:>6} {figures[0]:>13} {figures[1]:>9} {figures[2]:>9}")


class Report:
    def __init__(self, options, seed, plan, events):
        self._options, self._seed, self._plan, self._events = options, seed, plan, events
        self._injected = dict.fromkeys((fault.kind for fault in plan.faults), 0)
        self._recoveries = defaultdict(list)
        self._begun = time.time()
        self.producers, self._waits_of_others = {}, {}
        self._result = {"passed": False, "verdict": "none: the run did not come to its end"}

    def injected(self, kind):
        self._injected[kind] += 1

    def recovered(self, kind, seconds):
        self._recoveries[kind].append(seconds)

    @property
    def is_passed(self):
        return self._result["passed"]

    def finish(self, verdict, checker, sampler, waits_of_others):
        """The verdict, and the table."""
        for kind, count in self._injected.items():
            if not count:
                verdict.add("process", f"{kind} was not injected")
        self._result = {
            "passed": verdict.is_clean, "differences": verdict.counts, "examples": verdict.examples, "entries": dict(checker.counts),
            "marks compared": sampler.marks_compared, "resources": sampler.slopes(), "gaps": [str(gap) for gap in checker.gaps]}
        self._waits_of_others = waits_of_others
        self._print_faults()
        print("\nentries")
        table([
            *self._result["entries"].items(), ("writes refused", self.producers["refused"]),
            ("producers' connections", self.producers["connections"]), ("durable marks compared", sampler.marks_compared)])
        self._print_resources()
        print_differences(verdict)
        decisive = ", ".join(f"{kind} {verdict.counts[kind]}" for kind in ("lost", "twice", "out of order", SILENT, OVERCOUNTED, MISPLACED, AHEAD, BEHIND, NOT_REFUSED))
        print(f"\nseed {self._seed}; {decisive}")
        print("PASSED" if verdict.is_clean else "FAILED")

    def finish_witness(self, verdict, waits_of_others, has_passed, testimony):
        """The same where the witness wrote and judged."""
        for kind, count in self._injected.items():
            if not count:
                verdict.add("process", f"{kind} was not injected")
        passed = has_passed and verdict.is_clean
        self._result = {"passed": passed, "differences": verdict.counts, "examples": verdict.examples, "witness": testimony}
        self._waits_of_others = waits_of_others
        self._print_faults()
        print_differences(verdict)
        print(f"\nseed {self._seed}")
        print("PASSED" if passed else "FAILED")

    def _print_faults(self):
        print(f"{'faults injected':<24} {'times':>6} {'recovery p50':>13} {'p99':>9} {'max':>9}")
        for kind, count in self._injected.items():
            print_times(kind, count, self._recoveries[kind])
            if self._waits_of_others[kind]:
                print_times("- other lanes", len(self._waits_of_others[kind]), self._waits_of_others[kind])
        for kind in self._plan.skipped:
            print(f"{kind:<24} skipped")

    def _print_resources(self):
        resources = self._result["resources"]
        print(f"\nworkers: {resources['lives']} processes, {resources['lives with a slope']} of them lived longer than a minute")
        print(f"{'':<24} {'most':>9} {'last':>9} {'slope an hour, mean':>20} {'steepest':>10}")
        for name, figures in resources["measures"].items():
            texts = ["-" if value is None else f"{value:.1f}" for value in figures.values()]
            print(f"{name:<24} {texts[0]:>9} {texts[1]:>9} {texts[2]:>20} {texts[3]:>10}")

    def write(self, path):
        document = {
            "seed": self._seed, "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]], "options": vars(self._options),
            "versions": versions(self._plan.binary), "began": self._begun, "seconds": time.time() - self._begun, "injected": self._injected,
            "skipped": self._plan.skipped, "recovery_seconds": summaries(self._recoveries),
            "wait_seconds_of_other_nodes": summaries(self._waits_of_others), "producers": self.producers, **self._result,
            "events": self._events.lines}
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
