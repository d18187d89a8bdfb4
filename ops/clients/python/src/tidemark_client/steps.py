"""What an operation asks of its connection, as values.

Every operation of this package is a generator: it yields one of these requests, gets the answer (or the error) back, and returns its
result. The generators decide everything and do no I/O; `blocking.py` and `aio.py` only carry the requests out. So an operation is written
once for both, and a test can play the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generator, Tuple, TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """Sends a command to the server that holds `key`. The answer is the reply."""

    key: str
    words: Tuple[Union[str, bytes, int], ...]


@dataclass(frozen=True)
class Subscribe:
    """Subscribes to a channel, in place of any earlier subscription, and waits until the server has confirmed it. The answer is None."""

    channel: str
    #: A server of a Cluster is found by this key. Any of them would do: a Cluster carries messages to all its servers.
    key: str
    within: float


@dataclass(frozen=True)
class NextMessage:
    """Waits for a message of the subscription. The answer is the message's text, empty where the connection was made anew and messages may
    have been missed, or None where none came in time."""

    within: float


@dataclass(frozen=True)
class Pause:
    """Waits. The answer is None."""

    seconds: float


Request = Union[Command, Subscribe, NextMessage, Pause]
Steps = Generator[Request, Any, T]
