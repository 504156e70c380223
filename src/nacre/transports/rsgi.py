"""RSGI 1.6, Granian's own protocol: the fast path.

What Granian 2.8 does otherwise than the other servers:

- The path arrives decoded and the raw target is dropped, so `%2F` is taken for a slash.
- A request header whose value is not ASCII is left out; a non-ASCII value in a response goes out as UTF-8.
- A stream is taken at once, however slowly the client reads: `Throttle` waits for the kernel instead (Linux).
- A failed response is ended as if it were whole: the connection is cut first, through the kernel. Over HTTP/2, where
  other streams share the connection, and over a Unix socket it can't be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from functools import lru_cache
from typing import Any

from msgspec import Struct

from nacre.body import begin, go_on
from nacre.chain.pipeline import Admit
from nacre.errors import BadRequest, ClientDisconnect
from nacre.filebody import left_to_server
from nacre.headers import Headers
from nacre.request import Request, sole_content_type
from nacre.response import Response
from nacre.streams import iterate
from nacre.threads import Threads
from nacre.transports.completion import NO_BODY, complete, framed
from nacre.transports.kernel import Connection, Throttle
from nacre.transports.outflow import pour
from nacre.transports.scope import asgi_scope
from nacre.types import Address, Scope
from nacre.urls import keep_escapes

RSGIApp = Callable[[Any, Any], Coroutine[Any, Any, None]]

_WHOLE = 1024 * 1024
"""A body of a declared length up to this is taken in one piece, which is faster; others piece by piece."""

_WRITING = 0.1
"""Seconds within which Granian writes what it was given."""


class RSGIBody(Struct, eq=False):
    """The receiving side of one request: `whole` says that it is taken in one piece.

    PERF: a `Struct`, since its fields are filled in C (see `Request`).
    """

    _raw: Any
    _protocol: Any
    _left: int | None
    whole: bool
    ended: bool
    """Whether all of the body was read."""
    _begun: Awaitable[bytes] | None = None
    """What waits for the whole body already."""
    _pieces: AsyncIterator[bytes] | None = None

    async def read(self) -> bytes:
        if self.ended:
            return b""
        try:
            if not self.whole:
                return await self._next()
            # Who is cancelled here leaves nothing to others: Granian refuses to give it a second time.
            receiving, self._begun = self._begun or self._protocol(), None
            data: bytes = await receiving
            self.ended = True
            return data
        except (OSError, RuntimeError) as error:
            # RuntimeError: Granian's RSGIProtocolError, whose class can't be imported without Granian.
            raise _left_early() from error

    async def _next(self) -> bytes:
        if self._pieces is None:
            self._pieces = aiter(self._protocol)
        empty = 0
        while True:
            # `async for` would begin the iteration again, which Granian refuses; `anext` with a default crashes it.
            try:
                piece = await self._pieces.__anext__()
            except StopAsyncIteration:
                break
            if piece:
                if self._left is not None:
                    self._left -= len(piece)
                return bytes(piece)
            empty += 1
        self.ended = True
        # A body that breaks off is iterated to its end like any other. What shows it is bytes missing of the declared
        # length; without one, a second empty piece, which trailers give too, so they have to be announced (as RFC 9110
        # §6.6.2 wants it anyway).
        if self._left or (self._left is None and empty > 1 and "trailer" not in self._raw.headers):
            raise _left_early()
        return b""


def _length(declared: str | None) -> int | None:
    # A longer number is refused where the body is read: Python takes none of more than 4300 digits.
    if declared is None or not declared.isascii() or not declared.isdigit() or len(declared) > 19:
        return None
    return int(declared)


def _left_early() -> ClientDisconnect:
    return ClientDisconnect("the body broke off before it was complete")


class RSGICarrier:
    """Reads a request from an RSGI scope."""

    protocol = "rsgi"

    def headers(self, raw: Any) -> Headers:
        pairs = list(raw.headers.items())
        if raw.authority is not None and "host" not in raw.headers:
            pairs.insert(0, ("host", raw.authority))
        return Headers.from_lower(pairs)

    def body_fields(self, request: Request) -> tuple[str | None, str | None]:
        headers = request.raw.headers
        return sole_content_type(headers.get_all("content-type")), _first(headers, "content-length")

    def query_string(self, raw: Any) -> str:
        return raw.query_string  # type: ignore[no-any-return]

    def scheme(self, raw: Any) -> str:
        return raw.scheme  # type: ignore[no-any-return]

    def http_version(self, raw: Any) -> str:
        return raw.http_version  # type: ignore[no-any-return]

    def client(self, raw: Any) -> Address | None:
        return _address(raw.client)

    def server(self, raw: Any) -> Address | None:
        return _address(raw.server)

    def root_path(self, raw: Any) -> str:
        return ""

    def raw_path(self, raw: Any) -> bytes | None:
        return None

    def body(self, raw: Any, channel: Any) -> RSGIBody:
        headers = raw.headers
        declared = headers.get("content-length")
        if declared is None:
            # Without a length, HTTP/1 has a body only in chunks; HTTP/2 may always have one.
            has_none = "transfer-encoding" not in headers and raw.http_version.startswith("1")
            return RSGIBody(raw, channel, None, False, has_none)
        left = _length(declared)
        return RSGIBody(raw, channel, left, left is not None and left <= _WHOLE, False)

    def body_at_once(self, request: Request, length: int) -> bytes | None:
        if length > _WHOLE:
            return None
        try:
            receiving = begin(request.channel())
            awaited = receiving.send(None)
        except StopIteration as stop:
            data: bytes = stop.value
            if len(data) > length:  # the limits were held against what it says
                raise BadRequest("the body is longer than its Content-Length says") from None
            return data
        except (OSError, RuntimeError) as error:
            raise _left_early() from error
        begun = go_on(receiving, awaited)
        request.opened_source = RSGIBody(request.raw, request.channel, length, True, False, begun)
        return None

    def state(self, raw: Any) -> None:
        return None

    def scope(self, request: Request) -> Scope:
        return asgi_scope(request)

    async def wait_disconnect(self, request: Request) -> None:
        await request.channel.client_disconnect()

    async def is_disconnected(self, request: Request) -> bool:
        watch = asyncio.ensure_future(request.channel.client_disconnect())
        await asyncio.sleep(0)
        gone: bool = watch.done()
        watch.cancel()
        return gone


def _first(headers: Any, name: str) -> str | None:
    value: str | None = headers.get(name)
    if value is None and name in headers:  # the first one is not ASCII
        value = next(iter(headers.get_all(name)), None)
    return value


@lru_cache(maxsize=1024)
def _address(value: str | None) -> Address | None:
    # PERF: a connection that is kept has one address for all of its requests.
    if not value:
        return None
    host, _, port = value.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else (value, None)


CARRIER = RSGICarrier()


def serve_rsgi(admit: Admit, threads: Threads, report: Any) -> RSGIApp:
    """The HTTP part of an RSGI application."""

    async def http(scope: Any, protocol: Any) -> None:
        path = scope.path
        if "%" in path:
            path = keep_escapes(path)
        refusal = None
        hosts = scope.headers.get_all("host")
        if hosts:
            host = hosts[0]
            if len(hosts) > 1:
                refusal = BadRequest("the request has two Host headers")
        else:
            host = scope.authority
            if host is None and scope.http_version == "1.1":
                refusal = BadRequest("the request has no Host header")
        request, pipeline = admit(CARRIER, scope, protocol, scope.method, path, host, refusal)
        response = None
        try:
            response = await pipeline.handle(request)
            if response.stream is None:
                protocol.response_bytes(response.status, framed(response, request.method == "HEAD"), response.body)
            else:
                await _send_stream(request, response, protocol, threads, report)
        finally:
            # PERF: `has_work`, without the call.
            if (
                request.after_callbacks is not None
                or request.streams is not None
                or (response is not None and response.background is not None)
                or (response is not None and response.sent_callbacks is not None)
            ):
                await complete(request, response, threads)
            if request.views is not None:
                request.views = None  # they hold the request

    return http


async def _send_stream(request: Request, response: Response, protocol: Any, threads: Threads, report: Any) -> None:
    head = request.method == "HEAD"
    headers = framed(response, head)
    if head or response.status in NO_BODY:
        await response.aclose()
        protocol.response_empty(response.status, headers)
        return
    if await _hand_over_file(request, response, headers, protocol):
        return
    # Not `request.client`, which a layer may have set to what a proxy says.
    connection = Connection(CARRIER.client(request.raw), CARRIER.server(request.raw))
    writer = _Writer(protocol.response_stream(response.status, headers), connection)
    stream, response.stream = response.stream, None
    try:
        await pour(iterate(stream, request, threads), writer.write, request.carrier.wait_disconnect(request))
    except Exception as error:
        # The status is out, so all that is left is to cut the connection. Raising ends the body properly and logs the
        # error again; it is for where there is no connection to cut.
        report(request, error)
        if request.http_version == "2":
            raise
        await asyncio.sleep(_WRITING)  # for what came before the failure, the status at least
        if not connection.cut():
            raise
    finally:
        writer.release()


async def _hand_over_file(request: Request, response: Response, headers: Any, protocol: Any) -> bool:
    """Have Granian read and send a file by itself; False if that can't be left to it.

    It cuts the connection if the file is shorter than Content-Length says, sends no byte more if it is longer, and
    answers 404 if it is gone.
    """
    file = left_to_server(request, response)
    if file is None:
        return False
    path, span = file
    await response.aclose()
    request.streams = None
    # `stop` is exclusive there too, unlike the positions of Content-Range.
    protocol.response_file_range(response.status, headers, path, span.start, span.stop)
    return True


class _Writer:
    """Writes a stream, and keeps it from running far ahead of its client."""

    def __init__(self, transport: Any, connection: Connection) -> None:
        self._transport: Any = transport
        self._throttle = Throttle(connection)

    async def write(self, piece: bytes) -> None:
        """Hand a piece over, and wait while there is too much of them."""
        try:
            await self._transport.send_bytes(piece)
        except (OSError, RuntimeError) as error:
            raise ClientDisconnect(str(error)) from error
        if self._throttle.count(len(piece)):
            await self._throttle.wait()

    def release(self) -> None:
        """Let the body end: it does when Granian's object is gone, and a traceback's frames may outlive the request."""
        self._transport = None
