"""`client.events`: server-sent events as a browser takes them, over the three transports."""

from __future__ import annotations

import asyncio

import pytest

from nacre import Nacre, Response, StreamingResponse
from nacre.testing import TestClient


@pytest.fixture
def log():
    return []


@pytest.fixture
def app(log):
    app = Nacre()

    def stream(pieces):
        return StreamingResponse(pieces, content_type="text/event-stream")

    @app.get("/three")
    async def three():
        async def pieces():
            yield b": hello\n\ndata: one\n\n"
            yield b"event: greeting\nid: 7\nretry: 2500\nda"
            yield b"ta: two\ndata: lines\n\ndata: left open"

        return stream(pieces())

    @app.get("/endless")
    async def endless():
        async def pieces():
            try:
                while True:
                    yield b"data: again\n\n"
            finally:
                log.append("closed")

        return stream(pieces())

    @app.post("/ask")
    async def ask(request):
        question = (await request.body()).decode()

        async def pieces():
            yield f"data: you asked {question}\n\n".encode()

        return stream(pieces())

    @app.get("/text")
    async def text():
        return "data: no\n\n"

    @app.get("/empty")
    async def empty():
        return Response(status=204)

    return app


async def test_events_come_as_they_are_complete(client_for, app):
    async with client_for(app) as client, client.events("/three") as events:
        first = await anext(events)
        assert (first.data, first.event, first.id) == ("one", None, None)
        second = await anext(events)
        assert (second.data, second.event, second.id) == ("two\nlines", "greeting", "7")
        assert (events.last_event_id, events.retry) == ("7", 2.5)
        assert [event async for event in events] == []
        assert events.headers["content-type"].startswith("text/event-stream")


def test_plain_code_iterates_too(client_for, app):
    with client_for(app) as client, client.events("/three") as events:
        assert [event.data for event in events] == ["one", "two\nlines"]


async def test_another_method_may_have_a_body(client_for, app):
    async with client_for(app) as client, client.events("/ask", "POST", content="why") as events:
        assert [event.data async for event in events] == ["you asked why"]


async def test_going_out_of_the_block_is_leaving(client_for, app, log):
    async with client_for(app) as client:
        async with client.events("/endless") as events:
            assert (await anext(events)).data == "again"
        assert log == ["closed"]


async def test_disconnecting_ends_the_application(client_for, app, log):
    async with client_for(app) as client, client.events("/endless") as events:
        await anext(events)
        await events.disconnect()
        assert log == ["closed"]


def test_disconnecting_in_plain_code(client_for, app, log):
    with client_for(app) as client, client.events("/endless") as events:
        next(events)
        events.disconnect()
        assert log == ["closed"]


@pytest.mark.parametrize(
    ("path", "text"),
    [("/text", "GET /text: 200 text/plain.* is no event stream"), ("/empty", "204 without a type is no event stream")],
)
async def test_what_no_browser_would_read_is_told(client_for, app, path, text):
    async with client_for(app) as client:
        with pytest.raises(AssertionError, match=text):
            await client.events(path).__aenter__()


def test_what_no_browser_would_read_is_told_in_plain_code(client_for, app):
    with client_for(app) as client, pytest.raises(AssertionError, match=r"404 .*no event stream"):
        client.events("/nowhere").__enter__()


def test_an_event_loop_wants_async_with(app):
    async def use():
        with TestClient(app).events("/three"):
            pass

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(use())
