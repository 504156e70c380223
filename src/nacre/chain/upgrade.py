"""WebSocket handshakes in a chain: the handler runs inside it until it accepts, and goes on when the answer is sent.

What the handler does before `accept` belongs to the handshake: layers stand around it, `abort` and a returned response
refuse it, exceptions travel as ever. Where it accepts it is suspended, and the chain gets an `Upgrade`, a response of
status 101 whose header fields layers and finalizers see and change. The transport sends those and resumes the handler,
in the same task. So a layer is left before the first message, as it is before the first byte of a stream, and what it
opened around `call_next` doesn't stay open for as long as the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any

from msgspec import Struct

from nacre.binding.handler import Bound
from nacre.binding.inputs import BODY_SOURCES
from nacre.binding.marks import Constraints
from nacre.binding.models import json_parser
from nacre.binding.parser import FAILURES
from nacre.binding.validation import Validation
from nacre.callables import Call
from nacre.chain.drive import Drive
from nacre.chain.pipeline import Pipeline
from nacre.errors import Forbidden, HTTPError, Problem, UpgradeRequired, WebSocketDisconnect
from nacre.request import Request
from nacre.response import Response
from nacre.types import Message
from nacre.urls import DEFAULT_PORTS, normal_origin, parse_host, parse_origin
from nacre.websocket import (
    DEFAULT_MAX_MESSAGE,
    DEFAULT_PING,
    WebSocket,
    WebSocketChannel,
    check_close,
    fitting_reason,
)

_ACCEPT = "websocket.accept"


class WebSocketOptions(Struct, frozen=True):
    """What a route says of its connections."""

    subprotocols: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    """Origins besides its own whose pages may connect; `*` for any."""
    max_message: int = DEFAULT_MAX_MESSAGE
    ping: float | None = DEFAULT_PING


class Upgrade(Response):
    """The answer of a chain that lets a handshake succeed; `stream` is the session that follows it."""

    stream: Any

    def __init__(self, session: Session, headers: list[tuple[str, str]]) -> None:
        super().__init__(None, 101)
        self.raw_headers = headers
        self.stream = session
        self.eager = False


class Session:
    """A handler that has accepted and waits for the handshake's answer to be sent.

    It is run once, or closed: then the handler gets a CancelledError where it accepts.
    """

    def __init__(self, drive: Drive, websocket: WebSocket | None, subprotocol: str | None) -> None:
        self._drive = drive
        self.websocket = websocket
        """The handler's connection; None for an ASGI application, which speaks by messages."""
        self.subprotocol = subprotocol

    async def aclose(self) -> None:
        """Let the handler go; for a handshake that is refused after all."""
        if self.websocket is not None:
            self.websocket.state = "closed"
        await self._drive.cancel()

    async def run(self, channel: WebSocketChannel, headers: list[tuple[str, str]]) -> None:
        """Complete the handshake and let the handler go on to its end. Raises what the handler raises."""
        try:
            await channel.accept(headers, self.subprotocol)
        except BaseException:
            await self.aclose()
            raise
        if self.websocket is not None:
            self.websocket.channel = channel  # that of an ASGI layer around the handler, for one
            await self.websocket.begin()
        await self._drive.run_on(partial(forward, channel))


async def forward(channel: WebSocketChannel, message: Message) -> None:
    """Do what an ASGI application says with a message after its handshake."""
    kind = message["type"]
    if kind == "websocket.send":
        text = message.get("text")
        await channel.send(message["bytes"] if text is None else text)
    elif kind == "websocket.close":
        code, reason = message.get("code", 1000), message.get("reason") or ""
        check_close(code, reason)
        await channel.close(code, reason)
    else:
        raise RuntimeError(f"{kind} was sent after the handshake of a WebSocket")


