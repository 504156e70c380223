"""M72–M77: what WSGI and RSGI ask of an application, seen from the server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from typing import Any

import pytest

from nacre import Hooks, Nacre, Request, Response, StreamingResponse, WSGIMiddleware
from nacre.errors import ClientDisconnect
from rules.application import Boom, Gate, application
from rules.drivers import ASGIDriver, Driver, RSGIDriver, WSGIDriver
from rules.recording import STYLES, Recorder, Style, chains, ids, plain_stream, stream_of

ASYNC_AND_PLAIN = ["/ok", "/plain", "/stream", "/plain-stream", "/nowhere", "/raise"]


@pytest.mark.parametrize("path", ASYNC_AND_PLAIN)
@pytest.mark.parametrize("style", STYLES, ids=ids)
def test_m72_start_response_is_called_once_before_the_first_piece(log: Recorder, style: Style, path: str) -> None:
    """Exactly once, and before anything that is sent."""
    driver = WSGIDriver("GET", path)
    driver.run(application(log, style.layers(log, 2)))
    assert driver.calls.count("start") == 1
    assert driver.calls[0] == "start"


class _StartsTwice:
    """A WSGI application that answers, finds that it can't, and starts again with `exc_info`."""

    def __init__(self, *, after_body: bool) -> None:
        self.after_body = after_body

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("x-first", "1")])
        if self.after_body:
            yield b"first"
        try:
            raise Boom("within a WSGI application")
        except Boom as error:
            start_response("500 Oh", [("x-second", "1")], (Boom, error, error.__traceback__))
            yield b"second"


@pytest.mark.parametrize("place", ["mounted", "layer"])
@pytest.mark.parametrize("after_body", [False, True], ids=["before the body", "within the body"])
async def test_m72_exc_info_replaces_the_headers_or_raises_again(
    client_for: Callable[..., Any], place: str, after_body: bool
) -> None:
    """Before the first piece the second status counts; after it, `exc_info` is raised again and the connection cut."""
    wsgi = _StartsTwice(after_body=after_body)
    app = Nacre(middlewares=[WSGIMiddleware(lambda inner: wsgi, name="starts twice")] if place == "layer" else [])
    if place == "mounted":
        app.mount("/", wsgi)
    async with client_for(app) as client:
        response = await client.get("/")
    if not after_body:
        assert (response.status, response.body) == (500, b"second")
        assert "x-second" in response.headers
        assert "x-first" not in response.headers
    else:
        assert (response.status, response.body) == (200, b"first")
        assert client.transport == "rsgi" or isinstance(response.aborted, Boom)


class _Iterable:
    """What a WSGI application returns: counts how often it is closed."""

    def __init__(self, pieces: list[Any]) -> None:
        self.pieces = pieces
        self.closed = 0

    def __iter__(self) -> Any:
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def close(self) -> None:
        self.closed += 1


ENDS = ["all of it", "raises at once", "raises within", "client leaves", "HEAD", "replaced"]


