"""M22–M33: context variables, tasks, threads, cancellation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar, Token
from typing import Any

import pytest

from nacre import CallNext, Hooks, Middleware, Nacre, Request, Response, StreamingResponse, wait
from nacre.testing import TestClient
from rules.application import Boom, Gate, Signals, application
from rules.drivers import DRIVERS, ASGIDriver, WSGIDriver
from rules.recording import (
    AROUND,
    ASYNC,
    BY_NAME,
    STYLES,
    Chain,
    Recorder,
    Style,
    chains,
    current,
    ids,
    nothing,
)

ClientFor = Callable[..., TestClient]
PLAIN = [style for style in STYLES if style.plain]


def _value_application(log: Recorder, layers: list[Any]) -> Nacre:
    """Routes that write down the context variable's value wherever user code may run."""
    app = Nacre(middlewares=layers)

    def callbacks(request: Request, response: Response) -> Response:
        async def after() -> None:
            log.note("after_response", "saw")

        request.after_response(after)
        response.background = lambda: log.note("background", "saw")
        return response

    @app.get("/async")
    async def asynchronous(request: Request) -> Response:
        log.note("handler", "saw")
        return callbacks(request, Response("x"))

    @app.get("/plain")
    def plain(request: Request) -> Response:
        log.note("handler", "saw")
        return callbacks(request, Response("x"))

    @app.get("/stream")
    async def stream(request: Request) -> Response:
        log.note("handler", "saw")

        async def pieces() -> Any:
            for number in range(2):
                log.note(f"piece {number}", "saw")
                yield b"x"

        return callbacks(request, StreamingResponse(pieces()))

    @app.get("/plain-stream")
    def plain_stream(request: Request) -> Response:
        log.note("handler", "saw")

        def pieces() -> Any:
            for number in range(2):
                log.note(f"piece {number}", "saw")
                yield b"x"

        return callbacks(request, StreamingResponse(pieces()))

    return app


@pytest.mark.parametrize("path", ["/async", "/plain", "/stream", "/plain-stream"])
@pytest.mark.parametrize("style", STYLES, ids=ids)
async def test_m22_what_a_layer_sets_is_seen_by_all_further_in(client_for: ClientFor, style: Style, path: str) -> None:
    """A context variable set in a layer is seen in the handler, in its thread, in its stream and in what runs after."""
    log = Recorder()
    layers = [style.make(log, "L0", lambda: current.set("from the layer"), nothing)]
    async with client_for(_value_application(log, layers)) as client:
        assert (await client.get(path)).status == 200
    saw = log.of("saw")
    pieces = ["piece 0", "piece 1"] if "stream" in path else []
    assert [event.who for event in saw] == ["handler", *pieces, "background", "after_response"]
    assert {event.value for event in saw} == {"from the layer"}


@pytest.mark.parametrize("plain", [False, True], ids=["async", "plain"])
@pytest.mark.parametrize("chain", chains(), ids=ids)
async def test_m23_what_the_handler_sets_is_seen_by_layers_on_the_way_out(
    client_for: ClientFor, log: Recorder, chain: Chain, plain: bool
) -> None:
    """A context variable set in the handler has its value in every layer after it has called inwards."""
    app = Nacre(middlewares=chain.build(log))

    async def handler(request: Request) -> str:
        current.set("from the handler")
        return "x"

    def plain_handler(request: Request) -> str:
        current.set("from the handler")
        return "x"

    app.add_route("/", plain_handler if plain else handler)
    async with client_for(app) as client:
        await client.get("/")
    assert {event.value for event in log.of("enter")} == {"default"}
    assert [event.value for event in log.of("leave")] == ["from the handler"] * len(chain.styles)


variable: ContextVar[int] = ContextVar("variable")
"""Without a default, so that resetting it to having none can be seen."""


def _resetting(style: str, problems: list[BaseException]) -> Any:
    """A layer that sets a context variable, calls inwards, and resets it with its token."""

    def leave(token: Token[int]) -> None:
        try:
            variable.reset(token)
        except ValueError as error:
            problems.append(error)

    async def onion_async(request: Request, call_next: CallNext) -> Response:
        token = variable.set(variable.get(0) + 1)
        try:
            return await call_next(request)
        finally:
            leave(token)

    def onion_plain(request: Request, call_next: Callable[[Request], Response]) -> Response:
        token = variable.set(variable.get(0) + 1)
        try:
            return call_next(request)
        finally:
            leave(token)

    class DjangoPlain:
        def __init__(self, get_response: Callable[[Request], Response]) -> None:
            self.get_response = get_response

        def __call__(self, request: Request) -> Response:
            token = variable.set(variable.get(0) + 1)
            try:
                return self.get_response(request)
            finally:
                leave(token)

    class DjangoAsync:
        def __init__(self, get_response: CallNext) -> None:
            self.get_response = get_response

        async def __call__(self, request: Request) -> Response:
            token = variable.set(variable.get(0) + 1)
            try:
                return await self.get_response(request)
            finally:
                leave(token)

    class ASGI:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            token = variable.set(variable.get(0) + 1)
            try:
                await self.app(scope, receive, send)
            finally:
                leave(token)

    return {
        "onion-async": onion_async,
        "onion-plain": onion_plain,
        "django-plain": DjangoPlain,
        "django-async": DjangoAsync,
        "asgi-inside": Middleware(ASGI, only="/*"),
    }[style]


