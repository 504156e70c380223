"""M1–M10: order, and everything exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nacre import CallNext, ConfigurationError, Group, Hooks, Middleware, Nacre, Request, Response
from nacre.testing import TestClient
from rules.application import MAX_BODY, Boom, Gate, Signals, application
from rules.drivers import DRIVERS
from rules.recording import (
    AROUND,
    BY_NAME,
    DEPTHS,
    INNER,
    STYLES,
    Chain,
    Recorder,
    Style,
    chains,
    current,
    ids,
    names,
)

ClientFor = Callable[..., TestClient]


@dataclass(frozen=True)
class Outcome:
    """A request that ends in one certain way by itself."""

    name: str
    status: int
    method: str = "GET"
    path: str = "/ok"
    options: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None

    def __str__(self) -> str:
        return self.name


OUTCOMES = [
    Outcome("200", 200, body=b"ok"),
    Outcome("200-plain", 200, path="/plain", body=b"ok"),
    Outcome("404", 404, path="/nowhere"),
    Outcome("405", 405, method="DELETE"),
    Outcome("options", 204, method="OPTIONS"),
    Outcome("413", 413, method="POST", path="/read", options={"content": b"x" * (MAX_BODY + 1)}),
    Outcome("raised", 500, path="/raise"),
    Outcome("stream", 200, path="/stream", body=b"piece 0;piece 1;piece 2;"),
    Outcome("plain-stream", 200, path="/plain-stream", body=b"piece 0;piece 1;piece 2;"),
    Outcome("head-stream", 200, method="HEAD", path="/stream", body=b""),
]


def assert_left_once(log: Recorder, chain: Chain, *, answered: bool = True) -> None:
    """Each layer that was entered was left once, innermost first; finalizers ran once for the response there was."""
    around = [name for name, style in zip(chain.names, chain.styles, strict=True) if style.around]
    entered = [who for who in log.who("enter") if who in around]
    assert entered == around[: len(entered)]
    left = [who for who in log.who("leave") if who in around]
    if "source" in log.who("enter") and len({style.name for style in chain.styles}) > 1:
        # ASGI layers enclose the stream, and others its beginning only, so the order is that of two nests.
        assert sorted(left) == sorted(entered)
    else:
        assert left == entered[::-1]
    finalized = [who for who in log.who("leave") if who in chain.names and who not in around]
    hooks = [name for name in chain.names if name not in around]
    assert finalized == (hooks[::-1] if answered else [])
    assert log.who("enter").count("source") == log.who("leave").count("source") <= 1


def _outcome_rows() -> list[Any]:
    """Fifty layers where depth may matter: on the way out of a response, of an exception and of a stream."""
    return [
        pytest.param(outcome, chain, id=f"{outcome}-{chain}")
        for outcome in OUTCOMES
        for chain in chains(depths=DEPTHS if outcome.name in ("200", "raised", "stream") else (3,))
    ]


@pytest.mark.parametrize(("outcome", "chain"), _outcome_rows())
async def test_m01_m02_layers_enter_in_order_and_leave_once_in_reverse(
    client_for: ClientFor, log: Recorder, chain: Chain, outcome: Outcome
) -> None:
    """Whatever a request comes to, layers are entered in the order of their list and left once each, in reverse."""
    async with client_for(application(log, chain.build(log))) as client:
        response = await client.request(outcome.method, outcome.path, **outcome.options)
    assert response.status == outcome.status
    if outcome.body is not None:
        assert response.body == outcome.body
    assert [who for who in log.who("enter") if who in chain.names] == chain.names
    assert_left_once(log, chain)


@pytest.mark.parametrize("chain", chains(depths=(1, 3)), ids=ids)
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_m02_what_a_layer_raises_leaves_every_entered_layer_once(
    client_for: ClientFor, log: Recorder, chain: Chain, moment: str
) -> None:
    """A layer in the middle that raises before or after it calls inwards: those outside of it leave once."""

    def fail() -> None:
        raise Boom(moment)

    at = len(chain.styles) // 2
    layers = chain.build(log, before=fail, at=at) if moment == "before" else chain.build(log, after=fail, at=at)
    async with client_for(application(log, layers)) as client:
        response = await client.get("/ok")
    raw_on_asgi = chain.styles[0].raw and moment == "after" and client.transport == "asgi"
    # At the head under ASGI the response has gone out by then; a raised exception is the server's.
    assert response.status == (200 if raw_on_asgi else 500)
    entered = [who for who in log.who("enter") if who in chain.names]
    assert entered == (chain.names if moment == "after" else chain.names[: at + 1])
    assert_left_once(log, chain, answered=True)


@pytest.mark.parametrize("chain", chains(AROUND, depths=(1, 3), mixes=True), ids=ids)
async def test_m02_a_layer_with_a_timeout_is_among_layers_that_leave_once(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """`asyncio.timeout` in a layer ends the handler inside of it; layers on both sides of it leave once."""
    signals = Signals()

    async def limit(request: Request, call_next: CallNext) -> Any:
        try:
            async with asyncio.timeout(None) as timeout:
                watch = asyncio.create_task(signals.entered.wait())
                watch.add_done_callback(lambda _: timeout.reschedule(0))
                return await call_next(request)
        except TimeoutError:
            return "too slow", 504

    inside = Chain("inside", chain.styles) if not chain.styles[0].raw else Chain("none", ())
    inner = Recorder()
    layers = [*chain.build(log), limit, *inside.build(inner)]
    async with client_for(application(inner, layers, signals)) as client:
        response = await client.get("/wait")
    assert response.status == 504
    assert_left_once(log, chain)
    assert_left_once(inner, inside)
    assert inner.who("leave")[0] == "handler"


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])  # WSGI knows no cancellation
@pytest.mark.parametrize("chain", chains(), ids=ids)
async def test_m02_m15_a_cancelled_request_leaves_every_layer_once(transport: str, log: Recorder, chain: Chain) -> None:
    """Cancelling the request's task ends the handler and every layer once, as a CancelledError, with no response."""
    signals = Signals()
    driver = DRIVERS[transport]("GET", "/wait")
    request = asyncio.create_task(driver.serve(application(log, chain.build(log), signals)))
    await signals.entered.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert isinstance(log.errors[0], asyncio.CancelledError)
    assert {event.what for event in log.events} <= {"enter", "raised", "leave"}
    assert log.who("leave")[0] == "handler"
    assert driver.calls == []
    assert_left_once(log, chain, answered=False)


