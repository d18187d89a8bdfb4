"""A turn: several changes of one session that are written in one atomic step."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, List, Optional, Tuple, TypeVar, Union

from .binding import operation
from .entry import Entry
from .errors import Invalid
from .steps import Steps
from .writes import Writes

if TYPE_CHECKING:
    from .call import CallCore
    from .session import ChangeCore, SessionCore

ChangeT = TypeVar("ChangeT", bound="ChangeCore")


class TurnCore(Writes, Generic[ChangeT]):
    """Collects changes. Each method checks its change at once; nothing is sent before the `with` block ends."""

    def __init__(self, session: "SessionCore[ChangeT, Any, Any]", expect: Optional[int]) -> None:
        self.id = session.id
        #: The changes that were written, after the block has ended.
        self.changes: Tuple[ChangeT, ...] = ()
        self._session = session
        self._expect = expect
        self._entries: List[Entry] = []
        self._finished: List[CallCore[Any]] = []

    def _take(self, entry: Entry) -> Entry:
        if entry.expect is not None:
            raise Invalid("expect", "belongs to the turn as a whole: session.turn(expect=...)")
        self._entries.append(entry)
        return entry

    def finish(
        self, call: CallCore[Any], result: Any = None, *, status: str = "ok", error: Optional[str] = None,
        cost: Union[Decimal, int, float, str, None] = None, usage: Any = None,
    ) -> Entry:
        """Finishes a call together with the other changes, so that a crash can't leave its end without what follows from it."""
        entry = self.tool_finished(call.call_id, status, result=result, error=error, cost=cost, usage=usage)
        self._finished.append(call)
        return entry

    @operation
    def barrier(self, timeout: float = 30.0) -> Steps[None]:
        """Returns when all changes of the turn are committed in Postgres, and never before. Raises NotInTime, Lost or DeadLetter."""
        stored = [change.entry_id for change in self.changes if not change.is_ephemeral]
        return (yield from self._session._wait_for(stored, timeout))

    def _commit(self) -> Steps[None]:
        if self._entries:
            self.changes = tuple((yield from self._session._write_all(self._entries, self._expect)))
        for call in self._finished:
            call.is_finished = True
