"""CORS, sessions, files, events and WebSockets, and the middlewares that come with BlackSheep."""

import re
from collections.abc import AsyncIterable

import pytest

from nacre.dialects.blacksheep import Application, Request, Response, Router, WebSocket, file, text
from nacre.dialects.blacksheep.contents import ServerSentEvent, TextServerSentEvent
from nacre.dialects.blacksheep.server.compression import GzipMiddleware, use_gzip_compression
from nacre.dialects.blacksheep.server.headers.cache import cache_control
from nacre.dialects.blacksheep.server.responses import ContentDispositionType
from nacre.dialects.blacksheep.server.sse import ServerSentEventsResponse
from nacre.dialects.blacksheep.server.websocket import (
    InvalidWebSocketStateError,
    MessageMode,
    WebSocketDisconnectError,
    WebSocketState,
)
from nacre.dialects.blacksheep.sessions import InMemorySessionStore, Session, SessionStore
from nacre.dialects.blacksheep.testing import TestClient
from nacre.errors import ConfigurationError, WebSocketDisconnect
from nacre.testing import HandshakeDenied
from nacre.testing import TestClient as NativeClient

SHORE = {"origin": "https://shore.example"}
FOREIGN = {"origin": "https://storm.example"}
EXPOSED = "set-cookie, date, vary, request-context, server, transfer-encoding, content-encoding"


def application():
    router = Router()
    return Application(router=router), router


# CORS.


def shared():
    app, router = application()
    app.use_cors(
        allow_methods="GET POST",
        allow_origins="https://www.shore.example, https://shore.example",
        allow_headers=["Authorization"],
        allow_credentials=True,
        max_age=900,
    )
    app.add_cors_policy("open", allow_methods="*", allow_origins="*", allow_headers="*", expose_headers="x-total")
    router.get("/")(lambda: "home")

    @router.get("/fail")
    def fail():
        raise ValueError

    @app.cors("open")
    @router.post("/open")
    async def opened():
        return "open"

    return app


GRANTED = {
    "access-control-allow-origin": "https://shore.example",
    "access-control-allow-credentials": "true",
    "vary": "Origin",
}


@pytest.mark.parametrize("path", ["/", "/fail", "/nowhere"])
async def test_pages_of_listed_origins_may_read_the_answers_errors_too(path, client_for):
    async with client_for(shared()) as client:
        response = await client.get(path, headers=SHORE)
    assert {name: response.headers[name] for name in GRANTED} == GRANTED
    assert response.headers["access-control-expose-headers"] == EXPOSED


async def test_pages_of_other_origins_are_refused_with_a_reason(client_for):
    async with client_for(shared()) as client:
        refused = await client.get("/", headers=FOREIGN)
        assert refused.status == 400
        assert refused.headers["cors-error"] == "The origin of the request is not enabled by CORS rules."
        assert "access-control-allow-origin" not in refused.headers
        own = await client.get("/", headers={"origin": "http://testserver"})
        assert (own.status, own.headers.get("access-control-allow-origin")) == (200, None)
        assert (await client.get("/")).headers["vary"] == "Origin"
        assert "vary" not in (await client.post("/open")).headers


async def test_a_preflight_is_answered_by_the_policy_of_the_route_it_is_for(client_for):
    def asks(method, headers=None, origin=SHORE):
        named = {} if headers is None else {"access-control-request-headers": headers}
        return {**origin, "access-control-request-method": method, **named}

    async with client_for(shared()) as client:
        granted = await client.options("/", headers=asks("GET", "authorization"))
        assert granted.status == 200
        assert granted.headers["access-control-allow-methods"] == "GET, POST"
        assert granted.headers["access-control-allow-headers"] == "authorization"
        assert granted.headers["access-control-max-age"] == "900"
        for headers in (asks("PUT"), asks("GET", "x-other"), asks("GET", origin=FOREIGN)):
            refused = await client.options("/", headers=headers)
            assert (refused.status, "cors-error" in refused.headers) == (400, True)
        opened = await client.options("/open", headers=asks("POST", "x-other", FOREIGN))
        assert opened.status == 200
        assert opened.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in opened.headers
        answer = await client.post("/open", headers=FOREIGN)
        assert answer.headers["access-control-expose-headers"] == "x-total"


