"""The client's side of WebSockets in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Protocol

from nacre.codecs import decode_json, encode_json
from nacre.errors import WebSocketDisconnect
from nacre.testing.link import Link
from nacre.testing.response import Answer, TestResponse
from nacre.testing.stream import PATIENCE, Run
from nacre.websocket import is_sendable

OpenLink = tuple[Link, asyncio.Task[None]]
"""A link, and the task in which the application serves it."""

Open = Callable[[], Coroutine[Any, Any, OpenLink]]


class Close(Protocol):
    """How the client ends a connection; it raises what there is to complain about unless the test has `failed`."""

    def __call__(self, opened: OpenLink, *, failed: bool) -> Coroutine[Any, Any, None]: ...


class HandshakeDenied(Exception):
    """The application refused the handshake of a WebSocket; `response` is what it answered."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__(f"{response!r} refuses the handshake")
        self.response = response


class _Session(Answer):
    """What both kinds of session have; `status`, `headers` and `cookies` are those of the handshake's answer."""

    def __init__(self, opened: OpenLink, timeout: float | None) -> None:
        self._link, self._task = opened
        self._timeout = timeout

    @property
    def exchange(self) -> Link:
        return self._link

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the application chose."""
        return self._link.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code that the connection was closed with; 1005 if there was none, 1006 if it broke off."""
        return self._link.close_code

    @property
    def close_reason(self) -> str:
        return self._link.close_reason

    async def _send(self, data: object) -> None:
        if not isinstance(data, str | bytes):
            raise TypeError(f"a message is str or bytes, not {type(data).__name__}; send_json encodes data")
        await self._link.send(data)

    async def _receive(self) -> str | bytes:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._link.receive()
        except TimeoutError:
            raise TimeoutError(f"no message came within {self._timeout:g} seconds") from self._link.error

    async def _receive_text(self) -> str:
        message = await self._receive()
        if isinstance(message, bytes):
            raise AssertionError(f"text was expected, and a binary message came: {message[:200]!r}")
        return message

    async def _receive_bytes(self) -> bytes:
        message = await self._receive()
        if isinstance(message, str):
            raise AssertionError(f"a binary message was expected, and text came: {message[:200]!r}")
        return message

    async def _receive_json(self) -> Any:
        message = await self._receive()
        try:
            return decode_json(message)
        except ValueError as error:
            raise ValueError(f"the message {message[:200]!r} is not JSON: {error}") from None

    async def _close(self, code: int, reason: str) -> None:
        if not is_sendable(code):
            raise ValueError(f"{code} is no close code that may be sent")
        await self._link.close(code, reason)

    async def _drop(self) -> None:
        self._link.leave()
        await see_off_link((self._link, self._task))


class AsyncWebSocketSession(_Session, AsyncIterator[str | bytes]):
    """An open WebSocket connection. Iteration ends when the connection is closed.

    `send` and the `receive` methods raise WebSocketDisconnect on a closed one, and these TimeoutError if no message
    comes in time.
    """

    async def send(self, data: str | bytes) -> None:
        """Send a message: text from `str`, binary from bytes."""
        await self._send(data)

    async def send_json(self, data: object) -> None:
        """Send data as JSON in a text message."""
        await self._send(encode_json(data).decode())

    async def receive(self) -> str | bytes:
        """The next message."""
        return await self._receive()

    async def receive_text(self) -> str:
        """The next message; raises AssertionError if it isn't text."""
        return await self._receive_text()

    async def receive_bytes(self) -> bytes:
        """The next message; raises AssertionError if it isn't binary."""
        return await self._receive_bytes()

    async def receive_json(self) -> Any:
        """The next message, decoded from JSON; raises ValueError if it isn't that."""
        return await self._receive_json()

    async def __anext__(self) -> str | bytes:
        try:
            return await self._receive()
        except WebSocketDisconnect:
            raise StopAsyncIteration from None

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, as a client may at any time; nothing happens if it is closed."""
        await self._close(code, reason)

    async def drop(self) -> None:
        """Break the connection off, without closing it, and return when the application has ended."""
        await self._drop()


class WebSocketSession(_Session, Iterator[str | bytes]):
    """The same in plain code."""

    def __init__(self, opened: OpenLink, timeout: float | None, run: Run) -> None:
        super().__init__(opened, timeout)
        self._run = run

    def send(self, data: str | bytes) -> None:
        """Send a message: text from `str`, binary from bytes."""
        self._run(self._send(data))

    def send_json(self, data: object) -> None:
        """Send data as JSON in a text message."""
        self._run(self._send(encode_json(data).decode()))

    def receive(self) -> str | bytes:
        """The next message."""
        message: str | bytes = self._run(self._receive())
        return message

    def receive_text(self) -> str:
        """The next message; raises AssertionError if it isn't text."""
        text: str = self._run(self._receive_text())
        return text

    def receive_bytes(self) -> bytes:
        """The next message; raises AssertionError if it isn't binary."""
        data: bytes = self._run(self._receive_bytes())
        return data

    def receive_json(self) -> Any:
        """The next message, decoded from JSON; raises ValueError if it isn't that."""
        return self._run(self._receive_json())

    def __next__(self) -> str | bytes:
        try:
            return self.receive()
        except WebSocketDisconnect:
            raise StopIteration from None

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection, as a client may at any time; nothing happens if it is closed."""
        self._run(self._close(code, reason))

    def drop(self) -> None:
        """Break the connection off, without closing it, and return when the application has ended."""
        self._run(self._drop())


class WebSocketContext:
    """What `client.websocket(…)` returns: enter it with `async with`, or with `with` in plain code.

    Entering raises HandshakeDenied if the application refuses. Going out of it closes with 1000 and returns when the
    application has ended; if the test has failed inside, the connection breaks off.
    """

    def __init__(self, open_: Open, close: Close, run: Run, timeout: float | None) -> None:
        self._open = open_
        self._close = close
        self._run = run
        self._timeout = timeout
        self._opened: OpenLink | None = None

    async def __aenter__(self) -> AsyncWebSocketSession:
        self._opened = opened = await self._open()
        return AsyncWebSocketSession(opened, self._timeout)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        await self._close(self._opened, failed=error is not None)

    def __enter__(self) -> WebSocketSession:
        self._opened = opened = self._run(self._open())
        return WebSocketSession(opened, self._timeout, self._run)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        self._run(self._close(self._opened, failed=error is not None))


async def see_off_link(opened: OpenLink) -> None:
    """Wait for the end of an application whose connection is closed or refused.

    Raises AssertionError if it goes on for long, and cancels it.
    """
    link, task = opened
    try:
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
    except asyncio.CancelledError:
        link.leave()
        task.cancel()
        raise
    if not done:
        link.leave()
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        raise AssertionError(
            f"{link.sent.path}: the application was still running {PATIENCE:g} seconds after the WebSocket was closed"
        )
