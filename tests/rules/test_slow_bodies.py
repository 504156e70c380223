"""Bodies that a client withholds: who reads is told in time, and plain code of other requests goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
import pytest

from nacre import CallNext, Form, Header, Nacre, Request, Response, WSGIMiddleware, wait
from nacre.body import Body
from nacre.errors import RequestTimeout
from nacre.fields import URLENCODED
from nacre.testing import TestClient
from rules.application import Gate

ClientFor = Callable[..., TestClient]

JSON = {"content-type": "application/json"}


class Item(msgspec.Struct):
    name: str


@pytest.fixture(params=["asgi", "rsgi"])
def transport(request: pytest.FixtureRequest) -> str:
    """Those on which Nacre itself reads from the connection."""
    return str(request.param)


async def _withheld(first: bytes = b'{"na') -> AsyncIterator[bytes]:
    yield first
    await asyncio.get_running_loop().create_future()


async def _body(request: Request) -> bytes:
    return await request.body()


async def _json(request: Request) -> Any:
    return await request.json()


async def _bound(item: Item) -> str:
    return item.name


async def _stream(request: Request) -> str:
    async for _ in request.stream():
        pass
    return "x"


def _plain(request: Request) -> Any:
    return wait(request.json())


def _plain_bound(item: Item) -> str:
    return item.name


HANDLERS = [_body, _json, _bound, _stream, _plain, _plain_bound]


@pytest.mark.parametrize("handler", HANDLERS, ids=lambda handler: handler.__name__)
async def test_who_reads_a_withheld_body_is_told_in_time(client_for: ClientFor, handler: Any) -> None:
    app = Nacre(body_timeout=0.05)
    app.add_route("/", handler, methods=["POST"])
    async with client_for(app) as client:
        response = await client.post("/", content=_withheld(), headers=JSON)
        assert (response.status, response.headers["connection"]) == (408, "close")


async def test_a_layer_is_told_and_may_answer_otherwise(client_for: ClientFor) -> None:
    seen: list[str] = []

    async def layer(request: Request, call_next: CallNext) -> Response:
        for _ in range(2):
            try:
                await request.body()
            except RequestTimeout as error:
                seen.append(str(error.detail))
        return await call_next(request)

    app = Nacre(middlewares=[layer], body_timeout=0.05)
    app.add_route("/", lambda request: "x", methods=["POST"])
    async with client_for(app) as client:
        assert (await client.post("/", content=_withheld())).text == "x"
    assert seen == ["the body came too slowly"] * 2


async def test_without_a_timeout_a_body_may_take_its_time(client_for: ClientFor) -> None:
    arrived = Gate()

    async def late() -> AsyncIterator[bytes]:
        yield b'{"name"'
        await arrived.wait()
        yield b': "a"}'

    app = Nacre(body_timeout=None)
    app.add_route("/", _bound, methods=["POST"])
    async with client_for(app) as client:
        pending = asyncio.ensure_future(_post(client, content=late()))
        asyncio.get_running_loop().call_later(0.1, arrived.set)
        assert await pending == (200, "a")


async def _post(client: TestClient, content_type: str = "application/json", **options: Any) -> tuple[int, str]:
    response = await client.post("/", headers={"content-type": content_type}, **options)
    return response.status, response.text


class Clock:
    """Stands for the event loop's clock."""

    now = 0.0


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Clock]:
    """The time, which goes on only as a test says."""
    clock = Clock()
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock.now)
    yield clock
    monkeypatch.undo()


class Drip:
    """A source of so many pieces of one size, five seconds after each other."""

    def __init__(self, clock: Clock, count: int, size: int) -> None:
        self._clock = clock
        self._left = count
        self._size = size

    async def read(self) -> bytes:
        if not self._left:
            return b""
        self._left -= 1
        await asyncio.sleep(0)
        self._clock.now += 5
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return b"x" * self._size


async def test_what_is_kept_has_to_come_at_a_least_rate(clock: Clock) -> None:
    with pytest.raises(RequestTimeout):
        await Body(Drip(clock, 100, 1), timeout=30.0).read()
    assert 25 < clock.now <= 40


async def test_a_stream_may_be_slow_if_only_it_goes_on(clock: Clock) -> None:
    body = Body(Drip(clock, 100, 1), timeout=30.0)
    assert b"".join([piece async for piece in body.stream()]) == b"x" * 100


async def test_bytes_make_up_for_waiting(clock: Clock) -> None:
    assert len(await Body(Drip(clock, 100, 2500), timeout=30.0).read()) == 250_000


class Ready:
    """A source that never waits."""

    async def read(self) -> bytes:
        return b""