RESETTING = ["onion-async", "onion-plain", "django-plain", "django-async", "asgi-inside"]


@pytest.mark.parametrize("styles", [[one] for one in RESETTING] + [RESETTING, RESETTING[::-1], RESETTING * 5], ids=len)
@pytest.mark.parametrize("path", ["/async", "/plain", "/stream", "/plain-stream"])
async def test_m24_a_token_resets_the_variable_in_every_layer(
    client_for: ClientFor, log: Recorder, styles: list[str], path: str
) -> None:
    """`set`, call inwards, `reset`: the token is of the same context, streams too, and outside the value is gone."""
    problems: list[BaseException] = []
    outside: list[int | None] = []

    async def outermost(request: Request, call_next: CallNext) -> Response:
        response = await call_next(request)
        outside.append(variable.get(None))
        return response

    layers = [outermost, *(_resetting(style, problems) for style in styles)]
    async with client_for(_value_application(log, layers)) as client:
        assert (await client.get(path)).status == 200
    assert problems == []
    if "asgi-inside" not in styles or "stream" not in path:  # those layers are left when the stream is over
        assert outside == [None]


async def test_m25_context_variables_begin_with_their_defaults(client_for: ClientFor, log: Recorder) -> None:
    """What one request sets is not there in the next one."""
    app = Nacre()

    async def handler(request: Request) -> str:
        before = current.get()
        current.set("used")
        return before

    app.add_route("/async", handler)
    app.add_route("/plain", lambda request: (current.get(), current.set("used"))[0])
    async with client_for(app) as client:
        for path in ("/async", "/plain", "/async", "/plain"):
            assert (await client.get(path)).text == "default"


def test_m25_a_wsgi_servers_thread_is_left_as_it_was() -> None:
    """Two requests on one thread of a WSGI server share nothing, and its own context stays what it is."""
    app = Nacre()
    app.add_route("/", lambda request: (current.get(), current.set("used"))[0])
    for _ in range(2):
        driver = WSGIDriver("GET", "/")
        driver.run(app)
        assert driver.body == b"default"
    assert current.get() == "default"


