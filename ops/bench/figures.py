"""Figures of several runs, as a table or as JSON, and how a script that makes them runs."""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from typing import Any, Callable

from ground import Ground, Result, say
from load import Generator, Load
from machine import CORES


def common_arguments(parser: argparse.ArgumentParser) -> None:
    """What every script of this folder understands."""
    parser.add_argument("--binary", help="the tidemark executable (default: .build/release/tidemark)")
    parser.add_argument("--changes", type=int, default=300_000, help="in each data set (default %(default)s)")
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--repeat", type=int, default=1, help="measure so often and report medians (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the data sets")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the worker, such as batch.max_entries=10000")
    parser.add_argument("--patience", type=float, default=30, metavar="SECONDS", help="how long a measurement waits for an idle machine (default %(default)s)")
    parser.add_argument("--attempts", type=int, default=1, metavar="N", help="of a measurement that somebody else's work disturbed; the least disturbed counts (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, with `settings` of the worker by name."""
    options = parser.parse_args()
    if options.changes < 1000 or min(options.sessions, options.repeat, options.attempts) < 1:
        parser.error("--changes must be at least 1000, --sessions, --repeat and --attempts at least 1")
    if any("=" not in setting for setting in options.set):
        parser.error("--set wants KEY=VALUE")
    options.settings = dict(setting.split("=", 1) for setting in options.set)
    return options


def report(
    options: argparse.Namespace, measure: Callable[[Ground, Load, Load], Result],
    show: Callable[[Result, Result, list[Result]], None], more_facts: Result
) -> None:
    """Measures as often as asked, on servers of its own, and prints."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = tempfile.mkdtemp(prefix="tidemark-bench-", dir="/tmp")
    os.chmod(folder, 0o755)  # Postgres' user must pass
    ground = None
    try:
        messages, mix = (
            Load(name, getattr(Generator(options.seed, options.sessions), name)(options.changes)) for name in ("messages", "mix"))
        ground = Ground(folder, options.binary, options.patience, options.attempts)
        facts = about(ground, options, messages, mix) | more_facts
        runs = []
        for run in range(options.repeat):
            say(f"run {run + 1} of {options.repeat}")
            runs.append(measure(ground, messages, mix))
        if options.json:
            print(json.dumps({"about": facts, "median": median(runs), "runs": runs}, indent=2))
        else:
            show(facts, median(runs), runs)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if ground:
            ground.close()
        if options.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def median(results: list[Any]) -> Any:
    """Number by number; of what is no number, such as the better order, the most frequent; of disturbances the worst. Only of what
    all have."""
    first = results[0]
    if isinstance(first, dict):
        common = [key for key in first if all(key in result for result in results)]
        return {key: (max if key == "others_share" else median)([result[key] for result in results]) for key in common}
    return statistics.median(results) if isinstance(first, (int, float)) else statistics.mode(results)


def about(ground: Ground, options: argparse.Namespace, *loads: Load) -> Result:
    """What one must know to compare two runs."""
    with open("/proc/cpuinfo", encoding="utf-8") as cpus:
        processors = [line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")]
    version = subprocess.run([ground.binary, "--version"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return {
        "tidemark": version.stdout.strip() or "unknown",
        "redis": ground.redis_info("server")["redis_version"],
        "postgres": ground.psql.value("show server_version"),
        "postgres_settings": {name: ground.psql.value(f"show {name}") for name in (
            "fsync", "synchronous_commit", "shared_buffers", "max_wal_size", "wal_level", "lc_collate")},
        "cores": CORES,
        "processor": processors[0] if processors else platform.machine(),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "changes": options.changes, "sessions": options.sessions, "repeat": options.repeat, "set": options.set,
        "bytes_per_change": {load.name: round(load.entry_bytes()) for load in loads},
    }


def print_rows(rows: list[tuple[str, ...]]) -> None:
    """Columns as wide as they need to be, the first to the left."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if n == 0 else cell.rjust(width) for n, (cell, width) in enumerate(zip(row, widths))).rstrip())


def print_markdown(rows: list[tuple[str, ...]]) -> None:
    """The same as a table that can be pasted into a page."""
    for number, row in enumerate(rows):
        print(f"| {' | '.join(row)} |")
        if number == 0:
            print("|---" * len(row) + "|")


def print_facts(facts: Result) -> None:
    """What was measured, and where."""
    print(f"{facts['changes']:,} changes a set ({', '.join(f'{name} {size} bytes' for name, size in facts['bytes_per_change'].items())}), "
          f"{facts['sessions']:,} sessions, {facts['repeat']} run(s)")
    print(f"Tidemark {facts['tidemark']}, Redis {facts['redis']}, PostgreSQL {facts['postgres']}; {facts['cores']} cores, {facts['processor']}, "
          f"{facts['system']}; load before {facts['load_before']:.2f}")
