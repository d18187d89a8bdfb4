"""A Redis Cluster whose slot moves, and clients that a Sentinel made."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import unittest
from typing import Any, Callable, List, cast

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from support import PARTITIONS, Awaited, RedisServer, event_loop, lane, library
from chaos.sentinel_redis import SERVICE, Sentinel as SentinelProcess
from redis_cluster import SLOTS, slot_of, start_cluster
from servers import wait_for
from tidemark_client import AsyncTidemark, NotInTime, Tidemark


class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tidemark-python-")
        cls.addClassCleanup(folder.cleanup)
        cls.nodes = start_cluster(folder.name, 3)
        for node in cls.nodes:
            cls.addClassCleanup(node.close)
            cls.addClassCleanup(node.connection.close)
            node.connection.call("FUNCTION", "LOAD", library())
        cls.owner(slot_of("tidemark:config")).connection.call("HSET", "tidemark:config", "partitions", PARTITIONS)

    nodes: List[Any]

    @classmethod
    def owner(cls, slot: int) -> Any:
        return cls.nodes[next(n for n in range(3) if slot < SLOTS * (n + 1) // 3)]

    def blocking(self) -> Any:
        client = redis.RedisCluster(host="127.0.0.1", port=self.nodes[0].port)
        self.addCleanup(client.close)
        return Tidemark(client)

    def awaiting(self) -> Any:
        loop = event_loop(self)
        client = redis.asyncio.RedisCluster(host="127.0.0.1", port=self.nodes[0].port)
        self.addCleanup(lambda: loop.run_until_complete(client.aclose()))
        return Awaited(AsyncTidemark(client), loop)

    def test_a_session_is_written_and_waited_for(self) -> None:
        for name, make in (("blocking", self.blocking), ("asyncio", self.awaiting)):
            with self.subTest(name):
                session = make().session(name)
                session.start(title="T")
                with session.turn() as turn:
                    turn.set("step", 1)
                    turn.message("user", "hello")
                state = session.load(restore=False)
                self.assertEqual((state.seq, state.title, state.context["step"]), (3, "T", 1))
                with self.assertRaises(NotInTime):
                    turn.barrier(0.1)
                names, entry_id = lane(name), turn.changes[-1].entry_id
                owner = self.owner(slot_of(names.hash)).connection

                def publish() -> None:
                    owner.call("HSET", names.hash, "durable", entry_id)
                    owner.call("PUBLISH", names.marks, entry_id)

                timer = threading.Timer(0.1, publish)
                timer.start()
                turn.barrier(20)
                timer.join()

    def test_no_change_is_lost_or_written_twice_while_the_slot_moves(self) -> None:
        for name, make in (("moved", self.blocking), ("moved too", self.awaiting)):
            with self.subTest(name):
                self.move_while_writing(name, make().session(name))

    def move_while_writing(self, name: str, session: Any) -> None:
        numbers: List[int] = [session.start().seq]
        ends = threading.Event()

        def write() -> None:
            while not ends.is_set():
                numbers.append(session.set("step", len(numbers)).seq)

        agent = threading.Thread(target=write)
        agent.start()
        try:
            slot = slot_of(lane(name).stream)
            self.wait_for_progress(numbers)
            self.move(slot, lambda: self.wait_for_progress(numbers, expected=0))
            self.wait_for_progress(numbers)
        finally:
            ends.set()
            agent.join()
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual(session.load(restore=False).context["step"], len(numbers) - 1)
        # For the next round the slot goes back.
        self.move(slot, lambda: None)

    def wait_for_progress(self, numbers: List[int], expected: int = 20) -> None:
        before = len(numbers)
        wait_for("the agent writes", 60, lambda: len(numbers) >= before + expected)

    def move(self, slot: int, while_split: Callable[[], None]) -> None:
        """Moves a slot to the next node and, if it is there, back. Its keys travel one by one, so that for a moment they are split."""
        home = self.owner(slot)
        away = self.nodes[(self.nodes.index(home) + 1) % 3]
        at_home = str(slot) in _slots_of(home) or home.connection.call("CLUSTER", "COUNTKEYSINSLOT", slot) > 0
        source, target = (home, away) if at_home else (away, home)
        ids = {node: node.connection.call("CLUSTER", "MYID") for node in (source, target)}
        target.connection.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
        source.connection.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
        first = True
        while True:
            keys = source.connection.call("CLUSTER", "GETKEYSINSLOT", slot, 1)
            if not keys:
                break
            source.connection.call("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
            if first:
                while_split()
                first = False
        for node in (target, source):
            node.connection.call("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def _slots_of(node: Any) -> str:
    told: str = node.connection.call("CLUSTER", "NODES").decode()
    return next(line for line in told.splitlines() if "myself" in line)


def _knows_master(finder: Any) -> bool:
    try:
        return bool(finder.discover_master(SERVICE))
    except redis.ConnectionError:
        return False


class Sentinel(unittest.TestCase):
    def test_a_client_that_a_sentinel_made_writes_and_waits(self) -> None:
        server = RedisServer()
        self.addCleanup(server.close)
        server.install()
        folder = tempfile.TemporaryDirectory(prefix="tidemark-python-")
        self.addCleanup(folder.cleanup)
        sentinel = SentinelProcess(f"{folder.name}/sentinel", server.port)
        self.addCleanup(sentinel.close)
        finder = cast(Any, redis.sentinel.Sentinel)([("127.0.0.1", sentinel.port)])
        wait_for("the Sentinel knows the master", 30, lambda: _knows_master(finder))
        session = Tidemark(finder.master_for(SERVICE)).session("s")
        self.assertEqual(session.start().seq, 1)
        with self.assertRaises(NotInTime):
            session.barrier(0.1)

        async def write() -> int:
            found = cast(Any, redis.asyncio.sentinel.Sentinel)([("127.0.0.1", sentinel.port)])
            async with found.master_for(SERVICE) as client:
                session = AsyncTidemark(client).session("s")
                change = await session.set("step", 1)
                try:
                    await change.barrier(0.1)
                except NotInTime:
                    pass
            for one in found.sentinels:
                await one.aclose()
            return change.seq

        self.assertEqual(asyncio.run(write()), 2)


if __name__ == "__main__":
    unittest.main()
