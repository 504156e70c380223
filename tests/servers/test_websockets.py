"""WebSockets with every server that has them, spoken by a client library over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from servers.certificate import self_signed
from servers.process import Server, eventually, started
from servers.websocket_wire import KINDS, THREADED, FrameReader, handshake, running
from servers.wire import Reader, request

# What a server keeps to itself; the other side of each is a test of its own.
NO_ANSWER_OF_OURS = ("granian-rsgi",)
"""These complete and refuse handshakes by themselves: no subprotocol, no body of a refusal."""
NO_FIELDS = (*NO_ANSWER_OF_OURS, "granian-asgi")
"""These send none of the application's header fields with the handshake's answer."""
NO_CODE = {"granian-rsgi": 1005, "hypercorn": 1006}
"""These don't tell what the client closed with, but this."""
NO_REASON = (*NO_CODE, "granian-asgi")
"""These don't tell the text of it."""

PING = 0x89

keys = map(str, itertools.count())


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp("server")) as server:
        yield server


@contextlib.asynccontextmanager
async def connected(server: Server, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{server.port}{path}", close_timeout=3, open_timeout=5, **options) as ws:
        yield ws


def ended(server: Server, key: str) -> Any:
    with server.connect() as connection:
        connection.sendall(request("GET", f"/ended?key={key}"))
        return json.loads(Reader(connection).reply().body)["end"]


def end_seen(server: Server, key: str) -> tuple[int, str]:
    eventually(lambda: ended(server, key), seconds=1, what="the handler's end")
    code, reason = ended(server, key)
    return code, reason


async def messages(ws: ClientConnection) -> list[Any]:
    return [message async for message in ws]


async def until_closed(ws: ClientConnection) -> tuple[int | None, str | None]:
    with contextlib.suppress(ConnectionClosed):
        await messages(ws)
    return ws.close_code, ws.close_reason


# Messages.


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_text_and_binary_are_echoed(server: Server, compression: Any) -> None:
    async with connected(server, "/echo", compression=compression) as ws:
        for message in ("hé", "", "x" * 100_000, b"", b"\0\xff", bytes(100_000)):
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["in ", "three ", "fragments"])
        assert await ws.recv() == "in three fragments"


async def test_json_goes_both_ways(server: Server) -> None:
    async with connected(server, "/json") as ws:
        await ws.send('{"a": [1, null]}')
        assert json.loads(await ws.recv()) == {"got": {"a": [1, None]}}
        await ws.send("{")
        assert (await until_closed(ws))[0] == 1007


async def test_a_handler_in_a_thread_talks_too(server: Server) -> None:
    async with connected(server, "/thread") as ws:
        for word in ("loud", "louder"):
            await ws.send(word)
            assert await ws.recv() == word.upper()
        assert await until_closed(ws) == (1000, "")


async def test_pings_are_answered(server: Server) -> None:
    async with connected(server, "/echo") as ws:
        assert await asyncio.wait_for(await ws.ping(b"anyone?"), 2) < 2
        await ws.send("after")
        assert await ws.recv() == "after"


async def test_many_connections_talk_at_once(server: Server) -> None:
    async def talk(number: int) -> None:
        async with connected(server, "/echo") as ws:
            for count in range(10):
                await ws.send(f"{number} {count}")
                assert await ws.recv() == f"{number} {count}"

    await asyncio.gather(*(talk(number) for number in range(10)))


async def test_a_flood_waits_for_its_client_and_ends_with_it(server: Server) -> None:
    key = next(keys)
    async with connected(server, f"/flood?key={key}", compression=None) as ws:
        await ws.recv()
        ws.transport.pause_reading()
        counts = [-1, -2]
        deadline = time.monotonic() + 5
        while counts[-1] != counts[-2] and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            counts.append(await asyncio.to_thread(ended, server, f"{key}:sent"))
        assert counts[-1] == counts[-2], "it goes on sending"
        ws.transport.abort()
    assert await asyncio.to_thread(end_seen, server, key)


# The handshake.


async def test_a_subprotocol_is_agreed_on(server: Server) -> None:
    async with connected(server, "/echo", subprotocols=["chat.v1", "chat.v2"]) as ws:
        assert ws.subprotocol == (None if server.kind in NO_ANSWER_OF_OURS else "chat.v2")


async def test_layers_add_to_the_answer(server: Server) -> None:
    async with connected(server, "/echo") as ws:
        assert ws.response is not None
        cookie = ws.response.headers.get("set-cookie")
        assert cookie is None if server.kind in NO_FIELDS else cookie.startswith("seen=1")


