"""What may become of files where mutants are put, above all of a person's work."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROOF = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROOF))

from mutant_places import Checkout, Copy, NotCommitted, Unusable  # noqa: E402
from mutants import run  # noqa: E402
from mutation import Mutant  # noqa: E402

FIRST = Mutant("first", "a promise", "SomeTests", ({"file": "file.swift", "text": "old", "with": "mutant"},))
SEVERAL = Mutant(
    "several",
    "a promise",
    "SomeTests",
    ({"file": "file.swift", "text": "old", "with": "mutant"}, {"file": "other.swift", "text": "old", "with": "mutant"}),
)


class Repository(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Path(folder.name)
        self.file, self.other = self.tree / "file.swift", self.tree / "other.swift"
        self.file.write_text("old\n")
        self.other.write_text("old\n")
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=First")

    def git(self, *arguments: str) -> None:
        person = ["-c", "user.name=Someone", "-c", "user.email=someone@example.invalid", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *person, *arguments], cwd=self.tree, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @property
    def lock(self) -> Path:
        return self.tree / ".git/index.lock"


class TheCheckout(Repository):
    def test_holds_a_mutant_only_while_it_is_judged(self) -> None:
        with Checkout(self.tree) as place:
            with place.holding(SEVERAL):
                self.assertEqual((self.file.read_text(), self.other.read_text()), ("mutant\n", "mutant\n"))
            self.assertEqual((self.file.read_text(), self.other.read_text()), ("old\n", "old\n"))
        self.assertFalse(self.lock.exists())

    def test_is_put_back_whatever_ends_the_run(self) -> None:
        with self.assertRaises(SystemExit), Checkout(self.tree) as place, place.holding(FIRST):
            raise SystemExit(143)
        self.assertEqual(self.file.read_text(), "old\n")
        self.assertFalse(self.lock.exists())

    def test_is_refused_where_work_is_not_committed(self) -> None:
        for stage in (False, True):
            self.other.write_text("somebody's work\n")
            if stage:
                self.git("add", "other.swift")
            with self.assertRaises(NotCommitted), Checkout(self.tree):
                self.fail("it was entered")
            self.assertEqual(self.other.read_text(), "somebody's work\n")
            self.assertFalse(self.lock.exists())

    def test_is_used_beside_files_that_git_does_not_know(self) -> None:
        (self.tree / "notes").write_text("somebody's notes\n")
        with Checkout(self.tree) as place, place.holding(FIRST):
            self.assertEqual(self.file.read_text(), "mutant\n")
        self.assertEqual((self.tree / "notes").read_text(), "somebody's notes\n")

    def test_puts_no_mutant_over_work_that_was_begun_meanwhile(self) -> None:
        with Checkout(self.tree) as place:
            self.file.write_text("old, and somebody's work\n")
            with self.assertRaises(Unusable), place.holding(SEVERAL):
                self.fail("it was put in")
        self.assertEqual((self.file.read_text(), self.other.read_text()), ("old, and somebody's work\n", "old\n"))

    def test_sees_work_that_git_status_does_not_show(self) -> None:
        self.git("update-index", "--skip-worktree", "file.swift")
        self.file.write_text("old, and somebody's work\n")
        with self.assertRaises(Unusable), Checkout(self.tree) as place, place.holding(FIRST):
            self.fail("it was put in")
        self.assertEqual(self.file.read_text(), "old, and somebody's work\n")

    def test_overwrites_nothing_that_was_written_while_it_held_a_mutant(self) -> None:
        with self.assertRaisesRegex(Unusable, "file.swift"), Checkout(self.tree) as place, place.holding(SEVERAL):
            self.file.write_text("somebody's work\n")
        self.assertEqual((self.file.read_text(), self.other.read_text()), ("somebody's work\n", "old\n"))

    def test_lets_nobody_commit_a_mutant(self) -> None:
        with Checkout(self.tree) as place, place.holding(FIRST):
            for command in (["commit", "--all", "--message=Mine"], ["add", "file.swift"], ["stash"]):
                with self.assertRaises(subprocess.CalledProcessError):
                    self.git(*command)
        self.file.write_text("mine\n")
        self.git("commit", "--all", "--message=Mine")

    def test_is_used_by_one_run_at_a_time(self) -> None:
        with Checkout(self.tree):
            with self.assertRaisesRegex(Unusable, "index.lock"), Checkout(self.tree):
                self.fail("it was entered")
            self.assertTrue(self.lock.exists())


class TheCopy(Repository):
    def test_has_what_is_not_committed_and_leaves_the_checkout_alone(self) -> None:
        self.other.write_text("old, and somebody's work\n")
        with Copy(self.tree) as place:
            with place.holding(SEVERAL):
                self.assertEqual((place.tree / "file.swift").read_text(), "mutant\n")
                self.assertEqual((place.tree / "other.swift").read_text(), "mutant, and somebody's work\n")
            self.assertEqual((place.tree / "other.swift").read_text(), "old, and somebody's work\n")
        self.assertEqual((self.file.read_text(), self.other.read_text()), ("old\n", "old, and somebody's work\n"))
        self.assertFalse(place.tree.exists())


class ThePatience(Repository):
    @unittest.skipUnless(Path("/proc/self/stat").exists(), "needs /proc")
    def test_nothing_outlives_a_test_that_hangs(self) -> None:
        # As SwiftPM does, the shell gives its child a process group of its own.
        code, output = run(["bash", "-c", "set -m; sleep 600 & echo $!; wait"], self.tree, 0.5)
        self.assertIsNone(code)
        deadline = time.monotonic() + 10
        while self.is_running(int(output)) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertFalse(self.is_running(int(output)))

    def is_running(self, process: int) -> bool:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False


class TheCommand(Repository):
    """The script itself, in a tree that holds nothing else."""

    CATALOGUE = '[[mutant]]\nname = "first"\nbreaks = "a promise"\ntests = "SomeTests"\n[[mutant.edit]]\nfile = "file.swift"\ntext = "old"\nwith = "new"\n'

    def setUp(self) -> None:
        super().setUp()
        proof = self.tree / "ops/proof"
        (proof / "mutants").mkdir(parents=True)
        for name in ("mutants.py", "mutant_places.py", "mutation.py"):
            shutil.copy(PROOF / name, proof)
        (proof / "mutants/some.toml").write_text(self.CATALOGUE)
        # A program in place of Swift: it says that tests fail if the file holds the mutant, and stays until it is killed if told to.
        self.tools = self.tree / "tools"
        self.tools.mkdir()
        self.swift(
            'echo "$@" >>calls\n[ "$1" = build ] || ! grep -q new file.swift || { echo "Test one() failed after 1 second"; exit 1; }\n'
        )
        (self.tree / ".gitignore").write_text("calls\n__pycache__/\n")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=Second")

    def swift(self, script: str) -> None:
        (self.tools / "swift").write_text(f"#!/bin/sh\n{script}")
        (self.tools / "swift").chmod(0o755)

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}", "GIT_CEILING_DIRECTORIES": str(self.tree.parent), **environment}
        script = str(self.tree / "ops/proof/mutants.py")
        return subprocess.run([sys.executable, script, *arguments], cwd=self.tree, env=environment, capture_output=True, text=True)

    def calls(self) -> list[str]:
        calls = self.tree / "calls"
        return [line.split()[0] for line in calls.read_text().splitlines()] if calls.exists() else []

    def test_judges_in_place_and_builds_the_tree_as_it_is_again(self) -> None:
        done = self.command("--rotate", "HEAD", "--in-place")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("1 of 1 mutants caught", done.stdout)
        self.assertEqual(self.calls(), ["build", "test", "build", "test", "build"])
        self.assertEqual(self.file.read_text(), "old\n")

    def test_a_mutant_that_survives_fails_the_run(self) -> None:
        self.swift("exit 0\n")
        self.git("commit", "--all", "--message=Third")
        done = self.command("--rotate", "HEAD", "--in-place")
        self.assertEqual(done.returncode, 1)
        self.assertIn("SURVIVED: first", done.stdout)

    def test_a_mutant_that_does_not_build_fails_the_run(self) -> None:
        self.swift("! grep -q new file.swift\n")
        self.git("commit", "--all", "--message=Third")
        done = self.command("--rotate", "HEAD", "--in-place")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not built: first", done.stdout)

    def test_one_is_judged_though_the_time_is_over(self) -> None:
        (self.tree / "ops/proof/mutants/more.toml").write_text(self.CATALOGUE.replace("first", "second"))
        self.git("add", ".")
        self.git("commit", "--message=Third")
        done = self.command("--rotate", "HEAD", "--in-place", "--minutes", "0")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("1 of 2 mutants were judged", done.stdout)

    def test_a_stale_mutant_ends_the_run_before_any_build(self) -> None:
        (self.tree / "ops/proof/mutants/more.toml").write_text(self.CATALOGUE.replace("first", "second").replace('"old"', '"gone"'))
        done = self.command("--rotate", "HEAD", "--count", "1", "--in-place")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, "stale: second: file.swift holds its text 0 times, not 1\n")
        self.assertEqual(self.calls(), [])

    def test_a_signal_puts_the_file_back(self) -> None:
        # The build tells the script to end while a file holds the mutant, and would go on for long.
        self.swift("if grep -q new file.swift; then kill -TERM $PPID; sleep 60; fi\n")
        self.git("commit", "--all", "--message=Third")
        done = self.command("--rotate", "HEAD", "--in-place")
        self.assertEqual(done.returncode, 143, done.stdout)
        self.assertIn("build again", done.stderr)
        self.assertEqual(self.file.read_text(), "old\n")
        self.assertFalse(self.lock.exists())

    def test_work_that_is_not_committed_is_judged_in_a_copy(self) -> None:
        self.other.write_text("somebody's work\n")
        done = self.command("--rotate", "HEAD", "--in-place")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("not committed: other.swift; judged in a copy", done.stdout)
        self.assertEqual(self.calls(), [])
        self.assertEqual(self.other.read_text(), "somebody's work\n")

    def test_without_git_it_says_so_in_one_line(self) -> None:
        shutil.rmtree(self.tree / ".git")
        done = self.command("--rotate", "HEAD")
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1))
        self.assertIn("the hash of HEAD can't be had", done.stderr)
        done = self.command("--rotate", "HEAD", PATH="/nowhere")
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1))


if __name__ == "__main__":
    unittest.main()
