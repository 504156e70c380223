"""Providers while requests run: asked once, in the right place, torn down after the response whatever became of it."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from rules.drivers import DRIVERS

from nacre import Group, Header, Hooks, Nacre, Provide, Request, Response, StreamingResponse, abort, wait


class Boom(Exception): ...


class Log(list[str]):
    """What happens, in order, and providers that write it down."""

    def provider(self, kind: str, name: str) -> Callable[..., Any]:
        """A generator provider of this kind; it gives its name."""

        def plain() -> Iterator[str]:
            self.append(f"{name} up")
            try:
                yield name
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                self.append(f"{name} down")

        async def asynchronous() -> AsyncIterator[str]:
            self.append(f"{name} up")
            try:
                yield name
            except BaseException as error:
                self.append(f"{name} {type(error).__name__}")
                raise
            finally:
                self.append(f"{name} down")

        return plain if kind == "plain" else asynchronous


@pytest.fixture
def log() -> Log:
    return Log()


def note_sending(log: Log) -> Hooks:
    """A layer that writes down when the response has left."""

    def finalize(request: Request, response: Response) -> None:
        response.on_sent(lambda: log.append("sent"))

    return Hooks(finalize=finalize, inline=True)


KINDS = {
    "plain": ("plain", False),
    "inline": ("plain", True),
    "async": ("async", False),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def generator(request: pytest.FixtureRequest, log: Log) -> Callable[[str], Any]:
    """Make the marker of a generator provider, of each kind in turn."""
    kind, inline = request.param
    return lambda name: Provide(log.provider(kind, name), inline=inline)


@pytest.fixture(params=["async", "plain", "inline"])
def handle(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Serve `/` by a handler of each kind, with a provider, doing what a plain function does."""

    def serve(app: Group, marker: Any, work: Callable[[Any], Any]) -> None:
        async def asynchronous(value: Any = marker) -> Any:
            return work(value)

        def plain(value: Any = marker) -> Any:
            return work(value)

        app.add_route("/", asynchronous if request.param == "async" else plain, inline=request.param == "inline")

    return serve


# Values.


async def test_value_is_made_once_per_request_for_all_who_ask(client_for):
    made: list[object] = []

    async def token() -> object:
        made.append(object())
        return made[-1]

    def nested(first: Annotated[object, Provide(token)]) -> list[object]:
        return [first]

    seen: list[object] = []
    app = Nacre()

    @app.middlewares.append
    async def layer(request, call_next, *, value: Annotated[object, Provide(token)]):
        seen.append(value)
        return await call_next(request)

    @app.middlewares.append
    def plain_layer(request, call_next, *, value: Annotated[list[object], Provide(nested)]):
        seen.extend(value)
        return call_next(request)

    @app.before_request
    async def hook(request, value: Annotated[object, Provide(token)]):
        seen.append(value)

    @app.after_request
    def late_hook(request, response, value: Annotated[object, Provide(token)]):
        seen.append(value)

    @app.get("/")
    async def handler(value: Annotated[object, Provide(token)], other: Annotated[list[object], Provide(nested)]):
        seen.extend([value, *other])

    async with client_for(app) as client:
        await client.get("/")
        assert len(seen) == 6
        assert {id(one) for one in seen} == {id(made[0])}
        await client.get("/")
    assert len(made) == 2


async def test_none_is_a_value_like_any_other(client_for):
    made = []

    def nothing():
        made.append(1)

    def again(value: Annotated[None, Provide(nothing)]):
        return value

    app = Nacre()

    @app.get("/")
    async def handler(one: Annotated[Any, Provide(again)], two: Annotated[Any, Provide(nothing)]):
        return [one, two]

    async with client_for(app) as client:
        assert (await client.get("/")).json() == [None, None]
    assert made == [1]


async def test_provider_takes_what_a_handler_may(client_for):
    async def page(request: Request, id: int, limit: int = 10, agent: str = Header(alias="user-agent")):
        return [request.method, id, limit, agent]

    app = Nacre()

    @app.get("/<int:id>")
    async def handler(id: int, value: Annotated[list[Any], Provide(page)]):
        return value

    async with client_for(app) as client:
        response = await client.get("/7?limit=3", headers={"user-agent": "test"})
        assert response.json() == ["GET", 7, 3, "test"]
        response = await client.get("/7?limit=x", headers={"user-agent": "test"})
        assert (response.status, response.json()["errors"][0]["loc"]) == (422, ["query", "limit"])


async def test_request_that_does_not_fit_asks_no_provider(client_for, log, generator):
    app = Nacre()

    @app.get("/")
    async def handler(limit: int, value: str = generator("db")):
        return value

    async with client_for(app) as client:
        assert (await client.get("/?limit=x")).status == 422
        assert log == []
        assert (await client.get("/?limit=1")).text == "db"


