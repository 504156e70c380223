"""The application that every server serves in these tests; run as `application:app`, or as a program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from nacre import (
    Hooks,
    JSONResponse,
    Middleware,
    Nacre,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    abort,
)

events: Counter[str] = Counter()
"""How often each thing happened, by `key:what`; read through `/events`."""


def record(request: Request, what: str) -> None:
    events[f"{request.query.get('key', '')}:{what}"] += 1


def note(line: str) -> None:
    """Leave a line for the test that started this process."""
    if path := os.environ.get("NOTES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{line} {os.getpid()}\n")


@contextlib.asynccontextmanager
async def lifespan(app: Nacre) -> AsyncIterator[dict[str, Any]]:
    note("startup")
    if os.environ.get("FAIL"):
        raise ValueError("there is no database")
    yield {"database": "connected"}
    note("shutdown")


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


class ASGI:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            events[scope["query_string"].decode().removeprefix("key=") + ":asgi"] += 1


def finalize(request: Request, response: Response) -> None:
    response.headers["x-final"] = "yes"


app = Nacre(lifespan=lifespan, middlewares=[Hooks(finalize=finalize)], max_body=400_000)
LAYERS: list[Any] = [onion, Middleware(Django), Middleware(ASGI)]


# Plain exchanges.


@app.get("/text")
async def text() -> str:
    return "plain words"


@app.get("/sync")
def sync() -> str:
    return "from a thread"


@app.get("/json")
async def json() -> dict[str, Any]:
    return {"name": "nácre", "layers": [1, 2, 3]}


@app.post("/json")
async def take_json(request: Request) -> Any:
    return {"got": await request.json()}


@app.get("/empty")
async def empty() -> None:
    return None


@app.get("/fail")
async def fail() -> None:
    raise ZeroDivisionError("as it should")


@app.get("/abort")
async def refuse() -> None:
    abort(403, "not you")


@app.get("/redirect")
async def redirect() -> Response:
    return RedirectResponse("/text?after=redirect")


@app.get("/cookies")
async def cookies(request: Request) -> Response:
    response = JSONResponse(request.cookies)
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "2", path="/sub", secure=True)
    return response


@app.get("/query")
async def query(request: Request) -> Any:
    return {"raw": request.query_string, "a": request.query.getlist("a"), "b": request.query.get("b")}


@app.route("/path/<path:rest>", methods=["GET", "OPTIONS"])
async def path(request: Request, rest: str) -> Any:
    return {"rest": rest}


@app.get("/segment/<one>")
async def segment(one: str) -> Any:
    return {"one": one}


@app.get("/headers")
async def headers(request: Request) -> Any:
    return {name: request.headers.getlist(name) for name in ("x-twice", "x-latin", "host")}


@app.get("/latin")
async def latin() -> Response:
    return PlainTextResponse("ok", headers={"x-latin": "caf\xe9"})


@app.route("/echo", methods=["POST", "PUT"])
async def echo(request: Request) -> Response:
    return Response(await request.body(), content_type=request.headers.get("content-type"))


@app.post("/length")
async def length(request: Request) -> Any:
    return {"length": sum([len(piece) async for piece in request.stream()])}


@app.post("/unread")
async def unread() -> str:
    return "not read"


@app.get("/state")
async def state(request: Request) -> Any:
    return {"database": request.state.database, "scheme": request.scheme, "version": request.http_version}


@app.get("/stream/async")
async def stream_async() -> AsyncIterator[bytes]:
    for number in range(3):
        yield b"piece %d\n" % number


@app.get("/stream/sync")
def stream_sync() -> Iterator[str]:
    for number in range(3):
        yield f"piece {number}\n"


# Streams that end otherwise.

gates: dict[str, asyncio.Event | threading.Event] = {}


@app.get("/gated", middlewares=LAYERS)
async def gated(request: Request) -> Response:
    """A first piece, and the second when `/open` is asked for."""
    gate = gates[request.query["key"]] = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"second"

    return StreamingResponse(pieces())


@app.get("/gated/sync", middlewares=[onion])
def gated_sync(request: Request) -> Response:
    gate = gates[request.query["key"]] = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        gate.wait(10)
        yield b"second"

    return StreamingResponse(pieces())


@app.sse("/sse", ping=0.2, middlewares=LAYERS)
async def sse(request: Request) -> AsyncIterator[Any]:
    """An event, and another one when `/open` is asked for."""
    gate = gates[request.query["key"]] = asyncio.Event()
    try:
        yield {"number": 1}
        await gate.wait()
        yield {"number": 2}
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        record(request, "cancelled")
        raise
    finally:
        record(request, "finally")


@app.get("/background", middlewares=LAYERS)
async def background(request: Request) -> Response:
    """Work that goes on after the response until `/open` is asked for."""
    gate = gates[request.query["key"]] = threading.Event()

    def work() -> None:
        gate.wait(10)
        record(request, "background")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"

    if request.query["kind"] == "stream":
        return StreamingResponse(pieces(), background=work)
    return PlainTextResponse("first", background=work)


@app.get("/open")
async def open_gate(request: Request) -> None:
    gates.pop(request.query["key"]).set()


@app.get("/endless", middlewares=LAYERS)
async def endless(request: Request) -> Response:
    """Pieces until the client leaves."""
    request.after_response(lambda: record(request, "after_response"))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100
                await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            record(request, "cancelled")
            raise
        finally:
            record(request, "finally")

    return StreamingResponse(pieces())


@app.get("/waiting", middlewares=LAYERS)
async def waiting(request: Request) -> Response:
    """One piece, then nothing: only watching the connection can tell that the client has left."""
    request.after_response(lambda: record(request, "after_response"))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            record(request, "cancelled")
            raise
        finally:
            record(request, "finally")

    return StreamingResponse(pieces())


@app.get("/flood", middlewares=LAYERS)
async def flood(request: Request) -> Response:
    """As much as the client takes: this one is stuck in the server's `send` when the client leaves."""
    request.after_response(lambda: record(request, "after_response"))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                record(request, "piece")
                yield b"x" * 65536
        finally:
            record(request, "finally")

    return StreamingResponse(pieces())


