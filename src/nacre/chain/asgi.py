"""ASGI layers and applications inside a chain: driven in the request's own task, without a task or queue of their own.

A complete response costs no task; see `nacre.chain.drive` for how an application is suspended where it sends.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from nacre.chain.asgi_upgrade import hand_on, receive_from, upgrade_by, websocket_scope
from nacre.chain.drive import Drive
from nacre.chain.stage import Stage, adopt, release
from nacre.errors import ClientDisconnect, ResponseStarted
from nacre.headers import Headers, decode_pair, encode_pair, known_field, known_pair
from nacre.request import Handler, Request
from nacre.response import Response, ready_response
from nacre.state import State
from nacre.streams import close_unsent, iterate
from nacre.threads import Threads
from nacre.types import ASGIApp, Message, Receive, Scope, Send

TAKEN_OVER = ("user", "auth", "session")
"""What middlewares put into a scope and programs read from the request."""

_KNOWN = frozenset({"http", "websocket"})
_ANY = ("content-type", "application/octet-stream")


class Exchange:
    """What an ASGI layer's inner application finds in the scope: the request and the chain to go on with."""

    def __init__(
        self,
        request: Request,
        handler: Handler,
        scope: Scope,
        receive: Receive,
        following: Mapping[ASGILayer, ASGIApp],
    ) -> None:
        self.request = request
        self.handler = handler
        self.following = following
        self.receive = receive
        self.headers = tuple(scope["headers"])
        self.state = scope["state"]
        self.response: Response | None = None
        self.length: tuple[bytes, bytes] | None = None
        """The `Content-Length` that the layer was told, which is none of the response's own."""

    def __copy__(self) -> Exchange:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Exchange:
        # COMPAT: some ASGI middlewares copy the whole scope deeply; this belongs to one request and stays itself.
        return self


class ASGILayer:
    """One ASGI class of the user's, built once for all routes it stands in front of."""

    def __init__(self, build: Callable[[ASGIApp], ASGIApp], label: str, threads: Threads, key: str) -> None:
        self._key = key
        self._label = label
        self._threads = threads
        self.app = build(self._inner)

    @staticmethod
    def wrap(row: Sequence[ASGILayer], inner: Stage) -> Stage:
        """Put neighbouring layers, outermost first, around one route's inner chain.

        They call each other as in any ASGI stack, so that only the first translates between requests and messages.
        """
        handler, first = inner.handle, row[0]
        app, label = first.app, first._label
        following = {layer: further_in.app for layer, further_in in itertools.pairwise(row)}
        keys = [layer._key for layer in row]

        async def asgi(request: Request) -> Response:
            websocket = request.websocket
            scope = scope_of(request)
            scope["router"] = request.app  # COMPAT: where published middlewares look for `routes`
            receive = replay(request) if websocket is None else receive_from(websocket.channel)
            exchange = Exchange(request, handler, scope, receive, following)
            for key in keys:
                scope[key] = exchange
            if websocket is not None:
                return await upgrade_by(app, scope, receive, request, label)
            return await respond(app, scope, receive, request, label, exchange)

        return Stage(asgi, None)

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in _KNOWN:
            raise RuntimeError(f"{self._label} passed on a {scope['type']} scope, which never reached it here")
        exchange: Exchange = scope[self._key]
        following = exchange.following.get(self)
        if following is not None:
            return await following(scope, receive, send)
        request = exchange.request
        _take_over(request, scope, receive, exchange)
        response = exchange.response = await exchange.handler(request)
        if request.streams is not None:
            release(request, response)  # from here the layer's coroutine owns the stream and closes it
        if request.websocket is not None:
            await hand_on(response, request, scope, receive, send)
        elif response.stream is not None:
            await send_messages(response, send, request, self._threads)
        else:
            headers, exchange.length = _fields_of(response)
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            await send({"type": "http.response.body", "body": response.body, "more_body": False})


