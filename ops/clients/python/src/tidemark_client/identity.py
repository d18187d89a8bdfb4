"""Ids: of changes and calls, of entries, and of lanes."""

from __future__ import annotations

import binascii
import os
import re
import time
import uuid
from typing import Tuple


def new_id() -> str:
    """Returns a UUIDv7: the time in milliseconds, then 74 random bits, so that ids sort by the time at which they were made."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | random
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=value))


def position(entry_id: str) -> Tuple[int, int]:
    """Returns an entry's id as two numbers. Ids are compared as numbers, not as texts."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def partition(session: str, partitions: int) -> int:
    """Returns the number of the lane to which all changes of a session go."""
    return binascii.crc_hqx(session.encode("utf-8"), 0) % partitions


class Lane:
    """The names of what Tidemark keeps in Redis for one session and its lane. The hash tag puts all of it into one slot of a Cluster."""

    def __init__(self, prefix: str, number: int, session: str) -> None:
        self._base = f"{prefix}:{{{number}}}"
        self.keys: Tuple[str, ...] = tuple(
            self._name(part) for part in ("changes", "lane")
        ) + tuple(self._name(f"{part}:{session}") for part in ("session", "context", "messages", "tools", "ids"))

    def _name(self, part: str) -> str:
        return f"{self._base}:{part}"

    @property
    def stream(self) -> str:
        return self._name("changes")

    @property
    def hash(self) -> str:
        return self._name("lane")

    @property
    def marks(self) -> str:
        """The channel on which each advance of the durable mark is published."""
        return self._name("durable")

    @property
    def rejected(self) -> str:
        return self._name("rejected")

    @property
    def requests(self) -> str:
        """The stream by which workers are asked to restore a session."""
        return self._name("requests")


def library_name(prefix: str) -> str:
    """Returns the name with which the functions of an installation begin."""
    return re.sub(rb"[^A-Za-z0-9_]", b"_", prefix.encode("utf-8")).decode("ascii")
