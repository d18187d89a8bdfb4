"""The barrier: waits until changes are durable, and never returns early."""

from __future__ import annotations

from typing import List, Optional, Sequence

from . import errors, state
from .identity import Lane, position
from .installation import TRANSIENT, Backoff, Installation, is_transient
from .steps import Command, NextMessage, Pause, Steps, Subscribe

# How long the barrier trusts that a published mark arrives. Redis does not repeat a message that a subscriber missed.
_ASK_AGAIN_AFTER = 1.0


def is_durable(installation: Installation, lane: Lane, session: str, entry_id: str) -> Steps[bool]:
    """Asks once. Raises Lost or DeadLetter where the change will never be durable."""
    answer = int((yield from installation.call(lane, "durable", session, entry_id)))
    if answer == -1:
        raise errors.Lost(entry_id)
    if answer == -2:
        reason = yield from installation.send(Command(lane.rejected, ("HGET", lane.rejected, entry_id)))
        raise errors.DeadLetter(entry_id, "its reason is gone" if reason is None else state.text(reason))
    return answer == 1


class Barrier:
    """Waits for entries of one lane."""

    def __init__(self, installation: Installation, lane: Lane, session: str, timeout: float) -> None:
        self._installation = installation
        self._lane = lane
        self._session = session
        self._timeout = timeout
        self._deadline = installation.clock() + timeout
        self._is_subscribed = False

    def wait(self, entry_ids: Sequence[str]) -> Steps[None]:
        """Waits until all of the entries are decided: the newest is waited for, and then the others are only asked for.

        Raises the first Lost or DeadLetter that it found, with all further ones as its `others`.
        """
        problems: List[errors.NotDurable] = []
        for entry_id in sorted(entry_ids, key=position, reverse=True):
            try:
                yield from self._wait_for(entry_id)
            except (errors.Lost, errors.DeadLetter) as problem:
                problems.append(problem)
        if problems:
            problems[0].others = tuple(problems[1:])
            raise problems[0]

    def _wait_for(self, entry_id: str) -> Steps[None]:
        backoff = Backoff()
        while True:
            try:
                if (yield from is_durable(self._installation, self._lane, self._session, entry_id)):
                    return
                remaining = self._remaining(entry_id)
                if self._is_subscribed:
                    yield from self._next_mark(entry_id)
                else:
                    # The function is asked again after the subscription: a mark that was published before it would be missed.
                    yield Subscribe(self._lane.marks, self._lane.stream, remaining)
                    self._is_subscribed = True
            except TRANSIENT as error:
                if not is_transient(error):
                    raise
                self._is_subscribed = False
                yield Pause(min(backoff.delay(), self._remaining(entry_id, error)))

    def _next_mark(self, entry_id: str) -> Steps[None]:
        """Returns when a mark has reached the entry, or when it is time to ask without one."""
        ask_at = self._installation.clock() + _ASK_AGAIN_AFTER
        while True:
            within = min(self._remaining(entry_id), ask_at - self._installation.clock())
            if within <= 0:
                return
            mark: Optional[str] = yield NextMessage(within)
            if mark == "" or (mark is not None and _reaches(mark, entry_id)):
                return

    def _remaining(self, entry_id: str, cause: Optional[BaseException] = None) -> float:
        remaining = self._deadline - self._installation.clock()
        if remaining <= 0:
            raise errors.NotInTime(entry_id, self._timeout) from cause
        return remaining


def _reaches(mark: str, entry_id: str) -> bool:
    try:
        return position(mark) >= position(entry_id)
    except ValueError:  # not a mark that this package knows, so the function is asked
        return True
