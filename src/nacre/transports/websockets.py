"""WebSockets over ASGI and RSGI: the handshake is a request, what follows it is a session.

What Granian 2.8 does otherwise over RSGI:

- It completes the handshake by itself: its answer has no header fields of the application's and no subprotocol.
- It refuses one with a status and nothing else.
- It closes without code and reason, so the frame that has them is written through the kernel (not under TLS), and it
  doesn't tell those of the client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from nacre.chain.asgi_upgrade import ASGIChannel, settle
from nacre.chain.pipeline import Dispatch
from nacre.errors import BadRequest, WebSocketDisconnect
from nacre.headers import Headers
from nacre.request import Request
from nacre.response import Response
from nacre.threads import Threads
from nacre.transports.asgi import ASGICarrier, match_path
from nacre.transports.completion import complete, has_work
from nacre.transports.kernel import Connection
from nacre.transports.rsgi import RSGICarrier
from nacre.types import ASGIApp, Receive, Scope, Send
from nacre.urls import keep_escapes
from nacre.websocket import WEBSOCKET, WebSocket, WebSocketChannel

_log = logging.getLogger("nacre")

_CLOSED = 0
"""The kind of the RSGI message that says that the peer has closed."""

_CLOSE_FRAME = 0x88
"""The first byte of a close frame (RFC 6455 §5.2): the last of its message, opcode 8."""


async def serve_websocket(
    request: Request, host: str | None, channel: WebSocketChannel, dispatch: Dispatch, threads: Threads
) -> None:
    """Answer one handshake and run the session that follows, with what waits for its end.

    To routing the request has the method that stands for WebSockets; to all others it is the GET that it is.
    """
    request.websocket = WebSocket(request, channel)
    request.method = WEBSOCKET
    pipeline = dispatch(request, host)
    request.method = "GET"
    response: Response | None = None
    try:
        response = await pipeline.handle(request)
        await settle(response, request, channel)
    finally:
        if has_work(request, response):
            await complete(request, response, threads)


class NoBody:
    """The body of a handshake."""

    ended = True

    async def read(self) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing is open."""


class _ASGIHandshake(ASGICarrier):
    """Reads a handshake from an ASGI scope."""

    def headers(self, raw: Scope) -> Headers:
        headers = super().headers(raw)
        offered = raw.get("subprotocols")
        if offered and "sec-websocket-protocol" not in headers:  # uvicorn with wsproto takes the field out
            return Headers([*headers.pairs(), ("sec-websocket-protocol", ", ".join(offered))])
        return headers

    def body(self, raw: Scope, channel: Receive) -> Any:
        return NoBody()

    def body_at_once(self, request: Request, length: int) -> None:
        return None

    async def wait_disconnect(self, request: Request) -> None:
        await asyncio.get_running_loop().create_future()

    async def is_disconnected(self, request: Request) -> bool:
        return request.websocket.state == "closed"  # type: ignore[no-any-return]


class _RSGIHandshake(RSGICarrier):
    """Reads a handshake from an RSGI scope."""

    def scheme(self, raw: Any) -> str:
        return "wss" if raw.scheme in ("https", "wss") else "ws"

    def body(self, raw: Any, channel: Any) -> Any:
        return NoBody()

    def body_at_once(self, request: Request, length: int) -> None:
        return None

    async def wait_disconnect(self, request: Request) -> None:
        await asyncio.get_running_loop().create_future()

    async def is_disconnected(self, request: Request) -> bool:
        return request.websocket.state == "closed"  # type: ignore[no-any-return]


_ASGI_HANDSHAKE = _ASGIHandshake()
RSGI_HANDSHAKE = _RSGIHandshake()


