"""Text in other encodings than UTF-8: whole, or piece by piece."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

from nacre.headers import TOKEN
from nacre.media import parse_media_type
from nacre.pieces import close_stream


def is_charset(name: str) -> bool:
    """Whether Python can encode text under this name, and the name may stand in a header."""
    if not name or name.rstrip(TOKEN):
        return False
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return False
    return True


def is_same_charset(one: str, other: str) -> bool:
    """Whether two names, which may be spelled differently, are of one charset."""
    return codecs.lookup(one).name == codecs.lookup(other).name


def with_charset(content_type: str, charset: str) -> str:
    """A content type with this charset in place of the one it had."""
    parsed = parse_media_type(content_type)
    others = [f"{name}={_quoted(value)}" for name, value in parsed.params if name != "charset"]
    return "; ".join([parsed.essence, *others, f"charset={charset}"])


def _quoted(value: str) -> str:
    if value and not value.rstrip(TOKEN):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def encode_pieces(stream: Any, charset: str) -> Any:
    """A stream, plain or async, whose text is in this charset; pieces that are bytes pass as they are."""
    return _AsyncPieces(stream, charset) if hasattr(stream, "__aiter__") else _Pieces(stream, charset)


class _Encoder:
    """Encodes one text that comes in pieces: a byte order mark comes once, and a shift state is ended."""

    def __init__(self, charset: str) -> None:
        self._encoder = codecs.getincrementalencoder(charset)()
        self.ended = False

    def encode(self, piece: Any) -> bytes:
        return self._encoder.encode(piece) if isinstance(piece, str) else bytes(piece)

    def end(self) -> bytes:
        self.ended = True
        return self._encoder.encode("", final=True)


class _Pieces:
    def __init__(self, stream: Iterable[Any], charset: str) -> None:
        self._stream = stream
        self._source: Iterator[Any] | None = None
        self._encoder = _Encoder(charset)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._source is None:
            self._source = iter(self._stream)
        if self._encoder.ended:
            raise StopIteration
        try:
            return self._encoder.encode(next(self._source))
        except StopIteration:
            return self._encoder.end()

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class _AsyncPieces:
    def __init__(self, stream: AsyncIterable[Any], charset: str) -> None:
        self._stream = stream
        self._source = aiter(stream)
        self._encoder = _Encoder(charset)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._encoder.ended:
            raise StopAsyncIteration
        try:
            return self._encoder.encode(await anext(self._source))
        except StopAsyncIteration:
            return self._encoder.end()

    async def athrow(self, error: BaseException) -> Any:
        athrow = getattr(self._source, "athrow", None)
        if athrow is not None:
            return await athrow(error)
        raise error

    async def aclose(self) -> None:
        try:
            await close_stream(self._source)
        finally:
            if self._source is not self._stream:
                await close_stream(self._stream)
