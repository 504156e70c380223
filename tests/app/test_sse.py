"""Server-sent events: sources of every kind, keep-alives, and who is told what when the client leaves."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
import pytest

from nacre import ConfigurationError, Group, Header, Nacre, PlainTextResponse, Request, abort
from nacre.errors import ClientDisconnect
from nacre.eventstream import EventDecoder, ServerSentEvent
from nacre.openapi import OpenAPI
from nacre.sse import EventSender, EventStream

PING = b": ping\n\n"
LONG = 60.0
"""Seconds: what waits so long doesn't end by itself within a test."""


class Session:
    open = True


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="nobody")


class Tick(msgspec.Struct):
    count: int


def events_of(body: bytes) -> list[Any]:
    return [event.data for event in EventDecoder().feed(body)]


# Where events come from.


async def async_generator():
    yield "text"
    yield b"bytes"
    yield {"a": 1}
    yield Tick(2)
    yield None
    yield ServerSentEvent("last", event="end", id=4)


def plain_generator():
    yield from ["text", b"bytes", {"a": 1}, Tick(2), None, ServerSentEvent("last", event="end", id=4)]


class AsyncIterable:
    def __aiter__(self) -> AsyncIterator[Any]:
        return async_generator()


async def pushing(events: EventSender):
    await events.send("text")
    await events.send(b"bytes")
    await events.send({"a": 1})
    await events.send(Tick(2))
    await events.send()
    await events.send("last", event="end", id=4)


class Pushing:
    def __call__(self, events: EventSender):
        return pushing(events)


SOURCES = {
    "async-generator": async_generator,
    "plain-generator": plain_generator,
    "async-iterable": AsyncIterable,
    "list": lambda: list(plain_generator()),
    "function": lambda: pushing,
    "callable": Pushing,
    "lambda": lambda: lambda events: pushing(events),
}


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("ping", [None, LONG], ids=["no-ping", "ping"])
async def test_events_come_from(client_for, make, ping):
    app = Nacre()

    @app.get("/")
    async def handler(request):
        return EventStream(make(), ping=ping)

    response = await client_for(app).get("/")
    assert response.body == (
        b'data: text\n\ndata: bytes\n\ndata: {"a":1}\n\ndata: {"count":2}\n\nevent: end\nid: 4\ndata: last\n\n'
    )
    assert response.pieces[:2] == [b"data: text\n\n", b"data: bytes\n\n"]
    assert dict(response.headers) == {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
    }


NO_SOURCES = {
    "text": "data",
    "bytes": b"data",
    "mapping": {"a": 1},
    "number": 1,
    "nothing": None,
    "async-generator-function": async_generator,
    "generator-function": plain_generator,
}


@pytest.mark.parametrize("source", NO_SOURCES.values(), ids=NO_SOURCES)
def test_what_is_no_source_is_refused(source):
    with pytest.raises(TypeError, match=r"the source of an event stream is an iterable|call it"):
        EventStream(source)


@pytest.mark.parametrize("ping", [0, -1, float("nan")])
def test_ping_is_a_time(ping):
    with pytest.raises(ValueError, match="ping is a number of seconds above 0"):
        EventStream([], ping=ping)


async def test_headers_of_the_caller_take_the_place_of_ours(client_for):
    app = Nacre()
    given = [("Cache-Control", "no-cache"), ("x-one", "1"), ("x-one", "2")]
    app.add_route("/", lambda request: EventStream(["x"], 203, given))
    response = await client_for(app).get("/")
    assert (response.status, response.headers.getlist("cache-control")) == (203, ["no-cache"])
    assert response.headers.getlist("x-one") == ["1", "2"]
    assert response.headers["content-type"] == "text/event-stream"


