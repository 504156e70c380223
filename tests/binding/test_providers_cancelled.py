"""Providers of requests that are cancelled, as a whole or within a layer that goes on."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from rules.drivers import DRIVERS

from nacre import Nacre, Provide, StreamingResponse


class Log(list[str]):
    """What happens, in order, and providers that write it down."""

    def asynchronous(self, name: str) -> Callable[[], AsyncIterator["Session"]]:
        async def provider() -> AsyncIterator[Session]:
            self.append(f"{name} up")
            session = Session(name)
            try:
                yield session
                self.append(f"{name} committed")
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                session.is_open = False

        return provider

    def plain(self, name: str) -> Callable[[], Iterator["Session"]]:
        def provider() -> Iterator[Session]:
            self.append(f"{name} up")
            session = Session(name)
            try:
                yield session
                self.append(f"{name} committed")
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                session.is_open = False

        return provider


class Session:
    def __init__(self, name: str) -> None:
        self.name = name
        self.is_open = True


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(params=["async", "plain", "inline"])
def provider(request: pytest.FixtureRequest, log: Log) -> Callable[[str], Any]:
    """Make the marker of a generator provider, of each kind in turn."""

    def make(name: str) -> Any:
        function = log.asynchronous(name) if request.param == "async" else log.plain(name)
        return Provide(function, inline=request.param == "inline")

    return make


def in_time(app: Nacre, outer: Any, log: Log) -> None:
    """A layer that gives the rest of the chain little time, then goes on with its own provider."""

    @app.middlewares.append
    async def layer(request, call_next, *, session: Annotated[Session, outer]):
        try:
            async with asyncio.timeout(0.05):
                return await call_next(request)
        except TimeoutError:
            log.append("in time" if session.is_open else "closed too early")
            return "timeout"


async def test_layer_keeps_its_provider_when_what_it_holds_is_cancelled(client_for, log, provider):
    app = Nacre()
    in_time(app, provider("outer"), log)

    @app.get("/")
    async def handler(session: Annotated[Session, Provide(log.asynchronous("inner"))]):
        await asyncio.Event().wait()

    async with client_for(app) as client:
        assert (await client.get("/")).text == "timeout"
    assert log == ["outer up", "inner up", "inner CancelledError", "in time", "outer committed"]


async def test_shared_provider_belongs_to_who_asked_first(client_for, log, provider):
    app = Nacre()
    shared = provider("shared")
    in_time(app, shared, log)

    @app.get("/")
    async def handler(
        session: Annotated[Session, shared], other: Annotated[Session, Provide(log.asynchronous("other"))]
    ):
        await asyncio.Event().wait()

    async with client_for(app) as client:
        assert (await client.get("/")).text == "timeout"
    assert log == ["shared up", "other up", "other CancelledError", "in time", "shared committed"]


async def test_what_was_closed_is_made_anew_for_who_asks_later(client_for, log, provider):
    app = Nacre()
    marker = provider("db")

    @app.middlewares.append
    async def layer(request, call_next):
        async with asyncio.timeout(0.05):
            return await call_next(request)

    @app.get("/")
    async def handler(session: Annotated[Session, marker]):
        await asyncio.Event().wait()

    @app.error_handler(TimeoutError)
    async def answer(request, error, *, session: Annotated[Session, marker]):
        return [session.name, session.is_open]

    async with client_for(app) as client:
        assert (await client.get("/")).json() == ["db", True]
    assert sorted(log) == ["db CancelledError", "db committed", "db up", "db up"]


async def test_cancelled_thread_keeps_its_providers_until_it_is_done(client_for, log, provider):
    app = Nacre()
    in_time(app, provider("outer"), log)

    @app.get("/")
    def handler(
        one: Annotated[Session, Provide(log.asynchronous("async"))],
        two: Annotated[Session, Provide(log.plain("plain"))],
        three: Annotated[Session, Provide(log.plain("inline"), inline=True)],
    ):
        time.sleep(0.3)
        log.append("done" if one.is_open and two.is_open and three.is_open else "closed too early")

    async with client_for(app) as client:
        assert (await client.get("/")).text == "timeout"
    assert log[:5] == ["outer up", "async up", "plain up", "inline up", "in time"]
    assert log[5:] == [
        "done",
        "inline CancelledError",
        "plain CancelledError",
        "async CancelledError",
        "outer committed",
    ]


async def test_cancelled_wait_of_a_thread_is_told_to_its_own_providers_only(client_for, log, provider):
    from nacre import wait

    app = Nacre()
    in_time(app, provider("outer"), log)

    @app.get("/")
    def handler(session: Annotated[Session, provider("inner")]):
        wait(asyncio.sleep(10))

    async with client_for(app) as client:
        assert (await client.get("/")).text == "timeout"
    assert log == ["outer up", "inner up", "in time", "inner CancelledError", "outer committed"]


LOOPS = {"asgi": DRIVERS["asgi"], "rsgi": DRIVERS["rsgi"]}


@pytest.fixture(params=LOOPS.values(), ids=LOOPS)
def driver(request: pytest.FixtureRequest) -> Any:
    return request.param


async def cancel(app: Nacre, driver: Any, reached: threading.Event, times: int = 1) -> asyncio.Task[None]:
    """Cancel a request when it has come to a place, and wait for its end."""
    task = asyncio.ensure_future(driver("GET", "/").serve(app))
    while not reached.is_set():
        await asyncio.sleep(0.005)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await task
    return task


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again and again"])
async def test_cancelled_plain_handler_fails_its_providers_when_its_thread_is_done(log, provider, driver, times):
    app = Nacre()
    reached = threading.Event()

    @app.get("/")
    def handler(session: Annotated[Session, provider("db")]):
        reached.set()
        time.sleep(0.2)
        log.append("done" if session.is_open else "closed too early")

    await cancel(app, driver, reached, times)
    assert log == ["db up", "done", "db CancelledError"]


async def test_cancellation_is_told_to_providers_of_whoever_asked(log, provider, driver):
    """Those of a hook, which has returned when the handler is cancelled."""
    app = Nacre()
    reached = threading.Event()

    @app.before_request
    async def hook(request, session: Annotated[Session, provider("db")]): ...

    @app.get("/")
    async def handler():
        reached.set()
        await asyncio.Event().wait()

    await cancel(app, driver, reached)
    assert log == ["db up", "db CancelledError"]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_provider_that_opens_while_its_request_is_cancelled_is_closed(log, driver, kind):
    app = Nacre()
    reached, closed = threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        reached.set()
        time.sleep(0.2)
        log.append("up")
        try:
            yield "value"
        except BaseException as error:
            log.append(type(error).__name__)
            raise
        finally:
            closed.set()

    async def asynchronous(value: Annotated[str, Provide(slow)]):
        log.append("called")

    def plain(value: Annotated[str, Provide(slow)]):
        log.append("called")

    app.add_route("/", asynchronous if kind == "async" else plain)
    await cancel(app, driver, reached)
    assert await asyncio.to_thread(closed.wait, 5)
    await asyncio.sleep(0.05)
    assert log == ["up", "CancelledError"]


@pytest.mark.parametrize("kind", ["async", "plain", "generator", "async generator"])
async def test_client_that_leaves_within_the_body_is_told_to_providers(client_for, log, provider, kind):
    app = Nacre()
    marker = provider("db")

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"piece"

    async def asynchronous(session: Annotated[Session, marker]):
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                yield b"piece"

        return StreamingResponse(pieces())

    def plain(session: Annotated[Session, marker]):
        return StreamingResponse(pieces())

    def generator(session: Annotated[Session, marker]):
        yield from pieces()

    async def async_generator(session: Annotated[Session, marker]):
        while True:
            yield b"piece"

    handlers = {"async": asynchronous, "plain": plain, "generator": generator, "async generator": async_generator}
    app.add_route("/", handlers[kind])
    async with client_for(app) as client, client.stream("GET", "/") as response:
        assert await anext(response) == b"piece"
        await response.disconnect()
    assert log == ["db up", "db CancelledError"]


async def test_stream_that_is_not_sent_is_no_failure(client_for, log, provider):
    app = Nacre()

    @app.get("/")
    async def handler(session: Annotated[Session, provider("db")]):
        async def pieces() -> AsyncIterator[bytes]:
            yield b"piece"
            yield b"piece"

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        assert (await client.request("HEAD", "/")).status == 200
    assert log == ["db up", "db committed"]
