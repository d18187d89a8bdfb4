"""The page that agents' developers read: each of its examples runs, in order, and does what the page says."""

from __future__ import annotations

import contextlib
import io
import os
import re
import unittest
from pathlib import Path
from typing import Any, Dict
from unittest import mock

import redis

import tidemark_client
from support import ROOT, ServerCase

PAGE = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


class Page(ServerCase):
    def test_the_examples_run_in_order(self) -> None:
        blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
        self.assertGreaterEqual(len(blocks), 7)
        names: Dict[str, Any] = {}
        printed = io.StringIO()
        with mock.patch.dict(os.environ, {"TIDEMARK_REDIS_URL": self.server.url}), contextlib.redirect_stdout(printed):
            for number, block in enumerate(blocks):
                if "open_calls" in block:
                    # What a killed process leaves: the tool's booking is made, its end is not written.
                    names["session"].tool_started("killed", "book", {"train": "NT 31"}, idempotency_key="k1")
                exec(compile(block, f"README.md, example {number + 1}", "exec"), names)
        names["client"].close()
        self.assertEqual(
            printed.getvalue().splitlines(),
            ["[4, 5]", "Oslo reminded ['Book me a train to Oslo', 'I look for trains.']", "hotel"])
        types = [fields["type"] for _, fields in self.entries("trip-42")]
        call = ["tool.started", "tool.finished"]
        self.assertEqual(types[5:], [*call, *call, "context.set", "context.set", *call, "context.set"])

    def test_the_example_of_the_main_page_runs(self) -> None:
        (block,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        names: Dict[str, Any] = {
            "os": os, "redis": redis, "Tidemark": tidemark_client.Tidemark, "book": lambda train, key: {"train": train, "key": key}}
        printed = io.StringIO()
        with mock.patch.dict(os.environ, {"TIDEMARK_REDIS_URL": self.server.url}), contextlib.redirect_stdout(printed):
            exec(compile(block, "README.md", "exec"), names)
        self.assertEqual(printed.getvalue(), "{'to': 'Oslo'} ()\n")

    def test_every_error_is_on_the_page(self) -> None:
        for name in vars(tidemark_client.errors):
            if isinstance(getattr(tidemark_client, name, None), type) and name != "Cold":
                self.assertIn(f"`{name}`", PAGE)

    def test_every_method_for_a_change_is_on_the_page(self) -> None:
        for name, value in vars(tidemark_client.writes.Writes).items():
            if isinstance(value, tidemark_client.binding.change):
                self.assertRegex(PAGE, rf"\b{name}\b")


if __name__ == "__main__":
    unittest.main()
