"""The durable marks, as everybody may read them in Redis."""

from dataclasses import dataclass

from resp import RespError, entry_id
from workload import LANES


@dataclass(frozen=True)
class Mark:
    id: tuple
    incarnation: int


def hash_of(lane):
    """The hash that holds a lane's mark, and the fields of the mark and of its incarnation."""
    if lane in LANES:
        return lane.replace(":changes", ":lane"), "durable", "incarnation"
    return "tidemark:durable", lane, f"incarnation:{lane}"


def read_mark(redis, lane):
    """None where there is none. Raises what the server says."""
    key, field, incarnation = hash_of(lane)
    found = redis.call(key, "HMGET", key, field, incarnation)
    return Mark(entry_id(found[0]), int(found[1] or 0)) if found[0] else None


def read_marks(redis, lanes):
    """By lane; None where a server does not answer."""
    try:
        return {lane: read_mark(redis, lane) for lane in lanes}
    except (OSError, RespError):
        return None
