"""One WebSocket connection between the client and the application, whatever protocol carries it.

A transport double takes the client's messages from a link and puts the application's into it, the client the other way
round. Until the handshake is accepted a link is an ordinary exchange: what refuses it is a response.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from nacre.errors import WebSocketDisconnect
from nacre.headers import Headers
from nacre.testing.exchange import ClientLeft, Exchange, Sent


class Link(Exchange):
    """A handshake, and the connection it leads to.

    `close_code` and `close_reason` are what the connection was closed with, by whichever side was first.
    """

    in_flight = 64
    """Messages of the application that the client hasn't taken; a further one waits, as for a full connection."""

    def __init__(self, sent: Sent, offered: tuple[str, ...]) -> None:
        super().__init__(sent, hold=False)
        self.offered = offered
        self.is_accepted = False
        self.subprotocol: str | None = None
        self.close_code: int | None = None
        self.close_reason = ""
        self.is_closed_by_client = False
        self._to_application: deque[str | bytes] = deque()
        self._to_client: deque[str | bytes] = deque()

    # The application's side.

    def accept(self, headers: Iterable[tuple[str, str]], subprotocol: str | None) -> None:
        """The handshake is accepted; checked as a browser and a server would. Raises ClientLeft."""
        if self.started:
            raise self.violation("the handshake was answered a second time")
        self.refuse_if_over("the handshake was accepted")
        pairs = self.checked_fields(headers)
        if subprotocol is not None and subprotocol not in self.offered:
            raise self.violation(f"the subprotocol {subprotocol!r} was accepted, and the client offered {self.offered}")
        if self.left:
            raise ClientLeft
        self.is_accepted = self.started = True
        self.status, self.headers, self.subprotocol = 101, Headers(pairs), subprotocol
        self._changed()

    async def take_message(self) -> str | bytes:
        """The client's next message. Raises ClientLeft when it has closed or is gone; `close_code` says which."""
        while not self._to_application:
            if self.left or self.close_code is not None:
                raise ClientLeft
            await self.wait()
        return self._to_application.popleft()

    async def put_message(self, message: str | bytes) -> None:
        """A message to the client. Raises ClientLeft."""
        await asyncio.sleep(0)  # an application that never waits must not keep everyone else from running
        while len(self._to_client) >= self.in_flight and not self.left and self.close_code is None:
            await self.wait()
        if self.left or self.close_code is not None:
            raise ClientLeft
        self._to_client.append(message)
        self._changed()

    def close_by_application(self, code: int, reason: str) -> None:
        """The application, or the server for it, closes an open connection."""
        if self.is_accepted and self.close_code is None and not self.left:
            self.close_code, self.close_reason = code, reason
            self.ended = True
            self._changed()

    def finish(self, error: BaseException | None) -> None:
        if self.is_accepted:
            self.close_by_application(1006, "")  # what a double hasn't said otherwise
            self.ended = True
        super().finish(error)

    # The client's side.

    async def send(self, message: str | bytes) -> None:
        """Send a message; raises WebSocketDisconnect when the connection is closed."""
        if self.close_code is not None:
            raise WebSocketDisconnect(self.close_code, self.close_reason)
        self._to_application.append(message)
        self._changed()

    async def receive(self) -> str | bytes:
        """The application's next message; raises WebSocketDisconnect after the last one."""
        while not self._to_client:
            if self.close_code is not None:
                raise WebSocketDisconnect(self.close_code, self.close_reason)
            await self.wait()
        message = self._to_client.popleft()
        self._changed()
        return message

    async def close(self, code: int, reason: str) -> None:
        """Close, if that hasn't been done by the application."""
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
            self.is_closed_by_client = self.ended = True
            self._changed()

    def leave(self) -> None:
        """The connection breaks off, now; of no consequence once it is closed."""
        if self.is_accepted and self.close_code is None:
            self.close_code = 1006
        super().leave()
