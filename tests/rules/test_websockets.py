"""M1, M2, M10, M22, M66–M69: a WebSocket's handshake passes the layers, and its end is told once, to all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from nacre import Group, Middleware, Nacre, Provide, Request, Response, StreamingResponse, abort
from nacre.errors import ClientDisconnect, ConfigurationError, WebSocketDisconnect
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket
from rules.application import Gate
from rules.recording import STYLES, Chain, Recorder, chains, ids, wsgi

ClientFor = Callable[..., TestClient]

# WSGI's protocol has no upgrade; ASGI layers of these tests let everything but HTTP pass.
PLACED = [style for style in STYLES if style.name not in ("wsgi", "asgi-inside", "asgi-head")]
CHAINS = chains(PLACED)


def application(layers: list[Any], handler: Callable[[WebSocket], Awaitable[Any]]) -> Nacre:
    app = Nacre(middlewares=layers)
    app.websocket("/ws")(handler)
    return app


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def noting(log: Recorder) -> Callable[[WebSocket], Awaitable[None]]:
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        log.note("handler", "open")
        await echo(ws)

    return handler


@pytest.mark.parametrize("chain", CHAINS, ids=ids)
async def test_m1_layers_enter_and_leave_in_order_before_the_first_message(
    client_for: ClientFor, log: Recorder, chain: Chain
) -> None:
    async with client_for(application(chain.build(log), noting(log))) as client, client.websocket("/ws") as ws:
        await ws.send("x")
        assert await ws.receive() == "x"
    assert log.who("enter") == chain.names
    assert sorted(log.who("leave"), key=chain.names.index) == chain.names
    assert set(log.who("got 101")) == set(chain.names)
    assert log.events[-1].what == "open"


def refuse_by_abort(ws: WebSocket) -> Any:
    abort(403, "no")


def refuse_by_response(ws: WebSocket) -> Any:
    return Response("no", 403)


async def refuse_by_close(ws: WebSocket) -> Any:
    await ws.close()


async def refuse_by_returning(ws: WebSocket) -> Any:
    return None


REFUSALS = [refuse_by_abort, refuse_by_response, refuse_by_close, refuse_by_returning]


@pytest.mark.parametrize("handler", REFUSALS, ids=lambda handler: handler.__name__)
@pytest.mark.parametrize("chain", chains(PLACED, depths=(1, 3)), ids=ids)
async def test_m66_a_refusal_is_a_response_that_layers_see(
    client_for: ClientFor, log: Recorder, chain: Chain, handler: Any
) -> None:
    async with client_for(application(chain.build(log), handler)) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws"):
                pass
    assert denied.value.response.status == 403
    assert log.who("enter") == sorted(log.who("leave"), key=chain.names.index) == chain.names
    assert set(log.who("got 403")) == set(chain.names)


@pytest.mark.parametrize("path", ["/nowhere", "/http", "/ws/"])
async def test_m10_layers_run_for_handshakes_that_no_route_answers(client_for: ClientFor, path: str) -> None:
    for chain in chains(PLACED, depths=(1,), mixes=False):
        log = Recorder()
        app = application(chain.build(log), echo)
        app.get("/http")(lambda: "page")
        async with client_for(app) as client:
            with pytest.raises(HandshakeDenied) as denied:
                async with client.websocket(path):
                    pass
        assert denied.value.response.status == 404
        assert log.who("got 404") == chain.names


async def test_m66_a_guard_of_get_guards_handshakes(client_for: ClientFor) -> None:
    async def guard(request: Request, call_next: Any) -> Any:
        abort(401)

    app = application([Middleware(guard, only="GET")], echo)
    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws"):
                pass
    assert denied.value.response.status == 401


async def test_m66_a_layer_may_refuse_what_the_handler_has_accepted(client_for: ClientFor, log: Recorder) -> None:
    async def second_thoughts(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        assert response.status == 101
        return Response("no", 403)

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.accept()
        except asyncio.CancelledError:
            log.note("handler", "cancelled")
            raise
        log.note("handler", "open")

    async with client_for(application([second_thoughts], handler)) as client:
        with pytest.raises(HandshakeDenied):
            async with client.websocket("/ws"):
                pass
    assert [event.what for event in log.events] == ["cancelled"]


async def test_m66_a_handler_that_goes_on_after_a_refusal_is_told_that_it_is_over(client_for: ClientFor) -> None:
    told: list[str] = []

    async def second_thoughts(request: Request, call_next: Any) -> Any:
        await call_next(request)
        return Response("no", 403)

    async def handler(ws: WebSocket) -> None:
        try:
            await ws.accept()
        except asyncio.CancelledError:
            told.append(ws.state)
        for call in (ws.send("x"), ws.receive()):
            try:
                await call
            except WebSocketDisconnect:
                told.append("gone")

    async with client_for(application([second_thoughts], handler)) as client:
        with pytest.raises(HandshakeDenied):
            async with client.websocket("/ws"):
                pass
    assert told == ["closed", "gone", "gone"]


async def test_m66_a_task_that_accepts_while_the_handler_fails_is_let_go(client_for: ClientFor) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def handler(ws: WebSocket) -> None:
        tasks.append(asyncio.create_task(ws.accept()))
        await asyncio.sleep(0)
        abort(403)

    async with client_for(application([], handler)) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws"):
                pass
    assert denied.value.response.status == 403
    assert isinstance(tasks[0].exception(), ClientDisconnect)


async def copy(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    return Response(response.body, response.status, response.raw_headers)


async def break_off(request: Request, call_next: Any) -> Any:
    async def pieces() -> Any:
        yield b"a"
        raise ZeroDivisionError

    return StreamingResponse(pieces(), 403)


@pytest.mark.parametrize("layer", [copy, break_off], ids=lambda layer: layer.__name__)
async def test_m67_a_response_that_cant_answer_a_handshake_is_a_500_and_logged_once(
    client_for: ClientFor, layer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_for(application([layer], echo)) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws"):
                pass
    assert denied.value.response.status == 500
    assert len(caplog.records) == 1


ORIGINS = [
    # (Origin, Host, allowed by the route, let in)
    (None, "testserver", (), True),
    ("http://testserver", "testserver", (), True),
    ("https://testserver", "testserver", (), True),
    ("HTTP://TESTSERVER", "testserver", (), True),
    ("http://testserver:80", "testserver", (), True),
    ("https://testserver:443", "testserver", (), True),
    ("http://testserver:8000", "testserver:8000", (), True),
    ("http://testserver:8000", "testserver", (), False),
    ("http://testserver", "testserver:8000", (), False),
    ("http://other", "testserver", (), False),
    ("http://testserver.evil.example", "testserver", (), False),
    ("http://eviltestserver", "testserver", (), False),
    ("http://user@testserver", "testserver", (), False),
    ("null", "testserver", (), False),
    ("", "testserver", (), False),
    ("file://", "testserver", (), False),
    ("chrome-extension://testserver", "testserver", (), False),
    ("http://testserver, http://evil", "testserver", (), False),
    ("http://testserver/", "testserver", (), False),
    ("http://testserver.", "testserver", (), False),
    ("http://[::1]:8000", "[::1]:8000", (), True),
    ("http://[::1]:8000", "[::2]:8000", (), False),
    ("https://app.example", "testserver", ("https://app.example:443",), True),
    ("chrome-extension://abc", "testserver", ("chrome-extension://abc",), True),
    ("https://app.example", "testserver", ("https://app.example",), True),
    ("HTTPS://APP.example", "testserver", ("https://App.example",), True),
    ("http://app.example", "testserver", ("https://app.example",), False),
    ("https://app.example:444", "testserver", ("https://app.example",), False),
    ("https://app.example.evil", "testserver", ("https://app.example",), False),
    ("http://anything", "testserver", ("*",), True),
    ("null", "testserver", ("*",), True),
]


@pytest.mark.parametrize(("origin", "host", "origins", "let_in"), ORIGINS, ids=[str(row[:3]) for row in ORIGINS])
async def test_m66_a_page_connects_from_its_own_origin_and_from_allowed_ones(
    client_for: ClientFor, origin: str | None, host: str, origins: tuple[str, ...], let_in: bool
) -> None:
    app = Nacre()
    app.websocket("/ws", origins=origins)(echo)
    headers = {"host": host} if origin is None else {"host": host, "origin": origin}
    async with client_for(app) as client:
        if let_in:
            async with client.websocket("/ws", headers=headers) as ws:
                await ws.send("x")
                assert await ws.receive() == "x"
        else:
            with pytest.raises(HandshakeDenied) as denied:
                async with client.websocket("/ws", headers=headers):
                    pass
            assert denied.value.response.status == 403


async def test_m66_two_origins_are_refused(client_for: ClientFor, transport: str) -> None:
    if transport == "wsgi":
        return  # the server has joined them, which is a row of the table above
    app = application([], echo)
    headers = [("origin", "http://testserver"), ("origin", "http://testserver")]
    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied):
            async with client.websocket("/ws", headers=headers):
                pass


async def test_m67_asgi_layers_inside_the_chain_see_a_websocket_scope_and_its_messages(client_for: ClientFor) -> None:
    seen: list[Any] = []

    class Watching:
        def __init__(self, app: Any, name: str) -> None:
            self.app, self.name = app, name

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
                return

            async def watched_receive() -> Any:
                message = await receive()
                seen.append((self.name, message["type"]))
                return message

            async def watched_send(message: Any) -> None:
                seen.append((self.name, message["type"]))
                await send(message)

            await self.app(scope, watched_receive, watched_send)

    group = Group("/g", middlewares=[Middleware(Watching, "inside")])
    group.websocket("/ws")(echo)
    app = Nacre(middlewares=[Middleware(Watching, "head")])
    app.include(group)
    async with client_for(app) as client, client.websocket("/g/ws") as ws:
        await ws.send("x")
        assert await ws.receive() == "x"
        await ws.close()
    for name in ("inside", "head"):
        own = [what for who, what in seen if who == name]
        assert own[0] == "websocket.connect"
        assert [what for what in own if what in ("websocket.accept", "websocket.send")] == [
            "websocket.accept",
            "websocket.send",
        ]
        assert "websocket.disconnect" in own


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


async def test_m67_asgi_layers_change_nothing_of_how_a_connection_ends(client_for: ClientFor) -> None:
    told: list[type[BaseException]] = []
    app = Nacre(middlewares=[Passing])
    group = Group("/g", middlewares=[Passing])
    app.include(group)

    @group.websocket("/closes")
    async def closes(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(4001, "bye")

    @group.websocket("/pushes")
    async def pushes(ws: WebSocket) -> None:
        await ws.receive()
        try:
            while True:
                await ws.send("x")
                await asyncio.sleep(0)
        except BaseException as error:
            told.append(type(error))
            raise

    async with client_for(app) as client:
        async with client.websocket("/g/closes") as ws:
            with pytest.raises(WebSocketDisconnect) as gone:
                await ws.receive()
        assert (gone.value.code, gone.value.reason) == (4001, "bye")
        async with client.websocket("/g/pushes") as ws:
            await ws.send("go")
            await ws.receive()
            await ws.drop()
    assert told == [WebSocketDisconnect]


async def test_m67_an_asgi_application_accepts_and_sends_from_tasks_of_its_own(client_for: ClientFor) -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()

        async def accept() -> None:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "first"})

        async def echo() -> None:
            await asyncio.sleep(0)
            await send({"type": "websocket.send", "text": "second"})  # before the handshake is answered
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})

        async with asyncio.TaskGroup() as group:
            group.create_task(accept())
            group.create_task(echo())

    app = Nacre(middlewares=[Passing])
    app.mount("/foreign", foreign)
    async with client_for(app) as client, client.websocket("/foreign") as ws:
        assert sorted([await ws.receive(), await ws.receive()]) == ["first", "second"]
        await ws.send("x")
        assert await ws.receive() == "x"


async def test_m67_an_asgi_application_is_told_where_it_sends_that_the_client_is_gone(client_for: ClientFor) -> None:
    told: list[type[BaseException]] = []

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "websocket"
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x"})
                await asyncio.sleep(0)
        except BaseException as error:
            told.append(type(error))
            raise

    app = Nacre()
    app.mount("/foreign", foreign)
    async with client_for(app) as client, client.websocket("/foreign") as ws:
        assert await ws.receive() == "x"
        await ws.drop()
    assert len(told) == 1
    assert issubclass(told[0], OSError)


def test_m67_a_wsgi_layer_in_front_of_a_websocket_is_refused_at_startup(log: Recorder) -> None:
    app = application([wsgi(log, "L0", lambda: None, lambda: None)], echo)
    message = r"layer `L0` .* stands in front of a WebSocket(.|\n)*skip=\"WEBSOCKET\""
    with pytest.raises(ConfigurationError, match=message):
        app.compile()


@pytest.mark.parametrize("chain", chains(PLACED, depths=(1, 3)), ids=ids)
async def test_m68_an_exception_closes_with_1011_once_and_is_logged_once(
    client_for: ClientFor, log: Recorder, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[str] = []

    async def session() -> Any:
        try:
            yield "session"
        finally:
            ended.append("session")

    async def handler(ws: WebSocket, session: str = Provide(session)) -> None:
        ws.request.after_response(lambda: ended.append("callback"))
        await ws.send("before")
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "nacre.error"):
        async with client_for(application(chain.build(log), handler)) as client, client.websocket("/ws") as ws:
            assert await ws.receive() == "before"
            with pytest.raises(WebSocketDisconnect) as gone:
                await ws.receive()
    assert gone.value.code == 1011
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    assert sorted(ended) == ["callback", "session"]
    assert set(log.who("got 101")) == set(chain.names)


@pytest.mark.parametrize("chain", chains(PLACED, depths=(1, 3)), ids=ids)
async def test_m68_an_exception_before_accept_is_a_500(
    client_for: ClientFor, log: Recorder, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(ws: WebSocket) -> None:
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR, "nacre.error"):
        async with client_for(application(chain.build(log), handler)) as client:
            with pytest.raises(HandshakeDenied) as denied:
                async with client.websocket("/ws"):
                    pass
    assert denied.value.response.status == 500
    assert len(caplog.records) == 1


async def test_m68_the_log_names_the_layer_that_failed_in_front_of_a_websocket(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(request: Request, call_next: Any) -> Any:
        raise ZeroDivisionError

    async with client_for(application([failing], echo)) as client:
        for path in ("/ws", "/nowhere"):
            with pytest.raises(HandshakeDenied):
                async with client.websocket(path):
                    pass
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert all("failed in layer `" in line and "failing" in line for line in told)


async def test_m68_the_end_of_another_connection_is_an_exception_of_the_handler(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    others: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        async for message in ws:
            if message == "join":
                others.append(ws)
                await ws.send("joined")
            else:
                await others[0].send(message)

    async with client_for(application([], handler)) as client, client.websocket("/ws") as ws:
        async with client.websocket("/ws") as other:
            await other.send("join")
            await other.receive()
        await ws.send("x")
        with pytest.raises(WebSocketDisconnect) as gone:
            await ws.receive()
    assert gone.value.code == 1011
    assert len(caplog.records) == 1


async def test_m69_tasks_of_a_handler_may_leave_it_uncaught_that_the_client_has_left(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    ended: list[int | None] = []

    async def handler(ws: WebSocket) -> None:
        async def read() -> None:
            while True:
                await ws.receive()

        async def write() -> None:
            while True:
                await ws.send("x")
                await asyncio.sleep(0)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(read())
                group.create_task(write())
        finally:
            ended.append(ws.close_code)

    async with client_for(application([], handler)) as client, client.websocket("/ws") as ws:
        await ws.receive()
        await ws.drop()
    assert ended in ([1006], [1005])
    assert not caplog.records


@pytest.mark.parametrize("leave", ["close", "drop"])
async def test_m69_iteration_ends_and_sending_raises_after_the_client_has_left(
    client_for: ClientFor, leave: str
) -> None:
    told: list[Any] = []
    done = Gate()

    async def handler(ws: WebSocket) -> None:
        told.extend([message async for message in ws])
        for _ in range(2):
            try:
                await ws.send("x")
            except WebSocketDisconnect:
                told.append("gone")
        told.append(ws.close_code)
        done.set()

    async with client_for(application([], handler)) as client:
        async with client.websocket("/ws") as ws:
            await ws.send("x")
            await (ws.close(4000, "bye") if leave == "close" else ws.drop())
        await asyncio.wait_for(done.wait(), 5)
    assert told[:3] == ["x", "gone", "gone"]
    # Granian tells neither code nor reason over RSGI.
    assert told[3] in ((4000, 1005) if leave == "close" else (1006, 1005))


async def test_m69_a_handler_that_only_sends_is_cancelled_when_the_client_leaves(client_for: ClientFor) -> None:
    cancelled = Gate()

    async def handler(ws: WebSocket) -> None:
        await ws.send("x")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with client_for(application([], handler)) as client:
        async with client.websocket("/ws") as ws:
            assert await ws.receive() == "x"
        await asyncio.wait_for(cancelled.wait(), 5)


async def test_m69_messages_that_nobody_asks_for_dont_hide_that_the_client_has_left(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nacre.websocket._PATIENCE", 0.01)
    cancelled = Gate()

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with client_for(application([], handler)) as client:
        async with client.websocket("/ws") as ws:
            for _ in range(40):
                await ws.send("x")
            await ws.drop()
        await asyncio.wait_for(cancelled.wait(), 5)


async def test_m69_a_handler_that_asks_after_its_messages_were_thrown_away_is_told(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nacre.websocket._PATIENCE", 0.01)
    told: list[str] = []

    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await asyncio.sleep(0.1)
        try:
            await ws.receive()
        except RuntimeError as error:
            told.append(str(error))

    async with client_for(application([], handler)) as client, client.websocket("/ws") as ws:
        for _ in range(40):
            await ws.send("x")
        with pytest.raises(WebSocketDisconnect):
            await ws.receive()
    assert told == ["messages came long before the first one was asked for, and were thrown away"]


async def test_m69_a_handler_that_waits_for_something_else_isnt_cancelled_within_a_message(
    client_for: ClientFor,
) -> None:
    received, release, finished = Gate(), Gate(), Gate()

    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            received.set()
            await release.wait()  # stores the message, say
            finished.set()

    async with client_for(application([], handler)) as client:
        async with client.websocket("/ws") as ws:
            await ws.send("x")
            await received.wait()
            await ws.close()
            release.set()
        await asyncio.wait_for(finished.wait(), 5)


async def test_m22_context_variables_of_layers_and_handler_reach_the_session(client_for: ClientFor) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async def outer(request: Request, call_next: Any) -> Any:
        variable.set("outer")
        response = await call_next(request)
        response.headers["x-seen"] = variable.get()
        return response

    async def handler(ws: WebSocket) -> None:
        seen = variable.get()
        variable.set("handler")
        await ws.accept()
        await ws.send(f"{seen} {variable.get()}")

    async with client_for(application([outer], handler)) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "outer handler"


async def test_m26_timeouts_that_a_handler_opens_before_it_accepts_hold_in_the_session(client_for: ClientFor) -> None:
    async def handler(ws: WebSocket) -> None:
        try:
            async with asyncio.timeout(0.05):
                await ws.accept()
                await ws.receive()
        except TimeoutError:
            await ws.send("late")

    async with client_for(application([], handler)) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "late"
