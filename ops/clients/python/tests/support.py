"""What the tests share: a private Redis with the function library, and a stand-in for the worker."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

import redis
import redis.asyncio

from tidemark_client import AsyncTidemark, Tidemark
from tidemark_client.identity import Lane, partition

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "ops" / "proof"))
from servers import Postgres, Redis, Worker  # noqa: E402

PARTITIONS = 4


def library(prefix: str = "tidemark") -> str:
    """Returns the function library as `migrate` loads it."""
    parts = sorted((ROOT / "migrations" / "functions").glob("*.lua"))
    return "".join(part.read_text() for part in parts).replace("{{library}}", prefix)


def lane(session: str) -> Lane:
    return Lane("tidemark", partition(session, PARTITIONS), session)


class RedisServer(Redis):  # type: ignore[misc]
    """A private server in a temporary folder. It keeps its port over `kill` and `start`, and the data that it saved."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="tidemark-python-")
        super().__init__(self._temporary.name)

    def close(self) -> None:
        self.connection.close()
        super().close()
        self._temporary.cleanup()

    def client(self, **settings: Any) -> "redis.Redis":
        return redis.Redis(host="127.0.0.1", port=self.port, **settings)

    def install(self) -> None:
        """Does what `tidemark migrate` does in Redis."""
        with self.client() as client:
            client.hset("tidemark:config", "partitions", PARTITIONS)
            client.execute_command("FUNCTION", "LOAD", "REPLACE", library())


class FakeWorker:
    """Publishes marks and restores sessions, as far as a client can see it. While `holds_marks` is set, nothing becomes durable."""

    def __init__(self, server: RedisServer) -> None:
        self.holds_marks = threading.Event()
        #: Sessions that are not in Redis, as `evict` took them.
        self.evicted: Dict[str, Dict[str, Any]] = {}
        #: Types of change that become dead letters, with the reason.
        self.refused: Dict[str, str] = {}
        self.restored: List[str] = []
        self._client: Any = server.client()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._client.close()

    def evict(self, session: str) -> None:
        """Takes a session out of Redis, to be put back on request."""
        keys = lane(session).keys[2:]
        with self._client.pipeline(transaction=True) as step:
            for key in keys:
                step.dump(key)
            step.delete(*keys)
            self.evicted[session] = dict(zip(keys, step.execute()))

    def _work(self) -> None:
        after: Dict[str, Any] = {}
        for number in range(PARTITIONS):
            for part in ("changes", "requests"):
                after[f"tidemark:{{{number}}}:{part}"] = b"0-0"
        while not self._ends.is_set():
            try:
                self._turn(after)
            except redis.ConnectionError:  # a test cuts connections
                continue

    def _turn(self, after: Dict[str, Any]) -> None:
        watched = {key: id for key, id in after.items() if not (self.holds_marks.is_set() and key.endswith("changes"))}
        for key, entries in _streams(self._client.execute_command("XREAD", "BLOCK", 20, "STREAMS", *watched, *watched.values())):
            for id, fields in entries:
                after[key] = id
                if key.endswith("requests"):
                    self._restore(fields[b"session"].decode())
                else:
                    self._decide(key[: -len(":changes")], id, fields)

    def _decide(self, base: str, id: bytes, fields: Dict[bytes, bytes]) -> None:
        reason = self.refused.get(fields[b"type"].decode())
        if reason:
            self._client.hset(f"{base}:rejected", id, reason)
            self._client.hset(f"{base}:lane", b"rejected:" + id, reason)
        until = int(time.time() * 1000) + 10_000
        self._client.hset(f"{base}:lane", mapping={"durable": id, "pressure": "ok", "pressure_until": until})
        self._client.publish(f"{base}:durable", id)

    def _restore(self, session: str) -> None:
        key = lane(session).keys[2]
        held = self.evicted.pop(session, None)
        if held:
            with self._client.pipeline(transaction=True) as step:
                for name, dump in held.items():
                    if dump is not None:
                        step.restore(name, 0, dump)
                step.execute()
        elif not self._client.exists(key):
            self._client.hset(key, mapping={"seq": 0, "epoch": int(time.time() * 1000), "incarnation": "0", "status": "active"})
        self.restored.append(session)
        self._client.hdel(key, "fresh")


def _streams(reply: Any) -> Any:
    """Yields what XREAD read, however this version of redis-py shapes it."""
    pairs = reply.items() if isinstance(reply, dict) else reply or []
    for key, entries in pairs:
        if entries and isinstance(entries[0], list) and entries[0] and isinstance(entries[0][0], (list, tuple)):
            entries = entries[0]
        shaped = []
        for id, fields in entries:
            shaped.append((id, fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2]))))
        yield key.decode(), shaped


