"""The client's WebSockets over the three transports, and applications that break a protocol's rules."""

from __future__ import annotations

import asyncio

import pytest

from nacre import Nacre, Response, abort
from nacre.errors import WebSocketDisconnect
from nacre.testing import AsyncWebSocketSession, HandshakeDenied, ProtocolViolation, TestClient
from nacre.threads import wait
from nacre.websocket import WebSocket


@pytest.fixture
def log():
    return []


@pytest.fixture
def app(log):
    app = Nacre()

    @app.websocket("/echo", subprotocols=("chat.v2", "chat.v1"), max_message=1000)
    async def echo(ws: WebSocket):
        try:
            async for message in ws:
                await ws.send(message)
        finally:
            log.append((ws.close_code, ws.close_reason))

    @app.websocket("/thread")
    def thread(ws: WebSocket):
        wait(ws.send(wait(ws.receive_text()).upper()))

    @app.websocket("/count/<int:number>")
    async def count(ws: WebSocket, number: int):
        for item in range(number):
            await ws.send(str(item))

    @app.websocket("/headers")
    async def headers(ws: WebSocket):
        request = ws.request
        await ws.send_json(
            {
                "query": request.query_string,
                "cookie": request.cookies.get("who"),
                "custom": request.headers.get("x-custom"),
                "scheme": request.scheme,
            }
        )

    @app.websocket("/forbidden")
    async def forbidden(ws: WebSocket):
        abort(403, "not you")

    @app.websocket("/elsewhere")
    async def elsewhere(ws: WebSocket):
        return Response("elsewhere", status=421, headers={"x-why": "because"})

    @app.websocket("/bye")
    async def bye(ws: WebSocket):
        await ws.accept()
        await ws.close(4001, "adiós")

    @app.websocket("/fail")
    async def fail(ws: WebSocket):
        await ws.send("first")
        raise ZeroDivisionError("as it should")

    @app.websocket("/silent")
    async def silent(ws: WebSocket):
        await ws.accept()
        try:
            await asyncio.Event().wait()
        finally:
            log.append("silent over")

    return app


# Messages.


async def test_text_binary_and_json_come_back_as_they_were(client_for, app):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        await ws.send("hé")
        assert await ws.receive() == "hé"
        await ws.send(b"\0\xff")
        assert await ws.receive() == b"\0\xff"
        await ws.send("")
        assert await ws.receive_text() == ""
        await ws.send(b"")
        assert await ws.receive_bytes() == b""
        await ws.send_json({"a": [1, None]})
        assert await ws.receive_json() == {"a": [1, None]}


def test_plain_code_has_the_same_client(client_for, app):
    with client_for(app) as client:
        with client.websocket("/echo") as ws:
            ws.send("a")
            assert ws.receive_text() == "a"
            ws.send_json([1])
            assert ws.receive_json() == [1]
            ws.send(b"b")
            assert ws.receive_bytes() == b"b"
        assert ws.close_code == 1000
        with client.websocket("/count/3") as ws:
            assert list(ws) == ["0", "1", "2"]


async def test_a_handler_in_a_thread_talks_too(client_for, app):
    async with client_for(app) as client, client.websocket("/thread") as ws:
        await ws.send("loud")
        assert await ws.receive() == "LOUD"
        assert [message async for message in ws] == []
    assert ws.close_code == 1000


async def test_iteration_ends_where_the_application_closes(client_for, app):
    async with client_for(app) as client, client.websocket("/count/200") as ws:
        assert [message async for message in ws] == [str(number) for number in range(200)]
    assert (ws.close_code, ws.close_reason) == (1000, "")


async def test_a_message_of_another_kind_than_expected_is_shown(client_for, app):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        await ws.send("text")
        with pytest.raises(AssertionError, match="text came: 'text'"):
            await ws.receive_bytes()
        await ws.send(b"data")
        with pytest.raises(AssertionError, match="binary message came: b'data'"):
            await ws.receive_text()
        await ws.send("{")
        with pytest.raises(ValueError, match=r"'\{' is not JSON"):
            await ws.receive_json()


async def test_what_is_no_message_is_refused_before_it_is_sent(client_for, app):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        with pytest.raises(TypeError, match="str or bytes, not dict"):
            await ws.send({})


async def test_a_message_that_does_not_come_is_a_timeout(client_for, app):
    async with client_for(app) as client, client.websocket("/echo", timeout=0.01) as ws:
        with pytest.raises(TimeoutError, match=r"within 0\.01 seconds"):
            await ws.receive()
        await ws.send("later")
        assert await ws.receive() == "later"


