"""The application that the servers serve in the experiments; what it counts is read over `/counters` and `/events`."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from nacre import Hooks, Middleware, Nacre, Request, Response, StreamingResponse
from nacre.files import FileResponse
from nacre.sse import EventStream
from nacre.websocket import WebSocket

PIECE = b"x" * 65536

_counters: Counter[str] = Counter()
_events: Counter[str] = Counter()
_lock = threading.Lock()


def count(name: str, by: int = 1) -> None:
    """Add to one of the counters of the whole process."""
    with _lock:
        _counters[name] += by


def record(request: Request, what: str) -> None:
    """Count what happened in one request, which its query names by `key`."""
    with _lock:
        _events[f"{request.query['key']}:{what}"] += 1


app = Nacre(max_body=None, threads=40)


@app.get("/counters")
async def counters() -> dict[str, int]:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    return {"tasks": len(tasks), **_counters}


@app.get("/events")
async def events(request: Request) -> dict[str, dict[str, int]]:
    """What was recorded so far, by key; `of` is what the keys begin with."""
    found: dict[str, dict[str, int]] = {}
    with _lock:
        for name, number in _events.items():
            key, _, what = name.rpartition(":")
            if key.startswith(request.query["of"]):
                found.setdefault(key, {})[what] = number
    return found


@app.get("/forget")
async def forget() -> dict[str, int]:
    """Drop what was counted, and all garbage: what is measured next begins from here."""
    with _lock:
        _events.clear()
        _counters.clear()
    return {"collected": gc.collect()}


@app.get("/open")
def open_files(request: Request) -> dict[str, int]:
    """How many descriptors of this process stand for files whose path holds `of`."""
    links = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    return {"open": sum(request.query["of"] in link for link in links)}


@app.get("/quick")
async def quick() -> dict[str, str]:
    return {"message": "at once"}


# Slow readers.


@app.get("/endless/async")
async def endless_async() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        count("opened")
        try:
            while True:
                yield PIECE
        finally:
            count("closed")

    return StreamingResponse(pieces())


@app.get("/endless/sync")
def endless_sync() -> Response:
    def pieces() -> Iterator[bytes]:
        count("opened")
        try:
            while True:
                yield PIECE
        finally:
            count("closed")

    return StreamingResponse(pieces())


# Uploads that are not read, or slowly.


@app.post("/held")
async def held(request: Request) -> dict[str, int]:
    """Wait before the body is looked at; then drop it piece by piece."""
    count("begun")
    await asyncio.sleep(float(request.query["seconds"]))
    read = 0
    async for piece in request.stream():
        read += len(piece)
    return {"read": read}


@app.post("/sipped")
async def sipped(request: Request) -> dict[str, int]:
    """Take a piece twenty times a second."""
    count("begun")
    read = 0
    async for piece in request.stream():
        read += len(piece)
        count("read", len(piece))
        await asyncio.sleep(0.05)
    return {"read": read}


# Uploads that are stored.


@app.post("/upload/form")
async def upload_form(request: Request) -> dict[str, str]:
    count("begun")
    form = await request.form()
    path = await form.files("file")[0].save(os.environ["NACRE_UPLOADS"])
    return {"path": str(path)}


@app.post("/upload/parts")
async def upload_parts(request: Request) -> dict[str, str]:
    count("begun")
    paths = [await part.save(os.environ["NACRE_UPLOADS"]) async for part in request.parts()]
    return {"path": str(paths[0])}


# WebSocket.


@app.websocket("/echo", origins=("*",), max_message=32 * 1024 * 1024)
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


# Clients that leave.


async def onion(request: Request, call_next: Callable[[Request], Any]) -> Any:
    try:
        return await call_next(request)
    finally:
        record(request, "onion")


class Django:
    def __init__(self, get_response: Callable[[Request], Any]) -> None:
        self.get_response = get_response

    async def __call__(self, request: Request) -> Any:
        try:
            return await self.get_response(request)
        finally:
            record(request, "django")


class PlainDjango:
    def __init__(self, get_response: Callable[[Request], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Any:
        try:
            return self.get_response(request)
        finally:
            record(request, "plain django")


class ASGI:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.inner(scope, receive, send)
        finally:
            with _lock:
                _events[scope["query_string"].decode().partition("&")[0].removeprefix("key=") + ":asgi"] += 1


def finalize(request: Request, response: Response) -> None:
    record(request, "finalize")


LAYERS: list[Any] = [
    onion,
    Middleware(Django),
    Middleware(ASGI),
    Middleware(PlainDjango),
    Hooks(finalize=finalize),
    onion,
]


def watched(request: Request) -> tuple[float, float]:
    """Count the end of the response; how long to wait before the first piece and after it, from the query."""
    record(request, "begun")
    request.after_response(lambda: record(request, "after_response"))
    return float(request.query.get("before", "0")), float(request.query.get("every", "3600"))


async def _async_pieces(request: Request, before: float, every: float) -> AsyncIterator[bytes]:
    try:
        await asyncio.sleep(before)
        while True:
            yield b"x" * 100
            await asyncio.sleep(every)
    finally:
        record(request, "finally")


def _plain_pieces(request: Request, before: float, every: float) -> Iterator[bytes]:
    try:
        time.sleep(before)
        while True:
            yield b"x" * 100
            time.sleep(min(every, 0.05))
    finally:
        record(request, "finally")


@app.get("/left/async", middlewares=[onion])
async def left_async(request: Request) -> Response:
    return StreamingResponse(_async_pieces(request, *watched(request)))


@app.get("/left/sync", middlewares=[onion])
def left_sync(request: Request) -> Response:
    return StreamingResponse(_plain_pieces(request, *watched(request)))


@app.get("/left/file", middlewares=[onion])
async def left_file(request: Request) -> Response:
    watched(request)
    return FileResponse(os.environ["NACRE_LARGE_FILE"])


@app.get("/left/sse", middlewares=[onion])
async def left_sse(request: Request) -> Response:
    return EventStream(_async_pieces(request, *watched(request)))


@app.get("/left/background", middlewares=[onion])
async def left_background(request: Request) -> Response:
    pieces = _async_pieces(request, *watched(request))
    return StreamingResponse(pieces, background=lambda: record(request, "background"))


@app.get("/left/nested", middlewares=LAYERS)
async def left_nested(request: Request) -> Response:
    return StreamingResponse(_async_pieces(request, *watched(request)))
