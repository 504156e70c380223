"""RSGI as Granian 2.8 speaks it, its omissions included: what it gives was looked at on a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from nacre.testing.exchange import ClientLeft, Exchange, PeerGone, Sent
from nacre.testing.link import Link
from nacre.testing.rsgi_websocket import Loopback, WebSocketProtocol, WebSocketScope, finished
from nacre.testing.threads import LoopAside, run_in_thread


class RSGIProtocolError(RuntimeError):
    """Granian's error for a call out of order, by name; the class itself can't be imported without Granian."""


class RSGIProtocolClosed(PeerGone, RuntimeError):
    """Granian's error for a connection that is gone."""


class RSGITransport:
    """Calls one RSGI application."""

    link = Link

    def __init__(self, app: Any) -> None:
        self._app = app

    async def startup(self) -> None:
        """Run `__rsgi_init__`; raises what it raised."""
        await self._call("__rsgi_init__")

    async def shutdown(self) -> None:
        """Run `__rsgi_del__`; raises what it raised."""
        await self._call("__rsgi_del__")

    async def _call(self, name: str) -> None:
        # A server calls these before its loop runs, and they run it. Here it runs already, so they are called in a
        # thread, with a loop whose `run_until_complete` hands the work to the real one.
        hook = getattr(self._app, name, None)
        if hook is not None:
            aside: Any = LoopAside(asyncio.get_running_loop())
            await run_in_thread(lambda: hook(aside))

    async def serve(self, exchange: Exchange) -> None:
        """Have the application answer one request."""
        if exchange.sent.root_path:
            raise ValueError("RSGI has no root path; use another transport")
        protocol = HTTPProtocol(exchange)
        await getattr(self._app, "__rsgi__", self._app)(Scope(exchange.sent), protocol)
        if protocol.streaming and not exchange.left:
            exchange.end()

    async def serve_websocket(self, link: Link) -> None:
        """Have the application answer one handshake, and talk with the client.

        For a client on 127.0.0.1 its port, and the server's address, are those of a real connection.
        """
        if link.sent.root_path:
            raise ValueError("RSGI has no root path; use another transport")
        loopback = Loopback(link)
        protocol = WebSocketProtocol(link)
        try:
            scope = WebSocketScope(Scope(link.sent))
            if link.sent.client[0] == "127.0.0.1":
                scope.client, scope.server = await loopback.open()
            try:
                await getattr(self._app, "__rsgi__", self._app)(scope, protocol)
            finally:
                await finished(link, protocol)
        finally:
            loopback.close()


class Scope:
    """Granian's `RSGIHTTPScope`."""

    proto = "http"
    http_version = "1.1"
    rsgi_version = "1.6"
    authority: str | None = None

    def __init__(self, sent: Sent) -> None:
        self.server = f"{sent.server[0]}:{sent.server[1]}"
        self.client = f"{sent.client[0]}:{sent.client[1]}"
        self.scheme = sent.scheme
        self.method = sent.method
        self.path = unquote(sent.path)
        self.query_string = sent.query
        self.headers = ScopeHeaders(sent.headers)