# The handshake.


async def test_the_handshake_has_query_headers_and_cookies(client_for, app):
    async with client_for(app, headers={"x-custom": "default"}, cookies={"who": "susan"}) as client:
        async with client.websocket("/headers?a=1", query={"b": "2"}) as ws:
            assert await ws.receive_json() == {
                "query": "a=1&b=2",
                "cookie": "susan",
                "custom": "default",
                "scheme": "ws",
            }
        async with client.websocket("/headers", headers={"x-custom": "own"}, cookies={"who": "joe"}) as ws:
            answer = await ws.receive_json()
        assert (answer["custom"], answer["cookie"]) == ("own", "joe")


async def test_a_subprotocol_is_agreed_on_by_the_applications_preference(client_for, app, transport):
    async with client_for(app) as client:
        async with client.websocket("/echo", subprotocols=["chat.v1", "chat.v2"]) as ws:
            # Granian completes the handshake of RSGI by itself.
            assert ws.subprotocol == (None if transport == "rsgi" else "chat.v2")
        async with client.websocket("/echo", subprotocols=["other"]) as ws:
            assert ws.subprotocol is None


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])
async def test_headers_of_the_answer_and_its_cookies_are_there(transport):
    app = Nacre()

    @app.websocket("/")
    async def handler(ws: WebSocket):
        await ws.accept(headers=[("x-room", "7"), ("set-cookie", "seen=1; Path=/")])

    async with TestClient(app, transport) as client:
        async with client.websocket("/") as ws:
            assert (ws.status, ws.headers["x-room"], ws.cookies) == (101, "7", {"seen": "1"})
        assert client.cookies["seen"] == "1"


async def test_a_refused_handshake_raises_with_the_response(client_for, app, transport):
    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied, match="GET /forbidden: 403") as refused:
            async with client.websocket("/forbidden"):
                pytest.fail("it was refused")
        assert refused.value.response.status == 403
        with pytest.raises(HandshakeDenied) as refused:
            await client.websocket("/elsewhere").__aenter__()
        response = refused.value.response
        assert response.status == 421
        if transport != "rsgi":  # which refuses with a status only
            assert (response.text, response.headers["x-why"]) == ("elsewhere", "because")


def test_a_refused_handshake_raises_in_plain_code(client_for, app):
    with client_for(app) as client, pytest.raises(HandshakeDenied) as refused:
        client.websocket("/nowhere").__enter__()
    assert refused.value.response.status == 404


@pytest.mark.parametrize(
    ("origin", "status"),
    [(None, 101), ("http://testserver", 101), ("https://evil.example", 403), ("null", 403)],
)
async def test_a_page_of_another_origin_is_refused(client_for, app, origin, status):
    async with client_for(app) as client:
        try:
            async with client.websocket("/echo", origin=origin) as ws:
                assert ws.status == status
        except HandshakeDenied as denied:
            assert denied.response.status == status  # noqa: PT017 - both outcomes are in the table


def test_an_event_loop_wants_async_with(app):
    async def use():
        with TestClient(app).websocket("/echo"):
            pass

    with pytest.raises(RuntimeError, match="async with"):
        asyncio.run(use())


# The end.


async def test_the_client_closes_with_code_and_reason(client_for, app, log, transport):
    async with client_for(app) as client:
        async with client.websocket("/echo") as ws:
            await ws.close(4002, "enough")
            with pytest.raises(WebSocketDisconnect):
                await ws.send("late")
        assert (ws.close_code, ws.close_reason) == (4002, "enough")
    # Granian doesn't tell what the client closed with.
    assert log == [(1005, "")] if transport == "rsgi" else [(4002, "enough")]


async def test_leaving_the_block_closes_with_1000(client_for, app, log, transport):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        await ws.send("a")
        assert await ws.receive() == "a"
    assert log == [(1005 if transport == "rsgi" else 1000, "")]


async def test_the_application_closes_with_code_and_reason(client_for, app):
    async with client_for(app) as client, client.websocket("/bye") as ws:
        with pytest.raises(WebSocketDisconnect) as closed:
            await ws.receive()
    assert (closed.value.code, closed.value.reason) == (4001, "adiós")
    assert (ws.close_code, ws.close_reason) == (4001, "adiós")


