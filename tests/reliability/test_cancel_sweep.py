"""R12: a request that is cancelled at any point leaves nothing behind, and sends nothing more."""

import asyncio
import contextlib
import logging
import threading
from collections import Counter
from typing import Annotated, Any

import pytest
from reliability.stepper import Run, sweep

from nacre import Hooks, Nacre, Provide
from nacre.errors import BadRequest
from nacre.response import Response, StreamingResponse
from nacre.sessions import MemoryStore, Sessions
from nacre.sse import EventStream
from nacre.traffic import (
    AccessLog,
    BodyLimit,
    IdempotencyKey,
    MemoryCounts,
    MemoryResponses,
    RateLimit,
    RequestId,
    Timeout,
)


class SlowSessions(MemoryStore):
    """A store of sessions that waits before and after each operation."""

    async def read(self, *arguments):
        await asyncio.sleep(0)
        found = super().read(*arguments)
        await asyncio.sleep(0)
        return found

    async def write(self, *arguments):
        await asyncio.sleep(0)
        written = super().write(*arguments)
        await asyncio.sleep(0)
        return written

    async def delete(self, *arguments):
        await asyncio.sleep(0)
        return super().delete(*arguments)


class SlowCounts:
    needs_loop = True

    def __init__(self):
        self._counts = MemoryCounts()

    async def hit(self, buckets, cost):
        await asyncio.sleep(0)
        return await self._counts.hit(buckets, cost)


class SlowResponses(MemoryResponses):
    needs_loop = True

    async def begin(self, key, attempt):
        await asyncio.sleep(0)
        found = await super().begin(key, attempt)
        await asyncio.sleep(0)
        return found

    async def finish(self, key, attempt, ttl):
        await asyncio.sleep(0)
        await super().finish(key, attempt, ttl)
        await asyncio.sleep(0)

    async def release(self, key, token):
        await asyncio.sleep(0)
        await super().release(key, token)

    @property
    def in_flight(self) -> list[str]:
        return list(self._in_flight)


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


class World:
    """An application whose every part waits, and notes what it enters and leaves."""

    def __init__(self) -> None:
        self.entered: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        self.lock = asyncio.Lock()
        self.sessions = SlowSessions()
        self.responses = SlowResponses()
        self.plain_over = threading.Event()
        self.lines = Lines()
        self.logger = logging.Logger("sweep")
        self.logger.addHandler(self.lines)
        self.app = self._application()

    @contextlib.contextmanager
    def within(self, place: str):
        self.entered[place] += 1
        try:
            yield
        finally:
            self.left[place] += 1

    async def onion(self, request, call_next):
        with self.within("onion"):
            async with self.lock:
                await asyncio.sleep(0)
            response = await call_next(request)
            await asyncio.sleep(0)
            return response

    def plain_onion(self, request, call_next):
        with self.within("plain onion"):
            return call_next(request)

    async def provider(self, request):
        with self.within("provider"):
            async with self.lock:
                yield "provided"

    async def pieces(self):
        with self.within("stream"):
            for _ in range(3):
                yield b"piece"
                await asyncio.sleep(0)

    def _application(self) -> Nacre:
        async def after(request, response):
            await asyncio.sleep(0)

        layers: list[Any] = [
            AccessLog(logger=self.logger),
            RequestId(),
            Sessions(store=self.sessions),
            Timeout(30),
            BodyLimit(1000),
            RateLimit("100000/minute", store=SlowCounts()),
            IdempotencyKey(store=self.responses),
            Hooks(before=after_nothing, after=after, finalize=after),
            self.onion,
        ]
        app = Nacre(middlewares=layers)
        session: Any = Annotated[str, Provide(self.provider)]

        @app.post("/value")
        async def value(request, given: session) -> str:
            with self.within("handler"):
                request.session["name"] = (await request.body()).decode()
                await asyncio.sleep(0)
                return given

        @app.post("/refusal")
        async def refusal(request, given: session) -> str:
            with self.within("handler"):
                await asyncio.sleep(0)
                raise BadRequest("no")

        @app.post("/stream")
        async def stream(request, given: session):
            with self.within("handler"):
                await request.body()
                return StreamingResponse(self.pieces())

        @app.post("/events")
        async def events(request):
            async def source():
                with self.within("events"):
                    for number in range(3):
                        yield {"number": number}
                        await asyncio.sleep(0)

            return EventStream(source())

        @app.post("/background")
        async def background(request):
            async def work() -> None:
                with self.within("background"):
                    await asyncio.sleep(0)

            return Response("", background=work)

        @app.websocket("/ws")
        async def session_of(ws):
            with self.within("websocket"):
                async with self.lock:
                    await ws.accept()
                async for message in ws:
                    await ws.send(message)

        @app.post("/plain", middlewares=[self.plain_onion])
        def plain(request):
            with self.within("plain handler"):
                return "plain"

        return app