def test_cors_policies_that_can_not_be_are_told():
    app, _ = application()
    with pytest.raises(ConfigurationError, match="lets every site read"):
        app.use_cors(allow_origins="*", allow_credentials=True)
    with pytest.raises(ConfigurationError, match="no CORS policies to choose from"):
        app.cors("open")
    app.use_cors(allow_origins="https://shore.example")
    with pytest.raises(ConfigurationError, match="there is no CORS policy 'open'"):
        app.cors("open")
    app.add_cors_policy("open")
    with pytest.raises(ConfigurationError, match="is there already"):
        app.add_cors_policy("open")
    with pytest.raises(ConfigurationError, match="no time"):
        app.add_cors_policy("late", max_age=-1)


@pytest.mark.parametrize(
    "asked",
    [
        {"access-control-request-method": "GET", "access-control-request-headers": "x-a, x\x01b"},
        {"access-control-request-method": "GET", "access-control-request-headers": "x-\xe9"},
        {"access-control-request-method": "G\x01T"},
        {"access-control-request-method": ""},
    ],
    ids=["header", "accent", "method", "nothing"],
)
async def test_a_preflight_for_what_is_no_method_or_header_is_refused(asked):
    app, _ = application()
    app.use_cors(allow_methods="*", allow_origins="*", allow_headers="*")
    async with NativeClient(app) as client:
        response = await client.options("/", headers={**FOREIGN, **asked})
    assert response.status == 400
    assert response.headers["cors-error"] == "The request asks for what is no method or no header."


# Sessions.


def counting(app, router):
    @router.get("/")
    def count(request: Request):
        session = request.session
        before = session.modified
        session["count"] = session.get("count", 0) + 1
        session.set("last", "x")
        session.update({"more": [1]})
        return [session["count"], before, session.modified, "last" in session, len(session), sorted(session.to_dict())]

    @router.get("/read")
    def read(request: Request):
        return request.session.get("count")

    @router.get("/clear")
    def clear(request: Request):
        del request.session["last"]
        request.session.clear()
        return list(request.session)


STORES = {"cookie": lambda: "a secret of the harbour office, long", "memory": InMemorySessionStore}


@pytest.mark.parametrize("store", STORES)
async def test_a_session_is_kept_where_it_is_changed(store, client_for):
    app, router = application()
    app.use_sessions(STORES[store](), session_max_age=None)
    counting(app, router)
    async with client_for(app) as client:
        first = await client.get("/")
        assert first.json() == [1, False, True, True, 3, ["count", "last", "more"]]
        assert re.match("session=.*; Path=/; HttpOnly", first.headers["set-cookie"])
        assert (await client.get("/read")).json() == 1
        assert "set-cookie" not in (await client.get("/read")).headers
        assert (await client.get("/")).json()[0] == 2
        assert (await client.get("/clear")).json() == []
        assert (await client.get("/read")).status == 204


async def test_a_store_of_the_program_keeps_sessions(client_for):
    class Shelf(SessionStore):
        def __init__(self):
            self.kept = {}

        async def load(self, request):
            return Session(dict(self.kept.get(request.get_cookie("shelf"), {})))

        async def save(self, request, response, session):
            self.kept["7"] = session.to_dict()
            response.add_header(b"set-cookie", b"shelf=7")

    app, router = application()
    app.use_sessions(Shelf())
    counting(app, router)
    async with client_for(app) as client:
        assert (await client.get("/")).json()[0] == 1
        assert (await client.get("/")).json()[0] == 2
        assert "set-cookie" not in (await client.get("/read")).headers


async def test_a_session_without_a_layer_is_told(client_for):
    app, router = application()
    counting(app, router)
    async with client_for(app) as client:
        assert (await client.get("/read")).status == 500


# Files.


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.html").write_text("<p>index")
    (tmp_path / "boats.txt").write_text("boats")
    (tmp_path / "secret.key").write_text("key")
    (tmp_path / "Makefile").write_text("all:")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_text("<p>sub")
    return tmp_path


