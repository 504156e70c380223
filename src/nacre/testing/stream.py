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

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def exchange(self) -> Exchange:
        return self._exchange

    async def __anext__(self) -> bytes:
        piece = await self._exchange.take()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def read(self) -> bytes:
        """The rest of the body."""
        return b"".join([piece async for piece in self])

    async def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        await leave(self._exchange)


class Stream(Answer, Iterator[bytes]):
    """The same in plain code."""

    def __init__(self, exchange: Exchange, run: Run) -> None:
        self._exchange = exchange
        self._run = run

    @property
    def exchange(self) -> Exchange:
        return self._exchange

    def __next__(self) -> bytes:
        piece: bytes | None = self._run(self._exchange.take())
        if piece is None:
            raise StopIteration
        return piece

    def read(self) -> bytes:
        """The rest of the body."""
        return b"".join(self)

    def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        self._run(leave(self._exchange))


class StreamContext:
    """What `client.stream(…)` returns: enter it with `async with`, or with `with` in plain code.

    Leaving it before the end of the response is leaving as a client does.
    """

    def __init__(self, open_: Open, close: Close, run: Run) -> None:
        self._open = open_
        self._close = close
        self._run = run
        self._opened: OpenStream | None = None

    async def __aenter__(self) -> AsyncStream:
        self._opened = await self._open()
        return AsyncStream(self._opened[0])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        await self._close(self._opened, failed=error is not None)

    def __enter__(self) -> Stream:
        self._opened = opened = self._run(self._open())
        return Stream(opened[0], self._run)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._opened is not None
        self._run(self._close(self._opened, failed=error is not None))


PATIENCE = 5.0
"""Seconds that an application has to end after the client has left."""


async def leave(exchange: Exchange) -> None:
    """Leave, and wait for the application's end."""
    exchange.leave()
    try:
        async with asyncio.timeout(PATIENCE):
            await exchange.wait_finished()
    except TimeoutError:
        raise AssertionError(
            f"{exchange.sent.method} {exchange.sent.path}: the application was still running {PATIENCE:g} seconds"
            " after the client had left"
        ) from None


async def end(exchange: Exchange, task: asyncio.Task[None]) -> None:
    """See the application's task to its end, by cancelling it if it has not come by itself."""
    if not task.done():
        exchange.leave()
        if not exchange.finished:
            task.cancel()
        await asyncio.wait([task])
