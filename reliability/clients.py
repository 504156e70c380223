"""Clients with bad manners: raw sockets that read nothing, push without end, or leave."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable


def get(target: str) -> bytes:
    """The bytes of a GET request."""
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(target: str, length: int, content_type: str = "application/octet-stream") -> bytes:
    """The head of a POST request with a body of this length."""
    fields = f"Host: localhost\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n"
    return f"POST {target} HTTP/1.1\r\n{fields}\r\n".encode()


def connect(
    port: int, *, receive_buffer: int | None = None, send_buffer: int | None = None, timeout: float = 10.0
) -> socket.socket:
    """A connection to the server; the buffers are what the kernel is asked to keep for this end of it, in bytes."""
    connection = socket.socket()
    # Before connecting, since the window is offered then.
    for option, size in ((socket.SO_RCVBUF, receive_buffer), (socket.SO_SNDBUF, send_buffer)):
        if size is not None:
            connection.setsockopt(socket.SOL_SOCKET, option, size)
    connection.settimeout(timeout)
    connection.connect(("127.0.0.1", port))
    return connection


def drain(connection: socket.socket) -> int:
    """Read what has arrived, without waiting for more; how many bytes that was."""
    connection.setblocking(False)
    read = 0
    try:
        while data := connection.recv(1 << 20):
            read += len(data)
    except OSError:
        pass
    return read


def leave_with_fin(connection: socket.socket) -> None:
    """Close in good order. What is unread is read first: a close over unread data is a reset."""
    drain(connection)
    connection.close()


def leave_with_rst(connection: socket.socket) -> None:
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


DEPARTURES: dict[str, Callable[[socket.socket], None]] = {"FIN": leave_with_fin, "RST": leave_with_rst}


def push(connection: socket.socket, data: bytes, seconds: float, limit: int) -> int:
    """Send `data` again and again for so long, up to `limit` bytes; how many the kernel took."""
    deadline = time.monotonic() + seconds
    sent = 0
    connection.setblocking(False)
    while sent < limit and time.monotonic() < deadline:
        try:
            sent += connection.send(data[: limit - sent])
        except BlockingIOError:
            time.sleep(0.005)
        except OSError:
            break
    return sent


def until(check: Callable[[], bool], seconds: float) -> float | None:
    """How many seconds it took until `check()` was true; None if it wasn't within so many."""
    begun = time.monotonic()
    while not check():
        if time.monotonic() - begun > seconds:
            return None
        time.sleep(0.01)
    return time.monotonic() - begun


def talk(connection: socket.socket, target: str, text: bytes) -> int:
    """Open a WebSocket connection, send a message, take the answer and close in good order; the handshake's status."""
    fields = "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    connection.sendall(f"GET {target} HTTP/1.1\r\n{fields}{key}\r\n".encode())
    status = int(connection.recv(65536).split(b" ", 2)[1])
    if status == 101:
        connection.sendall(_frame(1, text))
        connection.recv(65536)
        connection.sendall(_frame(8, struct.pack("!H", 1000)))
        while connection.recv(65536):
            pass
    return status


def _frame(opcode: int, payload: bytes) -> bytes:
    """A last frame of less than 126 bytes (RFC 6455 §5.2), masked with zeros."""
    return bytes([0x80 | opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload
