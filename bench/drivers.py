"""Calling an application in process, with what a server would give it and with a server's manners.

One driver per protocol. `answer` makes one call and keeps what came back; `run` makes many and takes the CPU time of
this process, which other processes on the machine can't add to. What the driver itself does is in the figure: building
the scope of each request, as a server must.
"""

from __future__ import annotations

import asyncio
import gc
import io
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bench.workloads import Answer, Call

Message = dict[str, Any]

_PIECE = 64 * 1024


class Driver(Protocol):
    """Calls applications of one protocol."""

    def answer(self, app: Any, call: Call) -> Answer:
        """Make one call."""

    def run(self, app: Any, calls: Sequence[Call], count: int) -> int:
        """Make `count` calls in turn; nanoseconds of CPU time they took."""

    def close(self) -> None:
        """Shut down what was started."""


def _pieces(body: bytes) -> list[bytes]:
    """A body as a server hands it over, as it comes from the network."""
    return [body[at : at + _PIECE] for at in range(0, len(body), _PIECE)] or [b""]


def driver_for(protocol: str) -> Driver:
    """The driver of `asgi`, `rsgi` or `wsgi`."""
    drivers: dict[str, Callable[[], Driver]] = {"asgi": ASGIDriver, "rsgi": RSGIDriver, "wsgi": WSGIDriver}
    return drivers[protocol]()


