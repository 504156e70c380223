"""The client's end of a WebSocket under WSGI, where the application speaks the protocol itself on the server's socket.

What it writes is read, and checked, by the client part of the library `websockets`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

from nacre.errors import MissingExtra, WebSocketDisconnect
from nacre.testing.exchange import ClientLeft, ProtocolViolation, Sent
from nacre.testing.link import Link

_READ_SIZE = 64 * 1024
_CLOSING = 2.0
_CONTINUATION, _TEXT, _BINARY, _CLOSE = 0, 1, 2, 8


class WireLink(Link):
    """A link over a pair of connected sockets. `server_end` is what the server gives the application."""

    def __init__(self, sent: Sent, offered: tuple[str, ...]) -> None:
        super().__init__(sent, offered)
        self.server_end, self._end = socket.socketpair()
        self._end.setblocking(False)
        self._protocol = _protocol(sent, offered)
        self._reader = self.loop.create_task(self._read(), name=f"nacre-testing-websocket {sent.path}")
        self._parts: list[bytes] = []
        self._is_text = False

    async def send(self, message: str | bytes) -> None:
        if self.close_code is not None:
            raise WebSocketDisconnect(self.close_code, self.close_reason)
        if isinstance(message, str):
            self._protocol.send_text(message.encode())
        else:
            self._protocol.send_binary(message)
        await self._flush()

    async def close(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self._protocol.send_close(code, reason)
            await super().close(code, reason)
            await self._flush()
            await asyncio.wait([self._reader], timeout=_CLOSING)

    def leave(self) -> None:
        super().leave()
        if self.left:
            with contextlib.suppress(OSError):
                self._end.shutdown(socket.SHUT_RDWR)

    async def hang_up(self) -> None:
        """Close the server's end, as it does when the application has returned, and read what was sent before."""
        self.server_end.close()
        await asyncio.wait([self._reader])
        self._end.close()
        if not self._reader.cancelled():
            self._reader.result()

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            with contextlib.suppress(OSError):  # reading tells that the application's end is closed
                if data:
                    await self.loop.sock_sendall(self._end, data)
                else:
                    self._end.shutdown(socket.SHUT_WR)

    async def _read(self) -> None:
        try:
            has_more = True
            while has_more:
                has_more = await self._read_some()
                await self._flush()
                while len(self._to_client) >= self.in_flight and not self.left and self.close_code is None:
                    await self.wait()
        except (ClientLeft, ProtocolViolation):
            pass  # a violation is noted
        if self.is_accepted:
            self.close_by_application(1006, "")

    async def _read_some(self) -> bool:
        try:
            data = await self.loop.sock_recv(self._end, _READ_SIZE)
        except OSError:
            data = b""
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            self._take(event)
        self._check_protocol(bool(data))
        return bool(data)

    def _take(self, event: Any) -> None:
        if not hasattr(event, "opcode"):  # the handshake's answer
            self._check_protocol(True)
            self.accept(list(event.headers.raw_items()), self._protocol.subprotocol)
        elif event.opcode == _CLOSE:
            close = self._protocol.close_rcvd
            assert close is not None
            self.close_by_application(int(close.code), close.reason)
        elif event.opcode in (_CONTINUATION, _TEXT, _BINARY):
            self._is_text = event.opcode == _TEXT or (self._is_text and event.opcode == _CONTINUATION)
            self._parts.append(bytes(event.data))
            if event.fin:
                message, self._parts = b"".join(self._parts), []
                self._to_client.append(message.decode() if self._is_text else message)
                self._changed()

    def _check_protocol(self, has_data: bool) -> None:
        wrong = self._protocol.handshake_exc
        if wrong is None and has_data:
            wrong = self._protocol.parser_exc
        if wrong is not None and not self.violations and (has_data or self.is_accepted):
            raise self.violation(f"what was written to the socket is no WebSocket: {wrong}")


def _protocol(sent: Sent, offered: tuple[str, ...]) -> Any:
    try:
        from websockets.client import ClientProtocol
        from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
        from websockets.uri import WebSocketURI
    except ImportError:
        raise MissingExtra("a WebSocket over WSGI", "websocket") from None
    uri = WebSocketURI(False, sent.server[0], sent.server[1] or 80, sent.path, sent.query)
    extensions = [ClientPerMessageDeflateFactory()] if any("deflate" in value for _, value in sent.headers) else None
    subprotocols: Any = list(offered) or None
    protocol = ClientProtocol(uri, subprotocols=subprotocols, extensions=extensions, max_size=None)
    protocol.key = next(value for name, value in sent.headers if name == "sec-websocket-key")
    return protocol
