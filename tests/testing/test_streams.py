"""Responses read piece by piece, and clients that leave."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from nacre import Nacre, Request, StreamingResponse
from nacre.errors import ClientDisconnect


@pytest.fixture
def log():
    return []


@pytest.fixture
def app(log):
    app = Nacre()

    @app.get("/numbers")
    async def numbers():
        try:
            for number in range(100):
                log.append(number)
                yield f"{number}"
        finally:
            log.append("closed")

    @app.get("/few")
    async def few():
        for piece in ("a", "b", "c"):
            yield piece

    @app.get("/whole")
    async def whole(request: Request):
        request.after_response(lambda: log.append("after"))
        return "whole"

    @app.post("/upload")
    async def upload(request: Request):
        try:
            async for chunk in request.stream():
                log.append(chunk)
        except ClientDisconnect:
            log.append("left")
            raise
        return "done"

    @app.post("/read")
    async def read(request: Request):
        try:
            log.append(await request.body())
        except ClientDisconnect:
            log.append("left")
            raise
        return "done"

    return app


async def test_pieces_come_as_the_application_sends_them(client_for, app):
    async with client_for(app).stream("GET", "/few") as response:
        assert (response.status, response.ok) == (200, True)
        assert [piece async for piece in response] == [b"a", b"b", b"c"]


async def test_read_gives_the_rest(client_for, app):
    async with client_for(app).stream("GET", "/few") as response:
        assert await anext(response) == b"a"
        assert await response.read() == b"bc"
        assert await response.read() == b""


async def test_a_whole_response_is_one_piece(client_for, app, log):
    async with client_for(app).stream("GET", "/whole") as response:
        assert [piece async for piece in response] == [b"whole"]
    assert log == ["after"]


async def test_the_application_waits_until_a_piece_is_taken(client_for, app, log):
    async with client_for(app).stream("GET", "/numbers") as response:
        for expected in range(3):
            assert await anext(response) == b"%d" % expected
            await asyncio.sleep(0.05)
            # The first piece was made before the response was started; one more is made and waits to be taken.
            assert log[-1] <= expected + 1


async def test_pieces_are_kept_apart_without_stream_too(client_for, app):
    assert (await client_for(app).get("/few")).pieces == [b"a", b"b", b"c"]


LEAVING = ["disconnect", "block", "exception"]


@pytest.mark.parametrize("how", LEAVING)
async def test_the_application_learns_that_the_client_left(client_for, app, log, how):
    with pytest.raises(KeyError) if how == "exception" else contextlib.nullcontext():
        async with client_for(app).stream("GET", "/numbers") as response:
            await anext(response)
            if how == "exception":
                raise KeyError
            if how == "disconnect":
                await response.disconnect()
                assert log[-1] == "closed"
                assert response.disconnected
                assert await response.read() == b""
    assert log[-1] == "closed"
    assert response.aborted is None


async def test_cleaning_up_after_the_client_left_is_not_disturbed(client_for, log):
    app = Nacre()

    @app.get("/")
    async def endless():
        try:
            while True:
                yield "x"
        finally:
            await asyncio.sleep(0.005)
            log.append("closed")

    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
        await asyncio.sleep(0.01)  # the application now waits for its next piece to be taken
    assert log == ["closed"]


async def test_a_complete_response_is_not_left(client_for, app):
    async with client_for(app).stream("GET", "/few") as response:
        await response.read()
        await response.disconnect()
    assert not response.disconnected


@pytest.mark.parametrize("chunks", [0, 1, 2])
async def test_the_client_may_leave_within_a_body_that_is_read_whole(client_for, app, log, chunks):
    response = await client_for(app).post("/read", content=[b"a", b"b", b"c"], disconnect_after=chunks)
    assert (response.status, response.disconnected) == (0, True)
    assert log == ["left"]


async def test_the_client_may_leave_within_a_body_that_is_streamed(client_for, app, log, transport):
    response = await client_for(app).post("/upload", content=[b"a", b"b", b"c"], disconnect_after=2)
    assert (response.status, response.disconnected) == (0, True)
    # A WSGI server's `read(size)` waits for so many bytes, and what came before the failure is lost.
    assert log == (["left"] if transport == "wsgi" else [b"a", b"b", "left"])


async def test_a_short_body_of_a_declared_length_is_noticed(client_for, app, log):
    options = {"content": [b"a", b"b"], "headers": {"content-length": "2"}}
    response = await client_for(app).post("/read", disconnect_after=1, **options)
    assert (log, response.status) == (["left"], 0)


async def test_the_client_may_leave_when_an_event_is_set(client_for, log):
    app = Nacre()
    now, loop = asyncio.Event(), asyncio.get_running_loop()

    @app.get("/")
    async def stream():
        async def pieces():
            try:
                yield "a"
                loop.call_soon_threadsafe(now.set)  # over WSGI the application has a loop of its own
                while True:
                    await asyncio.sleep(0.001)
                    yield "b"
            finally:
                log.append("closed")

        return StreamingResponse(pieces())

    response = await client_for(app).get("/", disconnect_after=now)
    assert response.disconnected
    assert response.body.startswith(b"a")
    assert log == ["closed"]


async def test_a_slow_body_does_not_hold_the_client_back(client_for, app, log):
    leave = asyncio.Event()

    async def chunks():
        yield b"a"
        asyncio.get_running_loop().call_later(0.01, leave.set)
        await asyncio.sleep(60)

    response = await client_for(app).post("/read", content=chunks(), disconnect_after=leave)
    assert (response.disconnected, log) == (True, ["left"])


async def test_a_cancelled_request_is_a_client_that_left(client_for, app, log):
    async def chunks():
        yield b"a"
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client_for(app).post("/read", content=chunks())
    assert log == ["left"]


async def test_an_application_that_does_not_end_is_named(client_for, monkeypatch, transport):
    if transport == "wsgi":
        pytest.skip("a thread that does not end would outlive the test")
    monkeypatch.setattr("nacre.testing.stream.PATIENCE", 0.05)
    app = Nacre()

    @app.get("/")
    async def stubborn():
        await asyncio.sleep(60)

    with pytest.raises(AssertionError, match=r"GET /: the application was still running 0\.05 seconds"):
        await client_for(app).get("/", disconnect_after=0)
