"""WebSockets over WSGI, on servers that give the application its connection's socket: gunicorn and Werkzeug's.

The protocol is spoken here, by the sans-I/O part of the library `websockets` (the extra `websocket`): framing, limits,
UTF-8, pings and compression. The handler is a task on the loop beside, and the socket is read and written there without
blocking; the server's thread is the handler's worker and stays until the end. So a server holds as many connections as
it has threads: `gunicorn --threads 100`.

What a client sends before it has the handshake's answer, which RFC 6455 §4.1 forbids, is in the server's own buffer and
is lost. No server tells that it stops; gunicorn's worker is asked, and then the sessions are closed with 1001.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import codecs
import errno
import logging
import signal
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from importlib import import_module
from io import StringIO
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from nacre.chain.pipeline import Dispatch
from nacre.errors import BadRequest, HTTPError, MissingExtra, UpgradeRequired, WebSocketDisconnect
from nacre.headers import encode_pairs
from nacre.request import Request
from nacre.response import Response
from nacre.threads import Threads, Visit
from nacre.transports.websockets import NoBody, serve_websocket
from nacre.transports.wsgi import Channel, LoopThread, WSGICarrier, WSGIExchange, read_path
from nacre.types import Environ, StartResponse, WSGIApp

if TYPE_CHECKING:
    from websockets.extensions import Extension
    from websockets.frames import Frame
    from websockets.server import ServerProtocol

_log = logging.getLogger("nacre")

_SOCKETS = ("gunicorn.socket", "werkzeug.socket")
_VERSION = "13"
_KEY_LENGTH = 16
_NOT_OURS = frozenset({"connection", "upgrade", "content-length", "content-type", "transfer-encoding"})
"""Fields of a handshake's answer that are written here, and those that describe a body, which it hasn't."""

_CONTROL_FRAME_MAX = 125
_READ_SIZE = 64 * 1024
_INBOX_MAX = 16
"""Messages that wait for the handler; with more of them, nothing is read."""

_CLOSING = 2.0
"""Seconds that a client has to answer a close frame."""

_LINGERING = 1.0
"""Seconds for which a client that broke the rules is still read from: else its system would drop what we said last."""

_WATCHING = 0.5
"""Seconds between two looks at whether the server stops."""


def asks_for_websocket(environ: Environ) -> bool:
    """Whether a request is the handshake of a WebSocket, in order or not (RFC 6455 §4.2.1)."""
    return (
        "HTTP_UPGRADE" in environ
        and environ["REQUEST_METHOD"] == "GET"
        and environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
        and "websocket" in _tokens(environ, "HTTP_UPGRADE")
        and "upgrade" in _tokens(environ, "HTTP_CONNECTION")
    )


def _tokens(environ: Environ, key: str) -> list[str]:
    return [token.strip(" \t").lower() for token in environ.get(key, "").split(",")]


def _refusal(environ: Environ) -> HTTPError | None:
    """Why a handshake can't succeed here; None if it can."""
    if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != _VERSION:
        error = UpgradeRequired(f"the version of WebSocket spoken here is {_VERSION}")
        error.headers += (("sec-websocket-version", _VERSION),)  # RFC 6455 §4.4
        return error
    if not _is_key(environ.get("HTTP_SEC_WEBSOCKET_KEY", "")):
        return BadRequest("Sec-WebSocket-Key holds 16 bytes in base64 (RFC 6455 §4.1)")
    if environ.get("CONTENT_LENGTH", "0") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ:
        # SECURITY: the server reads no body that nobody asks for, so it would be taken for frames.
        return BadRequest("the handshake of a WebSocket has no body")
    if _socket_of(environ) is None:
        _warn(
            "a client asked for a WebSocket, and this WSGI server keeps its sockets to itself: serve over ASGI or RSGI,"
            " or with `gunicorn --threads`"
        )
        return HTTPError("this server can't speak WebSocket", status=501)
    try:
        import_module("websockets.server")
    except ImportError:
        _warn(f"a client asked for a WebSocket: {MissingExtra('WebSocket over WSGI', 'websocket')}")
        return HTTPError("WebSocket is not installed on this server", status=501)
    return None


def _is_key(key: str) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == _KEY_LENGTH
    except (binascii.Error, ValueError):
        return False


