"""Which mutants a commit draws, which no longer apply, and what a run proved."""

import sys
import tempfile
import unittest
from hashlib import sha256
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mutation import Mutant, Result, catalogue, conclusion, draw, edited, stale, verdict  # noqa: E402

TREE = Path(__file__).resolve().parents[3]


def mutant(name: str, file: str = "Sources/File.swift", text: str = "old", new: str = "new", **more: int) -> Mutant:
    return Mutant(name, "a promise", "SomeTests", ({"file": file, "text": text, "with": new, **more},))


def commits(count: int) -> list[str]:
    return [sha256(str(number).encode()).hexdigest()[:40] for number in range(count)]


SWIFT = [mutant(f"swift-{number}") for number in range(370)]
PYTHON = [mutant(f"python-{number}", "ops/clients/python/src/file.py") for number in range(30)]


class TheChoice(unittest.TestCase):
    def test_a_commit_always_draws_the_same(self) -> None:
        for commit in commits(20):
            self.assertEqual(draw(SWIFT + PYTHON, commit, 12), draw(list(reversed(SWIFT + PYTHON)), commit, 12))

    def test_each_commit_draws_as_many_as_it_shall_and_none_twice(self) -> None:
        for commit in commits(200):
            self.assertEqual(len({one.name for one in draw(SWIFT + PYTHON, commit, 12)}), 12)

    def test_few_mutants_are_all_drawn(self) -> None:
        self.assertEqual({one.name for one in draw(SWIFT[:5], "c", 12)}, {one.name for one in SWIFT[:5]})

    def test_all_have_their_turn(self) -> None:
        times = {one.name: 0 for one in SWIFT + PYTHON}
        for commit in commits(500):
            for one in draw(SWIFT + PYTHON, commit, 12):
                times[one.name] += 1
        self.assertGreater(min(times.values()), 0)
        self.assertLess(max(times.values()), 40)

    def test_the_next_commit_draws_others(self) -> None:
        drawn = [{one.name for one in draw(SWIFT + PYTHON, commit, 12)} for commit in commits(200)]
        again = sum(len(one & other) for one, other in zip(drawn, drawn[1:]))
        # 12 * 12 / 400 of each pair if each draw is independent of the one before.
        self.assertLess(again / (len(drawn) - 1), 1)

    def test_a_mutant_more_takes_the_place_of_one_at_most(self) -> None:
        for commit in commits(50):
            drawn = {one.name for one in draw(SWIFT + PYTHON, commit, 12)}
            self.assertLessEqual(len(drawn - {one.name for one in draw([mutant("later")] + SWIFT + PYTHON, commit, 12)}), 1)

    def test_at_most_a_quarter_is_python_and_comes_first(self) -> None:
        for commit in commits(50):
            kinds = [one.is_python for one in draw(SWIFT[:30] + PYTHON, commit, 12)]
            self.assertLessEqual(sum(kinds), 3)
            self.assertEqual(kinds, sorted(kinds, reverse=True))

    def test_mutants_in_python_have_their_turn_too(self) -> None:
        self.assertTrue(any(one.is_python for commit in commits(50) for one in draw(SWIFT + PYTHON, commit, 12)))


class TheStaleCheck(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        (self.tree / "Sources").mkdir()
        (self.tree / "Sources/File.swift").write_text("old and old\n")

    def test_a_mutant_applies_where_its_text_stands_as_often_as_it_says(self) -> None:
        self.assertEqual(stale([mutant("twice", times=2)], self.tree), {})

    def test_a_text_that_is_gone_or_stands_elsewhere_too_is_stale(self) -> None:
        self.assertEqual(
            stale([mutant("gone", text="young"), mutant("ambiguous"), mutant("fine", text="and")], self.tree),
            {
                "gone": "Sources/File.swift holds its text 0 times, not 1",
                "ambiguous": "Sources/File.swift holds its text 2 times, not 1",
            },
        )

    def test_a_file_that_is_gone_is_stale(self) -> None:
        self.assertEqual(stale([mutant("moved", file="Sources/Other.swift")], self.tree), {"moved": "Sources/Other.swift does not exist"})

    def test_the_second_edit_of_a_file_sees_the_first(self) -> None:
        edits = ({"file": "Sources/File.swift", "text": "and", "with": "or"}, {"file": "Sources/File.swift", "text": "old or", "with": "or"})
        before, after = edited(Mutant("two", "a promise", "SomeTests", edits), self.tree)
        self.assertEqual(list(before.values()), ["old and old\n"])
        self.assertEqual(list(after.values()), ["or old\n"])

    def test_it_changes_nothing(self) -> None:
        stale([mutant("twice", times=2)], self.tree)
        self.assertEqual((self.tree / "Sources/File.swift").read_text(), "old and old\n")


class TheCatalogue(unittest.TestCase):
    def test_no_mutant_is_stale_or_has_the_name_of_another(self) -> None:
        mutants = catalogue(TREE / "ops/proof/mutants")
        self.assertGreater(len(mutants), 300)
        self.assertEqual(stale(mutants, TREE), {})
        self.assertEqual(len({one.name for one in mutants}), len(mutants))

    def test_each_mutant_changes_something(self) -> None:
        for one in catalogue(TREE / "ops/proof/mutants"):
            before, after = edited(one, TREE)
            self.assertNotEqual(before, after, one.name)


class TheVerdict(unittest.TestCase):
    def test_of_a_failed_test(self) -> None:
        output = 'Test "a lane is fenced" recorded an issue at File.swift:1\nTest run with 3 tests in 1 suite failed after 1 second\n'
        self.assertEqual(verdict(1, output), ("caught", '"a lane is fenced"'))
        self.assertEqual(verdict(1, "FAIL: test_barrier (test_steps.Steps)\nRan 4 tests\n"), ("caught", "test_barrier"))

    def test_of_a_crash(self) -> None:
        self.assertEqual(verdict(1, "Fatal error: Index out of range\n"), ("caught", "a crash"))

    def test_of_good_tests(self) -> None:
        self.assertEqual(verdict(0, "Test run with 3 tests in 1 suite passed\n"), ("SURVIVED", "3 tests passed"))
        self.assertEqual(verdict(0, ""), ("SURVIVED", "no tests passed"))

    def test_of_tests_that_take_too_long(self) -> None:
        self.assertEqual(verdict(None, "Test run with 3 tests")[0], "HUNG")


class TheEndOfARun(unittest.TestCase):
    def results(self, *verdicts: str) -> list[Result]:
        return [Result(mutant(f"m{number}"), verdict, "", 1) for number, verdict in enumerate(verdicts)]

    def test_all_caught_is_good(self) -> None:
        self.assertEqual(conclusion(self.results("caught", "caught"), 2), (["2 of 2 mutants caught"], 0))

    def test_whatever_else_fails_the_run_and_is_named(self) -> None:
        for other in ("SURVIVED", "HUNG", "not built", "stale"):
            self.assertEqual(conclusion(self.results("caught", other), 2), (["1 of 2 mutants caught", f"  {other}: m1"], 1))

    def test_a_run_that_ran_out_of_time_says_how_many_it_judged(self) -> None:
        lines, code = conclusion(self.results("caught"), 12)
        self.assertEqual(lines, ["1 of 1 mutants caught", "the time is over: 1 of 12 mutants were judged, the other 11 were not"])
        self.assertEqual(code, 0)

    def test_a_run_that_judged_none_is_not_good(self) -> None:
        self.assertEqual(conclusion([], 12)[1], 1)


if __name__ == "__main__":
    unittest.main()
