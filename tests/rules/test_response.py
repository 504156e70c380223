"""M44–M56: the response, on its way through the layers and onto the wire."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nacre import (
    ASGIMiddleware,
    CallNext,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    Middleware,
    Nacre,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    Results,
    StreamingResponse,
    WSGIMiddleware,
    abort,
)
from nacre.errors import MethodNotAllowed
from nacre.files import FileResponse
from nacre.headers import MutableHeaders
from nacre.testing import TestClient
from rules.application import Boom, Gate, application
from rules.drivers import DRIVERS
from rules.recording import (
    ASYNC,
    INNER,
    Chain,
    Recorder,
    chains,
    ids,
    plain_stream,
    stream_of,
)

ClientFor = Callable[..., TestClient]


@pytest.mark.parametrize("chain", chains(INNER, depths=(3,)), ids=ids)
@pytest.mark.parametrize("path", ["/ok", "/plain", "/stream", "/nowhere", "/raise", "/varied"])
async def test_m44_head_has_the_headers_of_get_and_no_body(
    client_for: ClientFor, log: Recorder, chain: Chain, path: str
) -> None:
    """HEAD through every style: the status and headers that GET has, length and Vary too."""
    app = application(log, chain.build(log))

    @app.get("/varied")
    def varied(request: Request) -> Response:
        response = Response("a body of its own", headers={"etag": '"x"'})
        response.headers.add_vary("Accept")
        return response

    async with client_for(app) as client:
        got, head = await client.get(path), await client.head(path)
    assert head.status == got.status
    assert head.body == b""
    assert head.headers.pairs() == got.headers.pairs()


NO_BODY = [204, 304]


def _adding_body(style: str) -> Any:
    """A layer that gives a body, and a length, to a response that can have none."""

    async def onion(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.body = b"no"
        response.headers.set("content-length", 2)
        return response

    class ASGI:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def changed(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"].append((b"content-length", b"2"))
                else:
                    message["body"] = b"no"
                await send(message)

            await self.app(scope, receive, changed)

    async def streaming(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.stream = iter([b"no"])
        return response

    return {"onion": onion, "asgi": Middleware(ASGI, only="/*"), "stream": streaming}[style]


@pytest.mark.parametrize("status", NO_BODY)
@pytest.mark.parametrize("style", ["onion", "asgi", "stream"])
async def test_m45_a_body_where_none_may_be_is_left_out(
    client_for: ClientFor, status: int, style: str, caplog: pytest.LogCaptureFixture
) -> None:
    """204 and 304 go out without body and Content-Length, whatever a layer does; the log says so once."""
    app = Nacre(middlewares=[_adding_body(style)])
    app.add_route("/", lambda request: status)
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body) == (status, b"")
    assert "content-length" not in response.headers
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("declared", [None, "1", "999"])
@pytest.mark.parametrize("chain", chains(INNER, depths=(1, 3)), ids=ids)
async def test_m46_the_length_is_that_of_the_body_that_is_sent(
    client_for: ClientFor, log: Recorder, chain: Chain, declared: str | None
) -> None:
    """A layer changes the body and says nothing, or something wrong, about its length: the length sent is right."""

    async def longer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.body += b", and more"
        if declared is not None:
            response.headers.set("content-length", declared)
        return response

    async with client_for(application(log, [longer, *chain.build(log), longer])) as client:
        response = await client.get("/ok")
    assert response.body == b"ok, and more, and more"
    assert response.headers.getlist("content-length") == [str(len(response.body))]


class _Second:
    """An ASGI layer that sends a second response after the inner one, or within it."""

    def __init__(self, app: Any, *, when: str) -> None:
        self.app = app
        self.when = when

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def watched(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.start" and self.when == "after the start":
                await send(dict(message))

        await self.app(scope, receive, watched)
        if self.when == "after the end":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.when == "a body after the end":
            await send({"type": "http.response.body", "body": b"more"})


@pytest.mark.parametrize("when", ["after the start", "after the end", "a body after the end"])
@pytest.mark.parametrize("path", ["/ok", "/stream"])
async def test_m47_a_second_response_never_reaches_the_server(
    client_for: ClientFor, log: Recorder, path: str, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A layer that begins a second response gets an error; what was sent is one response, of one kind of bytes."""
    layer = ASGIMiddleware(_Second, when=when, name="second", only="/*")
    async with client_for(application(log, [layer])) as client:
        response = await client.get(path)
    assert "second" in caplog.text
    if path == "/ok" or when == "after the start":
        assert response.status == 500
        assert response.body == b"Internal Server Error"
    else:
        assert response.status == 200  # the stream was out by then: the connection is cut, or it was complete
        assert b"more" not in response.body
    assert log.who("leave").count("source") == log.who("enter").count("source")


