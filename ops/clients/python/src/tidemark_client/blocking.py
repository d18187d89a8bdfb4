"""The blocking shell: carries out requests with a client of redis-py."""

from __future__ import annotations

import inspect
import time
from types import TracebackType
from typing import Any, Optional, Type, TypeVar, Union, cast

import redis
from redis import exceptions as redis_errors

from . import state
from .binding import Blocking
from .call import CallCore
from .installation import Installation
from .session import ChangeCore, SessionCore
from .steps import Command, NextMessage, Pause, Request, Steps, Subscribe
from .turn import TurnCore

T = TypeVar("T")


class Change(ChangeCore, Blocking):
    __doc__ = ChangeCore.__doc__

    def _run(self, steps: Steps[T]) -> T:
        return cast("Session", self._session)._run(steps)


class Turn(TurnCore[Change], Blocking):
    __doc__ = TurnCore.__doc__

    def _run(self, steps: Steps[T]) -> T:
        return cast("Session", self._session)._run(steps)

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], raised: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if raised is None:
            self._run(self._commit())


class Call(CallCore[Change], Blocking):
    __doc__ = CallCore.__doc__

    def _run(self, steps: Steps[T]) -> T:
        return cast("Session", self._session)._run(steps)

    def __enter__(self) -> Call:
        self._run(self._begin())
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], raised: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self._run(self._end(raised))


class Session(SessionCore[Change, Turn, Call], Blocking):
    __doc__ = SessionCore.__doc__
    _change_class, _turn_class, _call_class = Change, Turn, Call

    def __init__(self, installation: Installation, id: str, client: Any) -> None:
        super().__init__(installation, id)
        self._client = client

    def _take(self, entry: Any) -> Change:
        return self._run(self._write_one(entry))

    def _run(self, steps: Steps[T]) -> T:
        connection = _Connection(self._client)
        answer: Any = None
        problem: Optional[Exception] = None
        try:
            while True:
                request = steps.send(answer) if problem is None else steps.throw(problem)
                answer, problem = None, None
                try:
                    answer = connection.carry_out(request)
                except (redis_errors.RedisError, redis_errors.RedisClusterException) as error:
                    problem = error
        except StopIteration as end:
            return cast(T, end.value)
        finally:
            steps.close()
            connection.close()


class Tidemark:
    """One installation of Tidemark, by a blocking client: `redis.Redis`, one that a Sentinel made, or `redis.RedisCluster`.

    `retry_for` is how many seconds a request is repeated after a lost connection, and `restore_timeout` how long a session that is not in
    Redis is waited for. The object may be shared by threads.
    """

    def __init__(
        self, client: Union["redis.Redis", "redis.RedisCluster"], prefix: str = "tidemark", *, retry_for: float = 10.0,
        restore_timeout: float = 10.0,
    ) -> None:
        if inspect.iscoroutinefunction(cast(Any, client).execute_command):
            raise TypeError("this client is for asyncio: use AsyncTidemark")
        self._client = client
        self._installation = Installation(prefix, retry_for, restore_timeout)

    def session(self, id: str) -> Session:
        """Returns a session by its id (1 to 256 bytes). Nothing is sent."""
        return Session(self._installation, id, self._client)


class _Connection:
    """Carries out the requests of one operation."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_cluster = hasattr(client, "get_node_from_key")
        self._messages: Any = None

    def carry_out(self, request: Request) -> Any:
        if isinstance(request, Command):
            return self._send(request)
        if isinstance(request, Subscribe):
            return self._subscribe(request)
        if isinstance(request, NextMessage):
            return self._next_message(request)
        return time.sleep(request.seconds)

    def _send(self, command: Command) -> Any:
        if self._is_cluster:
            # redis-py would ask the server for the keys of each FCALL.
            return self._client.execute_command(*command.words, target_nodes=self._client.get_node_from_key(command.key))
        return self._client.execute_command(*command.words)

    def _subscribe(self, request: Subscribe) -> None:
        self.close()
        node = {"node": self._client.get_node_from_key(request.key)} if self._is_cluster else {}
        self._messages = self._client.pubsub(**node)
        self._messages.subscribe(request.channel)
        deadline = time.monotonic() + request.within
        while True:
            message = self._messages.get_message(timeout=max(deadline - time.monotonic(), 0))
            if message is not None and message["type"] == "subscribe":
                return
            if time.monotonic() >= deadline:
                raise redis_errors.TimeoutError("the subscription was not confirmed in time")

    def _next_message(self, request: NextMessage) -> Optional[str]:
        message = self._messages.get_message(timeout=request.within)
        if message is None:
            return None
        # Anything but a message means that redis-py has connected and subscribed again.
        return state.text(message["data"]) if message["type"] == "message" else ""

    def close(self) -> None:
        if self._messages is not None:
            messages, self._messages = self._messages, None
            messages.close()