class ScopeHeaders:
    """Granian's `RSGIHeaders`: names without case; `keys` has each name once, `values` and `items` every field.

    A value with bytes outside ASCII is nowhere, and its name is.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._names = list(dict.fromkeys(name for name, _ in pairs))
        self._pairs = [pair for pair in pairs if pair[1].isascii()]

    def __contains__(self, key: str) -> bool:
        return key.lower() in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __getitem__(self, key: str) -> str:
        values = self.get_all(key)
        if not values:
            raise KeyError(key)
        return values[0]

    def keys(self) -> list[str]:
        return list(self._names)

    def values(self) -> list[str]:
        return [value for _, value in self._pairs]

    def items(self) -> list[tuple[str, str]]:
        return list(self._pairs)

    def get(self, key: str, default: Any = None) -> Any:
        values = self.get_all(key)
        return values[0] if values else default

    def get_all(self, key: str) -> list[str]:
        return [value for name, value in self._pairs if name == key.lower()]


class HTTPProtocol(AsyncIterator[bytes]):
    """Granian's `RSGIHTTPProtocol`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._read = False
        self._rest: list[bytes] | None = None
        self.streaming = False

    # The request body.

    async def __call__(self) -> bytes:
        self._read_once()
        chunks: list[bytes] = []
        try:
            more = True
            while more:
                chunk, more = await self._exchange.take_chunk()
                chunks.append(chunk)
        except ClientLeft:
            raise RSGIProtocolClosed("RSGI transport is closed") from None
        return b"".join(chunks)

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._read_once()
        return self

    async def __anext__(self) -> bytes:
        if self._rest is not None:
            if not self._rest:
                raise StopAsyncIteration
            return self._rest.pop()
        try:
            chunk, more = await self._exchange.take_chunk()
        except ClientLeft:
            # Granian raises nothing then. All it says is one more empty piece than at the end of a complete body.
            self._rest = [b""]
            return b""
        if not more and chunk:
            self._rest = [b""]
        elif not more:
            self._rest = []
        return chunk

    def _read_once(self) -> None:
        if self._read:
            raise RSGIProtocolError("RSGI protocol error")
        self._read = True

    # The response.

    def client_disconnect(self) -> asyncio.Future[None]:
        """Resolves when the client leaves, unless it does so within the request body: then Granian never tells."""
        return self._exchange.gone()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self._whole(status, headers, b"")

    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None:
        self._check(body, str)
        self._whole(status, headers, body.encode())

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._check(body, bytes)
        self._whole(status, headers, body)

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self._check(file, str)
        self._whole(status, headers, self._content(file))

    def response_file_range(self, status: int, headers: list[tuple[str, str]], file: str, start: int, end: int) -> None:
        self._check(file, str)
        self._whole(status, headers, self._content(file)[start:end])

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> StreamTransport:
        self._start(status, headers)
        self.streaming = True
        return StreamTransport(self._exchange)

    def _content(self, file: str) -> bytes:
        if not Path(file).is_file():
            raise self._exchange.violation(f"there is no file {file!r} to send")
        return Path(file).read_bytes()

    def _start(self, status: int, headers: list[tuple[str, str]]) -> None:
        exchange = self._exchange
        # Granian takes one response_* call and ignores the others, or raises, without the application's knowing why.
        if exchange.started:
            raise exchange.violation("a second response_* call was made")
        for pair in headers:
            if type(pair) is not tuple or [type(part) for part in pair] != [str, str]:
                raise exchange.violation(f"headers are tuples of two str, unlike {pair!r}")
        # Granian writes text as UTF-8, unlike servers of the other protocols.
        exchange.start(status, [(name, value.encode().decode("latin-1")) for name, value in headers])

    def _whole(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        exchange = self._exchange
        self._start(status, headers)
        if exchange.bodiless:
            body = b""  # Granian leaves it out
        exchange.check_piece(body)
        exchange.offer(body)
        exchange.end()

    def _check(self, value: object, wanted: type) -> None:
        if not isinstance(value, wanted):
            raise self._exchange.violation(f"the argument is {wanted.__name__}, not {type(value).__name__}")


class StreamTransport:
    """Granian's `RSGIHTTPStreamTransport`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def send_bytes(self, data: bytes) -> None:
        if type(data) not in (bytes, bytearray):
            raise self._exchange.violation(f"send_bytes takes bytes, not {type(data).__name__}")
        await self._send(bytes(data))

    async def send_str(self, data: str) -> None:
        if type(data) is not str:
            raise self._exchange.violation(f"send_str takes str, not {type(data).__name__}")
        await self._send(data.encode())

    async def _send(self, piece: bytes) -> None:
        try:
            await self._exchange.put(b"" if self._exchange.bodiless else piece)
        except ClientLeft:
            raise RSGIProtocolClosed("RSGI transport is closed") from None
