"""How one declaration serves blocking and asyncio callers.

A method that is decorated here is declared once, with its arguments and its documentation. On a blocking object it returns its result, on
an asyncio object an awaitable of its result; type checkers see both.
"""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Generic, TypeVar, overload

from .entry import Entry
from .steps import Steps

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from .aio import AsyncChange, AsyncSession
    from .blocking import Change, Session
    from .turn import TurnCore
else:
    # Python 3.9 has no ParamSpec, and only type checkers make use of one.
    ParamSpec = TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """An object whose operations block."""

    def _run(self, steps: Steps[T]) -> T:
        raise NotImplementedError


class Awaiting:
    """An object whose operations are awaited."""

    def _run(self, steps: Steps[T]) -> Coroutine[Any, Any, T]:
        raise NotImplementedError


class operation(Generic[P, T]):
    """A method that is written as steps."""

    def __init__(self, body: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._body = body
        self.__doc__ = body.__doc__

    @overload
    def __get__(self, instance: Blocking, owner: object = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaiting, owner: object = None) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: None, owner: object = None) -> Callable[..., Any]: ...
    def __get__(self, instance: Any, owner: object = None) -> Any:
        if instance is None:
            return self._body
        body = MethodType(self._body, instance)

        @functools.wraps(body)
        def bound(*arguments: P.args, **named: P.kwargs) -> Any:
            return instance._run(body(*arguments, **named))

        return bound


class change(Generic[P]):
    """A method that makes the entry of one change. A session writes the entry at once; a turn keeps it until the turn ends."""

    def __init__(self, make: Callable[Concatenate[Any, P], Entry]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, instance: "Session", owner: object = None) -> Callable[P, Change]: ...
    @overload
    def __get__(self, instance: "AsyncSession", owner: object = None) -> Callable[P, Coroutine[Any, Any, AsyncChange]]: ...
    @overload
    def __get__(self, instance: "TurnCore[Any]", owner: object = None) -> Callable[P, Entry]: ...
    @overload
    def __get__(self, instance: None, owner: object = None) -> Callable[..., Any]: ...
    def __get__(self, instance: Any, owner: object = None) -> Any:
        if instance is None:
            return self._make
        make = MethodType(self._make, instance)

        @functools.wraps(make)
        def bound(*arguments: P.args, **named: P.kwargs) -> Any:
            return instance._take(make(*arguments, **named))

        return bound
