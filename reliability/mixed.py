"""An application that is asked for everything, and the kinds of request it is asked with, each with data of its own.

A kind makes its nth request from n: paths, names, values, hosts and bodies differ from one to the next, as far as a
client can choose them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from nacre import Form, Header, Hooks, JSONResponse, Middleware, Nacre, Provide, Request, Response, StreamingResponse
from nacre.compression import Compression
from nacre.conditional import ConditionalGet
from nacre.decompression import Decompression
from nacre.files import FileResponse
from nacre.sse import EventStream
from nacre.websocket import WebSocket


@dataclass(frozen=True)
class Call:
    """One request of a kind."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 200
    leaves: bool = False
    """The client goes away after the first piece of the response."""

    talks: bool = False
    """The request is a WebSocket handshake; the client sends a message, takes the answer and closes."""


class Order(msgspec.Struct):
    name: str
    count: int
    extra: dict[str, Any] = {}


async def onion(request: Request, call_next: Callable[[Request], Any]) -> Any:
    response = await call_next(request)
    response.headers["x-path"] = request.path[:200].encode("ascii", "replace").decode().replace("\n", " ")
    return response


class Django:
    def __init__(self, get_response: Callable[[Request], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Any:
        return self.get_response(request)


class ASGI:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.inner(scope, receive, send)


class Session:
    """What a provider makes for a request and closes after it."""

    def __init__(self, token: str) -> None:
        self.token: str | None = token


async def session(x_session: Annotated[str, Header()] = "none") -> AsyncIterator[Session]:
    opened = Session(x_session)
    yield opened
    opened.token = None


def finalize(request: Request, response: Response) -> None:
    response.headers["x-final"] = "yes"


_FILE = Path(__file__)

app = Nacre(
    slashes="redirect",
    max_body=4 * 1024 * 1024,
    middlewares=[Hooks(finalize=finalize), onion, Compression(), ConditionalGet(), Decompression()],
)


@app.route("/items/<int:number>/<name>", methods=["GET", "PUT"])
async def item(request: Request, number: int, name: str) -> Any:
    url = request.url_for("item", number=number, name=name)
    return {"number": number, "name": name, "url": str(url), "agent": request.headers.get("user-agent")}


@app.get("/folder/")
async def folder() -> str:
    return "a folder"


@app.get("/sync/<name>", middlewares=[Middleware(Django)])
def plain(name: str) -> str:
    return f"{name}: " + "plain text that is long enough to be worth a compression " * 20


@app.get("/layers/<name>", middlewares=[onion, Middleware(Django), Middleware(ASGI)])
async def layers(request: Request, name: str) -> Any:
    return {"name": name, "query": dict(request.query.items())}


@app.get("/cookies")
async def cookies(request: Request) -> Response:
    response = JSONResponse(request.cookies)
    response.set_cookie("seen", next(iter(request.cookies.values()), ""))
    return response


@app.get("/headers")
async def headers(request: Request) -> Response:
    sent = [pair for pair in request.headers.items() if pair[0].startswith("x-")]
    return Response("ok", headers=sent)


@app.post("/orders")
async def orders(order: Order) -> Order:
    return order


@app.post("/raw")
async def raw(request: Request) -> Any:
    return {"length": len(await request.body()), "type": request.headers.get("content-type")}


@app.post("/form")
async def form(request: Request) -> Any:
    fields = await request.form()
    return {"names": list(fields)}


@app.post("/bound")
async def bound(name: Annotated[str, Form()], count: Annotated[int, Form()] = 0) -> Any:
    return {"name": name, "count": count}


@app.get("/provided")
async def provided(opened: Annotated[Session, Provide(session)]) -> Any:
    return {"token": opened.token}


@app.get("/events")
async def events(request: Request) -> Response:
    async def source() -> AsyncIterator[Any]:
        for number in range(3):
            yield {"number": number, "last": request.headers.get("last-event-id")}

    return EventStream(source())


@app.get("/stream/async/<name>")
async def stream_async(name: str) -> Response:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{name} {number}\n"

    return StreamingResponse(pieces())


@app.get("/stream/sync/<name>")
def stream_sync(name: str) -> Response:
    def pieces() -> Iterator[str]:
        for number in range(3):
            yield f"{name} {number}\n"

    return StreamingResponse(pieces())


@app.get("/endless/<name>", middlewares=[Middleware(ASGI), onion])
async def endless(name: str) -> Response:
    async def pieces() -> AsyncIterator[str]:
        while True:
            yield name
            await asyncio.sleep(0.001)

    return StreamingResponse(pieces())


@app.get("/file")
async def file() -> Response:
    return FileResponse(_FILE)


@app.get("/fail/<name>")
async def fail(name: str) -> None:
    raise ZeroDivisionError(name)


@app.websocket("/echo/<name>")
async def echo(ws: WebSocket, name: str) -> None:
    async for message in ws:
        await ws.send(f"{name}: {message!r}")


@app.get("/background/<name>")
async def background(request: Request, name: str) -> Response:
    done: list[str] = []
    request.after_response(lambda: done.append(name))

    async def later() -> None:
        await asyncio.sleep(0)
        done.append(name)

    return Response(name, background=later)


def _multipart(n: int) -> Call:
    boundary = f"boundary{n}"
    lines = [
        f"--{boundary}",
        f'Content-Disposition: form-data; name="field{n}"',
        "",
        f"value {n}",
        f"--{boundary}",
        f'Content-Disposition: form-data; name="file{n}"; filename="name {n}.txt"',
        f"Content-Type: text/x-{n}",
        "",
        "content " * 100,
        f"--{boundary}--",
        "",
    ]
    kind = ("content-type", f"multipart/form-data; boundary={boundary}")
    return Call("POST", "/form", (kind,), "\r\n".join(lines).encode())


def _json(n: int) -> Call:
    body = msgspec.json.encode({"name": f"order {n}", "count": n, "extra": {f"key{n}": [n, str(n), None]}})
    return Call("POST", "/orders", (("content-type", "application/json"),), body)


def _urlencoded(target: str, body: str, status: int = 200) -> Call:
    return Call("POST", target, (("content-type", "application/x-www-form-urlencoded"),), body.encode(), status)


KINDS: dict[str, Callable[[int], Call]] = {
    "paths": lambda n: Call("GET", f"/items/{n}/name%20{n}"),
    "methods": lambda n: Call(f"METHOD{n}", "/headers", status=405),
    "hosts": lambda n: Call("GET", "/items/1/one", (("host", f"host{n}.example.org:{1024 + n % 60000}"),)),
    "cookies": lambda n: Call("GET", "/cookies", (("cookie", f"name{n}=value{n}; other=v{n}"),)),
    "queries": lambda n: Call("GET", f"/layers/x?name{n}=value{n}&again={n}&again=%C3%A4{n}"),
    "headers": lambda n: Call("GET", "/headers", ((f"x-name-{n}", f"value {n}"), ("x-same", str(n)))),
    "agents": lambda n: Call(
        "GET", "/items/1/one", (("user-agent", f"agent/{n}"), ("accept-language", f"x-{n};q=0.5"))
    ),
    "etags": lambda n: Call("GET", "/items/2/two", (("if-none-match", f'"tag{n}", W/"{n}"'),)),
    "ranges": lambda n: Call("GET", "/file", (("range", f"bytes={n % 4000}-{n % 4000 + 10}"),), status=206),
    "files": lambda n: Call("GET", f"/file?version={n}", (("if-modified-since", f"not a date {n}"),)),
    "codings": lambda n: Call("GET", f"/sync/{n}", (("accept-encoding", f"gzip;q=0.{n % 900 + 100}, x-{n}"),)),
    "layers": lambda n: Call("GET", f"/layers/{n}"),
    "plain": lambda n: Call("GET", f"/sync/{n}"),
    "json": _json,
    "types": lambda n: Call("POST", "/raw", (("content-type", f"text/x-{n}; charset=utf-8; p{n}={n}"),), b"text"),
    "urlencoded": lambda n: _urlencoded("/form", f"name{n}=value+{n}&b=%C3%A4{n}"),
    "multipart": _multipart,
    "bound forms": lambda n: _urlencoded("/bound", f"name=n{n}&count={n}&more{n}=1"),
    "providers": lambda n: Call("GET", "/provided", (("x-session", f"session{n}"),)),
    "events": lambda n: Call("GET", "/events", (("last-event-id", f"event {n}"),)),
    "async streams": lambda n: Call("GET", f"/stream/async/{n}"),
    "sync streams": lambda n: Call("GET", f"/stream/sync/{n}"),
    "departures": lambda n: Call("GET", f"/endless/{n}", leaves=True),
    "background": lambda n: Call("GET", f"/background/{n}"),
    "connections": lambda n: Call("GET", f"/echo/{n}?token={n}", talks=True),
    "redirects": lambda n: Call("GET", f"/folder?page={n}", status=308),
    "unknown paths": lambda n: Call("GET", f"/nothing/{n}/here", status=404),
    "invalid": lambda n: _urlencoded("/bound", f"name=a&count=no+number+{n}", 422),
    "too large": lambda n: Call("POST", f"/raw?n={n}", (("content-length", str(5_000_000 + n)),), b"x", 413),
    "exceptions": lambda n: Call("GET", f"/fail/reason-{n}", status=500),
}
