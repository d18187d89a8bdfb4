"""Runs DataYoga's job `redis.read_stream` -> `relational.write` from one stream into one table."""

import json
import os
import subprocess
import time

from contents import PLAIN, check
from environments import Unavailable, environment, reason
from ground import HERE, Ground, Result
from load import Load
from machine import cpu_of, peak_memory
from servers import die_with_parent
from yardsticks import plain_table, verify_plain

STREAM = "documents"
JOB = "messages"


def datayoga_programs() -> str:
    """The folder with the `datayoga` command."""
    return environment(f"{HERE}/datayoga/requirements.txt")


def configure(folder: str, ground: Ground, batch: int) -> None:
    """Connections and job as its documentation has them. JSON is YAML too."""
    server = {"host": "127.0.0.1"}
    connections = {
        "source": {"type": "redis", "port": ground.redis.port, **server},
        "target": {"type": "postgresql", "port": ground.postgres.port, "database": "tidemark", "user": "tidemark", **server}}
    job = {
        "input": {"uses": "redis.read_stream", "with": {"connection": "source", "stream_name": STREAM, "batch_size": batch}},
        "steps": [{"uses": "relational.write", "with": {"connection": "target", "schema": "plain", "table": "messages"}}],
        "error_handling": "abort"}
    os.makedirs(f"{folder}/jobs", exist_ok=True)
    for path, content in ((f"{folder}/connections.dy.yaml", connections), (f"{folder}/jobs/{JOB}.dy.yaml", job)):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


def measure_datayoga(programs: str, batch: int, ground: Ground, load: Load, expected: dict[str, str]) -> Result:
    """From the start of `datayoga run` until it has acknowledged every entry."""
    ground.redis.connection.call("FLUSHALL")
    load.write_documents(ground.redis.connection, STREAM)
    plain_table(ground)
    folder = f"{ground.folder}/datayoga"
    configure(folder, ground, batch)
    ground.settle()
    before, start = ground.meter(), time.monotonic()
    with open(f"{folder}/log", "wb") as log:
        process = subprocess.Popen(
            [f"{programs}/datayoga", "run", JOB, "--dir", folder, "--loglevel", "warn"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
    try:
        _wait(ground, process, len(load), f"{folder}/log")
        seconds = time.monotonic() - start
        cpu, memory = cpu_of(process.pid), peak_memory(process.pid)
        spent = ground.spent(before, seconds, cpu)
    finally:
        process.kill()
        process.wait()
    verify_plain(ground, load, "DataYoga")
    check(ground, PLAIN, expected, "DataYoga")
    per_change = cpu * 1e6 / len(load)
    return {
        "seconds": seconds, "rate": len(load) / seconds, "rows": len(load), "cpu_seconds": cpu, "cpu_us_per_change": per_change,
        "cpu_us_per_row": per_change, "peak_bytes": memory, "batch": batch, **spent}


def _wait(ground: Ground, process: subprocess.Popen, entries: int, log: str) -> None:
    """It runs for ever; what it has written it acknowledges. Looks every 20 ms."""
    while _acknowledged(ground) < entries:
        if process.poll() is not None:
            with open(log, encoding="utf-8", errors="replace") as lines:
                raise Unavailable(reason(lines.read()) or f"it ended with {process.returncode}")
        time.sleep(0.02)


def _acknowledged(ground: Ground) -> int:
    for flat in ground.redis.connection.call("XINFO", "GROUPS", STREAM):
        group = {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}
        return (group["entries-read"] or 0) - group["pending"]
    return 0
