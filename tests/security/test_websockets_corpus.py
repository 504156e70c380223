"""Entries of the security corpus about WebSockets: raw bytes against every server.

Where the server speaks the protocol itself, what it does is the server's; the tables say what that is, and that none
of it harms: nothing is kept for the frame, the connection ends, and the server goes on.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.process import Server
from servers.websocket_wire import KINDS, THREADED, FrameReader, frame, handshake, running

from nacre import Nacre
from nacre.testing import HandshakeDenied
from nacre.websocket import WebSocket

BINARY = 0x82
COMPRESSED = 0xC2
"""A binary message with the bit RSV1, which says that it is compressed."""

WSPROTO = ("uvicorn-wsproto", "hypercorn")
"""Where the library wsproto speaks. It cuts a connection without a close frame, whatever was wrong on it."""

# Codes that are not those of the standard, or None for silence: what these servers do can't be set.
OTHERWISE: dict[str, dict[str, tuple[int | None, ...]]] = {
    # wsproto takes a frame piece by piece, so nothing is kept for a length; the servers' own limits count its bytes.
    "length": {
        "granian-rsgi": (1005,),
        "granian-asgi": (1000, 1005),
        "uvicorn-wsproto": (None, 1006),
        "hypercorn": (None, 1006),
    },
    "bit": {"granian-rsgi": (1005,), "granian-asgi": (1000, 1005), "uvicorn-wsproto": (1006,), "hypercorn": (1006,)},
}


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(request.param, tmp_path_factory.mktemp("server")) as server:
        yield server


def memory(server: Server) -> int:
    """Bytes of memory that the server and its workers hold."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in family(server)) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def family(server: Server) -> list[int]:
    found = [server.process.pid]
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, path.read_text().split())
    return found


def closed_by(server: Server, data: bytes, seconds: float = 5, **changes: str) -> int | None:
    """The code that a server closes with after these bytes; None if it says nothing for so long."""
    with server.connect(5) as connection:
        connection.sendall(handshake(**changes))
        reader = FrameReader(connection)
        assert reader.head().startswith(b"HTTP/1.1 101 ")
        connection.settimeout(seconds)
        connection.sendall(data)
        with contextlib.suppress(TimeoutError):
            return reader.close_code()
    return None


def goes_on(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(handshake())
        reader = FrameReader(connection)
        reader.head()
        connection.sendall(frame(BINARY, b"still there"))
        assert reader.next() == (BINARY, b"still there")


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(2**40, id="CVE-2026-54274-GHSA-xcgm-r5h9-7989"),
        pytest.param(2**63, id="CVE-2021-21419"),
        pytest.param(2**64 - 1, id="CVE-2021-21419-all-bits"),
        pytest.param(2**63 - 1, id="CVE-2021-21419-signed"),
    ],
)
def test_a_declared_length_that_nobody_may_send_is_refused_at_once(server: Server, declared: int) -> None:
    goes_on(server)
    before = memory(server)
    code = closed_by(server, frame(BINARY, b"dribble", declared=declared), 1)
    assert code in OTHERWISE["length"].get(server.kind, (1009, 1002))
    assert memory(server) - before < 20 * 1024 * 1024
    goes_on(server)


def test_a_compressed_message_that_was_not_agreed_on_is_an_error(server: Server) -> None:
    """GHSA-mq44-7p77-q5h7."""
    code = closed_by(server, frame(COMPRESSED, zlib.compress(b"a")[2:-4]), 1)
    assert code in OTHERWISE["bit"].get(server.kind, (1002,))
    goes_on(server)


