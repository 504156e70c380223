"""WebSockets as handlers have them: parameters, messages, subprotocols, limits, codes, mistakes found at startup."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from nacre import (
    Cookie,
    File,
    Group,
    Header,
    Key,
    Middleware,
    Nacre,
    Provide,
    Request,
    Response,
    ValidationError,
    middleware,
    wait,
)
from nacre.errors import BadRequest, ConfigurationError, UnsupportedMediaType, WebSocketDisconnect
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket

ClientFor = Callable[..., TestClient]


# Parameters.


user: Key[str] = Key("user")


async def test_handler_takes_what_any_handler_takes(client_for: ClientFor) -> None:
    app = Nacre()

    @middleware(provides=user)
    async def sign_in(request: Request, call_next: Any) -> Any:
        request.state[user] = "ada"
        return await call_next(request)

    def clock() -> str:
        return "noon"

    app.middlewares.append(sign_in)

    @app.websocket("/rooms/<int:room>", tags=["chat"], role="member")
    async def chat(
        room: int,
        ws: WebSocket,
        name: Annotated[str, user],
        request: Request,
        page: int = 1,
        session: str = Cookie(""),
        agent: str = Header("", alias="User-Agent"),
        time: str = Provide(clock),
    ) -> None:
        assert ws.request is request
        assert request.websocket is ws
        assert request.method == "GET"
        assert request.route is not None
        assert request.route.options == {"role": "member"}
        await ws.send_json([room, name, page, session, agent, time])

    async with client_for(app) as client:
        headers = {"user-agent": "test", "cookie": "session=s"}
        async with client.websocket("/rooms/7?page=2", headers=headers) as ws:
            assert await ws.receive_json() == [7, "ada", 2, "s", "test", "noon"]
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/rooms/7?page=x"):
                pass
        assert denied.value.response.status == 422


@pytest.mark.parametrize(
    "handler", [lambda ws: wait(ws.send("hello")), lambda connection: wait(connection.send("hello"))], ids=["ws", "any"]
)
async def test_first_parameter_without_annotation_is_the_websocket(client_for: ClientFor, handler: Any) -> None:
    app = Nacre()
    app.websocket("/ws")(handler)
    async with client_for(app) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "hello"


async def test_plain_handlers_and_plain_layers_have_threads_of_their_own(client_for: ClientFor) -> None:
    def around(request: Request, call_next: Any) -> Response:
        response: Response = call_next(request)
        response.headers["x-around"] = "1"
        return response

    app = Nacre(middlewares=[around])

    @app.websocket("/ws")
    def echo(ws: WebSocket) -> None:
        while True:
            wait(ws.send(wait(ws.receive())))

    async with client_for(app) as client, client.websocket("/ws") as ws:
        for text in ("a", "b"):
            await ws.send(text)
            assert await ws.receive() == text


async def test_one_path_has_a_page_and_a_websocket(client_for: ClientFor) -> None:
    app = Nacre()
    app.get("/feed")(lambda: "page")

    @app.websocket("/feed")
    async def feed(ws: WebSocket) -> None:
        await ws.send("event")

    async with client_for(app) as client:
        assert (await client.get("/feed")).text == "page"
        async with client.websocket("/feed") as ws:
            assert await ws.receive() == "event"
        assert (await client.options("/feed")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_request_that_is_no_handshake_gets_426(client_for: ClientFor, transport: str) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def echo(ws: WebSocket) -> None: ...

    async with client_for(app) as client:
        response = await client.get("/ws")
        assert response.status == 426
        assert transport == "wsgi" or response.headers["upgrade"] == "websocket"  # PEP 3333 leaves that to servers
        response = await client.post("/ws")
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        # The name that stands for handshakes in routes is a method that a client may write.
        assert (await client.request("WEBSOCKET", "/ws")).status == 426


async def test_routes_of_groups_and_mounted_applications_serve_websockets(client_for: ClientFor) -> None:
    inner = Nacre()

    @inner.websocket("/ws", name="live")
    async def live(ws: WebSocket) -> None:
        await ws.send(f"{ws.request.root_path} {ws.request.path}")

    group = Group("/group")
    group.websocket("/ws")(live)
    app = Nacre()
    app.include(group)
    app.mount("/inner", inner, name="inner")
    assert app.url_for("inner:live") == "/inner/ws"
    async with client_for(app) as client:
        async with client.websocket("/group/ws") as ws:
            assert await ws.receive() == " /group/ws"
        async with client.websocket("/inner/ws") as ws:
            assert await ws.receive() == "/inner /ws"


async def test_websockets_of_a_mounted_asgi_application_work_behind_layers(client_for: ClientFor) -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        if scope["path"].endswith("/no"):
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept", "subprotocol": None, "headers": [(b"x-foreign", b"1")]})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{scope['root_path']} {message['text']}"})
        assert message["type"] == "websocket.disconnect"

    async def stamp(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-stamp"] = "1"
        return response

    app = Nacre(middlewares=[stamp])
    app.mount("/foreign", foreign)
    async with client_for(app) as client:
        async with client.websocket("/foreign/ws") as ws:
            await ws.send("x")
            assert await ws.receive() == "/foreign x"
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/foreign/no"):
                pass
        assert denied.value.response.status == 403


async def test_handshakes_answer_with_header_fields_and_cookies(client_for: ClientFor, transport: str) -> None:
    app = Nacre()

    async def remember(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.set_cookie("seen", "1")
        return response

    app.middlewares.append(remember)

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="header"):
            await ws.accept(headers={"x-bad": "a\r\nb: c"})
        await ws.accept(headers={"X-Handler": "1"})
        await ws.receive()

    async with client_for(app) as client, client.websocket("/ws") as ws:
        told = (ws.headers.get("x-handler"), "seen=1" in ws.headers.get("set-cookie", ""))
        assert told == ((None, False) if transport == "rsgi" else ("1", True))  # Granian answers by itself


# Subprotocols.

SUBPROTOCOLS = [
    # (offered by the client, by the route, agreed on)
    ([], [], None),
    (["a"], [], None),
    ([], ["a"], None),
    (["a"], ["a"], "a"),
    (["b", "a"], ["a", "b"], "a"),
    (["c"], ["a", "b"], None),
    (["A"], ["a"], None),
]


@pytest.mark.parametrize(("offered", "offers", "agreed"), SUBPROTOCOLS, ids=str)
async def test_the_first_subprotocol_of_the_route_that_the_client_offers_is_agreed_on(
    client_for: ClientFor, transport: str, offered: list[str], offers: list[str], agreed: str | None
) -> None:
    app = Nacre()

    @app.websocket("/ws", subprotocols=offers)
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_json([ws.subprotocol, list(ws.subprotocols)])

    async with client_for(app) as client, client.websocket("/ws", subprotocols=offered) as ws:
        assert await ws.receive_json() == [agreed, offered]
        assert ws.subprotocol == (None if transport == "rsgi" else agreed)


async def test_accepting_a_subprotocol_that_wasnt_offered_is_a_mistake(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="doesn't offer the subprotocol 'b'"):
            await ws.accept("b")
        await ws.send("ok")
        with pytest.raises(RuntimeError, match="answered already"):
            await ws.accept()

    async with client_for(app) as client, client.websocket("/ws", subprotocols=["a"]) as ws:
        assert await ws.receive() == "ok"


# Messages.


async def test_text_and_binary_messages_keep_their_kinds(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with client_for(app) as client, client.websocket("/ws") as ws:
        for message in ("text", b"bytes", "", b"", "ü\U0001f41a", bytes(range(256)), "x" * 100_000):
            await ws.send(message)
            assert await ws.receive() == message


@dataclass
class Move:
    x: int
    y: int = 0


UNEXPECTED = [
    # (what is received by, what the client sends, the exception, the code if nobody catches it)
    ("receive_text", b"x", UnsupportedMediaType, 1003),
    ("receive_bytes", "x", UnsupportedMediaType, 1003),
    ("receive_json", "{", BadRequest, 1007),
    ("receive_json", b"\xff", BadRequest, 1007),
    ("receive_json", "[" * 100_000, BadRequest, 1007),
    ("receive_move", "{}", ValidationError, 1007),
    ("receive_move", '{"x": "a"}', ValidationError, 1007),
    ("receive_move", "{", BadRequest, 1007),
]


def _receiver(ws: WebSocket, name: str) -> Any:
    return ws.receive_json(Move) if name == "receive_move" else getattr(ws, name)()


@pytest.mark.parametrize(("name", "sent", "error", "code"), UNEXPECTED, ids=lambda value: str(value)[:20])
async def test_an_unexpected_message_is_told_to_the_handler_or_else_to_the_client(
    client_for: ClientFor, name: str, sent: Any, error: type[Exception], code: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = Nacre()

    @app.websocket("/caught")
    async def caught(ws: WebSocket) -> None:
        try:
            await _receiver(ws, name)
        except error:
            await ws.send("told")

    @app.websocket("/uncaught")
    async def uncaught(ws: WebSocket) -> None:
        await _receiver(ws, name)

    async with client_for(app) as client:
        async with client.websocket("/caught") as ws:
            await ws.send(sent)
            assert await ws.receive() == "told"
        async with client.websocket("/uncaught") as ws:
            await ws.send(sent)
            with pytest.raises(WebSocketDisconnect) as gone:
                await ws.receive()
    assert gone.value.code == code
    assert not caplog.records


async def test_json_is_received_with_its_type(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        move = await ws.receive_json(Move)
        assert isinstance(move, Move)
        await ws.send_json(move)
        with pytest.raises(TypeError):
            await ws.send_json(object())
        with pytest.raises(TypeError, match="send_json encodes data"):
            await ws.send({"a": 1})  # type: ignore[arg-type]

    async with client_for(app) as client, client.websocket("/ws") as ws:
        await ws.send_json({"x": 1})
        assert await ws.receive_json() == {"x": 1, "y": 0}


@pytest.mark.parametrize("message", ["x" * 11, b"x" * 11, "ü" * 6], ids=["text", "binary", "wide"])
async def test_a_message_over_the_limit_closes_with_1009(client_for: ClientFor, message: str | bytes) -> None:
    app = Nacre()

    @app.websocket("/ws", max_message=10)
    async def echo(ws: WebSocket) -> None:
        async for one in ws:
            await ws.send(one)

    async with client_for(app) as client, client.websocket("/ws") as ws:
        await ws.send(message[:10] if isinstance(message, bytes) else message[:5])
        await ws.receive()
        await ws.send(message)
        with pytest.raises(WebSocketDisconnect) as gone:
            await ws.receive()
    assert gone.value.code == 1009


async def test_a_cancelled_receive_loses_no_message(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await ws.receive()
        await ws.send("ready")
        await ws.send(await ws.receive())

    async with client_for(app) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "ready"
        await ws.send("kept")
        assert await ws.receive() == "kept"


async def test_receives_that_are_cancelled_between_messages_lose_none(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await ws.receive()
            await ws.send("ready")

    async with client_for(app) as client, client.websocket("/ws") as ws:
        for number in range(4):
            await ws.send(str(number))
            assert [await ws.receive(), await ws.receive()] == [str(number), "ready"]


class Client:
    """The server's side of a connection whose messages take a while to pass a layer."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Any] = asyncio.Queue()
        self.messages.put_nowait({"type": "websocket.connect"})
        self.taken = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.sent: list[str] = []
        self.cancelled = 0

    async def receive(self) -> Any:
        try:
            message = await self.messages.get()
            self.taken.set()
            await self.open.wait()
            return message
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def send(self, message: Any) -> None:
        self.sent.append(message.get("text", message["type"]))

    def say(self, text: str) -> None:
        self.messages.put_nowait({"type": "websocket.receive", "text": text})

    async def visit(self, app: Nacre) -> None:
        scope = {"type": "websocket", "path": "/ws", "headers": [(b"host", b"a")]}
        await asyncio.wait_for(app(scope, self.receive, self.send), 5)


