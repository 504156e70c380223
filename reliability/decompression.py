"""R29: bodies that are a gibibyte once decoded, in each coding, against the limit of 1 MiB that routes have by default.

Each is sent to a handler that reads it, to one that streams it, and to one that doesn't look at it. The time runs from
the first byte of the request to the status of the answer, the sending of the coded body included. Memory is the most
that the server's process had resident over what it had before, once it has answered such requests before.
"""

from __future__ import annotations

import socket
import statistics
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nacre import Nacre, Request
from nacre.decompression import Decompression
from reliability.experiment import Finding, Options
from reliability.servers import ALL, Server, settled

GOAL = "413 within 50 ms, memory within what comes (1 MiB) and may be decoded (1 MiB) and 256 KiB"

_DECODED = 1024 * 1024 * 1024
_PIECE = 1024 * 1024
_LIMIT_MS = 50.0
_LIMIT_MIB = 2.25

app = Nacre(middlewares=[Decompression()])


@app.post("/read")
async def read(request: Request) -> dict[str, int]:
    return {"length": len(await request.body())}


@app.post("/stream")
async def stream(request: Request) -> dict[str, int]:
    return {"length": sum([len(piece) async for piece in request.stream()])}


@app.post("/ignore")
async def ignore(request: Request) -> dict[str, int]:
    return {"length": 0}


def run(options: Options) -> Iterator[Finding]:
    """Send each body to each handler on each server."""
    bombs = {name: make() for name, make in _BOMBS.items()}
    count = 20 if options.full else 5
    for kind in options.chosen(ALL):
        with Server(kind, app="reliability.decompression:app") as server:
            for path, expected in (("/read", 413), ("/stream", 413), ("/ignore", 200)):
                for coding, bomb in bombs.items():
                    yield _finding(server, path, coding, bomb, expected, count)


def _finding(server: Server, path: str, coding: str, bomb: bytes, expected: int, count: int) -> Finding:
    for _ in range(3):
        _post(server.port, path, coding, bomb)
    before = settled(lambda: server.resident)
    server.forget_peak()
    answers = [_post(server.port, path, coding, bomb) for _ in range(count)]
    grown = max(0.0, server.peak - before)
    statuses = sorted({status for status, _ in answers})
    times = [spent for _, spent in answers]
    figure = (
        f"{len(bomb) / 1024:.0f} KiB, {', '.join(map(str, statuses))}, {statistics.median(times):.1f} ms"
        f" (most {max(times):.1f}), memory +{grown:.2f} MiB"
    )
    passed = statuses == [expected] and max(times) <= _LIMIT_MS and grown <= _LIMIT_MIB
    return Finding(f"{server.kind} {path} {coding}", figure, passed)


def _post(port: int, path: str, coding: str, body: bytes) -> tuple[int, float]:
    """The status of the answer (0 for none), and the milliseconds until it came."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n"
        f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        begun = time.perf_counter()
        # In a thread, since an answer may come before the body has been sent.
        sender = threading.Thread(target=_send, args=(connection, head.encode() + body))
        sender.start()
        try:
            answer = connection.recv(64)
        except OSError:
            answer = b""
        spent = (time.perf_counter() - begun) * 1000
        sender.join()
    return (int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0), spent


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:
        pass  # refused before its end


# The bodies: as much as a gibibyte of zeros comes to.


def _zeros() -> Iterable[bytes]:
    piece = bytes(_PIECE)
    return (piece for _ in range(_DECODED // _PIECE))


def _deflated(window: int) -> bytes:
    coder = zlib.compressobj(9, zlib.DEFLATED, window)
    return b"".join(map(coder.compress, _zeros())) + coder.flush()


def _brotli() -> bytes:
    import brotli

    coder = brotli.Compressor(quality=5)
    return b"".join(map(coder.process, _zeros())) + coder.finish()  # type: ignore[no-any-return]


def _zstd() -> bytes:
    try:
        from compression import zstd
    except ImportError:
        from backports import zstd  # type: ignore[no-redef]

    coder: Any = zstd.ZstdCompressor(3)
    return b"".join(map(coder.compress, _zeros())) + coder.flush()  # type: ignore[no-any-return]


_BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: _deflated(31),
    "deflate": lambda: _deflated(15),
    "br": _brotli,
    "zstd": _zstd,
    "gzip, gzip": lambda: zlib.compress(_deflated(31), 9, 31),
}
