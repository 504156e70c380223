"""The request body: received once, kept, replayed, bounded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from nacre.errors import BodyConsumed, ContentTooLarge


class BodySource(Protocol):
    """Where a transport's bytes come from."""

    async def read(self) -> bytes:
        """The next bytes that arrived; b"" at the end and ever after.

        Raises ClientDisconnect when the peer goes away before the end.
        """
        ...


class NoBody:
    """The source of a request that can have none."""

    async def read(self) -> bytes:
        return b""


class Body:
    """One request's body, whichever layer reads it first.

    `read` and the replaying `chunks` keep what arrives, up to `limit` bytes (None: no limit), so that everyone after
    them gets the same bytes; `stream` keeps nothing. The limit counts received bytes, so a length the client declares
    can only make the refusal earlier.
    """

    __slots__ = ("_data", "_kept", "_size", "_source", "_streaming", "declared", "limit")

    def __init__(self, source: BodySource, declared: int | None = None, limit: int | None = None) -> None:
        self._source = source
        self._data: bytes | None = None
        self._kept: list[bytes] = []
        self._size = 0
        self._streaming = False
        self.declared = declared
        self.limit = limit

    @property
    def untouched(self) -> bool:
        """True until somebody asks for the first byte; `100 Continue` is not sent before that."""
        return self._data is None and not self._size and not self._streaming

    async def read(self) -> bytes:
        """All of the body; the same object at every call.

        Raises ContentTooLarge over the limit, BodyConsumed after a `stream` has begun, ClientDisconnect.
        """
        if self._data is None:
            self._refuse_if_streamed()
            if self.limit is not None and self.declared is not None and self.declared > self.limit:
                raise self._too_large()
            while chunk := await self._source.read():
                if not self._keep(chunk):
                    raise self._too_large()
            self._complete()
        return self._data or b""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body piece by piece, from its start, kept for later readers while it fits the limit.

        A body over the limit is still delivered here to its end; only who comes after can't have it again.
        """
        if self._data is not None:
            if self._data:
                yield self._data
            return
        self._refuse_if_streamed()
        for chunk in tuple(self._kept):
            yield chunk
        while chunk := await self._source.read():
            self._keep(chunk)
            yield chunk
        if not self._streaming:
            self._complete()

    async def stream(self) -> AsyncIterator[bytes]:
        """The body piece by piece without keeping it, whatever its size; replayed if it was read before.

        Raises BodyConsumed if a stream was begun already, ClientDisconnect.
        """
        if self._data is not None:
            if self._data:
                yield self._data
            return
        self._refuse_if_streamed()
        self._streaming = True
        for chunk in self._kept:
            yield chunk
        self._kept = []
        while chunk := await self._source.read():
            yield chunk

    def _keep(self, chunk: bytes) -> bool:
        self._size += len(chunk)
        if self._streaming or (self.limit is not None and self._size > self.limit):
            self._kept, self._streaming = [], True
            return False
        self._kept.append(chunk)
        return True

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