async def test_files_of_listed_extensions_are_served(folder, client_for):
    app, _ = application()
    app.serve_files(folder, root_path="static", cache_time=60)
    async with client_for(app) as client:
        boats = await client.get("/static/boats.txt")
        assert (boats.text, boats.headers["cache-control"]) == ("boats", "max-age=60")
        assert (await client.get("/static/")).text == "<p>index"
        assert (await client.get("/static/sub/")).text == "<p>sub"
        for path in ("secret.key", "Makefile", "nothing.txt", "%2e%2e/boats.txt", "sub%2Findex.html%00"):
            assert (await client.get(f"/static/{path}")).status in (400, 404), path
        etag = {"if-none-match": boats.headers["etag"]}
        assert (await client.get("/static/boats.txt", headers=etag)).status == 304
        part = await client.get("/static/boats.txt", headers={"range": "bytes=1-2"})
        assert (part.status, part.text) == (206, "oa")


async def test_a_fallback_document_answers_for_pages_that_are_not_there(folder, client_for):
    app, router = application()
    router.get("/api/boats")(lambda: "from the api")
    app.serve_files(folder, fallback_document="index.html", extensions={".html"})
    page = {"accept": "text/html"}
    async with client_for(app) as client:
        assert (await client.get("/boats/7", headers=page)).text == "<p>index"
        assert (await client.get("/api/boats")).text == "from the api"
        assert (await client.get("/boats.txt", headers=page)).status == 404
        assert (await client.get("/Makefile", headers=page)).status == 404


def test_listing_folders_is_refused(folder):
    app, _ = application()
    with pytest.raises(ConfigurationError, match="discovery"):
        app.serve_files(folder, discovery=True)


async def test_a_file_is_answered_by_a_helper(folder, client_for):
    app, router = application()

    async def pieces():
        yield b"one"

    router.get("/path")(lambda: file(str(folder / "boats.txt"), "text/plain", file_name="all boats.txt"))
    router.get("/inline")(lambda: file(b"x", "image/png", content_disposition=ContentDispositionType.INLINE))
    router.get("/pieces")(lambda: file(pieces, "text/csv"))
    async with client_for(app) as client:
        by_path = await client.get("/path")
        assert (by_path.text, by_path.headers["content-type"]) == ("boats", "text/plain")
        assert by_path.headers["content-disposition"] == 'attachment; filename="all boats.txt"'
        assert (await client.get("/inline")).headers["content-disposition"] == "inline"
        assert (await client.get("/pieces")).headers["content-disposition"] == "attachment"
        assert (await client.get("/pieces")).body == b"one"


# Server-sent events.


async def test_events_are_sent_by_an_async_generator_and_by_a_response(client_for):
    app, router = application()

    async def stamps(request, handler):
        response = await handler(request)
        response.add_header(b"x-stamp", b"1")
        return response

    app.middlewares.append(stamps)

    @router.get("/events/{name}")
    async def events(name: str) -> AsyncIterable[ServerSentEvent]:
        yield ServerSentEvent({"name": name})
        yield ServerSentEvent([1], "tide", "7", 1500, "high")
        yield TextServerSentEvent("text")

    async def provider():
        yield ServerSentEvent("one")

    router.get("/response")(lambda: ServerSentEventsResponse(provider, headers=[(b"x-a", b"1")]))
    async with client_for(app) as client:
        response = await client.get("/events/Ada")
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-stamp"] == "1"
        assert response.text == (
            'data: {"name":"Ada"}\n\n: high\nretry: 1500\nevent: tide\nid: 7\ndata: [1]\n\ndata: text\n\n'
        )
        assert (await client.get("/response")).headers["x-a"] == "1"


async def test_no_event_begins_another_field_and_one_without_data_has_none(client_for):
    app, router = application()

    @router.get("/events")
    async def events(note: str) -> AsyncIterable[ServerSentEvent]:
        yield ServerSentEvent(0, note, note)
        yield ServerSentEvent(None, comment="still here")
        yield TextServerSentEvent("", id="\r\n\0")

    async with client_for(app) as client:
        response = await client.get("/events", query={"note": "a\ndata: b\0\r"})
    assert response.text == "event: adata: b\nid: adata: b\ndata: 0\n\n: still here\n\n"


# WebSockets.


