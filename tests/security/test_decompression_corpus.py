"""Attacks with small bodies that become large, by their identifiers.

Of the class `decompression_bomb` these don't apply. CVE-2016-6581 (hpack): header compression of HTTP/2 is the
server's, and Nacre gets header fields as text. CVE-2024-33664, CVE-2024-28102, CVE-2023-6681 and CVE-2025-62706
(python-jose, jwcrypto, authlib): there is no JWE here to decompress. CVE-2018-1000518 (websockets): frames with
permessage-deflate are inflated by the servers, with their own limits on a message.
"""

import tracemalloc
import zlib

import brotli
import msgspec
import pytest
from backports import zstd

from nacre import Nacre, Request
from nacre import codings as content_codings
from nacre.codings import STEP
from nacre.decompression import Decompression

LIMIT = 100_000
SLACK = 256 * 1024
MIB = 1024 * 1024


def bomb(coder, finish, size):
    return b"".join(coder(bytes(MIB)) for _ in range(size // MIB)) + finish()


def deflated(window, size=64 * MIB):
    stream = zlib.compressobj(9, zlib.DEFLATED, window)
    return bomb(stream.compress, stream.flush, size)


def brotli_bomb(window):
    stream = brotli.Compressor(quality=5, lgwin=window)
    return bomb(stream.process, stream.finish, 64 * MIB)


def zstd_bomb():
    stream = zstd.ZstdCompressor(3)
    return bomb(stream.compress, stream.flush, 64 * MIB)


BOMBS = {
    "gzip": ("gzip", deflated(31)),
    "deflate": ("deflate", deflated(15)),
    "bare deflate": ("deflate", deflated(-15)),
    "brotli, small window": ("br", brotli_bomb(16)),
    "brotli": ("br", brotli_bomb(22)),
    "brotli, largest window": ("br", brotli_bomb(24)),
    "zstd": ("zstd", zstd_bomb()),
    "gzip in gzip": ("gzip, gzip", zlib.compress(deflated(31), 9, wbits=31)),
    "brotli in zstd": ("br, zstd", zstd.compress(brotli_bomb(22))),
    "members of gzip": ("gzip", zlib.compress(bytes(1000), wbits=31) * 3_000),
    "frames of zstd": ("zstd", zstd.compress(bytes(1000)) * 3_000),
}
EMPTY = {
    "empty members of gzip": ("gzip", zlib.compress(b"", wbits=31) * 50_000),
    "empty frames of zstd": ("zstd", zstd.compress(b"") * 100_000),
    "frames to skip": ("zstd", b"\x50\x2a\x4d\x18\0\0\0\0" * 100_000),
    "empty blocks of deflate": ("deflate", b"\x78\x9c" + b"\0\0\0\xff\xff" * 200_000),
    "empty blocks, compressed again": ("gzip, gzip", None),
    "empty metadata of brotli": ("br", b"\x06" * 1_000_000),
}
_endless = zlib.compressobj(9, zlib.DEFLATED, 31)
_head = zlib.compressobj(9, zlib.DEFLATED, 31).flush(zlib.Z_SYNC_FLUSH)[:10]
EMPTY["empty blocks, compressed again"] = (
    "gzip, gzip",
    _endless.compress(_head + b"\0\0\0\xff\xff" * 4_000_000) + _endless.flush(),
)


class Chunked:
    """A body that doesn't say how long it is."""

    def __init__(self, body):
        self._pieces = iter([body[at : at + 10_000] for at in range(0, len(body), 10_000)])

    def __aiter__(self):
        return self

    async def __anext__(self):
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


@pytest.fixture
def decoded(monkeypatch):
    """How many bytes decoders gave."""
    lengths = []
    build = content_codings.decoder

    class Counting:
        def __init__(self, *arguments):
            self._inner = build(*arguments)
            self.blocks = self._inner.blocks

        @property
        def needs_input(self):
            return self._inner.needs_input

        @property
        def complete(self):
            return self._inner.complete

        def step(self, data):
            given = self._inner.step(data)
            lengths.append(len(given))
            return given

    monkeypatch.setattr("nacre.decompression.decoder", Counting)
    return lengths


class Numbers(msgspec.Struct):
    numbers: list[int]


def application():
    app = Nacre(middlewares=[Decompression()], max_body=LIMIT)

    @app.post("/read")
    async def read(request: Request):
        return await request.body()

    @app.post("/stream")
    async def stream(request: Request):
        return {"length": sum([len(piece) async for piece in request.stream()])}

    @app.post("/json")
    async def json(request: Request):
        return await request.json()

    @app.post("/model")
    async def model(numbers: Numbers):
        return numbers

    @app.post("/ignored")
    async def ignored(request: Request):
        return "not read"

    return app


def headers(coding):
    return {"content-type": "application/json", "content-encoding": coding}


@pytest.mark.parametrize("path", ["/read", "/stream", "/json", "/model"])
@pytest.mark.parametrize(("coding", "body"), BOMBS.values(), ids=BOMBS)
async def test_cve_2025_69223_cve_2026_49855_the_limit_is_on_what_is_decoded(client_for, decoded, coding, body, path):
    """aiohttp inflated a body at once, tornado compared the limit with what came on the wire."""
    async with client_for(application()) as client:
        response = await client.post(path, content=body, headers=headers(coding))
    assert response.status == 413
    stages = coding.count(",") + 1
    assert sum(decoded) <= stages * (LIMIT + LIMIT // 64 + 1024 + 2 * STEP)
    assert max(decoded) <= 2 * STEP


@pytest.mark.parametrize(("coding", "body"), BOMBS.values(), ids=BOMBS)
async def test_cve_2025_69223_memory_stays_within_the_limit(client_for, coding, body):
    async with client_for(application()) as client:
        await client.post("/read", content=body, headers=headers(coding))
        tracemalloc.start()
        await client.post("/stream", content=body, headers=headers(coding))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # The client here holds the body too, and a WSGI one copies it.
    assert peak <= 3 * len(body) + LIMIT + 2 * SLACK


@pytest.mark.parametrize(("coding", "body"), EMPTY.values(), ids=EMPTY)
async def test_cve_2026_49855_data_that_comes_to_nothing_has_an_end(client_for, decoded, coding, body):
    async with client_for(application()) as client:
        response = await client.post("/read", content=Chunked(body), headers=headers(coding))
    assert response.status in (400, 413)
    assert len(decoded) < 3000


@pytest.mark.parametrize(("coding", "body"), BOMBS.values(), ids=BOMBS)
async def test_cve_2026_54278_a_body_that_nobody_reads_is_not_decoded(client_for, decoded, coding, body):
    async with client_for(application()) as client:
        response = await client.post("/ignored", content=body, headers=headers(coding))
        missing = await client.post("/nowhere", content=body, headers=headers(coding))
    assert (response.status, response.text) == (200, "not read")
    assert missing.status == 404
    assert decoded == []
