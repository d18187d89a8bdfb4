#!/usr/bin/env python3
"""Checks dashboard.json: Grafana's own types read it and write it again without a loss, and every expression parses.

Needs two packages: pip install 'grafana-foundation-sdk==1769699379!11.6.0' promql-parser
With --prometheus URL every query is answered by that server, too, and those without an answer are listed.
"""

import argparse
import json
import os
import sys
import urllib.parse
import urllib.request

import promql_parser
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

HERE = os.path.dirname(os.path.abspath(__file__))
VARIABLES = (("$__rate_interval", "1m"), ("$__range", "10m"), ("$job", ".*"), ("$instance", ".*"), ("$lane", ".*"))


def replaced(expression):
    for variable, value in VARIABLES:
        expression = expression.replace(variable, value)
    return expression


def losses(before, after, path=""):
    """What is in the first value and not, or otherwise, in the second."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [f"{path}: {before!r} became {after!r}"]
        return [loss for name, value in before.items() for loss in (
            losses(value, after[name], f"{path}.{name}") if name in after else ([] if value is None else [f"{path}.{name} is lost: {value!r}"]))]
    if isinstance(before, list):
        if not isinstance(after, list) or len(before) != len(after):
            return [f"{path}: {before!r} became {after!r}"]
        return [loss for number, (left, right) in enumerate(zip(before, after)) for loss in losses(left, right, f"{path}[{number}]")]
    return [] if before == after else [f"{path}: {before!r} became {after!r}"]


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


def main():
    parser = argparse.ArgumentParser(description="Checks dashboard.json.")
    parser.add_argument("--prometheus", metavar="URL", help="a server that must answer every query")
    options = parser.parse_args()
    with open(f"{HERE}/dashboard.json", encoding="utf-8") as file:
        dashboard = json.load(file)

    register_default_plugins()
    written = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(dashboard)))
    problems = losses(dashboard, written)
    count = 0
    for title, expression in queries(dashboard):
        count += 1
        try:
            promql_parser.parse(replaced(expression))
        except ValueError as error:
            problems.append(f"{title}: {expression}: {error}")
        if options.prometheus:
            url = f"{options.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": replaced(expression)})
            with urllib.request.urlopen(url, timeout=20) as answer:
                if not json.load(answer)["data"]["result"]:
                    print(f"no answer: {title}: {expression}")
    for problem in problems:
        print(f"check_dashboard: {problem}", file=sys.stderr)
    print(f"{len(dashboard['panels'])} panels, {count} expressions, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