async def test_route_that_asks_for_nothing_is_given_nothing(client_for, log):
    app = Nacre(providers=[Provide(Boom, scope="app"), log.provider("async", "db")])

    @app.get("/")
    async def handler(request):
        assert request.provided is None
        return "OK"

    async with client_for(app) as client:
        assert (await client.get("/")).text == "OK"
    assert log == []


# Where they run.


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_plain_code_runs_in_a_worker_unless_inline(client_for):
    here = threading.get_ident()

    def where() -> int:
        return threading.get_ident()

    def where_inline() -> int:
        return threading.get_ident()

    def opened() -> Iterator[int]:
        yield threading.get_ident()
        closed.append(threading.get_ident())

    def opened_inline() -> Iterator[int]:
        yield threading.get_ident()
        closed.append(threading.get_ident())

    closed: list[int] = []
    app = Nacre()

    @app.get("/async")
    async def handler(
        worker: Annotated[int, Provide(where)],
        loop: Annotated[int, Provide(where_inline, inline=True)],
        first: Annotated[int, Provide(opened)],
        second: Annotated[int, Provide(opened_inline, inline=True)],
    ):
        return [one == here for one in (worker, loop, first, second)]

    @app.get("/plain")
    def plain(
        worker: Annotated[int, Provide(where)],
        inline: Annotated[int, Provide(where_inline, inline=True)],
        first: Annotated[int, Provide(opened)],
        second: Annotated[int, Provide(opened_inline, inline=True)],
    ):
        return [one == threading.get_ident() for one in (worker, inline, first, second)]

    async with client_for(app) as client:
        assert (await client.get("/async")).json() == [False, True, False, True]
        assert [one == here for one in closed] == [True, False]
        # One stay in a thread for all of it.
        assert (await client.get("/plain")).json() == [True, True, True, True]
        assert here not in closed[2:]


async def test_plain_providers_of_a_plain_handler_need_no_event_loop_under_wsgi():
    def session() -> Iterator[str]:
        yield threading.current_thread().name

    app = Nacre()

    @app.get("/")
    def handler(value: Annotated[str, Provide(session)], inline: Annotated[str, Provide(session, inline=True)]):
        return value

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "test",
        "wsgi.url_scheme": "http",
    }
    before = threading.enumerate()
    body = app(environ, lambda status, headers: None)
    assert b"".join(body).decode() == threading.current_thread().name
    body.close()
    assert [thread for thread in threading.enumerate() if thread not in before] == []


async def test_plain_handler_waits_for_async_providers(client_for, log):
    async def number() -> int:
        await asyncio.sleep(0)
        return 3

    async def session() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield "session"
        await asyncio.sleep(0)
        log.append("closed")

    app = Nacre()

    @app.get("/")
    def handler(request, one: Annotated[int, Provide(number)], two: Annotated[str, Provide(session)]):
        return f"{one} {two} {wait(request.body())!r}"

    async with client_for(app) as client:
        assert (await client.get("/")).text == "3 session b''"
    assert log == ["closed"]


# Context variables.

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


def tenant_plain() -> Iterator[None]:
    token = TENANT.set("plain")
    yield
    TENANT.reset(token)


async def tenant_async() -> AsyncIterator[None]:
    token = TENANT.set("async")
    yield
    TENANT.reset(token)


TENANTS = {
    "plain": Provide(tenant_plain),
    "inline": Provide(tenant_plain, inline=True),
    "async": Provide(tenant_async),
}


@pytest.mark.parametrize("marker", TENANTS.values(), ids=TENANTS)
async def test_variable_of_a_provider_is_seen_and_may_be_reset(client_for, handle, marker, caplog):
    app = Nacre()
    seen = []

    def note():
        seen.append(TENANT.get())

    @app.before_request
    async def hook(request):
        request.after_response(note)

    handle(app, marker, lambda value: TENANT.get())
    async with client_for(app) as client:
        assert (await client.get("/")).text == ("plain" if marker.function is tenant_plain else "async")
    assert len(seen) == 1
    assert caplog.records == []


async def test_teardown_of_a_plain_provider_sees_what_was_set_after_it(client_for, handle):
    seen = []

    def session() -> Iterator[None]:
        yield
        seen.append(TENANT.get())

    app = Nacre()
    handle(app, Provide(session), lambda value: TENANT.set("handler") and "OK")
    async with client_for(app) as client:
        assert (await client.get("/")).text == "OK"
    assert seen == ["handler"]


# Teardown.


