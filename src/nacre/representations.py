"""What is sent for a file: an open one with its validators, and the answer that a request's conditions and ranges make.

RFC 9110 §8.8 (validators), §12.5.3 (variants), §13 (conditions), §14 (ranges).
"""

from __future__ import annotations

import errno
import io
import os
import stat
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

from msgspec import Struct
from msgspec.structs import replace

from nacre.errors import HTTPError, NotFound
from nacre.etags import ETag, evaluate
from nacre.filebody import FileBody, read_range
from nacre.headers import MutableHeaders
from nacre.media import http_date, parse_accept, parse_http_date
from nacre.ranges import ByteRange, Multipart, requested_ranges
from nacre.request import Request
from nacre.response import Response

Opener = Callable[[str], tuple[BinaryIO, os.stat_result]]

_SMALL = 64 * 1024
"""Bytes up to which a body is read as it is opened: no second visit to a thread, and layers see it as bytes."""

_SETTLED = 2_000_000_000
"""Nanoseconds after which a file's time tells its versions apart; two seconds are the grain of FAT's times."""

_CONSTANT_TIME = 315_619_200 * 1_000_000_000
"""Times up to 2 January 1980 are those that build tools give to every file (0, 1, or the first moment of zip files)."""

# In the order of choice between those that a client likes alike: the smaller result first.
_VARIANTS = (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz"))

# RFC 9110 §15.4.5: a 304 repeats what guides caches, and nothing else about the representation.
_NOT_IN_304 = frozenset(
    {
        "accept-ranges",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-range",
        "content-type",
    }
)

# What says that there is no such file for the client. Others (no descriptor left, a failing disk) are the server's
# failure: a cache may keep a 404.
_ABSENT = frozenset(
    getattr(errno, name)
    for name in ("ENOENT", "ENOTDIR", "EISDIR", "EACCES", "EPERM", "ELOOP", "ENAMETOOLONG", "EINVAL", "ENXIO", "ENODEV")
)


class Representation(Struct, frozen=True):
    """A file that is open: the bytes of it that are the content, and how they can be told from another version's."""

    file: BinaryIO
    span: ByteRange | None
    """None for a file that can't be searched, whose length is not known."""
    etag: ETag | None = None
    modified: datetime | None = None
    encoding: str | None = None
    varies: bool = False
    """Whether clients that accept other codings may get another one."""
    path: str | None = None
    """Where a server may open it again, to send it by itself."""
    in_memory: bool = False


def represent(path: str, accept: Sequence[str] | None, open_file: Opener) -> Representation:
    """Open the file at a path, or the variant of it that a client with these `Accept-Encoding` lines likes more.

    Without `accept` no variants are looked for. `open_file` is asked for each file that may be sent and raises NotFound
    for one that may not.
    """
    file, status = open_file(path)
    try:
        for coding in _accepted_codings(accept) if accept is not None else ():
            ending = dict(_VARIANTS)[coding]
            try:
                variant, its_status = open_file(path + ending)
            except NotFound:
                continue
            # Compared by seconds: tools that copy the file's time to the variant may cut what is below.
            if int(its_status.st_mtime) >= int(status.st_mtime):
                file.close()
                return _regular(variant, its_status, path + ending, coding, varies=True)
            variant.close()
    except BaseException:
        file.close()
        raise
    return _regular(file, status, path, varies=accept is not None)


def _accepted_codings(values: Sequence[str]) -> list[str]:
    """The codings that a client prefers to the content as it is, best first (RFC 9110 §12.5.3)."""
    weights: dict[str, float] = {}
    for name, weight in parse_accept(", ".join(values)):
        weights.setdefault("gzip" if name == "x-gzip" else name, weight)
    # What is not named is acceptable and liked least, unless `*` says otherwise.
    plain = weights.get("identity", 0.0)
    liked = [(weights.get(coding, weights.get("*", 0.0)), coding) for coding, _ in _VARIANTS]
    chosen = [(weight, coding) for weight, coding in liked if weight > 0 and weight >= plain]
    return [coding for _, coding in sorted(chosen, key=lambda pair: -pair[0])]


def open_regular(path: str, *, follow: bool = True) -> tuple[BinaryIO, os.stat_result]:
    """Open a regular file for reading; `follow` says whether the path itself may be a symbolic link.

    Raises NotFound for what is missing, no regular file or not to be read, and OSError for failures of the machine.
    """
    # O_NONBLOCK: opening a named pipe would wait for somebody who writes to it.
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    if not follow:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    try:
        file = open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, flags))  # noqa: SIM115 - handed on
    except ValueError:  # NUL in the name, or characters that the file system's encoding lacks
        raise NotFound from None
    except OSError as error:
        if error.errno in _ABSENT:
            raise NotFound from None
        raise
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise NotFound
    return cast(BinaryIO, file), status


def _regular(
    file: BinaryIO, status: os.stat_result, path: str, encoding: str | None = None, *, varies: bool
) -> Representation:
    return Representation(
        file,
        ByteRange(0, status.st_size),
        *_validators(status, encoding),
        encoding=encoding,
        varies=varies,
        path=path if _is_text(path) else None,
    )


