"""WebSockets of ASGI applications and layers: the messages of the specification, and connections that speak them."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nacre.chain.drive import Drive
from nacre.chain.stage import adopt
from nacre.chain.upgrade import Session, Upgrade, run_session
from nacre.errors import Forbidden, WebSocketDisconnect
from nacre.headers import decode_pair, encode_pairs
from nacre.request import Request
from nacre.response import Response
from nacre.streams import iterate
from nacre.types import ASGIApp, Message, Receive, Scope, Send
from nacre.websocket import WebSocketChannel

DENIAL = "websocket.http.response"
"""The extension by which a server lets an application refuse a handshake with a response of its own."""

_CONNECTION = frozenset({"connection", "upgrade", "content-length", "transfer-encoding"})


class ASGIChannel:
    """A `WebSocketChannel` over an ASGI connection whose `websocket.connect` was received."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._can_deny = DENIAL in (scope.get("extensions") or ())
        self._receive = receive
        self._send = send
        self._is_over = False

    async def accept(self, headers: list[tuple[str, str]], subprotocol: str | None) -> None:
        fields = encode_pairs([pair for pair in headers if pair[0] not in _CONNECTION])
        try:
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": fields})
        except (OSError, RuntimeError) as error:
            raise WebSocketDisconnect(1006) from error

    async def deny(self, response: Response) -> None:
        if self._can_deny:
            fields = encode_pairs([pair for pair in response.raw_headers if pair[0] not in _CONNECTION])
            fields.append((b"content-length", b"%d" % len(response.body)))
            start = {"type": f"{DENIAL}.start", "status": response.status, "headers": fields}
            messages = [start, {"type": f"{DENIAL}.body", "body": response.body, "more_body": False}]
        else:
            messages = [{"type": "websocket.close", "code": 1008, "reason": ""}]  # the server answers 403
        try:
            for message in messages:
                await self._send(message)
        except OSError:
            pass  # the client was faster

    async def receive(self) -> str | bytes:
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._is_over = True
            raise WebSocketDisconnect(message.get("code") or 1005, message.get("reason") or "")
        text = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def send(self, data: str | bytes) -> None:
        try:
            await self._send({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})
        except (OSError, RuntimeError) as error:
            # Servers differ: the specification wants an OSError for a client that is gone, some raise RuntimeError.
            raise WebSocketDisconnect(1006) from error

    async def close(self, code: int, reason: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (OSError, RuntimeError):
            pass  # the client was faster


def websocket_scope(request: Request, scope: Scope) -> Scope:
    """A handshake as an ASGI 3 `websocket` scope, from one that may be of an `http` request."""
    assert request.websocket is not None
    scheme = "wss" if scope.get("scheme") in ("https", "wss") else "ws"
    made = {**scope, "type": "websocket", "scheme": scheme, "extensions": {DENIAL: {}}}
    made["subprotocols"] = list(request.websocket.subprotocols)
    made.pop("method", None)
    return made


def receive_from(channel: WebSocketChannel) -> Receive:
    """A `receive` over a connection: the handshake first, then its messages, then that it is closed."""
    begun = False
    end: Message | None = None

    async def receive() -> Message:
        nonlocal begun, end
        if not begun:
            begun = True
            return {"type": "websocket.connect"}
        if end is None:
            try:
                data = await channel.receive()
            except WebSocketDisconnect as gone:
                end = {"type": "websocket.disconnect", "code": gone.code, "reason": gone.reason}
            else:
                return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}
        return dict(end)

    return receive


async def upgrade_by(app: ASGIApp, scope: Scope, receive: Receive, request: Request, label: str) -> Response:
    """Run an ASGI application until it has answered a handshake, and return its answer."""
    drive = Drive(app, scope, receive)
    try:
        response = await _answer(drive, label)
    except BaseException:
        await drive.cancel()
        raise
    return adopt(request, response)


async def _answer(drive: Drive, label: str) -> Response:
    message = await drive.advance()
    if message is None:
        raise RuntimeError(f"{label} returned without answering a WebSocket's handshake")
    headers = [decode_pair(name, value) for name, value in message.get("headers", ())]
    match message["type"]:
        case "websocket.accept":
            return Upgrade(Session(drive, None, message.get("subprotocol")), headers)
        case "websocket.close":
            await drive.finish()
            raise Forbidden("the handshake was refused")
        case kind if kind == f"{DENIAL}.start":
            response = Response(status=message["status"])
            response.raw_headers = headers
            response.body = b"".join([piece async for piece in _denial(drive)])
            return response
        case kind:
            raise RuntimeError(f"{label} sent {kind} before it answered a WebSocket's handshake")


async def _denial(drive: Drive) -> AsyncIterator[bytes]:
    while (message := await drive.advance()) is not None:
        if message["type"] == f"{DENIAL}.body":
            yield bytes(message.get("body", b""))


async def hand_on(response: Response, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake that an ASGI layer has passed on with what the chain inside of it came to.

    The session runs inside the layer's coroutine, so that messages both ways pass the layer.
    """
    await receive()  # websocket.connect
    await settle(response, request, ASGIChannel(scope, receive, send))


async def settle(response: Response, request: Request, channel: WebSocketChannel) -> None:
    """Answer a handshake on its channel: run the session to its end, or send the refusal."""
    if isinstance(response, Upgrade) and response.stream is not None:
        await run_session(response, request, channel)
        return
    if request.websocket is not None:
        request.websocket.state = "closed"
    await channel.deny(await _refusal(response, request))


async def _refusal(response: Response, request: Request) -> Response:
    """A response that can refuse a handshake: one that is no upgrade, with its whole body."""
    try:
        if response.status < 200:
            raise RuntimeError(
                f"a layer put a response of its own with status {response.status} in the place of the handshake's; it"
                " has to return the one that it was given, with other header fields if need be"
            )
        if response.stream is not None:
            stream, response.stream = response.stream, None
            response.body = b"".join([piece async for piece in iterate(stream, request, request.app.workers)])
    except Exception as error:
        request.app.report(request, error)
        return Response("Internal Server Error", 500)
    return response