@pytest.mark.parametrize(
    ("path", "status", "body", "options"),
    [
        ("/deny", 403, b"not you", {}),
        ("/response", 418, b"b" * 100_000, {}),
        ("/nowhere", 404, b"Not Found", {}),
        ("/fail/early", 500, b"Internal Server Error", {}),
        ("/echo", 403, b"the page's origin may not connect here", {"origin": "https://evil.example"}),
    ],
    ids=["aborted", "response", "unknown path", "failed", "cross-site"],
)
async def test_a_handshake_is_refused(server: Server, path: str, status: int, body: bytes, options: Any) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connected(server, path, **options):
            pytest.fail("it was accepted")
    response = refused.value.response
    assert response.status_code == status
    if server.kind not in NO_ANSWER_OF_OURS:
        assert response.body == body
        assert response.headers["content-type"].startswith("text/plain")
        assert path != "/response" or response.headers["x-why"] == "tea"


async def test_a_request_that_is_no_handshake_is_told_to_upgrade(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(request("GET", "/echo"))
        assert Reader(connection).reply().status == 426


# The end.


async def test_the_client_closes_with_code_and_reason(server: Server) -> None:
    key = next(keys)
    async with connected(server, f"/echo?key={key}") as ws:
        await ws.close(4002, "enough é")
        assert (ws.close_code, ws.close_reason) == (4002, "enough é")
    code, reason = await asyncio.to_thread(end_seen, server, key)
    assert code == NO_CODE.get(server.kind, 4002)
    assert reason == ("" if server.kind in NO_REASON else "enough é")


async def test_the_application_closes_with_code_and_reason(server: Server) -> None:
    begun = time.monotonic()
    async with connected(server, "/bye") as ws:
        assert await ws.recv() == "first"
        assert await until_closed(ws) == (4001, "adiós")
    assert time.monotonic() - begun < 2, "the connection was closed late"


async def test_a_handler_that_returns_closes_with_1000(server: Server) -> None:
    async with connected(server, "/return") as ws:
        assert await messages(ws) == ["only"]
    assert ws.close_code == 1000


async def test_a_handler_that_fails_closes_with_1011_and_is_logged_once(server: Server) -> None:
    before = server.log().count("ZeroDivisionError: as it should")
    async with connected(server, "/fail") as ws:
        assert await ws.recv() == "first"
        assert (await until_closed(ws))[0] == 1011
    eventually(lambda: server.log().count("ZeroDivisionError: as it should") > before, what="the log line")
    assert server.log().count("ZeroDivisionError: as it should") == before + 1


@pytest.mark.parametrize("path", ["/echo", "/silent"])
async def test_a_client_that_breaks_off_ends_the_handler_within_a_second(server: Server, path: str) -> None:
    key = next(keys)
    async with connected(server, f"{path}?key={key}") as ws:
        await (await ws.ping())
        ws.transport.abort()
    code, _ = await asyncio.to_thread(end_seen, server, key)
    assert code in (1005, 1006)


async def test_a_message_over_the_limit_closes_with_1009(server: Server) -> None:
    key = next(keys)
    async with connected(server, f"/echo?key={key}", max_size=None) as ws:
        await ws.send("x" * 200_000)
        assert len(await ws.recv()) == 200_000
        await ws.send("x" * 200_001)
        assert (await until_closed(ws))[0] == 1009
    assert await asyncio.to_thread(end_seen, server, key)


async def test_nothing_is_left_of_many_connections(server: Server) -> None:
    """Neither descriptors nor threads."""

    def descriptors() -> int:
        pids = [server.process.pid, *children(server.process.pid)]
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)

    async def talk(number: int) -> None:
        with contextlib.suppress(InvalidStatus):
            async with connected(server, ["/echo", "/bye", "/deny", "/fail"][number % 4]) as ws:
                if number % 3:
                    ws.transport.abort()

    for _ in range(4):  # what a server opens once, for its threads as they start, is there then
        await asyncio.gather(*(talk(number) for number in range(8)))
    before = descriptors()
    for _ in range(4):
        await asyncio.gather(*(talk(number) for number in range(8)))
    eventually(lambda: descriptors() <= before + 2, seconds=5, what="the connections' end")
    assert "Exception ignored" not in server.log()
    assert "was never" not in server.log()


def children(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *children(child)]
    return found


# Servers of threads, where the protocol is spoken by us.


