"""Layers and clients that do what nobody expects: each of these has broken a framework before (spec/lessons.md 4.3)."""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest

from nacre import (
    ASGIMiddleware,
    CallNext,
    Group,
    Middleware,
    Nacre,
    Request,
    Response,
    StreamingResponse,
    WSGIMiddleware,
)
from nacre.chain.drive import Drive
from nacre.chain.onion import hands_on_only
from nacre.testing import TestClient
from rules.application import Boom, Gate, application
from rules.drivers import ASGIDriver
from rules.recording import BY_NAME, INNER, Chain, Recorder, Style, chains, ids, stream_of

ClientFor = Callable[..., TestClient]


# Layers that run what is inside them in another task.


async def _in_task(request: Request, call_next: CallNext) -> Response:
    return await asyncio.create_task(call_next(request))  # type: ignore[arg-type]


async def _in_wait_for(request: Request, call_next: CallNext) -> Response:
    return await asyncio.wait_for(call_next(request), 5)


async def _in_group(request: Request, call_next: CallNext) -> Response:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call_next(request))  # type: ignore[arg-type]
    return task.result()


async def _in_shield(request: Request, call_next: CallNext) -> Response:
    return await asyncio.shield(call_next(request))


ELSEWHERE = [_in_task, _in_wait_for, _in_group, _in_shield]


@pytest.mark.parametrize("path", ["/plain", "/stream"])
@pytest.mark.parametrize("layer", ELSEWHERE)
@pytest.mark.parametrize("style", INNER, ids=ids)
async def test_calling_inwards_from_another_task_works(
    client_for: ClientFor, log: Recorder, style: Style, layer: Any, path: str
) -> None:
    """`create_task`, `wait_for`, a task group or `shield` around `call_next`, layers of each style on both sides."""
    layers = [
        style.make(log, "L0", lambda: None, lambda: None),
        layer,
        style.make(log, "L1", lambda: None, lambda: None),
    ]
    async with client_for(application(log, layers)) as client:
        response = await client.get(path)
    assert response.status == 200
    assert response.body == (b"piece 0;piece 1;piece 2;" if "stream" in path else b"ok")
    assert sorted(log.who("enter")) == sorted([*log.who("leave"), "handler"])


# ASGI layers with tasks of their own.


class _SendsFromTask:
    """Forwards every message from a task of its own, in order."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()

        async def forward() -> None:
            while (message := await queue.get()) is not None:
                await send(message)

        async with asyncio.TaskGroup() as group:
            group.create_task(forward())
            await self.app(scope, receive, queue.put)
            await queue.put(None)


class _RunsInTask:
    """Runs the inner application in a task, as BaseHTTPMiddleware does, and forwards what it sends."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.app(scope, receive, send))


class _Watches:
    """Waits for the client's departure beside the application, as many do for streams."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        watching = asyncio.create_task(watch())
        try:
            await self.app(scope, receive, send)
        finally:
            watching.cancel()
            await asyncio.wait([watching])


class _Sleeps:
    """Gives way to others around every message."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def slow(message: Any) -> None:
            await asyncio.sleep(0)
            await send(message)
            await asyncio.sleep(0)

        await asyncio.sleep(0)
        await self.app(scope, receive, slow)
        await asyncio.sleep(0)


class _CopiesDeeply:
    """Works on a deep copy of the scope, as some profilers and proxies do."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(copy.deepcopy(scope), receive, send)


class _Wraps:
    """Gives `receive` and `send` wrappers, and a scope of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def receiving() -> Any:
            return await receive()

        async def sending(message: Any) -> None:
            await send(dict(message))

        await self.app({**scope}, receiving, sending)


ASGI_LAYERS = [_SendsFromTask, _RunsInTask, _Watches, _Sleeps, _CopiesDeeply, _Wraps]


def _inside(*classes: type) -> list[Any]:
    return [ASGIMiddleware(cls, only="/*") for cls in classes]


