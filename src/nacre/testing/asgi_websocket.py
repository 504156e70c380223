"""WebSockets over ASGI as a strict server speaks them: the specification's messages, version 2.4, and its rules."""

from __future__ import annotations

from typing import Any, Literal

from nacre.testing.exchange import ClientLeft
from nacre.testing.link import Link
from nacre.types import Message
from nacre.websocket import is_sendable

_DENIAL = "websocket.http.response"
_REASON_MAX = 123


class WebSocketGone(OSError):
    """What `send` raises when the client has closed or is gone, since version 2.4 of the specification."""


class WebSocketMessages:
    """`receive` and `send` of one connection."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._is_begun = False
        self._state: Literal["connecting", "denying", "open", "closed"] = "connecting"

    async def receive(self) -> Message:
        link = self._link
        if not self._is_begun:
            self._is_begun = True
            return {"type": "websocket.connect"}
        if self._state != "open":
            await link.wait_over()
            return {"type": "websocket.disconnect", "code": 1006, "reason": ""}
        try:
            message = await link.take_message()
        except ClientLeft:
            return {"type": "websocket.disconnect", "code": link.close_code, "reason": link.close_reason}
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        match self._state, kind:
            case "connecting", "websocket.accept":
                self._accept(message)
            case "connecting", "websocket.close":
                self._deny()
            case "connecting", "websocket.http.response.start":
                self._start_denial(message)
            case "denying", "websocket.http.response.body":
                await self._denial_body(message)
            case "open", "websocket.send":
                await self._send(message)
            case "open", "websocket.close":
                self._close(message)
            case _:
                raise self._violation(f"{kind!r} was sent when the connection was {self._state}")

    # The handshake.

    def _accept(self, message: Message) -> None:
        if not self._is_begun:
            raise self._violation("'websocket.accept' was sent before 'websocket.connect' was received")
        subprotocol = message.get("subprotocol")
        if subprotocol is not None and not isinstance(subprotocol, str):
            raise self._violation(f"the subprotocol is str or None, not {type(subprotocol).__name__}")
        pairs = self._headers(message)
        if any(name == "sec-websocket-protocol" for name, _ in pairs):
            raise self._violation("the subprotocol has a key of its own in 'websocket.accept'; it is no header there")
        try:
            self._link.accept(pairs, subprotocol)
        except ClientLeft:
            raise WebSocketGone("the client has left") from None
        self._state = "open"

    def _deny(self) -> None:
        self._state = "closed"
        if not self._link.left:
            self._link.start(403, [("content-length", "0")])
            self._link.end()

    def _start_denial(self, message: Message) -> None:
        self._state = "denying"
        self._link.start(message["status"], self._headers(message))

    async def _denial_body(self, message: Message) -> None:
        try:
            await self._link.put(bytes(message.get("body", b"")))
        except ClientLeft:
            raise WebSocketGone("the client has left") from None
        if not message.get("more_body", False):
            self._state = "closed"
            self._link.end()

    # The connection.

    async def _send(self, message: Message) -> None:
        text, data = message.get("text"), message.get("bytes")
        if (text is None) is (data is None):
            raise self._violation("'websocket.send' has either text or bytes")
        if not isinstance(text, str | None):
            raise self._violation(f"text is str, not {type(text).__name__}")
        if not isinstance(data, bytes | None):
            raise self._violation(f"bytes is bytes, not {type(data).__name__}")
        if text is not None:
            text.encode()  # raises for what no frame can hold
        try:
            await self._link.put_message(text if text is not None else data or b"")
        except ClientLeft:
            raise WebSocketGone("the client has closed or is gone") from None

    def _close(self, message: Message) -> None:
        code, reason = message.get("code", 1000), message.get("reason") or ""
        if not isinstance(code, int) or not is_sendable(code):
            raise self._violation(f"{code!r} is no close code that may be sent")
        if not isinstance(reason, str) or len(reason.encode()) > _REASON_MAX:
            raise self._violation(f"a reason is str of at most {_REASON_MAX} bytes")
        self._state = "closed"
        if self._link.left or self._link.close_code is not None:
            raise WebSocketGone("the client has closed or is gone")
        self._link.close_by_application(code, reason)

    def _headers(self, message: Message) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for name, value in message.get("headers") or ():
            if not isinstance(name, bytes) or not isinstance(value, bytes):
                raise self._violation(f"header names and values are bytes, unlike {(name, value)!r}")
            if name != name.lower():
                raise self._violation(f"header names are in lower case, unlike {name!r}")
            pairs.append((name.decode("latin-1"), value.decode("latin-1")))
        return pairs

    def _violation(self, text: str) -> Any:
        return self._link.violation(text)
