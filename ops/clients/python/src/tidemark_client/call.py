"""A tool call: the intent is written before the effect, the end after it."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, Union

from redis.exceptions import RedisError

from . import entry as entries
from .binding import operation
from .errors import TidemarkError
from .steps import Steps

if TYPE_CHECKING:
    from .session import ChangeCore, SessionCore

ChangeT = TypeVar("ChangeT", bound="ChangeCore")
_log = logging.getLogger("tidemark_client")
# A traceback's text is for people; one of megabytes would only fill the transcript.
_LONGEST_ERROR = 16_384


class CallCore(Generic[ChangeT]):
    """One attempt of a tool call."""

    def __init__(
        self, session: "SessionCore[ChangeT, Any, Any]", tool: str, arguments: Any, call_id: str, idempotency_key: str, durable: bool,
        timeout: float, *, is_open: bool, entry_id: Optional[str] = None,
    ) -> None:
        self.tool = tool
        self.arguments = arguments
        self.call_id = call_id
        #: Names this call to the outside world. Two attempts with one key are one call.
        self.idempotency_key = idempotency_key
        self.is_finished = False
        self._session = session
        self._durable = durable
        self._timeout = timeout
        self._is_open = is_open
        self._entry_id = entry_id

    @operation
    def finish(
        self, result: Any = None, *, cost: Union[Decimal, int, float, str, None] = None, usage: Any = None,
    ) -> Steps[ChangeT]:
        """Writes that the call succeeded. A block that ends without it finishes the call without a result."""
        return (yield from self._finish("ok", result=result, cost=cost, usage=usage))

    @operation
    def fail(
        self, error: str, *, result: Any = None, cost: Union[Decimal, int, float, str, None] = None, usage: Any = None,
    ) -> Steps[ChangeT]:
        """Writes that the call failed."""
        return (yield from self._finish("error", error=error, result=result, cost=cost, usage=usage))

    @operation
    def cancel(self, error: Optional[str] = None) -> Steps[ChangeT]:
        """Writes that the call was given up."""
        return (yield from self._finish("cancelled", error=error))

    def _begin(self) -> Steps[None]:
        if not self._is_open:
            fields = {
                "call_id": self.call_id, "tool": self.tool, "arguments": self.arguments, "idempotency_key": self.idempotency_key,
            }
            change = yield from self._session._write_one(entries.make("tool.started", self._session.id, fields, {}))
            self._entry_id = change.entry_id
        if self._durable and self._entry_id:
            try:
                yield from self._session._wait_for([self._entry_id], self._timeout)
            except TidemarkError:
                # The effect did not begin, so a call that this process started is closed. One of an earlier process stays open.
                if not self._is_open:
                    yield from self._finish_quietly("cancelled", "the call was not durable in time, so it was not made")
                raise

    def _end(self, raised: Optional[BaseException]) -> Steps[None]:
        if self.is_finished:
            return
        if raised is None:
            yield from self._finish("ok")
        elif isinstance(raised, Exception):
            yield from self._finish_quietly("error", f"{type(raised).__name__}: {raised}")
        # Where the process is stopped (KeyboardInterrupt, CancelledError) nobody knows whether the effect happened. The call stays open, as
        # after a crash, and whoever resumes the session asks the tool.

    def _finish(self, status: str, **fields: Any) -> Steps[ChangeT]:
        if self.is_finished:
            raise RuntimeError(f"the call {self.call_id} is finished")
        entry = entries.make("tool.finished", self._session.id, {"call_id": self.call_id, "status": status, **fields}, {})
        change = yield from self._session._write_one(entry)
        self.is_finished = True
        return change

    def _finish_quietly(self, status: str, error: str) -> Steps[None]:
        """Finishes the call while an exception is on its way, which must not be hidden by another one."""
        storable = error[:_LONGEST_ERROR].replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
        try:
            yield from self._finish(status, error=storable)
        except (TidemarkError, RedisError) as problem:
            _log.warning("the call %s of session %s stays open: %s", self.call_id, self._session.id, problem)
