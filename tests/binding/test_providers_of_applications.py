"""Providers that live as long as the application: made once, in order, with or without a lifespan."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from rules.drivers import DRIVERS

from nacre import ConfigurationError, Group, Nacre, Provide, Request
from nacre.testing import TestClient


class Boom(Exception): ...


class Pool:
    def __init__(self, name: str = "pool") -> None:
        self.name = name


class Store:
    """Providers of the application of every kind, each needing the one before it, and what they have done."""

    def __init__(self) -> None:
        self.told: list[str] = []
        told = self.told

        def settings(app: Nacre) -> str:
            told.append("settings up")
            return app.name or ""

        async def address(settings: Annotated[str, Provide(settings, scope="app")]) -> str:
            told.append("address up")
            return f"{settings}:1"

        def pool(address: Annotated[str, Provide(address, scope="app")]) -> Iterator[Pool]:
            told.append("pool up")
            yield Pool(address)
            told.append("pool down")

        async def cache(*, pool: Annotated[Pool, Provide(pool, scope="app")]) -> AsyncIterator[str]:
            told.append("cache up")
            yield f"cache of {pool.name}"
            told.append("cache down")

        self.settings, self.address, self.pool, self.cache = settings, address, pool, cache

    def application(self, **options: Any) -> Nacre:
        app = Nacre(name="shop", **options)

        @app.get("/")
        async def handler(cache: str = Provide(self.cache, scope="app"), pool: Pool = Provide(self.pool, scope="app")):
            return f"{cache} {pool.name}"

        @app.get("/plain")
        def plain(cache: str = Provide(self.cache, scope="app")):
            return cache

        return app


MADE = ["settings up", "address up", "pool up", "cache up"]
CLOSED = ["cache down", "pool down"]


@pytest.fixture
def store() -> Store:
    return Store()


async def test_made_in_order_at_startup_and_closed_in_reverse(store, transport):
    app = store.application()
    async with TestClient(app, transport) as client:
        if transport != "wsgi":
            assert store.told == MADE
        for _ in range(2):
            assert (await client.get("/")).text == "cache of shop:1 shop:1"
            assert (await client.get("/plain")).text == "cache of shop:1"
        assert store.told == MADE
    app.close()
    assert store.told == MADE + CLOSED


async def test_made_after_startup_functions_and_closed_before_shutdown_functions(store, transport):
    @asynccontextmanager
    async def life(app):
        store.told.append("life up")
        yield
        store.told.append("life down")

    app = store.application(lifespan=life)
    app.on_startup(lambda: store.told.append("started"))
    app.on_shutdown(lambda: store.told.append("stopping"))
    async with TestClient(app, transport) as client:
        await client.get("/")
    app.close()
    assert store.told == ["life up", "started", *MADE, *CLOSED, "stopping", "life down"]


async def test_made_again_by_the_next_life(store, transport):
    app = store.application()
    for _ in range(2):
        async with TestClient(app, transport) as client:
            assert (await client.get("/")).status == 200
        app.close()
    assert store.told == (MADE + CLOSED) * 2


async def test_what_no_route_asks_is_never_made(transport):
    made = []

    def unused() -> Pool:
        made.append(1)
        return Pool()

    app = Nacre(providers=[Provide(unused, scope="app")])
    app.add_route("/", lambda request: "OK")
    async with TestClient(app, transport) as client:
        assert (await client.get("/")).text == "OK"
    app.close()
    assert made == []


# Without a lifespan.


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_first_request_makes_them_where_no_lifespan_runs(store, client_for):
    client = client_for(store.application())
    assert (await client.get("/")).text == "cache of shop:1 shop:1"
    assert (await client.get("/plain")).text == "cache of shop:1"
    assert store.told == MADE


@pytest.mark.parametrize("driver", [DRIVERS["asgi"], DRIVERS["rsgi"]], ids=["asgi", "rsgi"])
async def test_requests_that_come_together_make_them_once(driver):
    entered, release, made = asyncio.Event(), asyncio.Event(), []

    async def pool() -> Pool:
        entered.set()
        await release.wait()
        made.append(Pool())
        return made[-1]

    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]):
        return str(pool is made[0])

    requests = [driver("GET", "/") for _ in range(3)]
    tasks = [asyncio.ensure_future(request.serve(app)) for request in requests]
    await entered.wait()
    tasks[0].cancel()  # who asked first and leaves takes nothing away from the others
    release.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert [request.body for request in requests[1:]] == [b"True", b"True"]
    assert len(made) == 1


def test_threads_that_come_together_under_wsgi_make_them_once():
    made, together = [], threading.Barrier(4)

    async def pool() -> Pool:
        made.append(Pool())
        return made[-1]

    app = Nacre()

    @app.get("/")
    def handler(pool: Annotated[Pool, Provide(pool, scope="app")]):
        return str(pool is made[0])

    answers = []

    def call():
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "test"}
        together.wait()
        answers.append(b"".join(app(environ, lambda status, headers: None)))

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    app.close()
    assert answers == [b"True"] * 4
    assert len(made) == 1


async def test_async_ones_live_on_the_loop_of_the_lifespan(transport):
    loops = []

    @asynccontextmanager
    async def life(app):
        loops.append(asyncio.get_running_loop())
        yield

    async def pool() -> AsyncIterator[Pool]:
        loops.append(asyncio.get_running_loop())
        yield Pool()
        loops.append(asyncio.get_running_loop())

    app = Nacre(lifespan=life)

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]):
        loops.append(asyncio.get_running_loop())

    async with TestClient(app, transport) as client:
        await client.get("/")
    app.close()
    # RSGI servers make the loop before they start; the client stands in for them with one of its own.
    assert len({id(loop) for loop in loops}) == 1 if transport != "rsgi" else len(loops) == 4


# Failures.


def breaks() -> Pool:
    raise Boom("no database")


async def breaks_async() -> AsyncIterator[Pool]:
    raise Boom("no database")
    yield


@pytest.mark.parametrize("provider", [breaks, breaks_async])
@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_failure_at_startup_stops_the_server_with_its_cause(store, transport, provider):
    app = store.application()

    @app.get("/broken")
    async def handler(pool: Annotated[Pool, Provide(provider, scope="app")]):
        raise AssertionError

    with pytest.raises((Boom, RuntimeError)) as caught:
        async with TestClient(app, transport):
            raise AssertionError
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "no database" in text
    assert f"raised by provider `{provider.__name__}` (" in text
    assert store.told == MADE + CLOSED


@pytest.mark.parametrize("driver", DRIVERS.values(), ids=DRIVERS)
async def test_failure_at_the_first_request_is_answered_and_tried_again_at_the_next(driver, caplog):
    attempts = []

    def pool() -> Pool:
        attempts.append(1)
        if len(attempts) < 3:
            raise Boom
        return Pool()

    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]):
        return pool.name

    @app.error_handler(500)
    def answer(request, error):
        return f"sorry for {request.path}"

    for _ in range(2):
        request = driver("GET", "/")
        await request.serve(app)
        assert (request.status, request.body) == (500, b"sorry for /")
    assert [type(record.exc_info[1]) for record in caplog.records] == [Boom, Boom]
    request = driver("GET", "/")
    await request.serve(app)
    assert (request.status, request.body) == (200, b"pool")
    await asyncio.to_thread(app.close)


async def test_teardown_that_fails_stops_no_other(caplog):
    told = []

    def make(name: str, fail: bool):
        async def provider() -> AsyncIterator[str]:
            yield name
            told.append(name)
            if fail:
                raise Boom(name)

        return Provide(provider, scope="app")

    app = Nacre()

    @app.get("/")
    async def handler(
        one: str = make("one", False), two: str = make("two", True), three: str = make("three", True)
    ): ...

    with pytest.raises((Boom, RuntimeError), match="three"):
        async with TestClient(app):
            pass
    assert told == ["three", "two", "one"]
    [record] = caplog.records
    assert "the teardown of provider" in record.getMessage()
    assert str(record.exc_info[1]) == "two"


# What they may take.


def of_request() -> str:
    return ""


@pytest.mark.parametrize("kind", ["request", "query", "provider of the request"])
def test_they_take_nothing_of_a_request(kind):
    def of_a_request(request: Request) -> Pool: ...

    def of_the_query(limit: int) -> Pool: ...

    def of_a_provider(text: Annotated[str, Provide(of_request)]) -> Pool: ...

    functions = {"request": of_a_request, "query": of_the_query, "provider of the request": of_a_provider}
    taken = {
        "request": "`request`",
        "query": "`limit`",
        "provider of the request": "provider `of_request` of the request",
    }
    function = functions[kind]
    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(function, scope="app")]): ...

    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    [problem] = caught.value.problems
    assert problem.what == (
        f"provider `{function.__qualname__}` lives as long as the application and takes {taken[kind]}"
    )


async def test_default_of_a_parameter_stands(client_for):
    def pool(name: str = "default", *, store: Store | None = None) -> Pool:
        return Pool(f"{name} {store}")

    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]):
        return pool.name

    async with client_for(app) as client:
        assert (await client.get("/?name=asked")).text == "default None"


async def test_request_providers_take_those_of_the_application(store, client_for):
    def session(pool: Annotated[Pool, Provide(store.pool, scope="app")]) -> str:
        return f"session of {pool.name}"

    app = store.application()

    @app.get("/session")
    async def handler(session: Annotated[str, Provide(session)]):
        return session

    async with client_for(app) as client:
        assert (await client.get("/session")).text == "session of shop:1"


async def test_layers_hooks_and_error_handlers_take_them(client_for):
    pools: list[Pool] = []
    marker = Provide(Pool, scope="app")
    app = Nacre()

    @app.middlewares.append
    def layer(request, call_next, *, pool: Pool = marker):
        pools.append(pool)
        return call_next(request)

    @app.before_request
    async def hook(request, pool: Pool = marker):
        pools.append(pool)

    @app.error_handler(Boom)
    async def answer(request, error, pool: Pool = marker):
        pools.append(pool)
        return "answered"

    @app.get("/")
    async def handler():
        raise Boom

    async with client_for(app) as client:
        assert (await client.get("/")).text == "answered"
    assert len(pools) == 3
    assert len(set(pools)) == 1


async def test_class_with_parameters_is_made_of_other_providers(client_for):
    class Repository:
        def __init__(self, pool: Annotated[Pool, Provide(lambda: Pool("mine"), scope="app")]) -> None:
            self.pool = pool

    app = Nacre()

    @app.get("/")
    async def handler(repository: Repository = Provide(Repository, scope="app")):
        return repository.pool.name

    async with client_for(app) as client:
        assert (await client.get("/")).text == "mine"


# Mounted and late.


async def test_mounted_application_shares_what_both_ask_for(store, transport):
    child = store.application()
    app = store.application()
    group = Group("/group")
    group.mount("/child", child)
    app.include(group)
    async with TestClient(app, transport) as client:
        assert (await client.get("/")).text == "cache of shop:1 shop:1"
        assert (await client.get("/group/child/")).text == "cache of shop:1 shop:1"
    app.close()
    assert store.told.count("pool up") == 2, "the settings are made of each application"


async def test_mounted_application_shares_what_depends_on_neither(transport):
    made = []

    def pool() -> Pool:
        made.append(Pool())
        return made[-1]

    app, child = Nacre(), Nacre()
    app.mount("/child", child)
    for owner in (app, child):

        @owner.get("/")
        async def handler(pool: Annotated[Pool, Provide(pool, scope="app")]): ...

    async with TestClient(app, transport) as client:
        await client.get("/")
        await client.get("/child/")
    app.close()
    assert len(made) == 1


async def test_late_declaration_is_made_by_the_next_request_and_closed_at_shutdown(store, transport):
    app = Nacre(name="shop")
    app.add_route("/first", lambda request: "OK")
    async with TestClient(app, transport) as client:
        assert (await client.get("/first")).text == "OK"
        app.provider(scope="app")(store.pool)

        @app.get("/")
        async def handler(pool: Pool):
            return pool.name

        assert (await client.get("/")).text == "shop:1"
        assert (await client.get("/")).text == "shop:1"
        assert store.told == MADE[:3]
    app.close()
    if transport != "wsgi":
        assert store.told == [*MADE[:3], "pool down"]


VARIABLE: ContextVar[str] = ContextVar("variable", default="outside")


@pytest.mark.parametrize("inline", [False, True], ids=["in a thread", "inline"])
async def test_plain_generator_may_reset_a_context_variable(transport, inline, caplog):
    def pool() -> Iterator[Pool]:
        token = VARIABLE.set("inside")
        yield Pool()
        VARIABLE.reset(token)

    app = Nacre()

    @app.get("/")
    async def handler(pool: Annotated[Pool, Provide(pool, scope="app", inline=inline)]):
        return VARIABLE.get()

    async with TestClient(app, transport) as client:
        assert (await client.get("/")).text == "outside"
    app.close()
    assert caplog.records == []