async def after_nothing(request):
    await asyncio.sleep(0)


def scope_of(path: str, number: int) -> dict[str, Any]:
    headers = [(b"host", b"x"), (b"idempotency-key", b"k%d" % number), (b"content-length", b"6")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": headers,
        "query_string": b"",
        "http_version": "1.1",
    }


async def serve(world: World, path: str, run: Run, sent: list[tuple[bool, str]]) -> None:
    """One request over a server that waits at each message."""
    body = [b"abc", b"def"]
    gone = asyncio.Event()

    async def receive():
        await asyncio.sleep(0)
        if body:
            piece = body.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(body)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append((run.cancelled.is_set(), message["type"]))
        await asyncio.sleep(0)

    await world.app(scope_of(path, run.at), receive, send)


PATHS = {"/value": 15, "/refusal": 12, "/stream": 15, "/events": 12, "/background": 12, "/plain": 12}
"""And at least how many points there are."""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", PATHS)
async def test_whenever_a_request_is_cancelled_all_is_as_it_should_be(path):
    world = World()
    points = 0
    sent: list[tuple[bool, str]] = []
    before = asyncio.all_tasks()
    sessions = 0
    async for run in sweep(lambda run: serve(world, path, run, sent)):
        where = f"{path}, cancelled at {run.at}"
        for _ in range(500):  # what a thread was about ends by itself
            if world.entered == world.left and asyncio.all_tasks() == before and not world.lock.locked():
                break
            await asyncio.sleep(0.002)
        assert world.entered == world.left, where
        assert not world.lock.locked(), where
        assert asyncio.all_tasks() == before, where
        assert world.responses.in_flight == [], where
        assert world.lines.count == 1, where
        assert not any(late for late, _ in sent), f"{where}: sent {sent}"
        assert len(world.sessions) - sessions in (0, 1), where
        for record in world.sessions._records.values():
            assert '"abcdef"' in str(record).replace("'", '"'), where
        if run.at == 0:
            assert run.outcome is None, where
            assert [kind for _, kind in sent][0 :: max(len(sent) - 1, 1)] == [
                "http.response.start",
                "http.response.body",
            ]
        else:
            points += 1
            assert run.outcome is asyncio.CancelledError, where
        sessions = len(world.sessions)
        sent.clear()
        world.lines.count = 0
        world.entered.clear()
        world.left.clear()
    assert points >= PATHS[path]


async def converse(world: World, run: Run) -> None:
    """A WebSocket over a server that waits at each message: two messages, and the client leaves."""
    coming = [{"type": "websocket.connect"}, *({"type": "websocket.receive", "text": text} for text in "ab")]

    async def receive():
        await asyncio.sleep(0)
        return coming.pop(0) if coming else {"type": "websocket.disconnect", "code": 1001}

    async def send(message):
        await asyncio.sleep(0)

    scope = {**scope_of("/ws", run.at), "type": "websocket", "subprotocols": []}
    await world.app(scope, receive, send)


@pytest.mark.timeout(60)
async def test_whenever_a_websocket_is_cancelled_all_is_as_it_should_be():
    world = World()
    points = 0
    before = asyncio.all_tasks()
    async for run in sweep(lambda run: converse(world, run)):
        where = f"cancelled at {run.at}"
        await asyncio.sleep(0)
        assert world.entered == world.left, where
        assert not world.lock.locked(), where
        assert asyncio.all_tasks() == before, where
        assert world.lines.count == (run.at != 1), where  # it waits for the handshake first
        assert run.outcome is (asyncio.CancelledError if run.at else None), where
        points += run.at > 0
        world.lines.count = 0
    assert points >= 12


async def test_the_sweep_notices_what_swallows_a_cancellation_or_forgets_its_cleanup():
    left = []

    async def swallows(run: Run) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass

    async def forgets(run: Run) -> None:
        left.append("in")
        await asyncio.sleep(0)
        left.append("out")

    assert [run.outcome for run in [one async for one in sweep(swallows)]] == [None, None]
    assert [run.outcome async for run in sweep(forgets)] == [None, asyncio.CancelledError]
    assert left.count("in") == left.count("out") + 1


async def test_every_point_is_met_once():
    met = []

    async def three(run: Run) -> None:
        for point in range(3):
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                met.append(point)
                raise

    assert [run.at async for run in sweep(three)] == [0, 1, 2, 3]
    assert met == [0, 1, 2]
