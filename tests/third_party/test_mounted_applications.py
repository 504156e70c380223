"""Applications of other frameworks under a prefix: their lifespan, background tasks, errors and paths."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware as StarletteMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from werkzeug.wrappers import Request as WSGIRequest
from werkzeug.wrappers import Response as WSGIResponse

from nacre import Nacre

pytestmark = pytest.mark.timeout(10)


async def mark(request, call_next):
    response = await call_next(request)
    response.headers["x-marked"] = quote(request.path)
    return response


@pytest.fixture
def told():
    return []


@pytest.fixture
def starlette(told):
    @asynccontextmanager
    async def lifespan(app):
        told.append("up")
        yield {"pool": "open"}
        told.append("down")

    async def where(request):
        return JSONResponse(
            {
                "path": request.url.path,
                "root_path": request.scope["root_path"],
                "link": request.url_for("where", name="x").path,
                "pool": request.state.pool,
                "name": request.path_params["name"],
                "query": dict(request.query_params),
            }
        )

    async def echo(request):
        return PlainTextResponse(await request.body())

    async def stream(request):
        async def pieces():
            for number in range(3):
                yield f"{number} "

        return StreamingResponse(pieces(), media_type="application/x")

    async def failing(request):
        raise LookupError("deep")

    async def refused(request):
        raise HTTPException(418, "teapot")

    routes = [
        Route("/where/{name}", where, name="where"),
        Route("/echo", echo, methods=["POST"]),
        Route("/stream", stream),
        Route("/failing", failing),
        Route("/refused", refused),
        Mount("/deeper", routes=[Route("/here", echo, methods=["PUT"])]),
    ]
    cors = StarletteMiddleware(CORSMiddleware, allow_origins=["*"])
    return Starlette(routes=routes, lifespan=lifespan, middleware=[cors])


async def test_starlette_lives_within_the_application(starlette, told, client_for):
    app = Nacre(middlewares=[mark])
    app.mount("/star", starlette)
    async with client_for(app) as client:
        response = await client.get("/star/where/a%20b?c=d")
        assert response.json() == {
            "path": "/star/where/a b",
            "root_path": "/star",
            "link": "/star/where/x",
            "pool": "open",
            "name": "a b",
            "query": {"c": "d"},
        }
        assert response.headers["x-marked"] == "/star/where/a%20b"
        assert told == ["up"]
    if client.transport != "wsgi":
        assert told == ["up", "down"]


async def test_starlette_serves_bodies_streams_and_errors(starlette, client_for):
    app = Nacre(middlewares=[mark])
    app.mount("/star", starlette)
    async with client_for(app) as client:
        assert (await client.post("/star/echo", content=b"x" * 100_000)).body == b"x" * 100_000
        assert (await client.put("/star/deeper/here", content=b"deep")).body == b"deep"
        response = await client.get("/star/stream", headers={"origin": "https://reef.example"})
        assert (response.text, response.headers["content-type"]) == ("0 1 2 ", "application/x")
        assert response.headers["access-control-allow-origin"] == "*"
        assert (await client.get("/star/refused")).status == 418
        assert (await client.get("/star/none")).status == 404
        assert (await client.delete("/star/echo")).status == 405
        head = await client.head("/star/stream")
        assert (head.status, head.body) == (200, b"")


async def test_starlette_error_is_answered_by_starlette_and_logged_here(starlette, client_for, caplog):
    app = Nacre()
    app.mount("/star", starlette)
    async with client_for(app) as client:
        response = await client.get("/star/failing")
    assert (response.status, response.text) == (500, "Internal Server Error")
    assert [record.exc_info[0] for record in caplog.records] == [LookupError]


async def test_background_task_does_not_delay_the_client(client_for):
    events = {}
    ran = []

    async def background():
        ran.append("started")
        await asyncio.wait_for(events["go"].wait(), 5)
        ran.append("done")

    async def answer(request):
        events["go"] = asyncio.Event()
        events["loop"] = asyncio.get_running_loop()
        return PlainTextResponse("at once", background=BackgroundTask(background))

    app = Nacre(middlewares=[mark])
    app.mount("/star", Starlette(routes=[Route("/", answer)]))
    async with client_for(app) as client:
        async with client.stream("GET", "/star/") as stream:
            assert await stream.read() == b"at once"
            assert stream.headers["x-marked"] == "/star/"
            assert ran in ([], ["started"])
            events["loop"].call_soon_threadsafe(events["go"].set)
        assert ran == ["started", "done"]


async def test_background_task_of_a_layer_does_not_delay_the_client(client_for):
    events = {}
    ran = []

    class Slow:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)
            if scope["type"] == "http":
                events["go"] = asyncio.Event()
                events["loop"] = asyncio.get_running_loop()
                ran.append("started")
                await asyncio.wait_for(events["go"].wait(), 5)
                ran.append("done")

    app = Nacre(middlewares=[mark, Slow])
    app.add_route("/", lambda request: "at once")
    async with client_for(app) as client:
        async with client.stream("GET", "/") as stream:
            assert await stream.read() == b"at once"
            assert "done" not in ran
            events["loop"].call_soon_threadsafe(events["go"].set)
        assert ran == ["started", "done"]


@WSGIRequest.application
def werkzeug_app(request):
    if request.path == "/failing":
        raise ZeroDivisionError("wsgi")
    if request.path == "/stream":
        return WSGIResponse((piece for piece in ("a", "b", "c")), content_type="text/x")
    response = WSGIResponse(
        f"{request.method} {request.script_root} {request.path} {request.query_string.decode()} "
        f"{request.headers.get('X-Pearl')} {request.get_data(as_text=True)[:20]} {len(request.get_data())}"
    )
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


async def test_wsgi_application_sees_its_own_paths_and_the_body(client_for):
    app = Nacre(middlewares=[mark])
    app.mount("/old", werkzeug_app)
    async with client_for(app) as client:
        response = await client.put(
            "/old/a%20b/%C3%A9?q=1", content=b"x" * 100_000, headers={"x-pearl": "white", "x_pearl": "forged"}
        )
        assert response.text == f"PUT /old /a b/é q=1 white {'x' * 20} 100000"
        assert response.headers.getlist("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]
        assert response.headers["x-marked"] == "/old/a%20b/%C3%A9"
        for path in ("/old", "/old/"):
            assert (await client.get(path)).text == "GET /old /  None  0"
        head = await client.head("/old/x")
        assert (head.status, head.body) == (200, b"")
        stream = await client.get("/old/stream")
        assert (stream.text, stream.headers["content-type"]) == ("abc", "text/x")


async def test_wsgi_application_that_fails_is_a_500_here(client_for, caplog):
    app = Nacre()
    app.mount("/old", werkzeug_app)
    async with client_for(app) as client:
        assert (await client.get("/old/failing")).status == 500
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


async def test_mounts_come_with_layers_groups_and_error_handlers(starlette, client_for):
    app = Nacre()
    app.error_handler(ZeroDivisionError)(lambda request: ("handled outside", 503))
    app.mount("/star", starlette, middlewares=[mark])
    app.mount("/old", werkzeug_app, middlewares=[mark])
    app.add_route("/star/own", lambda request: "before the mount")
    async with client_for(app) as client:
        response = await client.get("/old/failing")
        assert (response.status, response.text) == (503, "handled outside")
        assert "x-marked" in (await client.get("/star/stream")).headers
        response = await client.get("/star/own")
        assert (response.text, "x-marked" in response.headers) == ("before the mount", False)
