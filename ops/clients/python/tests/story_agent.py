"""An agent with two tools, for `test_story.py`: it works through a plan, and may be killed at any moment.

usage: story_agent.py REDIS_URL SESSION WORLD STEPS; the environment's KILL_AT names the command of Redis at which the process is killed.
An agent for `test_whole_story.py` is killed when so many of its intents were written: KILL_AT is `intent 3`.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, Optional

import redis

from tidemark_client import Call, Tidemark


class Mortal:
    """A client that kills its process by SIGKILL at a command: before it is sent (`7`), or when its answer has come (`7+`)."""

    sent = intents = 0

    def execute_command(self, *words: Any, **options: Any) -> Any:
        Mortal.sent += 1
        kill_at = os.environ.get("KILL_AT", "")
        if kill_at == str(Mortal.sent):
            os.kill(os.getpid(), signal.SIGKILL)
        answer: Any = super().execute_command(*words, **options)  # type: ignore[misc]
        Mortal.intents += "tool.started" in words
        if kill_at == f"{Mortal.sent}+" or ("tool.started" in words and kill_at == f"intent {Mortal.intents}"):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class MortalServer(Mortal, redis.Redis):
    pass


class MortalCluster(Mortal, redis.RedisCluster):
    pass


class World:
    """What the tools change: a file of lines, which outlives the agent. It knows what was done by the idempotency key."""

    def __init__(self, path: str) -> None:
        self.path = path

    def done(self, key: Optional[str]) -> Optional[str]:
        with open(self.path) as file:
            return next((line.split()[1] for line in file if line.split()[0] == key), None)

    def act(self, key: str, effect: str) -> str:
        with open(self.path, "a") as file:
            file.write(f"{key} {effect}\n")
        return effect


url, name, path, steps = sys.argv[1:]
client = MortalCluster if url.startswith("redis+cluster:") else MortalServer
world, session = World(path), Tidemark(client.from_url(url.replace("redis+cluster:", "redis:"))).session(name)


def advance(call: Call, result: str, step: int) -> None:
    """The end of the call, what the agent says of it, and the next step: all or nothing."""
    with session.turn() as turn:
        turn.finish(call, result)
        turn.message("assistant", f"did {result}", message_id=f"step-{step}")
        turn.set("step", step + 1)


session.start(agent="story")
state = session.load()
step = state.context.get("step", 1)
for open_call in state.open_calls:
    with session.resume(open_call, durable=True) as call:
        effect = open_call.arguments["effect"]
        advance(call, world.done(call.idempotency_key) or world.act(call.idempotency_key, effect), step)
    step += 1
while step <= int(steps):
    effect = f"{'look' if step % 2 else 'book'}-{step}"
    with session.call("look" if step % 2 else "book", {"effect": effect}, durable=True) as call:
        advance(call, world.act(call.idempotency_key, effect), step)
    step += 1
session.end()
session.barrier()
