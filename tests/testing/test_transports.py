"""What applications find in scopes and environs, which is what servers put there."""

from __future__ import annotations

import asyncio
import inspect
import threading

import pytest
from granian import _granian  # type: ignore[attr-defined]

from nacre.testing import TestClient
from nacre.testing import rsgi as doubles


async def seen_by(transport, path="/a%2Fb%20%C3%A9%ff?q=%201", **options):
    """What an application of this protocol is called with."""
    seen = []

    async def asgi(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    async def rsgi(scope, protocol):
        seen.append(scope)
        protocol.response_empty(200, [])

    def wsgi(environ, start_response):
        seen.append(environ)
        start_response("200 OK", [])
        return []

    app = {"asgi": asgi, "rsgi": rsgi, "wsgi": wsgi}[transport]
    headers = options.pop("headers", [("X-A", "1"), ("X-A", "2"), ("X-B", "é"), ("x_a", "3")])
    response = await TestClient(app, transport, **options).get(path, headers=headers)
    assert response.status == 200
    return seen[0]


async def test_asgi_scopes():
    scope = await seen_by("asgi", root_path="/r", host="h:81", scheme="https")
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": "/r/a/b é\ufffd",
        "raw_path": b"/r/a%2Fb%20%C3%A9%ff",
        "query_string": b"q=%201",
        "root_path": "/r",
        "headers": [(b"host", b"h:81"), (b"x-a", b"1"), (b"x-a", b"2"), (b"x-b", b"\xe9"), (b"x_a", b"3")],
        "client": ("127.0.0.1", 50000),
        "server": ("h", 81),
    }


async def test_rsgi_scopes():
    scope = await seen_by("rsgi", host="h:81")
    assert (scope.proto, scope.http_version, scope.authority) == ("http", "1.1", None)
    assert (scope.server, scope.client) == ("h:81", "127.0.0.1:50000")
    assert (scope.method, scope.scheme, scope.path, scope.query_string) == ("GET", "http", "/a/b é\ufffd", "q=%201")
    headers = scope.headers
    # Granian leaves out what is not ASCII, and keeps its name.
    assert headers.items() == [("host", "h:81"), ("x-a", "1"), ("x-a", "2"), ("x_a", "3")]
    assert headers.keys() == list(headers) == ["host", "x-a", "x-b", "x_a"]
    assert headers.values() == ["h:81", "1", "2", "3"]
    assert (headers.get("X-A"), headers["x-a"], headers.get("no"), headers.get("no", 1)) == ("1", "1", None, 1)
    assert (headers.get_all("x-A"), headers.get_all("no"), len(headers)) == (["1", "2"], [], 4)
    assert "X-A" in headers
    assert "x-b" in headers
    assert (headers.get("x-b"), headers.get_all("x-b")) == (None, [])
    assert "no" not in headers


async def test_wsgi_environs():
    environ = await seen_by("wsgi", root_path="/r", host="h:81", scheme="https")
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "/r",
        "PATH_INFO": "/a/b \xc3\xa9\xff",
        "RAW_URI": "/r/a%2Fb%20%C3%A9%ff?q=%201",
        "QUERY_STRING": "q=%201",
        "SERVER_NAME": "h",
        "SERVER_PORT": "81",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "h:81",
        "HTTP_X_A": "1,2",
        "HTTP_X_B": "é",
        "wsgi.url_scheme": "https",
    }
    assert {key: environ[key] for key in expected} == expected


PAIRS = [
    ("RSGIHTTPProtocol", doubles.HTTPProtocol),
    ("RSGIHTTPStreamTransport", doubles.StreamTransport),
    ("RSGIHeaders", doubles.ScopeHeaders),
    ("RSGIHTTPScope", doubles.Scope),
]


@pytest.mark.parametrize(("name", "double"), PAIRS, ids=[name for name, _ in PAIRS])
async def test_doubles_have_what_granians_classes_have(name, double):
    real = getattr(_granian, name, None)
    if real is None:
        pytest.skip("Granian keeps this class to itself")
    wanted = {name for name in vars(real) if not name.startswith("_") or name in ("__call__", "__aiter__", "__anext__")}
    instance = doubles.Scope((await seen_scope()).sent) if double is doubles.Scope else double
    assert {name for name in wanted if not hasattr(instance, name)} == set()


async def seen_scope():
    """An exchange of an ordinary request."""
    async with TestClient(answer_empty, "rsgi").stream("GET", "/") as response:
        return response.exchange


