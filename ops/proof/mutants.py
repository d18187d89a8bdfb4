#!/usr/bin/env python3
"""Breaks each invariant on purpose and checks that its tests notice. See README.md beside this file.

A mutant is an exact text of a file and what stands there instead (`mutants/*.toml`). Each is put into a throwaway copy of
the tree, or into this checkout, built and tested; it must be caught by the tests that it names.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mutant_places import Checkout, Copy, NotCommitted, Unusable
from mutation import PYTHON_PACKAGE, Mutant, Result, Stale, catalogue, conclusion, draw, stale, verdict

TREE = Path(__file__).resolve().parents[2]
CATALOGUE = Path(__file__).with_name("mutants")
# The tests of the package for agents in Python run with the Python that `ops/clients/python/test` made.
PYTHON = TREE / ".build" / "python" / "bin" / "python"
# A mutant that only hangs its tests is not caught: nobody would learn from it what is wrong.
PATIENCE = 300
# As in ops/test: one order of sets in each process, so that a verdict can be repeated, and not all tests of servers at once. Python
# compiles anew each time: it would take a file that was changed twice within a second for the one that it knows.
ENVIRONMENT = {
    **os.environ,
    "SWIFT_DETERMINISTIC_HASHING": "1",
    "SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH": "8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Builder:
    """Builds and tests a tree, always with the same flags: with others, SwiftPM would compile all modules again."""

    def __init__(self, tree: Path, scratch: Path, flags: list[str]) -> None:
        self.tree = tree
        self.options = ["--scratch-path", str(scratch), *flags]

    def build(self) -> tuple[int | None, str]:
        return run(["swift", "build", "--build-tests", *self.options], self.tree)

    def test_swift(self, tests: str, patience: float | None = PATIENCE) -> tuple[int | None, str]:
        return run(["swift", "test", "--skip-build", *self.options, "--filter", tests], self.tree, patience)

    def test_python(self, tests: str, patience: float | None = PATIENCE) -> tuple[int | None, str]:
        package = self.tree / PYTHON_PACKAGE
        command = ["env", f"PYTHONPATH={package}/src", str(PYTHON), "-m", "unittest", *tests.split("|")]
        return run(command, package / "tests", patience)


class Stop:
    """Hears the signals that end this process.

    A signal only ends the program that is waited for; `run` then unwinds. An exception at any moment could leave a file half put back.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What was started to outlive its terminal goes on ignoring its end.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.heard)

    def heard(self, number: int, _: object) -> None:
        self.number = number
        self.end()

    def end(self) -> None:
        """Kills everything in the session of the program: SwiftPM gives what it starts process groups of their own."""
        if self.process is None:
            return
        self.process.kill()
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                # Behind the name in parentheses: state, parent, group, session.
                if int(file.read_text().rpartition(")")[2].split()[3]) == self.process.pid:
                    os.kill(int(file.parent.name), signal.SIGKILL)
            except OSError:
                pass


STOP = Stop()


def run(arguments: list[str], folder: Path, patience: float | None = None) -> tuple[int | None, str]:
    """The exit code and everything it said; no code if it took too long."""
    # A file and no pipe: what a killed test leaves behind may keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        STOP.process = subprocess.Popen(
            arguments, cwd=folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        if STOP.number is not None:
            STOP.end()
        try:
            code = STOP.process.wait(patience)
        except subprocess.TimeoutExpired:
            STOP.end()
            STOP.process.wait()
            code = None
        STOP.process = None
        if STOP.number is not None:
            sys.exit(128 + STOP.number)
        output.seek(0)
        return code, output.read().decode(errors="replace")


def last_lines(output: str, count: int = 15) -> str:
    return "\n".join(output.strip().splitlines()[-count:])


def judge(mutant: Mutant, place: Copy | Checkout, builder: Builder) -> Result:
    start = time.monotonic()

    def result(verdict: str, detail: str) -> Result:
        return Result(mutant, verdict, detail, time.monotonic() - start)

    try:
        with place.holding(mutant):
            if mutant.is_python:
                return result(*verdict(*builder.test_python(mutant.tests)))
            code, output = builder.build()
            if code != 0:
                return result("not built", last_lines(output))
            return result(*verdict(*builder.test_swift(mutant.tests)))
    except Stale as error:
        return result("stale", str(error))


def show(result: Result) -> None:
    print(f"{result.mutant.name:32} {result.verdict:10} {result.seconds:5.0f} s  {result.mutant.breaks}")
    for line in result.detail.splitlines():
        print(f"{'':32} {'by ' if result.is_caught else ''}{line}")
    sys.stdout.flush()


def list_all(mutants: list[Mutant]) -> int:
    reasons = stale(mutants, TREE)
    for mutant in mutants:
        state = f"  STALE: {reasons[mutant.name]}" if mutant.name in reasons else ""
        print(f"{mutant.name:32} {mutant.breaks}\n{'':32} caught by {mutant.tests}{state}")
    print(f"{len(mutants)} mutants, {len(reasons)} stale")
    return 1 if reasons else 0


