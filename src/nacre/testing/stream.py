"""Responses read piece by piece, as the application sends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Protocol

from nacre.testing.exchange import Exchange
from nacre.testing.response import Answer

OpenStream = tuple[Exchange, asyncio.Task[None]]
"""An exchange, and the task in which the application answers it."""

Open = Callable[[], Coroutine[Any, Any, OpenStream]]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Close(Protocol):
    """How the client ends a stream; it raises what there is to complain about unless the test has `failed` anyway."""

    def __call__(self, opened: OpenStream, *, failed: bool) -> Coroutine[Any, Any, None]: ...


class AsyncStream(Answer, AsyncIterator[bytes]):
    """A response whose pieces are taken one by one; the application waits until each is."""

    def __init__(self, opened: OpenStream) -> None:
        self._opened = opened

    @property
    def exchange(self) -> Exchange:
        return self._opened[0]

    async def __anext__(self) -> bytes:
        piece = await self.exchange.take()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """The rest of the body."""
        return b"".join([piece async for piece in self])

    async def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        self.exchange.leave()
        await see_off(self._opened)


class Stream(Answer, Iterator[bytes]):
    """The same in plain code."""

    def __init__(self, opened: OpenStream, run: Run) -> None:
        self._opened = opened
        self._run = run

    @property
    def exchange(self) -> Exchange:
        return self._opened[0]

    def __next__(self) -> bytes:
        piece: bytes | None = self._run(self.exchange.take())
        if piece is None:
            raise StopIteration
        return piece

    def read(self) -> bytes:
        """The rest of the body."""
        return b"".join(self)

    def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        self._run(self._leave())

    async def _leave(self) -> None:
        self.exchange.leave()
        await see_off(self._opened)


class StreamContext:
    """What `client.stream(…)` returns: enter it with `async with`, or with `with` in plain code.

    Going out of it before the end of the response is leaving as a client does. It returns when the application has
    ended, what it does after its response included.
    """

    def __init__(self, open_: Open, close: Close, run: Run) -> None:
        self._open = open_
        self._close = close
        self._run = run
        self._opened: OpenStream | None = None

    async def __aenter__(self) -> AsyncStream:
        self._opened = opened = await self._open()
        return AsyncStream(opened)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        await self._close(self._opened, failed=error is not None)

    def __enter__(self) -> Stream:
        self._opened = opened = self._run(self._open())
        return Stream(opened, self._run)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        self._run(self._close(self._opened, failed=error is not None))


PATIENCE = 5.0
"""Seconds that an application has to end after the client has left."""


async def see_off(opened: OpenStream) -> None:
    """Leave unless the response is complete, and wait for the application's end.

    Raises AssertionError if it goes on for long after the client has left, and cancels it.
    """
    exchange, task = opened
    if not exchange.ended:
        exchange.leave()
    try:
        done, _ = await asyncio.wait([task], timeout=PATIENCE if exchange.left else None)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        raise AssertionError(
            f"{exchange.sent.method} {exchange.sent.path}: the application was still running {PATIENCE:g} seconds"
            " after the client had left"
        )
