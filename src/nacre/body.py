"""The request body: received once, kept, replayed, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import aclosing
from types import CoroutineType, coroutine
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from nacre.errors import BodyConsumed, ClientDisconnect, ContentTooLarge, RequestTimeout

_JOINED_MAX = 4096

T = TypeVar("T")

_SLOWEST = 500
"""How many bytes of a body make up for a second of waiting, as in Apache's mod_reqtimeout."""


class BodySource(Protocol):
    """Where a transport's bytes come from."""

    async def read(self) -> bytes:
        """The next bytes that arrived; b"" at the end and ever after.

        Raises ClientDisconnect when the peer goes away before the end.

        A source that has a true attribute `ended` knows that `read` would return b"" now, and need not be asked.
        """
        ...


class _Cap:
    """How many bytes may be received, who says so, and how many have been."""

    __slots__ = ("limit", "name", "size")

    def __init__(self, limit: int, name: str, size: int) -> None:
        self.limit = limit
        self.name = name
        self.size = size

    def exceeded(self) -> ContentTooLarge:
        return ContentTooLarge(f"the body is larger than {self.limit} bytes, which {self.name} allows here")


class Body(Struct, eq=False):
    """One request's body, whichever layer reads it first.

    `read` and the replaying `chunks` keep what arrives, up to `limit` bytes (None: no limit), so that everyone after
    them gets the same bytes, and everyone beside them too: one reader receives, the others look at what it has kept.
    `stream` keeps nothing. The limit counts received bytes, so a length the client declares can only make the refusal
    earlier.

    Who reads waits for the client no longer than `timeout` seconds (None: as long as it takes), and what is kept must
    come at 500 bytes a second on the whole: a second of waiting is made up for by as many. Else what `late` makes is
    raised, here and for all later readers. Nothing is timed while what is read has arrived already.

    PERF: a `Struct`, since its fields are filled in C (see `Request`).
    """

    source: BodySource
    declared: int | None = None
    limit: int | None = None
    timeout: float | None = None
    late: Callable[[], Exception] = RequestTimeout
    _behind: float = 0.0
    """The seconds that the client has used up of `timeout`, below 0."""
    _data: bytes | None = None
    _kept: list[bytes] = []
    _size: int = 0
    _streaming: bool = False
    _receiving: list[asyncio.Future[None]] | None = None
    """Those who wait for the one that receives; None while nobody does."""
    _failure: Callable[[], Exception] | None = None
    _too_long_to_keep: int | None = None
    _cap: _Cap | None = None

    async def read(self) -> bytes:
        """All of the body; the same object at every call.

        Raises ContentTooLarge over the limit, BodyConsumed after a `stream` has begun, ClientDisconnect.
        """
        if self._data is None:
            self._refuse_if_streamed()
            self._refuse_if_declared_too_large()
            while self._data is None:
                received = self._receive(self.limit)
                if type(received) is CoroutineType:
                    await received
                if self._data is None:
                    self._refuse_if_streamed()
        return self._data

    def cap(self, limit: int, name: str) -> None:
        """Let nobody receive more than `limit` bytes, not even by `stream`; what was kept before counts as well.

        Who receives the byte over it gets ContentTooLarge, which says that `name` allows no more; so do all later
        readers. Of several caps the lowest counts. Raises ContentTooLarge at once if more is declared or here.
        """
        if self._cap is not None and self._cap.limit <= limit:
            return
        size = self._size if self._data is None else len(self._data)
        self._cap = _Cap(limit, name, size if self._cap is None else self._cap.size)
        if self._cap.size > limit or (self._data is None and self.declared is not None and self.declared > limit):
            raise self._cap.exceeded()

    def _count(self, cap: _Cap, chunk: bytes) -> None:
        cap.size += len(chunk)
        if cap.size > cap.limit:
            self._failure = cap.exceeded
            self._kept = []
            raise cap.exceeded()

    async def in_one_piece(self, keep: int) -> bytes | None:
        """All of the body, if it is there or comes in one piece of at most `keep` bytes.

        Else None, and `chunks` has all of it. PERF: most forms come so, and this takes half the time (bench/parts.py).
        """
        untouched = self._data is None and not self._kept and not self._streaming and self._receiving is None
        if untouched and self.declared is not None and self.declared <= keep:
            self._refuse_if_declared_too_large()
            await self._received(self.limit)
            self._refuse_if_streamed()
        return self._data

    async def chunks(self, keep: int | None = None) -> AsyncGenerator[bytes, None]:
        """The body piece by piece, from its start, kept for later readers while it fits the limit.

        A body over the limit, or over `keep` bytes, is still delivered here to its end; only who comes after can't have
        it again.
        """
        bound = self.limit if keep is None or (self.limit is not None and self.limit < keep) else keep
        at = passed = size = 0
        while self._data is None:
            kept = self._kept
            while at + 1 < len(kept) and passed + len(kept[at]) <= size:  # the last one may still grow
                passed += len(kept[at])
                at += 1
            if kept and passed + len(kept[at]) > size:
                chunk = kept[at][size - passed :]
                size += len(chunk)
                yield chunk
                continue
            self._refuse_if_streamed()
            received = await self._received(bound)
            # It was one too many, and what is left is for this reader alone.
            while received and self._streaming:
                yield received
                received = await self._received(bound)
                if not received:
                    return
        if rest := self._data[size:]:
            yield rest

    async def chunks_within_limit(self, keep: int) -> AsyncGenerator[bytes, None]:
        """The same as `chunks`, but raises ContentTooLarge instead of going over the limit.

        What is known to be larger than `keep` isn't kept at all.
        """
        self._refuse_if_declared_too_large()
        is_known = self._data is None and self.declared is not None and self.declared > keep
        size = 0
        async with aclosing(self.stream() if is_known else self.chunks(keep)) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if self.limit is not None and size > self.limit:
                    raise self._too_large()
                if size > keep:
                    self._too_long_to_keep = keep
                yield chunk

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body piece by piece without keeping it, whatever its size; replayed if it was read before.

        Raises BodyConsumed if a stream was begun already, ClientDisconnect.
        """
        while self._receiving is not None:
            await self._received(self.limit)
        if self._data is not None:
            if self._data:
                yield self._data
            return
        self._refuse_if_streamed()
        self._streaming = True
        kept, self._kept = self._kept, []
        for chunk in kept:
            yield chunk
        while chunk := await self._next():
            self._behind = 0.0  # slow streams may be meant
            if self._cap is not None:
                self._count(self._cap, chunk)
            yield chunk

    def _receive(self, bound: int | None) -> bytes | Coroutine[Any, Any, bytes | None]:
        """Receive the next chunk and keep it while all are within `bound`; b"" at the end.

        What isn't there yet is to be awaited; that gives None after waiting for another reader that did so.

        PERF: most bodies are there at once, in one piece: no coroutine but the source's is needed then, and no timer.
        """
        if self._failure is not None:
            raise self._failure()
        if self._receiving is not None:
            return self._turn(self._receiving)
        reading = self.source.read()
        try:
            awaited = reading.send(None)
        except StopIteration as stop:
            return self._take(stop.value, bound)
        except ClientDisconnect as error:
            self._break_off(error)
            raise
        return self._wait(reading, awaited, bound)

    async def _received(self, bound: int | None) -> bytes | None:
        received = self._receive(bound)
        if type(received) is CoroutineType:
            return await received  # type: ignore[no-any-return]
        return received  # type: ignore[return-value]

    async def _turn(self, waiting: list[asyncio.Future[None]]) -> None:
        """Wait until the one that receives has done so."""
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        await turn

    async def _wait(self, reading: Coroutine[Any, Any, bytes], awaited: Any, bound: int | None) -> bytes:
        """Receive by what has begun to wait, while others wait for it."""
        self._receiving = []
        try:
            chunk = await self._in_time(reading, awaited)
        except ClientDisconnect as error:
            self._break_off(error)
            raise
        finally:
            waiting, self._receiving = self._receiving, None
            for turn in waiting:
                if not turn.done():
                    turn.set_result(None)
        return self._take(chunk, bound)

    def _take(self, chunk: bytes, bound: int | None) -> bytes:
        """Keep a chunk that was received, or note that it was the end."""
        if not chunk:
            if not self._streaming:
                self._complete()
            return chunk
        if self._cap is not None:
            self._count(self._cap, chunk)
        # PERF: to ask once more at the end costs a coroutine or two (bench/parts.py).
        ended = getattr(self.source, "ended", False)
        if ended and not self._size and not self._streaming and (bound is None or len(chunk) <= bound):
            self._data = chunk
            return chunk
        self._keep(chunk, bound)
        if ended and not self._streaming:
            self._complete()
        return chunk

    def _break_off(self, error: ClientDisconnect) -> None:
        """Note for all later readers that the client has gone."""
        text = str(error)
        self._failure = lambda: ClientDisconnect(text)

    async def _next(self) -> bytes:
        """The next bytes of the source, in time."""
        reading = self.source.read()
        try:
            awaited = reading.send(None)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        return await self._in_time(reading, awaited)

    async def _in_time(self, reading: Coroutine[Any, Any, bytes], awaited: Any) -> bytes:
        """What a coroutine that has begun to wait reads."""
        if self.timeout is None:
            return await go_on(reading, awaited)
        loop = asyncio.get_running_loop()
        began = loop.time()
        limit = _Limit(loop, self.timeout + self._behind)
        try:
            chunk = await go_on(reading, awaited)
        except asyncio.CancelledError:
            if limit.end():
                self._failure = self.late
                raise self.late() from None
            raise
        except BaseException:
            limit.end()
            raise
        limit.end()
        self._behind = min(0.0, self._behind - (loop.time() - began) + len(chunk) / _SLOWEST)
        return chunk

    def _keep(self, chunk: bytes, bound: int | None) -> None:
        self._size += len(chunk)
        if self._streaming or (bound is not None and self._size > bound):
            self._kept, self._streaming = [], True
        else:
            add_piece(self._kept, chunk)

    def _complete(self) -> None:
        self._data = self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
        self._kept = []

    def _refuse_if_declared_too_large(self) -> None:
        if self._data is None and self.limit is not None and self.declared is not None and self.declared > self.limit:
            raise self._too_large()

    def _refuse_if_streamed(self) -> None:
        if self._cap is not None and self._cap.size > self._cap.limit:
            raise self._cap.exceeded()
        if not self._streaming:
            return
        if self.limit is not None and self._size > self.limit:
            raise self._too_large()
        if self._too_long_to_keep:
            raise BodyConsumed(
                f"the form is larger than {self._too_long_to_keep} bytes, so its body was not kept and can't be read "
                "again; raise `FormLimits.memory`, or read it with `await request.body()` before `request.form()`"
            )
        raise BodyConsumed(
            "the request body was streamed and not kept, so it can't be read again; "
            "read it with `await request.body()` before streaming, or stream it only once"
        )

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"the body is larger than {self.limit} bytes, which `max_body` allows here")


class _Limit:
    """Cancels what the running task waits for, after so many seconds.

    PERF: `asyncio.timeout` does the same for 28,000 instructions, this for 10,000 (uvloop); on Granian every body that
    comes by ASGI is waited for.
    """

    __slots__ = ("_before", "_passed", "_task", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._before = task.cancelling()
        self._passed = False
        self._timer = loop.call_later(seconds, self._pass)

    def _pass(self) -> None:
        self._passed = True
        self._task.cancel()

    def end(self) -> bool:
        """Let go of the task. True if it was cancelled here and nowhere else: that cancellation ends here."""
        self._timer.cancel()
        return self._passed and self._task.uncancel() <= self._before


def begin(awaitable: Awaitable[T]) -> Coroutine[Any, Any, T]:
    """What can be begun by `send(None)`, which ends with StopIteration if nothing has to be waited for."""
    return awaitable if type(awaitable) is CoroutineType else _awaited(awaitable)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


@coroutine
def go_on(begun: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Await a coroutine that has been begun, and waits for `awaited`."""
    while True:
        try:
            yield awaited
        except BaseException as error:
            try:
                awaited = begun.throw(error)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
        else:
            return (yield from begun)  # type: ignore[no-any-return]


def add_piece(pieces: list[bytes], piece: bytes) -> None:
    """Add what was received to what was before; small pieces are put together.

    A client that sends single bytes would have each take forty times its size.
    """
    if pieces and len(pieces[-1]) + len(piece) <= _JOINED_MAX:
        pieces[-1] += piece
    else:
        pieces.append(piece)
