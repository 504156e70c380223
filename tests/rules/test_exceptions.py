"""M11–M21: exceptions, on their way out and at their end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import nacre
from nacre import CallNext, Group, Hooks, Middleware, Nacre, Request, Response, StreamingResponse, abort
from nacre.testing import TestClient
from rules.application import Boom, application
from rules.drivers import DRIVERS
from rules.recording import AROUND, SEEING, Chain, Recorder, chains, ids, stream_of

ClientFor = Callable[..., TestClient]
PACKAGE = str(Path(nacre.__file__).parent)


@pytest.mark.parametrize("chain", chains(SEEING), ids=ids)
async def test_m11_every_layer_sees_the_handlers_exception_itself_once(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """An exception raised in the handler passes every layer once, innermost first, as the same object."""
    async with client_for(application(log, chain.build(log))) as client:
        assert (await client.get("/raise")).status == 500
    assert log.who("raised") == chain.names[::-1]
    assert {event.error for event in log.of("raised")} == {id(log.errors[0])}
    assert isinstance(log.errors[0], Boom)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("chain", chains(SEEING, depths=(3,)), ids=ids)
async def test_m11_m16_the_layers_outside_see_what_a_layer_raises(
    client_for: ClientFor, log: Recorder, chain: Chain, moment: str
) -> None:
    """An exception raised in layer k reaches k and those outside of it, and nobody further in."""

    def fail() -> None:
        raise Boom(moment)

    at = len(chain.styles) // 2
    layers = chain.build(log, before=fail, at=at) if moment == "before" else chain.build(log, after=fail, at=at)
    async with client_for(application(log, layers)) as client:
        await client.get("/ok")
    assert log.who("raised") == chain.names[: at + 1][::-1]
    assert len({event.error for event in log.of("raised")}) == 1


# How many of our frames an exception passes per layer. An onion layer costs none or one. A style whose code is driven
# from elsewhere (a thread, a coroutine stepped by hand) costs those steps; they are ours, and cutting them off would
# make a traceback lie about how the code was reached, so the number is held down rather than hidden.
FRAMES = {
    "onion-async": 2,
    "onion-instance": 2,
    "onion-checked": 2,
    "asgi-inside": 7,
    "onion-plain": 12,
    "wsgi": 16,
}
INNERMOST = 6


@pytest.mark.parametrize("chain", chains(SEEING, depths=(1, 3, 20), mixes=False), ids=ids)
async def test_m12_the_exception_is_the_users_own(client_for: ClientFor, log: Recorder, chain: Chain) -> None:
    """Its context, cause and notes are what the user made them, and few frames on its traceback are ours."""
    cause, context = ValueError("cause"), KeyError("context")
    raised = Boom("own")
    raised.add_note("a note")
    app = application(log, chain.build(log))

    @app.get("/own")
    async def own(request: Request) -> str:
        try:
            raise context
        except KeyError:
            raise raised from cause

    @app.get("/bare")
    async def bare(request: Request) -> str:
        raise Boom("bare")

    async with client_for(app) as client:
        await client.get("/own")
        await client.get("/bare")
    assert raised.__cause__ is cause
    assert raised.__context__ is context
    assert raised.__notes__ == ["a note"]
    assert context.__context__ is None
    bare_error = log.errors[-1]
    assert (bare_error.__cause__, bare_error.__context__) == (None, None)
    assert not hasattr(bare_error, "__notes__")
    ours = _our_frames(bare_error.__traceback__)
    assert len(ours) <= INNERMOST + FRAMES[chain.styles[0].name] * len(chain.styles), ours


def _our_frames(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(PACKAGE) and "testing" not in code.co_filename:
            found.append(f"{Path(code.co_filename).name}:{code.co_name}")
        trace = trace.tb_next
    return found


@pytest.mark.parametrize("chain", chains(AROUND, depths=(1, 3)), ids=ids)
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_m13_a_registered_handler_runs_once_and_layers_see_its_response(
    client_for: ClientFor, log: Recorder, chain: Chain, plain: bool
) -> None:
    """An exception with an error handler is a response to every layer of the scope, and to those outside of it."""
    app = application(log, chain.build(log))

    async def answer(request: Request, error: Exception) -> Any:
        log.note("error handler", "ran", error)
        return "handled", 418

    def answer_plainly(request: Request, error: Exception) -> Any:
        log.note("error handler", "ran", error)
        return "handled", 418

    app.error_handler(Boom)(answer_plainly if plain else answer)
    async with client_for(app) as client:
        response = await client.get("/raise")
    assert (response.status, response.body) == (418, b"handled")
    assert log.who("ran") == ["error handler"]
    assert log.who("got 418") == chain.names[::-1]
    assert log.who("raised") == []


async def test_m13_layers_inside_the_handlers_scope_see_the_exception_and_those_outside_the_response(
    client_for: ClientFor, log: Recorder
) -> None:
    """The other variant: the outer scope's handler is asked after the layers of the inner one saw the exception."""
    make = chains(SEEING, depths=(1,), mixes=False)[0].styles[0].make
    app = Nacre(middlewares=[make(log, "outer", lambda: None, lambda: None)])
    group = Group("/g", middlewares=[make(log, "inner", lambda: None, lambda: None)])

    async def raising_layer(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise Boom("in the layer")

    @group.get("/layer", middlewares=[raising_layer])
    async def ok(request: Request) -> str:
        return "ok"

    @app.error_handler(Boom)
    def answer(request: Request, error: Exception) -> str:
        log.note("error handler", "ran", error)
        return "handled"

    app.include(group)
    async with client_for(app) as client:
        response = await client.get("/g/layer")
    assert (response.status, response.body) == (500, b"handled")
    assert log.who("ran") == ["error handler"]
    assert log.who("got 500") == ["inner", "outer"]


def _body_rows() -> list[Any]:
    """Layers at the head of the list are driven by a transport of their own under RSGI and WSGI, and both that one and
    the server's tell the log of the exception: known, `transports/raw.py`.
    """
    return [
        pytest.param(transport, chain, id=f"{transport}-{chain}")
        for transport in ("asgi", "rsgi", "wsgi")
        for chain in chains(AROUND, depths=(1, 3))
        if transport == "asgi" or not chain.styles[0].raw
    ]


@pytest.mark.parametrize(("transport", "chain"), _body_rows())
async def test_m14_an_exception_within_the_body_cuts_the_connection(
    client_for: ClientFor, log: Recorder, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    """After the status is out there is no second one and no proper end; it is logged once, and everything is closed."""
    app = application(log, chain.build(log))
    callbacks: list[str] = []

    @app.get("/broken")
    async def broken(request: Request) -> StreamingResponse:
        request.after_response(lambda: callbacks.append("after"))

        async def pieces() -> Any:
            log.note("source", "enter")
            try:
                yield b"first"
                raise Boom("within the body")
            finally:
                log.note("source", "leave")

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        response = await client.get("/broken")
    assert response.status == 200
    if client.transport != "rsgi":  # which ends the body when its callable returns or raises; there the socket is cut
        assert isinstance(response.aborted, Boom)
        assert not response.exchange.ended
    assert log.who("leave").count("source") == 1
    assert callbacks == ["after"]
    assert [record for record in caplog.records if record.name == "nacre.error"] == caplog.records
    assert len(caplog.records) == 1


class Stop(BaseException):
    """One that no `except Exception` takes."""


BASE = [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, Stop]


def _base_rows() -> list[Any]:
    """What is raised, through which layers. A coroutine that gets GeneratorExit has to end without waiting: so nobody
    waits for the thread in which a plain layer is told of it, and those rows are left out.
    """
    return [
        pytest.param(chain, kind, id=f"{chain}-{kind.__name__}")
        for chain in chains(AROUND, depths=(3,))
        for kind in BASE
        if kind is not GeneratorExit or not any(style.plain for style in chain.styles)
    ]


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize(("chain", "kind"), _base_rows())
async def test_m15_what_is_no_exception_is_never_answered_nor_swallowed(
    transport: str, log: Recorder, chain: Chain, kind: type[BaseException], plain: bool
) -> None:
    """A BaseException from the handler passes all layers, `except Exception` too, and comes out where it went in."""
    app = application(log, [_swallowing, *chain.build(log)])
    raised = kind()

    async def fail(request: Request) -> str:
        raise raised

    def fail_plainly(request: Request) -> str:
        raise raised

    app.add_route("/base", fail_plainly if plain else fail)
    driver = DRIVERS[transport]("GET", "/base")
    came: list[BaseException] = []
    # In a task of its own KeyboardInterrupt and SystemExit would end the event loop, so this task serves.
    try:
        if transport == "wsgi":
            await asyncio.to_thread(_catch, came, lambda: driver.run(app))  # type: ignore[attr-defined]
        else:
            await driver.serve(app)
    except BaseException as error:
        came.append(error)
    assert came == [raised]
    assert driver.calls == []
    assert log.who("raised") == chain.names[::-1]
    assert log.who("leave") == chain.names[::-1]


async def _swallowing(request: Request, call_next: CallNext) -> Any:
    try:
        return await call_next(request)
    except Exception:
        return "swallowed"


def _catch(came: list[BaseException], function: Callable[[], object]) -> None:
    try:
        function()
    except BaseException as error:
        came.append(error)


@pytest.mark.parametrize("path", ["/stream", "/plain-stream"])
@pytest.mark.parametrize("chain", chains(SEEING, depths=(1, 3)), ids=ids)
async def test_m16_an_exception_after_the_inner_response_closes_it(
    client_for: ClientFor, log: Recorder, chain: Chain, path: str
) -> None:
    """A layer that raises after it got a stream: the stream is closed once, and the client gets a 500."""

    def fail() -> None:
        raise Boom("after")

    async def outer(request: Request, call_next: CallNext) -> Response:
        await call_next(request)
        raise Boom("after")

    async with client_for(application(log, [outer, *chain.build(log)])) as client:
        assert (await client.get(path)).status == 500
    assert log.who("leave").count("source") == 1
    if all(style.name != "asgi-inside" for style in chain.styles):
        log.clear()
        async with client_for(application(log, chain.build(log, after=fail, at=0))) as client:
            assert (await client.get(path)).status == 500
        assert log.who("leave").count("source") == log.who("enter").count("source") == 1


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
async def test_m16_a_finalizer_that_fails_closes_the_response_it_was_given(
    client_for: ClientFor, log: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A failing finalizer is a 500 like any other; the stream that it was to finish is closed."""

    def fail(request: Request, response: Response) -> None:
        raise Boom("finalizer")

    async with client_for(application(log, [Hooks(finalize=fail)])) as client:
        assert (await client.get("/stream")).status == 500
    assert log.who("leave").count("source") == 1
    assert len(caplog.records) == 1


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
async def test_m16_a_stream_that_fails_while_it_is_closed_takes_nothing_else_down(
    client_for: ClientFor, log: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """A replaced stream whose `finally` raises is logged; the response that replaced it is sent."""

    async def failing_close() -> Any:
        try:
            yield "x"
        finally:
            raise Boom("while closing")

    async def other(request: Request, call_next: CallNext) -> Any:
        await call_next(request)
        return "other"

    app = Nacre(middlewares=[other])
    app.add_route("/", lambda request: StreamingResponse(failing_close()))
    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body) == (200, b"other")
    assert len(caplog.records) == 1


ERROR_HANDLERS: dict[str, Callable[[Request, Exception], Any]] = {}


def _error_handler(function: Callable[[Request, Exception], Any]) -> Callable[[Request, Exception], Any]:
    ERROR_HANDLERS[function.__name__.strip("_")] = function
    return function


@_error_handler
def _raises_another(request: Request, error: Exception) -> Any:
    raise ZeroDivisionError("in the error handler")


@_error_handler
def _raises_it_again(request: Request, error: Exception) -> Any:
    raise error


@_error_handler
def _aborts(request: Request, error: Exception) -> Any:
    abort(404)


@_error_handler
def _returns_nothing_that_fits(request: Request, error: Exception) -> Any:
    return object()


@_error_handler
def _returns_a_stream_that_fails(request: Request, error: Exception) -> Any:
    def pieces() -> Any:
        raise Boom("in the error handler's stream")
        yield b""

    return pieces()


@pytest.mark.parametrize("name", ERROR_HANDLERS)
@pytest.mark.parametrize("where", ["handler", "layer"])
async def test_m17_an_error_handler_that_fails_is_the_plain_500(
    client_for: ClientFor, name: str, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No error handler is asked about the failure of one; the client gets the plain 500, and the log tells it."""

    async def raising(request: Request, call_next: CallNext) -> Response:
        raise Boom("in the layer")

    app = Nacre(middlewares=[raising] if where == "layer" else [])
    app.error_handler(Boom, ZeroDivisionError)(ERROR_HANDLERS[name])

    @app.get("/")
    def fail(request: Request) -> str:
        raise Boom("in the handler")

    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert caplog.records


@pytest.mark.parametrize("kind", ["after_error", "500"])
async def test_m17_a_hook_that_fails_on_an_error_is_the_plain_500(client_for: ClientFor, kind: str) -> None:
    """The same for `after_error` hooks and for the handler of status 500."""
    app = Nacre()

    def fail(request: Request, other: Any) -> Any:
        raise Boom("again")

    if kind == "after_error":
        app.after_error(fail)
    else:
        app.error_handler(500)(fail)
    async with client_for(app) as client:
        app.add_route("/", _fail)
        assert (await client.get("/")).status == 500
        assert (await client.get("/nowhere")).status == (500 if kind == "after_error" else 404)


def _fail(request: Request) -> str:
    raise Boom("secret text")


class _Headers:
    """Sets headers as layers for CORS, security and request ids do."""

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    def finalize(self, request: Request, response: Response) -> None:
        response.headers.set("x-request-id", "1")
        response.headers.set("access-control-allow-origin", "*")


FINALIZING = {
    "instance": lambda: _Headers(),
    "hooks": lambda: Hooks(finalize=_Headers().finalize),
    "hooks-inline": lambda: Hooks(finalize=_Headers().finalize, inline=True),
}


@pytest.mark.parametrize("kind", FINALIZING)
async def test_m18_headers_of_finalizers_are_on_every_response(client_for: ClientFor, kind: str) -> None:
    """404, 405, 413, 400, 500 from handlers and layers, 304, redirects, OPTIONS, streams, and whole mounted errors."""

    async def raising(request: Request, call_next: CallNext) -> Response:
        raise Boom("in a layer")

    app = Nacre(middlewares=[FINALIZING[kind]()], max_body=4, slashes="redirect")
    mounted = Nacre()
    app.add_route("/ok", lambda request: "ok")
    app.add_route("/slash/", lambda request: "ok")
    app.add_route("/raise", _fail)
    app.add_route("/layer", lambda request: "ok", middlewares=[raising])
    app.add_route("/304", lambda request: 304)
    app.add_route("/stream", lambda request: stream_of(Recorder()))

    @app.post("/read")
    async def read(request: Request) -> bytes:
        return await request.body()

    app.mount("/mounted", mounted)
    requests: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", "/ok", {}),
        (200, "HEAD", "/ok", {}),
        (404, "GET", "/nowhere", {}),
        (404, "GET", "/mounted/nowhere", {}),
        (405, "PUT", "/ok", {}),
        (204, "OPTIONS", "/ok", {}),
        (308, "GET", "/slash", {}),
        (413, "POST", "/read", {"content": b"too long"}),
        (400, "GET", "/ok", {"headers": {"host": "a b"}}),
        (500, "GET", "/raise", {}),
        (500, "GET", "/layer", {}),
        (304, "GET", "/304", {}),
        (200, "GET", "/stream", {}),
    ]
    async with client_for(app) as client:
        for status, method, path, options in requests:
            response = await client.request(method, path, **options)
            assert response.status == status, path
            assert response.headers.getlist("x-request-id") == ["1"], path
            assert response.headers.getlist("access-control-allow-origin") == ["*"], path


@pytest.mark.parametrize("accept", ["text/plain", "text/html", "application/json"])
async def test_m19_no_answer_tells_what_went_wrong_inside(client_for: ClientFor, accept: str) -> None:
    """Without debug a 500 shows neither text, type, path, host nor traceback of the exception."""
    app = Nacre()
    app.add_route("/<name>", _fail)
    async with client_for(app) as client:
        response = await client.get("/confidential", headers={"accept": accept})
    assert response.status == 500
    for private in (b"secret text", b"Boom", b"confidential", b"testserver", b"Traceback", b".py", b"nacre"):
        assert private not in response.body


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("kind", ["background", "on_sent", "after_response"])
@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
async def test_m20_a_background_task_that_fails_is_logged_once_and_stops_nothing(
    client_for: ClientFor, kind: str, plain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The response is what it was, the other callbacks run, and the next request is served."""
    ran: list[str] = []

    async def fail() -> None:
        ran.append("failing")
        raise Boom(kind)

    def fail_plainly() -> None:
        ran.append("failing")
        raise Boom(kind)

    app = Nacre()

    @app.get("/")
    def handler(request: Request) -> Response:
        response = Response("fine")
        bad = fail_plainly if plain else fail
        request.after_response(lambda: ran.append("last"))
        if kind == "background":
            response.background = bad
        elif kind == "on_sent":
            response.on_sent(bad)
        else:
            request.after_response(bad)
        return response

    async with client_for(app) as client:
        for _ in range(2):
            response = await client.get("/")
            assert (response.status, response.body, response.aborted) == (200, b"fine", None)
    assert ran == ["failing", "last"] * 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


async def test_m21_what_is_refused_before_routing_passes_the_same_layers_and_handlers(
    client_for: ClientFor, log: Recorder
) -> None:
    """A malformed Host is a 400 through the application's layers and its error handlers."""
    chain = chains(AROUND, depths=(1,), mixes=False)[0]
    app = application(log, chain.build(log))

    @app.error_handler(400)
    def bad(request: Request) -> Any:
        return {"problem": "bad request"}

    async with client_for(app) as client:
        for host in ("a b", "a/b", "[::1", "x:y"):
            log.clear()
            response = await client.get("/ok", headers={"host": host})
            assert (response.status, response.json()) == (400, {"problem": "bad request"})
            assert log.who("got 400") == ["L0"]
            assert log.balance()[0] == log.balance()[1]


async def test_m11_an_exception_in_an_asgi_layers_own_task_is_seen_as_the_layer_lets_it_out(
    client_for: ClientFor, log: Recorder
) -> None:
    """A layer that runs its inner application in a task of its own and awaits it: the exception is still the same."""

    class InTask:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.create_task(self.app(scope, receive, send))

    make = chains(SEEING, depths=(1,), mixes=False)[0].styles[0].make
    layers = [
        make(log, "outer", lambda: None, lambda: None),
        Middleware(InTask, only="/*"),
        make(log, "inner", lambda: None, lambda: None),
    ]
    async with client_for(application(log, layers)) as client:
        await client.get("/raise")
    assert log.who("raised") == ["inner", "outer"]
    assert len({event.error for event in log.of("raised")}) == 1
