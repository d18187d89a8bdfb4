"""The whole story: an agent is killed between an intent and its effect, goes on elsewhere, the worker dies, Redis forgets everything, and
PostgreSQL puts it back. Then people look back, and a branch goes on from an earlier point."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any, List, Tuple

import tidemark_client
from support import WorkerCase
from servers import wait_for

STEPS = 10


def effect(step: int) -> str:
    return f"{'look' if step % 2 else 'book'}-{step}"


class WholeStory(WorkerCase):
    def test_nothing_is_done_twice_and_nothing_is_forgotten(self) -> None:
        # The intent of the third step is written; its effect never happened.
        self.assertEqual(self.run_agent("here", "story", "intent 3"), -signal.SIGKILL)
        self.assertEqual(self.effects("story"), [effect(1), effect(2)])
        self.wait_for_intent(3)
        self.worker.kill()
        self.worker.start()
        # Another machine resumes the third step, and is killed in the sixth.
        self.assertEqual(self.run_agent("elsewhere", "story", "intent 3"), -signal.SIGKILL)
        self.assertEqual(self.effects("story"), [effect(step) for step in range(1, 6)])
        self.wait_for_intent(6)
        self.worker.kill()
        self.redis.flushall()
        restored = self.worker.command("restore", "--all")
        self.assertEqual((restored.returncode, restored.stdout), (0, "1 restored, 0 already in Redis\n"), restored.stderr)
        self.worker.start()
        wait_for("the worker has the prefix again", 60, lambda: self.redis.exists("tidemark:config"))
        self.assertEqual(self.run_agent("a third place", "story", ""), 0)

        self.assertEqual(self.effects("story"), [effect(step) for step in range(1, STEPS + 1)])
        state = self.state("story")
        self.assertEqual(
            (state["session"]["status"], state["context"]["step"]["value"], state["open_calls"], state["messages"]["count"]),
            ("completed", STEPS + 1, [], STEPS))
        loaded = self.tidemark.session("story").load(timeout=60)
        self.assertEqual([message.content for message in loaded.messages], [f"did {effect(step)}" for step in range(1, STEPS + 1)])
        numbers = self.query("select epoch || ' ' || seq from tidemark.changes where session_id = 'story'")
        self.assertEqual(len(set(numbers)), len(numbers))

        self.look_back()
        self.branch(state)

    def wait_for_intent(self, step: int) -> None:
        """Waits until PostgreSQL has the intent of a step, and no other call is open."""
        wait_for("the intent is durable", 60, lambda: [call["arguments"]["effect"] for call in self.state("story")["open_calls"]] == [effect(step)])

    def look_back(self) -> None:
        """What people see of the past: each change, and the state at a moment and at an entry."""
        history = self.worker.command("history", "--session", "story", "--json")
        types = [json.loads(line)["type"] for line in history.stdout.splitlines()]
        self.assertEqual((types.count("tool.started"), types.count("tool.finished"), types.count("message.appended")), (STEPS, STEPS, STEPS))
        entry, at = self.point(4)
        (text,) = self.query(f"select tidemark.state_at_entry('story', '{entry}')")
        then = json.loads(text)
        self.assertEqual((then["context"]["step"]["value"], then["messages"]["count"], then["open_calls"]), (5, 4, []))
        # The next call may have begun in the same millisecond.
        (text,) = self.query(f"select tidemark.state_at('story', to_timestamp({at}))")
        then = json.loads(text)
        self.assertEqual((then["context"]["step"]["value"], then["messages"]["count"]), (5, 4))

    def branch(self, before: Any) -> None:
        """A fork goes on after the fourth step, in a world of its own, and leaves the original alone."""
        entry, _ = self.point(4)
        forked = self.worker.command("fork", "--session", "story", "--at", entry, "--as", "branch")
        self.assertEqual((forked.returncode, forked.stdout), (0, "branch\n"), forked.stderr)
        self.assertEqual(self.run_agent("a laboratory", "branch", ""), 0)
        self.assertEqual(self.effects("branch"), [effect(step) for step in range(5, STEPS + 1)])
        branch = self.state("branch")
        self.assertEqual((branch["session"]["parent"], branch["context"]["step"]["value"]), ("story", STEPS + 1))
        self.assertEqual(branch["messages"]["count"], STEPS)
        self.assertEqual(self.state("story"), before)

    def point(self, step: int) -> Tuple[str, str]:
        """Returns the entry at which a step was done, and its moment in seconds. What the step wrote last is the next step's number."""
        (row,) = self.query(
            "select tidemark.entry_id(entry_ms, entry_no) || ' ' || entry_ms / 1000.0 from tidemark.context_history "
            f"where session_id = 'story' and key = 'step' and value = '{step + 1}'")
        entry, at = row.split()
        return entry, at

    def state(self, session: str) -> Any:
        (text,) = self.query(f"select tidemark.state('{session}')")
        return json.loads(text)

    def effects(self, world: str) -> List[str]:
        return [line.split()[1] for line in Path(self.folder, f"{world}.world").read_text().splitlines()]

    def run_agent(self, place: str, session: str, kill_at: str) -> int:
        """Runs the agent on a machine, of which it shares the servers and the world with the others and nothing else."""
        machine, world = Path(self.folder, place), Path(self.folder, f"{session}.world")
        machine.mkdir(exist_ok=True)
        world.touch()
        source = Path(tidemark_client.__file__).resolve().parents[1]
        return subprocess.run(
            [sys.executable, str(Path(__file__).resolve().with_name("story_agent.py")), self.redis_url, session, str(world), str(STEPS)],
            env={**os.environ, "PYTHONPATH": str(source), "KILL_AT": kill_at}, cwd=machine, stdin=subprocess.DEVNULL, timeout=120).returncode


if __name__ == "__main__":
    unittest.main()