def scope_of(request: Request) -> Scope:
    """The request's ASGI scope with all that published middlewares look for in it."""
    known, root_path, route = request.known_scope, request.root_path, request.route
    scope: Scope = request.carrier.scope(request) if known is None else dict(known)
    if request.websocket is not None:
        scope = websocket_scope(request, scope)
    request.scope = scope
    scope["app"] = request.app
    scope["path_params"] = dict(request.path_params)
    scope["root_path"] = root_path
    scope["path"] = root_path + request.path
    scope["headers"] = list(scope["headers"])
    scope["extensions"] = {}  # pathsend, trailers and the like are the server's; here messages are just the core ones
    # From 2.4 on `send` raises OSError when the client has left, which spares applications a task that listens for it.
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    if request._session is not None:
        scope["session"] = request.session
    if request._user is not None:
        scope["user"] = request._user
    if route is not None:
        scope["route"] = route
        scope["endpoint"] = route.endpoint
    return scope


def _take_over(request: Request, scope: Scope, receive: Receive, exchange: Exchange) -> None:
    """Let those inside see what the layer changed in its scope and its `receive`."""
    request.scope = scope
    request.method = scope.get("method", request.method)
    for name in TAKEN_OVER:
        if name in scope:
            setattr(request, name, scope[name])
    if tuple(scope["headers"]) != exchange.headers:
        request.replace_headers(Headers.from_bytes(scope["headers"]))
    if scope["state"] is not exchange.state:
        request.state = State(scope["state"])
    if receive is not exchange.receive and request.websocket is None:
        request.replace_body(ReceivedBody(receive), request.content_length)