@pytest.mark.parametrize("chain", chains(), ids=ids)
async def test_m02_a_client_that_leaves_before_the_body_changes_nothing_for_layers(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """The client leaves while the handler works: the handler ends as it would have, and each layer leaves once."""
    signals = Signals()
    leave = asyncio.Event()
    async with client_for(application(log, chain.build(log), signals)) as client:
        request = asyncio.ensure_future(client.get("/wait", disconnect_after=leave))
        await signals.entered.wait()
        leave.set()
        signals.release.set()
        await request
    assert_left_once(log, chain)


@pytest.mark.parametrize("path", ["/stream", "/plain-stream"])
@pytest.mark.parametrize("chain", chains(), ids=ids)
async def test_m02_m03_a_client_that_leaves_within_the_body_closes_the_stream_once(
    client_for: ClientFor, log: Recorder, chain: Chain, path: str
) -> None:
    """The client leaves after the first piece: the generator's `finally` runs once and at once, layers leave once."""
    async with client_for(application(log, chain.build(log))) as client:
        async with client.stream("GET", path) as response:
            assert await anext(response) == b"piece 0;"
            await response.disconnect()
    assert log.who("leave").count("source") == 1
    assert_left_once(log, chain)


@pytest.mark.parametrize("chain", chains(INNER, depths=(1, 3)), ids=ids)
@pytest.mark.parametrize("path", ["/ok", "/stream", "/plain-stream"])
async def test_m04_layers_are_done_before_the_first_byte_and_callbacks_come_after_the_last(
    client_for: ClientFor, log: Recorder, chain: Chain, path: str
) -> None:
    """`on_sent`, `background` and `after_response` run once each, after the body; a layer may still add headers."""

    async def outermost(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        log.note("outermost", "done")
        response.headers.set("x-late", "yes")
        return response

    async def innermost(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        request.after_response(lambda: log.note("after_response", "callback"))
        response.on_sent(lambda: log.note("on_sent", "callback"))
        response.background = lambda: log.note("background", "callback")
        return response

    layers = [outermost, *chain.build(log), innermost]
    async with client_for(application(log, layers)) as client:
        response = await client.get(path)
    assert response.headers["x-late"] == "yes"
    assert log.who("callback") == ["on_sent", "background", "after_response"]
    order = [(event.who, event.what) for event in log.events]
    assert order.index(("outermost", "done")) < order.index(("on_sent", "callback"))
    if "stream" in path:
        assert order.index(("source", "leave")) < order.index(("on_sent", "callback"))


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("path", ["/stream", "/plain-stream"])
async def test_m04_callbacks_run_once_when_the_client_has_left(client_for: ClientFor, log: Recorder, path: str) -> None:
    """What follows a response follows it also when the client left in its middle."""

    async def layer(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        response.on_sent(lambda: log.note("on_sent", "callback"))
        response.background = lambda: log.note("background", "callback")
        request.after_response(lambda: log.note("after_response", "callback"))
        return response

    async with client_for(application(log, [layer])) as client:
        async with client.stream("GET", path) as response:
            await anext(response)
            await response.disconnect()
    assert log.who("callback") == ["on_sent", "background", "after_response"]


TWICE = {
    "async": lambda: _twice_async,
    "plain": lambda: _twice_plain,
    "django": lambda: _TwiceDjango,
    "asgi": lambda: Middleware(_TwiceASGI, only="/*"),
}


async def _twice_async(request: Request, call_next: CallNext) -> Response:
    await call_next(request)
    return await call_next(request)


def _twice_plain(request: Request, call_next: Callable[[Request], Response]) -> Response:
    call_next(request)
    return call_next(request)


class _TwiceDjango:
    def __init__(self, get_response: Callable[[Request], Response]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Response:
        self.get_response(request)
        return self.get_response(request)


class _TwiceASGI:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def drop(message: Any) -> None:
            pass

        await self.app(scope, receive, drop)
        await self.app(scope, receive, send)


@pytest.mark.parametrize("kind", TWICE)
@pytest.mark.parametrize("path", ["/ok", "/plain", "/stream"])
async def test_m05_the_handler_never_runs_twice(
    client_for: ClientFor, log: Recorder, kind: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A second call inwards is an error that says so, and the first response's stream is closed."""
    async with client_for(application(log, [TWICE[kind]()])) as client:
        response = await client.get(path)
    assert response.status == 500
    assert log.who("enter").count("handler") == 1
    assert log.who("leave").count("source") == log.who("enter").count("source")
    assert "call_next was called a second time" in caplog.text


@pytest.mark.parametrize("chain", chains(INNER, depths=(1, 3)), ids=ids)
async def test_m06_a_layer_that_answers_itself_stops_what_is_inside_and_not_what_is_outside(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """A layer that doesn't call inwards: inner layers and the handler never run, outer ones see its response."""
    inner = Recorder()

    async def answer(request: Request, call_next: CallNext) -> Any:
        return "early", 418

    inside = [style.make(inner, "inner", lambda: None, lambda: None) for style in INNER]
    async with client_for(application(inner, [*chain.build(log), answer, *inside])) as client:
        response = await client.get("/ok")
    assert (response.status, response.body) == (418, b"early")
    assert inner.who("enter") == []
    assert sorted(log.who("got 418")) == sorted(chain.names)
    assert_left_once(log, chain)


class _Unfit:
    """A value that makes no response."""


RETURNS = {"None": None, "unfit": _Unfit()}


def _returning(style: str, value: object) -> Any:
    async def onion_async(request: Request, call_next: CallNext) -> Any:
        return value

    def onion_plain(request: Request, call_next: Any) -> Any:
        return value

    class Django:
        def __init__(self, get_response: Any) -> None: ...

        def __call__(self, request: Request) -> Any:
            return value

    class DjangoAsync:
        def __init__(self, get_response: Any) -> None: ...

        async def __call__(self, request: Request) -> Any:
            return value

    found = {
        "onion-async": onion_async,
        "onion-plain": onion_plain,
        "django-plain": Django,
        "django-async": DjangoAsync,
    }
    return Middleware(found[style], name="forgetful")


@pytest.mark.parametrize("style", ["onion-async", "onion-plain", "django-plain", "django-async"])
@pytest.mark.parametrize("value", RETURNS)
async def test_m07_a_layer_that_returns_nothing_is_a_500_whose_log_names_it(
    client_for: ClientFor, log: Recorder, style: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    """None or a value that makes no response: a 500, once in the log, with the layer's name."""
    async with client_for(application(log, [_returning(style, RETURNS[value])])) as client:
        response = await client.get("/ok")
    assert response.status == 500
    assert [record for record in caplog.records if "forgetful" in record.getMessage() + str(record.exc_info)]
    assert len(caplog.records) == 1


class _SilentASGI:
    def __init__(self, app: Any) -> None: ...

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        return


class _HeadlessASGI(_SilentASGI):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})


class _BodyFirstASGI(_SilentASGI):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.body", "body": b"x"})


@pytest.mark.parametrize("layer", [_SilentASGI, _HeadlessASGI, _BodyFirstASGI])
async def test_m07_an_asgi_layer_that_breaks_the_protocol_is_a_500_whose_log_names_it(
    client_for: ClientFor, log: Recorder, layer: type, caplog: pytest.LogCaptureFixture
) -> None:
    """An ASGI layer that sends nothing, half a response, or a body without a start: a 500 at once, never a hang."""
    async with client_for(application(log, [Middleware(layer, name="broken", only="/*")])) as client:
        response = await client.get("/ok")
    assert response.status == 500
    assert "broken" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])  # a WSGI application lives as long as its process
async def test_m08_layers_are_built_once_and_shutdown_follows_a_failed_startup(client_for: ClientFor) -> None:
    """Classes are built once, however often the application is compiled; shutdown follows also a failed startup."""
    built: list[str] = []
    ended: list[str] = []

    class Django:
        def __init__(self, get_response: Any) -> None:
            built.append("django")
            self.get_response = get_response

        async def __call__(self, request: Request) -> Response:
            return await self.get_response(request)  # type: ignore[no-any-return]

    class ASGI:
        def __init__(self, app: Any) -> None:
            built.append("asgi")
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    app = Nacre(middlewares=[ASGI, Django, Middleware(ASGI, only="/*")])

    @app.get("/")
    def index() -> str:
        return "x"

    async with client_for(app) as client:
        for number in range(3):
            app.add_route(f"/{number}", index)
            assert (await client.get(f"/{number}")).status == 200
    assert sorted(built) == ["asgi", "asgi", "django"]

    failing = Nacre()
    failing.on_shutdown(lambda: ended.append("first"))

    @failing.on_startup
    def first() -> None:
        pass

    @failing.on_startup
    def second() -> None:
        raise Boom("no database")

    with pytest.raises(Exception, match="no database"):
        async with client_for(failing):
            pass
    assert ended == ["first"]


@pytest.mark.parametrize("style", STYLES, ids=ids)
async def test_m09_concurrent_requests_share_layers_without_mixing(client_for: ClientFor, style: Style) -> None:
    """Many requests at once through one layer object: each sees its own request and its own context variable."""
    log = Recorder()
    app = Nacre(middlewares=style.layers(log, 3), threads=4)
    gate = Gate()
    waiting = 0
    total = 40

    @app.get("/<int:number>")
    async def echo(request: Request, number: int) -> dict[str, Any]:
        nonlocal waiting
        current.set(str(number))
        request.state.number = number
        waiting += 1
        if waiting >= (4 if style.plain else total) or client.transport == "wsgi":
            gate.set()
        await gate.wait()
        return {"path": request.path_params["number"], "context": current.get(), "state": request.state.number}

    async with client_for(app) as client:
        responses = await asyncio.gather(*(client.get(f"/{number}") for number in range(total)))
    expected = [{"path": number, "context": str(number), "state": number} for number in range(total)]
    assert [response.json() for response in responses] == expected


async def test_m10_route_layers_run_for_their_route_and_app_layers_for_every_request(
    client_for: ClientFor, log: Recorder
) -> None:
    """A route's layer runs for that route only, and knows it; a group's for its prefix; the application's always."""
    make = BY_NAME["onion-async"].make
    seen: list[str | None] = []

    def layer(name: str) -> Any:
        return make(log, name, lambda: None, lambda: None)

    async def route_layer(request: Request, call_next: CallNext) -> Response:
        log.note("route", "enter")
        seen.append(request.route.path if request.route else None)
        return await call_next(request)

    app = Nacre(middlewares=[layer("app")])
    group = Group("/group", middlewares=[layer("group")])
    app.add_route("/a", lambda request: "a", middlewares=[route_layer])
    app.add_route("/b", lambda request: "b")
    group.add_route("/c", lambda request: "c", middlewares=[route_layer])
    app.include(group)
    expected = {
        "/a": ["app", "route"],
        "/b": ["app"],
        "/group/c": ["app", "group", "route"],
        "/group/unknown": ["app", "group"],
        "/grouped": ["app"],
        "/unknown": ["app"],
    }
    async with client_for(app) as client:
        for path, layers in expected.items():
            log.clear()
            await client.get(path)
            assert log.who("enter") == layers
        log.clear()
        assert (await client.post("/a")).status == 405
    assert log.who("enter") == ["app"]
    assert seen == ["/a", "/group/c"]


async def test_m01_hooks_and_layers_of_all_scopes_have_one_order(client_for: ClientFor, log: Recorder) -> None:
    """App layers, group layers, route layers, before hooks (app first), handler, after hooks (group first), and out."""

    def layer(name: str) -> Any:
        return BY_NAME["onion-async"].make(log, name, lambda: None, lambda: None)

    app = Nacre(middlewares=[layer("app"), Hooks(before=lambda request: log.note("app-hooks", "enter"), inline=True)])
    group = Group("/g", middlewares=[layer("group")])
    for scope, name in ((app, "app"), (group, "group")):
        scope.before_request(lambda request, name=name: log.note(f"before-{name}", "enter"))
        scope.after_request(lambda request, response, name=name: log.note(f"after-{name}", "enter"))

    @group.get("/x", middlewares=[layer("route")])
    def handler(request: Request) -> str:
        log.note("handler", "enter")
        return "x"

    app.include(group)
    async with client_for(app) as client:
        await client.get("/g/x")
    assert log.who("enter") == [
        *("app", "app-hooks", "group", "route", "before-app", "before-group"),
        *("handler", "after-group", "after-app"),
    ]
    assert log.who("leave") == ["route", "group", "app"]


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_m07_every_shape_that_is_none_is_refused_at_startup(depth: int) -> None:
    """What can't be a layer is told before the first request, each with its place."""
    app = Nacre(middlewares=[lambda request: None for _ in range(depth)])
    with pytest.raises(ConfigurationError, match="cannot be adapted") as refused:
        app.compile()
    assert len(refused.value.problems) == depth or depth > 1
    assert names(depth)