def serve_asgi_websockets(dispatch: Dispatch, threads: Threads) -> ASGIApp:
    """The WebSocket part of an ASGI application."""

    async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        hosts = [value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"]
        path, refusal = scope["path"], None
        try:
            path = match_path(path, scope.get("raw_path"), scope.get("root_path") or "")
        except ValueError as error:
            refusal = str(error)
        request = Request(_ASGI_HANDSHAKE, scope, receive, "GET", path)
        request.refusal = _refusal(refusal, hosts)
        host = hosts[0] if hosts else None
        await serve_websocket(request, host, ASGIChannel(scope, receive, send), dispatch, threads)

    return websocket


def serve_rsgi_websockets(dispatch: Dispatch, threads: Threads) -> Callable[[Any, Any], Coroutine[Any, Any, None]]:
    """The WebSocket part of an RSGI application."""

    async def websocket(scope: Any, protocol: Any) -> None:
        hosts = scope.headers.get_all("host") or ([] if scope.authority is None else [scope.authority])
        request = Request(RSGI_HANDSHAKE, scope, protocol, "GET", keep_escapes(scope.path))
        request.refusal = _refusal(None, hosts)
        channel = RSGIChannel(protocol, scope)
        try:
            await serve_websocket(request, hosts[0] if hosts else None, channel, dispatch, threads)
        finally:
            channel.release()
            request.channel = None

    return websocket


def _refusal(what: str | None, hosts: list[str]) -> BadRequest | None:
    if what is None and len(hosts) > 1:
        what = "the request has two Host headers"
    return None if what is None else BadRequest(what)


class RSGIChannel:
    """A `WebSocketChannel` over an RSGI connection; `release` it at the end, for Granian closes when it is gone."""

    def __init__(self, protocol: Any, scope: Any) -> None:
        self._protocol: Any = protocol
        self._transport: Any = None
        self._scope = scope
        self._sending = 0
        self._is_over = False

    async def accept(self, headers: list[tuple[str, str]], subprotocol: str | None) -> None:
        lost = [name for name, _ in headers if name == "set-cookie"]
        if subprotocol is not None or lost:
            _warn_of_loss("a subprotocol" if subprotocol is not None else "a cookie")
        try:
            self._transport = await self._protocol.accept()
        except RuntimeError as error:  # RSGIProtocolError, whose class can't be imported without Granian
            raise WebSocketDisconnect(1006) from error

    async def deny(self, response: Response) -> None:
        self._is_over = True
        self._protocol.close(response.status)

    async def receive(self) -> str | bytes:
        if self._is_over:
            raise WebSocketDisconnect(1006)
        try:
            message = await self._transport.receive()
        except (OSError, RuntimeError) as error:
            self._is_over = True
            raise WebSocketDisconnect(1006) from error
        if message.kind == _CLOSED:
            self._is_over = True
            raise WebSocketDisconnect(1005)  # its code isn't told
        data: str | bytes = message.data
        return data

    async def send(self, data: str | bytes) -> None:
        send = self._transport.send_str if isinstance(data, str) else self._transport.send_bytes
        self._sending += 1
        try:
            await send(data)
        except (OSError, RuntimeError) as error:
            raise WebSocketDisconnect(1006) from error
        finally:
            self._sending -= 1

    async def close(self, code: int, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        # Granian would send a close frame without code. What it sends otherwise has been written when `send` returns.
        if not self._sending and self._scope.scheme not in ("https", "wss"):
            payload = code.to_bytes(2, "big") + reason.encode()
            connection = Connection(RSGI_HANDSHAKE.client(self._scope), RSGI_HANDSHAKE.server(self._scope))
            connection.write(bytes((_CLOSE_FRAME, len(payload))) + payload)
        self._protocol.close(None)

    def release(self) -> None:
        """Let Granian close the connection: it does when its objects are gone."""
        self._transport = self._protocol = None


_warned: set[str] = set()


def _warn_of_loss(what: str) -> None:
    if what not in _warned:
        _warned.add(what)
        _log.warning(
            "%s can't be part of a WebSocket's handshake over RSGI, and was left out; serve with --interface asgi", what
        )