def _socket_of(environ: Environ) -> socket.socket | None:
    # The event loop of Windows can't wait for a socket that it didn't open.
    keys = _SOCKETS if sys.platform != "win32" else ()
    return next((environ[key] for key in keys if environ.get(key) is not None), None)


_warned: set[str] = set()


def _warn(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        _log.warning("%s", text)


class Sessions:
    """The WebSocket sessions of one application under WSGI, which hold a thread of the server each."""

    def __init__(self, beside: LoopThread) -> None:
        self.beside = beside
        self._tasks: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None

    @contextmanager
    def entered(self) -> Generator[None]:
        """Count the running task as a session: it is cancelled when the server stops."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        if self._watch is None:
            self._watch = asyncio.create_task(self._watch_server(), name="nacre-websocket-watch")
        try:
            yield
        finally:
            self._tasks.discard(task)
            if not self._tasks:
                self._watch.cancel()
                self._watch = None

    def close(self) -> None:
        """End all of them, from another thread, and return when they have ended."""
        if self._tasks:
            self.beside.run(self._end())

    async def _end(self) -> None:
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSING + _LINGERING)

    async def _watch_server(self) -> None:
        while not _server_stops():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(_WATCHING)
        for task in self._tasks:
            task.cancel()


def _server_stops() -> bool:
    # COMPAT: gunicorn tells an application nothing, waits for its threads, and kills the worker that still has some.
    # Its worker object is known to the process as the owner of a signal's handler.
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is False


def serve_wsgi_websockets(dispatch: Dispatch, threads: Threads, report: Any, sessions: Sessions) -> WSGIApp:
    """The WebSocket part of a WSGI application: for requests that `asks_for_websocket` is true of."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        context = copy_context()
        exchange = _WebSocketExchange(start_response, context, threads, report, sessions)
        return context.run(exchange.answer, environ, dispatch)

    return application


class _Handshake(WSGICarrier):
    """Reads a handshake from a WSGI environ."""

    def scheme(self, raw: Environ) -> str:
        return "wss" if super().scheme(raw) == "https" else "ws"

    def body(self, raw: Environ, channel: Any) -> Any:
        return NoBody()

    async def is_disconnected(self, request: Request) -> bool:
        return request.websocket.state == "closed"  # type: ignore[no-any-return]


_HANDSHAKE = _Handshake()


class _WebSocketExchange(WSGIExchange):
    """One handshake under WSGI, and the session that follows."""

    def __init__(
        self, start_response: StartResponse, context: Context, threads: Threads, report: Any, sessions: Sessions
    ) -> None:
        super().__init__(start_response, context, threads, report, sessions.beside)
        self._sessions = sessions

    def answer(self, environ: Environ, dispatch: Dispatch) -> Iterable[bytes]:
        path, refusal = read_path(environ)
        refusal = refusal or _refusal(environ)
        request = Request(_HANDSHAKE, environ, Channel(), environ["REQUEST_METHOD"], path, refusal=refusal)
        visit = self.open_visit(request)
        channel = WSGIChannel(environ, request, visit)
        visit.begin(lambda: self._run(request, channel, dispatch), self.context.copy())
        try:
            response = visit.take()
        except BaseException as error:
            if not channel.is_open:
                raise
            # The connection is used up, whatever came of it; an exception is the server's last word on it.
            if isinstance(error, Exception):
                self._report(request, error)
            response = None
        if response is not None:
            return self.sent(request, response, visit)
        self.start_response("101 Switching Protocols", [])  # for the server's log
        return _UsedUp()

    async def _run(self, request: Request, channel: WSGIChannel, dispatch: Dispatch) -> None:
        host = request.raw.get("HTTP_HOST")
        with self._sessions.entered():
            try:
                await serve_websocket(request, host, channel, dispatch, self._threads)
            finally:
                await channel.release()


class _UsedUp:
    """The body of an answer that was given on the socket: tells the server that there's no connection any more."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        # gunicorn and Werkzeug write nothing more after this, close the socket and log no error.
        raise BrokenPipeError(errno.EPIPE, "the connection was a WebSocket's")


class WSGIChannel:
    """A `WebSocketChannel` on the socket of a WSGI server. `release` it at the end."""

    def __init__(self, environ: Environ, request: Request, visit: Visit) -> None:
        self._environ = environ
        self._request = request
        self._visit = visit
        self._speaker: _Speaker | None = None

    @property
    def is_open(self) -> bool:
        """Whether the socket was taken from the server."""
        return self._speaker is not None

    async def accept(self, headers: list[tuple[str, str]], subprotocol: str | None) -> None:
        connection = _socket_of(self._environ)
        assert connection is not None
        protocol, extensions = _protocol(self._environ, self._request.websocket.max_message)
        fields = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", _accept_key(self._environ["HTTP_SEC_WEBSOCKET_KEY"])),
        ]
        if extensions is not None:
            fields.append((b"Sec-WebSocket-Extensions", extensions.encode()))
        if subprotocol is not None:
            fields.append((b"Sec-WebSocket-Protocol", subprotocol.encode()))
        own = [
            (name, value) for name, value in headers if name not in _NOT_OURS and not name.startswith("sec-websocket-")
        ]
        lines = [b"%s: %s" % pair for pair in [*fields, *encode_pairs(own)]]
        head = b"\r\n".join([b"HTTP/1.1 101 Switching Protocols", *lines, b"", b""])
        self._speaker = _Speaker(_Wire(connection), protocol, self._request.websocket.ping)
        await self._speaker.begin(head)

    async def deny(self, response: Response) -> None:
        await self._visit.hand_over(response)

    async def receive(self) -> str | bytes:
        assert self._speaker is not None
        return await self._speaker.receive()

    async def send(self, data: str | bytes) -> None:
        assert self._speaker is not None
        await self._speaker.send(data)

    async def close(self, code: int, reason: str) -> None:
        if self._speaker is not None:
            await self._speaker.close(code, reason)

    async def release(self) -> None:
        """Shut the connection down and leave its socket as the server gave it."""
        if self._speaker is not None:
            await self._speaker.end()


def _accept_key(key: str) -> bytes:
    from websockets.utils import accept_key

    return accept_key(key).encode()


def _protocol(environ: Environ, max_message: int | None) -> tuple[ServerProtocol, str | None]:
    """The protocol's state for one connection, and the extensions that were agreed on."""
    from websockets.datastructures import Headers
    from websockets.exceptions import InvalidHandshake
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
    from websockets.protocol import OPEN
    from websockets.server import ServerProtocol

    # Windows of 4 KiB: about 10 KiB of memory for each connection in place of 64.
    deflate = ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    )
    protocol = ServerProtocol(
        extensions=[deflate],
        state=OPEN,
        # Control frames count too, between those of a message as well; `WebSocket.receive` knows the exact limit.
        max_size=None if max_message is None else max_message + _CONTROL_FRAME_MAX,
        logger=logging.getLogger("nacre.websocket"),
    )
    agreed: str | None = None
    extensions: list[Extension] = []
    offered = environ.get("HTTP_SEC_WEBSOCKET_EXTENSIONS")
    if offered:
        with suppress(InvalidHandshake):  # offers that can't be read are declined
            agreed, extensions = protocol.process_extensions(Headers([("Sec-WebSocket-Extensions", offered)]))
    protocol.extensions = extensions
    return protocol, agreed


