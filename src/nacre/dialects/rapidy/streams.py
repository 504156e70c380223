"""A request's body as it arrives, with the methods of aiohttp's reader."""

from __future__ import annotations

from collections.abc import AsyncIterator

from nacre.request import Request


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
        """Exactly `n` bytes. Raises EOFError if the body ends before."""
        while len(self._kept) < n and await self._more():
            pass
        if len(self._kept) < n:
            raise EOFError(f"the body ended {n - len(self._kept)} bytes too early")
        return self._take(n)

    async def readline(self) -> bytes:
        """One line with its end; what is left if none comes."""
        while b"\n" not in self._kept and await self._more():
            pass
        end = self._kept.find(b"\n")
        return self._take(len(self._kept) if end < 0 else end + 1)

    async def iter_any(self) -> AsyncIterator[bytes]:
        """The pieces as they come."""
        while piece := await self.readany():
            yield piece

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        """Pieces of at most `n` bytes."""
        while piece := await self.read(n):
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await self.readline():
            yield line
