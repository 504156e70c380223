"""WSGI as gunicorn speaks it, with the rules of PEP 3333 that `wsgiref.validate` checks."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from nacre.testing.exchange import ClientLeft, Exchange, PeerGone, Sent
from nacre.testing.link import Link
from nacre.testing.threads import run_in_thread, run_on
from nacre.testing.wsgi_websocket import WireLink
from nacre.types import Environ

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)

_SWITCHING_PROTOCOLS = 101

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class BrokenPipe(PeerGone, BrokenPipeError):
    """What the `write` callable raises when the client has left."""


class WSGITransport:
    """Calls one WSGI application, in one new thread per request."""

    link = WireLink

    def __init__(self, app: Any) -> None:
        self._app = app

    async def startup(self) -> None:
        """Nothing: WSGI has no startup, and the application does it at its first request."""

    async def shutdown(self) -> None:
        """End the application, as the end of the process would."""
        close = getattr(self._app, "close", None)
        if close is not None:
            await run_in_thread(close)

    async def serve(self, exchange: Exchange) -> None:
        """Have the application answer one request."""
        await run_in_thread(_Call(self._app, exchange).run)

    async def serve_websocket(self, link: Link) -> None:
        """Have the application answer one handshake, and speak the protocol on a socket, as gunicorn gives it one."""
        assert isinstance(link, WireLink)
        try:
            await run_in_thread(_SocketCall(self._app, link).run)
        finally:
            await link.hang_up()


class _Call:
    """One request, in its thread; whatever concerns the exchange is done on the loop's side."""

    def __init__(self, app: Any, exchange: Exchange) -> None:
        self._app = app
        self._exchange = exchange
        self._head: tuple[int, list[tuple[str, str]]] | None = None
        self._sent = False

    def run(self) -> None:
        body = self._app(self.environ(), self._start_response)
        try:
            self._send_all(body)
        except ClientLeft:
            pass
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
            # A server goes on to the next request. A test wants to see what there is after this one.
            over = getattr(body, "over", None)
            if over is not None:
                over.result()

    def environ(self) -> Environ:
        """What the application is called with."""
        return environ_of(self._exchange)

    def _send_all(self, body: Iterable[bytes]) -> None:
        if isinstance(body, str | bytes):
            raise self._violation(f"the application returned {type(body).__name__}, not an iterable of bytes")
        for piece in body:
            self._write(piece)
        if self._head is None:
            raise self._violation("start_response was not called")
        self._on_loop(self._finish)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._sent:
                    raise exc_info[1].with_traceback(exc_info[2]) if exc_info[1] else RuntimeError("no exception")
            finally:
                exc_info = None
        elif self._head is not None:
            raise self._violation("start_response was called a second time, without exc_info")
        self._head = self._checked_status(status), self._checked_headers(headers)
        return self._write_for_app

    def _write_for_app(self, piece: bytes) -> None:
        try:
            self._write(piece)
        except ClientLeft:
            raise BrokenPipe("the client has left") from None

    def _checked_status(self, status: str) -> int:
        if type(status) is not str or len(status) < 4 or not status[:3].isdigit() or status[3] != " ":
            raise self._violation(f"a status looks like '200 OK', unlike {status!r}")
        return int(status[:3])

    def _checked_headers(self, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        if type(headers) is not list:
            raise self._violation(f"the headers are a list, not {type(headers).__name__}")
        for pair in headers:
            if type(pair) is not tuple or [type(part) for part in pair] != [str, str]:
                raise self._violation(f"headers are tuples of two str, unlike {pair!r}")
            if pair[0].lower() in _HOP_BY_HOP:
                raise self._violation(f"{pair[0]} is the server's business")
        return headers

    def _write(self, piece: bytes) -> None:
        if type(piece) is not bytes:
            raise self._violation(f"a piece of the body is bytes, not {type(piece).__name__}")
        if self._head is None:
            raise self._violation("a body was sent before start_response was called")
        if not piece:
            return
        self._on_loop(self._begin, piece)

    def _begin(self) -> None:
        if not self._sent:
            self._sent = True
            assert self._head is not None
            self._exchange.start(*self._head)

    def _finish(self) -> None:
        self._begin()
        self._exchange.check_piece(b"")
        self._exchange.end()

    def _on_loop(self, function: Callable[[], None], piece: bytes | None = None) -> None:
        async def act() -> None:
            function()
            if piece is not None:
                await self._exchange.put(piece)

        run_on(self._exchange.loop, act())

    def _violation(self, text: str) -> Exception:
        return self._exchange.violation(text)


class _SocketCall(_Call):
    """A handshake, after which the application may use the server's socket by itself."""

    def __init__(self, app: Any, link: WireLink) -> None:
        super().__init__(app, link)
        self._socket = link.server_end

    def run(self) -> None:
        try:
            super().run()
        except BrokenPipeError:
            # It is how an application tells gunicorn and Werkzeug that nothing is to be written any more.
            if self._head is None or self._head[0] != _SWITCHING_PROTOCOLS:
                raise

    def environ(self) -> Environ:
        return super().environ() | {"gunicorn.socket": self._socket}


class Input(io.RawIOBase):
    """`wsgi.input`: blocks until the client has sent something, and ends where the body does."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = b""
        self._more = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest and self._more:
            self._receive()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _receive(self) -> None:
        exchange = self._exchange
        try:
            self._rest, self._more = run_on(exchange.loop, exchange.take_chunk())
        except ClientLeft:
            self._more = False
            # A body of a declared length is just short then; a chunked one is known to be broken.
            if exchange.sent.declared_length is None:
                raise OSError("the client has left") from None


def environ_of(exchange: Exchange) -> Environ:
    """The environ that gunicorn makes of a request."""
    sent = exchange.sent
    target = sent.root_path + sent.path
    environ: Environ = {
        "REQUEST_METHOD": sent.method,
        "SCRIPT_NAME": unquote_to_bytes(sent.root_path).decode("latin-1"),
        "PATH_INFO": unquote_to_bytes(sent.path).decode("latin-1"),
        "QUERY_STRING": sent.query,
        "RAW_URI": f"{target}?{sent.query}" if sent.query else target,
        "SERVER_NAME": sent.server[0],
        "SERVER_PORT": str(sent.server[1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "nacre.testing",
        "REMOTE_ADDR": sent.client[0],
        "REMOTE_PORT": str(sent.client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": sent.scheme,
        "wsgi.input": io.BufferedReader(Input(exchange)),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    _add_headers(environ, sent)
    return environ


def _add_headers(environ: Environ, sent: Sent) -> None:
    for name, value in sent.headers:
        if "_" in name:
            continue  # dropped: it would be taken for the one with a hyphen
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
        known = environ.get(key)
        environ[key] = value if known is None else f"{known}{'; ' if name == 'cookie' else ','}{value}"