async def test_no_timer_is_set_for_what_is_there_already(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("a timer was set")

    monkeypatch.setattr(asyncio, "timeout", refuse)
    for name in ("call_later", "call_at"):
        monkeypatch.setattr(asyncio.get_running_loop(), name, refuse)
    assert await Body(Ready(), timeout=30.0).read() == b""


class Held:
    """A source that gives its one piece when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.free = asyncio.Event()
        self.cancelled = 0

    async def read(self) -> bytes:
        self.begun.set()
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return b""


async def test_a_reader_that_is_cancelled_while_it_waits_takes_nothing_from_the_next() -> None:
    source = Held()
    body = Body(source, timeout=30.0)
    first = asyncio.create_task(body.read())
    await source.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert source.cancelled == 1
    second = asyncio.create_task(body.read())
    source.free.set()
    assert await second == b""


class Stubborn:
    """A source that waits until it is cancelled, and does `then` with that."""

    def __init__(self, then: Callable[[], bytes]) -> None:
        self._then = then

    async def read(self) -> bytes:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if data := self._then():
                return data
            raise
        raise AssertionError


async def test_those_who_began_to_wait_together_are_told_one_by_one() -> None:
    async def late(seconds: float) -> float:
        with pytest.raises(RequestTimeout):
            await Body(Stubborn(lambda: b""), timeout=seconds).read()
        return seconds

    waiting = [late(seconds) for seconds in (0.4, 0.3, 0.2)]
    assert [await one for one in asyncio.as_completed(waiting)] == [0.2, 0.3, 0.4]


async def test_who_is_told_that_it_is_late_is_not_cancelled_any_more() -> None:
    with pytest.raises(RequestTimeout):
        await Body(Stubborn(lambda: b""), timeout=0.01).read()
    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_what_comes_in_spite_of_the_limit_is_taken() -> None:
    body = Body(Stubborn(lambda: b"x"), timeout=0.01)
    assert await anext(body.chunks()) == b"x"
    await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


async def test_a_cancellation_that_comes_together_with_the_limit_goes_on() -> None:
    def cancelled_by_another() -> bytes:
        reading.cancel()
        return b""

    reading = asyncio.create_task(Body(Stubborn(cancelled_by_another), timeout=0.01).read())
    await asyncio.wait([reading])
    assert reading.cancelled()


async def test_a_body_that_nobody_has_got_is_never_taken_for_an_empty_one(transport: str) -> None:
    arrived = Gate()
    seen: list[bytes] = []

    async def impatient(request: Request, call_next: CallNext) -> Response:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await request.body()
        arrived.set()
        return await call_next(request)

    async def late() -> AsyncIterator[bytes]:
        await arrived.wait()
        yield b"12345"

    async def handler(request: Request) -> str:
        seen.append(await request.body())
        return "x"

    app = Nacre(middlewares=[impatient])
    app.add_route("/", handler, methods=["POST"])
    async with TestClient(app, transport) as client:
        response = await client.post("/", content=late(), headers={"content-length": "5"})
    # Granian gives a body once; elsewhere the next one gets it.
    assert (response.status, seen) == ((200, [b"12345"]) if transport == "asgi" else (400, []))


# Plain layers around a handler that is given the body.


def _onion(request: Request, call_next: Callable[[Request], Response]) -> Response:
    return call_next(request)


def _onion_that_asks(request: Request, call_next: Callable[[Request], Response], *, key: str = Header("")) -> Response:
    return call_next(request)


class _Django:
    def __init__(self, get_response: Callable[[Request], Response]) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> Response:
        return self.get_response(request)


def _wsgi(app: Any) -> Any:
    return lambda environ, start_response: app(environ, start_response)


LAYERS: dict[str, Any] = {
    "onion": _onion,
    "onion that asks": _onion_that_asks,
    "django": _Django,
    "wsgi": WSGIMiddleware(_wsgi),
}


async def _form(name: Annotated[str, Form()]) -> str:
    return name


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize(("handler", "kind"), [(_bound, "application/json"), (_form, URLENCODED)])
async def test_withheld_bodies_do_not_stop_the_plain_code_of_others(
    transport: str, layer: Any, handler: Any, kind: str
) -> None:
    app = Nacre(middlewares=[layer], threads=2, body_timeout=None)
    app.add_route("/", handler, methods=["POST"])
    app.add_route("/plain", lambda request: "from a thread")
    async with TestClient(app, transport) as client:
        held = [asyncio.ensure_future(_post(client, content=_withheld(), content_type=kind)) for _ in range(5)]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(5):
                assert (await client.get("/plain")).text == "from a thread"
        finally:
            for one in held:
                one.cancel()
            await asyncio.wait(held)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
async def test_what_was_received_early_is_there_for_the_handler(transport: str, layer: Any) -> None:
    app = Nacre(middlewares=[layer], threads=1)
    app.add_route("/", _bound, methods=["POST"])
    app.add_route("/form", _form, methods=["POST"])
    async with TestClient(app, transport) as client:
        assert (await client.post("/", json={"name": "a"})).text == "a"
        assert (await client.post("/form", form={"name": "b"})).text == "b"
        assert (await client.post("/", json={})).status == 422
        assert (await client.post("/form", json={})).status == 415
        assert (await client.post("/", json={"name": "c" * 2_000_000})).status == 413
