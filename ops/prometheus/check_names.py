#!/usr/bin/env python3
"""Checks that what rules.yml and dashboard.json name exists: metrics, tests, headings of the runbook. Standard library only."""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Metrics that other programs export, too, and what Prometheus itself adds.
METRIC = re.compile(r"\b(tidemark_[a-z0-9_]+|process_[a-z_]+)\b")
RECORDED = re.compile(r"\b(tidemark:[a-z0-9_:]+)\b")
HISTOGRAM_SUFFIX = re.compile(r"_(bucket|sum|count)$")


def read(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as file:
        return file.read()


def queries_of_dashboard():
    """Every expression, also those of variables and annotations."""
    found = []

    def look(value):
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in ("expr", "query") and isinstance(inner, str):
                    found.append(inner)
                else:
                    look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look(json.loads(read("dashboard.json")))
    return found


def anchor(heading):
    """GitHub's name for a heading that is a plain word."""
    return heading.strip().lower().replace(" ", "-")


def main():
    problems = []
    rules = read("rules.yml")
    alerts = re.findall(r"- alert: (\w+)", rules)
    recorded = set(re.findall(r"- record: (\S+)", rules))
    expressions = "\n".join(line for line in rules.splitlines() if not line.strip().startswith("#"))
    known = set(re.findall(r"^\| `(\w+)` \|", read("..", "metrics.md"), re.MULTILINE))

    for place, text in (("rules.yml", expressions), ("dashboard.json", "\n".join(queries_of_dashboard()))):
        for name in sorted(set(METRIC.findall(text))):
            if name not in known and HISTOGRAM_SUFFIX.sub("", name) not in known:
                problems.append(f"{place} uses {name}, which is not in ops/metrics.md")
        for name in sorted(set(RECORDED.findall(text)) - recorded):
            problems.append(f"{place} uses {name}, which rules.yml does not record")

    tests = read("rules_test.yml")
    tested = {name for name, expected in re.findall(r"alertname: (\w+)\n\s+exp_alerts:(.*)\n", tests) if expected.strip() != "[]"}
    runbook = read("..", "RUNBOOK.md")
    headings = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", runbook, re.MULTILINE)}
    for alert in dict.fromkeys(alerts):
        if alert not in tested:
            problems.append(f"no test in rules_test.yml makes {alert} fire")
        if alert.lower() not in headings:
            problems.append(f"ops/RUNBOOK.md has no heading {alert}")
    for heading in re.findall(r"^## (Tidemark\w+)$", runbook, re.MULTILINE):
        if heading not in alerts:
            problems.append(f"ops/RUNBOOK.md has the heading {heading}, and rules.yml no such alert")
    for target in re.findall(r"runbook_url: ops/RUNBOOK\.md#(\S+)", rules):
        if target not in headings:
            problems.append(f"rules.yml refers to ops/RUNBOOK.md#{target}, which is not a heading")
    if len(re.findall(r"runbook_url:", rules)) != len(alerts):
        problems.append("an alert in rules.yml has no runbook_url")

    for problem in problems:
        print(f"check_names: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
