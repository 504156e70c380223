"""Compression: what is compressed for whom, what stays as it is, and what the header fields say about it."""

import asyncio
import hashlib
import importlib
import os
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import brotli
import pytest
from backports import zstd
from rules.application import Gate

from nacre import (
    ASGIMiddleware,
    ConfigurationError,
    Group,
    Hooks,
    Middleware,
    Nacre,
    Response,
    StreamingResponse,
    WSGIMiddleware,
    abort,
)
from nacre import codings as content_codings
from nacre.compression import COMPRESSIBLE, Compression
from nacre.files import FileResponse

TEXT = "mother-of-pearl, " * 500
CODINGS = ["zstd", "br", "gzip"]


def decode(coding, data):
    match coding:
        case None:
            return data
        case "gzip":
            return zlib.decompress(data, wbits=31)
        case "br":
            return brotli.decompress(data)
        case "zstd":
            return zstd.decompress(data)


def text_of(response):
    return decode(response.headers.get("content-encoding"), response.body).decode()


class Incremental:
    """Decodes a stream as a browser does, as far as it has come."""

    def __init__(self, coding):
        self._decode = {
            "gzip": lambda: zlib.decompressobj(31).decompress,
            "br": lambda: brotli.Decompressor().process,
            "zstd": lambda: zstd.ZstdDecompressor().decompress,
        }[coding]()

    def __call__(self, piece):
        return self._decode(piece)


def application(*layers, **options):
    app = Nacre(middlewares=layers or [Compression(**options)])

    @app.get("/text")
    def text():
        return TEXT

    return app


# What the client accepts.

ACCEPTED = {
    "nothing said": (None, None),
    "empty": ("", None),
    "one": ("gzip", "gzip"),
    "another": ("br", "br"),
    "a third": ("zstd", "zstd"),
    "a browser's": ("gzip, deflate, br, zstd", "zstd"),
    "an old browser's": ("gzip, deflate, br", "br"),
    "by weight": ("gzip;q=1.0, br;q=0.8, zstd;q=0.1", "gzip"),
    "refused": ("gzip;q=0", None),
    "all refused": ("*;q=0", None),
    "any": ("*", "zstd"),
    "any but one": ("*, zstd;q=0", "br"),
    "any but two, with spaces": (" * , zstd ; q=0 ,br;q=0.000", "gzip"),
    "as it is rather": ("gzip;q=0.5, identity;q=0.8", None),
    "as it is by the star": ("gzip;q=0.5, zstd;q=0.2, br;q=0.2, *;q=0.8", None),
    "as it is, or equally": ("gzip, identity", "gzip"),
    "as it is only": ("identity", None),
    "not as it is": ("identity;q=0, gzip;q=0.1", "gzip"),
    "not as it is, nor in any other": ("identity;q=0", None),
    "capitals": ("GZip", "gzip"),
    "the old name": ("x-gzip", "gzip"),
    "the old name, refused": ("x-gzip;q=0", None),
    "unknown ones": ("compress, dcb, exi", None),
    "deflate, which means two things": ("deflate", None),
    "malformed": (";;=,,(\x80", None),
    "malformed weight": ("gzip;q=much", None),
    "a weight above 1": ("gzip;q=2", None),
    "malformed beside sound": ("gzip;q=-1, br;q=0.5", "br"),
    "with parameters": ("gzip;level=9", None),
    "named twice": ("gzip;q=0, gzip;q=1", "gzip"),
    "the 64th": (", ".join([*(f"x{n}" for n in range(63)), "gzip"]), "gzip"),
    "the 65th": (", ".join([*(f"x{n}" for n in range(64)), "gzip"]), None),
    "long": ("gzip" + " " * 4000, "gzip"),
}