async def test_a_message_that_is_on_its_way_when_its_receive_is_cancelled_is_kept() -> None:
    app, client = Nacre(), Client()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.send(await ws.receive())
        client.taken.clear()
        client.open.clear()
        client.say("two")
        waiting = asyncio.create_task(ws.receive())
        await client.taken.wait()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        client.open.set()
        await ws.send(await ws.receive())
        client.say("three")
        await ws.send(await ws.receive())

    client.say("one")
    await client.visit(app)
    assert client.sent == ["websocket.accept", "one", "two", "three", "websocket.close"]
    assert client.cancelled == 0


async def test_a_receive_that_was_cancelled_goes_on_where_the_server_waits_for_another_websocket() -> None:
    outer, inner, client = Nacre(), Nacre(), Client()

    @inner.websocket("/ws")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)
            if message == "one":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0):
                        await ws.receive()
            following = {"one": "two", "two": "three"}.get(str(message), "end")
            asyncio.get_running_loop().call_later(0.01, client.say, following)

    @outer.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        messages: list[Any] = [{"type": "websocket.connect"}]

        async def receive() -> Any:
            text = None if messages else await ws.receive()
            if text == "end":
                return {"type": "websocket.disconnect", "code": 1000}
            return messages.pop() if text is None else {"type": "websocket.receive", "text": text}

        async def send(message: Any) -> None:
            if message["type"] == "websocket.send":
                await ws.send(message["text"])

        await inner({"type": "websocket", "path": "/ws", "headers": [(b"host", b"a")]}, receive, send)

    client.say("one")
    await client.visit(outer)
    assert client.sent == ["websocket.accept", "one", "two", "three", "websocket.close"]


