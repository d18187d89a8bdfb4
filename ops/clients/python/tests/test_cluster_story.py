"""The whole story in a Redis Cluster, where the slot of the session's lane goes from node to node while an agent runs."""

from __future__ import annotations

import threading
import unittest
from typing import Any, List

import redis

import test_whole_story
from chaos.redis_site import Node
from chaos.slot_faults import Move
from redis_cluster import slot_of, start_cluster
from tidemark_client.identity import Lane, partition

# `state.partitions` of a worker that is not told otherwise.
PARTITIONS = 16
# Seconds: between two keys of a slot that moves, and between two moves.
PACE, REST = 0.01, 0.3


class ClusterStory(test_whole_story.WholeStory):
    nodes: List[Any]

    @classmethod
    def start_redis(cls) -> str:
        cls.nodes = start_cluster(cls.folder, 3, server=Node)
        for node in cls.nodes:
            cls.addClassCleanup(node.close)
        return f"redis+cluster://127.0.0.1:{cls.nodes[0].port}"

    def make_client(self) -> Any:
        return redis.RedisCluster(host="127.0.0.1", port=self.nodes[0].port)

    def run_agent(self, place: str, session: str, kill_at: str) -> int:
        ends, moves = threading.Event(), Moves(self.nodes, slot_of(Lane("tidemark", partition(session, PARTITIONS), session).stream))
        mover = threading.Thread(target=moves.run, args=(ends,))
        mover.start()
        try:
            return super().run_agent(place, session, kill_at)
        finally:
            ends.set()
            mover.join()
            self.assertEqual(moves.problems, [])
            self.assertGreater(moves.count, 0)


class Moves:
    """Moves one slot on and on, key by key, so that time and again some of its keys are here and some are there."""

    def __init__(self, nodes: List[Any], slot: int) -> None:
        self._nodes, self._slot = nodes, slot
        self.count = 0
        self.problems: List[Exception] = []

    def run(self, ends: threading.Event) -> None:
        try:
            while True:
                source = self._owner()
                move = Move(source, self._nodes[(self._nodes.index(source) + 1) % len(self._nodes)], [self._slot])
                move.open()
                while move.next_keys(1):
                    ends.wait(PACE)
                move.close()
                self.count += 1
                if ends.wait(REST):
                    return
        except Exception as problem:
            self.problems.append(problem)

    def _owner(self) -> Any:
        # Of a node that has just taken the slot over, not all others know. The one that serves it does.
        return next(node for node in self._nodes if any(
            begin <= self._slot <= end and owner[1] == node.port for begin, end, owner, *_ in node.command("CLUSTER", "SLOTS")))


if __name__ == "__main__":
    unittest.main()
