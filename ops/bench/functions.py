#!/usr/bin/env python3
"""What the function library costs: append beside a bare XADD of the same fields, one at a time and pipelined; append_all of four changes;
load and durable beside HGETALL.

Standard library only. Starts its own Redis; only ratios travel to another machine. The contenders take turns, round after round, so that
whatever else the machine does meets all of them. See README.md beside this file.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "ops" / "proof"))

import hot.calls  # noqa: E402
from resp import encode  # noqa: E402
from servers import Redis  # noqa: E402

TEXT = "Could you summarise the report that I sent yesterday, please? It is about the figures of the third quarter and their causes."
SESSIONS = 200
PARTITIONS = 1
PIPELINED = 64


def keys(session: str) -> list[str]:
    return hot.calls.keys_of(session, PARTITIONS)


def fcall(function: str, session: str, *arguments: str) -> list[str]:
    """The words of a call."""
    return hot.calls.fcall(function, session, *arguments, partitions=PARTITIONS)


def message(number: int) -> list[str]:
    return ["role", "user", "content", TEXT, "tokens", str(number % 1000)]


def turn(number: int) -> list[str]:
    """Four changes, as an agent makes them in one step: a message, a call and its end, a value."""
    call = f"c{number}"
    return [
        "message.appended", "3", *message(number),
        "tool.started", "3", "call_id", call, "tool", "search", "arguments", '{"query":"figures"}',
        "tool.finished", "3", "call_id", call, "status", "ok", "result", '{"found":3}',
        "context.set", "2", "key", f"k{number % 20}", "value", str(number),
    ]  # fmt: skip


def entries(number: int, session: str) -> list[list[str]]:
    """The same four changes as plain entries."""
    words, plain, place = turn(number), [], 0
    while place < len(words):
        pairs = int(words[place + 1])
        fields = words[place + 2 : place + 2 + 2 * pairs]
        plain.append(["XADD", "tidemark:{0}:changes", "*", "type", words[place], "session", session, *fields, *numbers(number)])
        place += 2 + 2 * pairs
    return plain


def numbers(number: int) -> list[str]:
    return ["seq", str(number), "epoch", "1795755554836"]


def xadd(number: int, session: str) -> list[str]:
    return ["XADD", "tidemark:{0}:changes", "*", "type", "message.appended", "session", session, *message(number), *numbers(number)]


def ids(number: int) -> list[str]:
    return ["event_id", f"01J{number:012}", "message_id", f"m{number}"]


# The contenders: a name, the commands of one step, and the changes that it makes.
CONTENDERS = {
    "XADD": (lambda n, s: [xadd(n, s)], 1),
    "append": (lambda n, s: [fcall("append", s, "message.appended", "-", *message(n))], 1),
    "append with both ids": (lambda n, s: [fcall("append", s, "message.appended", "-", *message(n), *ids(n))], 1),
    "append context.set": (lambda n, s: [fcall("append", s, "context.set", "-", "key", f"k{n % 20}", "value", str(n))], 1),
    "four XADD": (entries, 4),
    "four append": (lambda n, s: [fcall("append", s, *e) for e in calls(n)], 4),
    "append_all of 4": (lambda n, s: [fcall("append_all", s, "-", "4", *turn(n))], 4),
    "HGETALL of the session": (lambda n, s: [["HGETALL", keys(s)[2]]], 1),
    "load, 10 messages": (lambda n, s: [fcall("load", s, "10")], 1),
    "durable": (lambda n, s: [fcall("durable", s, "1-1")], 1),
}
BASES = {"append_all of 4": "four XADD", "four append": "four XADD", "load, 10 messages": "HGETALL of the session", "durable": "HGETALL of the session"}


def calls(number: int) -> list[list[str]]:
    words, found, place = turn(number), [], 0
    while place < len(words):
        end = place + 2 + 2 * int(words[place + 1])
        found.append([words[place], "-", *words[place + 2 : end]])
        place = end
    return found


def cpu(redis: Redis) -> float:
    """The seconds that the server has worked."""
    lines = redis.connection.call("INFO", "cpu").decode().splitlines()
    return sum(float(line.split(":")[1]) for line in lines if line.startswith(("used_cpu_user:", "used_cpu_sys:")))


def fail(answer: object) -> None:
    if isinstance(answer, Exception):
        raise SystemExit(f"functions: {answer}")


def single(redis: Redis, steps: list[list[bytes]]) -> dict[str, float]:
    """One step after the other: its commands travel together, the next step waits for the answers."""
    connection, times, before, start = redis.connection, [], cpu(redis), time.perf_counter()
    for step in steps:
        began = time.perf_counter()
        connection._socket.sendall(b"".join(step))
        for _ in step:
            fail(connection._read())
        times.append(time.perf_counter() - began)
    seconds = time.perf_counter() - start
    times.sort()
    return {
        "rate": len(steps) / seconds, "cpu": (cpu(redis) - before) / len(steps), "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
    }  # fmt: skip


def pipelined(redis: Redis, steps: list[list[bytes]]) -> dict[str, float]:
    """Many steps at once, so that the round trip hardly counts."""
    connection, before, start = redis.connection, cpu(redis), time.perf_counter()
    for first in range(0, len(steps), PIPELINED):
        part = [command for step in steps[first : first + PIPELINED] for command in step]
        connection._socket.sendall(b"".join(part))
        for _ in part:
            fail(connection._read())
    seconds = time.perf_counter() - start
    return {"rate": len(steps) / seconds, "cpu": (cpu(redis) - before) / len(steps)}


def run(redis: Redis, options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    source = "".join(path.read_text() for path in sorted((ROOT / "migrations" / "functions").glob("*.lua")))
    redis.connection.call("FUNCTION", "LOAD", source.replace("{{library}}", "tidemark"))
    sessions = [f"session-{number:05}" for number in range(SESSIONS)]
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    number = 0
    for round_ in range(options.repeat):
        redis.connection.call("FLUSHALL")
        for session in sessions:
            redis.connection.call(*fcall("append", session, "session.started", "-", "agent", "bench"))
            for _ in range(10):
                number += 1
                redis.connection.call(*fcall("append", session, "message.appended", "-", *message(number)))
        for name, (make, changes) in CONTENDERS.items():
            for mode, count, measure in (("single", options.steps, single), ("pipelined", 4 * options.steps, pipelined)):
                steps = []
                for _ in range(count // changes):
                    number += 1
                    steps.append([encode(command) for command in make(number, sessions[number % SESSIONS])])
                result = measure(redis, steps)
                result["rate"] *= changes
                result["cpu"] /= changes
                found.setdefault(name, {}).setdefault(mode, []).append(result)
        print(f"round {round_ + 1} of {options.repeat}", file=sys.stderr)
    return {
        name: {
            mode: {figure: statistics.median(result[figure] for result in results) for figure in results[0]}
            for mode, results in modes.items()
        }
        for name, modes in found.items()
    }  # fmt: skip


def show(figures: dict[str, dict[str, dict[str, float]]]) -> None:
    print("| | changes/s, one step at a time | of its base | p50 us | p99 us | changes/s, pipelined | of its base | Redis' CPU us a change |")
    print("|---|---|---|---|---|---|---|---|")
    for name, modes in figures.items():
        base = figures[BASES.get(name, "XADD" if "HGETALL" not in name else name)]
        one, many = modes["single"], modes["pipelined"]
        cells = [
            name, f"{one['rate']:,.0f}", f"{one['rate'] / base['single']['rate']:.2f}", f"{one['p50'] * 1e6:.0f}", f"{one['p99'] * 1e6:.0f}",
            f"{many['rate']:,.0f}", f"{many['rate'] / base['pipelined']['rate']:.2f}", f"{many['cpu'] * 1e6:.1f}",
        ]  # fmt: skip
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="rounds, of which the medians count")
    parser.add_argument("--steps", type=int, default=4_000, help="changes of each contender one at a time, a quarter of those pipelined")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tidemark-functions-") as folder:
        redis = Redis(folder)
        try:
            figures = run(redis, options)
        finally:
            redis.close()
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures)


if __name__ == "__main__":
    main()
