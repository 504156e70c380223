"""An application with one route for each way a request can end, to be put behind any list of layers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nacre import Nacre, Request
from rules.recording import Recorder, plain_stream, stream_of

MAX_BODY = 16


class Boom(Exception):
    """What handlers and layers of these tests raise."""


class Gate:
    """An `asyncio.Event` that may be set and awaited on different event loops: under WSGI handlers run on another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = False
        self._waiting: list[asyncio.Future[None]] = []

    def set(self) -> None:
        with self._lock:
            self._open = True
            waiting, self._waiting = self._waiting, []
        for future in waiting:
            future.get_loop().call_soon_threadsafe(_resolve, future)

    async def wait(self) -> None:
        with self._lock:
            if self._open:
                return
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
        await future


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass
class Signals:
    """How a test and its handler wait for each other."""

    entered: Gate = field(default_factory=Gate)
    release: Gate = field(default_factory=Gate)


def application(log: Recorder, layers: Iterable[Any] = (), signals: Signals | None = None, **options: Any) -> Nacre:
    """The application; `signals` are those of the routes that wait."""
    options.setdefault("max_body", MAX_BODY)
    app = Nacre(middlewares=layers, **options)
    signals = signals or Signals()

    @app.get("/ok")
    async def ok(request: Request) -> str:
        log.note("handler", "enter")
        return "ok"

    @app.get("/plain")
    def plain(request: Request) -> str:
        log.note("handler", "enter")
        return "ok"

    @app.post("/read")
    async def read(request: Request) -> bytes:
        log.note("handler", "enter")
        return await request.body()

    @app.get("/raise")
    async def fail(request: Request) -> str:
        log.note("handler", "enter")
        raise Boom("raised in the handler")

    @app.get("/stream")
    async def stream(request: Request) -> Any:
        log.note("handler", "enter")
        return stream_of(log)

    @app.get("/plain-stream")
    def stream_plainly(request: Request) -> Any:
        log.note("handler", "enter")
        return plain_stream(log)

    @app.get("/wait")
    async def wait_for_release(request: Request) -> str:
        log.note("handler", "enter")
        try:
            signals.entered.set()
            await signals.release.wait()
        except BaseException as error:
            log.note("handler", "raised", error)
            raise
        finally:
            log.note("handler", "leave")
        return "released"

    return app
