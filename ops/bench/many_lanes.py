#!/usr/bin/env python3
"""What many lanes cost: the same changes over 16, 160, 1,600 and 10,000 streams, as a backlog and as a trickle; and lanes where nothing
happens at all.

Standard library only. Starts its own Redis and Postgres; only ratios travel to another machine. Exit 1 when something is not complete
and clean. See README.md beside this file.
"""

import argparse
import time

from drain import install, verify
from figures import common_arguments, parsed, print_facts, print_rows, report
from ground import Ground, Result, say
from load import Load, send
from machine import cpu_of, peak_memory
from servers import Worker

FEW = 16
LANES = (FEW, 160, 1_600, 10_000)
IDLE_LANES = (1_000, 10_000)


class Spread(Load):
    """The changes over plain streams; a session stays in one."""

    def __init__(self, load: Load, lanes: int) -> None:
        super().__init__(load.name, load.entries)
        self.streams = [f"many:{number:05}" for number in range(lanes)]
        sessions = {session: number for number, session in enumerate(sorted({entry.session for entry in self.entries}))}
        self._stream = {session: self.streams[number % lanes] for session, number in sessions.items()}

    def stream_of(self, session: str) -> str:
        """Where a session's changes go."""
        return self._stream[session]

    def write_lanes(self, connection) -> None:
        self._write(connection, self.stream_of)


class Silence(Load):
    """Streams that hold one old change each."""

    def __init__(self, load: Load, lanes: int) -> None:
        super().__init__("silence", load.entries[:lanes])
        self.streams = [f"many:{number:05}" for number in range(lanes)]

    def write_lanes(self, connection) -> None:
        send(connection, [
            ["XADD", stream, "%d-%d" % self.position(index), *entry.fields]
            for index, (stream, entry) in enumerate(zip(self.streams, self.entries))])


def configured(ground: Ground, settings: dict[str, str]) -> dict[str, str]:
    """The settings, with all streams as lanes and no built-in ones."""
    path = f"{ground.folder}/many.yaml"
    with open(path, "w", encoding="utf-8") as file:
        file.write('lanes:\n  - streams: "many:*"\n    start: oldest\n')
    return settings | {"config": path, "state.enabled": "false"}


def wait_read(ground: Ground, worker: Worker, entries: int, lanes: int, seconds: float) -> None:
    """Until the ledger counts so many entries. Looks the less often the more rows it must add up."""
    deadline = time.monotonic() + seconds
    while int(ground.psql.value("select coalesce(sum(read_total), 0) from tidemark.lanes")) < entries:
        if worker.exit_code() is not None:
            raise SystemExit(f"the worker ended by itself; its log: {worker.log}")
        if time.monotonic() > deadline:
            raise SystemExit(f"not everything was applied in {seconds:.0f} s; the worker's log: {worker.log}")
        time.sleep(0.02 + lanes * 2e-5)


def stop(worker: Worker) -> None:
    """It must end well."""
    if worker.terminate() != 0:
        raise SystemExit(f"the worker did not end well; its log: {worker.log}")


def drain(ground: Ground, load: Load, lanes: int, settings: dict[str, str]) -> Result:
    """From the start of `tidemark run`, which finds and takes the lanes first, to the last commit."""
    spread = Spread(load, lanes)
    worker = install(ground, spread, configured(ground, settings))
    ground.settle()
    before = ground.meter()
    worker.start()
    start = time.monotonic()
    try:
        wait_read(ground, worker, len(spread), lanes, max(120, len(spread) / 500))
        seconds = time.monotonic() - start
        cpu, memory = cpu_of(worker.pid), peak_memory(worker.pid)
        spent = ground.spent(before, seconds, cpu)
        verify(ground, spread)
        stop(worker)
    finally:
        worker.close()
    return {"seconds": seconds, "rate": len(spread) / seconds, "cpu_seconds": cpu, "peak_bytes": memory} | spent


def window(ground: Ground, worker: Worker, body) -> Result:
    """CPU of everybody while `body` runs, as shares of one core."""
    commands = int(ground.redis_info("stats")["total_commands_processed"])
    before, cpu, start = ground.meter(), cpu_of(worker.pid), time.monotonic()
    body()
    seconds, cpu = time.monotonic() - start, cpu_of(worker.pid) - cpu
    spent = ground.spent(before, seconds, cpu)
    return {
        "worker_core": cpu / seconds, "redis_core": spent["redis_cpu_seconds"] / seconds,
        "postgres_core": spent["postgres_cpu_seconds"] / seconds, "others_share": spent["others_share"],
        "redis_commands": (int(ground.redis_info("stats")["total_commands_processed"]) - commands) / seconds}