@pytest.mark.parametrize("chain", chains(INNER), ids=ids)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_m48_header_order_and_duplicates_survive_all_layers(
    client_for: ClientFor, log: Recorder, chain: Chain, stream: bool
) -> None:
    """Two cookies stay two, and fields come in the order they were given."""
    pairs = [("x-b", "1"), ("set-cookie", "a=1"), ("x-a", "2"), ("set-cookie", "b=2, c"), ("x-b", "3")]
    app = Nacre(middlewares=chain.build(log))

    @app.get("/")
    async def handler(request: Request) -> Response:
        if stream:
            return StreamingResponse(plain_stream(log), headers=pairs)
        return Response("x", headers=pairs)

    async with client_for(app) as client:
        response = await client.get("/")
    assert [pair for pair in response.headers.pairs() if pair[0] in ("x-a", "x-b", "set-cookie")] == pairs


VARY = [
    ([], ["Origin"], "Origin"),
    (["Accept"], ["Origin"], "Accept, Origin"),
    (["Accept, origin"], ["ORIGIN", "Cookie"], "Accept, origin, Cookie"),
    (["Accept", "Origin"], ["accept"], "Accept, Origin"),
    (["*"], ["Origin"], "*"),
    (["Accept"], ["*"], "*"),
    (["Accept,, ,Origin"], [], "Accept, Origin"),
]


