"""A request's body as a file that is read with `await`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from nacre.errors import ContentTooLarge


class BodyStream:
    """Bytes that are there, and those that are still to come. Reading raises ContentTooLarge over `limit` bytes."""

    def __init__(self, first: bytes, rest: AsyncIterator[bytes] | None = None, limit: int | None = None) -> None:
        self._buffer = bytearray(first)
        self._rest = rest
        self._limit = limit
        self._taken = len(first)

    async def read(self, n: int = -1) -> bytes:
        """Up to `n` bytes, all that is left if it is negative; b"" at the end."""
        while self._rest is not None and (n < 0 or not self._buffer):
            await self._fill()
        return self._take(len(self._buffer) if n < 0 else n)

    async def readexactly(self, n: int) -> bytes:
        """Exactly `n` bytes. Raises asyncio.IncompleteReadError if there aren't as many."""
        while self._rest is not None and len(self._buffer) < n:
            await self._fill()
        if len(self._buffer) < n:
            raise asyncio.IncompleteReadError(self._take(len(self._buffer)), n)
        return self._take(n)

    async def readline(self) -> bytes:
        """The next line with its end; at the end of the body what is left."""
        return await self._read_to(b"\n")

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """What comes next, up to the separator and with it. Raises asyncio.IncompleteReadError if it doesn't come."""
        found = await self._read_to(separator)
        if not found.endswith(separator):
            raise asyncio.IncompleteReadError(found, None)
        return found

    async def _read_to(self, separator: bytes) -> bytes:
        searched = 0
        while (at := self._buffer.find(separator, searched)) < 0 and self._rest is not None:
            searched = max(0, len(self._buffer) - len(separator) + 1)
            await self._fill()
        return self._take(len(self._buffer) if at < 0 else at + len(separator))

    async def _fill(self) -> None:
        assert self._rest is not None
        piece = await anext(self._rest, None)
        if piece is None:
            self._rest = None
            return
        self._taken += len(piece)
        if self._limit is not None and self._taken > self._limit:
            raise ContentTooLarge("the body is larger than Request.max_content_length allows")
        self._buffer += piece

    def _take(self, n: int) -> bytes:
        taken = bytes(self._buffer[:n])
        del self._buffer[:n]
        return taken
