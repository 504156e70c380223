"""HTTP/1.1 by hand: exact bytes out, and every byte that comes back looked at."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field


@dataclass
class Reply:
    """One response as it stood on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = True
    pieces: list[bytes] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)


class Reader:
    """Reads responses from a socket, one after another."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self.closed = False

    def _more(self) -> bool:
        try:
            data = self._connection.recv(65536)
        except ConnectionResetError:
            data = b""
        self._buffer += data
        self.closed = self.closed or not data
        return bool(data)

    def _until(self, mark: bytes) -> bytes | None:
        while mark not in self._buffer:
            if not self._more():
                return None
        found, self._buffer = self._buffer.split(mark, 1)
        return found

    def _exactly(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            if not self._more():
                return None
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def start(self) -> Reply:
        """Status and headers."""
        head = self._until(b"\r\n\r\n")
        assert head is not None, "the connection ended before a response"
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.split(":", 1) for line in lines]
        headers = [(name.lower(), value.strip()) for name, value in pairs]
        return Reply(int(first.split(" ", 2)[1]), headers)

    def piece(self) -> bytes | None:
        """The next chunk; b"" at the proper end, None when the connection was cut."""
        size = self._until(b"\r\n")
        if size is None:
            return None
        data = self._exactly(int(size, 16) + 2)
        return None if data is None else data[:-2]

    def reply(self, method: str = "GET") -> Reply:
        """A whole response; `complete` is False when the connection ended too early."""
        reply = self.start()
        while reply.status < 200:
            reply = self.start()
        if method == "HEAD" or reply.status in (204, 304):
            return reply
        if reply.get("transfer-encoding") == "chunked":
            while piece := self.piece():
                reply.pieces.append(piece)
            reply.complete = piece is not None
            reply.body = b"".join(reply.pieces)
        elif (length := reply.get("content-length")) is not None:
            body = self._exactly(int(length))
            reply.complete = body is not None
            reply.body = self._buffer if body is None else body
        else:
            while self._more():
                pass
            reply.body, self._buffer = self._buffer, b""
        return reply


def request(
    method: str,
    target: str,
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes | None = None,
    *,
    chunked: bool = False,
    host: str | None = "example.org",
) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {target} HTTP/1.1"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        half = len(body or b"") // 2
        parts = [part for part in ((body or b"")[:half], (body or b"")[half:]) if part]
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
