"""WebSocket connections in BlackSheep's words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from nacre import errors
from nacre.codecs import encode_json
from nacre.dialects.blacksheep.headers import HeaderType
from nacre.dialects.blacksheep.messages import Request
from nacre.headers import check_pair


class WebSocketState(Enum):
    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2


class MessageMode(Enum):
    TEXT = "text"
    BYTES = "bytes"


class WebSocketError(Exception):
    """What may go wrong with a connection."""


class InvalidWebSocketStateError(WebSocketError):
    """What was asked for can't be done in the state that the connection is in."""


class WebSocketDisconnectError(WebSocketError, errors.WebSocketDisconnect):
    """The client has closed the connection, with `code`, or is gone."""


_STATES = {
    "connecting": WebSocketState.CONNECTING,
    "open": WebSocketState.CONNECTED,
    "closed": WebSocketState.DISCONNECTED,
}


class WebSocket(Request):
    """A connection, which is also the request that began it. `accept` comes first."""

    @property
    def client_state(self) -> WebSocketState:
        return _STATES[self.native.websocket.state]

    application_state = client_state

    @property
    def accepted(self) -> bool:
        return self.client_state is WebSocketState.CONNECTED

    async def accept(self, headers: Iterable[HeaderType] | None = None, subprotocol: str | None = None) -> None:
        """Complete the handshake. Raises RuntimeError if it was answered already."""
        await self.native.websocket.accept(subprotocol, [check_pair(name, value) for name, value in headers or ()])

    async def receive(self) -> dict[str, Any]:
        """The next message as one of ASGI: with `text` or with `bytes`."""
        message = await self._received("receive")
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def receive_text(self) -> str:
        """The next message, which must be text. Raises WebSocketDisconnectError."""
        return await self._received("receive_text")  # type: ignore[no-any-return]

    async def receive_bytes(self) -> bytes:
        """The next message, which must be binary. Raises WebSocketDisconnectError."""
        return await self._received("receive_bytes")  # type: ignore[no-any-return]

    async def receive_json(self, mode: MessageMode = MessageMode.TEXT) -> Any:
        """The next message, decoded from JSON. Raises WebSocketDisconnectError."""
        return await self._received("receive_json")

    async def _received(self, how: str) -> Any:
        self._require_accepted()
        try:
            return await getattr(self.native.websocket, how)()
        except errors.WebSocketDisconnect as error:
            raise WebSocketDisconnectError(error.code, error.reason) from None

    async def send_text(self, data: str) -> None:
        await self._send(data)

    async def send_bytes(self, data: bytes) -> None:
        await self._send(data)

    async def send_json(self, data: object, mode: MessageMode = MessageMode.TEXT) -> None:
        """Send data as JSON, in a text message or a binary one."""
        written = encode_json(data)
        await self._send(written if mode is MessageMode.BYTES else written.decode())

    async def _send(self, data: str | bytes) -> None:
        self._require_accepted()
        try:
            await self.native.websocket.send(data)
        except errors.WebSocketDisconnect as error:
            raise WebSocketDisconnectError(error.code, error.reason) from None

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection; before `accept` that refuses it."""
        await self.native.websocket.close(code, reason or "")

    def _require_accepted(self) -> None:
        if self.client_state is WebSocketState.CONNECTING:
            raise InvalidWebSocketStateError("the connection isn't accepted yet: await websocket.accept() first")
