"""The servers that have WebSockets, and the bytes that are exchanged with them."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from servers.process import COMMANDS, FOLDER, Server, started
from servers.wire import request

KINDS: dict[str, tuple[str, ...]] = {
    "granian-rsgi": ("-m", *COMMANDS["granian-rsgi"]),
    "granian-asgi": ("-m", *COMMANDS["granian-asgi"]),
    "uvicorn": ("-m", *COMMANDS["uvicorn"]),
    "uvicorn-sansio": ("-m", "uvicorn", "--ws", "websockets-sansio", "--port", "{port}", "{app}"),
    "uvicorn-wsproto": ("-m", "uvicorn", "--ws", "wsproto", "--port", "{port}", "{app}"),
    "hypercorn": ("-m", *COMMANDS["hypercorn"]),
    "gunicorn": ("-m", *COMMANDS["gunicorn-gthread"]),
    "werkzeug": (str(FOLDER / "sockets.py"), "{port}"),
}
THREADED = ("gunicorn", "werkzeug")
"""Those where the protocol is spoken by us."""


@contextlib.contextmanager
def running(kind: str, folder: Path, *extra: str, **options: Any) -> Iterator[Server]:
    """Start a server with the application of `sockets.py`."""
    with started((*KINDS[kind], *extra), folder, app="sockets:app", **options) as server:
        server.kind = kind
        yield server


def handshake(path: str = "/echo", **changes: str | None) -> bytes:
    """The request that begins a WebSocket; fields are changed by name, and left out with None."""
    fields: dict[str, str | None] = {
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    return request("GET", path, tuple((name, value) for name, value in fields.items() if value is not None))


def frame(first: int, payload: bytes, *, declared: int | None = None) -> bytes:
    """A client's frame: its first byte, a length that may be another than the payload's, a mask of zeros."""
    length = len(payload) if declared is None else declared
    if length < 126:
        head = bytes((first, 0x80 | length))
    elif length < 65536:
        head = struct.pack("!BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, length)
    return head + bytes(4) + payload


class FrameReader:
    """Reads a server's frames, behind the head of its answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def head(self) -> bytes:
        """The answer to the handshake."""
        while b"\r\n\r\n" not in self._buffer:
            self._buffer += self._some()
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        return head

    def next(self) -> tuple[int, bytes]:
        """The first byte of a frame and its payload. Raises EOFError."""
        first, length = self._exactly(2)
        assert length < 128, "a server's frame is masked"
        if length == 126:
            (length,) = struct.unpack("!H", self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self._exactly(8))
        return first, self._exactly(length)

    def close_code(self) -> int:
        """The code of the next frame, which closes: 1005 if it has none, 1006 if the connection ends instead."""
        try:
            first, payload = self.next()
        except (EOFError, ConnectionResetError):
            return 1006
        assert first == 0x88, f"{first:#x} is no close frame"
        return int.from_bytes(payload[:2], "big") if payload else 1005

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._buffer += self._some()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _some(self) -> bytes:
        data = self._connection.recv(65536)
        if not data:
            raise EOFError
        return data
