"""ASGI 3: scope, receive and send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from msgspec import Struct

from nacre.body import begin, go_on
from nacre.chain.pipeline import Admit
from nacre.errors import BadRequest, ClientDisconnect
from nacre.filebody import left_to_server
from nacre.headers import Headers, encode_pair, encode_pairs, known_pair
from nacre.request import Request
from nacre.response import Response
from nacre.streams import iterate
from nacre.threads import Threads
from nacre.transports.completion import NO_BODY, complete, framed
from nacre.transports.kernel import Connection, Throttle
from nacre.transports.outflow import pour
from nacre.types import Address, ASGIApp, Message, Receive, Scope, Send
from nacre.urls import decode_path, keep_escapes

_FRAMING = (b"content-length", b"transfer-encoding")
_PERCENT = ord("%")  # PERF: as in urls.py
_READ_AHEAD = 64 * 1024
_PATHSEND = "http.response.pathsend"


class ASGIBody(Struct, eq=False):
    """The receiving side of one request: body pieces, then the news that the client has left.

    PERF: a `Struct`, since its fields are filled in C (see `Request`).
    """

    _receive: Receive
    _begun: Awaitable[Message] | None = None
    """What waits for the first message already."""
    _left: int | None = None
    """How many bytes make the body complete, whatever the messages say; None if only they know."""
    _ahead: list[bytes] = []
    complete: bool = False
    _reading: bool = False
    _broken: bool = False
    _pending: asyncio.Future[Message] | None = None
    _completed: asyncio.Future[None] | None = None
    gone: bool = False
    ended: bool = False
    """Whether all of the body was read."""

    async def read(self) -> bytes:
        self._reading = True
        while not self._ahead and not self.complete:
            if self._pending is None:
                receiving, self._begun = self._begun or self._receive(), None
                self.accept(await receiving)
            else:
                await asyncio.wait([self._pending])
                self._take()
        self.ended = self.complete and len(self._ahead) <= 1 and not self._broken
        if self._ahead:
            return self._ahead.pop(0)
        if self._broken:
            raise ClientDisconnect("the body broke off before it was complete")
        return b""

    async def wait_disconnect(self) -> None:
        """Return when the client has left; body pieces in the way are kept, up to 64 KiB of them."""
        while not self.gone:
            if self._is_in_the_way():
                if self._completed is None:
                    self._completed = asyncio.get_running_loop().create_future()
                await asyncio.wait([self._completed])
            else:
                await asyncio.wait([self._ask()])
                self._take()

    async def is_disconnected(self) -> bool:
        """Whether the client is known to have left; no news within this turn of the loop is taken for "not yet"."""
        while not self.gone and not self._is_in_the_way():
            pending = self._ask()
            await asyncio.sleep(0)
            if not pending.done():
                break
            self._take()
        return self.gone

    def _is_in_the_way(self) -> bool:
        """Whether somebody reads the body, or there is much of it to be read: news can come only after it."""
        return not self.complete and (self._reading or sum(map(len, self._ahead)) > _READ_AHEAD)

    def close(self) -> None:
        """Stop waiting, at the end of the request."""
        if self._pending is not None:
            self._pending.cancel()

    def _ask(self) -> asyncio.Future[Message]:
        """The next message to come. Who waits for it and is cancelled leaves it to others; Granian would lose it."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._receive())
        return self._pending

    def _take(self) -> None:
        pending = self._pending
        if pending is not None and pending.done():
            self._pending = None
            self.accept(pending.result())

    def accept(self, message: Message) -> None:
        if message["type"] == "http.disconnect":
            self.gone = True
            self._broken = not self.complete
            self.complete = True
        else:
            if data := message.get("body", b""):
                self._ahead.append(data if data.__class__ is bytes else bytes(data))
                if self._left is not None:
                    self._left -= len(data)
            if self._left == 0 or not message.get("more_body", False):
                # A piece is missing: Granian loses the one that is on its way to who is cancelled.
                self._broken = self._left is not None and self._left > 0
                self.complete = True
        if self.complete and self._completed is not None and not self._completed.done():
            self._completed.set_result(None)