@pytest.mark.parametrize("chain", chains(ASYNC), ids=ids)
async def test_m26_async_layers_and_the_handler_share_one_task(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """`asyncio.current_task()` is one object in all of them, streams included."""
    async with client_for(application(log, chain.build(log))) as client:
        await client.get("/ok")
        assert len({event.task for event in log.events}) == 1
        log.clear()
        await client.get("/stream")
        assert len({event.task for event in log.events}) == 1


@pytest.mark.parametrize("chain", chains(ASYNC, depths=(1, 3)), ids=ids)
async def test_m26_a_task_group_in_a_layer_cancels_the_handler(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    """When a task beside the handler fails, the group ends the handler through the layers in between."""
    signals = Signals()

    async def fail() -> None:
        await signals.entered.wait()
        raise Boom("beside")

    async def group(request: Request, call_next: CallNext) -> Any:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
                return await call_next(request)
        except* Boom:
            pass
        return "ended by the group", 503

    layers = [group, *(chain.build(log) if not chain.styles[0].raw else [])]
    async with client_for(application(log, layers, signals)) as client:
        response = await client.get("/wait")
    assert response.status == 503
    assert log.who("leave")[0] == "handler"
    assert isinstance(log.errors[0], asyncio.CancelledError)


@pytest.mark.parametrize("path", ["/ok", "/plain"])
@pytest.mark.parametrize(
    "chain",
    [*chains(PLAIN), *chains([*PLAIN, BY_NAME["onion-async"], BY_NAME["asgi-inside"]], depths=())],
    ids=ids,
)
async def test_m27_m28_plain_code_of_a_request_has_one_thread_and_never_the_loops(
    client_for: ClientFor, transport: str, log: Recorder, chain: Chain, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any mix of plain layers and a plain handler costs one visit to a thread, none under WSGI, and shares it."""
    app = application(log, chain.build(log))
    visits = 0
    submit = app.tools.threads.pool.submit

    def count(*arguments: Any) -> Any:
        nonlocal visits
        visits += 1
        return submit(*arguments)

    monkeypatch.setattr(app.tools.threads.pool, "submit", count)
    async with client_for(app) as client:
        assert (await client.get(path)).body == b"ok"
    plain = {name for name, style in zip(chain.names, chain.styles, strict=True) if style.plain}
    plain |= {"handler"} if path == "/plain" else set()
    assert visits == (0 if transport == "wsgi" else 1)
    assert len({event.thread for event in log.events if event.who in plain}) == 1
    if transport != "wsgi":
        assert threading.get_ident() not in {event.thread for event in log.events if event.who in plain}


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])  # under WSGI a request can't be cancelled
@pytest.mark.parametrize("outcome", ["returns", "raises", "waits"])
@pytest.mark.parametrize("layers", [0, 2])
async def test_m29_the_result_of_a_cancelled_plain_handler_is_dropped(
    transport: str, outcome: str, layers: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What it returns goes nowhere, what it raises is logged once, and `wait` tells it that the request is over."""
    signals, release, ended = Signals(), threading.Event(), threading.Event()
    told: list[BaseException] = []
    app = Nacre(middlewares=BY_NAME["onion-plain"].layers(Recorder(), layers), threads=2)

    @app.get("/")
    def handler(request: Request) -> str:
        signals.entered.set()
        release.wait(5)
        try:
            if outcome == "raises":
                raise Boom("too late")
            if outcome == "waits":
                wait(request.body())
        except asyncio.CancelledError as error:
            told.append(error)
            raise
        finally:
            ended.set()
        return "too late"

    driver = DRIVERS[transport]("GET", "/")
    request = asyncio.create_task(driver.serve(app))
    await signals.entered.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    release.set()
    await asyncio.to_thread(ended.wait, 5)
    await asyncio.to_thread(app.tools.threads.pool.shutdown)
    assert driver.calls == []
    assert len(told) == (outcome == "waits")
    assert [record.getMessage() for record in caplog.records] == (
        ["plain code failed after its request was cancelled"] if outcome == "raises" else []
    )


@pytest.mark.parametrize("moment", ["before the message", "after the message", "both at once"])
async def test_m29_a_thread_never_waits_for_a_request_that_is_gone(
    moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is cancelled in the moment in which its thread asks it to await something: the thread is told.

    The loop is held while both happen, so that neither side has seen the other.
    """
    signals, ask, told = Signals(), threading.Event(), threading.Event()
    app = Nacre(threads=1)
    loop = asyncio.get_running_loop()
    said = threading.Event()

    @app.get("/")
    def handler(request: Request) -> str:
        signals.entered.set()
        ask.wait(5)
        try:
            wait(request.body())
        except asyncio.CancelledError:
            told.set()
            raise
        return "x"

    request = asyncio.create_task(ASGIDriver("GET", "/").serve(app))
    await signals.entered.wait()
    call = loop.call_soon_threadsafe

    def spy(*arguments: Any, **options: Any) -> Any:
        handle = call(*arguments, **options)
        said.set()
        return handle

    monkeypatch.setattr(loop, "call_soon_threadsafe", spy)

    def both() -> None:
        if moment == "before the message":
            request.cancel()
        ask.set()
        _block(said)
        if moment == "after the message":
            request.cancel()
        if moment == "both at once":
            # The message is delivered first, and the cancellation comes before the task has seen it.
            loop.call_soon(request.cancel)

    loop.call_soon(both)
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await asyncio.to_thread(told.wait, 5)


def _block(event: threading.Event) -> None:
    """Hold the event loop on purpose."""
    event.wait(5)


async def test_m29_a_closed_coroutine_lets_its_thread_go() -> None:
    """A request whose coroutine is closed, as at the end of a process, leaves no thread waiting for ever."""
    signals, told = Signals(), threading.Event()
    app = Nacre(threads=1)

    @app.get("/")
    def handler(request: Request) -> str:
        try:
            wait(_enter_and_wait(signals))
        except GeneratorExit:
            told.set()
            raise
        return "x"

    coroutine: Any = ASGIDriver("GET", "/").serve(app)
    asyncio.get_running_loop().call_soon(lambda: None)
    steps = _Steps(coroutine)
    await steps.until(signals)
    coroutine.close()
    assert await asyncio.to_thread(told.wait, 5)


async def _enter_and_wait(signals: Signals) -> None:
    signals.entered.set()
    await signals.release.wait()


class _Steps:
    """Steps a coroutine by hand, within another task."""

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine

    async def until(self, signals: Signals) -> None:
        entered = asyncio.ensure_future(signals.entered.wait())
        while True:
            awaited = self._coroutine.send(None)
            if awaited is not None:
                awaited._asyncio_future_blocking = False
                waiting = asyncio.ensure_future(_done(awaited))
                await asyncio.wait([waiting, entered], return_when=asyncio.FIRST_COMPLETED)
                if entered.done():
                    waiting.cancel()
                    return


async def _done(future: Any) -> None:
    done = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: done.done() or done.set_result(None))
    await done


@pytest.mark.parametrize(
    "styles",
    [
        ["onion-plain"] * 3,
        ["onion-plain", "onion-async", "django-plain", "asgi-inside", "wsgi", "onion-async", "onion-plain"],
        ["asgi-inside", "wsgi", "asgi-inside", "wsgi", "wsgi"],
        ["wsgi"] * 5,
        ["hooks-async", "onion-plain", "hooks-inline", "django-plain"],
    ],
    ids=",".join,
)
@pytest.mark.parametrize("path", ["/wait", "/stream", "/plain-stream"])
async def test_m30_one_thread_is_enough(client_for: ClientFor, log: Recorder, styles: list[str], path: str) -> None:
    """With a pool of one, plain code that calls back into async code never waits for itself; requests take turns."""
    plain_hooks = Hooks(before=lambda request: None, after=lambda request, response: None, finalize=_finalize)
    layers = [plain_hooks, *Chain("", tuple(BY_NAME[style] for style in styles)).build(log), plain_hooks]
    app = Nacre(middlewares=layers, threads=1)

    @app.post("/wait")
    def read(request: Request) -> bytes:
        return wait(request.body()) + wait(_echo(wait))

    @app.post("/stream")
    def stream(request: Request) -> Response:
        async def pieces() -> Any:
            yield await request.body()
            yield await asyncio.to_thread(lambda: b"!")

        request.after_response(lambda: log.note("callback", "ran"))
        return StreamingResponse(pieces())

    @app.post("/plain-stream")
    def plain_stream(request: Request) -> Response:
        def pieces() -> Any:
            yield wait(request.body())
            yield b"!"

        request.after_response(lambda: log.note("callback", "ran"))
        return StreamingResponse(pieces())

    if path == "/plain-stream" and "onion-async" not in styles and "asgi-inside" not in styles:
        return  # under WSGI that chain has no event loop at all, and needs none but for `wait`
    async with client_for(app) as client:
        responses = await asyncio.gather(*(client.post(path, content=b"x") for _ in range(3)))
    assert [response.body for response in responses] == [b"x!"] * 3


async def _echo(function: object) -> bytes:
    return b"!"


def _finalize(request: Request, response: Response) -> None:
    response.headers.set("x-final", "yes")


@pytest.mark.parametrize("kind", ["handler", "stream"])
@pytest.mark.parametrize("chain", chains(AROUND, depths=(1, 3)), ids=ids)
async def test_m32_a_timeout_layer_waits_for_the_handlers_end(
    client_for: ClientFor, log: Recorder, chain: Chain, kind: str
) -> None:
    """The handler's cleanup, which awaits, is over before the 504 is made; once a status is out there is no 504."""
    signals = Signals()
    app = Nacre(middlewares=[_timeout_when(signals), *(chain.build(log) if not chain.styles[0].raw else [])])

    async def cleaning() -> None:
        log.note("cleanup", "enter")
        await asyncio.sleep(0)
        log.note("cleanup", "leave")

    @app.get("/handler")
    async def handler(request: Request) -> str:
        try:
            signals.entered.set()
            await Gate().wait()
        finally:
            await cleaning()
        return "x"

    @app.get("/stream")
    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> Any:
            yield b"first;"
            signals.entered.set()
            await asyncio.sleep(0)
            yield b"second"

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        response = await client.get(f"/{kind}")
    if kind == "handler":
        assert response.status == 504
        assert log.who("enter").count("cleanup") == log.who("leave").count("cleanup") == 1
    else:
        assert (response.status, response.body) == (200, b"first;second")
        signals.entered.set()


def _timeout_when(signals: Signals) -> Any:
    async def layer(request: Request, call_next: CallNext) -> Any:
        try:
            async with asyncio.timeout(None) as timeout:
                watch = asyncio.create_task(signals.entered.wait())
                watch.add_done_callback(lambda done: done.cancelled() or timeout.reschedule(0))
                try:
                    return await call_next(request)
                finally:
                    watch.cancel()
        except TimeoutError:
            return "timeout", 504

    return layer


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])  # a WSGI server cancels nothing
@pytest.mark.parametrize("chain", chains(depths=(1, 3)), ids=ids)
async def test_m33_cancellation_at_shutdown_is_no_error(
    transport: str, log: Recorder, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged when the server cancels a request."""
    signals = Signals()
    app = application(log, chain.build(log), signals)
    request = asyncio.create_task(DRIVERS[transport]("GET", "/wait").serve(app))
    await signals.entered.wait()
    request.cancel("shutdown")
    with pytest.raises(asyncio.CancelledError):
        await request
    assert caplog.records == []
