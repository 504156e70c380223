"""Microdot's client for tests: what it sends, and what its responses tell."""

import pytest

from nacre.dialects.microdot import Microdot, Response
from nacre.dialects.microdot.sse import with_sse
from nacre.dialects.microdot.test_client import TestClient
from nacre.dialects.microdot.websocket import with_websocket


@pytest.fixture
def app():
    app = Microdot()

    @app.route("/", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
    def index(request):
        body = request.body.decode()
        return [request.method, request.headers["Host"], request.scheme, request.content_type, body, request.cookies]

    return app


async def test_a_request_is_from_the_documented_host_and_client(app):
    @app.get("/client")
    def address(request):
        return list(request.client_addr)

    client = TestClient(app)
    assert (await client.get("/")).json == ["GET", "example.com:1234", "http", None, "", {}]
    assert (await client.get("/client")).json == ["127.0.0.1", 1234]


@pytest.mark.parametrize("method", ["post", "put", "patch"])
@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("a=1", None, "a=1"),
        (b"raw", None, "raw"),
        ({"a": 1}, "application/json", '{"a": 1}'),
        ([1], "application/json", "[1]"),
    ],
    ids=str,
)
async def test_bodies_are_sent_by_their_type(app, method, body, kind, text):
    response = await getattr(TestClient(app), method)("/", body=body)
    assert response.json[:5] == [method.upper(), "example.com:1234", "http", kind, text]


async def test_a_content_type_that_is_given_stays(app):
    response = await TestClient(app).post("/", headers={"content-type": "application/x+json"}, body={"a": 1})
    assert response.json[3] == "application/x+json"


async def test_delete_and_head_have_no_bodies(app):
    client = TestClient(app)
    assert (await client.delete("/", headers={"X-A": "b"})).json[0] == "DELETE"
    response = await client.request("HEAD", "/")
    assert (response.status_code, response.body, response.text) == (200, None, None)


async def test_a_response_tells_status_headers_and_body_in_each_form(app):
    @app.get("/teapot")
    def teapot(request):
        return "short and stout", 418, {"X-Spout": "yes"}

    @app.get("/bytes")
    def binary(request):
        return b"\xff", {"Content-Type": "application/octet-stream"}

    client = TestClient(app)
    response = await client.get("/teapot")
    assert (response.status_code, response.reason) == (418, "I'm a Teapot")
    assert response.headers["x-spout"] == response.headers["X-Spout"] == "yes"
    assert (response.body, response.text, response.json, response.events) == (
        b"short and stout",
        "short and stout",
        None,
        None,
    )
    assert (await client.get("/bytes")).text is None


async def test_cookies_are_kept_by_path_and_forgotten(app):
    @app.get("/set")
    def set_cookies(request):
        response = Response("")
        response.set_cookie("a", "1", path="/")
        response.set_cookie("b", "2", path="/deep")
        return response

    @app.get("/drop")
    def drop(request):
        response = Response("")
        response.delete_cookie("a", path="/")
        return response

    app.get("/deep/er")(lambda request: request.cookies)
    client = TestClient(app, cookies={"given": "0"})
    response = await client.get("/set")
    assert response.headers["Set-Cookie"] == ["a=1; Path=/", "b=2; Path=/deep"]
    assert (await client.get("/")).json[5] == {"given": "0", "a": "1"}
    assert (await client.get("/deep/er")).json == {"given": "0", "a": "1", "b": "2"}
    assert client.cookies["a"] == "1"
    await client.get("/drop")
    assert (await client.get("/")).json[5] == {"given": "0"}


async def test_events_are_taken_apart(app):
    @app.get("/events")
    @with_sse
    async def events(request, sse):
        await sse.send({"a": 1}, event="test", event_id="7")
        await sse.send("text", retry=2.5)
        await sse.send("ping", comment=True)

    response = await TestClient(app).get("/events")
    assert response.events == [
        {"data": b'{"a": 1}', "data_json": {"a": 1}, "event": "test", "event_id": "7", "retry": None},
        {"data": b"text", "data_json": None, "event": None, "event_id": None, "retry": 2.5},
    ]


async def test_a_generator_talks_over_a_websocket(app):
    got = []

    @app.get("/echo")
    @with_websocket
    async def echo(request, ws):
        await ws.send(request.headers["X-Flag"])
        while True:
            message = await ws.receive()
            await ws.send(message)
            if message == b"end":
                break

    async def client():
        got.append((yield None))
        got.append((yield "ahoy"))
        got.append((yield b"end"))
        got.append((yield "too late"))

    response = await TestClient(app).websocket("/echo", client, headers={"X-Flag": "blue"})
    assert response.status_code == 101
    assert got == ["blue", "ahoy", b"end"]


async def test_a_plain_generator_talks_too_and_is_closed(app):
    @app.get("/echo")
    @with_websocket
    async def echo(request, ws):
        await ws.send(await ws.receive())

    got = []

    def client():
        try:
            got.append((yield "ahoy"))
            yield "too late"
        finally:
            got.append("closed")

    await TestClient(app).websocket("/echo", client)
    assert got == ["ahoy", "closed"]


async def test_a_cookie_field_goes_besides_the_jar(app):
    app.get("/told")(lambda request: request.cookies)
    client = TestClient(app, cookies={"kept": "1"})
    assert (await client.get("/told", headers={"Cookie": "own=2"})).json == {"kept": "1", "own": "2"}
    assert (await TestClient(app).get("/told", headers={"Cookie": "own=2"})).json == {"own": "2"}


async def test_a_request_without_a_body_tells_no_length(app):
    app.get("/told")(lambda request: dict(request.headers))
    assert (await TestClient(app).get("/told")).json == {"host": "example.com:1234"}


async def test_a_handshake_that_is_refused_gives_the_answer(app):
    async def client():
        yield "never sent"

    response = await TestClient(app).websocket("/nowhere", client)
    assert (response.status_code, response.text) == (404, "Not found")


async def test_an_exception_in_a_response_that_has_begun_is_raised(app):
    @app.get("/events")
    @with_sse
    async def events(request, sse):
        await sse.send("one")
        raise ValueError("no more")

    @app.get("/pieces")
    def pieces(request):
        yield "one"
        raise ValueError("no more")

    for path in ("/events", "/pieces"):
        with pytest.raises(ValueError, match="no more"):
            await TestClient(app).get(path)