@pytest.mark.parametrize(("accepted", "coding"), ACCEPTED.values(), ids=ACCEPTED)
async def test_the_coding_is_the_one_the_client_likes_best(client_for, accepted, coding):
    async with client_for(application()) as client:
        headers = {} if accepted is None else {"accept-encoding": accepted}
        response = await client.get("/text", headers=headers)
    assert response.status == 200
    assert response.headers.get("content-encoding") == coding
    assert response.headers.getlist("vary") == ["Accept-Encoding"]
    assert response.headers["content-length"] == str(len(response.body))
    assert text_of(response) == TEXT


async def test_two_fields_are_read_as_one(client_for):
    async with client_for(application()) as client:
        response = await client.get("/text", headers=[("accept-encoding", "br;q=0.5"), ("accept-encoding", "gzip")])
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("first", CODINGS)
async def test_the_first_algorithm_wins_where_the_client_likes_several_equally(client_for, first):
    others = [coding for coding in CODINGS if coding != first]
    async with client_for(application(algorithms=[first, *others])) as client:
        response = await client.get("/text", headers={"accept-encoding": "gzip, br, zstd"})
        weighed = await client.get("/text", headers={"accept-encoding": f"{first};q=0.9, {others[1]}"})
    assert response.headers["content-encoding"] == first
    assert weighed.headers["content-encoding"] == others[1]


async def test_no_algorithm_means_no_compression(client_for):
    async with client_for(application(algorithms=[])) as client:
        response = await client.get("/text", headers={"accept-encoding": "*"})
    assert (response.text, "content-encoding" in response.headers) == (TEXT, False)


# What is left as it is.


def one(body=TEXT, status=200, content_type=None, **fields):
    headers = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return lambda: Response(body, status, headers, content_type=content_type)


DENSE = hashlib.shake_256(b"pearl").digest(3000)

LEFT = {  # why, the response, and whether it varies all the same
    "an error page of a few bytes": (lambda: abort(404), False),
    "a tiny body": (one("x" * 1023), False),
    "no body": (one(None), False),
    "no content": (one(None, 204), False),
    "nothing changed": (one(None, 304), True),
    "to be reset": (one(None, 205), False),
    "a part": (one(TEXT, 206, content_range=f"bytes 0-8499/{len(TEXT)}"), True),
    "coded already": (one(zlib.compress(TEXT.encode(), wbits=31) * 100, content_encoding="gzip"), False),
    "a range in another status": (one(content_range="bytes */8500"), False),
    "an image": (one(bytes(2000), content_type="image/png"), False),
    "a video": (one(bytes(2000), content_type="video/mp4"), False),
    "an archive": (one(bytes(2000), content_type="application/zip"), False),
    "bytes of no kind": (one(bytes(2000)), False),
    "a type that can't be read": (one(content_type=";"), False),
    "server-sent events": (one(content_type="text/event-stream"), False),
    "no transforming": (one(cache_control="public, No-Transform"), False),
    "a digest": (one(content_digest="sha-256=:AAAA:"), False),
    "a digest of the whole": (one(repr_digest="sha-256=:AAAA:"), False),
    "the handler's wish": (one(content_encoding="identity"), False),
    "what doesn't become smaller": (one(DENSE, content_type="text/plain"), True),
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("handler", "varies"), LEFT.values(), ids=LEFT)
async def test_a_body_is_left_as_it_is(client_for, handler, varies, method):
    app, bare = Nacre(middlewares=[Compression()]), Nacre()
    app.get("/")(handler)
    bare.get("/")(handler)
    async with client_for(app) as client, client_for(bare) as plain:
        response = await client.request(method, "/", headers={"accept-encoding": "gzip, br, zstd"})
        expected = await plain.request(method, "/")
    assert (response.status, response.body) == (expected.status, expected.body)
    unchanged = [pair for pair in expected.headers.pairs() if pair != ("content-encoding", "identity")]
    assert [pair for pair in response.headers.pairs() if pair != ("vary", "Accept-Encoding")] == unchanged
    assert (response.headers.get("vary") == "Accept-Encoding") is varies