class Awaited:
    """Makes an asyncio object look like a blocking one, so that one test tries both shells."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if callable(value):
            return lambda *arguments, **named: self._finish(value(*arguments, **named))
        return tuple(self._wrap(one) for one in value) if isinstance(value, tuple) else self._wrap(value)

    def __enter__(self) -> Any:
        self._loop.run_until_complete(self._target.__aenter__())
        return self

    def __exit__(self, *raised: Any) -> Any:
        return self._loop.run_until_complete(self._target.__aexit__(*raised))

    def _finish(self, result: Any) -> Any:
        return self._wrap(self._loop.run_until_complete(result) if inspect.isawaitable(result) else result)

    def _wrap(self, value: Any) -> Any:
        return Awaited(value, self._loop) if type(value).__name__.startswith("Async") else value


class ServerCase(unittest.TestCase):
    """A test with a private Redis, the functions and the stand-in for the worker."""

    server: RedisServer
    worker: FakeWorker
    redis: Any

    @classmethod
    def setUpClass(cls) -> None:
        cls.server = RedisServer()
        cls.addClassCleanup(cls.server.close)
        cls.redis = cls.server.client(decode_responses=True)
        cls.addClassCleanup(cls.redis.close)

    def setUp(self) -> None:
        self.redis.flushall()
        self.server.install()
        self.worker = FakeWorker(self.server)
        self.addCleanup(self.worker.close)

    def entries(self, session: str) -> Sequence[Any]:
        """What stands in the session's lane, as pairs of an id and its fields."""
        found: Sequence[Any] = self.redis.xrange(lane(session).stream)
        return found


def blocking(case: unittest.TestCase, server: RedisServer, **settings: Any) -> Any:
    """Returns a blocking Tidemark; settings of the client are named `client_...`."""
    client = server.client(**_client_settings(settings))
    case.addCleanup(client.close)
    return Tidemark(client, **settings)


def event_loop(case: unittest.TestCase) -> asyncio.AbstractEventLoop:
    """Returns a loop for one test. It is made the current one, which clients for asyncio want of Python 3.9."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    case.addCleanup(loop.close)
    case.addCleanup(asyncio.set_event_loop, None)
    return loop


def awaiting(case: unittest.TestCase, server: RedisServer, **settings: Any) -> Any:
    """Returns an asyncio Tidemark that looks like a blocking one."""
    loop = event_loop(case)
    client = redis.asyncio.Redis(host="127.0.0.1", port=server.port, **_client_settings(settings))
    case.addCleanup(lambda: loop.run_until_complete(client.aclose()))
    return Awaited(AsyncTidemark(client, **settings), loop)


def _client_settings(settings: Dict[str, Any]) -> Dict[str, Any]:
    names = [name for name in settings if name.startswith("client_")]
    return {name[len("client_"):]: settings.pop(name) for name in names}


def worker_program() -> Optional[str]:
    """Returns the path of `tidemark`, where it was built."""
    for path in (os.environ.get("TIDEMARK_PROGRAM"), *(str(ROOT / ".build" / kind / "tidemark") for kind in ("debug", "release"))):
        if path and os.access(path, os.X_OK):
            return path
    return None


@unittest.skipIf(worker_program() is None, "tidemark is not built: swift build --product tidemark")
class WorkerCase(unittest.TestCase):
    """A test with a private Redis, a private PostgreSQL and a real worker. A subclass may have a Redis of another kind."""

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="tidemark-python-")
        # The user that Postgres runs as must reach its folder.
        os.chmod(folder.name, 0o755)
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.redis_url = cls.start_redis()
        cls.postgres = Postgres(f"{folder.name}/postgres")
        cls.addClassCleanup(cls.postgres.close)
        cls.worker = Worker(
            worker_program(), folder.name,
            {"TIDEMARK_REDIS_URL": cls.redis_url, "TIDEMARK_POSTGRES_URL": cls.postgres.url, "TIDEMARK_HTTP_LISTEN": "off"})
        migrated = cls.worker.command("migrate")
        if migrated.returncode != 0:
            raise RuntimeError(migrated.stderr)
        cls.worker.start()
        cls.addClassCleanup(cls.worker.close)

    folder: str
    redis_url: str
    postgres: Any
    worker: Any

    @classmethod
    def start_redis(cls) -> str:
        """Starts Redis, and returns its URL."""
        server = Redis(f"{cls.folder}/redis")
        cls.addClassCleanup(server.close)
        cls.addClassCleanup(server.connection.close)
        return str(server.url)

    def make_client(self) -> Any:
        return redis.Redis.from_url(self.redis_url)

    def setUp(self) -> None:
        self.redis: Any = self.make_client()
        self.addCleanup(self.redis.close)
        self.tidemark = Tidemark(self.redis)

    def query(self, sql: str) -> List[str]:
        rows: List[str] = self.postgres.query(sql)
        return rows