def _is_text(path: str) -> bool:
    """Whether a server that takes paths as UTF-8 can open it: names that are not UTF-8 hold surrogates in Python."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def _validators(status: os.stat_result, suffix: str | None = None) -> tuple[ETag, datetime | None]:
    """The tag and the date of a file in this state.

    The tag is made of length and time of change, in nanoseconds. It is a strong one (RFC 9110 §8.8.1), so that it
    serves for ranges too, but weak as long as the file is so young that another change might leave the same time. The
    inode is no part of it: servers that share a load balancer have different ones for one content. Nor is a hash, which
    would read the file for every request.
    """
    changed = status.st_mtime_ns
    if changed < _CONSTANT_TIME:
        changed = status.st_ctime_ns
    value = f"{changed:x}-{status.st_size:x}"
    now = time.time_ns()
    tag = ETag(f"{value}-{suffix}" if suffix else value, weak=now - changed < _SETTLED)
    # §8.8.2.1: never later than the message itself.
    return tag, datetime.fromtimestamp(min(changed, now) // 1_000_000_000, UTC)


def measure(file: BinaryIO) -> Representation:
    """What is left in an open file; its length is known if it can be searched, its version if it is a regular file."""
    seekable = getattr(file, "seekable", None)
    if seekable is None or not seekable():
        return Representation(file, None)
    start = file.tell()
    span = ByteRange(start, max(start, file.seek(0, os.SEEK_END)))
    # Others with a descriptor (GzipFile) give other bytes than the file has.
    raw: Any = getattr(file, "raw", file)
    if not isinstance(raw, io.FileIO):
        return Representation(file, span)
    status = os.fstat(raw.fileno())
    if not stat.S_ISREG(status.st_mode):
        return Representation(file, span)
    return Representation(file, span, *_validators(status, f"{start:x}" if start else None))


# The answer.


def answer(found: Representation, request: Request, response: Response) -> None:
    """Complete a response with what was opened for it, which is closed here or by the response's stream.

    Raises HTTPError for 412 and 416.
    """
    try:
        kept = _answer(found, request, response)
    except BaseException:
        found.file.close()
        raise
    if not kept:
        found.file.close()


def _answer(found: Representation, request: Request, response: Response) -> bool:
    """The same; True if the response's stream has the file now."""
    headers = response.headers
    response.stream = None
    found = _label(found, headers)
    if request.method in ("GET", "HEAD") and 200 <= response.status < 300:
        condition = evaluate(request.method, request.headers, found.etag, found.modified)
        if condition == "failed":
            raise HTTPError(status=412)
        if condition == "not modified":
            _make_not_modified(response, has_tag=found.etag is not None)
            return False
    if found.span is None:
        response.stream = FileBody(found.file, None)
        return True
    return _send(found, found.span, request, response)


def _label(found: Representation, headers: MutableHeaders) -> Representation:
    """Set the fields that say which representation this is; those that the caller has set stay and count."""
    if found.varies:
        headers.add_vary("Accept-Encoding")
    if found.encoding is not None:
        headers.set("content-encoding", found.encoding)
    if "etag" in headers:
        found = replace(found, etag=ETag.parse(headers["etag"]))
    elif found.etag is not None:
        headers.set("etag", str(found.etag))
    if "last-modified" in headers:
        found = replace(found, modified=parse_http_date(headers["last-modified"]))
    elif found.modified is not None:
        headers.set("last-modified", http_date(found.modified))
    return found


def _make_not_modified(response: Response, *, has_tag: bool) -> None:
    response.status = 304
    dropped = _NOT_IN_304 | {"last-modified"} if has_tag else _NOT_IN_304
    response.raw_headers[:] = [pair for pair in response.raw_headers if pair[0] not in dropped]


def _send(found: Representation, span: ByteRange, request: Request, response: Response) -> bool:
    """Send the content, or the parts that are asked for; True if the response's stream has the file now."""
    length = len(span)
    ranges = None
    if response.status == 200:
        response.headers.set("accept-ranges", "bytes")
        # RFC 9110 §14.2: for no other method, HEAD included.
        if request.method == "GET" and "range" in request.headers:
            ranges = requested_ranges(request.headers, length, found.etag, _strong_date(found))
    if ranges is None:
        pieces: tuple[bytes | ByteRange, ...] = (ByteRange(0, length),)
    elif not ranges:
        raise HTTPError(status=416, headers=[("content-range", f"bytes */{length}")])
    else:
        pieces = _make_partial(response, ranges, length)
    size = sum(map(len, pieces))
    response.headers.set("content-length", size)
    if request.method == "HEAD":
        return False
    pieces = tuple(_moved(piece, span.start) for piece in pieces)
    if size <= _SMALL or found.in_memory:
        response.body = b"".join(_read(found.file, piece) for piece in pieces)
        return False
    response.stream = FileBody(found.file, pieces, found.path)
    return True


def _strong_date(found: Representation) -> datetime | None:
    """The date, if it is a strong validator (RFC 9110 §8.8.2.2), which it isn't while the tag is a weak one."""
    return None if found.etag is not None and found.etag.weak else found.modified


def _make_partial(response: Response, ranges: Sequence[ByteRange], length: int) -> tuple[bytes | ByteRange, ...]:
    response.status = 206
    if len(ranges) == 1:
        response.headers.set("content-range", ranges[0].content_range(length))
        return (ranges[0],)
    multipart = Multipart.of(ranges, length, response.headers.get("content-type"))
    response.headers.set("content-type", multipart.content_type)
    return multipart.pieces


def _moved(piece: bytes | ByteRange, offset: int) -> bytes | ByteRange:
    return ByteRange(piece.start + offset, piece.stop + offset) if isinstance(piece, ByteRange) else piece


def _read(file: BinaryIO, piece: bytes | ByteRange) -> bytes:
    return b"".join(read_range(file, piece)) if isinstance(piece, ByteRange) else piece
