"""How long a handler may take until its response begins."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from nacre.chain.place import Place
from nacre.errors import ConfigurationError, GatewayTimeout, Location, Problem
from nacre.logline import printable
from nacre.marks import mark
from nacre.request import CallNext, Request
from nacre.response import Response

_log = logging.getLogger("nacre.timeout")

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "timeout"


@dataclass(frozen=True)
class _Marked:
    seconds: float | None
    requires: tuple[str, ...] = (_MARK,)


class Timeout:
    """A layer that cancels what is inside it after `seconds` and answers 504.

    The time ends when the response begins: a stream's first piece is within it, the rest is not, and of a WebSocket
    only the handshake is. Async code gets CancelledError where it waits; its `finally` blocks and the teardown of its
    providers are waited for, and no task is left. If that code catches the cancellation and returns a response all the
    same, that response is sent. Plain code can't be interrupted: its thread goes on, what it returns is dropped and
    what it raises is logged. The 504 doesn't wait for it, except under WSGI, where the answer goes through that thread.

    Only this layer's own time makes a 504. A TimeoutError that a handler raises is an exception like any other, and a
    cancellation from outside (the client has left, the server stops) goes on as one.

    `@timeout(seconds)` gives a handler a time of its own, `@timeout(None)` none. Raises ConfigurationError for a time
    that isn't positive.
    """

    provides: ClassVar = (_MARK,)
    responses: ClassVar = {504: "The handler took too long"}

    def __init__(self, seconds: float) -> None:
        self.seconds = _checked(seconds, "Timeout")

    def __repr__(self) -> str:
        return f"Timeout({self.seconds:g})"

    def for_route(self, place: Place) -> Timeout | str:
        marked: _Marked | None = place.mark(_MARK)
        if marked is None:
            return self
        if marked.seconds is None:
            return "the handler is marked with timeout(None)"
        return Timeout(marked.seconds)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        limit = asyncio.timeout(self.seconds)
        try:
            async with limit:
                return await call_next(request)
        except TimeoutError:
            if not limit.expired():
                raise
        route = printable(request.route.path if request.route is not None else request.path)
        _log.warning("%s %s was cancelled after %g s", printable(request.method), route, self.seconds)
        raise GatewayTimeout("the request took too long")


def timeout(seconds: float | None) -> Callable[[F], F]:
    """Give a handler this many seconds, in place of those of all `Timeout` layers around it; None for no limit.

    It may stand anywhere among the decorators. Seconds on a route without such a layer are an error at startup.
    """
    marked = _Marked(None, ()) if seconds is None else _Marked(_checked(seconds, "timeout()"))
    return lambda function: mark(function, _MARK, marked)


def _checked(seconds: object, name: str) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        what = f"{name} takes a number of seconds above 0, not {seconds!r}"
        raise ConfigurationError(Problem(what, Location.of_caller(), "@timeout(None) lifts the limit for one handler"))
    return float(seconds)
