"""WebSockets, as handlers and endpoints have them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from enum import Enum
from typing import Any

from nacre.dialects.flama.exceptions import HTTPException
from nacre.dialects.flama.http import Connection, to_json
from nacre.errors import WebSocketDisconnect

__all__ = ["State", "WebSocket"]


class State(Enum):
    """What a connection is about."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2


_STATES = {"connecting": State.CONNECTING, "open": State.CONNECTED, "closed": State.DISCONNECTED}


class WebSocket(Connection):
    """One connection. What receives and sends raises WebSocketDisconnect when the client has closed or is gone."""

    @property
    def client_state(self) -> State:
        return _STATES[self.native.websocket.state]

    @property
    def application_state(self) -> State:
        return self.client_state

    @property
    def is_connecting(self) -> bool:
        return self.client_state is State.CONNECTING

    @property
    def is_connected(self) -> bool:
        return self.client_state is State.CONNECTED

    @property
    def is_disconnected(self) -> bool:
        return self.client_state is State.DISCONNECTED

    async def accept(self, subprotocol: str | None = None, headers: Any = None) -> None:
        """Complete the handshake; `headers` are pairs, of bytes or text, for its answer."""
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        await self.native.websocket.accept(subprotocol, [(_text(name), _text(value)) for name, value in pairs])

    async def receive_text(self) -> str:
        """The next message, which must be text."""
        text: str = await self.native.websocket.receive_text()
        return text

    async def receive_bytes(self) -> bytes:
        """The next message, which must be binary."""
        data: bytes = await self.native.websocket.receive_bytes()
        return data

    async def receive_json(self, mode: str = "text") -> Any:
        """The next message decoded from JSON; malformed JSON raises an error that closes the connection with 1007."""
        _check_mode(mode)
        return await self.native.websocket.receive_json()

    async def receive_any(self) -> str | bytes:
        """The next message, of either kind."""
        message: str | bytes = await self.native.websocket.receive()
        return message

    async def iter_text(self) -> AsyncIterator[str]:
        """All messages until the client leaves."""
        async for message in self.native.websocket:
            yield message if isinstance(message, str) else message.decode()

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """All messages until the client leaves."""
        async for message in self.native.websocket:
            yield message.encode() if isinstance(message, str) else message

    async def iter_json(self) -> AsyncIterator[Any]:
        """All messages until the client leaves, decoded."""
        try:
            while True:
                yield await self.receive_json()
        except WebSocketDisconnect:
            return

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self.native.websocket.send(data)

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self.native.websocket.send(data)

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Send data as JSON, in a text or a binary message."""
        _check_mode(mode)
        encoded = to_json(data)
        await self.native.websocket.send(encoded.decode() if mode == "text" else encoded)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection; before it is accepted, refuse it."""
        await self.native.websocket.close(code, reason or "")


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


def _check_mode(mode: str) -> None:
    if mode not in ("text", "binary"):
        raise HTTPException(500, f'mode is "text" or "binary", not {mode!r}')