async def test_a_websocket_is_accepted_talked_over_and_closed(client_for):
    app, router = application()
    seen = []

    @router.ws("/talk/{name}")
    async def talk(websocket: WebSocket, name: str, times: int = 1):
        seen.append((websocket.client_state, websocket.accepted, websocket.path, websocket.query))
        with pytest.raises(InvalidWebSocketStateError):
            await websocket.receive_text()
        await websocket.accept()
        seen.append(websocket.application_state)
        said = await websocket.receive_text()
        await websocket.send_text(f"{name}: {said}" * times)
        await websocket.send_json({"data": await websocket.receive_json()}, MessageMode.BYTES)
        await websocket.send_bytes(await websocket.receive_bytes())
        seen.append(await websocket.receive())
        with pytest.raises(WebSocketDisconnectError) as left:
            await websocket.receive_text()
        seen.append(left.value.code)

    async with client_for(app) as client, client.websocket("/talk/Ada?times=2") as socket:
        await socket.send("hi")
        assert await socket.receive() == "Ada: hiAda: hi"
        await socket.send("[1]")
        assert await socket.receive() == b'{"data":[1]}'
        await socket.send(b"raw")
        assert await socket.receive() == b"raw"
        await socket.send("last")
        await socket.close(1000)
    assert seen == [
        (WebSocketState.CONNECTING, False, "/talk/Ada", {"times": ["2"]}),
        WebSocketState.CONNECTED,
        {"type": "websocket.receive", "text": "last"},
        1005 if client.transport == "rsgi" else 1000,  # Granian tells no code
    ]


async def test_a_failure_of_a_websocket_closes_it_with_1011_and_middlewares_may_deny_it():
    app, router = application()

    async def guards(request, handler):
        return await handler(request) if request.has_header(b"x-pass") else Response(403)

    app.middlewares.append(guards)

    @router.ws("/talk")
    async def talk(websocket):
        await websocket.accept()
        raise ValueError

    from nacre.testing import TestClient as NativeClient

    client = NativeClient(app)
    with pytest.raises(HandshakeDenied):
        async with client.websocket("/talk"):
            pass
    async with client.websocket("/talk", headers={"x-pass": "1"}) as socket:
        with pytest.raises(WebSocketDisconnect) as closed:
            await socket.receive()
    assert closed.value.code == 1011


async def test_websockets_are_tested_with_the_dialects_client():
    app, router = application()

    @router.ws("/echo")
    async def echo(websocket):
        await websocket.accept()
        await websocket.send_json(await websocket.receive_json())
        await websocket.send_text(await websocket.receive_text())
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.close(4001)

    async with TestClient(app).websocket_connect("/echo") as socket:
        await socket.send_json({"a": 1})
        assert await socket.receive_json() == {"a": 1}
        await socket.send_text("x")
        assert await socket.receive_text() == "x"
        await socket.send_bytes(b"y")
        assert await socket.receive_bytes() == b"y"
        with pytest.raises(WebSocketDisconnectError) as closed:
            await socket.receive_text()
    assert closed.value.code == 4001


# What comes with it.


async def test_answers_say_how_long_they_may_be_kept(client_for):
    app, router = application()

    @router.get("/plain")
    @cache_control(60, public=True, shared_max_age=30)
    def plain():
        return "x"

    @router.get("/async")
    @cache_control(no_cache=["x-user"])
    async def waiting():
        return {"a": 1}

    async with client_for(app) as client:
        assert (await client.get("/plain")).headers["cache-control"] == "max-age=60, s-maxage=30, public"
        assert (await client.get("/async")).headers["cache-control"] == 'no-cache="x-user"'


async def test_default_headers_are_on_all_answers(client_for):
    app, router = application()
    app.default_headers = (("X-Harbour", "Ada"),)
    router.get("/")(lambda: "x")
    async with client_for(app) as client:
        for path in ("/", "/nowhere"):
            response = await client.get(path)
            assert response.headers["x-harbour"] == "Ada"


async def test_large_answers_are_compressed_for_who_takes_it(client_for):
    app, router = application()
    assert isinstance(use_gzip_compression(app), GzipMiddleware)
    router.get("/large")(lambda: text("boat " * 500))
    router.get("/small")(lambda: "boat")
    async with client_for(app) as client:
        large = await client.get("/large", headers={"accept-encoding": "gzip"})
        assert (large.headers["content-encoding"], "Accept-Encoding" in large.headers["vary"]) == ("gzip", True)
        assert "content-encoding" not in (await client.get("/small", headers={"accept-encoding": "gzip"})).headers
        assert "content-encoding" not in (await client.get("/large")).headers