@pytest.mark.parametrize("kind", ["gunicorn"])
async def test_a_server_that_stops_closes_with_1001(kind: str, tmp_path: Path) -> None:
    with running(kind, tmp_path) as server:
        async with connected(server, "/silent?key=a") as ws:
            begun = time.monotonic()
            server.stop(signal.SIGTERM)
            assert (await until_closed(ws))[0] == 1001
            assert time.monotonic() - begun < 3
        assert await asyncio.to_thread(server.wait) == 0
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("server", THREADED, indirect=True)
async def test_a_silent_client_is_asked_and_one_that_answers_is_kept(server: Server) -> None:
    key = next(keys)
    async with connected(server, f"/pinged?key={key}") as ws:
        await asyncio.sleep(1)  # nothing can tell that nothing happens
        await ws.send("still there")
        assert await ws.recv() == "still there"
    assert await asyncio.to_thread(end_seen, server, key) == (1000, "")


@pytest.mark.parametrize("server", THREADED, indirect=True)
def test_a_client_that_answers_no_ping_is_given_up(server: Server) -> None:
    key = next(keys)
    with server.connect() as connection:
        connection.sendall(handshake(f"/pinged?key={key}"))
        reader = FrameReader(connection)
        reader.head()
        begun = time.monotonic()
        assert reader.next() == (PING, b"")
        with pytest.raises((EOFError, ConnectionResetError)):
            reader.next()
        assert 0.3 < time.monotonic() - begun < 2
    assert end_seen(server, key) == (1006, "the client doesn't answer")


@pytest.mark.parametrize("kind", ["gunicorn"])
async def test_sockets_of_tls_are_spoken_on_too(kind: str, tmp_path: Path) -> None:
    self_signed(tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    files = ("--certfile", str(tmp_path / "cert.pem"), "--keyfile", str(tmp_path / "key.pem"))
    with running(kind, tmp_path, *files) as server:
        options: Any = {"ssl": context, "server_hostname": "localhost", "close_timeout": 3, "max_size": None}
        async with connect(f"wss://127.0.0.1:{server.port}/echo?key=a", **options) as ws:
            for message in ("a", "x" * 200_000, bytes(200_000)):
                await ws.send(message)
                assert await ws.recv() == message
            await (await ws.ping())
        assert ws.close_code == 1000
        begun = time.monotonic()
        async with connect(f"wss://127.0.0.1:{server.port}/bye", **options) as ws:
            assert await ws.recv() == "first"
            assert await until_closed(ws) == (4001, "adiós")
        async with connect(f"wss://127.0.0.1:{server.port}/echo?key=b", **options) as ws:
            await ws.send("x" * 300_000)
            assert (await until_closed(ws))[0] == 1009
        assert time.monotonic() - begun < 4


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 101),
        ({"connection": "keep-alive, upgrade"}, 101),
        ({"upgrade": "WebSocket"}, 101),
        ({"sec_websocket_extensions": "permessage-deflate; client_max_window_bits=99"}, 101),
        ({"sec_websocket_extensions": "=;,;="}, 101),
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": "AAAA"}, 400),
        ({"sec_websocket_key": "not base 64 at all!!"}, 400),
        ({"content_length": "5"}, 400),
        ({"connection": "keep-alive"}, 426),
        ({"upgrade": "h2c"}, 426),
    ],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize("server", THREADED, indirect=True)
def test_a_handshake_that_is_out_of_order_is_refused(server: Server, changes: Any, status: int) -> None:
    with server.connect() as connection:
        connection.sendall(handshake(**changes))
        reply = Reader(connection).start()
    assert reply.status == status
    if "sec_websocket_version" in changes:
        assert reply.get("sec-websocket-version") == "13"


@pytest.mark.parametrize("kind", ["granian-wsgi"])
def test_a_server_that_keeps_its_sockets_says_so(kind: str, tmp_path: Path) -> None:
    with started(kind, tmp_path, app="sockets:app") as server:
        for _ in range(2):
            with server.connect() as connection:
                connection.sendall(handshake())
                assert Reader(connection).reply().status == 501
        assert server.log().count("keeps its sockets to itself") == 1


def test_without_the_library_the_line_to_install_it_is_logged(tmp_path: Path) -> None:
    (tmp_path / "websockets.py").write_text("raise ImportError('not installed')\n")
    with running("gunicorn", tmp_path, "--pythonpath", str(tmp_path)) as server:
        for _ in range(2):
            with server.connect() as connection:
                connection.sendall(handshake())
                assert Reader(connection).reply().status == 501
        assert server.log().count("pip install 'nacre[websocket]'") == 1