@pytest.mark.parametrize("count", [1, 2, 20])
@pytest.mark.parametrize("path", ["/ok", "/plain", "/stream", "/plain-stream", "/raise", "/read"])
@pytest.mark.parametrize("layer", ASGI_LAYERS)
async def test_asgi_layers_with_habits_of_their_own(
    client_for: ClientFor, log: Recorder, layer: type, path: str, count: int
) -> None:
    """Tasks, task groups, deep copies, wrapped channels, one in the other: the answer is what it is without them."""
    app = application(log, _inside(*[layer] * count))
    async with client_for(app) as client:
        response = await (client.post(path, content=[b"bo", b"dy"]) if path == "/read" else client.get(path))
    expected = {"/raise": b"Internal Server Error", "/read": b"body"}
    assert response.body == expected.get(path, b"piece 0;piece 1;piece 2;" if "stream" in path else b"ok")
    assert log.who("leave").count("source") == log.who("enter").count("source")


@pytest.mark.parametrize("order", [ASGI_LAYERS, ASGI_LAYERS[::-1]], ids=["forth", "back"])
async def test_asgi_layers_of_all_habits_at_once(client_for: ClientFor, log: Recorder, order: list[type]) -> None:
    """All of them around each other, with layers of other styles in between, streaming, and a client that leaves."""
    plain = BY_NAME["onion-plain"].make(log, "plain", lambda: None, lambda: None)
    layers = [*_inside(*order[:3]), plain, *_inside(*order[3:])]
    app = application(log, layers)
    async with client_for(app) as client:
        assert (await client.get("/stream")).body == b"piece 0;piece 1;piece 2;"
        async with client.stream("GET", "/stream") as response:
            assert await anext(response) == b"piece 0;"
            await response.disconnect()
    assert log.who("leave").count("source") == 2


@pytest.mark.parametrize("kind", ["asgi-inside", "wsgi"])
async def test_fifty_layers_stream_and_are_left_when_the_client_leaves(
    client_for: ClientFor, log: Recorder, kind: str
) -> None:
    """Nested fifty deep: piece by piece, nothing held back, and one departure closes them all."""
    gate = Gate()
    app = Nacre(middlewares=BY_NAME[kind].layers(log, 50), threads=1)

    @app.get("/")
    async def handler(request: Request) -> Response:
        async def pieces() -> Any:
            try:
                yield b"first"
                await gate.wait()
                yield b"never"
            finally:
                log.note("source", "leave")

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            assert await anext(response) == b"first"
            if client.transport == "wsgi":
                gate.set()  # a WSGI server learns of the departure when it sends
            await response.disconnect()
    assert sorted(log.who("leave")) == sorted([*log.who("enter"), "source"])


starlette = pytest.importorskip("starlette.middleware.base")


