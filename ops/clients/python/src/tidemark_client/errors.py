"""The errors of this package. Errors of the connection itself stay those of redis-py."""

from __future__ import annotations

from typing import Tuple


class TidemarkError(Exception):
    """The base of all errors that this package raises."""


class Invalid(TidemarkError, ValueError):
    """A field breaks a rule, so nothing was written. `field` is the field's name, `reason` says what is wrong with it."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Conflict(TidemarkError):
    """The session's last number is not the expected one, so nothing was written. `last_seq` is the session's last number."""

    def __init__(self, last_seq: int) -> None:
        super().__init__(f"the session's last seq is {last_seq}: load the session again before you decide what to write")
        self.last_seq = last_seq


class EventIdConflict(TidemarkError):
    """The session has another change with this event id, so nothing was written."""

    def __init__(self) -> None:
        super().__init__("the session has a change with this event_id and other content")


class Busy(TidemarkError):
    """The replication is too far behind and the installation enforces its limit (`pressure.enforce`), so nothing was written."""

    def __init__(self) -> None:
        super().__init__("the lane's pressure is stop and pressure.enforce is on: write again later")


class Cold(TidemarkError):
    """The session is not in Redis. Only `load(restore=False)` raises this error; everything else asks a worker to restore the session."""

    def __init__(self, session: str) -> None:
        super().__init__(f"the session {session!r} is not in Redis")
        self.session = session


class NotConfigured(TidemarkError):
    """Redis holds no installation of Tidemark under the prefix, or one that this package can't use."""


class FunctionMissing(TidemarkError):
    """Redis lacks Tidemark's function library."""

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(f"Redis has no function {function} ({reason}): run `tidemark migrate`, which installs the functions")
        self.function = function


class RestoreTimeout(TidemarkError, TimeoutError):
    """No worker brought the session back into Redis in time."""

    def __init__(self, session: str, seconds: float, reason: str) -> None:
        super().__init__(f"the session {session!r} was not restored within {seconds:g} s: {reason}")
        self.session = session
        self.reason = reason


class NotDurable(TidemarkError):
    """The base of the three reasons why a barrier does not return. `entry_id` is the id of the change's entry."""

    def __init__(self, entry_id: str, message: str) -> None:
        super().__init__(f"the entry {entry_id} {message}")
        self.entry_id = entry_id
        #: What the same barrier found of other changes.
        self.others: Tuple[NotDurable, ...] = ()


class NotInTime(NotDurable, TimeoutError):
    """The change is not durable yet. It may become durable later."""

    def __init__(self, entry_id: str, seconds: float) -> None:
        super().__init__(entry_id, f"was not durable within {seconds:g} s")


class Lost(NotDurable):
    """The lane does not hold the entry: Redis lost it, or it is so old that it was trimmed; `tidemark.changes` in Postgres tells which."""

    def __init__(self, entry_id: str) -> None:
        super().__init__(entry_id, "is not in the lane: Redis lost it, or it was trimmed (ask tidemark.changes in Postgres)")


class DeadLetter(NotDurable):
    """The worker refused the entry. `reason` is the dead letter's reason, such as `bad_json`."""

    def __init__(self, entry_id: str, reason: str) -> None:
        super().__init__(entry_id, f"is a dead letter ({reason}): `tidemark dead-letters list` shows the detail")
        self.reason = reason
