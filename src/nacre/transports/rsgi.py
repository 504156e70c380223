"""RSGI 1.6, Granian's own protocol: the fast path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from nacre.chain.pipeline import Dispatch
from nacre.errors import BadRequest, ClientDisconnect
from nacre.headers import Headers
from nacre.request import Request
from nacre.response import Response
from nacre.streams import iterate
from nacre.threads import Threads
from nacre.transports.completion import NO_BODY, complete, framed, has_work
from nacre.transports.outflow import pour
from nacre.transports.scope import asgi_scope
from nacre.types import Address, Scope
from nacre.urls import keep_escapes

RSGIApp = Callable[[Any, Any], Awaitable[None]]

_WHOLE = 1024 * 1024
"""A body of a declared length up to this is taken in one piece, which is faster; others piece by piece."""


class RSGIBody:
    """The receiving side of one request."""

    def __init__(self, raw: Any, protocol: Any) -> None:
        declared = raw.headers.get("content-length")
        self._whole = declared is None or (declared.isdigit() and int(declared) <= _WHOLE)
        if declared is None and raw.headers.get("transfer-encoding") is not None:
            self._whole = False
        self._protocol = protocol
        self._pieces: AsyncIterator[bytes] | None = None
        self._complete = False

    async def read(self) -> bytes:
        if self._complete:
            return b""
        try:
            if self._whole:
                self._complete = True
                return await self._protocol()  # type: ignore[no-any-return]
            if self._pieces is None:
                self._pieces = aiter(self._protocol)
            # Not `async for`: Granian refuses a second `aiter`. Nor `anext(…, default)`: Granian 2.8 dies of it at the end.
            while not (piece := await self._pieces.__anext__()):
                pass
            return bytes(piece)
        except StopAsyncIteration:
            pass
        except OSError as error:
            raise ClientDisconnect("the client left before the body was complete") from error
        except RuntimeError as error:
            # Granian's RSGIProtocolError, whose class can't be imported without Granian.
            raise ClientDisconnect("the client left before the body was complete") from error
        self._complete = True
        return b""


class RSGICarrier:
    """Reads a request from an RSGI scope."""

    protocol = "rsgi"

    def headers(self, raw: Any) -> Headers:
        pairs = list(raw.headers.items())
        if raw.authority is not None and "host" not in raw.headers:
            pairs.insert(0, ("host", raw.authority))
        return Headers(pairs)

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

    def initial_state(self, raw: Any) -> dict[str, Any] | None:
        return None

    async def wait_disconnect(self, request: Request) -> None:
        await request.channel.client_disconnect()

    async def is_disconnected(self, request: Request) -> bool:
        watch = asyncio.ensure_future(request.channel.client_disconnect())
        await asyncio.sleep(0)
        gone = watch.done()
        watch.cancel()
        return gone


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
        host = scope.headers.get("host")
        if host is None:
            host = scope.authority
            if host is None and scope.http_version == "1.1":
                request.refusal = BadRequest("the request has no Host header")
        pipeline = dispatch(request, host)
        response = None
        try:
            response = await pipeline.handle(request)
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
    transport = protocol.response_stream(response.status, headers)

    async def write(piece: bytes) -> None:
        try:
            await transport.send_bytes(piece)
        except (OSError, RuntimeError) as error:
            raise ClientDisconnect(str(error)) from error

    stream, response.stream = response.stream, None
    try:
        await pour(iterate(stream, request, threads), write, request.carrier.wait_disconnect(request))
    except Exception as error:
        # The status is out, so all that is left is to cut the connection: raising makes the server do that.
        report(request, error)
        raise
