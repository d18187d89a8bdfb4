#!/usr/bin/env python3
"""Runs the commands of ops/RUNBOOK.md as somebody would paste them, against an installation with load, dead letters and a gap.

Standard library only; starts its own servers as fire.py does. A line must end with 0, or with 1 where a program has found a problem, and
must not fail to find its program, its table or its option. Exit 0: all lines do.
"""

import argparse
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "proof"))

import fire  # noqa: E402
from proof import run  # noqa: E402
from servers import say, wait_for  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description="Runs the commands of ops/RUNBOOK.md.")
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark, then debug)")
    parser.add_argument("--show", action="store_true", help="print what each command prints")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    options = parser.parse_args()
    options.seed, options.calm, options.rate = 0, None, 20
    return options


def commands():
    """Pairs of a heading and a line of one of its blocks."""
    heading, block = "", False
    with open(os.path.join(os.path.dirname(HERE), "RUNBOOK.md"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("#") and not block:
                heading = line.strip("# ")
            elif line == "```sh":
                block = True
            elif line.startswith("```"):
                block = False
            elif block and line:
                yield heading, line


def prove(options, seed, folder):
    started = []
    try:
        at = fire.Installation(options, folder, started)
        at.wait_until_ready()
        at.append(2, role="")
        fire.lose_entries(at, {})
        wait_for("the gap is recorded", 60, lambda: fire.json_lane(at)["missing"] >= 5)
        os.makedirs(f"{folder}/bin")
        os.symlink(at.binary, f"{folder}/bin/tidemark")
        worker = at.workers[0]
        environment = {**worker.environment, "PATH": f"{folder}/bin:{os.environ['PATH']}", "LANE": fire.LANE,
                       "WORKER": "http://" + worker.environment["TIDEMARK_HTTP_LISTEN"]}
        count, failed = 0, 0
        for heading, line in commands():
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", line], env=environment, cwd=worker.folder, stdin=subprocess.DEVNULL, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
            count += 1
            is_bad = done.returncode not in (0, 1) or re.search(r"ERROR|command not found|unknown option|Error:", done.stderr)
            if is_bad:
                failed += 1
            if is_bad or options.show:
                print(f"\n== {heading}: {line}\nexit {done.returncode}\n{done.stdout[:3000]}{done.stderr[:1000]}")
        print(f"{count} commands, {failed} failed")
        return not failed
    finally:
        for server in reversed(started):
            try:
                server.close()
            except OSError as error:
                say(f"could not end a process: {error}")


if __name__ == "__main__":
    sys.exit(run(arguments(), prove))
