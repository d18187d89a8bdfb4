"""The client of Tidemark for agents in Python. README.md beside it is the page to read first."""

from .aio import AsyncCall, AsyncChange, AsyncSession, AsyncTidemark, AsyncTurn
from .blocking import Call, Change, Session, Tidemark, Turn
from .errors import (
    Busy, Cold, Conflict, DeadLetter, EventIdConflict, FunctionMissing, Invalid, Lost, NotConfigured, NotDurable, NotInTime, RestoreTimeout,
    TidemarkError,
)
from .json_text import RawJSON
from .state import Context, Message, OpenCall, State

__all__ = [
    "AsyncCall", "AsyncChange", "AsyncSession", "AsyncTidemark", "AsyncTurn", "Busy", "Call", "Change", "Cold", "Conflict", "Context",
    "DeadLetter", "EventIdConflict", "FunctionMissing", "Invalid", "Lost", "Message", "NotConfigured", "NotDurable", "NotInTime", "OpenCall",
    "RawJSON", "RestoreTimeout", "Session", "State", "Tidemark", "TidemarkError", "Turn",
]
