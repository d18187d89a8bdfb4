"""One installation of Tidemark: its lanes, its functions, and how a request is sent to Redis and repeated."""

from __future__ import annotations

import random
import time
from typing import Any, Callable, Optional, Union

from redis import exceptions as redis_errors

from . import errors, state
from .identity import Lane, library_name, partition
from .steps import Command, Pause, Steps

# What passes by itself: a lost connection, a server that starts, a failover, a Cluster whose slots move.
TRANSIENT = (
    redis_errors.ConnectionError, redis_errors.TimeoutError, redis_errors.ReadOnlyError, redis_errors.TryAgainError,
    redis_errors.ClusterError, redis_errors.RedisClusterException,
)
_FIRST_DELAY, _LONGEST_DELAY = 0.02, 1.0


def is_transient(error: BaseException) -> bool:
    """Whether a request may succeed when it is repeated. A refused password is no lost connection, though redis-py derives it from one."""
    refused = (redis_errors.AuthenticationError, redis_errors.AuthorizationError)
    return isinstance(error, TRANSIENT) and not isinstance(error, refused)


class Backoff:
    """Growing delays with jitter, so that many agents do not come back at the same moment after an outage."""

    def __init__(self, first: float = _FIRST_DELAY, longest: float = _LONGEST_DELAY) -> None:
        self._next = first
        self._longest = longest

    def delay(self) -> float:
        delay = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._longest)
        return delay


class Installation:
    """What all sessions of one `Tidemark` object share."""

    def __init__(self, prefix: str, retry_for: float, restore_timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not prefix or set(prefix) & set("{} *?[]\\"):
            raise ValueError("the prefix is a text without braces, blanks and glob characters")
        self.prefix = prefix
        self.retry_for = retry_for
        self.restore_timeout = restore_timeout
        self.clock = clock
        self._library = library_name(prefix)
        self._partitions: Optional[int] = None

    def lane(self, session: str) -> Steps[Lane]:
        """Returns the lane of a session. The number of lanes is read once: it is fixed when the installation is made."""
        if self._partitions is None:
            self._partitions = yield from self._read_partitions()
        return Lane(self.prefix, partition(session, self._partitions), session)

    def _read_partitions(self) -> Steps[int]:
        key = f"{self.prefix}:config"
        reply = yield from self.send(Command(key, ("HGET", key, "partitions")))
        if reply is None:
            raise errors.NotConfigured(
                f"Redis has no hash {key}: run `tidemark migrate` for this Redis, or name the prefix of redis.prefix in its configuration")
        text = state.text(reply)
        if not text.isdecimal() or not 1 <= int(text) <= 16_384:
            raise errors.NotConfigured(f"the field partitions of the hash {key} is {text!r}, not the number of lanes")
        return int(text)

    def call(self, lane: Lane, function: str, *arguments: Union[str, bytes, int], writes: bool = False) -> Steps[Any]:
        """Calls a function of the library. Its refusals are raised as the errors of this package."""
        name = f"{self._library}_{function}"
        words = ("FCALL" if writes else "FCALL_RO", name, len(lane.keys), *lane.keys, *arguments)
        try:
            return (yield from self.send(Command(lane.stream, words)))
        except redis_errors.ResponseError as error:
            raise _translated(error, name, state.text(arguments[0])) from None

    def send(self, command: Command) -> Steps[Any]:
        """Sends a command, and repeats it for `retry_for` seconds after errors that pass by themselves.

        A command that got no answer may have had its effect. That is safe for all commands of this package: changes carry an event id, by
        which the function knows a repeated one, and the others only read or ask.
        """
        backoff = Backoff()
        deadline: Optional[float] = None
        while True:
            try:
                return (yield command)
            except TRANSIENT as error:
                now = self.clock()
                deadline = now + self.retry_for if deadline is None else deadline
                delay = backoff.delay()
                if not is_transient(error) or now + delay > deadline:
                    raise
                yield Pause(delay)


def _translated(error: redis_errors.ResponseError, function: str, session: str) -> Exception:
    text = str(error)
    code, _, rest = text.partition(" ")
    if code == "INVALID":
        field, _, reason = rest.partition(": ")
        return errors.Invalid(field, reason)
    if code == "CONFLICT":
        return errors.Conflict(int(rest)) if rest.isdecimal() else errors.EventIdConflict()
    if text == "BUSY stop":
        return errors.Busy()
    if code == "COLD":
        return errors.Cold(session)
    if "function not found" in text.lower():
        return errors.FunctionMissing(function, "its library is not loaded")
    if "unknown command" in text.lower():
        return errors.FunctionMissing(function, "the server knows no functions: Redis 7.0 or Valkey 7.2 is needed")
    return error