@pytest.mark.parametrize(("present", "added", "merged"), VARY)
async def test_m49_vary_is_merged_and_never_overwritten(
    client_for: ClientFor, present: list[str], added: list[str], merged: str
) -> None:
    """Each layer adds its own names; they are compared without case, none comes twice, and `*` stands for all."""

    async def adding(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.headers.add_vary(*added)
        return response

    app = Nacre(middlewares=[adding, adding])
    app.add_route("/", lambda request: Response("x", headers=[("vary", value) for value in present]))
    async with client_for(app) as client:
        response = await client.get("/")
    assert response.headers.getlist("vary") == [merged]


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "not-eager"])
@pytest.mark.parametrize("chain", chains(INNER), ids=ids)
async def test_m50_no_layer_holds_a_stream_back(
    client_for: ClientFor, log: Recorder, chain: Chain, eager: bool
) -> None:
    """The client has the first piece before the second is made."""
    gate = Gate()
    app = Nacre(middlewares=chain.build(log))

    @app.get("/")
    async def handler(request: Request) -> StreamingResponse:
        async def pieces() -> Any:
            yield b"first"
            await gate.wait()
            yield b"second"

        return StreamingResponse(pieces(), eager=eager)

    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            assert await anext(response) == b"first"
            gate.set()
            assert await response.read() == b"second"


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])  # under WSGI headers go out with the first piece
@pytest.mark.parametrize("chain", chains(ASYNC, depths=(1, 3), mixes=False), ids=ids)
async def test_m50_a_stream_that_is_not_eager_sends_its_headers_first(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """`eager=False`: the status is out while the first piece is awaited (server-sent events), through ASGI too."""
    gate = Gate()
    app = Nacre(middlewares=chain.build(log))

    @app.get("/")
    async def handler(request: Request) -> StreamingResponse:
        async def pieces() -> Any:
            await gate.wait()
            yield b"first"

        return StreamingResponse(pieces(), eager=False, content_type="text/event-stream")

    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            assert response.status == 200
            gate.set()
            assert await response.read() == b"first"


class _Files:
    """Counts what is opened and closed through `open` in the module that serves files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = self.closed = 0

        def counting_open(*arguments: Any, **options: Any) -> Any:
            file = open(*arguments, **options)  # noqa: SIM115 - closed by who asked for it
            self.opened += 1
            close = file.close

            class Counted:
                def __getattr__(counted, name: str) -> Any:  # noqa: N805
                    return getattr(file, name)

                def close(counted) -> None:  # noqa: N805
                    self.closed += 1
                    close()

            return Counted()

        monkeypatch.setattr("nacre.representations.open", counting_open, raising=False)


async def _file_replaced(request: Request, call_next: CallNext) -> Any:
    await call_next(request)
    return "replaced"


async def _file_then_raise(request: Request, call_next: CallNext) -> Any:
    await call_next(request)
    raise Boom("after the file")


FILE_OUTCOMES: dict[str, tuple[str, dict[str, str], list[Any], int | None]] = {
    "sent": ("GET", {}, [], 200),
    "head": ("HEAD", {}, [], 200),
    "not modified": ("GET", {"if-none-match": "*"}, [], 304),
    "precondition failed": ("GET", {"if-match": '"other"'}, [], 412),
    "range": ("GET", {"range": "bytes=0-199999"}, [], 206),
    "ranges": ("GET", {"range": "bytes=0-99999,100001-200000"}, [], 206),
    "range not satisfiable": ("GET", {"range": "bytes=300000-"}, [], 416),
    "replaced": ("GET", {}, [_file_replaced], 200),
    "outer layer raises": ("GET", {}, [_file_then_raise], 500),
    "disconnect": ("GET", {}, [], None),
    "asgi": ("GET", {}, [chains(INNER, depths=(1,))[5].build(Recorder())[0]], 200),
}


@pytest.mark.parametrize("outcome", FILE_OUTCOMES)
async def test_m53_a_file_is_closed_exactly_once(
    client_for: ClientFor, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of the response: one file is opened, and closed once."""
    method, headers, layers, status = FILE_OUTCOMES[outcome]
    path = tmp_path / "file.bin"
    path.write_bytes(b"x" * 300_000)
    files = _Files(monkeypatch)
    app = Nacre(middlewares=layers)
    app.add_route("/", lambda request: FileResponse(path))
    async with client_for(app) as client:
        if outcome == "disconnect":
            async with client.stream("GET", "/") as response:
                await anext(response)
                await response.disconnect()
        else:
            answer = await client.request(method, "/", headers=headers)
            assert answer.status == status
    assert files.opened == files.closed == 1


@pytest.mark.parametrize("chain", chains(INNER, depths=(1, 3)), ids=ids)
@pytest.mark.parametrize("kind", ["async", "plain", "not-eager"])
async def test_m54_a_replaced_response_is_closed_and_its_callbacks_are_dropped(
    client_for: ClientFor, log: Recorder, chain: Chain, kind: str
) -> None:
    """The stream is closed once; `background` and `on_sent` belong to the response and go with it, `after_response`
    belongs to the request and runs.
    """

    async def replace(request: Request, call_next: CallNext) -> Any:
        await call_next(request)
        return "other"

    app = Nacre(middlewares=[replace, *chain.build(log)])

    @app.get("/")
    async def handler(request: Request) -> Response:
        request.after_response(lambda: log.note("after_response", "callback"))
        stream = StreamingResponse(plain_stream(log)) if kind == "plain" else stream_of(log, eager=kind == "async")
        stream.background = lambda: log.note("background", "callback")
        stream.on_sent(lambda: log.note("on_sent", "callback"))
        return stream

    async with client_for(app) as client:
        assert (await client.get("/")).body == b"other"
    assert log.who("leave").count("source") == log.who("enter").count("source") <= 1
    assert log.who("callback") == ["after_response"]


SHARED = {
    "Response": lambda: Response("shared", headers={"x-own": "1"}),
    "RedirectResponse": lambda: RedirectResponse("/x", headers={"x-own": "1"}),
}


@pytest.mark.parametrize("kind", SHARED)
@pytest.mark.parametrize("where", ["handler", "layer", "error handler"])
@pytest.mark.parametrize("chain", chains(INNER, depths=(1,)), ids=ids)
async def test_m55_a_response_kept_for_many_requests_is_never_changed(
    client_for: ClientFor, log: Recorder, chain: Chain, where: str, kind: str
) -> None:
    """Cookies, headers, body, status and callbacks that layers add are those of one request; its own run for each."""
    shared = SHARED[kind]()
    shared.background = lambda: log.note("own", "callback")
    before = (shared.status, shared.body, shared.headers.pairs())

    async def changing(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.set_cookie("user", request.query["user"])
        response.headers.set("x-user", request.query["user"])
        response.body += b"!"
        response.on_sent(lambda: log.note(request.query["user"], "callback"))
        return response

    async def answering(request: Request, call_next: CallNext) -> Any:
        return shared

    app = Nacre(middlewares=[changing, *chain.build(log), *([answering] if where == "layer" else [])])

    @app.error_handler(Boom)
    def error(request: Request, error: Exception) -> Response:
        return shared

    @app.get("/")
    async def handler(request: Request) -> Response:
        if where == "error handler":
            raise Boom("x")
        return shared

    async with client_for(app) as client:
        for user in ("ann", "bob", "cyn"):
            log.clear()
            response = await client.get("/", query={"user": user})
            assert len(response.headers.getlist("set-cookie")) == 1
            assert response.headers.getlist("x-user") == [user]
            assert response.headers["x-own"] == "1"
            assert (response.status, response.body) == (before[0], before[1] + b"!")
            assert log.who("callback") == [user, "own"]


async def test_m55_a_stream_can_be_sent_once_only(client_for: ClientFor, log: Recorder) -> None:
    """A streaming response that is kept is an error at its second request, with words that say why."""
    shared = StreamingResponse(plain_stream(log))
    app = Nacre(debug=True)
    app.add_route("/", lambda request: shared)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 200
        response = await client.get("/")
    assert response.status == 500
    assert b"build a new one for each" in response.body


def test_m55_two_threads_never_get_one_object() -> None:
    """The first two requests for a shared response at once: one has the object itself, the other a copy."""
    for _ in range(50):
        shared = Response("x")
        owners = [object() for _ in range(8)]
        claimed = _claim_at_once(shared, owners)
        assert len({id(response) for response in claimed}) == len(owners)


def _claim_at_once(shared: Response, owners: list[object]) -> list[Response]:
    barrier = threading.Barrier(len(owners))
    claimed: list[Response] = []

    def claim(owner: object) -> None:
        barrier.wait()
        claimed.append(shared.claim(owner))

    threads = [threading.Thread(target=claim, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return claimed


@dataclass(frozen=True)
class Way:
    """One way to set a header: `set_` is given bad text for a name, or for a value."""

    name: str
    set_: Callable[[str], object]
    of: str = "value"

    def __str__(self) -> str:
        return self.name


def _headers() -> MutableHeaders:
    return Response("x").headers


WAYS = [
    Way("constructor mapping", lambda bad: Response("x", headers={"x": bad})),
    Way("constructor pairs", lambda bad: Response("x", headers=[("x", bad)])),
    Way("constructor name", lambda bad: Response("x", headers={bad: "x"}), "name"),
    Way("constructor content type in headers", lambda bad: Response("x", headers={"content-type": bad})),
    Way("content type", lambda bad: Response("x", content_type=bad)),
    Way("JSONResponse", lambda bad: JSONResponse({}, headers={"x": bad})),
    Way("HTMLResponse", lambda bad: HTMLResponse("x", headers={"x": bad})),
    Way("PlainTextResponse", lambda bad: PlainTextResponse("x", headers={"x": bad})),
    Way("StreamingResponse", lambda bad: StreamingResponse([], headers={"x": bad})),
    Way("StreamingResponse content type", lambda bad: StreamingResponse([], content_type=bad)),
    Way("FileResponse content type", lambda bad: FileResponse("x", content_type=bad)),
    Way("FileResponse headers", lambda bad: FileResponse("x", headers={"x": bad})),
    Way("RedirectResponse", lambda bad: RedirectResponse(f"/{bad}")),
    Way("RedirectResponse headers", lambda bad: RedirectResponse("/", headers={"x": bad})),
    Way("set", lambda bad: _headers().set("x", bad)),
    Way("set name", lambda bad: _headers().set(bad, "x"), "name"),
    Way("add", lambda bad: _headers().add("x", bad)),
    Way("add name", lambda bad: _headers().add(bad, "x"), "name"),
    Way("item", lambda bad: _headers().__setitem__("x", bad)),
    Way("item name", lambda bad: _headers().__setitem__(bad, "x"), "name"),
    Way("setdefault", lambda bad: _headers().setdefault("x", bad)),
    Way("setdefault name", lambda bad: _headers().setdefault(bad, "x"), "name"),
    Way("extend", lambda bad: _headers().extend([("x", bad)])),
    Way("extend name", lambda bad: _headers().extend([(bad, "x")]), "name"),
    Way("update", lambda bad: _headers().update({"x": bad})),
    Way("update name", lambda bad: _headers().update({bad: "x"}), "name"),
    Way("add_vary", lambda bad: _headers().add_vary(bad), "name"),
    Way("set bytes", lambda bad: _headers().set("x", bad.encode("latin-1", "replace"))),
    Way("cookie name", lambda bad: Response("x").set_cookie(bad, "x"), "name"),
    Way("cookie value", lambda bad: Response("x").set_cookie("x", bad)),
    Way("cookie path", lambda bad: Response("x").set_cookie("x", "x", path=f"/{bad}")),
    Way("cookie domain", lambda bad: Response("x").set_cookie("x", "x", domain=bad)),
    Way("cookie expires", lambda bad: Response("x").set_cookie("x", "x", expires=bad)),
    Way("cookie samesite", lambda bad: Response("x").set_cookie("x", "x", samesite=bad)),  # type: ignore[arg-type]
    Way("deleted cookie name", lambda bad: Response("x").delete_cookie(bad), "name"),
    Way("deleted cookie path", lambda bad: Response("x").delete_cookie("x", path=f"/{bad}")),
    Way("results' content type", lambda bad: Results(text_type=bad)),
    Way("tuple result", lambda bad: Results().convert(("x", {"x": bad}))),
    Way("tuple result name", lambda bad: Results().convert(("x", 200, {bad: "x"})), "name"),
]
BAD = ["a\r\nx: y", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\x1fb"]


@pytest.mark.parametrize("bad", BAD, ids=ascii)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_m56_no_way_to_set_a_header_takes_control_characters(way: Way, bad: str) -> None:
    """Every way raises ValueError when it is used, so the traceback shows who did it."""
    with pytest.raises(ValueError):
        way.set_(bad)


@pytest.mark.parametrize("bad", ["a b", "a:b", "a,b", "ä", ""])
@pytest.mark.parametrize("way", [way for way in WAYS if way.of == "name"], ids=str)
def test_m56_a_header_name_is_a_token(way: Way, bad: str) -> None:
    """Separators, spaces and text outside ASCII are no header name (RFC 9110 §5.6.2)."""
    if way.name == "add_vary" and bad == "":
        return  # no name, nothing added
    with pytest.raises(ValueError):
        way.set_(bad)


class _BadASGI:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def changed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-bad", b"a\r\nset-cookie: evil=1"))
            await send(message)

        await self.app(scope, receive, changed)


def _bad_wsgi(app: Any) -> Any:
    def middleware(environ: Any, start_response: Any) -> Any:
        def changed(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, ("x-bad", "a\r\nset-cookie: evil=1")], *rest)

        return app(environ, changed)

    return middleware


async def _bad_abort(request: Request, call_next: CallNext) -> Response:
    abort(400, headers={"x-bad": "a\r\nset-cookie: evil=1"})


async def _bad_error(request: Request, call_next: CallNext) -> Response:
    raise HTTPError("x", status=400, headers=[("x-bad\r\nset-cookie", "evil=1")])


async def _bad_allow(request: Request, call_next: CallNext) -> Response:
    raise MethodNotAllowed(["GET\r\nset-cookie: evil=1"])


async def _bad_tuple(request: Request, call_next: CallNext) -> Any:
    return "x", {"content-type": "text/plain\r\nset-cookie: evil=1"}


BAD_LAYERS = {
    "asgi": Middleware(_BadASGI, only="/*"),
    "wsgi": WSGIMiddleware(_bad_wsgi),
    "abort": _bad_abort,
    "HTTPError": _bad_error,
    "MethodNotAllowed": _bad_allow,
    "headers of a tuple": _bad_tuple,
}


@pytest.mark.parametrize("kind", BAD_LAYERS)
@pytest.mark.parametrize("path", ["/ok", "/stream"])
async def test_m56_a_bad_header_of_a_layer_is_a_500_without_it(
    client_for: ClientFor, log: Recorder, kind: str, path: str
) -> None:
    """What foreign layers and errors put into headers is checked where it comes in; streams inside are closed."""
    async with client_for(application(log, [BAD_LAYERS[kind]])) as client:
        response = await client.get(path)
    assert response.status == 500
    assert "x-bad" not in response.headers
    assert "set-cookie" not in response.headers
    assert log.who("leave").count("source") == log.who("enter").count("source")


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("path", ["/ok", "/stream", "/nowhere", "/raise"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_m47_one_start_reaches_the_server(transport: str, log: Recorder, path: str, method: str) -> None:
    """Whatever the request comes to, the protocol's start is called once and before any body."""
    driver = DRIVERS[transport](method, path)
    await driver.serve(application(log))
    starts = {"asgi": {"start"}, "rsgi": {"empty", "bytes", "stream", "file"}, "wsgi": {"start"}}[transport]
    assert [call for call in driver.calls if call in starts] == driver.calls[:1]
    if transport == "asgi":
        assert driver.calls[-1] == "end"
