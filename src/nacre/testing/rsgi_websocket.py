"""WebSockets over RSGI as Granian 2.8 speaks them, its omissions included: what it does was looked at.

It closes without code and reason, so applications that have some write the close frame through the kernel, past it. For
them a link has a real connection behind it, on the loopback interface, on which nothing else is ever sent.
"""

from __future__ import annotations

import socket
from typing import Any

from nacre.testing.exchange import ClientLeft, PeerGone
from nacre.testing.link import Link

_CLOSE_FRAME = 0x88
_FRAME_WAIT = 0.05
"""Seconds in which a frame that was written past the server arrives."""


class WebSocketProtocolError(RuntimeError):
    """Granian's error for a call out of order, by name; the class itself can't be imported without Granian."""


class WebSocketProtocolClosed(PeerGone, RuntimeError):
    """Granian's error for a connection that is gone."""


class Loopback:
    """Two connected TCP sockets of this process; close frames that are written to the server's end close the link."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._sockets: list[socket.socket] = []
        self._client: socket.socket | None = None

    async def open(self) -> tuple[str, str]:
        """Connect; returns the addresses of the client's and the server's end, as RSGI spells them."""
        loop = self._link.loop
        with socket.socket() as listener:
            listener.setblocking(False)
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            self._client = client = socket.socket()
            self._sockets.append(client)
            client.setblocking(False)
            await loop.sock_connect(client, listener.getsockname())
            server, _ = await loop.sock_accept(listener)
            self._sockets.append(server)
        loop.add_reader(client, self._read)
        return "{}:{}".format(*client.getsockname()), "{}:{}".format(*server.getsockname())

    def _read(self) -> None:
        assert self._client is not None
        frame = self._client.recv(4096)
        if len(frame) < 4 or frame[0] != _CLOSE_FRAME or frame[1] != len(frame) - 2:
            self._link.violation(f"{frame!r}, written past the server, is no close frame")
            return
        self._link.close_by_application(int.from_bytes(frame[2:4], "big"), frame[4:].decode())

    def close(self) -> None:
        """Close both ends."""
        if self._client is not None:
            self._link.loop.remove_reader(self._client)
        for end in self._sockets:
            end.close()


class WebSocketScope:
    """What Granian's `RSGIWebsocketScope` has besides the attributes of a request's."""

    proto = "ws"

    def __init__(self, scope: Any) -> None:
        self._scope = scope
        self.client: str = scope.client
        self.server: str = scope.server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scope, name)


class WebSocketProtocol:
    """Granian's `RSGIWebsocketProtocol`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.is_closed = False

    async def accept(self) -> WebSocketTransport:
        link = self._link
        if link.is_accepted:
            raise link.violation("accept() was called a second time, which crashes Granian")
        if self.is_closed:
            raise WebSocketProtocolError("RSGI protocol error")
        try:
            link.accept([], None)
        except ClientLeft:
            raise WebSocketProtocolError("RSGI protocol error") from None
        return WebSocketTransport(link, self)

    def close(self, status: int | None = None) -> None:
        link = self._link
        if self.is_closed:
            return
        self.is_closed = True
        if link.is_accepted:
            # Whatever the status is, the close frame is empty; one that was written past the server arrives before.
            link.loop.call_later(_FRAME_WAIT, link.close_by_application, 1005, "")
            return
        status = 403 if status is None else status
        if not 100 <= status <= 999:
            raise link.violation(
                f"close({status!r}) before accept() crashes Granian: it takes the status of a response"
            )
        if not link.left:
            link.start(status, [("content-length", "0")])
            link.end()


class WebSocketMessage:
    """Granian's messages; that of a close has no `data`."""

    def __init__(self, message: str | bytes | None) -> None:
        self.kind = 0 if message is None else 2 if isinstance(message, str) else 1
        if message is not None:
            self.data = message


class WebSocketTransport:
    """Granian's `RSGIWebsocketTransport`."""

    def __init__(self, link: Link, protocol: WebSocketProtocol) -> None:
        self._link = link
        self._protocol = protocol
        self._is_told = False

    async def receive(self) -> WebSocketMessage:
        link = self._link
        if self._is_told:
            raise WebSocketProtocolClosed("RSGI transport is closed")
        try:
            return WebSocketMessage(await link.take_message())
        except ClientLeft:
            self._is_told = True
            if link.left:
                raise WebSocketProtocolClosed("RSGI transport is closed") from None
            return WebSocketMessage(None)

    async def send_bytes(self, data: object) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise self._link.violation(f"send_bytes takes bytes, not {type(data).__name__}")
        await self._send(bytes(data))

    async def send_str(self, data: str) -> None:
        if type(data) is not str:
            raise self._link.violation(f"send_str takes str, not {type(data).__name__}")
        data.encode()  # raises for what no frame can hold
        await self._send(data)

    async def _send(self, message: str | bytes) -> None:
        if self._protocol.is_closed:
            raise WebSocketProtocolError("RSGI protocol error")
        try:
            await self._link.put_message(message)
        except ClientLeft:
            raise WebSocketProtocolClosed("RSGI transport is closed") from None


async def finished(link: Link, protocol: WebSocketProtocol) -> None:
    """Do what Granian does when the application has returned: close, or refuse a handshake that wasn't answered."""
    if not link.started and not link.left:
        protocol.close()
    elif not protocol.is_closed:
        link.close_by_application(1005, "")
    while link.is_accepted and link.close_code is None:
        await link.wait()
