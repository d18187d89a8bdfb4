#!/usr/bin/env python3
"""What a backlog costs in memory, what bad records cost in speed, and what an entry costs in allocations.

Standard library only. Starts its own Redis and Postgres; only ratios travel to another machine. Exit 1 when something is not complete
and clean. See README.md beside this file.
"""

import argparse

from drain import drain
from figures import common_arguments, parsed, print_facts, print_rows, report
from ground import Ground, Result, say
from load import Entry, Load

# One entry in so many is bad.
ONE_IN = 10
# The larger backlog is so many times the smaller.
TIMES = 10
# What only Postgres sees. The clean set pays for the check, too.
CONSTRAINT = "alter table tidemark.messages add constraint no_poison check (content not like 'poison%')"


def poisoned(load: Load, name: str, spoil) -> Load:
    """The messages, one in ten of them spoiled."""
    entries = [spoil(entry) if index % ONE_IN == 0 else entry for index, entry in enumerate(load.entries)]
    return Load(name, entries, dead=(len(entries) + ONE_IN - 1) // ONE_IN)


def for_the_decoder(entry: Entry) -> Entry:
    """No number where one is wanted."""
    return Entry(entry.session, entry.fields[1], [*entry.fields[4:], "tokens", "many"])


def for_postgres(entry: Entry) -> Entry:
    """A content that the table's constraint refuses."""
    *fields, content = entry.fields[4:]
    return Entry(entry.session, entry.fields[1], [*fields, "poison " + content])


def allocations(ground: Ground, messages: Load, settings: dict[str, str]) -> Result:
    """What the threads that read ask of malloc for each entry, and what all of the worker does; start and end included."""
    counts = f"{ground.folder}/malloc_counts"
    drain(ground, messages, settings, environment={"LD_PRELOAD": ground.library("malloc_counter"), "MALLOC_COUNTS": counts})
    with open(counts, encoding="utf-8") as file:
        by_thread = [line.rstrip("\n").split("\t") for line in file]
    return {
        "reading": sum(int(count) for name, count in by_thread if name.startswith("NIO-")) / len(messages),
        "all": sum(int(count) for _, count in by_thread) / len(messages)}


def measure(ground: Ground, messages: Load, options: argparse.Namespace) -> Result:
    """One run of everything."""
    result: Result = {}
    loads = {
        "clean": messages, "poison_decoder": poisoned(messages, "poison that the decoder sees", for_the_decoder),
        "poison_postgres": poisoned(messages, "poison that only Postgres sees", for_postgres)}
    for key, load in loads.items():
        say(f"  {load.name}")
        result[key] = ground.undisturbed(drain, ground, load, options.settings, CONSTRAINT)
    say(f"  a backlog of {TIMES} times as many")
    result["backlog"] = ground.undisturbed(drain, ground, Load("backlog", messages.entries, times=TIMES), options.settings)
    say("  allocations")
    result["allocations"] = allocations(ground, messages, options.settings)
    clean = result["clean"]
    result["ratios"] = {
        "poison_decoder": result["poison_decoder"]["rate"] / clean["rate"],
        "poison_postgres": result["poison_postgres"]["rate"] / clean["rate"],
        "backlog_memory": result["backlog"]["peak_bytes"] / clean["peak_bytes"],
        "backlog_rate": result["backlog"]["rate"] / clean["rate"]}
    return result


def show(facts: Result, figures: Result, runs: list[Result]) -> None:
    """The table."""
    names = {
        "clean": "all good", "poison_decoder": f"one in {ONE_IN} bad, the decoder sees it",
        "poison_postgres": f"one in {ONE_IN} bad, only Postgres sees it", "backlog": f"all good, {TIMES} times as many"}
    rows = [("messages", "changes/s", "of the good", "worker s", "Postgres s", "peak MiB", "others")]
    for key, name in names.items():
        one = figures[key]
        rows.append((
            name, f"{one['rate']:,.0f}", f"{one['rate'] / figures['clean']['rate']:.2f}", f"{one['cpu_seconds']:.2f}",
            f"{one['postgres_cpu_seconds']:.2f}", f"{one['peak_bytes'] / 2**20:.0f}", f"{one['others_share']:.0%}"))
    print_rows(rows)
    print()
    for key in figures["ratios"]:
        print(f"{key}: {', '.join(f'{value:.2f}' for value in sorted(run['ratios'][key] for run in runs))}")
    print(f"allocations an entry: {figures['allocations']['reading']:.3f} where it is read, {figures['allocations']['all']:.2f} in all")
    print_facts(facts)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common_arguments(parser)
    options = parsed(parser)
    report(options, lambda ground, messages, _: measure(ground, messages, options), show, {})


if __name__ == "__main__":
    main()
