"""RSGI 1.6, Granian's own protocol: the fast path.

What Granian 2.8 does otherwise than the other servers:

- The path arrives decoded and the raw target is dropped, so `%2F` is taken for a slash.
- A request header whose value is not ASCII is left out; a non-ASCII value in a response goes out as UTF-8.
- A stream is taken at once, however slowly the client reads: `_Writer` waits for the kernel instead (Linux).
- A failed response is ended as if it were whole: the connection is cut first, through the kernel. Over HTTP/2, where
  other streams share the connection, and over a Unix socket it can't be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from nacre.chain.pipeline import Dispatch
from nacre.errors import BadRequest, ClientDisconnect
from nacre.headers import Headers
from nacre.request import Request
from nacre.response import Response
from nacre.streams import iterate
from nacre.threads import Threads
from nacre.transports.completion import NO_BODY, complete, framed, has_work
from nacre.transports.kernel import Connection
from nacre.transports.outflow import pour
from nacre.transports.scope import asgi_scope
from nacre.types import Address, Scope
from nacre.urls import keep_escapes

RSGIApp = Callable[[Any, Any], Coroutine[Any, Any, None]]

_WHOLE = 1024 * 1024
"""A body of a declared length up to this is taken in one piece, which is faster; others piece by piece."""

_WRITING = 0.1
"""Seconds within which Granian writes what it was given."""


class RSGIBody:
    """The receiving side of one request."""

    def __init__(self, raw: Any, protocol: Any) -> None:
        declared = raw.headers.get("content-length")
        self._left = int(declared) if declared is not None and declared.isascii() and declared.isdigit() else None
        self._whole = self._left is not None and self._left <= _WHOLE
        self._trailers = "trailer" in raw.headers
        self._protocol = protocol
        self._pieces: AsyncIterator[bytes] | None = None
        # Without a length, HTTP/1 has a body only in chunks; HTTP/2 may always have one.
        self._complete = (
            declared is None and "transfer-encoding" not in raw.headers and raw.http_version.startswith("1")
        )

    @property
    def ended(self) -> bool:
        """Whether all of the body was read."""
        return self._complete

    async def read(self) -> bytes:
        if self._complete:
            return b""
        try:
            if self._whole:
                self._complete = True
                return await self._protocol()  # type: ignore[no-any-return]
            return await self._next()
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
        self._complete = True
        # A body that breaks off is iterated to its end like any other. What shows it is bytes missing of the declared
        # length; without one, a second empty piece, which trailers give too, so they have to be announced (as RFC 9110
        # §6.6.2 wants it anyway).
        if self._left or (self._left is None and empty > 1 and not self._trailers):
            raise _left_early()
        return b""


def _left_early() -> ClientDisconnect:
    return ClientDisconnect("the client left before the body was complete")


class RSGICarrier:
    """Reads a request from an RSGI scope."""

    protocol = "rsgi"

    def headers(self, raw: Any) -> Headers:
        pairs = list(raw.headers.items())
        if raw.authority is not None and "host" not in raw.headers:
            pairs.insert(0, ("host", raw.authority))
        return Headers(pairs)

    def body_fields(self, request: Request) -> tuple[str | None, str | None]:
        headers = request.raw.headers
        return _first(headers, "content-type"), _first(headers, "content-length")

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
        return RSGIBody(raw, channel)

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


def _address(value: str | None) -> Address | None:
    if not value:
        return None
    host, _, port = value.rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else (value, None)


CARRIER = RSGICarrier()


def serve_rsgi(dispatch: Dispatch, threads: Threads, report: Any) -> RSGIApp:
    """The HTTP part of an RSGI application."""

    async def http(scope: Any, protocol: Any) -> None:
        path = scope.path
        if "%" in path:
            path = keep_escapes(path)
        request = Request(CARRIER, scope, protocol, scope.method, path)
        hosts = scope.headers.get_all("host")
        if hosts:
            host = hosts[0]
            if len(hosts) > 1:
                request.refusal = BadRequest("the request has two Host headers")
        else:
            host = scope.authority
            if host is None and scope.http_version == "1.1":
                request.refusal = BadRequest("the request has no Host header")
        handle = dispatch(request, host).handle
        response = None
        try:
            response = await handle(request)
            if response.stream is None:
                protocol.response_bytes(response.status, framed(response, head=request.method == "HEAD"), response.body)
            else:
                await _send_stream(request, response, protocol, threads, report)
        finally:
            if has_work(request, response):
                await complete(request, response, threads)

    return http


async def _send_stream(request: Request, response: Response, protocol: Any, threads: Threads, report: Any) -> None:
    head = request.method == "HEAD"
    headers = framed(response, head=head)
    if head or response.status in NO_BODY:
        await response.aclose()
        protocol.response_empty(response.status, headers)
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


class _Writer:
    """Writes a stream, and keeps it from running ahead of its client by more than about 2 MiB.

    The first mebibyte goes out unchecked: most streams end before that, or bring it together in hours.
    """

    _AHEAD = 1024 * 1024
    _SLEEPS = (0.001, 0.1)

    def __init__(self, transport: Any, connection: Connection) -> None:
        self._transport: Any = transport
        self._connection = connection
        self._unchecked = 0
        self._ahead = 0
        self._written: int | None = None
        self._blind = False

    async def write(self, piece: bytes) -> None:
        """Hand a piece over, and wait while there is too much of them."""
        try:
            await self._transport.send_bytes(piece)
        except (OSError, RuntimeError) as error:
            raise ClientDisconnect(str(error)) from error
        self._unchecked += len(piece)
        if self._unchecked >= self._AHEAD and not self._blind:
            await self._check()

    def release(self) -> None:
        """Let the body end: it does when Granian's object is gone, and a traceback's frames may outlive the request."""
        self._transport = None

    async def _check(self) -> None:
        self._ahead += self._unchecked
        self._unchecked = 0
        sleep, longest = self._SLEEPS
        while not self._blind and self._ahead >= self._AHEAD:
            written = self._connection.written()
            if written is None:
                self._blind = True
            elif self._written is None:
                self._ahead = 0  # what was written so far may have been other responses on the connection
            else:
                # Framing and encryption count as written too: so what is ahead is taken for less, but never below 0.
                self._ahead = max(0, self._ahead - (written - self._written))
            self._written = written
            if self._ahead >= self._AHEAD:
                await asyncio.sleep(sleep)
                sleep = min(2 * sleep, longest)