def run_all(mutants: list[Mutant], place: Copy | Checkout, builder: Builder, is_over: Callable[[], bool]) -> int:
    print("the tree as it is: build and tests must be good", flush=True)
    swift, python = ("|".join(sorted({m.tests for m in mutants if m.is_python == is_python})) for is_python in (False, True))
    code, output = builder.build() if swift else (0, "")
    # Without limit: these are the tests of many mutants.
    if code == 0 and swift:
        code, output = builder.test_swift(swift, patience=None)
    if code == 0 and python:
        code, output = builder.test_python(python, patience=None)
    if code != 0:
        print(last_lines(output, 40))
        return 1
    results: list[Result] = []
    for mutant in mutants:
        # The first is judged in any case: a run that judged none would prove nothing.
        if results and is_over():
            break
        results.append(judge(mutant, place, builder))
        show(results[-1])
    lines, code = conclusion(results, len(mutants))
    print("\n".join(lines), flush=True)
    return code


def run_in_place(mutants: list[Mutant], flags: list[str], is_over: Callable[[], bool], scratch: Path) -> int:
    with Checkout(TREE) as place:
        builder = Builder(TREE, scratch, flags)
        is_restored = False
        try:
            code = run_all(mutants, place, builder, is_over)
            if place.has_held:
                print("the tree as it is again: build", flush=True)
                built, output = builder.build()
                is_restored = built == 0
                if not is_restored:
                    print(last_lines(output, 40))
                    return 1
            return code
        finally:
            # The program and the tests that were built last are those of a mutant, and someone might run them.
            if place.has_held and not is_restored:
                print(f"{scratch} holds what was built of a mutant: build again before you use it", file=sys.stderr)


def run_in_copy(mutants: list[Mutant], flags: list[str], is_over: Callable[[], bool], scratch: Path) -> int:
    with Copy(TREE) as place:
        return run_all(mutants, place, Builder(place.tree, scratch, flags), is_over)


def resolve(commit: str) -> str | None:
    """The hash of a commit, or none after a line that says why there is none."""
    try:
        command = ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"]
        found = subprocess.run(command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        reason = str(error)
    else:
        if found.returncode == 0:
            return found.stdout.strip()
        reason = " ".join(found.stderr.split()) or "git knows no such commit"
    print(f"mutants: the hash of {commit} can't be had: {reason}", file=sys.stderr)
    return None


def run_chosen(mutants: list[Mutant], options: argparse.Namespace) -> int:
    end = time.monotonic() + options.minutes * 60 if options.minutes is not None else float("inf")
    flags = ["-Xswiftc", "-warnings-as-errors"] if options.warnings_as_errors else []

    def is_over() -> bool:
        return time.monotonic() >= end

    STOP.listen()
    try:
        if options.in_place:
            try:
                return run_in_place(mutants, flags, is_over, (options.scratch_path or TREE / ".build").resolve())
            except NotCommitted as reason:
                print(f"{reason}; judged in a copy, which must be built first", flush=True)
        return run_in_copy(mutants, flags, is_over, (options.scratch_path or TREE / ".build" / "mutants").resolve())
    except Unusable as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the mutants, and whether each still applies")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="run this one; may be repeated")
    parser.add_argument("--from", dest="first", metavar="NAME", help="begin with this one")
    parser.add_argument("--rotate", metavar="COMMIT", help="run those that this commit draws, after a check that all still apply")
    parser.add_argument("--count", type=int, default=12, help="how many a commit draws (12)")
    parser.add_argument("--minutes", type=float, help="begin no further mutant after this time")
    parser.add_argument("--in-place", action="store_true", help="use this checkout and its build, unless files are not committed")
    parser.add_argument("--warnings-as-errors", action="store_true", help="build as ops/test does")
    parser.add_argument("--scratch-path", type=Path, help="where to build (.build with --in-place, else .build/mutants)")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count must be at least 1")

    mutants = catalogue(CATALOGUE)
    names = [mutant.name for mutant in mutants]
    for name in [*options.only, *([options.first] if options.first else [])]:
        if name not in names:
            parser.error(f"there is no mutant {name}; --list names them")
    if options.rotate:
        commit = resolve(options.rotate)
        if commit is None:
            return 2
        if reasons := stale(mutants, TREE):
            for name, reason in reasons.items():
                print(f"stale: {name}: {reason}")
            return 1
        mutants = draw(mutants, commit, options.count)
        print(f"{commit[:12]} draws {len(mutants)} of {len(names)} mutants")
    if options.only:
        mutants = [mutant for mutant in mutants if mutant.name in options.only]
    if options.first:
        mutants = mutants[[mutant.name for mutant in mutants].index(options.first) :]
    if options.list:
        return list_all(mutants)
    return run_chosen(mutants, options)


if __name__ == "__main__":
    sys.exit(main())