async def answer_empty(scope, protocol):
    protocol.response_empty(200, [])


async def test_rsgi_bodies_can_be_taken_once():
    errors = []

    async def app(scope, protocol):
        assert await protocol() == b"abc"
        for again in (protocol.__aiter__, protocol.__call__):
            try:
                result = again()
                if inspect.isawaitable(result):
                    await result
            except RuntimeError as error:
                errors.append(str(error))
        protocol.response_empty(204, [])

    await TestClient(app, "rsgi").post("/", content=b"abc")
    assert errors == ["RSGI protocol error", "RSGI protocol error"]


ENDINGS = [
    # As Granian 2.8.7 gives them.
    ([b"abc"], None, [b"abc", b""]),
    ([], None, [b""]),
    (b"abc", None, [b"abc", b""]),
    (b"", None, [b""]),
    ([b"abc", b"d"], 1, [b"abc", b"", b""]),
    ([b"abc"], 0, [b"", b""]),
]


@pytest.mark.parametrize(("content", "after", "pieces"), ENDINGS, ids=repr)
async def test_rsgi_bodies_end_as_with_granian(content, after, pieces):
    seen = []

    async def app(scope, protocol):
        seen.extend([piece async for piece in protocol])
        protocol.response_empty(204, [])

    await TestClient(app, "rsgi").post("/", content=content, disconnect_after=after)
    assert seen == pieces


async def test_rsgi_tells_of_a_client_that_left_and_sending_fails_then():
    seen = []

    async def app(scope, protocol):
        transport = protocol.response_stream(200, [])
        await transport.send_str("a")
        await protocol.client_disconnect()
        for send, piece in ((transport.send_bytes, b"b"), (transport.send_str, "b")):
            with pytest.raises(RuntimeError, match="RSGI transport is closed") as caught:
                await send(piece)
            seen.append(type(caught.value).__name__)

    async with TestClient(app, "rsgi").stream("GET", "/") as response:
        assert await anext(response) == b"a"
        await response.disconnect()
    assert seen == ["RSGIProtocolClosed", "RSGIProtocolClosed"]


async def test_rsgi_files_are_sent(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")

    async def app(scope, protocol):
        if scope.path == "/range":
            protocol.response_file_range(206, [], str(file), 2, 5)
        else:
            protocol.response_file(200, [], str(file))

    client = TestClient(app, "rsgi")
    assert (await client.get("/")).body == b"0123456789"
    assert (await client.get("/range")).body == b"234"


async def test_asgi_receive_tells_of_the_end_of_the_response():
    seen = []

    async def app(scope, receive, send):
        seen.append(await receive())
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        seen.append(await receive())

    await TestClient(app).get("/")
    assert [message["type"] for message in seen] == ["http.request", "http.disconnect"]


async def test_asgi_send_fails_when_the_client_has_left():
    seen = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        while (await receive())["type"] != "http.disconnect":
            pass
        with pytest.raises(OSError, match="has left"):
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
        seen.append("failed")

    async with TestClient(app).stream("GET", "/") as response:
        await response.disconnect()
    assert seen == ["failed"]


async def test_each_wsgi_request_has_a_thread_of_its_own():
    threads = []
    both = threading.Barrier(2, timeout=5)

    def app(environ, start_response):
        threads.append(threading.get_ident())
        both.wait()
        start_response("200 OK", [])
        return []

    client = TestClient(app, "wsgi")
    await asyncio.gather(client.get("/"), client.get("/"))
    assert len({*threads, threading.get_ident()}) == 3


async def test_wsgi_input_is_a_file_that_ends():
    seen = []

    def app(environ, start_response):
        file = environ["wsgi.input"]
        seen.extend([file.read(2), file.readline(), file.read(), file.read()])
        start_response("200 OK", [])
        return []

    await TestClient(app, "wsgi").post("/", content=[b"abc", b"d\nef", b"g"])
    assert seen == [b"ab", b"cd\n", b"efg", b""]


@pytest.mark.parametrize(("headers", "expected"), [({}, "OSError"), ({"content-length": "9"}, "b'abc'")], ids=repr)
async def test_wsgi_input_of_a_client_that_left(headers, expected):
    seen = []

    def app(environ, start_response):
        try:
            seen.append(repr(environ["wsgi.input"].read()))
        except OSError as error:
            seen.append(type(error).__name__)
        start_response("200 OK", [])
        return []

    await TestClient(app, "wsgi").post("/", content=[b"abc", b"d"], headers=headers, disconnect_after=1)
    assert seen == [expected]