class ASGICarrier:
    """Reads a request from an ASGI scope."""

    protocol = "asgi"

    def headers(self, raw: Scope) -> Headers:
        return Headers.from_bytes(raw.get("headers", ()))

    def body_fields(self, request: Request) -> tuple[str | None, str | None]:
        kind = length = None
        for name, value in request.raw.get("headers", ()):
            # PERF: the length of a name rules out most of them.
            size = len(name)
            if size == 12 and (name == b"content-type" or name.lower() == b"content-type"):
                if kind is not None:
                    raise BadRequest("the request has two Content-Type headers")
                kind = value.decode("latin-1")
            elif size == 14 and length is None and (name == b"content-length" or name.lower() == b"content-length"):
                length = value.decode("latin-1")
        return kind, length

    def query_string(self, raw: Scope) -> str:
        return raw.get("query_string", b"").decode("latin-1")  # type: ignore[no-any-return]

    def scheme(self, raw: Scope) -> str:
        return raw.get("scheme") or "http"

    def http_version(self, raw: Scope) -> str:
        return raw.get("http_version") or "1.1"

    def client(self, raw: Scope) -> Address | None:
        return _address(raw.get("client"))

    def server(self, raw: Scope) -> Address | None:
        return _address(raw.get("server"))

    def root_path(self, raw: Scope) -> str:
        return (raw.get("root_path") or "").rstrip("/")

    def raw_path(self, raw: Scope) -> bytes | None:
        return raw.get("raw_path")

    def body(self, raw: Scope, channel: Receive) -> ASGIBody:
        return ASGIBody(channel, None, _left_to_come(raw, channel))

    def body_at_once(self, request: Request, length: int) -> bytes | None:
        receiving = begin(request.channel())
        try:
            awaited = receiving.send(None)
        except StopIteration as stop:
            message = stop.value
            data = message.get("body")
            if data.__class__ is bytes and len(data) <= length and not message.get("more_body", False):
                return data
            source = ASGIBody(request.channel)
            source.accept(message)
        else:
            left = _left_to_come(request.raw, request.channel)
            source = ASGIBody(request.channel, go_on(receiving, awaited), left)
        request.opened_source = source
        return None

    def state(self, raw: Scope) -> dict[str, Any] | None:
        return raw.get("state")

    def scope(self, request: Request) -> Scope:
        scope = dict(request.raw)
        scope["state"] = request.state.shared
        scope.setdefault("headers", [])
        return scope

    async def wait_disconnect(self, request: Request) -> None:
        await _source(request).wait_disconnect()

    async def is_disconnected(self, request: Request) -> bool:
        return await _source(request).is_disconnected()


def _source(request: Request) -> ASGIBody:
    source: ASGIBody = request.open_source()
    if request.whole_body is not None:
        source.complete = True
    return source


def _left_to_come(scope: Scope, receive: Receive) -> int | None:
    """How many bytes of a body there are, if Granian itself says so.

    Its messages don't tell which is the last one, but for an empty one at the end: a way to another thread and back,
    8 µs of 50. A layer outside, whose `receive` it would be, may give another body than that of the declared length.
    """
    if not _is_granians(receive):
        return None
    length = None
    for name, value in scope["headers"]:
        size = len(name)
        if size == 14 and name == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 19:
                return None
            length = int(value)
        elif size == 17 and name == b"transfer-encoding":  # it says where the body ends (RFC 9112 §6.3)
            return None
    return length


def _address(value: Any) -> Address | None:
    if not value:
        return None
    host, port = value
    # Granian gives the port as text.
    return host, int(port) if port is not None else None


CARRIER = ASGICarrier()