async def test_a_handler_that_fails_closes_with_1011_and_is_logged_once(client_for, app, caplog):
    async with client_for(app) as client, client.websocket("/fail") as ws:
        assert [message async for message in ws] == ["first"]
    assert ws.close_code == 1011
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "GET /fail (route /fail) failed: ZeroDivisionError"
    ]


async def test_a_message_over_the_limit_closes_with_1009(client_for, app):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        await ws.send("x" * 1000)
        assert await ws.receive() == "x" * 1000
        await ws.send("x" * 1001)
        assert [message async for message in ws] == []
    assert ws.close_code == 1009


async def test_a_connection_that_breaks_off_is_1006(client_for, app, log):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        await ws.drop()
        assert ws.disconnected
    assert [code for code, _ in log] == [1006]
    assert ws.close_code == 1006


async def test_a_handler_that_never_receives_ends_when_the_client_leaves(client_for, app, log):
    async with client_for(app) as client, client.websocket("/silent") as ws:
        await ws.drop()
        assert log == ["silent over"]


async def test_a_test_that_fails_inside_breaks_the_connection_off(client_for, app, log):
    async with client_for(app) as client:
        with pytest.raises(KeyError):
            async with client.websocket("/echo"):
                raise KeyError("in the test")
    assert [code for code, _ in log] == [1006]


async def test_an_application_that_stays_on_is_told(client_for, monkeypatch):
    monkeypatch.setattr("nacre.testing.websocket.PATIENCE", 0.05)
    app = Nacre()

    @app.websocket("/")
    async def stubborn(ws: WebSocket):
        async for _ in ws:
            pass
        await asyncio.Event().wait()

    async with client_for(app) as client:
        with pytest.raises(AssertionError, match=r"still running 0\.05 seconds after the WebSocket was closed"):
            async with client.websocket("/"):
                pass


@pytest.mark.parametrize("code", [999, 1005, 1006, 5000])
async def test_codes_that_may_not_be_sent_are_refused(client_for, app, code):
    async with client_for(app) as client, client.websocket("/echo") as ws:
        with pytest.raises(ValueError, match=f"{code} is no close code"):
            await ws.close(code)


# Raw ASGI.

ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}
CONNECT = None
"""Stands for receiving."""


def send(**message):
    return {"type": "websocket.send", **message}


def denial(**message):
    return {"type": "websocket.http.response.start", "status": 403, **message}


def asgi(*steps):
    async def app(scope, receive, sender):
        for step in steps:
            if step is CONNECT:
                await receive()
            else:
                await sender(step)

    return app


BROKEN_ASGI = [
    ("returned without a response", [CONNECT]),
    ("before 'websocket.connect' was received", [ACCEPT]),
    ("'websocket.send' was sent when the connection was connecting", [CONNECT, send(text="a")]),
    ("'websocket.accept' was sent when the connection was open", [CONNECT, ACCEPT, ACCEPT]),
    ("'http.response.start' was sent", [CONNECT, {"type": "http.response.start", "status": 200}]),
    ("'websocket.send' was sent when the connection was closed", [CONNECT, ACCEPT, CLOSE, send(text="a")]),
    ("'websocket.close' was sent when the connection was closed", [CONNECT, ACCEPT, CLOSE, CLOSE]),
    ("'websocket.accept' was sent when the connection was closed", [CONNECT, CLOSE, ACCEPT]),
    ("'websocket.accept' was sent when the connection was denying", [CONNECT, denial(), ACCEPT]),
    ("within its response", [CONNECT, denial()]),
    ("lower case, unlike b'A'", [CONNECT, {**ACCEPT, "headers": [(b"A", b"b")]}]),
    ("are bytes", [CONNECT, {**ACCEPT, "headers": [("a", "b")]}]),
    ("it is no header there", [CONNECT, {**ACCEPT, "headers": [(b"sec-websocket-protocol", b"x")]}]),
    ("'x' was accepted, and the client offered", [CONNECT, {**ACCEPT, "subprotocol": "x"}]),
    ("subprotocol is str or None, not bytes", [CONNECT, {**ACCEPT, "subprotocol": b"x"}]),
    ("either text or bytes", [CONNECT, ACCEPT, send()]),
    ("either text or bytes", [CONNECT, ACCEPT, send(text="a", bytes=b"b")]),
    ("text is str, not bytes", [CONNECT, ACCEPT, send(text=b"a")]),
    ("bytes is bytes, not str", [CONNECT, ACCEPT, send(bytes="a")]),
    ("1005 is no close code", [CONNECT, ACCEPT, {**CLOSE, "code": 1005}]),
    ("at most 123 bytes", [CONNECT, ACCEPT, {**CLOSE, "reason": "é" * 62}]),
]


