"""The catalogue of mutants, and what is decided about them: which still apply, which of them a commit draws, what a run proved.

Nothing here builds, tests or changes a file; `mutants.py` does, in a place of `mutant_places.py`.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

# The package for agents in Python. Its mutants are not built, and they name modules of its tests.
PYTHON_PACKAGE = "ops/clients/python"
COUNTED = re.compile(r"(?:Test run with|Ran) (\d+) tests?")
FAILED = re.compile(r"Test (.+?) (?:with .+? )?(?:failed|recorded an issue)|^(?:FAIL|ERROR): (\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    name: str
    breaks: str
    tests: str
    edits: tuple[dict[str, Any], ...]

    @property
    def is_python(self) -> bool:
        return all(edit["file"].startswith(PYTHON_PACKAGE) for edit in self.edits)


@dataclass(frozen=True)
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


def catalogue(folder: Path) -> list[Mutant]:
    mutants = []
    for path in sorted(folder.glob("*.toml")):
        for entry in tomllib.loads(path.read_text())["mutant"]:
            mutants.append(Mutant(entry["name"], entry["breaks"], entry["tests"], tuple(entry["edit"])))
    return mutants


def edited(mutant: Mutant, tree: Path) -> tuple[dict[Path, str], dict[Path, str]]:
    """What the files of the mutant hold in the tree, and what they hold once it is put in."""
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
    return before, after


def stale(mutants: Iterable[Mutant], tree: Path) -> dict[str, str]:
    """The names of the mutants that no longer apply to the tree, each with the reason."""
    found = {}
    for mutant in mutants:
        try:
            edited(mutant, tree)
        except Stale as error:
            found[mutant.name] = str(error)
    return found


def draw(mutants: Iterable[Mutant], commit: str, count: int) -> list[Mutant]:
    """The mutants that are judged at a commit, in the order in which they are.

    The hash of the commit and a mutant's name says how early the mutant comes, so each commit has an order of its own, and draws its
    first `count`. This needs no memory and no history, which a shallow checkout lacks, and a person can repeat what CI did. Each mutant
    is as likely as any other at each commit, whatever commit came before: of 400 mutants, three in a hundred are drawn at one commit,
    and all but one of them, on average, within 200 commits. A mutant that is added or removed moves no other one.

    At most a quarter are of the Python package: they are cheap, but most of what can break is elsewhere. They come first, because they
    use the program that the tests built; mutants in Swift build it anew.
    """
    ranked = sorted(mutants, key=lambda mutant: sha256(f"{commit} {mutant.name}".encode()).digest())
    python = [mutant for mutant in ranked if mutant.is_python][: count // 4]
    swift = [mutant for mutant in ranked if not mutant.is_python]
    drawn = [mutant for mutant in ranked if mutant in python or not mutant.is_python][:count]
    return [mutant for mutant in python if mutant in drawn] + [mutant for mutant in swift if mutant in drawn]


def verdict(code: int | None, output: str) -> tuple[str, str]:
    """What the tests of a mutant say about it, with a detail. The code is None if they took too long."""
    if code is None:
        return "HUNG", "its tests took too long"
    if code == 0:
        counted = COUNTED.search(output)
        return "SURVIVED", f"{counted.group(1) if counted else 'no'} tests passed"
    failed = [swift or python for swift, python in FAILED.findall(output)]
    names = [name for name in dict.fromkeys(failed) if name != "run" and not name.startswith("run with")]
    return "caught", names[0] if names else "a crash"


def conclusion(results: list[Result], planned: int) -> tuple[list[str], int]:
    """What is said at the end of a run that was to judge so many mutants, and its exit code."""
    lines = [f"{sum(result.is_caught for result in results)} of {len(results)} mutants caught"]
    if len(results) < planned:
        lines.append(f"the time is over: {len(results)} of {planned} mutants were judged, the other {planned - len(results)} were not")
    lines += [f"  {result.verdict}: {result.mutant.name}" for result in results if not result.is_caught]
    return lines, 0 if results and all(result.is_caught for result in results) else 1