def upgrade_call(call: Call, options: WebSocketOptions) -> Call:
    """How a chain calls a WebSocket handler: it gives an `Upgrade`, or what the handler returned without accepting."""
    step, awaited = call.step(blocking=False)

    async def upgrade(request: Request) -> Any:
        websocket: WebSocket | None = request.websocket
        assert websocket is not None
        check_origin(request, options.origins)
        websocket.offers = options.subprotocols
        websocket.max_message = options.max_message
        websocket.ping = options.ping
        websocket.decode = _decode
        returned: list[Any] = []

        async def run(scope: Any, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
            websocket.accepted = lambda headers: send({"type": _ACCEPT, "headers": headers})
            value = step(request)
            returned.append(await value if awaited else value)

        drive = Drive(run, {}, _no_receive)
        try:
            message = await drive.advance()
        except BaseException:
            await drive.cancel()
            raise
        if message is not None:
            return Upgrade(Session(drive, websocket, websocket.subprotocol), message["headers"])
        if returned[0] is None:
            raise Forbidden("the handshake was refused")
        return returned[0]

    return Call(upgrade, None)


def handshakes_only(pipeline: Pipeline, refused: Pipeline) -> Pipeline:
    """Let requests of HTTP whose method has the name that stands for handshakes be refused."""

    async def handle(request: Request) -> Response:
        if request.websocket is None:
            request.refusal = UpgradeRequired()
            return await refused.handle(request)
        return await pipeline.handle(request)

    return Pipeline(handle, None)


def check_websocket_handler(bound: Bound | list[Problem], label: str) -> list[Problem]:
    """What is wrong with a function as a handler of WebSockets, beyond what binding finds."""
    if isinstance(bound, list):
        return []
    where = bound.plan.where
    problems: list[Problem] = []
    if bound.kind in ("lazy", "stream"):
        fix = "make it `async def` without `yield`, and send messages: `await ws.send(…)`"
        problems.append(Problem(f"{label} is a generator, and a WebSocket handler sends its messages", where, fix))
    names = [f"`{one.name}`" for one in bound.plan.inputs if one.source in BODY_SOURCES]
    if names:
        fix = "receive it as a message: `await ws.receive_json(Model)`"
        problems.append(
            Problem(f"{label} takes {', '.join(names)} from the body, and a handshake has none", where, fix)
        )
    return problems


async def _no_receive() -> Message:
    raise RuntimeError("a WebSocket handler receives by its WebSocket")


def check_origin(request: Request, allowed: tuple[str, ...]) -> None:
    """Refuse a handshake that a page of another site has begun: raises Forbidden (RFC 6455 §10.2).

    SECURITY: browsers send cookies with a handshake to any site and apply no same-origin policy to it. Without `Origin`
    it was no browser. The scheme isn't compared: behind a proxy that ends TLS the server doesn't know it.
    """
    origins = request.headers.getlist("origin")
    if not origins or "*" in allowed:
        return
    if len(origins) == 1 and _is_allowed(request, origins[0], allowed):
        return
    raise Forbidden("the page's origin may not connect here")


def _is_allowed(request: Request, origin: str, allowed: tuple[str, ...]) -> bool:
    try:
        if normal_origin(origin) in allowed:
            return True
        scheme, host, port = parse_origin(origin)
        own_host, own_port = parse_host(request.headers.get("host", ""))
    except ValueError:
        return False  # `null`, for one
    default = DEFAULT_PORTS.get(scheme)
    return default is not None and (host, port or default) == (own_host, own_port or default)


@lru_cache(maxsize=512)
def _parser_of(type_: Any) -> Any:
    return json_parser(type_, Constraints())


def _decode(type_: Any, data: bytes) -> Any:
    parser = _parser_of(type_)
    try:
        return parser.parse(data)
    except FAILURES:
        raise Validation().error(parser.explain(data)) from None


async def run_session(upgrade: Upgrade, request: Request, channel: WebSocketChannel) -> None:
    """Run the session of a handshake that succeeded, to its end, and close the connection.

    The close code is 1000 when the handler returns; 1011 for an exception of its own, which is reported once; that of
    `_CODES` for an HTTP error 4xx; 1001 when the server stops. A handler that never asks for a message is cancelled
    when the client leaves, as a stream is; others learn of it where they receive or send.
    """
    session: Session = upgrade.stream
    upgrade.stream = None
    code, reason = 1000, ""
    try:
        with _Departure(session.websocket):
            await session.run(channel, upgrade.raw_headers)
    except asyncio.CancelledError as cancelled:
        code = 1001
        if request.after_callbacks is not None:
            request.failure = cancelled
        raise
    except Exception as error:
        failure = _failure_of(error, session.websocket)
        if failure is not None:
            code, reason = _close_of(failure)
            if code == 1011:
                request.app.report(request, error)
            elif request.after_callbacks is not None:
                request.failure = error
    finally:
        await _close(session.websocket, channel, code, reason)


async def _close(websocket: WebSocket | None, channel: WebSocketChannel, code: int, reason: str) -> None:
    if websocket is None:
        await channel.close(code, reason)
        return
    try:
        await websocket.close(code, reason)
    finally:
        await websocket.end()


def _failure_of(error: Exception, websocket: WebSocket | None) -> Exception | None:
    """What an exception says besides that the client has left, alone or in the group of a `TaskGroup`; None if nothing.

    While this connection is open a WebSocketDisconnect is another one's, and a failure.
    """
    failure: Exception | None = error
    if websocket is None or websocket.state != "open":
        if isinstance(error, WebSocketDisconnect):
            return None
        if isinstance(error, ExceptionGroup):
            failure = error.split(WebSocketDisconnect)[1]
    while isinstance(failure, ExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


_CODES = {400: 1007, 422: 1007, 413: 1009, 415: 1003}
"""Close codes that say what these statuses do (RFC 6455 §7.4.1); 1008 says it of all other 4xx."""


def _close_of(error: Exception) -> tuple[int, str]:
    """The close code and reason for an exception that a handler didn't catch."""
    if isinstance(error, HTTPError) and 400 <= error.status < 500:
        return _CODES.get(error.status, 1008), fitting_reason(error.detail)
    return 1011, ""


class _Departure:
    """Cancels the running task when a connection's client leaves; that cancellation ends here."""

    def __init__(self, websocket: WebSocket | None) -> None:
        self._websocket = websocket
        self._task = asyncio.current_task()
        self._left = False

    def __enter__(self) -> None:
        if self._websocket is not None:
            self._websocket.on_gone = self._leave

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if self._websocket is not None:
            self._websocket.on_gone = None
        if not self._left:
            return False
        assert self._task is not None
        # With a cancellation from elsewhere (a shutdown) on top of ours, the task is still to end.
        return self._task.uncancel() == 0 and isinstance(error, asyncio.CancelledError)

    def _leave(self) -> None:
        self._left = True
        assert self._task is not None
        self._task.cancel()
