"""The peers' own packages, each peer's in a virtual environment of its own, kept between runs outside of the repository."""

import hashlib
import os
import shutil
import subprocess
import sys


class Unavailable(Exception):
    """A peer that can't be had or doesn't run here, and why, in one line."""


def environment(requirements: str) -> str:
    """The folder of the programs of a virtual environment with exactly these packages; made where it is missing."""
    with open(requirements, "rb") as file:
        mark = hashlib.sha256(file.read() + sys.version.encode()).hexdigest()[:12]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = f"{cache}/tidemark-bench/{os.path.basename(os.path.dirname(requirements))}-{mark}"
    complete = f"{folder}/complete"
    if not os.path.exists(complete):
        shutil.rmtree(folder, ignore_errors=True)
        _run(sys.executable, "-m", "venv", folder)
        _run(f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--requirement", requirements)
        with open(complete, "w", encoding="ascii"):
            pass
    return f"{folder}/bin"


def _run(*command: str) -> None:
    done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Unavailable(reason(done.stdout) or f"{command[0]} ended with {done.returncode}")


def reason(output: str) -> str:
    """Why a program failed: the last line that speaks of an error, else its last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [""])[-1]
