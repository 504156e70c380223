"""Several requests of one session at the same time, and requests that are cancelled: nothing is lost or comes back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from nacre import Nacre, Request
from nacre.session import EMPTY
from nacre.sessions import MemoryStore, Record, Sessions
from sessions.kinds import IN_STORE, ClientFor, Clock, application, cookie_of, sending

LayerFor = Callable[..., Sessions]


class Gate:
    """Lets handlers wait, on whatever loop they run, until the test has done something else."""

    def __init__(self) -> None:
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._lock = threading.Lock()
        self._arrival: Callable[[], None] = lambda: None

    async def wait(self) -> None:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((loop, opened))
            self._arrival()
        await opened

    async def until(self, count: int) -> None:
        """Return when so many handlers wait."""
        loop = asyncio.get_running_loop()
        enough = asyncio.Event()

        def arrival() -> None:
            if len(self._waiting) >= count:
                loop.call_soon_threadsafe(enough.set)

        with self._lock:
            self._arrival = arrival
            arrival()
        await asyncio.wait_for(enough.wait(), 10)

    def open(self) -> None:
        with self._lock:
            for loop, opened in self._waiting:
                loop.call_soon_threadsafe(opened.set_result, None)


def gated(layer: Any) -> tuple[Nacre, Gate]:
    """An application with a handler that has read the session and waits before it changes it."""
    app, gate = application(layer), Gate()

    @app.post("/slow")
    async def slow(request: Request) -> Any:
        request.session.get("anything")
        await gate.wait()
        for name in request.query:
            if name.startswith("-"):
                request.session.pop(name[1:], None)
            else:
                request.session[name] = request.query[name]
        return dict(request.session)

    @app.post("/slow-login")
    async def slow_login(request: Request) -> str:
        request.session.regenerate()
        request.session["user"] = "ada"
        await gate.wait()
        return "in"

    @app.post("/slow-logout")
    async def slow_logout(request: Request) -> str:
        request.session.clear()
        await gate.wait()
        return "out"

    return app, gate


in_each_store = pytest.mark.parametrize("kind", IN_STORE)


@in_each_store
async def test_no_change_of_many_requests_is_lost(client_for: ClientFor, layer_for: LayerFor, kind: str) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        await client.post("/set?first=1&gone=1")
        paths = [f"/slow?n{number}={number}" for number in range(6)] + ["/slow?-gone"]
        running = [asyncio.ensure_future(_perform(client.post(path))) for path in paths]
        await gate.until(len(paths))
        gate.open()
        for response in await asyncio.gather(*running):
            assert response.status == 200
            assert "set-cookie" not in response.headers
        session = (await client.get("/read")).json()
    assert session == {"first": "1", **{f"n{number}": str(number) for number in range(6)}}


async def _perform(awaitable: Any) -> Any:
    return await awaitable


async def _meanwhile(client: Any, gate: Gate, slow: str, quick: str) -> tuple[Any, Any]:
    """The answers to a slow request and to a quick one that is made while it runs; the slow one is older."""
    running = asyncio.ensure_future(_perform(client.post(slow)))
    await gate.until(1)
    quickly = await client.post(quick)
    gate.open()
    return await running, quickly


@in_each_store
async def test_session_that_was_ended_meanwhile_does_not_come_back(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        value = cookie_of(await client.post("/set?user=ada"))
        slow, _ = await _meanwhile(client, gate, "/slow?x=1", "/logout")
        assert slow.status == 200
        assert "set-cookie" not in slow.headers
        assert (await client.get("/read", **sending(value))).json() == {}


@in_each_store
async def test_logout_ends_what_another_request_has_changed_meanwhile(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        value = cookie_of(await client.post("/set?user=ada"))
        slow, _ = await _meanwhile(client, gate, "/slow-logout", "/set?x=1")
        assert "Max-Age=0" in slow.headers["set-cookie"]
        assert (await client.get("/read", **sending(value))).json() == {}


@in_each_store
async def test_login_takes_along_what_another_request_has_changed_meanwhile(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        old = cookie_of(await client.post("/set?cart=1"))
        slow, _ = await _meanwhile(client, gate, "/slow-login", "/set?cart=2&coupon=1")
        new = cookie_of(slow)
        assert new != old
        assert (await client.get("/read", **sending(new))).json() == {"cart": "2", "coupon": "1", "user": "ada"}
        assert (await client.get("/read", **sending(old))).json() == {}


@in_each_store
async def test_login_while_the_old_session_is_ended_keeps_the_login_alone(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        old = cookie_of(await client.post("/set?cart=1"))
        slow, _ = await _meanwhile(client, gate, "/slow-login", "/logout")
        new = cookie_of(slow)
        assert (await client.get("/read", **sending(new))).json() == {"user": "ada"}
        assert (await client.get("/read", **sending(old))).json() == {}


@in_each_store
async def test_change_of_a_request_that_is_older_than_the_login_is_dropped(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app, gate = gated(layer_for(kind))
    async with client_for(app) as client:
        await client.post("/set?cart=1")
        slow, login = await _meanwhile(client, gate, "/slow?planted=1", "/login?user=ada")
        assert "set-cookie" not in slow.headers  # the client has the new cookie already
        assert (await client.get("/read", **sending(cookie_of(login)))).json() == {"cart": "1", "user": "ada"}


@in_each_store
async def test_session_that_one_request_empties_and_another_fills_stays(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    for slow_path, quick_path in (("/slow?-gone", "/set?new=1"), ("/slow?new=1", "/unset?gone")):
        app, gate = gated(layer_for(kind))
        async with client_for(app) as client:
            await client.post("/set?gone=1")
            slow, quick = await _meanwhile(client, gate, slow_path, quick_path)
            assert not {"set-cookie"} & {*slow.headers, *quick.headers}
            assert (await client.get("/read")).json() == {"new": "1"}


class Contended(MemoryStore):
    """A store in which another request is always faster."""

    def write(self, key: str, record: Record, replaces: int | None) -> bool:
        return replaces is None and super().write(key, record, replaces)

    def delete(self, key: str, version: int | None = None) -> bool:
        return version is None and super().delete(key)


@pytest.mark.parametrize("path", ["/set?x=2", "/unset?x", "/login?user=ada"])
async def test_request_that_never_gets_its_turn_is_a_conflict(client_for: ClientFor, path: str) -> None:
    store = Contended()
    async with client_for(application(Sessions(store=store))) as client:
        await client.post("/set?x=1")
        assert (await client.post(path)).status == 409
        assert (await client.get("/read")).json() == {"x": "1"}
    assert len(store) == 1


# Cancellation, at every point at which a request waits for the store (R12).


class Stepping:
    """An async store that suspends before and after each thing it does, and has the task cancelled at one of them."""

    def __init__(self, clock: Clock) -> None:
        self.inner = MemoryStore(clock=clock)
        self.cancel_at: int | None = None
        self.step = 0

    async def _point(self) -> None:
        self.step += 1
        if self.step == self.cancel_at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)

    async def read(self, key: str) -> Record | None:
        await self._point()
        record = self.inner.read(key)
        await self._point()
        return record

    async def write(self, key: str, record: Record, replaces: int | None) -> bool:
        await self._point()
        done = self.inner.write(key, record, replaces)
        await self._point()
        return done

    async def delete(self, key: str, version: int | None = None) -> bool:
        await self._point()
        done = self.inner.delete(key, version)
        await self._point()
        return done

    def contents(self) -> list[bytes]:
        return sorted(record.data for record in self.inner._records.values())


async def _call(app: Nacre, method: str, target: str, cookie: str | None) -> list[dict[str, Any]]:
    """One request over ASGI as a task of its own; what was sent. A cancelled one has sent what it has sent."""
    sent: list[dict[str, Any]] = []
    path, _, query = target.partition("?")
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http"},
        **{"path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": ""},
        "headers": [(b"host", b"x"), *([] if cookie is None else [(b"cookie", f"session={cookie}".encode())])],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    task = asyncio.ensure_future(app(scope, receive, send))
    await asyncio.wait([task])
    if task.cancelled():
        sent.append({"type": "cancelled"})
    else:
        task.result()
    return sent


def _cookie(sent: list[dict[str, Any]]) -> str:
    fields = [value.decode() for name, value in sent[0]["headers"] if name == b"set-cookie"]
    return fields[0].split(";")[0].partition("=")[2]


OLD = b'{"user":"ada","n":"1"}'


@pytest.mark.parametrize(
    ("target", "after"),
    [
        pytest.param("/set?n=2", b'{"user":"ada","n":"2"}', id="change"),
        pytest.param("/unset?n&user", EMPTY, id="emptied"),
        pytest.param("/logout", None, id="end"),
        pytest.param("/login?user=bo", b'{"user":"bo","n":"1"}', id="new id"),
        pytest.param("/read", OLD, id="read"),
    ],
)
async def test_cancelled_request_leaves_the_session_as_it_was_or_as_it_was_to_be(
    target: str, after: bytes | None, clock: Clock
) -> None:
    method = "GET" if target == "/read" else "POST"
    completed = False
    step = 0
    while not completed:
        step += 1
        store = Stepping(clock)
        app = application(Sessions(store=store, clock=clock))
        first = await _call(app, "POST", "/set?user=ada&n=1", None)
        assert store.contents() == [OLD]
        store.step, store.cancel_at = 0, step
        sent = await _call(app, method, target, _cookie(first))
        store.cancel_at = None
        completed = sent[-1] != {"type": "cancelled"}
        # Nothing is sent after the cancellation, and never half of a record is left.
        assert completed or sent == [{"type": "cancelled"}]
        assert set(store.contents()) <= {OLD, after}
        # What the client has opens the old session or the new content, or, if it was moved or ended, nothing.
        again = await _call(app, "GET", "/read", _cookie(first))
        seen = again[1]["body"]
        assert seen in (OLD, after, EMPTY)
        if seen == EMPTY != after:
            assert store.contents() == ([] if after is None else [after])
        if completed:
            assert store.contents() == ([] if after is None else [after])
    assert step > 2


async def test_cancelled_first_request_leaves_one_whole_record_or_none(clock: Clock) -> None:
    for step in (1, 2):
        store = Stepping(clock)
        app = application(Sessions(store=store, clock=clock))
        store.cancel_at = step
        assert await _call(app, "POST", "/set?n=1", None) == [{"type": "cancelled"}]
        assert store.contents() == ([] if step == 1 else [b'{"n":"1"}'])