async def test_teardown_follows_the_response(client_for, log, generator, handle):
    app = Nacre(middlewares=[note_sending(log)])
    handle(app, generator("db"), lambda value: log.append("handler"))
    async with client_for(app) as client:
        assert (await client.get("/")).status == 204
    assert log == ["db up", "handler", "sent", "db down"]


async def test_teardown_is_in_reverse_order(client_for, log):
    one, two, three = log.provider("async", "one"), log.provider("plain", "two"), log.provider("async", "three")
    app = Nacre()

    @app.middlewares.append
    async def layer(request, call_next, *, first: Annotated[str, Provide(one)]):
        request.after_response(lambda: log.append("callback"))
        return await call_next(request)

    @app.get("/")
    async def handler(second: Annotated[str, Provide(two)], third: Annotated[str, Provide(three)]):
        return second + third

    async with client_for(app) as client:
        assert (await client.get("/")).text == "twothree"
    assert log == ["one up", "two up", "three up", "three down", "two down", "callback", "one down"]


async def test_nested_provider_is_closed_before_what_it_uses(client_for, log):
    pool = log.provider("plain", "pool")

    async def session(pool: Annotated[str, Provide(pool)]) -> AsyncIterator[str]:
        log.append("session up")
        yield f"session of {pool}"
        log.append("session down")

    app = Nacre()

    @app.get("/")
    def handler(session: Annotated[str, Provide(session)]):
        return session

    async with client_for(app) as client:
        assert (await client.get("/")).text == "session of pool"
    assert log == ["pool up", "session up", "session down", "pool down"]


async def test_teardown_follows_a_streamed_body(client_for, log, generator):
    app = Nacre()

    @app.get("/")
    async def handler(value: str = generator("db")):
        async def pieces():
            yield b"one"
            yield value.encode()
            log.append("last piece")

        return StreamingResponse(pieces())

    @app.get("/generator")
    def lazy(value: str = generator("db")):
        yield value
        log.append("last piece")

    async with client_for(app) as client:
        assert (await client.get("/")).text == "onedb"
        assert log == ["db up", "last piece", "db down"]
        log.clear()
        assert (await client.get("/generator")).text == "db"
        assert log == ["db up", "last piece", "db down"]


async def test_teardown_follows_a_client_that_leaves_within_the_body(client_for, log, generator):
    app = Nacre()

    @app.get("/")
    async def handler(value: str = generator("db")):
        async def pieces():
            try:
                while True:
                    yield b"piece"
            finally:
                log.append("stream closed")

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        async with client.stream("GET", "/") as response:
            assert await anext(response) == b"piece"
            assert log == ["db up"]
            await response.disconnect()
    assert log == ["db up", "stream closed", "db CancelledError", "db down"]


@pytest.mark.parametrize("driver", [DRIVERS["asgi"], DRIVERS["rsgi"]], ids=["asgi", "rsgi"])
async def test_cancellation_is_raised_in_providers(log, generator, driver):
    app = Nacre()
    reached = asyncio.Event()

    @app.get("/")
    async def handler(value: str = generator("db")):
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(driver("GET", "/").serve(app))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["db up", "db CancelledError", "db down"]


# Failures.


async def test_exception_of_the_handler_is_raised_in_its_providers(client_for, log, generator, handle):
    def fail(value):
        raise Boom

    app = Nacre(middlewares=[note_sending(log)])
    handle(app, generator("db"), fail)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert log == ["db up", "sent", "db Boom", "db down"]


async def test_http_error_of_the_handler_is_raised_too(client_for, log, generator, handle):
    app = Nacre()
    handle(app, generator("db"), lambda value: abort(404))
    async with client_for(app) as client:
        assert (await client.get("/")).status == 404
    assert log == ["db up", "db NotFound", "db down"]


async def test_exception_of_a_provider_is_raised_in_those_before_it(client_for, log, generator):
    def refuse(value: str = generator("db")):
        abort(401)

    app = Nacre()

    @app.get("/")
    async def handler(value: Any = Provide(refuse)):
        log.append("handler")

    async with client_for(app) as client:
        assert (await client.get("/")).status == 401
    assert log == ["db up", "db Unauthorized", "db down"]


async def test_exception_that_passes_a_layer_is_raised_in_its_providers(client_for, log, generator):
    app = Nacre()

    @app.middlewares.append
    async def layer(request, call_next, value: str = generator("db")):
        return await call_next(request)

    @app.get("/")
    async def handler():
        raise Boom

    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert log == ["db up", "db Boom", "db down"]


