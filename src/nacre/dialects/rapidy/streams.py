"""A request's body as it arrives, with the methods of aiohttp's reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nacre.dialects.rapidy.web_exceptions import HTTPBadRequest, HTTPRequestEntityTooLarge
from nacre.request import Request

LONGEST_LINE = 2**17
"""In bytes; what comes in one piece may be longer by that piece."""


class IncompleteBody(HTTPBadRequest, asyncio.IncompleteReadError):
    """What `readexactly` raises: a 400 where nobody catches it, and asyncio's error that programs catch."""

    headers: Any

    def __init__(self, partial: bytes, expected: int) -> None:
        super().__init__(text="400: the body is shorter than expected")
        self.partial, self.expected = partial, expected


class StreamReader:
    """Reads the body of one request piece by piece, of any size; `read(-1)` waits for all of it."""

    def __init__(self, native: Request) -> None:
        self._pieces = native.stream()
        self._kept = bytearray()
        self._ended = False

    async def _more(self) -> bool:
        """Receive one more piece; False at the end."""
        if not self._ended:
            piece = await anext(self._pieces, None)
            self._ended = piece is None
            self._kept += piece or b""
        return not self._ended

    def _take(self, count: int) -> bytes:
        taken = bytes(self._kept[:count])
        del self._kept[:count]
        return taken

    def at_eof(self) -> bool:
        """Whether all was read."""
        return self._ended and not self._kept

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes, as soon as there are any; all that is left for -1."""
        while (n < 0 or not self._kept) and await self._more():
            pass
        return self._take(len(self._kept) if n < 0 else n)

    async def readany(self) -> bytes:
        """What has arrived, or the next piece."""
        return await self.read(max(len(self._kept), 1) if self._kept else 1 << 30)

    async def readexactly(self, n: int) -> bytes:
        """Exactly `n` bytes. Raises IncompleteBody if the body ends before."""
        while len(self._kept) < n and await self._more():
            pass
        if len(self._kept) < n:
            raise IncompleteBody(self._take(len(self._kept)), n)
        return self._take(n)

    async def readline(self) -> bytes:
        """One line with its end, as `readuntil` gives it."""
        return await self.readuntil(b"\n")

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """All before a separator, with it; what is left if none comes.

        Raises HTTPRequestEntityTooLarge for more than `LONGEST_LINE` bytes without one.
        """
        seen = 0
        while (end := self._kept.find(separator, max(0, seen - len(separator)))) < 0:
            seen = len(self._kept)
            if seen > LONGEST_LINE:
                # SECURITY: a body that never ends a line would be kept whole, and bodies have any size here.
                raise HTTPRequestEntityTooLarge(LONGEST_LINE)
            if not await self._more():
                return self._take(seen)
        return self._take(end + len(separator))

    async def readchunk(self) -> tuple[bytes, bool]:
        """The next piece, and whether the client has ended a piece of its own there, which nothing tells."""
        return await self.readany(), False

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The pieces as they come."""
        while piece := await self.readany():
            yield piece

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        """The pieces as `readchunk` gives them."""
        async for piece in self.iter_any():
            yield piece, False

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Pieces of at most `n` bytes."""
        while piece := await self.read(n):
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await self.readline():
            yield line