@pytest.mark.parametrize(("text", "steps"), BROKEN_ASGI, ids=[f"{n} {text}" for n, (text, _) in enumerate(BROKEN_ASGI)])
async def test_broken_asgi(text, steps):
    async def talk():
        async with TestClient(asgi(*steps)).websocket("/") as ws:
            assert isinstance(ws, AsyncWebSocketSession)
            assert [message async for message in ws] == []

    with pytest.raises(ProtocolViolation, match=rf"GET /: .*{text}"):
        await talk()


async def test_the_scope_of_asgi_is_a_websockets():
    seen = []

    async def app(scope, receive, sender):
        seen.append(scope)
        assert await receive() == {"type": "websocket.connect"}
        await sender({**ACCEPT, "subprotocol": "b"})
        seen.append(await receive())
        seen.append(await receive())
        seen.append(await receive())

    client = TestClient(app, scheme="https", root_path="/root")
    async with client.websocket("/a%2Fb?c=d", subprotocols=["a", "b"], origin="https://testserver") as ws:
        await ws.send("text")
        await ws.close(4000, "why")
    scope = seen[0]
    assert (scope["type"], scope["scheme"], scope["subprotocols"]) == ("websocket", "wss", ["a", "b"])
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/root/a/b", b"/root/a%2Fb", b"c=d")
    assert "method" not in scope
    assert "websocket.http.response" in scope["extensions"]
    assert {(b"origin", b"https://testserver"), (b"upgrade", b"websocket")} <= set(scope["headers"])
    assert seen[1] == {"type": "websocket.receive", "text": "text"}
    assert seen[2] == seen[3] == {"type": "websocket.disconnect", "code": 4000, "reason": "why"}


async def test_asgi_tells_a_sender_that_the_client_is_gone():
    told = []

    async def app(scope, receive, sender):
        await receive()
        await sender(ACCEPT)
        told.append(await receive())
        for message in (send(text="a"), CLOSE):
            with pytest.raises(OSError, match="gone"):
                await sender(message)

    async with TestClient(app).websocket("/") as ws:
        await ws.drop()
    assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def test_an_asgi_application_that_returns_or_fails_cuts_the_connection():
    async def app(scope, receive, sender):
        await receive()
        await sender(ACCEPT)
        if scope["path"] == "/fail":
            raise ZeroDivisionError

    async with TestClient(app).websocket("/") as ws:
        assert [message async for message in ws] == []
    assert ws.close_code == 1006
    with pytest.raises(ZeroDivisionError):
        async with TestClient(app, raise_errors=True).websocket("/fail") as ws:
            assert [message async for message in ws] == []
    async with TestClient(app).websocket("/fail") as ws:
        pass
    assert isinstance(ws.aborted, ZeroDivisionError)


async def test_an_asgi_denial_comes_in_pieces():
    def piece(body, more):
        return {"type": "websocket.http.response.body", "body": body, "more_body": more}

    headers = [(b"content-type", b"text/plain"), (b"set-cookie", b"a=1")]
    app = asgi(CONNECT, denial(status=429, headers=headers), piece(b"too ", True), piece(b"many", False))
    client = TestClient(app)
    with pytest.raises(HandshakeDenied) as refused:
        await client.websocket("/").__aenter__()
    assert (refused.value.response.status, refused.value.response.text) == (429, "too many")
    assert client.cookies["a"] == "1"


async def test_a_sender_waits_for_a_client_that_takes_nothing():
    sent = []

    async def app(scope, receive, sender):
        await receive()
        await sender(ACCEPT)
        while True:
            await sender(send(bytes=b"x"))
            sent.append(1)

    async with TestClient(app).websocket("/") as ws:
        assert await ws.receive() == b"x"
        for _ in range(300):
            await asyncio.sleep(0)
        assert 64 <= len(sent) <= 65


# Raw RSGI.


def rsgi(use):
    class App:
        async def __rsgi__(self, scope, protocol):
            await use(scope, protocol)

    return TestClient(App(), "rsgi")