def serve_asgi(admit: Admit, threads: Threads, report: Any) -> ASGIApp:
    """The HTTP part of an ASGI application."""

    async def http(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        raw_path = scope.get("raw_path")
        root_path = scope.get("root_path")
        host = refusal = None
        for name, value in scope.get("headers", ()):
            if name == b"host":
                if host is not None:
                    refusal = BadRequest("the request has two Host headers")
                host = value
        if root_path or raw_path is None or _PERCENT in raw_path or "%" in path:
            try:
                path = match_path(path, raw_path, root_path or "")
            except ValueError as error:
                refusal = BadRequest(str(error))
        if host is None and refusal is None and scope.get("http_version") == "1.1":
            refusal = BadRequest("the request has no Host header")
        request, pipeline = admit(CARRIER, scope, receive, scope["method"], path, host, refusal)
        response = None
        try:
            response = await pipeline.handle(request)
            if response.stream is not None:
                await _send_stream(request, response, send, threads, report)
            elif request.method == "HEAD" or response.status < 200 or response.status in NO_BODY:
                head = request.method == "HEAD"
                await send(_start(response, head))
                body = b"" if head or response.status in NO_BODY else response.body
                await send({"type": "http.response.body", "body": body, "more_body": False})
            else:
                await send(_start_of_whole(response))
                await send({"type": "http.response.body", "body": response.body, "more_body": False})
        finally:
            try:
                # PERF: `has_work`, without the call.
                if (
                    request.after_callbacks is not None
                    or request.streams is not None
                    or (response is not None and response.background is not None)
                    or (response is not None and response.sent_callbacks is not None)
                ):
                    await complete(request, response, threads)
            finally:
                if request.views is not None:
                    request.views = None  # they hold the request
                if request.opened_source is not None:
                    request.opened_source.close()

    return http


def match_path(path: str, raw_path: bytes | None, root_path: str) -> str:
    """The path to match, decoded once, without the part that is the server's `root_path`."""
    if raw_path is not None and b"%" in raw_path:
        decoded = decode_path(raw_path.partition(b"?")[0])
        # A layer at the head of the application's list may have rewritten `path`, and then `raw_path` is stale.
        if decoded.replace("%2F", "/").replace("%25", "%") == path or "\ufffd" in path:
            path = decoded
        else:
            path = keep_escapes(path)
    else:
        path = keep_escapes(path)
    root_path = root_path.rstrip("/")
    if root_path and (path == root_path or path.startswith(root_path + "/")):
        return path[len(root_path) :] or "/"
    return path


def _start(response: Response, head: bool) -> Message:
    """The first message of a response."""
    fields = encode_pairs(framed(response, head))
    return {"type": "http.response.start", "status": response.status, "headers": fields}


def _start_of_whole(response: Response) -> Message:
    """The first message of a response that is sent with its body.

    PERF: the usual one, which doesn't say its length itself, takes one pass instead of the two of `_start`, a quarter
    of the time (bench/parts.py).
    """
    fields = []
    for pair in response.raw_headers:
        field = known_pair(pair)
        if field is None:
            field = encode_pair(pair)
            if field[0] in _FRAMING:
                return _start(response, False)
        fields.append(field)
    length = len(response.body)
    fields.append(_length_fields.get(length) or _length_field(length))
    return {"type": "http.response.start", "status": response.status, "headers": fields}


_length_fields: dict[int, tuple[bytes, bytes]] = {}
_LENGTH_FIELDS_MAX = 1024


def _length_field(length: int) -> tuple[bytes, bytes]:
    field = b"content-length", b"%d" % length
    if len(_length_fields) >= _LENGTH_FIELDS_MAX:
        _length_fields.clear()
    _length_fields[length] = field
    return field


async def _send_stream(request: Request, response: Response, send: Send, threads: Threads, report: Any) -> None:
    if request.method == "HEAD" or response.status in NO_BODY:
        start = _start(response, True)
        await response.aclose()
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return
    await send(_start(response, False))
    throttle = None
    if _is_granians(send):  # which takes about 1 MiB ahead of a client (2.8), other servers 64 KiB
        # A layer at the head, whose `send` it would be, may not know the extension.
        file = left_to_server(request, response) if _PATHSEND in (request.raw.get("extensions") or ()) else None
        if file is not None and file[1].start == 0 and response.status == 200:
            await response.aclose()
            request.streams = None
            await send({"type": _PATHSEND, "path": file[0]})
            return
        throttle = Throttle(Connection(CARRIER.client(request.raw), CARRIER.server(request.raw)))

    async def write(piece: bytes) -> None:
        try:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        except OSError as error:
            raise ClientDisconnect(str(error)) from error
        if throttle is not None and throttle.count(len(piece)):
            await throttle.wait()

    stream, response.stream = response.stream, None
    try:
        completed = await pour(iterate(stream, request, threads), write, request.carrier.wait_disconnect(request))
    except Exception as error:
        # The status is out, so all that is left is to cut the connection: raising makes the server do that.
        report(request, error)
        raise
    if completed:
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _is_granians(function: Receive | Send) -> bool:
    """Whether Granian itself is behind `receive` or `send`, and no layer."""
    return type(getattr(function, "__self__", None)).__module__.startswith("granian.")
