"""Startup, shutdown, and the state they leave; where plain code runs."""

import threading
from contextlib import asynccontextmanager

import pytest

from nacre import Group, Nacre
from nacre.testing import TestClient


@pytest.fixture
def told():
    return []


def life_of(told, name, state=None, fail=None):
    @asynccontextmanager
    async def life(app):
        told.append(f"{name} up")
        if fail == "startup":
            raise RuntimeError(f"{name} broke")
        yield state
        told.append(f"{name} down")
        if fail == "shutdown":
            raise RuntimeError(f"{name} stuck")

    return life


async def test_hooks_take_the_application_or_nothing_and_run_in_order(told, transport):
    app = Nacre(lifespan=life_of(told, "life"))

    @app.on_startup
    def plain():
        told.append("plain")

    @app.on_startup
    async def with_app(application):
        told.append(application is app)

    @app.on_startup
    async def optional(application=None):
        told.append(application)

    @app.on_shutdown
    def first(application):
        told.append("first out")

    @app.on_shutdown
    async def second():
        told.append("second out")

    app.add_route("/", lambda request: "OK")
    async with TestClient(app, transport) as client:
        await client.get("/")
        assert told == ["life up", "plain", True, None]
    if transport != "wsgi":
        assert told[4:] == ["second out", "first out", "life down"]


async def test_lifespan_may_take_no_argument(told, client_for):
    @asynccontextmanager
    async def life():
        told.append("up")
        yield {"pool": "open"}

    app = Nacre(lifespan=life)
    app.add_route("/", lambda request: request.state.pool)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "open"


async def test_each_request_gets_its_own_copy_of_the_state(client_for):
    shared = []

    @asynccontextmanager
    async def life(app):
        yield {"list": shared, "number": 1}

    app = Nacre(lifespan=life)

    @app.get("/")
    def handler(request):
        request.state.list.append(request.state.number)
        request.state.number = 2
        return {"list": request.state.list, "number": request.state.number}

    async with client_for(app) as client:
        await client.get("/")
        assert (await client.get("/")).json() == {"list": [1, 1], "number": 2}
    assert shared == [1, 1]


async def test_mounted_state_comes_in_below_that_of_the_application_around(told, client_for):
    child = Nacre(lifespan=life_of(told, "child", {"a": "child", "b": "child"}))
    grandchild = Nacre(lifespan=life_of(told, "grandchild", {"c": "grandchild"}))
    app = Nacre(lifespan=life_of(told, "app", {"a": "app"}))
    child.mount("/grandchild", grandchild)
    group = Group("/group")
    group.mount("/child", child)
    app.include(group)
    for owner in (app, child, grandchild):
        owner.add_route("/state", lambda request: dict(request.state))
    async with client_for(app) as client:
        expected = {"a": "app", "b": "child", "c": "grandchild"}
        for path in ("/state", "/group/child/state", "/group/child/grandchild/state"):
            assert (await client.get(path)).json() == expected
    assert told[:3] == ["app up", "child up", "grandchild up"]
    if client.transport != "wsgi":
        assert told[3:] == ["grandchild down", "child down", "app down"]


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_failure_at_startup_leaves_what_was_entered_and_tells_the_cause(told, transport):
    child = Nacre(lifespan=life_of(told, "child", fail="startup"))
    app = Nacre(lifespan=life_of(told, "app"))
    app.mount("/child", child)
    app.on_startup(lambda: told.append("never"))
    with pytest.raises(RuntimeError, match="child broke"):
        async with TestClient(app, transport):
            told.append("never")
    assert told == ["app up", "child up"] or told == ["app up", "child up", "app down"]


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_failing_startup_function_tells_the_cause_and_shuts_down(told, transport):
    app = Nacre(lifespan=life_of(told, "life"))

    @app.on_startup
    def fails():
        raise LookupError("no port")

    app.on_shutdown(lambda: told.append("shutdown"))
    with pytest.raises(Exception, match="no port"):
        async with TestClient(app, transport):
            told.append("never")
    assert "never" not in told


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_all_shutdown_functions_run_though_one_fails(told, transport, caplog):
    app = Nacre()
    app.on_shutdown(lambda: told.append("first"))

    @app.on_shutdown
    def fails():
        raise LookupError("lost the key")

    app.on_shutdown(lambda: told.append("last"))
    with pytest.raises(Exception, match="lost the key"):
        async with TestClient(app, transport):
            pass
    assert told == ["last", "first"]


async def test_wsgi_startup_failure_is_raised_to_the_server(told):
    app = Nacre(lifespan=life_of(told, "app", fail="startup"))
    app.add_route("/", lambda request: "OK")
    response = await TestClient(app, "wsgi").get("/")
    assert response.status in (0, 500)
    assert "app broke" in str(response.aborted)


@pytest.mark.parametrize("scope", ["app", "group", "route"])
async def test_inline_runs_plain_code_on_the_loops_thread(scope, client_for):
    app = Nacre(inline=scope == "app")
    group = Group("/group", inline=True if scope == "group" else None)
    seen = {}

    def plain(request):
        seen["plain"] = threading.current_thread().name

    async def waiting(request):
        seen["async"] = threading.current_thread().name

    group.add_route("/plain", plain, **({"inline": True} if scope == "route" else {}))
    group.add_route("/async", waiting)
    group.add_route("/worker", plain, inline=False, name="worker")
    app.include(group)
    async with client_for(app) as client:
        await client.get("/group/async")
        await client.get("/group/plain")
        if client.transport != "wsgi":
            assert seen["plain"] == seen["async"]
            await client.get("/group/worker")
            assert seen["plain"] != seen["async"]


async def test_inline_hooks_run_on_the_loops_thread(client_for):
    app = Nacre()
    names = set()

    @app.before_request(inline=True)
    def before(request):
        names.add(threading.current_thread().name)

    @app.after_request(inline=True)
    def after(request, response):
        names.add(threading.current_thread().name)

    @app.error_handler(LookupError, inline=True)
    def handle(request):
        names.add(threading.current_thread().name)
        return "handled"

    @app.after_error(inline=True)
    def error(request, response):
        names.add(threading.current_thread().name)

    @app.get("/")
    async def handler(request):
        names.add(threading.current_thread().name)
        if "fail" in request.query:
            raise KeyError
        return "OK"

    async with client_for(app) as client:
        await client.get("/")
        assert (await client.get("/?fail")).text == "handled"
    assert len(names) == (1 if client.transport != "wsgi" else len(names))