async def test_the_scope_of_rsgi_is_a_websockets():
    seen = []

    async def use(scope, protocol):
        seen.extend((scope.proto, scope.scheme, scope.method, scope.path, scope.headers.get("upgrade")))
        await protocol.accept()

    async with rsgi(use).websocket("/a%20b") as ws:
        assert [message async for message in ws] == []
    assert seen == ["ws", "http", "GET", "/a b", "websocket"]
    assert ws.close_code == 1005


async def test_rsgi_messages_have_a_kind_and_a_close_has_no_data():
    seen = []

    async def use(scope, protocol):
        transport = await protocol.accept()
        for _ in range(3):
            message = await transport.receive()
            seen.append((message.kind, getattr(message, "data", None)))
        for late in (transport.receive(), transport.send_str("a")):
            with pytest.raises(RuntimeError, match="closed"):
                await late
        protocol.close()

    async with rsgi(use).websocket("/") as ws:
        await ws.send("a")
        await ws.send(b"b")
        await ws.close(4001, "why")
    assert seen == [(2, "a"), (1, b"b"), (0, None)]


async def test_rsgi_closes_without_a_code():
    async def use(scope, protocol):
        transport = await protocol.accept()
        await transport.send_bytes(bytearray(b"a"))
        protocol.close(1011)
        with pytest.raises(RuntimeError, match="protocol error"):
            await transport.send_str("late")

    async with rsgi(use).websocket("/") as ws:
        assert [message async for message in ws] == [b"a"]
    assert (ws.close_code, ws.close_reason) == (1005, "")


async def test_rsgi_raises_for_a_client_that_is_gone():
    async def use(scope, protocol):
        transport = await protocol.accept()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.receive()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.send_str("a")

    async with rsgi(use).websocket("/") as ws:
        await ws.drop()


@pytest.mark.parametrize(("status", "seen"), [(None, 403), (401, 401), (503, 503)])
async def test_rsgi_refuses_with_a_status(status, seen):
    async def use(scope, protocol):
        protocol.close(status)
        with pytest.raises(RuntimeError, match="protocol error"):
            await protocol.accept()

    with pytest.raises(HandshakeDenied) as refused:
        await rsgi(use).websocket("/").__aenter__()
    assert (refused.value.response.status, refused.value.response.body) == (seen, b"")


async def test_rsgi_refuses_for_an_application_that_says_nothing():
    async def use(scope, protocol):
        pass

    with pytest.raises(HandshakeDenied) as refused:
        await rsgi(use).websocket("/").__aenter__()
    assert refused.value.response.status == 403


async def accept_twice(scope, protocol):
    await protocol.accept()
    await protocol.accept()


async def close_with_a_code(scope, protocol):
    protocol.close(1008)


async def text_as_bytes(scope, protocol):
    await (await protocol.accept()).send_bytes("a")


async def bytes_as_text(scope, protocol):
    await (await protocol.accept()).send_str(b"a")


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (accept_twice, "a second time, which crashes Granian"),
        (close_with_a_code, r"close\(1008\) before accept\(\) crashes Granian"),
        (text_as_bytes, "send_bytes takes bytes, not str"),
        (bytes_as_text, "send_str takes str, not bytes"),
    ],
)
async def test_broken_rsgi(use, text):
    with pytest.raises(ProtocolViolation, match=text):
        async with rsgi(use).websocket("/") as ws:
            assert [message async for message in ws] == []


# Raw WSGI.


def test_a_wsgi_application_gets_the_servers_socket_and_answers_http_without_it():
    def app(environ, start_response):
        assert environ["HTTP_UPGRADE"] == "websocket"
        assert environ["gunicorn.socket"].fileno() > 0
        start_response("426 Upgrade Required", [("content-length", "2")])
        return [b"no"]

    with TestClient(app, "wsgi") as client, pytest.raises(HandshakeDenied) as refused:
        client.websocket("/").__enter__()
    assert (refused.value.response.status, refused.value.response.body) == (426, b"no")


@pytest.mark.parametrize(
    "written",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"what?\r\n\r\n",
    ],
    ids=["no key", "no upgrade", "no HTTP"],
)
def test_a_wsgi_application_that_answers_wrongly_is_told(written):
    def app(environ, start_response):
        environ["gunicorn.socket"].sendall(written)
        start_response("101 Switching Protocols", [])
        raise BrokenPipeError

    with TestClient(app, "wsgi") as client, pytest.raises(ProtocolViolation, match="is no WebSocket"):
        client.websocket("/").__enter__()
