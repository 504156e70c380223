"""What becomes of one request: when it began, how it was answered, how much of that was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

from msgspec import Struct

from nacre.pieces import close_stream
from nacre.request import Request
from nacre.response import Response
from nacre.streams import is_async_stream


class Log(Protocol):
    """Whoever writes of visits."""

    def end(self, visit: Visit) -> None: ...


class Visit(Struct, eq=False):
    """One request on its way; called at its end.

    `quiet` says of a callback after the response that it runs no code of the application that has the request. Who
    watches for late changes of a session need not, if all callbacks say so.
    """

    request: Request
    log: Log
    began: float
    quiet: bool
    status: int = 0
    sent: int = 0
    ended: bool = False
    failed: bool = False
    user: Any = None

    inline = True  # without an annotation it is no field

    def answered(self, response: Response) -> None:
        """Take the response that is about to be sent, and count the bytes of its stream."""
        self.status = status = response.status
        stream, is_head = response.stream, self.request.method == "HEAD"
        self.ended = stream is None or is_head
        if stream is None:
            self.sent = 0 if is_head or status in (204, 304) else len(response.body)
        elif is_head or (status == 101 and self.request.websocket is not None):
            pass
        elif hasattr(stream, "__aiter__"):
            response.stream = _CountedAsync(stream, self)
        else:
            response.stream = _Counted(stream, self)

    @property
    def outcome(self) -> str:
        """How the request ended."""
        if self.request.websocket is not None and self.status == 101:
            return "disconnected" if self.request.websocket.close_code == 1006 else "complete"
        if self.ended:
            return "complete"
        if self.failed:
            return "failed"
        return "disconnected" if self.status else "cancelled"

    @property
    def close_code(self) -> int | None:
        """The code that a WebSocket was closed with."""
        websocket = self.request.websocket
        return None if websocket is None or self.status != 101 else websocket.close_code

    def __call__(self) -> None:
        self.log.end(self)


class _Counted:
    """A plain stream whose bytes are counted."""

    def __init__(self, stream: Any, visit: Visit) -> None:
        self._stream = stream
        self._visit = visit

    def __iter__(self) -> Iterator[Any]:
        try:
            for piece in self._stream:
                self._visit.sent += _size(piece)
                yield piece
        except Exception:
            self._visit.failed = True
            raise
        self._visit.ended = True

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class _CountedAsync:
    """An async stream whose bytes are counted."""

    def __init__(self, stream: Any, visit: Visit) -> None:
        self._stream = stream
        self._source: Any = stream
        self._visit = visit
        self.needs_loop = is_async_stream(stream)

    def __aiter__(self) -> AsyncIterator[Any]:
        self._source = aiter(self._stream)
        return self

    async def __anext__(self) -> Any:
        try:
            piece = await anext(self._source)
        except StopAsyncIteration:
            self._visit.ended = True
            raise
        except Exception:
            self._visit.failed = True
            raise
        self._visit.sent += _size(piece)
        return piece

    async def athrow(self, error: BaseException) -> Any:
        athrow = getattr(self._source, "athrow", None)
        if athrow is None:
            raise error
        return await athrow(error)

    async def aclose(self) -> None:
        await close_stream(self._source)
        if self._source is not self._stream:
            await close_stream(self._stream)


def _size(piece: Any) -> int:
    return len(piece.encode()) if isinstance(piece, str) else memoryview(piece).nbytes
