"""The request body: received once, kept, replayed, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Protocol

from nacre.errors import BodyConsumed, ClientDisconnect, ContentTooLarge


class BodySource(Protocol):
    """Where a transport's bytes come from."""

    async def read(self) -> bytes:
        """The next bytes that arrived; b"" at the end and ever after.

        Raises ClientDisconnect when the peer goes away before the end.

        A source that has a true attribute `ended` knows that `read` would return b"" now, and need not be asked.
        """
        ...


class Body:
    """One request's body, whichever layer reads it first.

    `read` and the replaying `chunks` keep what arrives, up to `limit` bytes (None: no limit), so that everyone after
    them gets the same bytes, and everyone beside them too: one reader receives, the others look at what it has kept.
    `stream` keeps nothing. The limit counts received bytes, so a length the client declares can only make the refusal
    earlier.
    """

    __slots__ = ("_data", "_failure", "_kept", "_receiving", "_size", "_source", "_streaming", "declared", "limit")

    def __init__(self, source: BodySource, declared: int | None = None, limit: int | None = None) -> None:
        self._source = source
        self._data: bytes | None = None
        self._kept: list[bytes] = []
        self._size = 0
        self._streaming = False
        self._receiving: list[asyncio.Future[None]] | None = None
        self._failure: str | None = None
        self.declared = declared
        self.limit = limit

    async def read(self) -> bytes:
        """All of the body; the same object at every call.

        Raises ContentTooLarge over the limit, BodyConsumed after a `stream` has begun, ClientDisconnect.
        """
        if self._data is None:
            self._refuse_if_streamed()
            if self.limit is not None and self.declared is not None and self.declared > self.limit:
                raise self._too_large()
            while self._data is None:
                await self._receive()
                self._refuse_if_streamed()
        return self._data

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body piece by piece, from its start, kept for later readers while it fits the limit.

        A body over the limit is still delivered here to its end; only who comes after can't have it again.
        """
        count = size = 0
        while self._data is None:
            if count >= len(self._kept):
                self._refuse_if_streamed()
                chunk = await self._receive()
                if chunk and self._streaming:  # it was one too many, and what is left is for this reader alone
                    while chunk:
                        yield chunk
                        chunk = await self._source.read()
                    return
            else:
                chunk, count = self._kept[count], count + 1
                size += len(chunk)
                yield chunk
        if rest := self._data[size:]:
            yield rest

    async def chunks_within_limit(self) -> AsyncGenerator[bytes, None]:
        """The same as `chunks`, but raises ContentTooLarge instead of going over the limit."""
        if self._data is None and self.limit is not None and self.declared is not None and self.declared > self.limit:
            raise self._too_large()
        size = 0
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                size += len(chunk)
                if self.limit is not None and size > self.limit:
                    raise self._too_large()
                yield chunk

    async def stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece without keeping it, whatever its size; replayed if it was read before.

        Raises BodyConsumed if a stream was begun already, ClientDisconnect.
        """
        while self._receiving is not None:
            await self._receive()
        if self._data is not None:
            if self._data:
                yield self._data
            return
        self._refuse_if_streamed()
        self._streaming = True
        kept, self._kept = self._kept, []
        for chunk in kept:
            yield chunk
        while chunk := await self._source.read():
            yield chunk

    async def _receive(self) -> bytes | None:
        """Receive and keep the next chunk, b"" at the end; None after waiting for another reader that did so."""
        if self._failure is not None:
            raise ClientDisconnect(self._failure)
        if self._receiving is not None:
            turn = asyncio.get_running_loop().create_future()
            self._receiving.append(turn)
            await turn
            return None
        self._receiving = []
        try:
            chunk = await self._source.read()
        except ClientDisconnect as error:
            self._failure = str(error)
            raise
        finally:
            waiting, self._receiving = self._receiving, None
            for turn in waiting:
                if not turn.done():
                    turn.set_result(None)
        if chunk:
            self._keep(chunk)
            # PERF: most bodies come in one piece, and to ask once more costs two coroutines (bench/parts.py).
            if not self._streaming and getattr(self._source, "ended", False):
                self._complete()
        elif not self._streaming:
            self._complete()
        return chunk

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._streaming or (self.limit is not None and self._size > self.limit):
            self._kept, self._streaming = [], True
        else:
            self._kept.append(chunk)

    def _complete(self) -> None:
        self._data = self._kept[0] if len(self._kept) == 1 else b"".join(self._kept)
        self._kept = []

    def _refuse_if_streamed(self) -> None:
        if not self._streaming:
            return
        if self.limit is not None and self._size > self.limit:
            raise self._too_large()
        raise BodyConsumed(
            "the request body was streamed and not kept, so it can't be read again; "
            "read it with `await request.body()` before streaming, or stream it only once"
        )

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(f"the body is larger than {self.limit} bytes, which `max_body` allows here")