COMPRESSED = {
    "text": one(),
    "text of exactly the minimum": one("x" * 1024),
    "JSON": lambda: ["pearl"] * 500,
    "a vendor's JSON": one(content_type="application/vnd.api+json; charset=utf-8"),
    "SVG": one(content_type="image/svg+xml"),
    "capitals": one(content_type="Text/HTML; Charset=UTF-8"),
    "an error": one(status=500),
    "a long error page": lambda: abort(404, TEXT),
    "a stream": lambda: (piece for piece in [TEXT]),
    "a stream of known length": lambda: StreamingResponse([TEXT], headers={"content-length": str(len(TEXT))}),
    "lines of JSON": one(content_type="application/x-ndjson"),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("handler", COMPRESSED.values(), ids=COMPRESSED)
async def test_a_body_is_compressed(client_for, handler, coding):
    app, bare = Nacre(middlewares=[Compression()]), Nacre()
    app.get("/")(handler)
    bare.get("/")(handler)
    async with client_for(app) as client, client_for(bare) as plain:
        response = await client.get("/", headers={"accept-encoding": coding})
        refused = await client.get("/")
        head = await client.head("/", headers={"accept-encoding": coding})
        expected = await plain.get("/")
    assert response.status == refused.status == expected.status
    assert response.headers["content-encoding"] == coding
    assert decode(coding, response.body) == refused.body == expected.body
    assert len(response.body) < len(expected.body)
    assert response.headers.getlist("vary") == refused.headers.getlist("vary")
    assert "Accept-Encoding" in response.headers["vary"].split(", ")
    assert response.headers.get("content-length") in (None, str(len(response.body)))
    assert "content-encoding" not in refused.headers
    # M44
    assert (head.status, head.headers.pairs(), head.body) == (response.status, response.headers.pairs(), b"")


async def test_a_tiny_body_is_compressed_for_who_refuses_it_as_it_is(client_for):
    app = Nacre(middlewares=[Compression()])
    app.get("/")(lambda: "tiny")
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip, identity;q=0"})
        other = await client.get("/", headers={"accept-encoding": "gzip"})
    assert (response.headers["content-encoding"], text_of(response)) == ("gzip", "tiny")
    assert "content-encoding" not in other.headers


async def test_a_handler_that_answers_head_itself_has_the_fields_of_get(client_for):
    app = Nacre(middlewares=[Compression()])
    app.head("/")(lambda: Response(headers={"content-length": "9000", "etag": '"x"', "content-type": "text/css"}))
    app.head("/tiny")(lambda: Response(headers={"content-length": "90", "content-type": "text/css"}))
    async with client_for(app) as client:
        response = await client.head("/", headers={"accept-encoding": "br"})
        tiny = await client.head("/tiny", headers={"accept-encoding": "br"})
    assert response.headers["content-encoding"] == "br"
    assert response.headers["etag"] == 'W/"x"'
    assert response.headers["vary"] == "Accept-Encoding"
    assert "content-length" not in response.headers
    assert tiny.headers["content-length"] == "90"


async def test_a_stream_of_a_known_tiny_length_is_left_as_it_is(client_for):
    app = Nacre(middlewares=[Compression()])
    app.get("/")(lambda: StreamingResponse(iter(["tiny"]), headers={"content-length": "4"}))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
    assert (response.text, response.headers["content-length"]) == ("tiny", "4")
    assert "content-encoding" not in response.headers


# Header fields.


@pytest.mark.parametrize(
    ("own", "merged"),
    [
        pytest.param("Cookie", "Cookie, Accept-Encoding", id="another"),
        pytest.param("accept-encoding", "accept-encoding", id="the same in lower case"),
        pytest.param("Cookie, ACCEPT-ENCODING", "Cookie, ACCEPT-ENCODING", id="both"),
        pytest.param("*", "*", id="star"),
        pytest.param("Cookie, *", "*", id="star among others"),
    ],
)
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
async def test_m49_vary_is_merged(client_for, own, merged, accepted):
    app = Nacre(middlewares=[Compression()])
    app.get("/")(one(vary=own))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": accepted})
    assert response.headers.getlist("vary") == [merged]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        pytest.param('"x"', 'W/"x"', id="strong"),
        pytest.param('W/"x"', 'W/"x"', id="weak"),
        pytest.param("x", "x", id="malformed"),
    ],
)
async def test_m51_a_strong_etag_becomes_weak_where_the_body_is_compressed(client_for, own, sent):
    app = Nacre(middlewares=[Compression()])
    app.get("/")(one(etag=own, accept_ranges="bytes"))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
        other = await client.get("/")
    assert response.headers["etag"] == sent
    assert "accept-ranges" not in response.headers
    assert (other.headers["etag"], other.headers["accept-ranges"]) == (own, "bytes")


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        pytest.param('W/"x"', 'W/"x"', id="compressed"),
        pytest.param('"x"', '"x"', id="as it was"),
        pytest.param('"x", W/"x"', '"x"', id="both"),
        pytest.param("*", '"x"', id="any"),
    ],
)
async def test_a_304_names_the_tag_as_the_client_knows_it(client_for, known, sent):
    app = Nacre(middlewares=[Compression()])
    app.get("/")(one(None, 304, etag='"x"'))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip", "if-none-match": known})
    assert (response.headers["etag"], response.headers["vary"]) == (sent, "Accept-Encoding")