async def test_retry_goes_ahead_of_the_first_event(client_for):
    app = Nacre()
    app.add_route("/", lambda request: EventStream(["x"], retry=2.5))
    assert (await client_for(app).get("/")).pieces == [b"retry: 2500\n\n", b"data: x\n\n"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_background_runs_after_the_last_event(client_for, method):
    app = Nacre()
    log: list[str] = []

    @app.route("/", [method])
    async def handler(request):
        return EventStream(["x"], background=lambda: log.append("background"))

    assert (await client_for(app).request(method, "/")).body == b"data: x\n\n"
    assert log == ["background"]


async def test_head_has_the_headers_and_starts_no_source(client_for):
    app = Nacre()
    log: list[str] = []

    class Source:
        def __aiter__(self):
            log.append("started")
            return self

        async def aclose(self):
            log.append("closed")

    app.add_route("/", lambda request: EventStream(Source()))
    response = await client_for(app).head("/")
    assert (response.body, response.headers["content-type"]) == (b"", "text/event-stream")
    assert log == ["closed"]


# `@app.sse`.


async def test_the_decorator_takes_generators_and_what_returns_a_source(client_for):
    app = Nacre()
    group = Group("/group")
    app.include(group)

    @app.sse("/async/<name>", retry=1)
    async def async_events(name: str, count: int = 2, last_event_id: Annotated[str | None, Header()] = None):
        for number in range(count):
            yield ServerSentEvent(f"{name} {last_event_id}", id=number)

    @group.sse("/plain", ping=None)
    def plain_events():
        yield "plain"

    @app.sse("/returned")
    async def returned(refuse: bool = False):
        if refuse:
            abort(403)
        return plain_generator()

    @app.sse("/pushed", methods=["POST"])
    async def pushed(request: Request):
        question = await request.json()

        async def answer(events: EventSender):
            for word in question.split():
                await events.send(word)

        return answer

    @app.sse("/other")
    async def other():
        return PlainTextResponse("no events today", 503)

    client = client_for(app)
    response = await client.get("/async/ama?count=1", headers={"Last-Event-ID": "41"})
    assert response.body == b"retry: 1000\n\nid: 0\ndata: ama 41\n\n"
    assert events_of((await client.get("/group/plain")).body) == ["plain"]
    assert events_of((await client.get("/returned")).body)[0] == "text"
    assert (await client.get("/returned?refuse=yes")).status == 403
    assert (await client.get("/async/ama?count=x")).status == 422
    assert events_of((await client.post("/pushed", json="deep blue sea")).body) == ["deep", "blue", "sea"]
    assert (await client.get("/pushed")).status == 405
    assert ((await client.get("/other")).status, (await client.get("/other")).text) == (503, "no events today")


async def test_what_is_no_source_is_told_with_the_handler_that_returned_it(client_for, caplog):
    app = Nacre()

    @app.sse("/")
    async def handler():
        return {"a": 1}

    assert (await client_for(app).get("/")).status == 500
    assert "handler `test_what_is_no_source" in str(caplog.records[0].exc_info[1])
    assert "returned a dict that makes no response: the source of an event stream" in str(caplog.records[0].exc_info[1])


WRONG = {
    "ping": ({"ping": 0}, "ping is a number of seconds above 0"),
    "retry": ({"retry": -1}, "retry is a number of seconds from 0 up"),
    "retry-text": ({"retry": "1"}, "retry is a number of seconds"),
    "response-option": ({"status_code": 201}, "can't have `status_code`"),
    "misspelt": ({"nmae": "x"}, "did you mean `name`"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_options_are_told_where_they_stand(options, message):
    app = Nacre()
    with pytest.raises(ConfigurationError, match=message) as caught:

        @app.sse("/", **options)
        def handler():
            yield "x"

    assert "test_sse.py:" in str(caught.value)


async def test_the_document_says_that_events_are_answered(client_for):
    app = Nacre()
    app.include(OpenAPI(title="t", version="1"))

    @app.sse("/", summary="Events")
    async def handler():
        yield 1

    document = (await client_for(app).get("/openapi.json")).json()
    assert list(document["paths"]["/"]["get"]["responses"]["200"]["content"]) == ["text/event-stream"]


# Keep-alives.


async def test_silence_is_filled_with_comments_and_the_source_is_not_disturbed(client_for):
    app = Nacre()
    log: list[Any] = []

    @app.sse("/", ping=0.03)
    async def events():
        token = variable.set("source")
        task = asyncio.current_task()
        for name in ("a", "b"):
            try:
                async with asyncio.timeout(LONG):
                    await asyncio.sleep(0.2)
            except BaseException as error:
                log.append(error)
                raise
            log.append((variable.get(), asyncio.current_task() is task))
            yield name
        variable.reset(token)

    response = await client_for(app).get("/")
    assert log == [("source", True)] * 2
    pieces = response.pieces
    first, second = pieces.index(b"data: a\n\n"), pieces.index(b"data: b\n\n")
    assert set(pieces[:first]) == set(pieces[first + 1 : second]) == {PING}
    assert events_of(response.body) == ["a", "b"]


async def test_a_timeout_of_the_source_is_the_source_s_also_while_a_comment_is_being_sent(client_for):
    app = Nacre()

    @app.sse("/", ping=0.01)
    async def events():
        try:
            async with asyncio.timeout(0.1):
                await asyncio.sleep(LONG)
        except TimeoutError:
            yield "timed out"

    async with client_for(app).stream("GET", "/") as response:
        assert await anext(response) == PING
        # Nobody takes the next comment, so it is being sent when the time is over.
        await asyncio.sleep(0.15)
        assert events_of(await response.read()) == ["timed out"]


async def test_a_stream_without_events_at_first_is_opened_by_a_comment(client_for):
    """Some servers hold status and headers back until there is a body."""
    app = Nacre()

    @app.sse("/", ping=1)
    async def events():
        await asyncio.sleep(LONG)
        yield "never"

    started = time.monotonic()
    async with client_for(app).stream("GET", "/") as response:
        assert await anext(response) == PING
        assert time.monotonic() - started < 0.9


async def test_without_ping_there_is_no_comment(client_for):
    app = Nacre()

    @app.sse("/", ping=None)
    async def events():
        await asyncio.sleep(0.3)
        yield "x"

    assert (await client_for(app).get("/")).pieces == [b"data: x\n\n"]


async def test_plain_sources_are_kept_alive_too(client_for):
    app = Nacre()

    @app.sse("/", ping=0.03)
    def events():
        yield "a"
        time.sleep(0.2)
        yield "b"

    pieces = (await client_for(app).get("/")).pieces
    assert (pieces[0], pieces[-1]) == (b"data: a\n\n", b"data: b\n\n")
    assert set(pieces[1:-1]) == {PING}


async def test_m50_an_event_is_sent_when_it_is_there(client_for):
    """Through layers of every style."""

    class Django:
        def __init__(self, get_response: Any) -> None:
            self.get_response = get_response

        async def __call__(self, request: Any) -> Any:
            return await self.get_response(request)

    class ASGI:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)

    async def onion(request, call_next):
        return await call_next(request)

    app = Nacre(middlewares=[onion, Django, ASGI])
    opened = threading.Event()

    @app.sse("/", ping=LONG)
    async def events():
        yield "first"
        while not opened.is_set():
            await asyncio.sleep(0.01)
        yield "second"

    async with client_for(app).stream("GET", "/") as response:
        assert await anext(response) == b"data: first\n\n"
        opened.set()
        assert await response.read() == b"data: second\n\n"


# The end.


@pytest.mark.parametrize("after", ["before-the-first-event", "between-events"])
@pytest.mark.parametrize("kind", ["generator", "function"])
async def test_m70_the_source_is_cancelled_where_it_sleeps_when_the_client_leaves(client_for, kind, after):
    app = Nacre()
    log: list[str] = []

    async def sleeping(send):
        try:
            if after == "between-events":
                await send("a")
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            log.append("finally")

    async def generator():
        try:
            if after == "between-events":
                yield "a"
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            log.append("finally")

    @app.sse("/", ping=0.05)
    async def handler(request: Request):
        request.after_response(lambda: log.append("after"))
        return generator() if kind == "generator" else lambda events: sleeping(events.send)

    started = time.monotonic()
    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert time.monotonic() - started < 1.5
    assert log == ["cancelled", "finally", "after"]


async def test_a_generator_at_its_yield_gets_the_cancellation_too(client_for):
    app = Nacre()
    log: list[str] = []

    @app.sse("/")
    async def events():
        try:
            while True:
                yield "x" * 1000
        except BaseException as error:
            log.append(type(error).__name__)
            raise
        finally:
            log.append("finally")

    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert log == ["CancelledError", "finally"]


async def test_the_source_goes_on_when_the_client_has_taken_what_came_before(client_for):
    app = Nacre()
    made: list[int] = []

    @app.sse("/", ping=LONG)
    async def events():
        for number in range(100):
            made.append(number)
            yield str(number)

    async with client_for(app).stream("GET", "/") as response:
        for number in range(3):
            assert await anext(response) == b"data: %d\n\n" % number
            await asyncio.sleep(0.02)
            assert made[-1] <= number + 1


async def test_a_failure_within_the_stream_cuts_it_and_is_logged_once(client_for, caplog):
    app = Nacre()

    @app.sse("/")
    async def events():
        yield "a"
        raise ZeroDivisionError("boom")

    client = client_for(app)
    response = await client.get("/")
    assert response.body == b"data: a\n\n"
    assert client.transport == "rsgi" or isinstance(response.aborted, ZeroDivisionError)
    assert len(caplog.records) == 1


async def test_a_failure_of_a_pushing_function_is_one_of_the_stream(client_for, caplog):
    app = Nacre()

    @app.sse("/")
    async def handler():
        async def source(events: EventSender):
            await events.send("a")
            raise ZeroDivisionError("boom")

        return source

    response = await client_for(app).get("/")
    assert response.body == b"data: a\n\n"
    assert len(caplog.records) == 1


async def test_a_failure_while_it_is_closed_is_logged_once(client_for, caplog):
    app = Nacre()

    @app.sse("/", ping=0.1)
    async def events():
        try:
            yield "a"
            await asyncio.sleep(LONG)
        finally:
            raise ZeroDivisionError("boom")

    client = client_for(app)
    async with client.stream("GET", "/") as response:
        await anext(response)
    if client.transport == "wsgi":
        assert isinstance(response.aborted, ZeroDivisionError)  # which the server logs
    else:
        assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_a_source_that_goes_on_after_its_cancellation_ends_at_the_next_event(client_for):
    app = Nacre()
    log: list[str] = []

    @app.sse("/", ping=0.1)
    async def handler():
        async def source(events: EventSender):
            await events.send("a")
            try:
                await asyncio.sleep(LONG)
            except asyncio.CancelledError:
                log.append("cancelled")
            try:
                await events.send("b")
            except ClientDisconnect:
                log.append("told")
                raise

        return source

    async with client_for(app).stream("GET", "/") as response:
        await anext(response)
    assert log == ["cancelled", "told"]


async def test_several_tasks_may_send(client_for):
    app = Nacre()

    @app.sse("/")
    async def handler():
        async def source(events: EventSender):
            async with asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(events.send(number))

        return source

    assert sorted(events_of((await client_for(app).get("/")).body), key=int) == [str(n) for n in range(20)]


async def test_a_send_that_was_given_up_disturbs_no_other_one(client_for):
    app = Nacre()

    @app.sse("/")
    async def handler():
        async def source(events: EventSender):
            for name in "abc":
                try:
                    async with asyncio.timeout(0.05):
                        await events.send(name)
                except TimeoutError:
                    pass

        return source

    async with client_for(app).stream("GET", "/") as response:
        assert await anext(response) == b"data: a\n\n"
        await asyncio.sleep(0.3)  # longer than the source waits for each of the others
        rest = events_of(await response.read())
    assert rest == sorted(set(rest))
    assert set(rest) <= {"b", "c"}


async def test_a_sender_is_told_when_the_stream_is_over(client_for):
    app = Nacre()
    senders: list[EventSender] = []
    told: list[str] = []

    @app.sse("/")
    async def handler(request: Request):
        async def late() -> None:
            with pytest.raises(ClientDisconnect, match="the event stream is over"):
                await senders[0].send("late")
            told.append("told")

        async def source(events: EventSender):
            senders.append(events)
            await events.send("a")

        request.after_response(late)
        return source

    assert events_of((await client_for(app).get("/")).body) == ["a"]
    assert told == ["told"]


async def test_send_takes_an_event_or_its_fields():
    sender = EventSender(lambda piece: asyncio.sleep(0))
    with pytest.raises(TypeError, match="takes a ServerSentEvent or the fields of one"):
        await sender.send(ServerSentEvent("x"), id=1)
    await sender.send(ServerSentEvent("x"))


async def test_providers_of_the_request_are_there_until_the_last_event(client_for):
    app = Nacre()
    log: list[str] = []

    @app.provider
    async def session() -> AsyncIterator[Session]:
        made = Session()
        yield made
        made.open = False
        log.append("closed")

    @app.sse("/")
    async def events(session: Session):
        yield session.open
        yield session.open
        log.append("last")

    assert events_of((await client_for(app).get("/")).body) == ["true", "true"]
    assert log == ["last", "closed"]


async def test_a_stream_that_is_replaced_by_a_layer_is_closed(client_for):
    """M54."""
    app = Nacre()
    log: list[str] = []

    class Source:
        def __aiter__(self):
            return self

        async def __anext__(self):
            log.append("advanced")
            return "x"

        async def aclose(self):
            log.append("closed")

    async def replace(request, call_next):
        await call_next(request)
        return "another"

    @app.get("/", middlewares=[replace])
    async def handler():
        return EventStream(Source())

    assert (await client_for(app).get("/")).text == "another"
    assert log == ["closed"]