async def test_a_scope_without_a_scheme_passes_an_asgi_layer() -> None:
    class Layer:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            assert scope["scheme"] == "ws"
            await self.app(scope, receive, send)

    app, inner, client = Nacre(), Nacre(middlewares=[Layer]), Client()
    app.mount("/", inner)

    @inner.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.send("x")

    await client.visit(app)
    assert client.sent == ["websocket.accept", "x", "websocket.close"]


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_nothing_waits_for_the_client_after_the_handler_has_closed(before: int) -> None:
    app, client = Nacre(), Client()
    waiting: list[asyncio.Task[Any]] = []

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        for number in range(before):
            client.say(str(number))
            await ws.send(await ws.receive())
        waiting.append(asyncio.create_task(ws.receive()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await ws.close(4000)

    await client.visit(app)
    with pytest.raises(WebSocketDisconnect):
        await waiting[0]
    client.say("late")
    await asyncio.sleep(0)
    assert not client.messages.empty()
    assert client.sent == ["websocket.accept", *map(str, range(before)), "websocket.close"]


async def test_tasks_of_the_handler_may_accept_receive_and_send(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        async def talk() -> None:
            await ws.send("hello")

        async def listen() -> None:
            async for message in ws:
                await ws.send(f"heard {message}")
                return

        async with asyncio.TaskGroup() as group:
            group.create_task(talk())
            group.create_task(listen())

    async with client_for(app) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "hello"
        await ws.send("x")
        assert await ws.receive() == "heard x"


async def test_what_the_client_sent_before_it_closed_is_received(client_for: ClientFor) -> None:
    app = Nacre()
    received: list[Any] = []

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        received.append(await ws.receive())
        await ws.send("a")
        await ws.send("b")  # from the second one on it listens for the client
        while ws.state == "open":
            await asyncio.sleep(0)
        received.extend([message async for message in ws])
        received.append(ws.state)

    async with client_for(app) as client, client.websocket("/ws") as ws:
        await ws.send("1")
        assert [await ws.receive(), await ws.receive()] == ["a", "b"]
        await ws.send("2")
        await ws.send("3")
    assert received == ["1", "2", "3", "closed"]


async def test_two_tasks_cant_receive_at_once(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        first = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks receive"):
            await ws.receive()
        await ws.send("told")
        await first

    async with client_for(app) as client, client.websocket("/ws") as ws:
        assert await ws.receive() == "told"
        await ws.send("x")


async def test_messages_go_to_connections_of_other_handlers(client_for: ClientFor) -> None:
    app = Nacre()
    room: set[WebSocket] = set()

    @app.websocket("/chat")
    async def chat(ws: WebSocket) -> None:
        await ws.accept()
        room.add(ws)
        try:
            async for message in ws:
                for one in set(room):
                    with suppress(WebSocketDisconnect):  # it leaves; its own handler takes it off
                        await one.send(message)
        finally:
            room.discard(ws)

    async with client_for(app) as client, client.websocket("/chat") as ada, client.websocket("/chat") as bob:
        await bob.send("hello")
        assert await ada.receive() == await bob.receive() == "hello"
        await bob.close()
        await ada.send("still there?")
        assert await ada.receive() == "still there?"


# The end.


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1008, "no"), (4000, "ü" * 61), (3000, "bye")])
async def test_a_handler_closes_with_code_and_reason(client_for: ClientFor, code: int, reason: str) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        await ws.close(code, reason)
        await ws.close(1001, "twice")
        assert (ws.state, ws.close_code, ws.close_reason) == ("closed", code, reason)
        for call in (ws.send("x"), ws.receive()):
            with pytest.raises(WebSocketDisconnect):
                await call

    async with client_for(app) as client, client.websocket("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as gone:
            await ws.receive()
    assert (gone.value.code, gone.value.reason) == (code, reason)


async def test_a_receive_that_waits_ends_when_another_task_closes() -> None:
    app = Nacre()
    heard: list[Any] = []

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.accept()
        listener = asyncio.create_task(ws.receive())
        await asyncio.sleep(0)
        await ws.close(4000)
        with pytest.raises(WebSocketDisconnect) as gone:
            await listener
        heard.extend([gone.value.code, ws.close_code])

    async def receive() -> Any:
        if not sent:
            sent.append("connect")
            return {"type": "websocket.connect"}
        return await asyncio.get_running_loop().create_future()  # this client never answers a close frame

    async def send(message: Any) -> None:
        sent.append(message["type"])

    sent: list[str] = []
    await asyncio.wait_for(app({"type": "websocket", "path": "/ws", "headers": [(b"host", b"a")]}, receive, send), 5)
    assert heard == [4000, 4000]
    assert sent == ["connect", "websocket.accept", "websocket.close"]


async def test_a_close_while_another_task_accepts_comes_after_the_handshake(client_for: ClientFor) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        accepting = asyncio.create_task(ws.accept())
        await asyncio.sleep(0)
        await ws.close(4001, "at once")
        await accepting
        assert ws.state == "closed"

    async with client_for(app) as client, client.websocket("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as gone:
            await ws.receive()
    assert (gone.value.code, gone.value.reason) == (4001, "at once")


async def test_the_end_is_told_by_a_new_exception_each_time(client_for: ClientFor) -> None:
    app = Nacre()
    depths: list[int] = []

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        for _ in range(3):
            with pytest.raises(WebSocketDisconnect) as gone:
                await ws.send("x")
            depths.append(len(gone.traceback))

    async with client_for(app) as client, client.websocket("/ws"):
        pass
    assert depths[0] == depths[2]


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70000])
def test_codes_that_may_not_be_sent_are_refused(code: int) -> None:
    app = Nacre()

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="no close code"):
            await ws.close(code)
        with pytest.raises(ValueError, match="longer than 123 bytes"):
            await ws.close(1000, "ü" * 62)
        await ws.send("ok")

    with TestClient(app) as client, client.websocket("/ws") as ws:
        assert ws.receive() == "ok"