@pytest.mark.parametrize("place", ["layer", "after hook", "stream"])
async def test_exception_that_nobody_handles_is_raised_in_all_providers(client_for, log, generator, place):
    app = Nacre()

    async def layer(request, call_next):
        await call_next(request)
        raise Boom

    @app.get("/")
    async def handler(value: str = generator("db")):
        async def pieces():
            yield b"piece"
            if place == "stream":
                raise Boom

        return StreamingResponse(pieces())

    if place == "layer":
        app.middlewares.append(layer)
    elif place == "after hook":

        @app.after_request
        async def hook(request, response):
            raise Boom

    async with client_for(app) as client:
        await client.get("/")
    assert log == ["db up", "db Boom", "db down"]


async def test_provider_of_an_error_handler_is_not_told_of_what_it_handles(client_for, log, generator):
    app = Nacre()

    @app.get("/")
    async def handler(value: str = generator("first")):
        raise Boom

    @app.error_handler(Boom)
    async def answer(request, error, value: str = generator("second")):
        return f"{type(error).__name__} {value}"

    async with client_for(app) as client:
        response = await client.get("/")
        assert (response.status, response.text) == (500, "Boom second")
    assert log == ["first up", "second up", "second down", "first Boom", "first down"]


async def test_swallowed_exception_changes_nothing_for_the_client(client_for, log, handle, caplog):
    def swallow() -> Iterator[str]:
        try:
            yield "value"
        except Boom:
            log.append("swallowed")

    def fail(value):
        raise Boom

    app = Nacre()
    handle(app, Provide(swallow), fail)
    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert log == ["swallowed"]
    assert [type(record.exc_info[1]) for record in caplog.records] == [Boom]


def breaks_plain() -> Iterator[str]:
    yield "broken"
    raise Boom("in teardown")


async def breaks_async() -> AsyncIterator[str]:
    yield "broken"
    raise Boom("in teardown")


def twice() -> Iterator[str]:
    yield "broken"
    yield "again"


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (breaks_plain, "in teardown"),
        (breaks_async, "in teardown"),
        (twice, "provider `twice` "),
    ],
    ids=["plain", "async", "yields twice"],
)
async def test_teardown_that_fails_is_logged_once_and_stops_no_other(
    client_for, log, handle, caplog, provider, message
):
    outer = log.provider("async", "outer")

    def pair(first: Annotated[str, Provide(outer)], second: Annotated[str, Provide(provider)]) -> str:
        return second

    app = Nacre()
    handle(app, Provide(pair), lambda value: value)
    with caplog.at_level(logging.ERROR, "nacre"):
        async with client_for(app) as client:
            response = await client.get("/")
            assert (response.status, response.text) == (200, "broken")
    assert log == ["outer up", "outer down"]
    [record] = caplog.records
    assert record.getMessage() == "a callback after the response to GET / failed"
    assert str(record.exc_info[1]).startswith(message)


async def test_provider_that_never_yields_fails_the_request(client_for, log, generator, caplog):
    def never(first: str = generator("db")) -> Iterator[str]:
        return
        yield

    app = Nacre()

    @app.get("/")
    async def handler(value: str = Provide(never)):
        log.append("handler")

    async with client_for(app) as client:
        assert (await client.get("/")).status == 500
    assert log == ["db up", "db RuntimeError", "db down"]
    [record] = caplog.records
    assert "never` (" in str(record.exc_info[1])
    assert str(record.exc_info[1]).endswith("ended without yielding a value")


async def test_failure_holds_no_request(client_for):
    kept = []

    def session() -> Iterator[str]:
        try:
            yield "value"
        except Boom:
            pass

    app = Nacre()

    @app.get("/")
    async def handler(request, value: Annotated[str, Provide(session)]):
        kept.append(request)
        raise Boom

    async with client_for(app) as client:
        await client.get("/")
    assert kept[0].failure is None


@pytest.mark.parametrize("inline", [False, True], ids=["async generator", "inline generator"])
async def test_cancellation_reaches_a_provider_before_the_layers_outside(inline):
    seen = []
    started = asyncio.Event()

    async def layer(request, call_next):
        try:
            return await call_next(request)
        finally:
            seen.append("layer")

    async def session() -> AsyncIterator[str]:
        try:
            yield "session"
        except asyncio.CancelledError:
            seen.append("session cancelled")
            raise
        finally:
            seen.append("session closed")

    def inline_session() -> Iterator[str]:
        try:
            yield "session"
        except asyncio.CancelledError:
            seen.append("session cancelled")
            raise
        finally:
            seen.append("session closed")

    provider = Provide(inline_session, inline=True) if inline else Provide(session)
    app = Nacre(middlewares=[layer])

    @app.get("/")
    async def handler(one: Annotated[str, provider]):
        started.set()
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"test")], "http_version": "1.1"}

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        raise AssertionError("nothing is sent")

    task = asyncio.ensure_future(app(scope, receive, send))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["session cancelled", "session closed", "layer"]
