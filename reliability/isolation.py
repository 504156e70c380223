"""R19: what one request knows is never another's.

1 000 clients at once make 100 requests each (100 and 20 in the short form), on connections that are used again, to
handlers of each kind: async and plain ones, streams of both, one with providers, one that reads a body. Each request
has an identifier of its own, which is compared with what context variables, the state and the request hold wherever
code runs for it: layers of every style, hooks, finalizers, providers, handlers, generators, background callables,
callbacks and the access log. At the beginning of a request the context variables must be empty.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

from nacre import Hooks, Nacre, Provide, Request, wait
from nacre.response import Response, StreamingResponse
from nacre.traffic import REQUEST_ID, AccessLog, BodyLimit, RateLimit, RequestId, Timeout, current_request_id
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server

GOAL = "0 mixes, and no context that was there before"

_CLIENTS, _REQUESTS = 1000, 100
_FEW_CLIENTS, _FEW_REQUESTS = 100, 20
_KINDS = ("async", "plain", "stream", "plain-stream", "provided", "body")

mixes: Counter[str] = Counter()
looks: Counter[str] = Counter()
_own: ContextVar[str] = ContextVar("reliability_isolation", default="")


def look(place: str, request: Any) -> str:
    """Compare all that this code knows of its request; the identifier that the context has."""
    sent = request.headers["x-request-id"]
    known = {_own.get(), current_request_id(), request.state[REQUEST_ID], request.path.rsplit("/", 1)[1]}
    looks[place] += 1
    mixes[place] += known != {sent}
    return _own.get()


class Begin(Hooks):
    """The outermost layer: nothing of another request is there yet."""

    def __init__(self) -> None:
        super().__init__(before=self.begin, finalize=self.end, inline=True)

    def begin(self, request: Request) -> None:
        looks["begin"] += 1
        mixes["begin"] += _own.get() != "" or current_request_id() is not None
        _own.set(request.headers.get("x-request-id", ""))

    def end(self, request: Request, response: Response) -> None:
        if "x-request-id" in request.headers:
            look("finalizer", request)


Handler = Callable[[Request], Awaitable[Response]]


async def onion(request: Request, call_next: Handler) -> Response:
    look("onion, in", request)
    response = await call_next(request)
    look("onion, out", request)
    return response


def plain_onion(request: Request, call_next: Callable[[Request], Response]) -> Response:
    look("plain onion, in", request)
    response = call_next(request)
    look("plain onion, out", request)
    return response


class Django:
    """A layer of Django's style."""

    def __init__(self, get_response: Callable[[Request], Response]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Response:
        look("django, in", request)
        response = self.get_response(request)
        look("django, out", request)
        return response


class ASGI:
    """A layer that speaks ASGI; it knows the context and the scope."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sent = dict(scope["headers"])[b"x-request-id"].decode()

        async def observed(message: Any) -> None:
            looks["asgi"] += 1
            mixes["asgi"] += not _own.get() == current_request_id() == sent
            await send(message)

        await self.app(scope, receive, observed)


class Compare(logging.Handler):
    """Takes the lines of the access log."""

    def emit(self, record: logging.LogRecord) -> None:
        line: dict[str, Any] = record.__dict__["access"]
        looks["access log"] += 1
        mixes["access log"] += line["request_id"] != line["path"].rsplit("/", 1)[1]


_access = logging.getLogger("reliability.isolation")
_access.setLevel(logging.INFO)
_access.propagate = False
_access.addHandler(Compare())

app = Nacre()
api_layers: list[Any] = [
    Begin(),
    AccessLog(logger=_access),
    RequestId(trust=True),
    RateLimit("1000000/minute", key=lambda request: request.headers["x-request-id"]),
    Timeout(60),
    BodyLimit(1000),
    onion,
    plain_onion,
    ASGI,
    Django,
]


def route(path: str, *methods: str) -> Callable[[Any], Any]:
    return app.route(f"/{path}/<id>", methods=list(methods or ("GET",)), middlewares=api_layers)


def with_background(request: Request, body: str) -> Response:
    request.after_response(lambda: look("callback", request))
    return Response(body, background=lambda: look("background", request))


@route("async")
async def on_loop(request: Request) -> Response:
    before = look("async handler", request)
    await asyncio.sleep(0.001)
    return with_background(request, f"{before} {look('async handler', request)}")


@route("plain")
def in_thread(request: Request) -> Response:
    before = look("plain handler", request)
    time.sleep(0.001)
    return with_background(request, f"{before} {look('plain handler', request)}")


@route("stream")
async def stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[str]:
        for _ in range(3):
            yield look("async generator", request) + " "
            await asyncio.sleep(0)

    return StreamingResponse(pieces())


@route("plain-stream")
def plain_stream(request: Request) -> Response:
    def pieces() -> Iterator[str]:
        for _ in range(3):
            yield look("plain generator", request) + " "
            time.sleep(0)

    return StreamingResponse(pieces())


async def provided(request: Request) -> AsyncIterator[str]:
    yield look("async provider", request)
    look("async provider, teardown", request)


def provided_in_thread(request: Request) -> Iterator[str]:
    yield look("plain provider", request)
    look("plain provider, teardown", request)


@route("provided")
async def uses_providers(
    request: Request,
    one: Annotated[str, Provide(provided)],
    other: Annotated[str, Provide(provided_in_thread)],
) -> Response:
    return with_background(request, f"{one} {other} {look('async handler', request)}")


@route("body", "POST")
def body(request: Request) -> Response:
    sent = wait(request.text())
    return with_background(request, f"{sent} {look('plain handler', request)}")


@app.get("/found")
async def found(request: Request) -> dict[str, Any]:
    return {"looks": sum(looks.values()), "places": len(looks), "mixes": {k: v for k, v in mixes.items() if v}}


def run(options: Options) -> Iterator[Finding]:
    clients, requests = (_CLIENTS, _REQUESTS) if options.full else (_FEW_CLIENTS, _FEW_REQUESTS)
    for kind in options.chosen(ALL):
        with Server(kind, app="reliability.isolation:app") as server:
            wrong = sum(asyncio.run(_all(server.port, clients, requests)))
            said = server.ask("/found")
        figure = (
            f"{clients * requests} requests of {clients} clients, {wrong} wrong answers, {said['looks']} looks in "
            f"{said['places']} places, mixes {said['mixes'] or 'none'}"
        )
        yield Finding(kind, figure, wrong == 0 and not said["mixes"] and said["places"] >= _PLACES)


_PLACES = 20
"""At least so many places must have been looked at, for the figure to mean anything."""


async def _all(port: int, clients: int, requests: int) -> list[int]:
    return await asyncio.gather(*(_client(port, number, requests) for number in range(clients)))


async def _client(port: int, number: int, requests: int) -> int:
    """Make a client's requests one after the other; how many of the answers were wrong."""
    wrong = 0
    connection = None
    for turn, kind in zip(range(requests), itertools.cycle(_KINDS[number % len(_KINDS) :] + _KINDS), strict=False):
        own = f"c{number}-r{turn}"
        answer = None
        for _ in range(3):  # servers close connections that were idle for a while
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", port)
                answer = await _ask(connection, kind, own)
                break
            except (ConnectionError, asyncio.IncompleteReadError):
                connection = None
        wrong += answer is None or answer[0] != own or set(answer[1].split()) != {own}
    if connection is not None:
        connection[1].close()
    return wrong


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _ask(connection: Connection, kind: str, own: str) -> tuple[str, str]:
    """The identifier and the body of the answer to one request."""
    reader, writer = connection
    content = own if kind == "body" else ""
    fields = f"Host: localhost\r\nX-Request-Id: {own}\r\n" + (f"Content-Length: {len(content)}\r\n" if content else "")
    writer.write(f"{'POST' if content else 'GET'} /{kind}/{own} HTTP/1.1\r\n{fields}\r\n{content}".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
    if "content-length" in headers:
        data = await reader.readexactly(int(headers["content-length"]))
    else:
        data = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            data += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    return headers.get("x-request-id", ""), data.decode()