class _Speaker:
    """Speaks WebSocket on a socket: reads in a task of its own, answers pings, sends in order, asks who is silent."""

    def __init__(self, wire: _Wire, protocol: ServerProtocol, ping: float | None) -> None:
        self._wire = wire
        self._protocol = protocol
        self._ping = ping
        self._assembly = _Assembly()
        self._inbox: deque[str | bytes] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._outgoing: list[bytes | memoryview] = []
        self._writer: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._asker: asyncio.Task[None] | None = None
        self._lost: str | None = None
        """How the connection broke off, if it did."""
        self._is_deaf = False
        """Whether what the client still sends is of no interest."""
        self._heard = time.monotonic()

    async def begin(self, head: bytes) -> None:
        """Send the handshake's answer and begin to read. Raises WebSocketDisconnect if the client is gone."""
        self._wire.take()
        try:
            await self._wire.write(memoryview(head))
        except OSError as error:
            self._lose("the client left before the handshake was answered")
            raise self._departure() from error
        self._reader = asyncio.create_task(self._read(), name="nacre-websocket-reader")
        if self._ping is not None:
            self._asker = asyncio.create_task(self._ask_the_silent(self._ping), name="nacre-websocket-pings")

    @property
    def _is_open(self) -> bool:
        return self._lost is None and self._protocol.state == 1  # State.OPEN

    # Messages.

    async def receive(self) -> str | bytes:
        while not self._inbox:
            if not self._is_open:
                raise self._departure()
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        self._room.set()
        return message

    async def send(self, data: str | bytes) -> None:
        if not self._is_open:
            raise self._departure()
        if isinstance(data, str):
            self._protocol.send_text(data.encode())
        else:
            self._protocol.send_binary(data)
        self._write_soon()
        if self._writer is not None:
            await asyncio.wait([self._writer])  # who is cancelled here doesn't cut the message off
        if self._lost is not None:
            raise self._departure()

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait a while for the client's."""
        self._is_deaf = True
        if self._is_open:
            self._protocol.send_close(code, reason)
        self._write_soon()
        self._arrived.set()
        self._room.set()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=_CLOSING)

    async def end(self) -> None:
        """Stop reading and writing, and shut the connection down."""
        self._room.set()
        has_failed = self._protocol.close_sent is not None and self._protocol.close_rcvd is None and not self._is_deaf
        try:
            if self._reader is not None and has_failed:
                await asyncio.wait([self._reader], timeout=_LINGERING)
        finally:
            self._wire.shut_down()
            tasks = [task for task in (self._asker, self._reader, self._writer) if task is not None]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks)
            self._wire.give_back()

    def _departure(self) -> WebSocketDisconnect:
        """What tells the handler that the connection is over."""
        if self._lost is not None:
            return WebSocketDisconnect(1006, self._lost)
        close = self._protocol.close_rcvd or self._protocol.close_sent
        if close is None:
            return WebSocketDisconnect(1006)
        return WebSocketDisconnect(int(close.code), close.reason)

    def _lose(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
        self._wire.shut_down()
        self._arrived.set()
        self._room.set()

    # Reading.

    async def _read(self) -> None:
        data = b"\0"
        while data:
            try:
                data = await self._wire.read()
            except OSError:
                data = b""
            self._heard = time.monotonic()
            if data:
                self._protocol.receive_data(data)
            else:
                if self._protocol.close_rcvd is None and self._protocol.close_sent is None:
                    self._lose("the connection broke off")
                self._protocol.receive_eof()
            for frame in self._protocol.events_received():
                self._take(frame)
            self._arrived.set()  # a message, or that there will be none
            self._write_soon()
            if self._writer is not None:
                await asyncio.wait([self._writer])  # who sends pings must take the answers
            if self._protocol.close_rcvd is not None and self._protocol.eof_sent and self._wire.is_encrypted:
                break  # the closing handshake is complete, and TLS can't be half closed
            while len(self._inbox) >= _INBOX_MAX and self._is_open:
                self._room.clear()
                await self._room.wait()
                self._heard = time.monotonic()
        self._arrived.set()

    def _take(self, frame: Any) -> None:
        if self._is_deaf:
            return
        try:
            message = self._assembly.add(frame)
        except UnicodeDecodeError:
            self._is_deaf = True
            if self._is_open:
                self._protocol.fail(1007, "the text is not UTF-8")
        else:
            if message is not None:
                self._inbox.append(message)

    # Writing.

    def _write_soon(self) -> None:
        """Send what there is to send: at once as far as the socket takes it, the rest in a task."""
        self._outgoing += self._protocol.data_to_send()
        if self._writer is None and self._outgoing:
            self._write_at_once()
            if self._outgoing:
                self._writer = asyncio.create_task(self._write(), name="nacre-websocket-writer")

    def _write_at_once(self) -> None:
        while self._outgoing:
            pieces = list(takewhile(len, self._outgoing))
            del self._outgoing[: len(pieces)]
            if not pieces:  # an empty one is the protocol's sign that nothing follows
                self._outgoing.pop(0)
                self._wire.half_close()
                continue
            try:
                rest = self._wire.write_some(memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces)))
            except OSError:
                self._outgoing.clear()
                self._lose("the connection broke off")
                return
            if rest:
                self._outgoing.insert(0, rest)
                return

    async def _write(self) -> None:
        try:
            while self._outgoing:
                await self._wire.wait_writable()
                self._write_at_once()
        except OSError:
            self._lose("the connection broke off")
        finally:
            self._writer = None

    async def _ask_the_silent(self, interval: float) -> None:
        """Ping a client that hasn't said anything for a while, and give up one that doesn't answer."""
        pause = interval
        while self._is_open:
            await asyncio.sleep(pause)
            silent = time.monotonic() - self._heard
            pause = interval - silent
            if pause > 0 or len(self._inbox) >= _INBOX_MAX or not self._is_open:
                pause = max(pause, interval / 2)
                continue
            asked = time.monotonic()
            self._protocol.send_ping(b"")
            self._write_soon()
            await asyncio.sleep(interval)
            if self._heard < asked and len(self._inbox) < _INBOX_MAX:
                self._lose("the client doesn't answer")
            pause = interval