async def test_a_declared_length_is_not_that_of_the_compressed_body(client_for):
    app = Nacre(middlewares=[Compression()])
    app.get("/stream")(lambda: StreamingResponse(iter([TEXT]), headers={"content-length": str(len(TEXT))}))
    app.get("/whole")(one(content_length=str(len(TEXT))))
    async with client_for(app) as client:
        stream = await client.get("/stream", headers={"accept-encoding": "gzip"})
        whole = await client.get("/whole", headers={"accept-encoding": "gzip"})
    assert "content-length" not in stream.headers
    assert text_of(stream) == TEXT
    assert whole.headers.getlist("content-length") == [str(len(whole.body))]


async def test_m48_cookies_stay_as_they_are(client_for):
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    def page():
        response = Response(TEXT)
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
    assert [value.partition(";")[0] for value in response.headers.getlist("set-cookie")] == ["a=1", "b=2"]


async def test_equal_bodies_give_equal_bytes(client_for):
    """So that a cache, and an `ETag` made of what is sent, find them equal."""
    async with client_for(application()) as client:
        for coding in CODINGS:
            bodies = {(await client.get("/text", headers={"accept-encoding": coding})).body for _ in range(3)}
            assert len(bodies) == 1


async def test_m55_a_response_for_many_requests_is_not_changed(client_for):
    page = Response(TEXT, headers={"etag": '"x"'})
    app = Nacre(middlewares=[Compression()])
    app.get("/")(lambda: page)
    async with client_for(app) as client:
        for accepted in ("gzip", "br", "identity", "gzip"):
            response = await client.get("/", headers={"accept-encoding": accepted})
            coding = None if accepted == "identity" else accepted
            assert response.headers.get("content-encoding") == coding
            assert response.headers["etag"] == ('"x"' if coding is None else 'W/"x"')
            assert text_of(response) == TEXT


# Streams.


@pytest.mark.parametrize("coding", CODINGS)
async def test_m50_a_piece_is_sent_whole_before_the_next_one_is_asked_for(client_for, coding):
    gate = Gate()
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    async def pieces():
        yield "the first piece"
        await gate.wait()
        yield ", the second"

    async with client_for(app) as client:
        async with client.stream("GET", "/", headers={"accept-encoding": coding}) as response:
            assert response.headers["content-encoding"] == coding
            reader = Incremental(coding)
            assert reader(await anext(response)) == b"the first piece"
            gate.set()
            assert reader(await response.read()) == b", the second"


