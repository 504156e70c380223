"""Timeout: a 504 for what takes too long, and for nothing else."""

import asyncio
import contextlib
import logging
import threading

import pytest

from nacre import ConfigurationError, Hooks, Middleware, Nacre
from nacre.response import Response, StreamingResponse
from nacre.testing import HandshakeDenied, TestClient
from nacre.traffic import Timeout, timeout

SOON = 0.05


async def forever():
    await asyncio.Event().wait()


def application(*layers):
    app = Nacre(middlewares=[*layers])
    app.seen = []

    @app.get("/forever")
    async def endless(request):
        try:
            await forever()
        finally:
            app.seen.append("cleaning")
            await asyncio.sleep(SOON)
            app.seen.append("cleaned")

    @app.get("/quick")
    async def quick(request):
        return "quick"

    return app


async def test_the_handler_is_cancelled_its_cleanup_awaited_and_a_504_sent(client_for):
    app = application(Timeout(SOON))
    async with client_for(app) as client:
        response = await client.get("/forever")
        assert app.seen == ["cleaning", "cleaned"]
        assert (response.status, response.text) == (504, "the request took too long")
        assert (await client.get("/quick")).text == "quick"


async def test_the_504_passes_the_layers_outside_and_their_finalizers(client_for):
    seen = []

    async def outside(request, call_next):
        try:
            return await call_next(request)
        except Exception as error:
            seen.append(type(error).__name__)
            raise

    stamp = Hooks(finalize=lambda request, response: response.headers.set("x-stamp", "yes"), inline=True)
    async with client_for(application(outside, stamp, Timeout(SOON))) as client:
        response = await client.get("/forever")
    assert (response.status, response.headers["x-stamp"], seen) == (504, "yes", ["GatewayTimeout"])


async def test_a_timeout_error_of_the_handler_itself_is_no_504(client_for):
    app = application(Timeout(30))

    @app.get("/own")
    async def own(request):
        raise TimeoutError("the database")

    @app.get("/nested")
    async def nested(request):
        async with asyncio.timeout(SOON):
            await forever()

    logging.getLogger("nacre.error").disabled = True
    try:
        async with client_for(app) as client:
            assert (await client.get("/own")).status == 500
            assert (await client.get("/nested")).status == 500
    finally:
        logging.getLogger("nacre.error").disabled = False


async def test_a_response_that_comes_in_spite_of_the_cancellation_is_sent(client_for):
    app = application(Timeout(SOON))

    @app.get("/stubborn")
    async def stubborn(request):
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        return "what there was until then"

    async with client_for(app) as client:
        assert (await client.get("/stubborn")).text == "what there was until then"


async def test_a_cancellation_from_outside_goes_on():
    app = application(Timeout(30))
    began, sent = asyncio.Event(), []

    @app.get("/begins")
    async def begins(request):
        began.set()
        await forever()

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/begins", "headers": [(b"host", b"x")], "query_string": b""}
    task = asyncio.create_task(app(scope, forever, send))
    await began.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert sent == []


async def test_a_cancellation_from_outside_during_the_cleanup_goes_on():
    async def call_next(request):
        try:
            await forever()
        finally:
            asyncio.current_task().cancel()
            await forever()

    task = asyncio.create_task(Timeout(SOON)(None, call_next))
    await asyncio.wait([task])
    assert task.cancelled()


async def test_the_first_piece_of_a_stream_is_within_the_time_and_the_rest_is_not(client_for):
    app = application(Timeout(SOON))

    @app.get("/late")
    async def late(request):
        async def pieces():
            yield "a"
            await asyncio.sleep(SOON * 3)
            yield "b"

        return StreamingResponse(pieces())

    @app.get("/never")
    async def never(request):
        async def pieces():
            await forever()
            yield "a"

        return StreamingResponse(pieces())

    async with client_for(app) as client:
        assert (await client.get("/late")).text == "ab"
        assert (await client.get("/never")).status == 504


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_plain_code_goes_on_in_its_thread_and_its_failure_is_logged(transport, caplog):
    app = application(Timeout(SOON))
    go_on, ended = threading.Event(), threading.Event()

    @app.get("/plain")
    def plain(request):
        go_on.wait(10)
        try:
            raise RuntimeError("nobody hears it")
        finally:
            ended.set()

    async with TestClient(app, transport) as client:
        response = await client.get("/plain")
        assert response.status == 504
        go_on.set()
        await asyncio.to_thread(ended.wait, 10)
        for _ in range(100):
            if "plain code failed" in caplog.text:
                break
            await asyncio.sleep(0.01)
    assert caplog.text.count("plain code failed after its request was cancelled") == 1


async def test_plain_code_is_answered_by_504_under_wsgi_when_it_is_done():
    app = application(Timeout(SOON))
    done = []

    @app.get("/plain")
    def plain(request):
        threading.Event().wait(SOON * 3)
        done.append(True)
        return "late"

    async with TestClient(app, "wsgi") as client:
        response = await client.get("/plain")
    assert (response.status, done) == (504, [True])


async def test_it_holds_for_the_handshake_of_a_websocket_and_not_for_its_session(client_for):
    app = application(Timeout(SOON))

    @app.websocket("/ws")
    async def session(ws):
        await ws.accept()
        await asyncio.sleep(SOON * 3)
        await ws.send("still here")

    async with client_for(app) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "still here"


async def test_a_handshake_that_is_never_answered_is_refused(client_for):
    app = application(Timeout(SOON))

    @app.websocket("/ws")
    async def session(ws):
        await forever()

    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied) as caught:
            async with client.websocket("/ws"):
                pass
    assert caught.value.response.status == 504


async def test_a_mark_changes_and_lifts_the_time_at_any_place_among_decorators(client_for):
    app = application(Timeout(SOON), Timeout(SOON))

    @timeout(30)
    @app.get("/longer")
    async def longer(request):
        await asyncio.sleep(SOON * 3)
        return "longer"

    @app.get("/unlimited")
    @timeout(None)
    async def unlimited(request):
        await asyncio.sleep(SOON * 3)
        return "unlimited"

    async with client_for(app) as client:
        assert (await client.get("/longer")).text == "longer"
        assert (await client.get("/unlimited")).text == "unlimited"


async def test_one_line_of_the_log_names_the_route(client_for, caplog):
    app = application()

    @app.get("/items/<id>", middlewares=[Timeout(SOON)])
    async def item(request):
        await forever()

    async with client_for(app) as client:
        await client.get("/items/%0afake")
    assert [record.getMessage() for record in caplog.records if record.name == "nacre.timeout"] == [
        "GET /items/<id> was cancelled after 0.05 s"
    ]


def test_a_mark_without_a_layer_is_found_at_startup():
    app, lifted = Nacre(), Nacre()
    app.get("/")(timeout(1)(lambda request: ""))
    with pytest.raises(ConfigurationError, match="timeout"):
        app.compile()
    lifted.get("/")(timeout(None)(lambda request: ""))
    lifted.compile()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "5", True])
def test_a_time_is_a_number_above_0(seconds):
    with pytest.raises(ConfigurationError, match="Timeout takes a number of seconds above 0"):
        Timeout(seconds)
    with pytest.raises(ConfigurationError, match="a number of seconds above 0"):
        timeout(seconds)


def test_it_may_be_placed_by_middleware_and_says_what_it_answers():
    app = Nacre(middlewares=[Middleware(Timeout, 3, only="/")])
    app.get("/")(lambda request: Response())
    [route] = app.describe().routes
    assert 504 in route.chains[0].layers[0].responses