class _Assembly:
    """Makes messages of frames."""

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._text = StringIO()
        self._data = bytearray()

    def add(self, frame: Frame) -> str | bytes | None:
        """The message that a frame completes; None if it completes none. Raises UnicodeDecodeError."""
        opcode, data = int(frame.opcode), bytes(frame.data)
        if opcode > _BINARY:
            return None
        if opcode != _CONTINUATION and frame.fin:
            return data.decode() if opcode == _TEXT else data
        if opcode == _TEXT:
            self._decoder = codecs.getincrementaldecoder("utf-8")()
        if self._decoder is None:
            self._data += data
            return self._binary() if frame.fin else None
        self._text.write(self._decoder.decode(data, frame.fin))
        return self._decoded() if frame.fin else None

    def _binary(self) -> bytes:
        data, self._data = bytes(self._data), bytearray()
        return data

    def _decoded(self) -> str:
        text = self._text.getvalue()
        self._decoder, self._text = None, StringIO()
        return text


_CONTINUATION, _TEXT, _BINARY = 0, 1, 2


class _Wire:
    """A server's socket, used from the running loop without blocking; plain, or TLS of the module `ssl`."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._timeout = connection.gettimeout()
        self._readable: set[asyncio.Future[None]] = set()
        self._writable: set[asyncio.Future[None]] = set()
        self.is_encrypted = isinstance(connection, ssl.SSLSocket)

    def take(self) -> None:
        """Make the socket non-blocking."""
        self._socket.setblocking(False)

    def give_back(self) -> None:
        """Leave it as it was found."""
        with suppress(OSError):
            self._socket.settimeout(self._timeout)

    async def read(self) -> bytes:
        """Some bytes; none at the end. Raises OSError."""
        while True:
            try:
                return self._socket.recv(_READ_SIZE)
            except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
                await self._wait_readable()
            except ssl.SSLWantWriteError:
                await self.wait_writable()

    async def write(self, data: memoryview) -> None:
        """Write all of `data`. Raises OSError."""
        while data := self.write_some(data):
            await self.wait_writable()

    def write_some(self, data: memoryview) -> memoryview:
        """Write what fits, and return the rest. Raises OSError."""
        try:
            return data[self._socket.send(data) :]
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return data

    def half_close(self) -> None:
        """Say that nothing follows."""
        if not self.is_encrypted:  # shutting TLS down would end reading too
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def shut_down(self) -> None:
        """End the connection both ways; the socket itself is closed by the server."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    async def _wait_readable(self) -> None:
        await self._wait(self._readable, self._loop.add_reader, self._loop.remove_reader)

    async def wait_writable(self) -> None:
        await self._wait(self._writable, self._loop.add_writer, self._loop.remove_writer)

    async def _wait(
        self, waiting: set[asyncio.Future[None]], add: Callable[..., object], remove: Callable[[int], object]
    ) -> None:
        number = self._socket.fileno()
        if number < 0:
            raise OSError("the socket is closed")
        ready = self._loop.create_future()
        if not waiting:
            add(number, _settle_all, waiting)
        waiting.add(ready)
        try:
            await ready
        finally:
            waiting.discard(ready)
            if not waiting:
                remove(number)


def _settle_all(waiting: set[asyncio.Future[None]]) -> None:
    for ready in waiting:
        if not ready.done():
            ready.set_result(None)