@pytest.mark.parametrize("coding", CODINGS)
async def test_m50_a_piece_of_a_plain_stream_is_sent_whole_before_the_next_one_is_asked_for(client_for, coding):
    gate, threads = threading.Event(), []
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    def pieces():
        threads.append(threading.current_thread())
        yield "the first piece"
        gate.wait(5)
        yield ", the second"

    async with client_for(app) as client:
        async with client.stream("GET", "/", headers={"accept-encoding": coding}) as response:
            reader = Incremental(coding)
            assert reader(await anext(response)) == b"the first piece"
            gate.set()
            assert reader(await response.read()) == b", the second"
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_stream_of_nothing_is_a_sound_empty_body(client_for, coding, kind):
    app = Nacre(middlewares=[Compression()])

    async def nothing():
        for piece in ():
            yield piece

    app.get("/")(lambda: StreamingResponse(nothing() if kind == "async" else iter(())))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": coding})
    assert decode(coding, response.body) == b""


class Counted:
    """A stream, plain or async, that counts how often it is closed."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self.closed = 0


class PlainCounted(Counted):
    def __iter__(self):
        return self

    def __next__(self):
        return next(self._pieces)

    def close(self):
        self.closed += 1


class AsyncCounted(Counted):
    def __aiter__(self):
        return self

    async def __anext__(self):
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration

    async def aclose(self):
        self.closed += 1


def replaced(request, response):
    return "something else"


CLOSED = {
    "sent": ([], True, "GET"),
    "sent late": ([], False, "GET"),
    "to HEAD": ([], True, "HEAD"),
    "to HEAD, late": ([], False, "HEAD"),
    "replaced": ([Hooks(after=replaced)], True, "GET"),
    "replaced, late": ([Hooks(after=replaced)], False, "GET"),
}


@pytest.mark.parametrize("kind", [PlainCounted, AsyncCounted])
@pytest.mark.parametrize(("outside", "eager", "method"), CLOSED.values(), ids=CLOSED)
async def test_m53_a_stream_is_closed_once(client_for, kind, outside, eager, method):
    made = []
    app = Nacre(middlewares=[*outside, Compression()])

    @app.get("/")
    def page():
        made.append(kind([TEXT, TEXT]))
        return StreamingResponse(made[0], eager=eager)

    async with client_for(app) as client:
        response = await client.request(method, "/", headers={"accept-encoding": "gzip"})
    assert response.status == 200
    assert made[0].closed == 1


@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)  # under WSGI that shows with the next piece
async def test_m3_a_generator_sees_the_client_leave(client_for):
    seen, gate = [], Gate()
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    async def pieces():
        try:
            yield "the first"
            await gate.wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("finally")

    async with client_for(app) as client:
        async with client.stream("GET", "/", headers={"accept-encoding": "gzip"}) as response:
            await anext(response)
            await response.disconnect()
    assert seen == ["cancelled", "finally"]


async def test_a_stream_that_fails_is_cut_off(client_for):
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    async def pieces():
        yield "the first"
        raise OSError("lost")

    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
    assert response.aborted is not None
    with pytest.raises(zlib.error):
        decode("gzip", response.body)


async def test_a_stream_that_fails_at_once_is_an_error_page(client_for):
    app = Nacre(middlewares=[Compression()])

    @app.get("/")
    async def pieces():
        raise OSError("lost")
        yield

    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "gzip"})
    assert response.status == 500


async def test_a_file_is_compressed_as_it_is_read(client_for, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(TEXT * 50, encoding="utf-8")
    os.utime(path, (1_000_000_000, 1_000_000_000))  # the tag of a file that has just been changed is a weak one
    app = Nacre(middlewares=[Compression()])
    app.get("/")(lambda: FileResponse(path))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "br"})
        again = await client.get(
            "/", headers={"accept-encoding": "br", "if-none-match": response.headers.get("etag", "")}
        )
        part = await client.get("/", headers={"accept-encoding": "br", "range": "bytes=0-9"})
        head = await client.head("/", headers={"accept-encoding": "br"})
        bare = await client.get("/")
    assert text_of(response) == TEXT * 50
    assert response.headers["etag"] == "W/" + bare.headers["etag"]
    assert "accept-ranges" not in response.headers
    assert "content-length" not in response.headers
    assert (again.status, again.headers["etag"]) == (304, response.headers["etag"])
    assert (part.status, part.text) == (206, TEXT[:10])
    assert "content-encoding" not in part.headers
    assert {one.headers["vary"] for one in (response, again, part, head, bare)} == {"Accept-Encoding"}
    assert head.headers.pairs() == response.headers.pairs()
    assert bare.headers["content-length"] == str(len(TEXT) * 50)


async def test_a_file_that_a_layer_further_in_sends_is_compressed(client_for, tmp_path):
    path = tmp_path / "closed.html"
    path.write_text(TEXT, encoding="utf-8")

    async def closed(request, call_next):
        return FileResponse(path)

    async with client_for(application(Compression(), closed)) as client:
        response = await client.get("/text", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["etag"].startswith('W/"')
    assert text_of(response) == TEXT


# Where it is done.


@pytest.fixture
def encoded_in(monkeypatch):
    """The threads in which bodies were encoded."""
    threads = []
    module = importlib.import_module("nacre.compression")

    def encode(*arguments):
        threads.append(threading.current_thread())
        return content_codings.encode(*arguments)

    monkeypatch.setattr(module, "encode", encode)
    return threads


@pytest.mark.parametrize(
    ("size", "options", "off_loop"),
    [
        pytest.param(8_000, {}, False, id="small"),
        pytest.param(900_000, {}, True, id="large"),
        pytest.param(8_000, {"levels": {"br": 9}}, True, id="at a high level"),
        pytest.param(8_000, {"levels": {"br": 1}}, False, id="at a low level"),
    ],
)
@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)
async def test_a_large_body_is_compressed_off_the_loop(client_for, encoded_in, size, options, off_loop):
    app = Nacre(middlewares=[Compression(algorithms=["br"], **options)])
    app.get("/")(one("x" * size))
    async with client_for(app) as client:
        response = await client.get("/", headers={"accept-encoding": "br"})
    assert text_of(response) == "x" * size
    assert [thread is not threading.main_thread() for thread in encoded_in] == [off_loop]


@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)
async def test_a_route_may_name_the_executor_and_the_size(client_for, encoded_in):
    app = Nacre(middlewares=[Compression()])
    with ThreadPoolExecutor(1, thread_name_prefix="zip") as pool:
        app.get("/small", zlib_executor=pool, zlib_executor_size=5000)(lambda: "x" * 4999)
        app.get("/large", zlib_executor=pool, zlib_executor_size=5000)(lambda: "x" * 5000)
        app.get("/size", zlib_executor_size=5000)(lambda: "x" * 5000)
        async with client_for(app) as client:
            for path in ("/small", "/large", "/size"):
                response = await client.get(path, headers={"accept-encoding": "gzip"})
                assert response.headers["content-encoding"] == "gzip"
    names = [thread.name.partition("_")[0].partition("-")[0] for thread in encoded_in]
    assert names == ["MainThread", "zip", "nacre"]


@pytest.mark.parametrize("transport", ["wsgi"], indirect=True)
async def test_plain_code_under_wsgi_needs_no_event_loop(client_for):
    app = application()
    app.get("/stream")(lambda: iter([TEXT]))
    before = threading.enumerate()  # other tests' applications may still have one
    async with client_for(app) as client:
        for path in ("/text", "/stream", "/nowhere"):
            await client.get(path, headers={"accept-encoding": "gzip"})
        assert not [one for one in threading.enumerate() if one.name == "nacre-loop" and one not in before]


# Its place.


class Asgi:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


class Django:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers["x-outer"] = "1"
        return response


def wsgi(app):
    return lambda environ, start_response: app(environ, start_response)


async def onion(request, call_next):
    response = await call_next(request)
    response.headers["x-outer"] = "1"
    return response


def plain_onion(request, call_next):
    return call_next(request)


NEIGHBOURS = {
    "ASGI": lambda: ASGIMiddleware(Asgi),
    "ASGI in the chain": lambda: Middleware(Asgi, only="/*"),
    "Django": lambda: Django,
    "WSGI": lambda: WSGIMiddleware(wsgi),
    "onion": lambda: onion,
    "plain onion": lambda: plain_onion,
    "hooks": lambda: Hooks(after=lambda request, response: None, inline=True),
    "finalizer": lambda: Hooks(finalize=lambda request, response: None),
}


@pytest.mark.parametrize("place", ["outside", "inside", "around"])
@pytest.mark.parametrize("neighbour", NEIGHBOURS.values(), ids=NEIGHBOURS)
async def test_it_works_beside_layers_of_every_style(client_for, neighbour, place):
    layers = {
        "outside": lambda: [neighbour(), Compression()],
        "inside": lambda: [Compression(), neighbour()],
        "around": lambda: [neighbour(), Compression(), neighbour()],
    }[place]()
    app = application(*layers)

    @app.get("/stream")
    async def pieces():
        for _ in range(3):
            yield TEXT

    async with client_for(app) as client:
        whole = await client.get("/text", headers={"accept-encoding": "gzip"})
        stream = await client.get("/stream", headers={"accept-encoding": "br"})
        missing = await client.get("/nowhere", headers={"accept-encoding": "br"})
    assert (whole.headers["content-encoding"], text_of(whole)) == ("gzip", TEXT)
    assert whole.headers["content-length"] == str(len(whole.body))
    assert (stream.headers["content-encoding"], text_of(stream)) == ("br", TEXT * 3)
    assert missing.status == 404


async def test_it_compresses_once_however_often_it_is_there(client_for):
    async with client_for(application(Compression(), Compression(algorithms=["br"]))) as client:
        response = await client.get("/text", headers={"accept-encoding": "zstd, br"})
    assert response.headers.getlist("content-encoding") == ["br"]
    assert response.headers["vary"] == "Accept-Encoding"
    assert text_of(response) == TEXT


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: Compression(minimum_size=10), id="instance"),
        pytest.param(lambda: Middleware(Compression, minimum_size=10), id="class with options"),
        pytest.param(lambda: Middleware("nacre.compression.Compression", minimum_size=10), id="dotted name"),
    ],
)
async def test_it_belongs_to_an_application_a_group_or_a_route(client_for, layer):
    app, group = Nacre(), Group("/group", middlewares=[layer()])
    app.get("/bare")(lambda: "x" * 100)
    app.get("/route", middlewares=[layer()])(lambda: "x" * 100)
    group.get("/page")(lambda: "x" * 100)
    app.include(group)
    async with client_for(app) as client:
        found = {
            path: (await client.get(path, headers={"accept-encoding": "gzip"})).headers.get("content-encoding")
            for path in ("/bare", "/route", "/group/page")
        }
    assert found == {"/bare": None, "/route": "gzip", "/group/page": "gzip"}


async def test_it_is_left_out_of_routes_by_their_tag(client_for):
    app = Nacre(middlewares=[Middleware(Compression(), skip="secret")])
    app.get("/open")(lambda: TEXT)
    app.get("/token", tags=["secret"])(lambda: TEXT)
    async with client_for(app) as client:
        assert "content-encoding" in (await client.get("/open", headers={"accept-encoding": "gzip"})).headers
        token = await client.get("/token", headers={"accept-encoding": "gzip"})
    assert (token.text, "vary" in token.headers) == (TEXT, False)


def test_the_chain_shows_it_by_name():
    app = application()
    app.compile()
    chain = next(one for one in app.describe().routes[0].chains if one.method == "GET")
    assert [layer.name for layer in chain.layers] == ["Compression"]
    assert chain.runs_inline


# What is wrong with a declaration.

WRONG = {
    "unknown": ({"algorithms": ["gzip", "brotli"]}, "there is no coding 'brotli'", "there are zstd, br, gzip"),
    "nearly known": ({"algorithms": ["zst"]}, "there is no coding 'zst'", "did you mean 'zstd'?"),
    "a word": ({"algorithms": "gzip"}, "algorithms are a list of codings, not 'gzip'", "write it as ['zstd'"),
    "an unknown level": ({"levels": {"gzip": 0}}, "gzip has no level 0", "its levels are 1 to 9"),
    "a level too high": ({"levels": {"br": 12}}, "br has no level 12", "its levels are 0 to 11"),
    "a level for nothing": (
        {"algorithms": ["br"], "levels": {"gzip": 6}},
        "a level is given for 'gzip', which is not among the algorithms",
        "",
    ),
    "a level for the unknown": ({"levels": {"deflate": 6}}, "there is no coding 'deflate'", "there are"),
    "no type": ({"content_types": ["text"]}, "'text' is no media type", "write it as 'application/json'"),
    "any type": ({"content_types": ["*/*"]}, "'*/*' is no media type", "'text/*'"),
    "a size below 0": ({"minimum_size": -1}, "minimum_size is a number of bytes from 0 on, not -1", ""),
}


@pytest.mark.parametrize(("options", "what", "fix"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_says_what_and_where(options, what, fix):
    with pytest.raises(ConfigurationError) as raised:
        Compression(**options)
    assert what in str(raised.value)
    assert fix in str(raised.value)
    assert "test_compression.py" in str(raised.value)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigurationError) as raised:
        Compression(algorithms=["lz4"], minimum_size=-1, content_types=["text"])
    assert len(raised.value.problems) == 3


WITHOUT_LIBRARIES = """
import sys, zlib
for name in ("brotli", "isal", "backports.zstd", "compression.zstd"):
    sys.modules[name] = None  # importing it fails as if it weren't there

