"""Where mutants are put, one at a time: into a throwaway copy of the tree, or into the checkout itself, whose build can be used again.

A build holds the absolute paths of its sources, so a copy must compile all modules of this package first. CI has compiled them in its
checkout, and uses that. What keeps a person's work safe there is written at `Checkout`.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from mutation import Mutant, edited


class Unusable(Exception):
    """The place can't be used, or not any longer; what was found in it was left as it is."""


class NotCommitted(Unusable):
    """The checkout holds changes that are not committed. A copy can have them, too."""


class Copy:
    """A throwaway copy of the files as they are: what is not committed yet counts, too."""

    def __init__(self, source: Path) -> None:
        self.source = source

    def __enter__(self) -> "Copy":
        self.folder = tempfile.TemporaryDirectory(prefix="tidemark-mutants-")
        self.tree = Path(self.folder.name) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", self.tree], cwd=self.source, check=True)
        changes = subprocess.run(["git", "diff", "--binary", "HEAD"], cwd=self.source, check=True, stdout=subprocess.PIPE).stdout
        if changes:
            subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=self.tree, check=True, input=changes)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        subprocess.run(["git", "worktree", "remove", "--force", self.tree], cwd=self.source, check=False)
        self.folder.cleanup()

    @contextmanager
    def holding(self, mutant: Mutant) -> Iterator[None]:
        before, after = edited(mutant, self.tree)
        try:
            for path, text in after.items():
                path.write_text(text)
            yield
        finally:
            for path, text in before.items():
                path.write_text(text)


class Checkout:
    """The checkout itself. Nothing that is not committed can be lost there, and no mutant can be committed:

    1. It is refused if a file that git knows was changed, and a mutant is refused if its file is not what the commit holds, for
       someone may begin to work while this runs. So git has what a mutant replaces even if this process is killed at once.
    2. A file is put back only if it still holds what the mutant made of it. One that someone wrote meanwhile is left alone, and the
       run ends and says so.
    3. Git's own lock of its index is held meanwhile, so `git add`, `commit`, `checkout` and `stash` refuse to work. The lock says
       what to do if this process was killed.
    """

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.has_held = False

    def __enter__(self) -> "Checkout":
        self.lock = self.tree / self.git("rev-parse", "--git-path", "index.lock").decode().strip()
        try:
            with self.lock.open("x") as file:
                file.write(
                    "Held by ops/proof/mutants.py, which changes files of this checkout and puts them back.\n"
                    f"If its process {os.getpid()} is gone, remove this file; git diff shows the mutant that it left.\n"
                )
        except FileExistsError:
            raise Unusable(f"another process uses git here, or was killed: {self.lock} is there, and may say more") from None
        changed = self.git("status", "--porcelain", "--untracked-files=no").decode().splitlines()
        if changed:
            self.lock.unlink()
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise NotCommitted(f"not committed: {changed[0][3:]}{more}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.lock.unlink(missing_ok=True)

    @contextmanager
    def holding(self, mutant: Mutant) -> Iterator[None]:
        before, after = edited(mutant, self.tree)
        for path, text in before.items():
            if text.encode() != self.git("show", f"HEAD:{path.relative_to(self.tree)}"):
                raise Unusable(f"{path} was changed meanwhile; the mutant {mutant.name} was not put into it")
        self.has_held = True
        try:
            for path, text in after.items():
                path.write_text(text)
            yield
        finally:
            written = [path for path in before if path.read_text() not in (before[path], after[path])]
            for path in before.keys() - written:
                path.write_text(before[path])
            if written:
                names = ", ".join(str(path) for path in written)
                raise Unusable(f"someone wrote {names} while it held the mutant {mutant.name}, which may still be in it: see git diff")

    def git(self, *arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=self.tree, check=True, stdout=subprocess.PIPE).stdout