class _Loop:
    """An event loop, uvloop's if there is one."""

    def __init__(self) -> None:
        try:
            import uvloop
        except ImportError:
            self.loop = asyncio.new_event_loop()
        else:
            self.loop = uvloop.new_event_loop()

    def finish(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def close(self) -> None:
        self.loop.close()


# ASGI.


class _Exchange:
    """`receive` and `send` of one request: a `receive` after the body waits until the response is done."""

    __slots__ = ("done", "left", "loop", "waiter")

    def __init__(self, pieces: Sequence[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self.left = list(pieces)  # the last first
        self.loop = loop
        self.done = False
        self.waiter: asyncio.Future[None] | None = None

    async def receive(self) -> Message:
        if self.left:
            return {"type": "http.request", "body": self.left.pop(), "more_body": bool(self.left)}
        if not self.done:
            self.waiter = self.loop.create_future()
            await self.waiter
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.done = True
            if self.waiter is not None and not self.waiter.done():
                self.waiter.set_result(None)


class _Recorder(_Exchange):
    """The same, keeping the messages."""

    __slots__ = ("messages",)

    def __init__(self, pieces: Sequence[bytes], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(pieces, loop)
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)
        await super().send(message)


def _asgi_scope(call: Call) -> Message:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "method": call.method,
        "root_path": "",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": call.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in call.headers],
    }


class ASGIDriver(_Loop):
    """ASGI 3. An application is started up, by its lifespan, before its first call."""

    def __init__(self) -> None:
        super().__init__()
        self._lifespans: dict[int, tuple[Any, _Lifespan]] = {}

    def answer(self, app: Any, call: Call) -> Answer:
        self._start(app)
        exchange = _Recorder(_pieces(call.body)[::-1], self.loop)
        self.finish(app(_asgi_scope(call), exchange.receive, exchange.send))
        start, *pieces = exchange.messages
        headers = tuple((name.decode().lower(), value.decode()) for name, value in start["headers"])
        return Answer(start["status"], headers, b"".join(bytes(piece.get("body", b"")) for piece in pieces))

    def run(self, app: Any, calls: Sequence[Call], count: int) -> int:
        self._start(app)
        scopes = [_asgi_scope(call) for call in calls]
        bodies = [_pieces(call.body)[::-1] for call in calls]
        loop, number = self.loop, len(scopes)

        async def drive() -> None:
            for index in range(count):
                at = index % number
                # An application may write to its scope, and to the lists in it.
                scope = dict(scopes[at])
                scope["headers"] = list(scope["headers"])
                scope["state"] = {}
                exchange = _Exchange(bodies[at], loop)
                await app(scope, exchange.receive, exchange.send)

        return cpu_time(lambda: self.finish(drive()))

    def close(self) -> None:
        for _, lifespan in self._lifespans.values():
            self.finish(lifespan.stop())
        super().close()

    def _start(self, app: Any) -> None:
        if id(app) not in self._lifespans:
            lifespan = _Lifespan(app)
            self._lifespans[id(app)] = app, lifespan
            self.finish(lifespan.start())


class _Lifespan:
    """One application's lifespan."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    async def start(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(self._app(scope, self._told.get, self._said.put))
        await self._tell("startup")

    async def stop(self) -> None:
        await self._tell("shutdown")
        await self._task

    async def _tell(self, what: str) -> None:
        self._told.put_nowait({"type": f"lifespan.{what}"})
        message = await asyncio.wait_for(self._said.get(), 20)
        if message["type"] != f"lifespan.{what}.complete":
            raise RuntimeError(f"the application's lifespan failed: {message}")


# RSGI.


class _RSGIHeaders(dict[str, str]):
    """The header fields of a scope: the look-ups that RSGI names, at the price of a dict, near that of Granian's."""

    def get_all(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


class _RSGIScope:
    """One request as RSGI describes it. Nobody may write to it, so a call has one for all its runs."""

    proto = "http"
    rsgi_version = "1.6"
    http_version = "1.1"
    scheme = "http"
    server = "127.0.0.1:8000"
    client = "127.0.0.1:50000"
    authority = None

    def __init__(self, call: Call) -> None:
        self.method = call.method
        self.path = call.path
        self.query_string = call.query
        self.headers = _RSGIHeaders(call.headers)


class _RSGIProtocol:
    """The other side of one request. A file stays where it is: a server sends it without Python."""

    __slots__ = ("body", "response")

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in _pieces(self.body):
            yield piece

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.response: tuple[int, list[tuple[str, str]], bytes | _FilePart] = (status, headers, body)

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.response = (status, headers, _FilePart(file, 0, None))

    def response_file_range(self, status: int, headers: list[tuple[str, str]], file: str, start: int, end: int) -> None:
        self.response = (status, headers, _FilePart(file, start, end))


@dataclass(frozen=True, slots=True)
class _FilePart:
    """What a server would send of a file."""

    file: str
    start: int
    end: int | None

    def read(self) -> bytes:
        return Path(self.file).read_bytes()[self.start : self.end]


class RSGIDriver(_Loop):
    """RSGI."""

    def answer(self, app: Any, call: Call) -> Answer:
        protocol = _RSGIProtocol(call.body)
        self.finish(_entry(app)(_RSGIScope(call), protocol))
        status, headers, body = protocol.response
        data = body.read() if isinstance(body, _FilePart) else body
        return Answer(status, tuple((name.lower(), value) for name, value in headers), data)

    def run(self, app: Any, calls: Sequence[Call], count: int) -> int:
        enter = _entry(app)
        pairs = [(_RSGIScope(call), call.body) for call in calls]
        number = len(pairs)

        async def drive() -> None:
            for index in range(count):
                scope, body = pairs[index % number]
                await enter(scope, _RSGIProtocol(body))

        return cpu_time(lambda: self.finish(drive()))


def _entry(app: Any) -> Any:
    return getattr(app, "__rsgi__", app)


# WSGI.


def _environ(call: Call) -> Message:
    environ: Message = {
        "REQUEST_METHOD": call.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": call.path,
        "QUERY_STRING": call.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in call.headers:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


class WSGIDriver:
    """WSGI, on the calling thread."""

    def answer(self, app: Any, call: Call) -> Answer:
        got: list[tuple[str, list[tuple[str, str]]]] = []
        environ = _environ(call) | {"wsgi.input": io.BytesIO(call.body)}
        body = app(environ, lambda status, headers, error=None: got.append((status, headers)))
        data = b"".join(body)
        _close(body)
        status, headers = got[0]
        return Answer(int(status[:3]), tuple((name.lower(), value) for name, value in headers), data)

    def run(self, app: Any, calls: Sequence[Call], count: int) -> int:
        environs = [(_environ(call), call.body) for call in calls]
        number = len(environs)

        def start(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
            pass

        def drive() -> None:
            for index in range(count):
                template, data = environs[index % number]
                environ = dict(template)
                environ["wsgi.input"] = io.BytesIO(data)
                body = app(environ, start)
                for _ in body:
                    pass
                _close(body)

        return cpu_time(drive)

    def close(self) -> None:
        pass


def _close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()


def cpu_time(work: Callable[[], object]) -> int:
    """Nanoseconds of this process's CPU time for one call."""
    gc.collect()
    begun = time.process_time_ns()
    work()
    return time.process_time_ns() - begun