@app.get("/endless/sync", middlewares=[onion, Middleware(Django)])
def endless_sync(request: Request) -> Response:
    request.after_response(lambda: record(request, "after_response"))

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100
                time.sleep(0.02)
        finally:
            record(request, "finally")

    return StreamingResponse(pieces())


@app.get("/broken", middlewares=LAYERS)
async def broken(request: Request) -> Response:
    request.after_response(lambda: record(request, "after_response"))

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            raise ZeroDivisionError("in the middle of a stream")
        finally:
            record(request, "finally")

    return StreamingResponse(pieces())


@app.get("/broken/length")
async def broken_length() -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        raise ZeroDivisionError("in the middle of a stream")

    return StreamingResponse(pieces(), headers={"content-length": "10"})


@app.get("/broken/sync")
def broken_sync() -> Response:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        raise ZeroDivisionError("in the middle of a stream")

    return StreamingResponse(pieces())


@app.post("/upload")
async def upload(request: Request) -> Any:
    """Wait for a body that the client doesn't finish."""
    record(request, "begun")
    try:
        await request.body()
    except BaseException as error:
        record(request, type(error).__name__)
        raise
    finally:
        record(request, "finally")
    return "complete"


@app.get("/disconnected")
async def disconnected(request: Request) -> Any:
    answers = [await request.is_disconnected() for _ in range(3)]
    return {"answers": answers}


@app.post("/patient")
async def patient(request: Request) -> Any:
    """Ask for the client again and again while its body arrives, and read it then."""
    for _ in range(40):
        assert not await request.is_disconnected()
        await asyncio.sleep(0.005)
    return {"length": len(await request.body())}


@app.get("/left")
async def left(request: Request) -> None:
    """Ask until the client has left."""
    record(request, "begun")
    for _ in range(100):
        if await request.is_disconnected():
            record(request, "seen")
            return
        await asyncio.sleep(0.02)


@app.get("/events")
async def show_events(request: Request) -> Any:
    prefix = request.query["of"] + ":"
    return {name.removeprefix(prefix): count for name, count in events.items() if name.startswith(prefix)}


# Stopping.


@app.get("/slow")
async def slow() -> str:
    note("slow")
    await asyncio.sleep(1)
    return "slow but done"


@app.get("/pid")
async def pid() -> Any:
    return {"pid": os.getpid()}


@app.get("/shutdown")
async def shutdown(request: Request) -> str:
    request.app.shutdown()
    return "The server is shutting down..."


@app.get("/shutdown/sync")
def shutdown_from_thread(request: Request) -> str:
    request.app.shutdown()
    return "The server is shutting down..."


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), workers=int(sys.argv[2]), log_level="warning")
    note("returned")
