"""WebSocket connections to Microdot's routes."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from nacre.dialects.microdot.errors import abort
from nacre.dialects.microdot.request import Request
from nacre.dialects.microdot.response import Response
from nacre.errors import ContentTooLarge, WebSocketDisconnect
from nacre.marks import mark
from nacre.websocket import WebSocket as NativeWebSocket

UPGRADES = "microdot websocket"
ORIGINS = "microdot websocket origins"


class WebSocketError(Exception):
    """A connection failed."""


class WebSocketClosed(WebSocketError, asyncio.CancelledError):
    """The client has closed the connection or is gone.

    It is both what Microdot's documents say the route is told by (CancelledError) and what its code raises.
    """


class MessageTooLarge(WebSocketError, ContentTooLarge):
    """A message is larger than `WebSocket.max_message_length` allows; the connection is closed with 1009."""


class WebSocket:
    """A connection to one client."""

    CONT: ClassVar[int] = 0
    TEXT: ClassVar[int] = 1
    BINARY: ClassVar[int] = 2
    CLOSE: ClassVar[int] = 8
    PING: ClassVar[int] = 9
    PONG: ClassVar[int] = 10

    max_message_length: ClassVar[int] = -1
    """The largest message in bytes; -1 for `Request.max_body_length`, 0 for no limit."""

    def __init__(self, request: Request, native: NativeWebSocket) -> None:
        self.request = request
        self.native = native
        limit = self.max_message_length
        self.native.max_message = request.max_body_length if limit < 0 else (limit or None)

    async def receive(self) -> str | bytes:
        """The next message: text as str, binary as bytes. Raises WebSocketClosed, MessageTooLarge."""
        try:
            return await self.native.receive()
        except WebSocketDisconnect as error:
            raise WebSocketClosed("the client has closed the connection") from error
        except ContentTooLarge as error:
            raise MessageTooLarge(error.detail) from None

    async def send(self, data: str | bytes, opcode: int | None = None) -> None:
        """Send a message: text from str, binary from bytes, unless `opcode` (TEXT or BINARY) says otherwise.

        Raises WebSocketClosed; ValueError for other opcodes, which are the server's business.
        """
        if opcode not in (None, self.TEXT, self.BINARY):
            raise ValueError(f"opcode {opcode} can't be sent; the server itself sends pings, pongs and continuations")
        if opcode == self.TEXT and not isinstance(data, str):
            data = bytes(data).decode()
        elif opcode == self.BINARY and isinstance(data, str):
            data = data.encode()
        try:
            await self.native.send(data)
        except WebSocketDisconnect as error:
            raise WebSocketClosed("the client has closed the connection") from error

    async def close(self) -> None:
        """Close the connection; nothing happens if it is closed."""
        await self.native.close()


async def websocket_upgrade(request: Request) -> WebSocket:
    """Answer the handshake of a request, and return the connection. A request that is no handshake ends with 400.

    For use in the route's own function, which must name it: that is how the route is known to take handshakes.
    """
    native: NativeWebSocket | None = request.native.websocket
    if native is None:
        abort(400)
    await native.accept()
    return WebSocket(request, native)


def with_websocket(f: Callable[..., Any] | None = None, *, origins: Iterable[str] = ()) -> Any:
    """Make a route of `f(request, ws, **variables)`, which talks to a client until it returns.

    When the client has closed the connection, `receive` and `send` raise a CancelledError (`WebSocketClosed`). Browsers
    may connect from pages of the application's own origin; `origins` lists others, "*" for all.
    """
    if f is None:
        return functools.partial(with_websocket, origins=origins)
    function: Callable[..., Any] = f

    @functools.wraps(function)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Response:
        await function(request, await websocket_upgrade(request), *args, **kwargs)
        return Response.already_handled

    mark(wrapper, UPGRADES, value=True)
    return mark(wrapper, ORIGINS, tuple(origins))
