"""Bodies that are read from a file, and those that depend on the request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from nacre.ranges import ByteRange
from nacre.request import Request
from nacre.response import Response

PIECE = 128 * 1024
"""Bytes that are read at a time: each costs a visit to a worker thread, and each client that reads slowly holds one."""


class FileBody:
    """Bytes of a file as the body of a response: iterated in a thread that may block, once, and closed exactly once.

    `pieces` are bytes to send as they are and ranges to read, counted from the start of the file; None is all that is
    left in a file that can't be searched. A file that has become shorter raises OSError in place of what is missing, so
    that the transport cuts the connection; one that has grown gives no byte more.

    `path` is set where a server may open the file again and send it by itself: the one piece is then a range.
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[bytes | ByteRange] | None, path: str | None = None) -> None:
        self._file: BinaryIO | None = file
        self._pieces = pieces
        self.path = path

    @property
    def span(self) -> ByteRange | None:
        """The range to send of the file at `path`, if a server may do that."""
        if self.path is None or self._pieces is None or len(self._pieces) != 1:
            return None
        piece = self._pieces[0]
        return piece if isinstance(piece, ByteRange) else None

    def __iter__(self) -> Iterator[bytes]:
        file = self._file
        if file is None:
            raise RuntimeError("the file was closed before it was read")
        if self._pieces is None:
            while piece := file.read(PIECE):
                yield piece
            return
        for part in self._pieces:
            if isinstance(part, ByteRange):
                yield from read_range(file, part)
            else:
                yield part

    def close(self) -> None:
        """Close the file; safe to call twice."""
        file, self._file = self._file, None
        if file is not None:
            file.close()


def read_range(file: BinaryIO, wanted: ByteRange) -> Iterator[bytes]:
    """The bytes of a range, piece by piece. Raises OSError if the file ends before it."""
    file.seek(wanted.start)
    left = len(wanted)
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            raise OSError(f"the file became shorter while it was sent: {left} bytes are missing")
        left -= len(piece)
        yield piece


def left_to_server(request: Request, response: Response) -> tuple[str, ByteRange] | None:
    """The path and range of the file that the server may read and send by itself, if a response is just that.

    A server takes the call and tells nothing more, neither of the last byte nor of a client that left: so this is only
    for responses whose end nobody waits for. Between our look at the file and its own another one may take its place;
    what identifies the version (ETag) is then the earlier one's.
    """
    body = response.stream
    if not isinstance(body, FileBody) or body.path is None or (span := body.span) is None:
        return None
    if request.after_callbacks is not None or response.sent_callbacks is not None or response.background is not None:
        return None
    return (body.path, span) if request.streams == [response] else None


class PendingBody:
    """A stream that stands for a body until the request says which: a range of it, a variant, or none at all.

    A response that carries one is completed by its request when the endpoint, or the layer that made it, returns it:
    those outside see it as it is sent.
    """

    reusable = False
    """Whether the response may be returned for many requests; each gets a copy of it that shares this object."""

    def complete(self, request: Request, response: Response) -> None:
        """Set the response's status, header fields, and its `body` or `stream`, which is not this object any more.

        Called once for each request, where blocking is allowed. What it raises is as if the handler had raised it; it
        has closed by then what it opened.
        """
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        """The body for who reads the response before it was completed: the function that made it."""
        raise NotImplementedError

    def close(self) -> None:
        """Close what the object holds, if it was not completed."""
