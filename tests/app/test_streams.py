"""Bodies in pieces: every kind of source, JSON lines, files, back-pressure, and the end of it all."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from nacre import Nacre, StreamingResponse
from nacre.response import NDJSONResponse
from nacre.testing import TestClient


class Fish(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Shell:
    width: int


class Recording:
    """What a source's end looks like from outside."""

    def __init__(self, log: list[str]) -> None:
        self.log = log


class PlainIterator(Recording):
    def __init__(self, log: list[str], items: list[Any]) -> None:
        super().__init__(log)
        self.items = list(items)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if not self.items:
            raise StopIteration
        return self.items.pop(0)

    def close(self) -> None:
        self.log.append("closed")


class AsyncClass(Recording):
    def __init__(self, log: list[str], items: list[Any]) -> None:
        super().__init__(log)
        self.items = list(items)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        if not self.items:
            raise StopAsyncIteration
        return self.items.pop(0)

    async def aclose(self) -> None:
        self.log.append("closed")


class PlainIterable(PlainIterator):
    """Its iterator is another object."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


class AsyncIterable(AsyncClass):
    def __aiter__(self) -> AsyncIterator[Any]:
        return AsyncClass(self.log, self.items)


def plain_generator(log: list[str], items: list[Any]) -> Iterator[Any]:
    try:
        yield from items
    finally:
        log.append("closed")


async def async_generator(log: list[str], items: list[Any]) -> AsyncIterator[Any]:
    try:
        for item in items:
            await asyncio.sleep(0)
            yield item
    finally:
        log.append("closed")


SOURCES: dict[str, Any] = {
    "async-generator": async_generator,
    "plain-generator": plain_generator,
    "async-iterator": AsyncClass,
    "plain-iterator": PlainIterator,
    "plain-iterable": PlainIterable,
}
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@every_source
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_pieces_of_text_and_bytes_are_sent_one_by_one_and_the_source_is_closed_once(client_for, source, kind):
    app = Nacre()
    log: list[str] = []
    pieces = ["nácre", b"two", bytearray(b"three"), memoryview(b"four"), "", b""]

    async def on_the_loop(request):
        return StreamingResponse(source(log, pieces))

    def in_a_thread(request):
        return StreamingResponse(source(log, pieces))

    app.add_route("/", on_the_loop if kind == "async" else in_a_thread)
    response = await client_for(app).get("/")
    assert response.pieces == ["nácre".encode(), b"two", b"three", b"four"]
    assert "content-length" not in response.headers
    assert log == ["closed"]


async def test_the_iterator_of_an_async_iterable_and_the_iterable_are_both_closed(client_for):
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: StreamingResponse(AsyncIterable(log, ["a"])))
    assert (await client_for(app).get("/")).body == b"a"
    assert log == ["closed", "closed"]


@every_source
async def test_head_closes_a_source_that_was_not_begun_or_only_primed(client_for, source):
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: StreamingResponse(source(log, ["a", "b"])))
    response = await client_for(app).head("/")
    assert (response.status, response.body) == (200, b"")
    # A generator that was not begun has nothing to leave.
    assert log == ["closed"] or (log == [] and source is async_generator)


@every_source
@pytest.mark.parametrize("make", [StreamingResponse, NDJSONResponse], ids=["pieces", "lines"])
async def test_a_source_is_closed_within_a_second_when_the_client_leaves(client_for, source, make):
    """M3."""
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: make(source(log, ["x" * 1000] * 1000)))
    started = time.monotonic()
    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert time.monotonic() - started < 2
    assert log == ["closed"]


class Numbers:
    """Digits that are made when they are asked for."""

    def __init__(self) -> None:
        self.made = 0

    def __iter__(self) -> Iterator[str]:
        while True:
            self.made += 1
            yield str(self.made)


@pytest.mark.parametrize("source", [plain_generator, async_generator], ids=["plain", "async"])
@pytest.mark.parametrize("make", [StreamingResponse, NDJSONResponse], ids=["pieces", "lines"])
async def test_a_source_goes_no_further_than_its_client(client_for, source, make):
    app = Nacre()
    numbers = Numbers()
    app.add_route("/", lambda request: make(source([], numbers)))
    async with client_for(app).stream("GET", "/") as response:
        for number in range(1, 4):
            assert str(number) in (await anext(response)).decode()
            await asyncio.sleep(0.02)
            assert numbers.made <= number + 1


@pytest.mark.parametrize("piece", [{"a": 1}, 5, None, [1, 2], object()], ids=lambda piece: type(piece).__name__)
async def test_a_piece_that_is_no_text_is_told_with_what_sends_data(client_for, piece, caplog):
    app = Nacre()

    @app.get("/")
    async def handler():
        yield piece

    assert (await client_for(app).get("/")).status == 500
    assert f"a stream gave a {type(piece).__name__}; its pieces are str or bytes, and NDJSONResponse" in str(
        caplog.records[0].exc_info[1]
    )


# JSON lines.

ITEMS = [{"a": 1}, Fish("sole"), Shell(3), "two\nlines", None, [1, "é"]]
LINES = b'{"a":1}\n{"name":"sole"}\n{"width":3}\n"two\\nlines"\nnull\n' + '[1,"é"]\n'.encode()


@every_source
async def test_items_are_lines_of_json(client_for, source):
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: NDJSONResponse(source(log, ITEMS)))
    response = await client_for(app).get("/")
    assert response.headers["content-type"] == "application/x-ndjson"
    assert "content-length" not in response.headers
    assert (response.body, len(response.pieces)) == (LINES, len(ITEMS))
    assert [json.loads(line) for line in response.body.splitlines()][-1] == [1, "é"]
    assert log == ["closed"]


async def test_lines_take_a_list_a_status_headers_and_another_type(client_for):
    app = Nacre()
    app.add_route(
        "/", lambda request: NDJSONResponse([1, 2], 201, {"x-a": "b"}, content_type="application/jsonl", eager=False)
    )
    response = await client_for(app).get("/")
    assert (response.status, response.body) == (201, b"1\n2\n")
    assert (response.headers["x-a"], response.headers["content-type"]) == ("b", "application/jsonl")


async def test_an_item_without_a_json_form_is_a_500_while_that_is_possible_and_else_cuts_the_stream(client_for, caplog):
    app = Nacre()
    log: list[str] = []
    app.add_route("/first", lambda request: NDJSONResponse(async_generator(log, [object()])))
    app.add_route("/second", lambda request: NDJSONResponse(async_generator(log, [1, object()])))
    client = client_for(app)
    assert (await client.get("/first")).status == 500
    response = await client.get("/second")
    assert (response.status, response.body) == (200, b"1\n")
    assert log == ["closed", "closed"]
    assert ["has no JSON form" in str(record.exc_info[1]) for record in caplog.records] == [True, True]


async def test_a_generator_sees_the_cancellation_through_its_lines(client_for):
    app = Nacre()
    log: list[str] = []

    async def items():
        try:
            while True:
                yield "x" * 1000
        except BaseException as error:
            log.append(type(error).__name__)
            raise

    app.add_route("/", lambda request: NDJSONResponse(items()))
    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert log == ["CancelledError"]


# Files, and what is read like one.


class ReadOnly:
    """An object with `read` and nothing else that streams have."""

    def __init__(self, log: list[str], size: int) -> None:
        self.log = log
        self.left = size

    def read(self, size: int, /) -> bytes:
        size = min(size, self.left)
        self.left -= size
        self.log.append("read")
        return b"x" * size


class Closing(ReadOnly):
    def close(self) -> None:
        self.log.append("closed")


async def test_what_has_only_read_is_read_in_blocks(client_for):
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: StreamingResponse(Closing(log, 150_000)))
    response = await client_for(app).get("/")
    assert [len(piece) for piece in response.pieces] == [65536, 65536, 18928]
    assert log == ["read"] * 4 + ["closed"]


async def test_what_can_not_be_closed_is_not(client_for):
    app = Nacre()
    app.add_route("/", lambda request: StreamingResponse(ReadOnly([], 3)))
    assert (await client_for(app).get("/")).body == b"xxx"


async def test_an_open_file_is_read_in_blocks_from_where_it_stands_not_by_lines(client_for, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\n" * 100_000)
    app = Nacre()
    files: list[Any] = []

    @app.get("/")
    def handler(request):
        files.append(path.open("rb"))
        files[0].seek(10)
        return StreamingResponse(files[0], content_type="application/octet-stream")

    response = await client_for(app).get("/")
    assert [len(piece) for piece in response.pieces] == [65536, 34454]
    assert files[0].closed


async def test_a_text_file_is_sent_as_utf_8(client_for):
    app = Nacre()
    app.add_route("/", lambda request: StreamingResponse(io.StringIO("nácre")))
    assert (await client_for(app).get("/")).body == "nácre".encode()


async def test_a_file_is_closed_when_the_client_leaves(client_for):
    app = Nacre()
    log: list[str] = []
    app.add_route("/", lambda request: StreamingResponse(Closing(log, 10**9)))
    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert log[-1] == "closed"


def test_a_plain_stream_needs_no_event_loop_under_wsgi():
    app = Nacre()

    @app.get("/")
    def handler(request):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return NDJSONResponse(plain_generator([], [1, 2]))

    assert TestClient(app, "wsgi").get("/").body == b"1\n2\n"


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_a_plain_generator_behind_a_plain_layer_never_runs_on_the_loop(transport):
    def layer(request, call_next):
        return call_next(request)

    app = Nacre(middlewares=[layer])
    threads = []

    @app.get("/")
    def pieces():
        def produce():
            for number in range(3):
                threads.append(threading.current_thread())
                yield str(number)

        return produce()

    async with TestClient(app, transport) as client:
        assert (await client.get("/")).text == "012"
    assert threading.main_thread() not in threads