def bomb(size: int) -> bytes:
    """A compressed message of so many zeros."""
    compressor = zlib.compressobj(9, wbits=-12)
    block = bytes(1024 * 1024)
    data = b"".join(compressor.compress(block) for _ in range(size // len(block)))
    return (data + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize("server", [kind for kind in KINDS if not kind.startswith("granian")], indirect=True)
def test_a_compressed_message_is_not_inflated_past_the_limit(server: Server) -> None:
    """CVE-2018-1000518: 64 KiB that are 64 MiB; Granian agrees on no compression."""
    goes_on(server)
    before = memory(server)
    data = frame(COMPRESSED, bomb(64 * 1024 * 1024))
    offer = {"sec_websocket_extensions": "permessage-deflate; client_max_window_bits=12"}
    assert closed_by(server, data, **offer) == 1009
    # Ours stops at `max_message`, 200 kB there; the others at a limit of their own, 16 MiB. wsproto inflates what is
    # read at once, 64 KiB, as a whole before a limit is looked at.
    most = 8 if server.kind in THREADED else 200 if server.kind in WSPROTO else 64
    assert memory(server) - before < most * 1024 * 1024
    goes_on(server)


def test_a_granian_agrees_on_no_compression(tmp_path: Path) -> None:
    """CVE-2018-1000518."""
    with running("granian-asgi", tmp_path) as server, server.connect() as connection:
        connection.sendall(handshake(sec_websocket_extensions="permessage-deflate"))
        assert b"sec-websocket-extensions" not in FrameReader(connection).head().lower()


@pytest.mark.parametrize(
    ("pieces", "code"),
    [
        pytest.param(
            [frame(0x02, b"x" * 90_000), *[frame(0x00, b"x" * 90_000)] * 2], 1009, id="fragments over the limit"
        ),
        pytest.param([frame(0x80, b"")], 1002, id="a continuation of nothing"),
        pytest.param([frame(0x01, b"a"), frame(0x81, b"b")], 1002, id="a message within a message"),
        pytest.param([frame(0x83, b"")], 1002, id="an unknown opcode"),
        pytest.param([frame(0x8B, b"")], 1002, id="an unknown control opcode"),
        pytest.param([frame(0xA2, b"")], 1002, id="RSV2"),
        pytest.param([frame(0x09, b"")], 1002, id="a ping in fragments"),
        pytest.param([frame(0x89, b"x" * 126)], 1002, id="a long ping"),
        pytest.param([frame(0x88, b"\x03")], 1002, id="a close frame of one byte"),
        pytest.param([frame(0x88, b"\x03\xed")], 1002, id="the code 1005"),
        pytest.param([frame(0x88, b"\x03\xe8\xff")], 1007, id="a reason that is not UTF-8"),
        pytest.param([frame(0x81, b"\xff")], 1007, id="text that is not UTF-8"),
        pytest.param([frame(0x01, b"\xed\xa0"), frame(0x00, b"\x80")], 1007, id="a surrogate in two fragments"),
        pytest.param([b"\x82\x01a"], 1002, id="no mask"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], 1002, id="HTTP"),
    ],
)
@pytest.mark.parametrize("server", THREADED, indirect=True)
def test_bytes_that_break_the_protocol_close_with_a_code_that_says_so(
    server: Server, pieces: list[bytes], code: int
) -> None:
    assert closed_by(server, b"".join(pieces)) == code
    goes_on(server)
    assert "Traceback" not in server.log()


@pytest.mark.parametrize("server", THREADED, indirect=True)
def test_many_small_frames_take_no_more_memory_than_their_bytes(server: Server) -> None:
    """websocket_dos: fragments of nothing, pings that ask for an answer each."""
    with server.connect(20) as connection:
        connection.sendall(handshake())
        reader = FrameReader(connection)
        reader.head()
        before = memory(server)
        connection.sendall(frame(0x02, b"") + frame(0x00, b"") * 100_000 + frame(0x80, b"end"))
        assert reader.next() == (BINARY, b"end")
        for _ in range(20):
            connection.sendall(frame(0x89, b"ping") * 500)
            assert [reader.next() for _ in range(500)] == [(0x8A, b"ping")] * 500
        assert memory(server) - before < 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://evil.example", False),
        ("null", False),
        ("http://testserver.evil.example", False),
        ("http://evil.example@testserver", False),
        ("http://testserver:81", False),
        ("http://testserver, https://evil.example", False),
        ("", False),
        ("http://testserver", True),
        ("http://TESTSERVER:80", True),
        (None, True),
    ],
)
async def test_a_page_of_another_site_may_not_connect(client_for, origin, is_let_in):
    """CVE-2019-13611 (cswsh): the victim's cookies come with the handshake."""
    app = Nacre()
    reached = []

    @app.websocket("/")
    async def handler(ws: WebSocket):
        reached.append(ws.request.cookies)

    async with client_for(app, cookies={"session": "the victim's"}) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/", origin=origin):
                pass
    assert denied.value.response.status == 403
    assert bool(reached) is is_let_in
