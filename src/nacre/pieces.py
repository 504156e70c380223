"""Bodies in pieces that are made of something else: data encoded item by item, files read block by block."""

from __future__ import annotations

import io
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Protocol

_BLOCK = 64 * 1024


class Readable(Protocol):
    """A file, or what is read like one; `close`, if it has one, is called at the end."""

    def read(self, size: int, /) -> bytes | str: ...


def is_readable(source: object) -> bool:
    """Whether it is read in blocks: a file of any kind, whose own iterator gives lines, or what only has `read`."""
    if isinstance(source, io.IOBase):
        return True
    return hasattr(source, "read") and not hasattr(source, "__iter__") and not hasattr(source, "__aiter__")


async def close_stream(stream: Any) -> None:
    """Close an iterable by its own `aclose` or `close`, whichever it has."""
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()
        return
    close_plain(stream)


def close_plain(stream: Any) -> None:
    """Close a plain iterable, if it can be closed."""
    close = getattr(stream, "close", None)
    if close is not None:
        close()


class FilePieces:
    """The blocks of a file, up to 64 KiB each, from where it stands."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        piece = self._file.read(_BLOCK)
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        close_plain(self._file)


def encoded(items: Any, encode: Callable[[Any], bytes]) -> AsyncIterable[bytes] | Iterable[bytes]:
    """The items of an iterable, plain or async, each made into bytes when it is asked for. Closing it closes them."""
    return _EncodedAsync(items, encode) if hasattr(items, "__aiter__") else _Encoded(items, encode)


class _Encoded:
    def __init__(self, items: Iterable[Any], encode: Callable[[Any], bytes]) -> None:
        self._items = items
        self._encode = encode
        self._iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self._items)
        return self._encode(next(self._iterator))

    def close(self) -> None:
        try:
            close_plain(self._iterator)
        finally:
            if self._iterator is not self._items:
                close_plain(self._items)


class _EncodedAsync:
    def __init__(self, items: AsyncIterable[Any], encode: Callable[[Any], bytes]) -> None:
        self._items = items
        self._encode = encode
        self._iterator: AsyncIterator[Any] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._iterator is None:
            self._iterator = aiter(self._items)
        return self._encode(await anext(self._iterator))

    async def athrow(self, error: BaseException) -> None:
        """Let a generator see at its `yield` why it ends."""
        athrow = getattr(self._iterator, "athrow", None)
        if athrow is not None:
            await athrow(error)

    async def aclose(self) -> None:
        try:
            await close_stream(self._iterator)
        finally:
            if self._iterator is not self._items:
                await close_stream(self._items)
