"""When a session is opened: not before it is asked for, at most once, and never to be changed when it is too late."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import Any

import pytest

from nacre import Hooks, Nacre, Request, Response, StreamingResponse, middleware
from nacre.errors import ConfigurationError
from nacre.session import Session, SessionClosed
from nacre.sessions import MemoryStore, Record, Sessions
from sessions.kinds import SECRET, ClientFor, application, cookie_of, sending

LayerFor = Callable[..., Sessions]


class Counting(MemoryStore):
    """A store in memory that counts how often it is read."""

    reads = 0

    def read(self, key: str) -> Record | None:
        self.reads += 1
        return super().read(key)


async def test_store_in_memory_is_read_when_the_session_is_and_once(client_for: ClientFor) -> None:
    store = Counting()
    app = application(Sessions(store=store))

    @app.get("/twice")
    async def twice(request: Request) -> Any:
        return [request.session["user"], request.session["user"]]

    async with client_for(app) as client:
        await client.post("/set?user=ada")
        store.reads = 0
        await client.get("/untouched")
        assert store.reads == 0
        assert (await client.get("/twice")).json() == ["ada", "ada"]
        assert store.reads == 1


async def test_request_that_needs_no_session_opens_none_and_leaves_the_cookies_alone(
    client_for: ClientFor, layer_for: LayerFor
) -> None:
    app = application(layer_for("signed"))

    @app.get("/looked-at")
    async def looked_at(request: Request) -> Any:
        return [request.opened_sessions, "cookies" in vars(request), "state" in vars(request)]

    async with client_for(app) as client:
        await client.post("/set?user=ada")
        assert (await client.get("/looked-at")).json() == [None, False, False]


async def test_store_in_memory_is_not_asked_for_an_id_that_can_be_none(client_for: ClientFor) -> None:
    store = Counting()
    async with client_for(application(Sessions(store=store))) as client:
        for value in ("x", "x" * 42, "x" * 44, "x" * 42 + "="):
            assert (await client.get("/read", **sending(value))).json() == {}
    assert store.reads == 0


async def test_async_store_that_calls_itself_inline_is_awaited(client_for: ClientFor) -> None:
    class Store:
        inline = True

        def __init__(self) -> None:
            self.inner = MemoryStore()

        async def read(self, key: str) -> Record | None:
            return self.inner.read(key)

        async def write(self, key: str, record: Record, replaces: int | None) -> bool:
            return self.inner.write(key, record, replaces)

        async def delete(self, key: str, version: int | None = None) -> bool:
            return self.inner.delete(key, version)

    async with client_for(application(Sessions(store=Store()))) as client:
        await client.post("/set?user=ada")
        assert (await client.get("/read")).json() == {"user": "ada"}


async def test_session_is_one_object_for_all_of_a_request(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app = application(layer_for(kind))

    @app.get("/same")
    async def same(request: Request) -> Any:
        return [type(request.session) is Session, request.session is request.session]

    async with client_for(app) as client:
        assert (await client.get("/same")).json() == [True, True]


async def test_layer_inside_may_hand_on_a_copy_of_the_request(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    @middleware
    async def handing_on(request: Request, call_next: Any) -> Any:
        return await call_next(copy.copy(copy.copy(request)))

    app = application(layer_for(kind))
    app.middlewares.append(handing_on)
    async with client_for(app) as client:
        response = await client.post("/set?a=1")
        assert response.headers["vary"] == "Cookie"
        assert (await client.get("/read")).json() == {"a": "1"}
        assert "vary" not in (await client.get("/untouched")).headers


async def test_outer_of_two_layers_keeps_what_was_set_before_the_inner_one(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    def visit(request: Request) -> None:
        request.session["visits"] = request.session.get("visits", 0) + 1

    app = application(layer_for(kind))
    app.middlewares.append(Hooks(before=visit, inline=True))

    @app.get("/inner", middlewares=[layer_for("signed", cookie="inner")])
    async def inner(request: Request) -> Any:
        request.session["place"] = "inside"
        return sorted(request.session)

    @app.get("/inner/untouched", middlewares=[layer_for("signed", cookie="inner")])
    async def untouched() -> str:
        return "x"

    async with client_for(app) as client:
        assert (await client.get("/inner")).json() == ["place"]
        await client.get("/inner/untouched")
        assert (await client.get("/read")).json() == {"visits": 3}


async def test_session_that_is_first_asked_for_after_the_response_can_be_read_only(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for(kind))
    seen: list[Any] = []

    @app.get("/later")
    def later(request: Request) -> Response:
        def task() -> None:
            seen.append(copy.deepcopy(dict(request.session)))
            request.session["cart"].append("late")
            with pytest.raises(SessionClosed):
                request.session["user"] = "bo"
            seen.append("refused")

        request.after_response(task)
        return Response("x")

    async with client_for(app) as client:
        await client.post("/append?item=pearl")
        response = await client.get("/later")
        assert "vary" not in response.headers
        assert (await client.get("/read")).json() == {"cart": ["pearl"]}
    assert seen == [{"cart": ["pearl"]}, "refused"]
    assert "cart of the session was changed after the response to GET /later had begun" in caplog.text


async def test_stream_that_asks_for_a_session_that_nobody_has_opened_fails(
    client_for: ClientFor, layer_for: LayerFor, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = application(layer_for(kind))
    raised = []

    @app.get("/stream")
    def stream(request: Request) -> Response:
        async def pieces() -> Any:
            yield b"first"
            try:
                request.session.get("user")
            except SessionClosed as error:
                raised.append(str(error))
            yield b"second"

        return StreamingResponse(pieces())

    caplog.set_level(logging.ERROR)
    async with client_for(app) as client:
        await client.post("/set?user=ada")
        assert (await client.get("/stream")).text == "firstsecond"
    assert "too late for `Vary: Cookie`" in raised[0]
    assert not caplog.records


async def test_error_handler_reads_the_session_that_nothing_has_read_before(
    client_for: ClientFor, layer_for: LayerFor, kind: str
) -> None:
    app = application(layer_for(kind))

    @app.get("/boom")
    def boom() -> None:
        raise KeyError("boom")

    @app.error_handler(KeyError)
    async def sorry(request: Request, error: KeyError) -> Response:
        request.session["seen"] = True
        return Response(f"sorry, {request.session.get('user')}", 409)

    async with client_for(app) as client:
        await client.post("/set?user=ada")
        response = await client.get("/boom")
        assert (response.text, response.headers["vary"]) == ("sorry, ada", "Cookie")
        assert (await client.get("/read")).json() == {"user": "ada", "seen": True}


async def test_session_of_another_kind_that_a_layer_sets_is_the_one_that_is_seen(
    client_for: ClientFor, layer_for: LayerFor
) -> None:
    def replace(request: Request) -> None:
        if request.path == "/untouched":
            request.session["before"] = True
            request.session = Session(lambda: b'{"other":1}')

    app = application(layer_for("signed"))
    app.middlewares.append(Hooks(before=replace, inline=True))
    async with client_for(app) as client:
        assert cookie_of(await client.get("/untouched"))
        assert (await client.get("/read")).json() == {"before": True}


def test_two_layers_with_one_cookie_are_an_error_at_startup() -> None:
    inner = Nacre(middlewares=[Sessions(SECRET[::-1])])

    @inner.get("/")
    def index() -> str:
        return "x"

    app = Nacre(middlewares=[Sessions(SECRET)])
    app.mount("/inner", inner)
    with pytest.raises(ConfigurationError) as caught:
        app.compile()
    (problem,) = caught.value.problems
    assert "a layer Sessions outside of this one has the cookie 'session' too" in problem.what
    assert problem.where is not None
    assert problem.where.file == __file__
    assert "cookie=" in str(problem.fix)