async def test_callbacks_and_providers_end_with_the_connection(client_for: ClientFor) -> None:
    app = Nacre()
    ended: list[str] = []

    async def session() -> Any:
        try:
            yield "session"
        finally:
            ended.append("session")

    @app.websocket("/ws")
    async def handler(ws: WebSocket, session: str = Provide(session)) -> None:
        ws.request.after_response(lambda: ended.append("callback"))
        async for message in ws:
            assert not ended
            await ws.send(message)

    async with client_for(app) as client, client.websocket("/ws") as ws:
        await ws.send("x")
        assert await ws.receive() == "x"
        assert not ended
    assert ended == ["callback", "session"]


# Mistakes.


def generator(ws: WebSocket) -> Any:
    yield "x"


async def with_body(ws: WebSocket, move: Move) -> None: ...


async def with_file(ws: WebSocket, file: bytes = File()) -> None: ...


MISTAKES = [
    (generator, {}, "is a generator, and a WebSocket handler sends its messages"),
    (with_body, {}, "takes `move` from the body, and a handshake has none"),
    (with_file, {}, "takes `file` from the body, and a handshake has none"),
    (lambda ws: None, {"subprotocols": ["a b"]}, "'a b' is no subprotocol"),
    (Move, {}, "the handler of WebSocket `/ws` is class `Move`"),
    (lambda ws: None, {"status_code": 201}, "WebSocket `/ws` has no option `status_code`"),
    (lambda ws: None, {"methods": ["GET"]}, "WebSocket `/ws` has no option `methods`"),
    (lambda ws: None, {"origins": ["example.com"]}, "'example.com' is no origin"),
    (lambda ws: None, {"origins": ["https://example.com/"]}, "is no origin"),
    (lambda ws: None, {"max_message": 0}, "max_message=0"),
    (lambda ws: None, {"ping": 0}, "ping=0"),
    (lambda ws: None, {"subprotocol": ["a"]}, "no option `subprotocol`"),
]