class _Base(starlette.BaseHTTPMiddleware):  # type: ignore[name-defined,misc]
    """Starlette's own way to write a middleware, which runs the rest in a task and streams through a queue."""

    async def dispatch(self, request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-base"] = "yes"
        return response


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("path", ["/ok", "/plain", "/stream", "/plain-stream", "/read", "/raise", "/nowhere"])
async def test_starlettes_base_http_middleware_inside_the_chain(
    client_for: ClientFor, log: Recorder, path: str, count: int
) -> None:
    """Responses, streams, bodies and exceptions pass it; the exception is still the handler's."""
    seen: list[BaseException] = []

    async def outer(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        except Boom as error:
            seen.append(error)
            raise

    layers = [outer, *(Middleware(_Base, only="/*") for _ in range(count))]
    async with client_for(application(log, layers)) as client:
        response = await (client.post(path, content=b"body") if path == "/read" else client.get(path))
    assert response.status == {"/raise": 500, "/nowhere": 404}.get(path, 200)
    if path in ("/ok", "/stream", "/read"):
        assert response.headers["x-base"] == "yes"
        assert response.body == {"/ok": b"ok", "/read": b"body"}.get(path, b"piece 0;piece 1;piece 2;")
    assert len(seen) == (path == "/raise")


async def test_starlettes_base_http_middleware_and_a_client_that_leaves(client_for: ClientFor, log: Recorder) -> None:
    """The stream inside is closed, and no task of it is left."""
    async with client_for(application(log, [Middleware(_Base, only="/*")])) as client:
        async with client.stream("GET", "/stream") as response:
            await anext(response)
            await response.disconnect()
    assert log.who("leave") == ["source"]


# What foreign applications do after their response.


# RSGI and WSGI tell of a stream's end by returning, and their transports return after the callbacks: known.
AFTER = [("asgi", "whole"), ("asgi", "stream"), ("rsgi", "whole"), ("wsgi", "whole")]


@pytest.mark.parametrize(("transport", "kind"), AFTER)
@pytest.mark.parametrize("place", ["layer", "mounted"])
async def test_what_an_asgi_application_does_after_its_response_keeps_nobody_waiting(
    client_for: ClientFor, log: Recorder, place: str, kind: str
) -> None:
    """A background task of a foreign framework begins after the last byte and holds neither it nor the end back."""
    gate = Gate()

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if kind == "stream":
            await send({"type": "http.response.body", "body": b"first;", "more_body": True})
        await send({"type": "http.response.body", "body": b"last"})
        await gate.wait()
        log.note("background", "ran")

    class Layer:
        def __init__(self, app: Any) -> None: ...

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await foreign(scope, receive, send)

    app = Nacre(middlewares=_inside(Layer) if place == "layer" else [])
    if place == "mounted":
        app.mount("/", foreign)
    else:
        app.add_route("/", lambda request: "x")
    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            assert await response.read() == (b"first;last" if kind == "stream" else b"last")
            assert log.who("ran") == []
            gate.set()
    assert log.who("ran") == ["background"]


async def test_a_foreign_application_whose_body_comes_late_sends_its_headers_first(client_for: ClientFor) -> None:
    """A mounted application that streams events: its status doesn't wait for the first of them."""
    gate = Gate()

    async def events(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    app = Nacre()
    app.mount("/", events)
    async with client_for(app) as client:
        if client.transport == "wsgi":
            return  # there the headers go out with the first piece
        async with client.stream("GET", "/") as response:
            assert response.status == 200
            gate.set()
            assert await response.read() == b"data: x\n\n"


async def test_a_cancellation_is_not_lost_when_a_message_comes_in_the_same_moment() -> None:
    """A message from another task has woken the drive, and before it goes on the request is cancelled: at once."""
    waiting = asyncio.get_running_loop().create_future()
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def child() -> None:
            await send({"type": "http.response.start"})

        task = asyncio.create_task(child())
        try:
            await waiting
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        finally:
            task.cancel()

    drive = Drive(app, {}, None)  # type: ignore[arg-type]

    async def drive_it() -> None:
        await drive.advance()
        ended.append("a message")

    request = asyncio.create_task(drive_it())
    await asyncio.sleep(0)  # the request waits, the child is about to send
    asyncio.get_running_loop().call_soon(request.cancel)  # after the child's message has cut the wait short
    await asyncio.wait([request])
    await asyncio.sleep(0)
    assert request.cancelled()
    assert ended == ["cancelled"]


# Layers that swallow, replace and misbehave on the way out.


async def _swallow(request: Request, call_next: CallNext) -> Any:
    try:
        return await call_next(request)
    except Exception:
        return "swallowed", 202


@pytest.mark.parametrize("chain", chains(INNER, depths=(1, 3)), ids=ids)
async def test_a_layer_may_swallow_an_exception(
    client_for: ClientFor, log: Recorder, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    """What it answers instead is the response, and the log says nothing."""
    if any(style.name.startswith("django") for style in chain.styles):
        return  # the exception is a 500 inside of those
    async with client_for(application(log, [_swallow, *chain.build(log)])) as client:
        response = await client.get("/raise")
    assert (response.status, response.body) == (202, b"swallowed")
    assert caplog.records == []


async def test_a_finalizer_that_swallows_a_cancellation_loses_no_callback(log: Recorder) -> None:
    """A layer's `finally` that raises something else while the request is cancelled: the rest is left all the same."""
    gate = Gate()

    async def bad(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        finally:
            log.note("bad", "leave")
            raise Boom("in finally")

    outer = BY_NAME["onion-async"].make(log, "outer", lambda: None, lambda: None)
    app = Nacre(middlewares=[outer, bad])

    @app.get("/")
    async def handler(request: Request) -> str:
        request.after_response(lambda: log.note("callback", "ran"))
        gate.set()
        await asyncio.get_running_loop().create_future()
        return "x"

    driver = ASGIDriver("GET", "/")
    request = asyncio.create_task(driver.serve(app))
    await gate.wait()
    request.cancel()
    await asyncio.wait([request])
    assert log.who("leave") == ["bad", "outer"]
    assert log.who("ran") == ["callback"]
    assert driver.status == 500  # the layer has ended the cancellation, so this is an exception like any other


@pytest.mark.parametrize("kind", ["asgi-inside", "wsgi", "onion-plain", "onion-checked"])
async def test_replacing_a_stream_at_every_level_closes_every_one(
    client_for: ClientFor, log: Recorder, kind: str
) -> None:
    """Each layer drops the stream from inside and answers with one of its own."""

    async def replace(request: Request, call_next: CallNext) -> Any:
        await call_next(request)
        return stream_of(log)

    between = BY_NAME[kind].layers(Recorder(), 3)
    layers = [replace, between[0], replace, between[1], replace, between[2]]
    async with client_for(application(log, layers)) as client:
        response = await client.get("/stream")
    assert response.body == b"piece 0;piece 1;piece 2;"
    assert log.who("leave").count("source") == log.who("enter").count("source") >= 1


# What is read from a layer's source must hold for the function that runs.


def _decorated(function: Any) -> Any:
    @functools.wraps(function)
    async def layer(request: Request, call_next: CallNext) -> Any:
        await function(request, call_next)

    return layer


@_decorated
async def _wrapped(request: Request, call_next: CallNext) -> Response:
    return await call_next(request)


async def _other_parameter(request: Request, call_next: CallNext, other: Any = asyncio.sleep) -> Any:
    await call_next(request)
    return await other(0)


async def _rebound(request: Request, call_next: CallNext) -> Any:
    await call_next(request)
    call_next = lambda request: asyncio.sleep(0)  # type: ignore[assignment] # noqa: E731
    return await call_next(request)


class _Bound:
    async def layer(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)


async def _usual(request: Request, call_next: CallNext) -> Response:
    response = await call_next(request)
    response.headers.set("x", "y")
    return response


@pytest.mark.parametrize("layer", [_wrapped, _other_parameter, _rebound])
async def test_a_layer_is_looked_at_unless_its_own_source_proves_what_it_returns(
    client_for: ClientFor, log: Recorder, layer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A decorator that drops the result, another parameter, a name bound anew: None is noticed and the layer named."""
    async with client_for(application(log, [Middleware(layer, name="forgetful")])) as client:
        assert (await client.get("/ok")).status == 500
    assert "forgetful" in caplog.text


PROVEN = [(_usual, True), (_Bound(), True), (_Bound().layer, True)]
UNPROVEN = [(_wrapped, False), (_other_parameter, False), (_rebound, False)]


@pytest.mark.parametrize(("layer", "proven"), [*PROVEN, *UNPROVEN])
def test_the_usual_layer_needs_no_look(layer: Any, proven: bool) -> None:
    """Functions, instances and bound methods that return what `call_next` gave, and nothing else."""
    assert hands_on_only(layer) is proven


# Two applications, one request.


async def test_mounts_within_mounts_leave_the_request_as_they_found_it(client_for: ClientFor, log: Recorder) -> None:
    """Exceptions, streams and errors inside: outside the path is what it was."""
    seen: list[tuple[str, str]] = []

    async def outside(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        finally:
            seen.append((request.root_path, request.path))

    inner = application(log)
    middle = Nacre(middlewares=[outside])
    middle.mount("/b", inner)
    outer = Nacre(middlewares=[outside])
    group = Group("/g")
    group.mount("/a", middle)
    outer.include(group)
    async with client_for(outer) as client:
        for path, status in (("/ok", 200), ("/raise", 500), ("/stream", 200), ("/nowhere", 404)):
            seen.clear()
            assert (await client.get(f"/g/a/b{path}")).status == status
            assert seen == [("/g/a", f"/b{path}"), ("", f"/g/a/b{path}")]


def _environ_keeper(app: Any) -> Any:
    kept: list[Any] = []

    def middleware(environ: Any, start_response: Any) -> Any:
        kept.append(environ)
        return app(kept[0], start_response)

    return middleware


async def test_a_wsgi_layer_that_mixes_environs_up_is_the_one_to_blame(client_for: ClientFor) -> None:
    """A layer that keeps the first request's environ answers for it; the framework itself shares nothing."""
    app = Nacre(middlewares=[WSGIMiddleware(_environ_keeper, name="keeper")])
    app.add_route("/<int:number>", lambda request: str(request.path_params["number"]))
    async with client_for(app) as client:
        assert (await client.get("/1")).text == "1"
        assert (await client.get("/2")).status == 500
