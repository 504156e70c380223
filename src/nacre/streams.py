"""Bodies that come in pieces: one way to iterate them all, on the loop or in a thread, closed exactly once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterable
from typing import Any

from nacre.request import Request
from nacre.response import Response, close_stream
from nacre.threads import Threads

_END = object()


async def prime(response: Response, request: Request, threads: Threads | None) -> None:
    """Await a stream's first piece, so that what fails before it is still an ordinary exception.

    Raises what the stream raises, after closing it. A stream is primed once. Without `threads` there may be no event
    loop: then an async stream is left as it is.
    """
    if isinstance(response.stream, _Primed) or (threads is None and is_async_stream(response.stream)):
        return
    needs_loop = threads is not None or is_async_stream(response.stream)
    pieces = iterate(response.stream, request, threads)
    try:
        first = await anext(pieces, None)
    except BaseException:
        response.stream = None
        await pieces.aclose()
        raise
    response.stream = _Primed(first, pieces, needs_loop=needs_loop)


class _Primed:
    """A stream whose first piece has been taken already."""

    def __init__(self, first: bytes | None, rest: AsyncGenerator[bytes, None], *, needs_loop: bool) -> None:
        self._first = first
        self._rest = rest
        self.needs_loop = needs_loop

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else await anext(self._rest)

    async def athrow(self, error: BaseException) -> Any:
        return await self._rest.athrow(error)

    async def aclose(self) -> None:
        await self._rest.aclose()


def is_async_stream(stream: object) -> bool:
    """Whether advancing a stream may need an event loop; its looks may deceive, and then it says so itself."""
    needs_loop: bool = getattr(stream, "needs_loop", hasattr(stream, "__aiter__"))
    return needs_loop


async def iterate(stream: Any, request: Request | None, threads: Threads | None) -> AsyncGenerator[bytes, None]:
    """The pieces of any stream as bytes; empty ones are left out.

    A plain iterable is advanced in a worker thread, or right here without `threads`. A cancellation thrown in at a
    `yield` is handed on to an async generator; the stream is closed at the end, whichever way that comes. If it is
    cancelled, that is the failure of its request.
    """
    plain = not hasattr(stream, "__aiter__")
    if plain:
        source = _direct(stream) if threads is None else _in_worker(stream, request, threads)
    else:
        source = aiter(stream)
    try:
        async for piece in source:
            data = piece.encode() if isinstance(piece, str) else bytes(piece)
            if data:
                try:
                    yield data
                except asyncio.CancelledError as cancelled:
                    await _cancel(source, cancelled)
                    raise
    except asyncio.CancelledError as cancelled:
        if request is not None and request.after_callbacks is not None:
            request.failure = cancelled
        raise
    finally:
        try:
            await close_stream(source)
        finally:
            if not plain and source is not stream:
                await close_stream(stream)


async def _cancel(source: Any, cancelled: asyncio.CancelledError) -> None:
    """Let an async generator see the cancellation at the `yield` where it stands."""
    athrow = getattr(source, "athrow", None)
    if athrow is not None:
        try:
            await athrow(cancelled)
        except (asyncio.CancelledError, StopAsyncIteration):
            pass


async def _direct(stream: Iterable[Any]) -> AsyncGenerator[Any, None]:
    source = iter(stream)
    try:
        for piece in source:
            yield piece
    finally:
        _close_plain(source, stream)


async def _in_worker(stream: Iterable[Any], request: Request | None, threads: Threads) -> AsyncGenerator[Any, None]:
    source = iter(stream)
    # When the request is cancelled a thread may still be inside the iterator; closing it then waits for that.
    busy = threading.Lock()

    def advance() -> Any:
        with busy:
            return next(source, _END)

    def close() -> None:
        with busy:
            _close_plain(source, stream)

    try:
        while (piece := await threads.run(request, advance)) is not _END:
            yield piece
    finally:
        if hasattr(source, "close") or hasattr(stream, "close"):
            await to_the_end(threads.run(request, close))


def _close_plain(source: Any, stream: Any) -> None:
    try:
        if hasattr(source, "close"):
            source.close()
    finally:
        if source is not stream and hasattr(stream, "close"):
            stream.close()


async def close_unsent(response: Response, request: Request | None, threads: Threads | None) -> None:
    """Close the stream of a response that isn't sent: a plain one in a worker thread, or here without `threads`."""
    close = None if hasattr(response.stream, "aclose") else getattr(response.stream, "close", None)
    if close is None or threads is None:
        await response.aclose()
    else:
        response.stream = None
        await to_the_end(threads.run(request, close))


async def to_the_end(awaitable: Awaitable[None]) -> None:
    """Await something that must not be left half done: a cancellation that comes meanwhile goes on after it."""
    task = asyncio.ensure_future(awaitable)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled
