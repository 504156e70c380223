"""Conditional requests: which responses get an `ETag`, and what a client that has the body is sent."""

import hashlib
import threading

import pytest

from nacre import (
    ASGIMiddleware,
    Hooks,
    Middleware,
    Nacre,
    Response,
    StreamingResponse,
    WSGIMiddleware,
)
from nacre.compression import Compression
from nacre.conditional import ConditionalGet
from nacre.decompression import Decompression
from nacre.files import FileResponse
from nacre.websocket import WebSocket

TEXT = "mother-of-pearl, " * 500
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
LATER = "Mon, 07 Nov 1994 08:49:37 GMT"


def application(handler=lambda: TEXT, layers=None, **options):
    app = Nacre(middlewares=layers or [ConditionalGet(**options)])
    app.get("/")(handler)
    return app


def one(body=TEXT, status=200, **fields):
    headers = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return lambda: Response(body, status, headers)


async def test_a_client_that_has_the_body_is_not_sent_it_again(client_for):
    async with client_for(application()) as client:
        first = await client.get("/")
        again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
        other = await client.get("/", headers={"if-none-match": '"other", W/"another"'})
    assert (first.status, first.text) == (200, TEXT)
    assert first.headers["etag"].startswith('W/"')
    assert (again.status, again.body) == (304, b"")
    assert again.headers.pairs() == [("etag", first.headers["etag"])]
    assert (other.status, other.text) == (200, TEXT)


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        pytest.param({"if-none-match": '"x"'}, 304, id="the tag"),
        pytest.param({"if-none-match": 'W/"x"'}, 304, id="the tag, weak"),
        pytest.param({"if-none-match": '"a", "x"'}, 304, id="among others"),
        pytest.param({"if-none-match": "*"}, 304, id="any"),
        pytest.param({"if-none-match": '"a"'}, 200, id="another"),
        pytest.param({"if-none-match": "x"}, 200, id="malformed"),
        pytest.param({"if-modified-since": DATE}, 304, id="since then"),
        pytest.param({"if-modified-since": LATER}, 304, id="since later"),
        pytest.param({"if-modified-since": "Sat, 05 Nov 1994 08:49:37 GMT"}, 200, id="since before"),
        pytest.param({"if-none-match": '"a"', "if-modified-since": LATER}, 200, id="the tag counts, not the date"),
        pytest.param({"if-match": '"x"'}, 200, id="only the tag"),
        pytest.param({"if-match": '"a"'}, 412, id="only another"),
        pytest.param({"if-match": 'W/"x"'}, 412, id="only the tag, compared strongly"),
        pytest.param({"if-unmodified-since": DATE}, 200, id="unless since"),
        pytest.param({"if-unmodified-since": "Sat, 05 Nov 1994 08:49:37 GMT"}, 412, id="unless since before"),
        pytest.param({}, 200, id="no condition"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["whole", "stream"])
async def test_the_validators_of_the_handler_are_weighed(client_for, kind, method, condition, status):
    headers = {"etag": '"x"', "last-modified": DATE}
    whole = kind == "whole"
    app = application(lambda: Response(TEXT, 200, headers) if whole else StreamingResponse(iter([TEXT]), 200, headers))
    async with client_for(app) as client:
        response = await client.request(method, "/", headers=condition)
    assert response.status == status
    if status != 412:
        assert response.headers["etag"] == '"x"'
        assert response.headers["last-modified"] == DATE
    assert (response.text == TEXT) is (status == 200 and method == "GET")


UNTAGGED = {
    "another status": one(status=201),
    "an error": one(status=404),
    "not to be stored": one(cache_control="private, No-Store"),
    "a stream": lambda: iter([TEXT]),
    "a stream of known length": lambda: StreamingResponse(iter([TEXT]), headers={"content-length": str(len(TEXT))}),
}


@pytest.mark.parametrize("handler", UNTAGGED.values(), ids=UNTAGGED)
async def test_some_responses_get_no_tag(client_for, handler):
    async with client_for(application(handler)) as client:
        response = await client.get("/", headers={"if-none-match": 'W/"x"'})
    assert "etag" not in response.headers
    assert response.text == TEXT


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_other_methods_get_no_tag(client_for, method):
    app = Nacre(middlewares=[ConditionalGet()])
    app.route("/", methods=[method])(one(etag='"x"'))
    async with client_for(app) as client:
        response = await client.request(method, "/", headers={"if-none-match": '"x"', "if-match": '"y"'})
    assert (response.status, response.headers["etag"]) == (200, '"x"')


async def test_head_has_the_tag_of_get(client_for):
    async with client_for(application()) as client:
        got, head = await client.get("/"), await client.head("/")
        again = await client.head("/", headers={"if-none-match": got.headers["etag"]})
    assert (head.status, head.headers.pairs()) == (got.status, got.headers.pairs())
    assert again.status == 304


async def test_a_handler_that_answers_head_itself_gets_no_tag_of_nothing(client_for):
    app = Nacre(middlewares=[ConditionalGet()])
    app.head("/")(one(None, content_length="9000"))
    async with client_for(app) as client:
        response = await client.head("/")
    assert "etag" not in response.headers


async def test_the_tag_follows_from_the_bytes_and_the_type(client_for):
    app = Nacre(middlewares=[ConditionalGet()])
    bodies = {
        "/text": ("a", "text/plain"),
        "/same": ("a", "text/plain"),
        "/other": ("b", "text/plain"),
        "/html": ("a", "text/html"),
        "/empty": ("", "text/plain"),
    }
    for path, (body, kind) in bodies.items():
        app.get(path)(lambda body=body, kind=kind: Response(body, content_type=kind))
    async with client_for(app) as client:
        tags = {path: (await client.get(path)).headers["etag"] for path in bodies}
    assert tags["/text"] == tags["/same"]
    assert len(set(tags.values())) == 4


async def test_a_strong_tag_is_made_where_it_is_asked_for(client_for):
    async with client_for(application(weak=False)) as client:
        tag = (await client.get("/")).headers["etag"]
        matched = await client.get("/", headers={"if-match": tag})
    assert tag.startswith('"')
    assert matched.status == 200


async def test_a_304_keeps_the_fields_that_are_not_about_the_body(client_for):
    """RFC 9110 §15.4.5; cookies and what browsers check on the answer itself stay too."""
    kept = [
        ("cache-control", "max-age=60"),
        ("vary", "Cookie"),
        ("expires", LATER),
        ("content-location", "/pearls"),
        ("content-security-policy", "default-src 'self'"),
        ("access-control-allow-origin", "*"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    about_the_body = [("content-language", "en"), ("content-length", str(len(TEXT))), ("accept-ranges", "bytes")]
    app = application(lambda: Response(TEXT, 200, [*about_the_body, *kept, ("etag", '"x"')]))
    async with client_for(app) as client:
        response = await client.get("/", headers={"if-none-match": '"x"'})
    assert response.status == 304
    assert response.headers.pairs() == [*kept, ("etag", '"x"')]


async def test_what_is_called_after_the_response_is_called_after_a_304(client_for):
    called = []

    def page():
        response = Response(TEXT, headers={"etag": '"x"'}, background=lambda: called.append("background"))
        response.on_sent(lambda: called.append("sent"))
        return response

    async with client_for(application(page)) as client:
        await client.get("/", headers={"if-none-match": '"x"'})
    assert called == ["sent", "background"]


async def test_m55_a_response_for_many_requests_is_not_changed(client_for):
    page = Response(TEXT)
    async with client_for(application(lambda: page)) as client:
        tag = (await client.get("/")).headers["etag"]
        for condition, status in (({"if-none-match": tag}, 304), ({}, 200), ({"if-none-match": tag}, 304)):
            response = await client.get("/", headers=condition)
            assert (response.status, response.text) == (status, TEXT if status == 200 else "")


# Streams and files.


class Endless:
    """A stream that never ends, and says when it is closed."""

    def __init__(self):
        self.asked = 0
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.asked += 1
        return b"pearl"

    def close(self):
        self.closed += 1


class AsyncEndless(Endless):
    __iter__ = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        return super().__next__()

    async def aclose(self):
        self.closed += 1


@pytest.mark.parametrize("eager", [True, False], ids=["eager", "late"])
@pytest.mark.parametrize("kind", [Endless, AsyncEndless])
async def test_m52_a_stream_is_not_read_for_its_tag_and_closed_if_it_is_not_sent(client_for, kind, eager):
    made = []

    def page():
        made.append(kind())
        return StreamingResponse(made[0], headers={"etag": '"x"'}, eager=eager)

    async with client_for(application(page)) as client:
        response = await client.get("/", headers={"if-none-match": '"x"'})
    assert (response.status, response.body) == (304, b"")
    assert made[0].asked <= 1
    assert made[0].closed == 1


@pytest.mark.parametrize("length", [100, 3_000_000])
async def test_m52_a_file_has_its_own_tag_and_is_not_loaded(client_for, tmp_path, length):
    path = tmp_path / "pearls.txt"
    path.write_bytes(b"x" * length)
    app, bare = application(lambda: FileResponse(path)), Nacre()
    bare.get("/")(lambda: FileResponse(path))
    async with client_for(app) as client, client_for(bare) as plain:
        response, expected = await client.get("/"), await plain.get("/")
        again = await client.get("/", headers={"if-none-match": response.headers["etag"]})
    assert response.headers.pairs() == expected.headers.pairs()
    assert len(response.body) == length
    assert again.status == 304


async def test_a_file_that_a_layer_further_in_sends_is_compared(client_for, tmp_path):
    path = tmp_path / "closed.html"
    path.write_text(TEXT, encoding="utf-8")

    async def closed(request, call_next):
        return FileResponse(path)

    async with client_for(application(layers=[ConditionalGet(), closed])) as client:
        first = await client.get("/")
        again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (first.status, first.text, again.status) == (200, TEXT, 304)


# Its place.


@pytest.mark.parametrize("coding", ["zstd", "br", "gzip", "identity"])
@pytest.mark.parametrize("order", ["inside", "outside"])
async def test_it_works_on_both_sides_of_compression(client_for, order, coding):
    layers = [Compression(), ConditionalGet()]
    app = application(layers=layers if order == "inside" else layers[::-1])
    async with client_for(app) as client:
        first = await client.get("/", headers={"accept-encoding": coding})
        again = await client.get("/", headers={"accept-encoding": coding, "if-none-match": first.headers["etag"]})
        head = await client.head("/", headers={"accept-encoding": coding})
    assert first.headers.get("content-encoding", "identity") == coding
    assert (again.status, again.body) == (304, b"")
    assert sorted(again.headers.pairs()) == [("etag", first.headers["etag"]), ("vary", "Accept-Encoding")]
    assert head.headers.pairs() == first.headers.pairs()


async def test_a_strong_tag_inside_of_compression_is_found_again(client_for):
    app = application(layers=[Compression(), ConditionalGet(weak=False)])
    async with client_for(app) as client:
        bare = await client.get("/")
        coded = await client.get("/", headers={"accept-encoding": "gzip"})
        headers = {"accept-encoding": "gzip", "if-none-match": coded.headers["etag"]}
        again = await client.get("/", headers=headers)
        other = await client.get("/", headers={"if-none-match": bare.headers["etag"]})
    assert coded.headers["etag"] == "W/" + bare.headers["etag"]
    assert (again.status, again.headers["etag"]) == (304, coded.headers["etag"])
    assert (other.status, other.headers["etag"]) == (304, bare.headers["etag"])


class Asgi:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Django:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)


async def onion(request, call_next):
    response = await call_next(request)
    response.headers["x-outer"] = "1"
    return response


NEIGHBOURS = {
    "ASGI": lambda: ASGIMiddleware(Asgi),
    "ASGI in the chain": lambda: Middleware(Asgi, only="/*"),
    "Django": lambda: Django,
    "WSGI": lambda: WSGIMiddleware(lambda app: lambda environ, start_response: app(environ, start_response)),
    "onion": lambda: onion,
    "hooks": lambda: Hooks(after=lambda request, response: None, inline=True),
}


@pytest.mark.parametrize("place", ["outside", "inside"])
@pytest.mark.parametrize("neighbour", NEIGHBOURS.values(), ids=NEIGHBOURS)
async def test_it_works_beside_layers_of_every_style(client_for, neighbour, place):
    layers = [neighbour(), ConditionalGet()]
    app = application(layers=layers if place == "outside" else layers[::-1])
    async with client_for(app) as client:
        first = await client.get("/")
        again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
        failed = await client.get("/", headers={"if-match": '"other"'})
    assert (first.status, first.text) == (200, TEXT)
    assert (again.status, again.body, failed.status) == (304, b"", 412)


async def test_a_412_is_answered_by_the_error_handler(client_for):
    app = application()

    @app.error_handler(412)
    def failed(request):
        return "not what you had", 412

    async with client_for(app) as client:
        response = await client.get("/", headers={"if-match": '"other"'})
    assert (response.status, response.text) == (412, "not what you had")


@pytest.mark.parametrize(("length", "off_loop"), [(1000, False), (300_000, True)])
@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)
async def test_the_tag_of_a_large_body_is_made_off_the_loop(client_for, monkeypatch, length, off_loop):
    threads = []

    def blake2b(*arguments, **options):
        threads.append(threading.current_thread())
        return hashlib.blake2b(*arguments, **options)

    monkeypatch.setattr("nacre.conditional.blake2b", blake2b)
    async with client_for(application(lambda: "x" * length)) as client:
        assert "etag" in (await client.get("/")).headers
    assert [thread is not threading.main_thread() for thread in threads] == [off_loop]


@pytest.mark.parametrize("transport", ["wsgi"], indirect=True)
async def test_plain_code_under_wsgi_needs_no_event_loop(client_for):
    app = application(lambda: "x" * 300_000)
    async with client_for(app) as client:
        response = await client.get("/")
        await client.get("/", headers={"if-none-match": response.headers["etag"]})
    app.compile()
    assert all(chain.runs_inline for chain in app.describe().routes[0].chains if chain.method == "GET")


@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)
async def test_a_websocket_passes_this_layer_and_those_that_code_bodies(client_for):
    app = Nacre(middlewares=[Compression(minimum_size=0), ConditionalGet(), Decompression()])

    @app.websocket("/echo")
    async def echo(ws: WebSocket):
        async for message in ws:
            await ws.send(message)

    headers = {"accept-encoding": "gzip", "if-none-match": "*"}
    async with client_for(app) as client, client.websocket("/echo", headers=headers) as ws:
        await ws.send(TEXT)
        assert await ws.receive() == TEXT
