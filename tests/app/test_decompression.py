"""Decompression: what a handler reads of a body that came compressed, what is refused, and when."""

import asyncio
import functools
import gzip
import random
import zlib

import brotli
import msgspec
import pytest
from backports import zstd

from nacre import (
    ASGIMiddleware,
    ConfigurationError,
    Group,
    Middleware,
    Nacre,
    Request,
    WSGIMiddleware,
    wait,
)
from nacre.decompression import Decompression
from nacre.errors import ClientDisconnect

JSON = {"content-type": "application/json"}
DATA = b'{"pearls":[' + b",".join(b"%d" % n for n in range(2000)) + b"]}"


SHORT = b"%d" % 7**500


def raw_deflate(data):
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def with_dictionary():
    stream = zlib.compressobj(zdict=b"mother-of-pearl")
    return stream.compress(b"mother-of-pearl") + stream.flush()


def window(log):
    """zstd data that needs a window of 2 to the power of `log` bytes."""
    parameter = zstd.CompressionParameter
    stream = zstd.ZstdCompressor(options={parameter.window_log: log})
    return b"".join(stream.compress(bytes(1 << 20)) for _ in range(1 << (log - 20))) + stream.flush()


ENCODE = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}
CODINGS = ["gzip", "deflate", "br", "zstd"]


def coded(coding, **headers):
    return {**JSON, "content-encoding": coding, **headers}


class Pearls(msgspec.Struct):
    pearls: list[int]


def application(**options):
    app = Nacre(middlewares=[Decompression(**options)])

    @app.post("/body")
    async def body(request: Request):
        return await request.body()

    @app.post("/json")
    async def json(request: Request):
        return await request.json()

    @app.post("/text")
    async def text(request: Request):
        return await request.text()

    @app.post("/stream")
    async def stream(request: Request):
        return b"".join([piece async for piece in request.stream()])

    @app.post("/plain")
    def plain(request: Request):
        return wait(request.body())

    @app.post("/model")
    async def model(pearls: Pearls):
        return pearls

    @app.post("/plain-model")
    def plain_model(pearls: Pearls):
        return pearls

    @app.post("/ignored")
    async def ignored(request: Request):
        return "not read"

    @app.post("/fields")
    async def fields(request: Request):
        await request.body()
        scope = {name.decode(): value.decode() for name, value in request.scope["headers"]}
        return [
            request.headers.get("content-encoding"),
            request.content_length,
            request.headers.get("content-length"),
            request.headers.get("content-type"),
            scope.get("content-encoding"),
            scope.get("content-length"),
        ]

    return app


class in_pieces:  # noqa: N801 - used like a function; a generator that isn't read to its end would leave a task
    def __init__(self, data, size):
        self._pieces = iter([data[at : at + size] for at in range(0, len(data), size)])

    def __aiter__(self):
        return self

    async def __anext__(self):
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@pytest.mark.parametrize("path", ["/body", "/json", "/text", "/stream", "/plain", "/model", "/plain-model"])
@pytest.mark.parametrize("coding", ENCODE)
async def test_m39_every_reader_sees_the_decoded_body(client_for, coding, path):
    async with client_for(application()) as client:
        response = await client.post(path, content=ENCODE[coding](DATA), headers=coded(coding))
    assert (response.status, response.body) == (200, DATA)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("coding", CODINGS)
async def test_a_body_may_come_in_pieces_of_any_size(client_for, coding, size):
    async with client_for(application()) as client:
        response = await client.post("/body", content=in_pieces(ENCODE[coding](DATA), size), headers=coded(coding))
    assert response.body == DATA