@pytest.mark.parametrize("place", ["mounted", "layer"])
@pytest.mark.parametrize("end", ENDS)
async def test_m73_a_wsgi_iterable_is_closed_exactly_once(client_for: Callable[..., Any], end: str, place: str) -> None:
    """At its end, when it raises, when the client leaves, for HEAD, and when a layer replaces the response."""
    pieces: list[Any] = [b"first", b"second"]
    if end == "raises at once":
        pieces = [Boom("at once")]
    elif end == "raises within":
        pieces = [b"first", Boom("within")]
    body = _Iterable(pieces)

    def wsgi(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return body

    async def replacing(request: Request, call_next: Any) -> Any:
        await call_next(request)
        return "replaced"

    outer = [replacing] if end == "replaced" else []
    app = Nacre(middlewares=[*outer, *([WSGIMiddleware(lambda inner: wsgi)] if place == "layer" else [])])
    if place == "mounted":
        app.mount("/", wsgi)
    async with client_for(app) as client:
        if end == "client leaves":
            async with client.stream("GET", "/") as response:
                await anext(response)
                await response.disconnect()
        else:
            await client.request("HEAD" if end == "HEAD" else "GET", "/")
    assert body.closed == 1


def _forgetful(app: Any) -> Any:
    """A WSGI middleware that wraps the inner iterable and never closes it, as many do."""

    def middleware(environ: Any, start_response: Any) -> Any:
        return (piece.upper() for piece in app(environ, start_response))

    return middleware


def _joining(app: Any) -> Any:
    """One that takes the inner body whole."""

    def middleware(environ: Any, start_response: Any) -> Any:
        return [b"".join(app(environ, start_response))]

    return middleware


@pytest.mark.parametrize("kind", [_forgetful, _joining])
@pytest.mark.parametrize("path", ["/stream", "/plain-stream"])
async def test_m73_a_middleware_that_forgets_to_close_leaks_nothing(
    client_for: Callable[..., Any], log: Recorder, kind: Any, path: str
) -> None:
    """The stream inside a WSGI layer is closed when the layer's is, whether or not the layer does so."""
    app = Nacre(middlewares=[WSGIMiddleware(kind), lambda request, call_next: call_next(request)])
    app.add_route("/plain-stream", lambda request: StreamingResponse(plain_stream(log)))

    @app.get("/stream")
    async def stream(request: Request) -> Response:
        return stream_of(log)

    async with client_for(app) as client:
        async with client.stream("GET", path) as response:
            await anext(response)
            await response.disconnect()
    assert log.who("leave") == ["source"]


class _Input(io.BytesIO):
    """`wsgi.input` on a connection that is kept open: reading past the body would block for ever."""

    def __init__(self, data: bytes, rest: bytes = b"the next request") -> None:
        super().__init__(data + rest)
        self.end = len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0, "read to the end of the connection"
        assert self.tell() + size <= self.end, "read past the body"
        return super().read(size)


INPUTS: list[tuple[str, dict[str, Any], int, bytes]] = [
    ("of its length", {"CONTENT_LENGTH": "4", "wsgi.input": _Input(b"body")}, 200, b"body"),
    ("none", {"CONTENT_LENGTH": "", "wsgi.input": _Input(b"")}, 200, b""),
    ("zero", {"CONTENT_LENGTH": "0", "wsgi.input": _Input(b"")}, 200, b""),
    ("chunked, not terminated", {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": _Input(b"")}, 200, b""),
    (
        "chunked, terminated",
        {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "wsgi.input": io.BytesIO(b"body")},
        200,
        b"body",
    ),
    ("short", {"CONTENT_LENGTH": "9", "wsgi.input": io.BytesIO(b"body")}, 499, b"disconnected"),
]


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize(("kind", "environ", "status", "body"), INPUTS, ids=[row[0] for row in INPUTS])
def test_m74_wsgi_input_is_never_read_past_the_body(
    kind: str, environ: dict[str, Any], status: int, body: bytes, plain: bool
) -> None:
    """Up to Content-Length; without one only what the server says it terminates; a body cut short raises."""
    from nacre import wait

    app = Nacre()

    @app.error_handler(ClientDisconnect)
    def gone(request: Request) -> Any:
        return "disconnected", 499

    async def read(request: Request) -> bytes:
        return await request.body()

    def read_plainly(request: Request) -> bytes:
        return wait(request.body())

    app.add_route("/", read_plainly if plain else read, methods=["POST"])
    driver = WSGIDriver("POST", "/")
    source = environ["wsgi.input"]
    source.seek(0)
    driver.environ = environ
    driver.run(app)
    assert (driver.status, driver.body) == (status, body)


def test_m74_a_broken_chunked_body_raises_in_the_read() -> None:
    """A server's error while it decodes chunks is a disconnect, not a short body."""

    class Broken(io.RawIOBase):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("invalid chunk")

    app = Nacre()
    app.error_handler(ClientDisconnect)(lambda request: ("disconnected", 499))

    @app.post("/")
    async def read(request: Request) -> bytes:
        return await request.body()

    driver = WSGIDriver("POST", "/")
    driver.environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": Broken()}
    driver.run(app)
    assert (driver.status, driver.body) == (499, b"disconnected")


async def test_m75_each_wsgi_layer_has_an_environ_of_its_own(client_for: Callable[..., Any]) -> None:
    """What one changes the next doesn't see; names with underscores and `Proxy` don't enter."""
    seen: list[dict[str, Any]] = []

    def watching(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            seen.append(dict(environ))
            environ["HTTP_X_ADDED"] = "by a layer"
            environ["PATH_INFO"] = "/elsewhere"
            return app(environ, start_response)

        return middleware

    app = Nacre(middlewares=[WSGIMiddleware(watching), WSGIMiddleware(watching)])
    app.add_route("/", lambda request: request.path)
    headers = [("proxy", "http://evil"), ("x_forwarded_for", "1.2.3.4"), ("x-real", "yes")]
    async with client_for(app) as client:
        assert (await client.get("/", headers=headers)).text == "/"
    assert len(seen) == 2
    assert seen[0]["wsgi.input"] is not seen[1]["wsgi.input"]
    for environ in seen:
        assert environ["PATH_INFO"] == "/"
        assert environ["HTTP_X_REAL"] == "yes"
        assert "HTTP_X_ADDED" not in environ
        assert "HTTP_PROXY" not in environ
        if client.transport != "wsgi":  # there the server has dropped it already, or Nacre can't tell it any more
            assert "HTTP_X_FORWARDED_FOR" not in environ


@pytest.mark.parametrize("kind", ["async", "plain"])
@pytest.mark.parametrize("style", STYLES, ids=ids)
async def test_m76_a_generator_that_fails_before_its_first_piece_is_a_500_with_all_headers(
    client_for: Callable[..., Any], log: Recorder, style: Style, kind: str
) -> None:
    """The status has not gone out, so it is an ordinary exception: layers see it, finalizers run."""

    def finalize(request: Request, response: Response) -> None:
        response.headers.set("x-final", "yes")

    app = Nacre(middlewares=[*style.layers(log, 1), Hooks(finalize=finalize)])

    @app.get("/async")
    async def handler(request: Request) -> Any:
        raise Boom("before the first piece")
        yield b""

    @app.get("/plain")
    def plain(request: Request) -> Any:
        raise Boom("before the first piece")
        yield b""

    async with client_for(app) as client:
        response = await client.get(f"/{kind}")
    assert response.status == 500
    assert response.headers["x-final"] == "yes"
    if style.sees_errors:
        assert log.who("raised") == ["L0"]


RSGI_CALLS = {"/ok": "bytes", "/plain": "bytes", "/stream": "stream", "/plain-stream": "stream", "/nowhere": "bytes"}


@pytest.mark.parametrize("path", RSGI_CALLS)
@pytest.mark.parametrize("chain", chains(depths=(1, 3)), ids=ids)
async def test_m77_rsgi_has_one_response_call(log: Recorder, chain: Any, path: str) -> None:
    """Exactly one `response_*` call, before any piece, whatever layers there are."""
    driver = RSGIDriver("GET", path)
    await driver.serve(application(log, chain.build(log)))
    assert [call for call in driver.calls if call != "piece"] == [driver.calls[0]]
    assert driver.calls[0] in (RSGI_CALLS[path], "str", "empty")


@pytest.mark.parametrize("kind", [ASGIDriver, RSGIDriver])
async def test_m77_a_departure_cancels_what_streams(log: Recorder, kind: type[Driver]) -> None:
    """The client leaves while the generator waits: it gets CancelledError there, and the application's call returns."""
    gate = Gate()
    app = Nacre()

    @app.get("/")
    async def stream(request: Request) -> Response:
        async def pieces() -> Any:
            yield b"first"
            try:
                gate.set()
                await asyncio.get_running_loop().create_future()
            except BaseException as error:
                log.note("source", "raised", error)
                raise
            finally:
                log.note("source", "leave")

        return StreamingResponse(pieces())

    driver = kind("GET", "/")
    request = asyncio.create_task(driver.serve(app))
    await gate.wait()
    driver.gone.set()
    await request
    assert [(event.who, event.what) for event in log.events] == [("source", "raised"), ("source", "leave")]
    assert isinstance(log.errors[0], asyncio.CancelledError)
    assert driver.body == b"first"


@pytest.mark.parametrize("kind", [ASGIDriver, RSGIDriver])
async def test_m77_a_server_that_can_send_no_more_ends_the_stream(log: Recorder, kind: type[Driver]) -> None:
    """A write that fails is a departure: the stream is closed, nothing is logged, callbacks run."""
    app = Nacre()

    @app.get("/")
    async def stream(request: Request) -> Response:
        request.after_response(lambda: log.note("callback", "ran"))
        return stream_of(log)

    def fail(piece: bytes) -> None:
        raise OSError("broken pipe")

    driver = kind("GET", "/")
    driver.on_piece = fail
    await driver.serve(app)
    assert log.who("leave") == ["source"]
    assert log.who("ran") == ["callback"]
