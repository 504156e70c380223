"""Bodies that come in pieces: one way to iterate them all, on the loop or in a thread, closed exactly once."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from typing import Any

from nacre.errors import ClientDisconnect
from nacre.filebody import FileBody, PendingBody
from nacre.pieces import close_stream
from nacre.request import Request
from nacre.response import Response
from nacre.threads import Threads

BREATH = 16
"""After how many pieces the event loop gets a turn in any case.

Neither a generator that never waits nor a server's `send` need ever suspend, and without that nothing tells that the
client has left (uvicorn's `send` then returns at once), and no other request goes on.
"""

Write = Callable[[bytes], Awaitable[object]]
"""What writes one piece; returns when there is room for the next. Raises ClientDisconnect when the client has left."""

_END = object()


async def prime(response: Response, request: Request, threads: Threads | None) -> None:
    """Await a stream's first piece, so that what fails before it is still an ordinary exception.

    Raises what the stream raises, after closing it. A stream is primed once. Without `threads` there may be no event
    loop: then an async stream is left as it is. A response whose body depends on the request is completed.
    """
    await complete(response, request, threads)
    stream: Any = response.stream
    if stream is None or isinstance(stream, _Primed | _PrimedPlain | FileBody):
        return
    if threads is None:
        if not is_async_stream(stream):
            response.stream = None
            response.stream = _PrimedPlain(stream)
        return
    pieces = iterate(stream, request, threads)
    try:
        first = await _First(pieces, request)
    except BaseException:
        response.stream = None
        await pieces.aclose()
        raise
    response.stream = _Primed(first, pieces)


async def complete(response: Response, request: Request, threads: Threads | None) -> None:
    """Complete a response whose body depends on the request, before others see it; any other is left as it is."""
    pending = response.stream
    if not isinstance(pending, PendingBody):
        return
    if threads is None:
        pending.complete(request, response)
        return
    # When the request is cancelled the thread may be opening the file still. Only after that is it known what is there
    # to be closed.
    busy = threading.Lock()
    given_up = False

    def open_it() -> None:
        with busy:
            if not given_up:
                pending.complete(request, response)

    def give_up() -> None:
        nonlocal given_up
        with busy:
            given_up = True

    try:
        await threads.run(request, open_it)
    except asyncio.CancelledError:
        await to_the_end(threads.run(request, give_up))
        raise


class _First:
    """Awaits the first piece of a stream: None if it has none, or if the client left meanwhile and it was cancelled.

    The departure is watched for only when the piece isn't there at once. Awaited in the task that the stream runs in.
    """

    def __init__(self, pieces: AsyncGenerator[bytes, None], request: Request) -> None:
        self._pieces = pieces
        self._request = request
        self._left = False

    def __await__(self) -> Generator[Any, Any, bytes | None]:
        step = anext(self._pieces, None).__await__()
        try:
            waited = next(step)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        task = asyncio.current_task()
        assert task is not None
        watch = asyncio.create_task(self._watch(task))
        try:
            while True:
                try:
                    answer = yield waited
                except BaseException as error:
                    waited = step.throw(error)
                else:
                    waited = step.send(answer)
        except StopIteration as done:
            if self._left:
                task.uncancel()
            return done.value  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            if not self._left:
                raise
            task.uncancel()
            return None
        finally:
            watch.cancel()

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        await self._request.carrier.wait_disconnect(self._request)
        self._left = True
        task.cancel()


class _Primed:
    """A stream whose first piece has been taken already."""

    def __init__(self, first: bytes | None, rest: AsyncGenerator[bytes, None]) -> None:
        self._first = first
        self._rest = rest

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        first, self._first = self._first, None
        return first if first is not None else await anext(self._rest)

    async def athrow(self, error: BaseException) -> Any:
        return await self._rest.athrow(error)

    async def aclose(self) -> None:
        await self._rest.aclose()


class _PrimedPlain:
    """A plain stream whose first piece was taken without a loop.

    The others may be wanted elsewhere: a plain handler behind a plain layer gives its stream to who sends on the loop,
    and that has a worker thread advance it.
    """

    def __init__(self, stream: Iterable[Any]) -> None:
        self._stream = stream
        self._source = iter(stream)
        try:
            self._first: bytes | None = next(filter(None, map(_as_bytes, self._source)), None)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        first, self._first = self._first, None
        return first if first is not None else next(self._source)

    def close(self) -> None:
        _close_plain(self._source, self._stream)


def is_async_stream(stream: object) -> bool:
    """Whether advancing a stream may need an event loop; its looks may deceive, and then it says so itself."""
    needs_loop: bool = getattr(stream, "needs_loop", hasattr(stream, "__aiter__"))
    return needs_loop


def iterate(
    stream: Any, request: Request | None, threads: Threads | None, encode: Callable[[Any], bytes] | None = None
) -> AsyncGenerator[bytes, None]:
    """The pieces of any stream as bytes; empty ones are left out.

    A plain iterable is advanced in a worker thread, or right here without `threads`. A cancellation thrown in at a
    `yield` (`throw_in`) is handed on to an async generator; the stream is closed at the end, whichever way that comes.
    If it is cancelled, that is the failure of its request. Pieces are made into bytes by `encode`; without it, raises
    TypeError for one that is neither text nor bytes.
    """
    pieces = _iterate(stream, request, threads, encode)
    return Pushing(stream, request, pieces) if isinstance(stream, SelfWriting) else pieces


class SelfWriting(ABC):
    """A stream that can write its pieces by itself, and be iterated too. A class, for a user's may have a `push`."""

    @abstractmethod
    async def push(self, write: Write) -> None:
        """Write everything; raises ClientDisconnect if `write` does."""


class Pushing(AsyncGenerator[bytes, None]):
    """The pieces of a stream that can write them by itself: to be pushed, or iterated like any other."""

    def __init__(self, stream: Any, request: Request | None, pieces: AsyncGenerator[bytes, None]) -> None:
        self._stream = stream
        self._request = request
        self._pieces = pieces
        self._is_pushed = False

    async def push(self, write: Write) -> None:
        """Have everything written; raises what the stream raises, and ClientDisconnect if `write` does."""
        self._is_pushed = True
        try:
            await self._stream.push(write)
        except (asyncio.CancelledError, ClientDisconnect) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            _note_cancellation(self._request, error if cancelled else asyncio.CancelledError("the client left"))
            raise

    async def asend(self, value: None) -> bytes:
        return await self._pieces.asend(value)

    async def athrow(self, *error: Any) -> Any:
        if self._is_pushed:
            await self.aclose()
        else:
            await self._pieces.athrow(*error)

    async def aclose(self) -> None:
        if self._is_pushed:
            await self._stream.aclose()
        else:
            await self._pieces.aclose()


def _note_cancellation(request: Request | None, cancelled: BaseException) -> None:
    if request is not None and request.after_callbacks is not None:
        request.failure = cancelled


async def _iterate(
    stream: Any, request: Request | None, threads: Threads | None, encode: Callable[[Any], bytes] | None
) -> AsyncGenerator[bytes, None]:
    plain = not hasattr(stream, "__aiter__")
    if plain:
        source = _direct(stream) if threads is None else _in_worker(stream, request, threads)
    else:
        source = aiter(stream)
    try:
        async for piece in source:
            if encode is not None:
                data = encode(piece)
            else:
                data = piece if piece.__class__ is bytes else _as_bytes(piece)
            if data:
                try:
                    yield data
                except asyncio.CancelledError as cancelled:
                    await _cancel(source, cancelled)
                    raise
    except asyncio.CancelledError as cancelled:
        _note_cancellation(request, cancelled)
        raise
    finally:
        try:
            await close_stream(source)
        finally:
            if not plain and source is not stream:
                await close_stream(stream)


async def throw_in(pieces: Any, cancelled: asyncio.CancelledError) -> None:
    """Let an async generator see a cancellation that came between two of its pieces, and end there."""
    athrow = getattr(pieces, "athrow", None)
    if athrow is not None:
        try:
            await athrow(cancelled)
        except (asyncio.CancelledError, StopAsyncIteration, ClientDisconnect):
            pass


def _as_bytes(piece: Any) -> bytes:
    if isinstance(piece, str):
        return piece.encode()
    try:
        return bytes(memoryview(piece))
    except TypeError:
        raise TypeError(
            f"a stream gave a {type(piece).__name__}; its pieces are str or bytes, and NDJSONResponse or EventStream "
            "send data"
        ) from None


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
