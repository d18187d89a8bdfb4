#!/usr/bin/env python3
"""How fast Tidemark drains a backlog, beside what the same machine can do at most: Postgres' own COPY and a bare C loop.

Standard library only. Starts its own Redis and Postgres; everything is measured in one run, because only the ratios travel to
another machine. Exit 1 when a drain is not complete and clean. See README.md beside this file.
"""

import argparse

from drain import drain
from figures import common_arguments, parsed, print_facts, print_rows, report
from ground import Ground, Result, say
from load import Load
from yardsticks import c_loop, copy_limit, round_trip


def measure(ground: Ground, messages: Load, mix: Load, settings: dict[str, str]) -> Result:
    """One run of everything."""
    result: Result = {}
    for load in (messages, mix):
        say(f"  {load.name}")
        drained = ground.undisturbed(drain, ground, load, settings)
        limit = ground.undisturbed(copy_limit, ground, load, drained["tables"], "tidemark")
        result[load.name] = {"tidemark": drained, "limit": limit}
    say("  the C loop")
    for lanes in (1, 2):
        result["messages"][f"c_loop_{lanes}"] = ground.undisturbed(c_loop, ground, messages, lanes)
    result["messages"]["c_loop_limit"] = ground.undisturbed(copy_limit, ground, messages, {"messages": len(messages)}, "plain")
    result["round_trip"] = round_trip(ground)
    result["ratios"] = ratios(result)
    return result


def ratios(result: Result) -> dict[str, float]:
    """What travels to another machine."""
    messages, mix = result["messages"], result["mix"]
    return {
        "messages_to_limit": messages["tidemark"]["rate"] / messages["limit"]["rate"],
        "mix_to_limit": mix["tidemark"]["rate"] / mix["limit"]["rate"],
        "messages_to_c_loop_1": messages["tidemark"]["rate"] / messages["c_loop_1"]["rate"],
        "messages_to_c_loop_2": messages["tidemark"]["rate"] / messages["c_loop_2"]["rate"],
        "cpu_per_row_to_c_loop": messages["tidemark"]["cpu_us_per_row"] / messages["c_loop_1"]["cpu_us_per_row"],
        "cpu_per_change_to_c_loop": messages["tidemark"]["cpu_us_per_change"] / messages["c_loop_1"]["cpu_us_per_row"],
    }


def drained_row(name: str, one: Result, share: float) -> tuple[str, ...]:
    """A contender's line."""
    return (name, f"{one['rate']:,.0f}", f"{share:.2f}", f"{one['cpu_us_per_change']:.2f}", f"{one['cpu_us_per_row']:.2f}",
            f"{one['peak_bytes'] / 2**20:.0f}", f"{one['others_share']:.0%}")


def limit_row(name: str, limit: Result) -> tuple[str, ...]:
    """The line of what it is held against."""
    return (f"  {name}: COPY, {limit['order']} order", f"{limit['rate']:,.0f}", "1.00", "", "", "", f"{limit['others_share']:.0%}")


def show(facts: Result, figures: Result, _: list[Result]) -> None:
    """The table."""
    messages, mix, ratio = figures["messages"], figures["mix"], figures["ratios"]
    rows = [("", "changes/s", "of its limit", "CPU us/change", "CPU us/row", "peak MiB", "others")]
    for name, part in (("messages", messages), ("mix", mix)):
        rows.append(drained_row(f"Tidemark, {name}", part["tidemark"], ratio[f"{name}_to_limit"]))
        rows.append(limit_row("the limit", part["limit"]))
    for lanes in (1, 2):
        loop = messages[f"c_loop_{lanes}"]
        rows.append(drained_row(f"C loop, messages, {lanes} lane{'s' * (lanes - 1)}", loop, loop["rate"] / messages["c_loop_limit"]["rate"]))
    rows.append(limit_row("the limit of its one table", messages["c_loop_limit"]))
    print_rows(rows)
    print()
    print(f"Tidemark to the C loop, messages: {ratio['messages_to_c_loop_1']:.2f} of one lane, {ratio['messages_to_c_loop_2']:.2f} of two; "
          f"CPU {ratio['cpu_per_row_to_c_loop']:.2f} times a row, {ratio['cpu_per_change_to_c_loop']:.2f} times a change")
    for name, part in (("messages", messages), ("mix", mix)):
        one = part["tidemark"]
        print(f"{name}: {one['seconds']:.2f} s; CPU seconds: worker {one['cpu_seconds']:.2f}, Postgres {one['postgres_cpu_seconds']:.2f}, "
              f"Redis {one['redis_cpu_seconds']:.2f}; {one['rows']:,.0f} rows: "
              + ", ".join(f"{table} {count:,.0f}" for table, count in one["tables"].items()))
    print(f"one-row INSERT + COMMIT: p50 {figures['round_trip']['p50_microseconds']:.0f} us, p99 {figures['round_trip']['p99_microseconds']:.0f} us")
    print_facts(facts)


def main() -> None:
    """Parses, measures, prints."""
    parser = argparse.ArgumentParser(description="First figures: drain rates beside the COPY limit and a bare C loop.")
    common_arguments(parser)
    options = parsed(parser)
    report(options, lambda ground, messages, mix: measure(ground, messages, mix, options.settings), show, {})


if __name__ == "__main__":
    main()
