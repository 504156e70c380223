"""WebSockets and server-sent events of Microdot's routes, on every transport."""

import asyncio

import pytest

from nacre.dialects.microdot import Microdot, Request, asgi
from nacre.dialects.microdot.sse import sse_response, with_sse
from nacre.dialects.microdot.websocket import WebSocket, WebSocketError, websocket_upgrade, with_websocket
from nacre.errors import WebSocketDisconnect
from nacre.testing import HandshakeDenied


@pytest.fixture
def app():
    return Microdot()


def test_the_names_for_websockets_are_in_the_module_for_asgi_too():
    assert asgi.with_websocket is with_websocket
    assert asgi.websocket_upgrade is websocket_upgrade
    assert asgi.WebSocket is WebSocket


async def test_a_route_upgrades_within_its_own_function(app, client_for):
    @app.get("/berths/<int:number>")
    async def berth(request, number):
        if request.args.get("page"):
            return "a page"
        ws = await websocket_upgrade(request)
        await ws.send(f"berth {number}")
        assert await ws.receive() == "thanks"
        return ""

    async with client_for(app) as client:
        assert (await client.get("/berths/3?page=1")).text == "a page"
        async with client.websocket("/berths/3") as ws:
            assert await ws.receive() == "berth 3"
            await ws.send("thanks")
            with pytest.raises(WebSocketDisconnect):
                await ws.receive()


async def test_a_request_without_a_handshake_is_a_400(app, client_for):
    @app.get("/echo")
    @with_websocket
    async def echo(request, ws):
        raise AssertionError("not called")

    async with client_for(app) as client:
        response = await client.get("/echo")
        assert (response.status, response.text) == (400, "400 error")


async def test_hooks_see_handshakes_and_may_refuse_them(app, client_for):
    seen = []

    @app.before_request
    def check(request):
        if not request.args.get("pass"):
            return "No pass", 401
        request.g.holder = request.args["pass"]

    @app.after_request
    def note(request, response):
        seen.append(response.status_code)
        if response.status_code == 101:
            response.headers["X-Channel"] = "9"

    @app.get("/radio")
    @with_websocket
    async def radio(request, ws):
        await ws.send(request.g.holder)

    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied):
            async with client.websocket("/radio"):
                pass
        async with client.websocket("/radio?pass=Mei") as ws:
            assert await ws.receive() == "Mei"
    assert seen == [401, 101]


async def test_an_exception_closes_the_connection_with_1011(app, client_for):
    @app.get("/")
    @with_websocket
    async def fail(request, ws):
        await ws.receive()
        raise ValueError

    async with client_for(app) as client:
        async with client.websocket("/") as ws:
            await ws.send("go")
            with pytest.raises(WebSocketDisconnect):
                await ws.receive()
        assert ws.close_code == 1011


@pytest.mark.parametrize(
    ("limit", "size", "passes"), [(-1, 20000, False), (-1, 16384, True), (5, 6, False), (0, 20000, True)]
)
async def test_messages_have_a_largest_size(app, client_for, limit, size, passes):
    WebSocket.max_message_length = limit
    raised = []

    @app.get("/")
    @with_websocket
    async def measure(request, ws):
        try:
            await ws.send(str(len(await ws.receive())))
        except WebSocketError as error:
            raised.append(error)
            raise

    async with client_for(app) as client:
        async with client.websocket("/") as ws:
            await ws.send("x" * size)
            if passes:
                assert await ws.receive() == str(size)
            else:
                with pytest.raises(WebSocketDisconnect):
                    await ws.receive()
                assert ws.close_code == 1009
    assert bool(raised) is not passes


async def test_an_opcode_says_how_a_message_is_sent(app, client_for):
    @app.get("/")
    @with_websocket
    async def send(request, ws):
        await ws.send(b"text", ws.TEXT)
        await ws.send("bytes", ws.BINARY)
        with pytest.raises(ValueError, match="opcode 9"):
            await ws.send("", ws.PING)
        await ws.close()

    async with client_for(app) as client:
        async with client.websocket("/") as ws:
            assert [await ws.receive(), await ws.receive()] == ["text", b"bytes"]
            with pytest.raises(WebSocketDisconnect):
                await ws.receive()


async def test_a_route_that_only_sends_is_cancelled_when_its_client_leaves(app, client_for):
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    @app.get("/")
    @with_websocket
    async def send(request, ws):
        try:
            while True:
                await ws.send("tick")
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            loop.call_soon_threadsafe(ended.set)

    async with client_for(app) as client:
        async with client.websocket("/") as ws:
            assert await ws.receive() == "tick"
            await ws.drop()
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("http://testserver", True), ("https://friend.example", True), ("https://evil.example", False)],
)
async def test_pages_of_other_sites_may_not_connect_unless_they_are_listed(app, client_for, origin, allowed):
    @app.get("/")
    @with_websocket(origins=["https://friend.example"])
    async def send(request, ws):
        await ws.send("ahoy")

    async with client_for(app) as client:
        if allowed:
            async with client.websocket("/", origin=origin) as ws:
                assert await ws.receive() == "ahoy"
        else:
            with pytest.raises(HandshakeDenied):
                async with client.websocket("/", origin=origin):
                    pass


# Server-sent events.


async def test_events_may_be_a_response_of_a_route(app, client_for):
    async def depths(request, sse, start, step=1):
        for number in range(start, start + 3 * step, step):
            await sse.send(number)

    app.get("/<int:start>")(lambda request, start: sse_response(request, depths, start, step=2))
    async with client_for(app) as client:
        response = await client.get("/5")
        assert (response.text, response.headers["content-type"]) == (
            "data: 5\n\ndata: 7\n\ndata: 9\n\n",
            "text/event-stream",
        )


async def test_data_of_several_lines_arrives_as_it_is(app, client_for):
    @app.get("/")
    @with_sse
    async def send(request, sse):
        await sse.send("one\ntwo\r\n\r\ndata: three")
        await sse.send(b"a\nb")

    async with client_for(app) as client:
        async with client.events("/") as events:
            assert [event.data async for event in events] == ["one\ntwo\n\ndata: three", "a\nb"]


@pytest.mark.parametrize("field", ["event", "event_id"])
async def test_line_ends_can_not_begin_other_fields(app, client_for, field):
    raised = []

    @app.get("/")
    @with_sse
    async def send(request, sse):
        try:
            await sse.send("x", **{field: "a\ndata: evil"})
        except ValueError as error:
            raised.append(error)

    async with client_for(app) as client:
        assert (await client.get("/")).text == ""
    assert raised


async def test_the_routes_variables_and_hooks_reach_the_events(app, client_for):
    app.before_request(lambda request: setattr(request.g, "keeper", "Lotte"))
    app.after_request(lambda request, response: response.headers.update({"X-Kind": "events"}))

    @app.get("/<name>")
    @with_sse
    async def send(request, sse, name):
        await sse.send(f"{request.g.keeper} {name}")

    async with client_for(app) as client:
        response = await client.get("/lamp")
        assert (response.text, response.headers["x-kind"]) == ("data: Lotte lamp\n\n", "events")


def test_limits_of_messages_follow_the_requests_limit():
    assert (WebSocket.max_message_length, Request.max_body_length) == (-1, 16384)