@pytest.mark.parametrize("data", [b"", b"x", bytes(300_000), DATA * 20], ids=["empty", "a byte", "zeros", "large"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_a_body_may_be_of_any_length(client_for, coding, data):
    async with client_for(application()) as client:
        for path in ("/body", "/stream"):
            response = await client.post(path, content=ENCODE[coding](data), headers=coded(coding))
            assert response.body == data


SOUND = {
    "bare deflate": ("deflate", raw_deflate(DATA), DATA),
    "bare deflate of nothing": ("deflate", raw_deflate(b""), b""),
    "members of gzip": ("gzip", gzip.compress(DATA) + gzip.compress(b"") + gzip.compress(DATA), DATA * 2),
    "frames of zstd": ("zstd", zstd.compress(DATA) + zstd.compress(b"") + zstd.compress(DATA), DATA * 2),
    "a frame to skip": ("zstd", b"\x50\x2a\x4d\x18\x04\0\0\0skip" + zstd.compress(DATA), DATA),
    "no body at all": ("gzip", b"", b""),
    "as it is": ("identity", DATA, DATA),
    "capitals": ("GZIP", gzip.compress(DATA), DATA),
    "empty members of the list": (", gzip ,", gzip.compress(DATA), DATA),
    "two codings": ("gzip, br", brotli.compress(gzip.compress(DATA)), DATA),
    "the same coding twice": ("gzip, gzip", gzip.compress(gzip.compress(DATA)), DATA),
    "as it is among others": ("identity, deflate, zstd, identity", zstd.compress(zlib.compress(DATA)), DATA),
}


@pytest.mark.parametrize("size", [5, 10_000])
@pytest.mark.parametrize(("coding", "data", "decoded"), SOUND.values(), ids=SOUND)
async def test_what_is_sound_is_decoded(client_for, coding, data, decoded, size):
    async with client_for(application()) as client:
        whole = await client.post("/body", content=data, headers=coded(coding))
        pieces = await client.post("/body", content=in_pieces(data, size), headers=coded(coding))
    assert (whole.status, whole.body) == (200, decoded)
    assert (pieces.status, pieces.body) == (200, decoded)


@functools.cache
def reaching_back(length):
    """Data of this length whose end is as its start, and brotli data that says so."""
    mark = random.Random(1).randbytes(12)
    data = mark + random.Random(2).randbytes(length).hex().encode()[: length - 24] + mark
    coders = [brotli.Compressor(quality=9, lgwin=24) for _ in range(2)]
    without, body = [coder.process(data[:end]) + coder.finish() for coder, end in zip(coders, (-12, None), strict=True)]
    assert len(body) < len(without) + 10
    return data, body


@pytest.mark.parametrize("more", [-17, -16, -15, -4, 0, 1, 1000])
async def test_a_brotli_body_may_reach_back_to_its_start(client_for, more):
    """Its window is cut to what the limit allows, which must not change what the distances in it mean."""
    data, body = reaching_back((1 << 18) + more)
    async with client_for(application(max_body=len(data))) as client:
        response = await client.post("/body", content=body, headers=coded("br"))
    assert response.body == data


async def test_codings_in_two_fields_are_one_list(client_for):
    headers = [("content-type", "text/plain"), ("content-encoding", "gzip"), ("content-encoding", "br")]
    async with client_for(application()) as client:
        response = await client.post("/body", content=brotli.compress(gzip.compress(DATA)), headers=headers)
    assert response.body == DATA


async def test_m43_the_fields_are_those_of_the_decoded_body(client_for):
    async with client_for(application()) as client:
        for content in (gzip.compress(DATA), in_pieces(gzip.compress(DATA), 100)):
            response = await client.post("/fields", content=content, headers=coded("gzip"))
            assert response.json() == [None, None, None, "application/json", None, None]
        bare = await client.post("/fields", content=DATA, headers=JSON)
    length = len(DATA)
    assert bare.json() == [None, length, str(length), "application/json", None, str(length)]


# What is refused.

BAD = {
    "gzip": {
        "garbage": b"pearl" * 10,
        "cut off": gzip.compress(SHORT)[:-1],
        "cut off in the head": gzip.compress(SHORT)[:5],
        "wrong checksum": gzip.compress(SHORT)[:-8] + bytes(8),
        "trailing bytes": gzip.compress(SHORT) + b"trail",
        "trailing zeros": gzip.compress(SHORT) + bytes(8),
        "second member cut off": gzip.compress(SHORT) + gzip.compress(SHORT)[:-5],
        "really deflate": zlib.compress(SHORT),
    },
    "deflate": {
        "garbage": b"\xff" * 50,
        "cut off": zlib.compress(SHORT)[:-1],
        "one byte": b"\x78",
        "bare, cut off": raw_deflate(SHORT)[:-3],
        "trailing bytes": zlib.compress(SHORT) + b"x",
        "bare, with trailing bytes": raw_deflate(SHORT) + b"x",
        "a dictionary": with_dictionary(),
        "really gzip": gzip.compress(SHORT),
    },
    "br": {
        "garbage": b"\xff" * 50,
        "cut off": brotli.compress(SHORT)[:-1],
        "trailing bytes": brotli.compress(SHORT) + b"trail",
        "a large window": b"\x11\x1e" + bytes(20),
    },
    "zstd": {
        "garbage": b"pearl" * 10,
        "cut off": zstd.compress(SHORT)[:-1],
        "cut off in the head": zstd.compress(SHORT)[:3],
        "trailing bytes": zstd.compress(SHORT) + b"trail",
        "a window of 16 MiB": window(24),
        "a window of 128 MiB": window(27),
        "a dictionary": b"\x28\xb5\x2f\xfd\x21\x07\x05\x29\x00\x00pearl",
    },
}
BAD_CASES = [(coding, why) for coding, cases in BAD.items() for why in cases]


@pytest.mark.parametrize("path", ["/body", "/stream", "/model"])
@pytest.mark.parametrize(("coding", "why"), BAD_CASES, ids=[f"{coding}: {why}" for coding, why in BAD_CASES])
async def test_what_is_not_sound_is_a_400(client_for, coding, why, path):
    async with client_for(application()) as client:
        response = await client.post(path, content=BAD[coding][why], headers=coded(coding, accept="text/plain"))
    assert response.status == 400
    assert f"not valid {coding} data" in response.text


@pytest.mark.parametrize(
    ("coding", "why"),
    [case for case in BAD_CASES if "window" not in case[1]],
    ids=[": ".join(case) for case in BAD_CASES if "window" not in case[1]],
)
async def test_what_is_not_sound_is_a_400_however_it_comes(client_for, coding, why):
    async with client_for(application()) as client:
        content = in_pieces(BAD[coding][why], 1)
        response = await client.post("/body", content=content, headers=coded(coding))
    assert response.status == 400


UNKNOWN = {
    "unknown": "compress",
    "no token": "gzip;q=1",
    "a charset": "utf-8",
    "unknown beside known": "gzip, exi",
    "three": "gzip, gzip, gzip",
    "many": ", ".join(["gzip"] * 1000),
}


@pytest.mark.parametrize("coding", UNKNOWN.values(), ids=UNKNOWN)
async def test_a_coding_that_is_not_taken_is_a_415_that_says_what_is(client_for, coding):
    async with client_for(application()) as client:
        for path in ("/body", "/json", "/stream", "/model", "/plain"):
            response = await client.post(path, content=gzip.compress(DATA), headers=coded(coding))
            assert response.status == 415
            assert response.headers["accept-encoding"] == "gzip, deflate, br, zstd"
            assert "utf-8 " not in response.text


async def test_what_is_taken_may_be_less(client_for):
    async with client_for(application(algorithms=["gzip"])) as client:
        taken = await client.post("/body", content=gzip.compress(DATA), headers=coded("gzip"))
        other = await client.post("/body", content=brotli.compress(DATA), headers=coded("br"))
    assert taken.body == DATA
    assert (other.status, other.headers["accept-encoding"]) == (415, "gzip")


@pytest.mark.parametrize("coding", ["gzip", "exi", "gzip, gzip, gzip"])
async def test_what_nobody_reads_is_neither_decoded_nor_refused(client_for, coding):
    async with client_for(application()) as client:
        response = await client.post("/ignored", content=b"garbage", headers=coded(coding))
    assert response.text == "not read"


# The limit.


@pytest.mark.parametrize("path", ["/body", "/json", "/text", "/stream", "/plain", "/model"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_the_limit_counts_decoded_bytes(client_for, coding, path):
    async with client_for(application(max_body=len(DATA) - 1)) as client:
        response = await client.post(path, content=ENCODE[coding](DATA), headers=coded(coding))
    assert response.status == 413


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_body_of_just_the_limit_is_taken(client_for, coding):
    async with client_for(application(max_body=len(DATA))) as client:
        for path in ("/body", "/stream"):
            response = await client.post(path, content=ENCODE[coding](DATA), headers=coded(coding))
            assert response.body == DATA


LIMITS = {
    "the layer's": (100, 1000, 101, 413),
    "the route's": (1000, 100, 101, 413),
    "the layer's, kept": (100, 1000, 100, 200),
    "the route's, kept": (1000, 100, 100, 200),
    "the layer's alone": (100, None, 101, 413),
    "the route's alone": (None, 100, 101, 413),
    "none": (None, None, 3_000_000, 200),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("own", "route", "length", "status"), LIMITS.values(), ids=LIMITS)
async def test_the_smaller_limit_counts(client_for, own, route, length, status, streamed):
    app = Nacre(middlewares=[Decompression(max_body=own)], max_body=None)

    @app.post("/", max_body=route)
    async def read(request: Request):
        if streamed:
            return {"length": sum([len(piece) async for piece in request.stream()])}
        return {"length": len(await request.body())}

    async with client_for(app) as client:
        response = await client.post("/", content=gzip.compress(bytes(length)), headers=coded("gzip"))
    assert response.status == status


async def test_data_that_does_not_get_smaller_is_not_over_the_limit(client_for):
    data = bytes(zlib.crc32(b"%d" % n) & 255 for n in range(100_000))
    async with client_for(application(max_body=len(data))) as client:
        for coding in CODINGS:
            response = await client.post("/body", content=ENCODE[coding](data), headers=coded(coding))
            assert response.body == data
        twice = gzip.compress(gzip.compress(data))
        assert (await client.post("/body", content=twice, headers=coded("gzip, gzip"))).body == data


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read(client_for):
    read = []

    async def pieces():
        read.append(1)
        yield gzip.compress(DATA)

    headers = coded("gzip", **{"content-length": "100000000"})
    async with client_for(application(max_body=1000)) as client:
        response = await client.post("/body", content=pieces(), headers=headers)
    assert response.status == 413


@pytest.mark.parametrize("second", ["/body", "/stream"])
async def test_a_refusal_is_the_same_for_every_reader(client_for, second):
    seen = []
    app = Nacre(middlewares=[Decompression(max_body=10)])

    @app.post("/")
    async def read(request: Request):
        for _ in range(2):
            try:
                if second == "/body":
                    await request.body()
                else:
                    async for _ in request.stream():
                        pass
            except Exception as error:
                seen.append(type(error).__name__)
        return "read"

    async with client_for(app) as client:
        await client.post("/", content=gzip.compress(DATA), headers=coded("gzip"))
    assert seen[0] == "ContentTooLarge"
    assert len(seen) == 2


# Beside others.


async def test_m41_a_client_that_leaves_is_told_to_who_reads(client_for):
    seen = []
    app = Nacre(middlewares=[Decompression()])

    @app.post("/")
    async def read(request: Request):
        try:
            await request.body()
        except ClientDisconnect:
            seen.append("left")
            raise

    async def pieces():
        yield gzip.compress(DATA)[:100]
        yield gzip.compress(DATA)[100:110]

    async with client_for(app) as client:
        await client.post("/", content=pieces(), headers=coded("gzip"), disconnect_after="body")
        await client.get("/")
    assert seen in ([], ["left"])


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("transport", ["asgi", "rsgi"], indirect=True)
async def test_other_requests_go_on_while_a_body_is_decoded(client_for, coding):
    turns = 0
    app = application(max_body=20_000_000)

    @app.post("/large", max_body=20_000_000)
    async def large(request: Request):
        nonlocal turns
        done = False

        async def other():
            nonlocal turns
            while not done:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        length = len(await request.body())
        done = True
        await beside
        return {"length": length}

    async with client_for(app) as client:
        response = await client.post("/large", content=ENCODE[coding](bytes(8_000_000)), headers=coded(coding))
    assert response.json() == {"length": 8_000_000}
    assert turns >= 8_000_000 // (128 * 1024)


class Asgi:
    """Reads the body and replays it, as published middlewares do."""

    seen = []  # noqa: RUF012 - by whom the class is built, the test can't see

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        messages = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
        type(self).seen.append((dict(scope["headers"]), b"".join(message["body"] for message in messages)))

        async def replay():
            return messages.pop(0) if messages else await receive()

        await self.app(scope, replay, send)


async def test_an_asgi_layer_inside_sees_the_decoded_body(client_for):
    Asgi.seen.clear()
    app = Nacre(middlewares=[Decompression(), Middleware(Asgi, only="/*")])
    app.post("/")(_read)
    async with client_for(app) as client:
        response = await client.post("/", content=gzip.compress(DATA), headers=coded("gzip"))
    assert response.body == DATA
    assert Asgi.seen[0][1] == DATA
    assert not {b"content-encoding", b"content-length"} & set(Asgi.seen[0][0])


async def _read(request: Request):
    return await request.body()


async def test_an_asgi_layer_outside_sees_the_body_as_it_came(client_for):
    Asgi.seen.clear()
    app = Nacre(middlewares=[ASGIMiddleware(Asgi), Decompression()])
    app.post("/")(_read)
    async with client_for(app) as client:
        response = await client.post("/", content=gzip.compress(DATA, mtime=0), headers=coded("gzip"))
    assert response.body == DATA
    assert Asgi.seen[0][1] == gzip.compress(DATA, mtime=0)
    assert Asgi.seen[0][0][b"content-encoding"] == b"gzip"


async def test_a_wsgi_layer_inside_sees_the_decoded_body(client_for):
    seen = []

    def wsgi(app):
        def layer(environ, start_response):
            seen.append((environ.get("HTTP_CONTENT_ENCODING"), environ["wsgi.input"].read()))
            return app(environ, start_response)

        return layer

    app = Nacre(middlewares=[Decompression(), WSGIMiddleware(wsgi)])
    app.post("/")(_read)
    async with client_for(app) as client:
        response = await client.post("/", content=gzip.compress(DATA), headers=coded("gzip"))
    assert (response.body, seen) == (DATA, [(None, DATA)])


async def test_a_layer_outside_that_has_read_the_body_leaves_it_to_be_decoded(client_for):
    seen = []

    async def signed(request, call_next):
        seen.append(await request.body())
        return await call_next(request)

    app = Nacre(middlewares=[signed, Decompression()])
    app.post("/")(_read)
    async with client_for(app) as client:
        response = await client.post("/", content=gzip.compress(DATA, mtime=0), headers=coded("gzip"))
    assert (response.body, seen) == (DATA, [gzip.compress(DATA, mtime=0)])


async def test_it_belongs_to_a_group_or_a_route_too(client_for):
    app, group = Nacre(), Group("/group", middlewares=[Middleware(Decompression, max_body=100_000)])
    group.post("/body")(_read)
    app.post("/route", middlewares=[Decompression()])(_read)
    app.post("/bare")(_read)
    app.include(group)
    async with client_for(app) as client:
        found = {
            path: (await client.post(path, content=gzip.compress(DATA), headers=coded("gzip"))).body == DATA
            for path in ("/group/body", "/route", "/bare")
        }
    assert found == {"/group/body": True, "/route": True, "/bare": False}


@pytest.mark.parametrize("form", [{"content-type": "application/x-www-form-urlencoded"}], ids=["urlencoded"])
async def test_a_form_is_decoded(client_for, form):
    app = Nacre(middlewares=[Decompression()])

    @app.post("/")
    async def read(request: Request):
        return dict(await request.form())

    async with client_for(app) as client:
        response = await client.post(
            "/", content=gzip.compress(b"a=1&b=2"), headers={**form, "content-encoding": "gzip"}
        )
    assert response.json() == {"a": "1", "b": "2"}


# What is wrong with a declaration.

WRONG = {
    "unknown": ({"algorithms": ["lz4"]}, "there is no coding 'lz4'", "there are gzip, deflate, br, zstd"),
    "nearly known": ({"algorithms": ["gzipp"]}, "there is no coding 'gzipp'", "did you mean 'gzip'?"),
    "a word": ({"algorithms": "gzip"}, "algorithms are a list of codings, not 'gzip'", "write it as"),
    "a limit below 0": ({"max_body": -1}, "max_body is a number of bytes from 0 on, not -1", ""),
}


@pytest.mark.parametrize(("options", "what", "fix"), WRONG.values(), ids=WRONG)
def test_a_wrong_declaration_says_what_and_where(options, what, fix):
    with pytest.raises(ConfigurationError) as raised:
        Decompression(**options)
    assert what in str(raised.value)
    assert fix in str(raised.value)
    assert "test_decompression.py" in str(raised.value)
