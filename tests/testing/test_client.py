"""Lifespans, plain code, and what happens to those who forget to await."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import warnings

import pytest

from nacre import ConfigurationError, Nacre, Request, StreamingResponse
from nacre.testing import TestClient

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def log():
    return []


@pytest.fixture
def app(log):
    app = Nacre()

    @app.on_startup
    async def startup():
        log.append("up")
        app.state.loop = asyncio.get_running_loop()

    @app.on_shutdown
    async def shutdown():
        log.append("down")

    @app.get("/")
    async def index():
        return "hello"

    @app.get("/loop")
    async def loop():
        return str(asyncio.get_running_loop() is app.state.loop)

    @app.get("/variable")
    async def tell_variable():
        return variable.get()

    @app.get("/stream")
    async def stream():
        for piece in ("a", "b", "c"):
            yield piece

    @app.get("/endless")
    async def endless():
        async def pieces():
            try:
                while True:
                    yield "x"
                    await asyncio.sleep(0)
            finally:
                log.append("closed")

        return StreamingResponse(pieces())

    @app.post("/echo")
    async def echo(request: Request):
        return await request.body()

    return app


# Lifespan.


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_entering_starts_up_and_leaving_shuts_down(client_for, app, log):
    async with client_for(app) as client:
        assert log == ["up"]
        assert (await client.get("/loop")).text == "True"
    assert log == ["up", "down"]


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
def test_plain_code_too(client_for, app, log):
    with client_for(app) as client:
        assert log == ["up"]
        assert client.get("/loop").text == "True"
    assert log == ["up", "down"]


async def test_wsgi_applications_start_up_at_their_first_request(app, log):
    async with TestClient(app, "wsgi") as client:
        assert log == []
        assert (await client.get("/loop")).text == "True"
        assert log == ["up"]


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_without_entering_there_is_no_lifespan(client_for, app, log):
    assert (await client_for(app).get("/")).text == "hello"
    assert log == []


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
@pytest.mark.parametrize("moment", ["on_startup", "on_shutdown"])
async def test_what_a_lifespan_raises_is_raised_to_the_test(client_for, moment, caplog):
    app = Nacre()

    @getattr(app, moment)
    def fail():
        raise ZeroDivisionError(moment)

    client = client_for(app)
    with pytest.raises(ZeroDivisionError, match=moment):
        async with client:
            assert moment == "on_shutdown"


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
def test_what_a_lifespan_raises_is_raised_to_plain_code(client_for, caplog):
    app = Nacre()
    app.on_startup(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError), client_for(app):
        pass


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_configuration_errors_are_raised_at_entering(client_for):
    app = Nacre()
    app.get("/x")(lambda request, nonsense: "")
    with pytest.raises(ConfigurationError, match="nonsense"):
        async with client_for(app):
            pass


async def test_requests_get_a_copy_of_the_state():
    seen = []

    async def asgi(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["shared"] = []
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
        else:
            seen.append(dict(scope["state"]))
            scope["state"]["own"] = 1
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})

    async with TestClient(asgi) as client:
        await client.get("/")
        await client.get("/")
    assert seen == [{"shared": []}, {"shared": []}]


LIFESPANS = [
    ([{"type": "lifespan.startup.failed", "message": "no database"}], "no database"),
    ([], "returned from its lifespan before the end of its startup"),
    ([{"type": "lifespan.nonsense"}], "answered lifespan.startup with lifespan.nonsense"),
]


@pytest.mark.parametrize(("messages", "text"), LIFESPANS, ids=[text for _, text in LIFESPANS])
async def test_lifespans_that_go_wrong(messages, text):
    async def app(scope, receive, send):
        await receive()
        for message in messages:
            await send(message)

    with pytest.raises(RuntimeError, match=text):
        async with TestClient(app):
            pass


async def test_a_lifespan_that_goes_on_after_its_failure_is_not_waited_for():
    ends = []

    async def app(scope, receive, send):
        try:
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.failed", "message": "no database"})
        finally:
            ends.append("ended")

    with pytest.raises(RuntimeError, match="no database"):
        async with asyncio.timeout(5), TestClient(app):
            pass
    assert ends == ["ended"]


async def test_a_client_is_entered_once(client_for, app):
    async with client_for(app) as client:
        with pytest.raises(RuntimeError, match="entered already"):
            await client.__aenter__()


# Plain code.


def test_plain_code_needs_no_await(client_for, app):
    client = client_for(app)
    assert client.get("/").text == "hello"
    assert client.post("/echo", content=[b"a", b"b"]).body == b"ab"


def test_plain_code_reads_streams(client_for, app, log):
    client = client_for(app)
    with client.stream("GET", "/stream") as response:
        assert next(response) == b"a"
        assert list(response) == [b"b", b"c"]
    with client.stream("GET", "/stream") as response:
        assert response.read() == b"abc"
    with client.stream("GET", "/endless") as response:
        assert next(response) == b"x"
        response.disconnect()
        assert log[-1] == "closed"
    with client.stream("GET", "/endless") as response:
        assert (response.status, next(response)) == (200, b"x")
    assert log.count("closed") == 2


def test_context_variables_of_the_test_are_seen(client_for, app):
    token = variable.set("set")
    try:
        assert client_for(app).get("/variable").text == "set"
    finally:
        variable.reset(token)


def test_a_client_that_is_dropped_ends_its_thread(app):
    client = TestClient(app)
    client.get("/")
    assert "nacre-testing-loop" in [thread.name for thread in threading.enumerate()]
    del client
    gc.collect()
    assert "nacre-testing-loop" not in [thread.name for thread in threading.enumerate()]


def test_closing_twice_is_safe(app, log):
    client = TestClient(app).__enter__()
    client.close()
    client.close()
    assert log == ["up", "down"]


async def test_plain_forms_are_refused_where_a_loop_runs(client_for, app):
    client = client_for(app)
    with pytest.raises(RuntimeError, match="`async with TestClient"), client:
        pass
    with pytest.raises(RuntimeError, match=r"`async with client\.stream"), client.stream("GET", "/"):
        pass


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_a_thread_uses_the_loop_that_the_client_was_entered_on(client_for, app):
    async with client_for(app) as client:
        assert (await asyncio.to_thread(client.get, "/loop")).text == "True"


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
def test_another_loop_uses_it_too(client_for, app):
    async def main():
        return (await client.get("/loop")).text

    with client_for(app) as client:
        assert asyncio.run(main()) == "True"


# Awaiting.


async def test_a_response_is_not_there_before_it_is_awaited(client_for, app):
    response = client_for(app).get("/")
    with pytest.raises(RuntimeError, match=r"GET / has not been sent: `await` is missing"):
        _ = response.status
    assert "not awaited" in repr(response)


async def test_a_request_that_is_never_awaited_warns(client_for, app):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client_for(app).get("/")
        gc.collect()
    assert [str(warning.message) for warning in caught] == ["the request GET / was never awaited"]
    assert caught[0].category is RuntimeWarning


async def test_a_response_may_be_awaited_again(client_for, app):
    response = client_for(app).get("/")
    assert await response is await response
    assert (await response).text == "hello"


async def test_a_request_may_be_made_a_task(client_for, app):
    client = client_for(app)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(client.get("/")) for _ in range(3)]
    assert [task.result().text for task in tasks] == ["hello"] * 3
    assert [response.status for response in await asyncio.gather(client.get("/"), client.get("/x"))] == [200, 404]


async def test_awaiting_twice_at_once_is_refused(client_for, app):
    response = client_for(app).get("/")
    results = await asyncio.gather(response, response.perform(), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["TestResponse", "RuntimeError"]


async def test_what_is_not_json_is_shown(client_for, app):
    response = await client_for(app).get("/")
    with pytest.raises(ValueError, match=r"<TestResponse GET /: 200>, b'hello', is not JSON"):
        response.json()
