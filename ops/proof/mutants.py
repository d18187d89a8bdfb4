#!/usr/bin/env python3
"""Breaks each invariant on purpose and checks that its tests notice. See README.md beside this file.

A mutant is an exact text of a file and what stands there instead (`mutants/*.toml`). Each is put into a throwaway copy of
the tree, built and tested; it must be caught by the tests that it names.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
# The package for agents in Python. Its mutants name modules of its tests, which run with the Python that `ops/clients/python/test` made.
PYTHON_PACKAGE = "ops/clients/python"
PYTHON = TREE / ".build" / "python" / "bin" / "python"
# A mutant that only hangs its tests is not caught: nobody would learn from it what is wrong.
PATIENCE = 300
COUNTED = re.compile(r"(?:Test run with|Ran) (\d+) tests?")
FAILED = re.compile(r"Test (.+?) (?:with .+? )?(?:failed|recorded an issue)|^(?:FAIL|ERROR): (\S+)", re.MULTILINE)


@dataclass
class Mutant:
    name: str
    breaks: str
    tests: str
    edits: list[dict]

    @property
    def is_python(self) -> bool:
        return all(edit["file"].startswith(PYTHON_PACKAGE) for edit in self.edits)


@dataclass
class Result:
    mutant: Mutant
    verdict: str
    detail: str
    seconds: float

    @property
    def is_caught(self) -> bool:
        return self.verdict == "caught"


class Stale(Exception):
    """The text that a mutant replaces is not there."""


def catalogue() -> list[Mutant]:
    mutants = []
    for path in sorted(Path(__file__).with_name("mutants").glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            mutants.append(Mutant(entry["name"], entry["breaks"], entry["tests"], entry["edit"]))
    return mutants


def run(arguments: list[str], tree: Path, patience: float | None = None) -> tuple[int, str]:
    """Exit code and everything it said; -1 when it took too long."""
    try:
        done = subprocess.run(
            arguments, cwd=tree, timeout=patience, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except subprocess.TimeoutExpired as expired:
        return -1, (expired.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout.decode(errors="replace")


def apply(mutant: Mutant, tree: Path) -> dict[Path, str]:
    """Changes the files and answers what they held before."""
    before: dict[Path, str] = {}
    after: dict[Path, str] = {}
    for edit in mutant.edits:
        path = tree / edit["file"]
        # A text of several lines begins behind the line break that opens it.
        text, times = edit["text"], edit.get("times", 1)
        if not path.exists():
            raise Stale(f"{edit['file']} does not exist")
        before.setdefault(path, path.read_text())
        held = after.get(path, before[path])
        if held.count(text) != times:
            raise Stale(f"{edit['file']} holds its text {held.count(text)} times, not {times}")
        after[path] = held.replace(text, edit["with"])
    for path, text in after.items():
        path.write_text(text)
    return before


def build(tree: Path, scratch: Path) -> tuple[int, str]:
    return run(["swift", "build", "--build-tests", "--scratch-path", str(scratch)], tree)


def test_python(tree: Path, tests: str) -> tuple[int, str]:
    package = tree / PYTHON_PACKAGE
    return run(["env", f"PYTHONPATH={package}/src", str(PYTHON), "-m", "unittest", *tests.split("|")], package / "tests", PATIENCE)


def test(tree: Path, scratch: Path, tests: str) -> tuple[int, str]:
    command = ["swift", "test", "--skip-build", "--scratch-path", str(scratch), "--filter", tests]
    return run(command, tree, PATIENCE)


def last_lines(output: str, count: int = 15) -> str:
    return "\n".join(output.strip().splitlines()[-count:])


def judge(mutant: Mutant, tree: Path, scratch: Path) -> Result:
    start = time.monotonic()

    def result(verdict: str, detail: str) -> Result:
        return Result(mutant, verdict, detail, time.monotonic() - start)

    try:
        before = apply(mutant, tree)
    except Stale as stale:
        return result("stale", str(stale))
    try:
        if mutant.is_python:
            code, output = test_python(tree, mutant.tests)
        else:
            code, output = build(tree, scratch)
            if code != 0:
                return result("not built", last_lines(output))
            code, output = test(tree, scratch, mutant.tests)
    finally:
        for path, text in before.items():
            path.write_text(text)
    if code == -1:
        return result("HUNG", f"no verdict within {PATIENCE} s")
    counted = COUNTED.search(output)
    if code == 0:
        return result("SURVIVED", f"{counted.group(1) if counted else 'no'} tests passed")
    failed = [swift or python for swift, python in FAILED.findall(output)]
    names = [name for name in dict.fromkeys(failed) if not name.startswith("run with")]
    return result("caught", names[0] if names else "a crash")


def show(result: Result) -> None:
    print(f"{result.mutant.name:32} {result.verdict:10} {result.seconds:5.0f} s  {result.mutant.breaks}")
    for line in result.detail.splitlines():
        print(f"{'':32} {'by ' if result.is_caught else ''}{line}")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the mutants, and whether each still applies")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="run this one; may be repeated")
    parser.add_argument("--from", dest="first", metavar="NAME", help="begin with this one")
    parser.add_argument("--scratch-path", type=Path, default=TREE / ".build" / "mutants", help="where to build (.build/mutants)")
    options = parser.parse_args()

    mutants = catalogue()
    names = [mutant.name for mutant in mutants]
    for name in [*options.only, *([options.first] if options.first else [])]:
        if name not in names:
            parser.error(f"there is no mutant {name}; --list names them")
    if options.only:
        mutants = [mutant for mutant in mutants if mutant.name in options.only]
    if options.first:
        mutants = mutants[[mutant.name for mutant in mutants].index(options.first) :]

    # What is not committed yet counts, too: the copy is of the files as they are.
    with tempfile.TemporaryDirectory(prefix="tidemark-mutants-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree], cwd=TREE, check=True)
        try:
            changes = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=TREE, check=True, stdout=subprocess.PIPE).stdout
            if changes:
                subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=tree, check=True, input=changes)
            if options.list:
                return list_all(mutants, tree)
            return run_all(mutants, tree, options.scratch_path.resolve())
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=TREE, check=False)


def list_all(mutants: list[Mutant], tree: Path) -> int:
    stale = 0
    for mutant in mutants:
        try:
            for path, text in apply(mutant, tree).items():
                path.write_text(text)
            state = ""
        except Stale as error:
            stale += 1
            state = f"  STALE: {error}"
        print(f"{mutant.name:32} {mutant.breaks}\n{'':32} caught by {mutant.tests}{state}")
    print(f"{len(mutants)} mutants, {stale} stale")
    return 1 if stale else 0


def run_all(mutants: list[Mutant], tree: Path, scratch: Path) -> int:
    print("the tree as it is: build and tests must be good")
    code, output = 0, ""
    swift, python = ("|".join(sorted({m.tests for m in mutants if m.is_python == is_python})) for is_python in (False, True))
    if swift:
        code, output = build(tree, scratch)
        if code == 0:
            code, output = test(tree, scratch, swift)
    if code == 0 and python:
        code, output = test_python(tree, python)
    if code != 0:
        print(last_lines(output, 40))
        return 1
    results = []
    for mutant in mutants:
        results.append(judge(mutant, tree, scratch))
        show(results[-1])
    caught = sum(result.is_caught for result in results)
    print(f"{caught} of {len(results)} mutants caught")
    for result in results:
        if not result.is_caught:
            print(f"  {result.verdict}: {result.mutant.name}")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
