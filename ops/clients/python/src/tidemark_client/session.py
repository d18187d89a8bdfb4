"""A session: writes changes, reads the state, waits until it is durable. Blocking and asyncio sessions are made of this one."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Generic, List, Optional, Sequence, Type, TypeVar, Union

from . import errors, rules, state
from .barrier import Barrier, is_durable
from .binding import operation
from .entry import Entry
from .identity import new_id, position
from .installation import Backoff, Installation
from .state import OpenCall, State
from .steps import Command, Pause, Steps
from .writes import Writes

if TYPE_CHECKING:
    from .call import CallCore
    from .turn import TurnCore

T = TypeVar("T")
ChangeT = TypeVar("ChangeT", bound="ChangeCore")
TurnT = TypeVar("TurnT", bound="TurnCore[Any]")
CallT = TypeVar("CallT", bound="CallCore[Any]")

# What a session's barrier covers. Older changes may have been trimmed from the lane (`trim.keep`), where they look like lost ones.
_MOST_UNCONFIRMED = 1_000
_LONGEST_UNCONFIRMED_MILLISECONDS = 600_000
# A request may be lost with its stream, so it is repeated while a session stays cold.
_REQUEST_AGAIN_AFTER = 5.0


class ChangeCore:
    """A change that was written. `seq` and `epoch` number it in its session, `entry_id` is its place in the lane."""

    def __init__(self, session: "SessionCore[Any, Any, Any]", entry: Entry, reply: Sequence[Any]) -> None:
        self.type = entry.type
        self.event_id = entry.event_id
        self.seq = int(reply[0])
        self.epoch = int(reply[1])
        self.entry_id = state.text(reply[2])
        self.is_ephemeral = entry.is_ephemeral
        self._session = session

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.type} {self.entry_id} seq={self.seq} epoch={self.epoch})"

    @operation
    def barrier(self, timeout: float = 30.0) -> Steps[None]:
        """Returns when the change is committed in Postgres, and never before. Raises NotInTime, Lost or DeadLetter."""
        self._require_stored()
        return (yield from self._session._wait_for([self.entry_id], timeout))

    @operation
    def durable(self) -> Steps[bool]:
        """Whether the change is committed in Postgres by now. Raises Lost or DeadLetter."""
        self._require_stored()
        lane = yield from self._session._lane()
        return (yield from is_durable(self._session._installation, lane, self._session.id, self.entry_id))

    def _require_stored(self) -> None:
        if self.is_ephemeral:
            raise errors.Invalid("ephemeral", "such a change is never stored, so it never becomes durable")


class SessionCore(Writes, Generic[ChangeT, TurnT, CallT]):
    """One session of an agent. Its methods for changes are those of `Writes`; each writes one change and returns it."""

    _change_class: Type[ChangeT]
    _turn_class: Type[TurnT]
    _call_class: Type[CallT]

    def __init__(self, installation: Installation, id: str) -> None:
        rules.check_session(id)
        self.id = id
        self._installation = installation
        self._unconfirmed: Deque[str] = deque(maxlen=_MOST_UNCONFIRMED)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def turn(self, *, expect: Optional[int] = None) -> TurnT:
        """Collects changes within a `with` block and writes all of them in one atomic step when it ends; none if the block raises."""
        return self._turn_class(self, expect)

    def call(
        self, tool: str, arguments: Any = None, *, call_id: Optional[str] = None, idempotency_key: Optional[str] = None,
        durable: bool = False, timeout: float = 30.0,
    ) -> CallT:
        """A tool call, as a `with` block around its effect. `tool.started` is written before the block begins.

        Hand `call.idempotency_key` to the tool: after a crash an agent asks the tool by this key what became of the call. With `durable`
        the block begins only when `tool.started` is committed in Postgres, for at most `timeout` seconds. An exception in the block
        finishes the call as `error`.
        """
        return self._call_class(self, tool, arguments, call_id or new_id(), idempotency_key or new_id(), durable, timeout, is_open=False)

    def resume(self, call: OpenCall, *, durable: bool = False, timeout: float = 30.0) -> CallT:
        """A call that an earlier process began, as a `with` block like that of `call`. Its intent is written already."""
        # The beginning of a restored call is committed, and Redis, which may have lost its entry, can't confirm it.
        entry_id = None if call.is_restored else call.entry_id
        return self._call_class(
            self, call.tool, call.arguments, call.call_id, call.idempotency_key or "", durable, timeout, is_open=True, entry_id=entry_id)

    @operation
    def load(self, messages: Optional[int] = None, *, restore: bool = True, timeout: Optional[float] = None) -> Steps[State]:
        """Returns the session's state, with its last messages (all that Redis holds, or as many as you name).

        A session that is not in Redis, or that began anew while Postgres may know more of it, is restored by a worker first; RestoreTimeout
        is raised where none does so in time. With `restore=False` no worker is asked: Cold is raised where Redis lacks the session.
        """
        if messages is not None and (isinstance(messages, bool) or not isinstance(messages, int) or messages < 0):
            raise errors.Invalid("messages", "is not a number of messages")
        lane = yield from self._lane()
        arguments: List[Union[str, int]] = [self.id] if messages is None else [self.id, messages]

        def attempt() -> Steps[State]:
            reply = yield from self._installation.call(lane, "load", *arguments)
            if reply is None:
                raise errors.Cold(self.id)
            loaded = state.parse(self.id, reply)
            if loaded.is_fresh and restore:
                raise errors.Cold(self.id)
            return loaded

        return (yield from (self._hot(attempt, timeout) if restore else attempt()))

    @operation
    def fork(self, new: Optional[str] = None, *, at: Optional[str] = None, timeout: Optional[float] = None) -> Steps[str]:
        """Makes a new session that begins with this one's state, and returns its id once it is in Redis. A worker does it.

        `at` is the entry id of the last change to take over, such as `change.entry_id`; without it, all that was written. The new session has
        the visible messages, the calls (open ones as cancelled) and the context; this session stays as it is.
        """
        name = f"{self.id}-{new_id()}" if new is None else new
        rules.check_session(name)
        there = (yield from self._installation.lane(name)).keys[2]
        if int((yield from self._installation.send(Command(there, ("HLEN", there))))):
            raise errors.Invalid("new", "is a session that is in Redis")
        point = () if at is None else ("at", at)

        def attempt() -> Steps[str]:
            # The mark is the last field that a worker writes.
            if (yield from self._installation.send(Command(there, ("HGET", there, "meta.fork")))) is None:
                raise errors.Cold(name)
            return name

        return (yield from self._asking_worker(attempt, name, ("op", "fork", "session", self.id, "as", name, *point), timeout))

    @operation
    def barrier(self, timeout: float = 30.0) -> Steps[None]:
        """Returns when all changes that this object wrote are committed in Postgres, and never before. Raises NotInTime, Lost, DeadLetter.

        The changes that an earlier barrier confirmed, or reported, are not asked for again. Covered are the newest 1,000 changes, as far as
        they are at most ten minutes older than the newest one.
        """
        return (yield from self._wait_for(self._covered(), timeout))

    @operation
    def pressure(self) -> Steps[str]:
        """How fast agents may write: `ok`, `slow`, `stop`. `slow` also where no worker serves the lane."""
        lane = yield from self._lane()
        reply = yield from self._installation.send(Command(lane.hash, ("HMGET", lane.hash, "pressure", "pressure_until")))
        level, until = (state.text(word) if word is not None else "" for word in reply)
        return level if level and _is_ahead(until) else "slow"

    def _lane(self) -> Steps[Any]:
        return self._installation.lane(self.id)

    def _write_one(self, entry: Entry) -> Steps[ChangeT]:
        lane = yield from self._lane()

        def attempt() -> Steps[Any]:
            return self._installation.call(
                lane, "append", self.id, entry.type, _expectation(entry.expect), *entry.arguments(), writes=True)

        reply = yield from self._hot(attempt)
        return self._record(entry, reply)

    def _write_all(self, entries: Sequence[Entry], expect: Optional[int]) -> Steps[List[ChangeT]]:
        lane = yield from self._lane()
        words: List[Union[str, bytes, int]] = [self.id, _expectation(expect), len(entries)]
        for entry in entries:
            words += [entry.type, len(entry.fields), *entry.arguments()]

        def attempt() -> Steps[Any]:
            return self._installation.call(lane, "append_all", *words, writes=True)

        replies = yield from self._hot(attempt)
        return [self._record(entry, reply) for entry, reply in zip(entries, replies)]

    def _record(self, entry: Entry, reply: Sequence[Any]) -> ChangeT:
        change = self._change_class(self, entry, reply)
        if not entry.is_ephemeral:
            self._unconfirmed.append(change.entry_id)
        return change

    def _hot(self, attempt: Callable[[], Steps[T]], timeout: Optional[float] = None) -> Steps[T]:
        """Runs an attempt, and where the session is cold asks a worker to restore it and tries again until it is hot."""
        return self._asking_worker(attempt, self.id, ("op", "restore", "session", self.id), timeout)

    def _asking_worker(
        self, attempt: Callable[[], Steps[T]], session: str, request: Sequence[str], timeout: Optional[float]
    ) -> Steps[T]:
        """Runs an attempt, and while it raises Cold sends a request for `session` to the workers and tries again.

        Nothing announces that a request is done, so the attempt itself is repeated, at growing intervals.
        """
        seconds = self._installation.restore_timeout if timeout is None else timeout
        clock = self._installation.clock
        deadline, ask_at, backoff = clock() + seconds, clock(), Backoff(first=0.004, longest=0.25)
        while True:
            try:
                return (yield from attempt())
            except errors.Cold:
                lane = yield from self._lane()
                if clock() >= deadline:
                    raise errors.RestoreTimeout(session, seconds, (yield from self._why_cold(lane))) from None
                if clock() >= ask_at:
                    yield from self._installation.send(Command(lane.requests, ("XADD", lane.requests, "*", *request)))
                    ask_at = clock() + _REQUEST_AGAIN_AFTER
                yield Pause(min(backoff.delay(), max(deadline - clock(), 0)))

    def _why_cold(self, lane: Any) -> Steps[str]:
        until = yield from self._installation.send(Command(lane.hash, ("HGET", lane.hash, "pressure_until")))
        if until is not None and _is_ahead(state.text(until)):
            return f"a worker serves the lane {lane.stream} and has not done it yet; its log tells why"
        return f"no worker serves the lane {lane.stream}: start one with `tidemark run`"

    def _wait_for(self, entry_ids: Sequence[str], timeout: float) -> Steps[None]:
        lane = yield from self._lane()
        try:
            yield from Barrier(self._installation, lane, self.id, timeout).wait(entry_ids)
        except errors.NotInTime:
            raise
        except errors.NotDurable:
            self._forget(entry_ids)
            raise
        self._forget(entry_ids)

    def _covered(self) -> List[str]:
        if not self._unconfirmed:
            return []
        oldest = max(position(entry_id)[0] for entry_id in self._unconfirmed) - _LONGEST_UNCONFIRMED_MILLISECONDS
        return [entry_id for entry_id in self._unconfirmed if position(entry_id)[0] >= oldest]

    def _forget(self, entry_ids: Sequence[str]) -> None:
        for entry_id in entry_ids:
            if entry_id in self._unconfirmed:
                self._unconfirmed.remove(entry_id)


def _expectation(expect: Optional[int]) -> str:
    return "-" if expect is None else str(expect)


def _is_ahead(milliseconds: str) -> bool:
    """Whether a moment of Redis' clock lies ahead, by the clock of this machine."""
    return milliseconds.isdecimal() and int(milliseconds) > time.time() * 1000