from nacre import ConfigurationError, Nacre
from nacre.compression import Compression
from nacre.testing import TestClient

app = Nacre(middlewares=[Compression()])
app.get("/")(lambda: "pearl " * 1000)
with TestClient(app) as client:
    response = client.get("/", headers={"accept-encoding": "gzip;q=0.1, br, zstd"})
print(response.headers["content-encoding"], len(zlib.decompress(response.body, wbits=31)))
for coding in ("br", "zstd"):
    try:
        Compression(algorithms=[coding, "gzip"])
    except ConfigurationError as error:
        print(error)
"""


def test_without_libraries_there_is_gzip_and_others_name_the_line_that_installs_them():
    result = subprocess.run([sys.executable, "-c", WITHOUT_LIBRARIES], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == "gzip 6000"
    for coding in ("br", "zstd"):
        assert f"the coding '{coding}' needs a library" in result.stdout
    assert result.stdout.count("pip install 'nacre[compression]'") == 2


async def test_content_types_are_the_ones_given(client_for):
    app = Nacre(middlewares=[Compression(content_types=["application/x-own", "image/*", "*+own"])])
    kinds = {
        "application/x-own": True,
        "image/png": True,
        "model/a+own": True,
        "text/plain": False,
        "application/json": False,
    }
    for number, kind in enumerate(kinds):
        app.get(f"/{number}")(one(content_type=kind))
    async with client_for(app) as client:
        for number, compressed in enumerate(kinds.values()):
            response = await client.get(f"/{number}", headers={"accept-encoding": "gzip"})
            assert ("content-encoding" in response.headers) is compressed


def test_the_default_types_are_sound():
    assert Compression(content_types=COMPRESSIBLE).algorithms == ("zstd", "br", "gzip")
