"""WebSocket handshakes to Microdot's routes: which routes take them, and how they are answered.

A handshake is a GET to Microdot; to Nacre it is a method of its own. So a route that may upgrade is declared for both.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from nacre.dialects.microdot.websocket import ORIGINS, UPGRADES, WebSocketError
from nacre.errors import HTTPError
from nacre.marks import marks_of
from nacre.request import Request as NativeRequest
from nacre.websocket import WebSocket as NativeWebSocket

_UPGRADE = "websocket_upgrade"


def upgrades(function: Callable[..., Any]) -> bool:
    """Whether a route's function takes handshakes: it has the decorator, or it names `websocket_upgrade`."""
    if UPGRADES in marks_of(function):
        return True
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and any(_UPGRADE in one.co_names or _UPGRADE in one.co_freevars for one in _codes(code))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def origins_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """The origins besides the application's own whose pages may connect."""
    return tuple(marks_of(function).get(ORIGINS, ()))


def websocket_handler(handler: Callable[..., Any]) -> Callable[..., Any]:
    """What the core calls with a connection: the route's function; what it returns without a session refuses it."""

    async def call(ws: NativeWebSocket, request: NativeRequest) -> Any:
        try:
            return await handler(request)
        except WebSocketError as error:
            if isinstance(error, HTTPError):
                raise
            return None

    functools.update_wrapper(call, handler)
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    types = {"ws": NativeWebSocket, "request": NativeRequest}
    parameters = [inspect.Parameter(name, kind, annotation=annotation) for name, annotation in types.items()]
    call.__dict__["__signature__"] = inspect.Signature(parameters)
    return call