class ReceivedBody:
    """A body source over an ASGI `receive`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._complete = False

    async def read(self) -> bytes:
        while not self._complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect("the client left before the body was complete")
            self._complete = not message.get("more_body", False)
            if data := message.get("body", b""):
                return bytes(data)
        return b""


def replay(request: Request, *, keep: bool = True) -> Receive:
    """A `receive` that yields the request's body from its start, then waits for the disconnect.

    With `keep` those further in can read it again, within the route's limit.
    """
    # Not a later reader: a layer's own `receive`, read by those inside it, comes back here.
    replaced = len(request.replaced_readers)
    pieces: AsyncIterator[bytes] | None = None
    complete = False

    async def receive() -> Message:
        nonlocal pieces, complete
        if complete:
            await request.carrier.wait_disconnect(request)
            request.client_left = True
            return {"type": "http.disconnect"}
        if pieces is None:
            reader = (*request.replaced_readers, request.body_reader)[replaced]
            pieces = reader.chunks() if keep else reader.stream()
        try:
            piece = await anext(pieces, None)
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        if piece is None:
            complete = True
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    return receive


async def respond(
    app: ASGIApp, scope: Scope, receive: Receive, request: Request, label: str, exchange: Exchange | None = None
) -> Response:
    """Run an ASGI application until it has begun its response, and return that; a complete one at once."""
    drive = Drive(app, scope, receive)
    try:
        if drive.begin():
            response = _whole(drive, exchange)
        else:
            response = await _begun(drive, request, label, exchange)
            if response.stream is None:
                await _leave(drive, request, label)
    except BaseException:
        await drive.cancel()
        raise
    if response.stream is not None:
        return adopt(request, response)
    response.owner = request
    return response


def _whole(drive: Drive, exchange: Exchange | None) -> Response:
    """The response of an application that has sent it and returned."""
    start, body = drive.start, drive.body
    assert start is not None
    assert body is not None
    inner = None if exchange is None else exchange.response
    response = ready_response(bytes(body.get("body", b"")), _ANY)
    response.status = start["status"]
    # Where the layer has left the body out (HEAD), the length is that of what GET would give, and stays.
    told = None if exchange is None or not response.body else exchange.length
    response.raw_headers = _decoded(start.get("headers", ()), told)
    if inner is not None:
        response.background, response.sent_callbacks = inner.background, inner.sent_callbacks
    return response


async def _begun(drive: Drive, request: Request, label: str, exchange: Exchange | None) -> Response:
    start = await drive.advance()
    if start is None:
        raise RuntimeError(f"{label} returned without sending a response")
    if start["type"] != "http.response.start":
        raise RuntimeError(f"{label} sent {start['type']} before http.response.start")
    response = Response(status=start["status"])
    response.raw_headers = _decoded(start.get("headers", ()), None)
    inner = None if exchange is None else exchange.response
    first = await drive.advance(wait=not _is_late(response, exchange))
    if first is None and drive.finished:
        raise RuntimeError(f"{label} began a response and returned without its body")
    if first is not None and first["type"] != "http.response.body":
        raise ResponseStarted(f"{label} sent {first['type']} after http.response.start")
    if inner is not None:
        response.background, response.sent_callbacks = inner.background, inner.sent_callbacks
    if first is None or first.get("more_body", False):
        response.stream = _DriveStream(drive, first, request, label)
        response.eager = False  # its first piece is there already, or nobody is to wait for it
    else:
        response.body = bytes(first.get("body", b""))
    return response


def _is_late(response: Response, exchange: Exchange | None) -> bool:
    """Whether a body may begin long after its headers, which then go ahead of it (server-sent events).

    A stream from the chain says so itself. A foreign application's is one if it has no declared length.
    """
    if exchange is None:
        return "content-length" not in response.headers
    return exchange.response is not None and not exchange.response.eager


async def _leave(drive: Drive, request: Request, label: str) -> None:
    """Let the application leave: now if it does so without waiting, else after the response is sent."""
    extra = await drive.advance(wait=False)
    if extra is not None:
        await drive.cancel()
        raise ResponseStarted(f"{label} sent {extra['type']} after the end of its response")
    if not drive.finished:
        request.after_response(drive.finish)


class _DriveStream:
    """The rest of a response body, which the application goes on sending as it is read."""

    def __init__(self, drive: Drive, first: Message | None, request: Request, label: str) -> None:
        self._drive = drive
        self._message = first
        self._request = request
        self._label = label
        self._complete = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            message, self._message = self._message, None
            if message is None:
                if self._complete:
                    raise StopAsyncIteration
                message = await self._drive.advance()
                if message is None and self._request.client_left:
                    raise ClientDisconnect("the client left, and the application with it")
                if message is None:
                    raise RuntimeError(f"{self._label} returned before the end of its response")
            if message["type"] != "http.response.body":
                raise ResponseStarted(f"{self._label} sent {message['type']} within a response body")
            if not message.get("more_body", False):
                self._complete = True
                await _leave(self._drive, self._request, self._label)
            if data := message.get("body", b""):
                return bytes(data)

    async def aclose(self) -> None:
        if not self._complete:
            await self._drive.cancel()


async def send_messages(response: Response, send: Send, request: Request | None, threads: Threads) -> None:
    """Send a response as ASGI messages."""
    headers, _ = _fields_of(response)
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
    except BaseException:
        await close_unsent(response, request, threads)
        raise
    if response.stream is None:
        await send({"type": "http.response.body", "body": response.body, "more_body": False})
        return
    stream, response.stream = response.stream, None
    pieces = iterate(stream, request, threads)
    try:
        async for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except asyncio.CancelledError as cancelled:
        try:
            await pieces.athrow(cancelled)
        except (asyncio.CancelledError, StopAsyncIteration):
            pass
        raise
    finally:
        await pieces.aclose()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _fields_of(response: Response) -> tuple[list[tuple[bytes, bytes]], tuple[bytes, bytes] | None]:
    """The header fields of a response, encoded, and the length among them if that was added here."""
    fields = []
    has_length = False
    for pair in response.raw_headers:
        field = known_pair(pair)
        if field is None:
            field = encode_pair(pair)
            has_length = has_length or field[0] == b"content-length"
        fields.append(field)
    if has_length or not response.body:
        return fields, None
    length = b"content-length", b"%d" % len(response.body)  # middlewares that compress look at it
    fields.append(length)
    return fields, length


def _decoded(headers: Any, told: tuple[bytes, bytes] | None) -> list[tuple[str, str]]:
    """The header fields of a message, without the length that we have told the application."""
    fields = [field for field in headers if field is not told]
    try:
        return [known_field(field) or decode_pair(*field) for field in fields]
    except TypeError:  # lists and byte arrays can't be looked up
        return [decode_pair(name, value) for name, value in fields]
