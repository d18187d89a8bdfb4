"""The asyncio shell: carries out requests with a client of redis.asyncio."""

from __future__ import annotations

import asyncio
import inspect
import time
from types import TracebackType
from typing import Any, Coroutine, Optional, Type, TypeVar, Union, cast

import redis.asyncio
from redis import exceptions as redis_errors

from . import state
from .binding import Awaiting
from .call import CallCore
from .installation import Installation
from .session import ChangeCore, SessionCore
from .steps import Command, NextMessage, Pause, Request, Steps, Subscribe
from .turn import TurnCore

T = TypeVar("T")


class AsyncChange(ChangeCore, Awaiting):
    __doc__ = ChangeCore.__doc__

    def _run(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        return cast("AsyncSession", self._session)._run(steps)


class AsyncTurn(TurnCore[AsyncChange], Awaiting):
    __doc__ = TurnCore.__doc__

    def _run(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        return cast("AsyncSession", self._session)._run(steps)

    async def __aenter__(self) -> AsyncTurn:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], raised: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if raised is None:
            await self._run(self._commit())


class AsyncCall(CallCore[AsyncChange], Awaiting):
    __doc__ = CallCore.__doc__

    def _run(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        return cast("AsyncSession", self._session)._run(steps)

    async def __aenter__(self) -> AsyncCall:
        await self._run(self._begin())
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], raised: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self._run(self._end(raised))


class AsyncSession(SessionCore[AsyncChange, AsyncTurn, AsyncCall], Awaiting):
    __doc__ = SessionCore.__doc__
    _change_class, _turn_class, _call_class = AsyncChange, AsyncTurn, AsyncCall

    def __init__(self, installation: Installation, id: str, client: Any) -> None:
        super().__init__(installation, id)
        self._client = client

    def _take(self, entry: Any) -> Coroutine[Any, Any, AsyncChange]:
        return self._run(self._write_one(entry))

    async def _run(self, steps: Steps[T]) -> T:
        connection = _Connection(self._client)
        answer: Any = None
        problem: Optional[Exception] = None
        try:
            while True:
                request = steps.send(answer) if problem is None else steps.throw(problem)
                answer, problem = None, None
                try:
                    answer = await connection.carry_out(request)
                except (redis_errors.RedisError, redis_errors.RedisClusterException) as error:
                    problem = error
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()
            await connection.close()


class AsyncTidemark:
    """One installation of Tidemark, by a client for asyncio: `redis.asyncio.Redis`, one that a Sentinel made, or
    `redis.asyncio.RedisCluster`. The arguments are those of `Tidemark`."""

    def __init__(
        self, client: Union["redis.asyncio.Redis", "redis.asyncio.RedisCluster"], prefix: str = "tidemark", *, retry_for: float = 10.0,
        restore_timeout: float = 10.0,
    ) -> None:
        if not inspect.iscoroutinefunction(cast(Any, client).execute_command):
            raise TypeError("this client blocks: use Tidemark, or a client of redis.asyncio")
        self._client = client
        self._installation = Installation(prefix, retry_for, restore_timeout)

    def session(self, id: str) -> AsyncSession:
        """Returns a session by its id (1 to 256 bytes). Nothing is sent."""
        return AsyncSession(self._installation, id, self._client)


class _Connection:
    """Carries out the requests of one operation."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_cluster = hasattr(client, "get_node_from_key")
        self._messages: Any = None
        self._node: Any = None

    async def carry_out(self, request: Request) -> Any:
        if isinstance(request, Command):
            return await self._send(request)
        if isinstance(request, Subscribe):
            return await self._subscribe(request)
        if isinstance(request, NextMessage):
            return await self._next_message(request)
        return await asyncio.sleep(request.seconds)

    async def _send(self, command: Command) -> Any:
        if self._is_cluster:
            # redis-py would ask the server for the keys of each FCALL.
            await self._client.initialize()
            return await self._client.execute_command(*command.words, target_nodes=self._client.get_node_from_key(command.key))
        return await self._client.execute_command(*command.words)

    async def _subscribe(self, request: Subscribe) -> None:
        await self.close()
        client = self._client
        if self._is_cluster:
            # Not all versions of redis-py have Pub/Sub in their asyncio Cluster client, so one server is connected to by itself.
            await client.initialize()
            node = client.get_node_from_key(request.key)
            pool = redis.asyncio.ConnectionPool(connection_class=node.connection_class, **node.connection_kwargs)
            client = self._node = redis.asyncio.Redis(connection_pool=pool)
        self._messages = client.pubsub()
        await self._messages.subscribe(request.channel)
        deadline = time.monotonic() + request.within
        while True:
            message = await self._messages.get_message(timeout=max(deadline - time.monotonic(), 0))
            if message is not None and message["type"] == "subscribe":
                return
            if time.monotonic() >= deadline:
                raise redis_errors.TimeoutError("the subscription was not confirmed in time")

    async def _next_message(self, request: NextMessage) -> Optional[str]:
        message = await self._messages.get_message(timeout=request.within)
        if message is None:
            return None
        # Anything but a message means that redis-py has connected and subscribed again.
        return state.text(message["data"]) if message["type"] == "message" else ""

    async def close(self) -> None:
        if self._messages is not None:
            messages, self._messages = self._messages, None
            await messages.aclose()
        if self._node is not None:
            node, self._node = self._node, None
            await node.aclose()
            await node.connection_pool.disconnect()
