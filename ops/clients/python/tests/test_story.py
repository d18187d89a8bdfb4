"""An agent that is killed again and again, before and after each of its commands, does each thing once and forgets nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path

import tidemark_client
from support import ServerCase, blocking

STEPS = 12


class Story(ServerCase):
    def test_a_killed_agent_does_nothing_twice_and_forgets_nothing(self) -> None:
        world = Path(self.server.folder) / "world"
        world.touch()
        kills = 0
        # A process needs four commands before the first of a step, so later ones get further.
        for command in range(1, 14):
            for moment in ("", "+"):
                kills += self.run_agent(world, f"{command}{moment}") == -signal.SIGKILL
        self.assertEqual(self.run_agent(world, ""), 0)
        self.assertGreaterEqual(kills, 16)
        effects = [line.split()[1] for line in world.read_text().splitlines()]
        self.assertEqual(effects, [f"{'look' if step % 2 else 'book'}-{step}" for step in range(1, STEPS + 1)])
        state = blocking(self, self.server).session("story").load()
        self.assertEqual([message.content for message in state.messages], [f"did {effect}" for effect in effects])
        self.assertEqual((state.status, state.context["step"], state.open_calls), ("completed", STEPS + 1, ()))
        numbers = [int(fields["seq"]) for _, fields in self.entries("story")]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def run_agent(self, world: Path, kill_at: str) -> int:
        source = Path(tidemark_client.__file__).resolve().parents[1]
        return subprocess.run(
            [sys.executable, str(Path(__file__).with_name("story_agent.py")), self.server.url, "story", str(world), str(STEPS)],
            env={**os.environ, "PYTHONPATH": str(source), "KILL_AT": kill_at}, stdin=subprocess.DEVNULL, timeout=60).returncode


if __name__ == "__main__":
    unittest.main()