def _compiled(handler: Any, options: dict[str, Any]) -> None:
    app = Nacre()
    app.websocket("/ws", **options)(handler)
    app.compile()


@pytest.mark.parametrize(("handler", "options", "message"), MISTAKES, ids=[row[2] for row in MISTAKES])
def test_mistakes_are_found_at_startup(handler: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        _compiled(handler, options)
    assert message in str(error.value)
    assert "test_websockets.py" in str(error.value)


def test_a_handler_of_http_cant_take_a_websocket() -> None:
    app = Nacre()

    @app.get("/page")
    async def page(ws: WebSocket) -> None: ...

    with pytest.raises(ConfigurationError, match=r"GET /page is a route of HTTP(.|\n)*@app.websocket\('/page'\)"):
        app.compile()


def test_websockets_are_told_by_describe_and_left_out_of_openapi() -> None:
    from nacre.openapi import OpenAPI

    app = Nacre()
    app.include(OpenAPI(title="T", version="1"))

    @app.websocket("/ws", subprotocols=["a"])
    async def handler(ws: WebSocket) -> None: ...

    routes = {route.path: route for route in app.describe().routes}
    assert routes["/ws"].methods == ("WEBSOCKET",)
    with TestClient(app) as client:
        assert "/ws" not in client.get("/openapi.json").json()["paths"]


async def test_only_websocket_places_a_layer_before_handshakes_alone(client_for: ClientFor) -> None:
    seen: list[str] = []

    async def layer(request: Request, call_next: Any) -> Any:
        seen.append(request.path)
        return await call_next(request)

    app = Nacre(middlewares=[Middleware(layer, only="WEBSOCKET")])
    app.get("/page")(lambda: "page")

    @app.websocket("/ws")
    async def handler(ws: WebSocket) -> None:
        await ws.send("x")

    async with client_for(app) as client:
        await client.get("/page")
        async with client.websocket("/ws") as ws:
            await ws.receive()
    assert seen == ["/ws"]


def test_over_wsgi_a_silent_client_is_asked_and_given_up() -> None:
    app = Nacre()
    ended: list[int | None] = []

    @app.websocket("/ws", ping=0.05)
    async def handler(ws: WebSocket) -> None:
        async for _ in ws:
            pass
        ended.append(ws.close_code)

    # The client of these tests answers pings where it is read from, so it has to be one that never reads.
    ours, theirs = socket.socketpair()
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/ws",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        "gunicorn.socket": theirs,
    }
    with ours, theirs:
        body = app(environ, lambda status, headers, exc_info=None: None)
        with pytest.raises(BrokenPipeError):
            next(iter(body))
        answer = ours.recv(4096)
    app.close()
    assert b"\r\n\r\n\x89\x00" in answer  # the handshake's answer, and a ping without payload
    assert ended == [1006]