def trickle(ground: Ground, load: Load, lanes: int, rate: int, seconds: float, settings: dict[str, str]) -> Result:
    """So many changes a second, in turn over all sessions, written on time whatever becomes of them."""
    spread = Spread(load, lanes)
    silence = Silence(load, lanes)
    worker = install(ground, silence, configured(ground, settings))
    worker.start()
    try:
        wait_read(ground, worker, lanes, lanes, 120)
        time.sleep(5)
        ground.settle()
        first = int(time.time() * 1000)
        count = int(rate * seconds)

        def write() -> None:
            start = time.monotonic()
            for index in range(count):
                time.sleep(max(0.0, start + index / rate - time.monotonic()))
                entry = spread.entries[index % len(spread)]
                ground.redis.connection.call("XADD", spread.stream_of(entry.session), "*", *entry.fields)

        figures = window(ground, worker, write)
        wait_read(ground, worker, lanes + count, lanes, 120)
        p50, p99 = ground.psql.query(
            "select percentile_cont(0.5) within group (order by lag), percentile_cont(0.99) within group (order by lag) from ("
            "select extract(epoch from committed_at) * 1000 - entry_ms as lag from tidemark.change_log "
            f"where entry_ms >= {first}) as lags")[0]
        stop(worker)
    finally:
        worker.close()
    return figures | {"lag_p50_ms": float(p50), "lag_p99_ms": float(p99)}


def idle(ground: Ground, load: Load, lanes: int, seconds: float, settings: dict[str, str]) -> Result:
    """Nothing is written."""
    worker = install(ground, Silence(load, lanes), configured(ground, settings))
    worker.start()
    try:
        wait_read(ground, worker, lanes, lanes, 120)
        # The first measurement of each lane and the first checkpoints are no part of idling.
        time.sleep(10 + lanes / 400)
        ground.settle()
        figures = window(ground, worker, lambda: time.sleep(seconds))
        stop(worker)
    finally:
        worker.close()
    return figures


def measure(ground: Ground, load: Load, options: argparse.Namespace) -> Result:
    """One run of everything."""
    result: Result = {"drain": {}, "trickle": {}, "idle": {}}
    for lanes in LANES:
        say(f"  {lanes} lanes, drain")
        result["drain"][str(lanes)] = ground.undisturbed(drain, ground, load, lanes, options.settings)
        say(f"  {lanes} lanes, trickle")
        result["trickle"][str(lanes)] = ground.undisturbed(trickle, ground, load, lanes, options.rate, options.seconds, options.settings)
    for lanes in IDLE_LANES:
        say(f"  {lanes} lanes, idle")
        result["idle"][str(lanes)] = ground.undisturbed(idle, ground, load, lanes, options.seconds, options.settings)
    result["ratios"] = {
        f"drain_{lanes}_to_{FEW}": result["drain"][str(lanes)]["rate"] / result["drain"][str(FEW)]["rate"] for lanes in LANES}
    return result


def show(facts: Result, figures: Result, _: list[Result]) -> None:
    """The tables."""
    few = figures["drain"][str(FEW)]
    rows = [("drain", "changes/s", f"of {FEW} lanes'", "worker s", "Postgres s", "Redis s", "peak MiB", "others")]
    for lanes, one in figures["drain"].items():
        rows.append((
            f"{int(lanes):,} lanes", f"{one['rate']:,.0f}", f"{one['rate'] / few['rate']:.2f}", f"{one['cpu_seconds']:.2f}",
            f"{one['postgres_cpu_seconds']:.2f}", f"{one['redis_cpu_seconds']:.2f}", f"{one['peak_bytes'] / 2**20:.0f}",
            f"{one['others_share']:.0%}"))
    print_rows(rows)
    print()
    rows = [(f"{facts['rate']} changes/s", "lag p50 ms", "p99", "worker %", "Postgres %", "Redis %", "Redis commands/s", "others")]
    for lanes, one in figures["trickle"].items():
        rows.append((f"{int(lanes):,} lanes", f"{one['lag_p50_ms']:.1f}", f"{one['lag_p99_ms']:.1f}", *cores(one)))
    print_rows(rows)
    print()
    rows = [("idle", "worker %", "Postgres %", "Redis %", "Redis commands/s", "others")]
    for lanes, one in figures["idle"].items():
        rows.append((f"{int(lanes):,} lanes", *cores(one)))
    print_rows(rows)
    print_facts(facts)


def cores(one: Result) -> tuple[str, ...]:
    """Shares of one core, and what else a window tells."""
    return (*(f"{one[who] * 100:.2f}" for who in ("worker_core", "postgres_core", "redis_core")), f"{one['redis_commands']:,.0f}",
            f"{one['others_share']:.0%}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common_arguments(parser)
    parser.set_defaults(sessions=20_000)
    parser.add_argument("--rate", type=int, default=500, help="changes a second of the trickle (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of a trickle and of idling (default %(default)s)")
    options = parsed(parser)
    report(options, lambda ground, messages, _: measure(ground, messages, options), show, {"rate": options.rate, "seconds": options.seconds})


if __name__ == "__main__":
    main()
