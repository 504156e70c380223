"""Files as responses: by path, as bytes, or open."""

from __future__ import annotations

import io
import mimetypes
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import blake2b
from typing import BinaryIO, cast

from nacre.disposition import content_disposition
from nacre.etags import ETag
from nacre.filebody import FileBody, PendingBody
from nacre.ranges import ByteRange
from nacre.representations import Representation, answer, measure, open_regular, represent
from nacre.request import Request
from nacre.response import HeaderInput, Response

Content = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | io.RawIOBase | io.BufferedIOBase
"""What a file response sends: the file at a path, bytes, or what can be read from an open binary file."""

_YEAR = 365 * 24 * 60 * 60

# The platform's own tables (/etc/mime.types) are left out, so that all deployments answer alike.
_TYPES = mimetypes.MimeTypes(filenames=())
_TYPES.encodings_map = {}
for _type, _ending in (
    ("text/javascript", ".js"),
    ("text/javascript", ".mjs"),
    ("application/wasm", ".wasm"),
    ("application/manifest+json", ".webmanifest"),
    ("image/avif", ".avif"),
    ("image/webp", ".webp"),
    ("font/woff", ".woff"),
    ("font/woff2", ".woff2"),
    ("application/gzip", ".gz"),
    ("text/markdown", ".md"),
):
    _TYPES.add_type(_type, _ending)


def guess_content_type(name: str) -> str:
    """The content type for a file's ending, text with `charset=utf-8`; `application/octet-stream` if unknown."""
    guessed, _ = _TYPES.guess_type(name, strict=False)
    if guessed is None:
        return "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


class FileResponse(Response):
    """A file, opened and read in a worker thread, and closed exactly once.

    `content` is the path of a file, bytes, or an open binary file, which is sent from where it stands and closed. The
    content type follows from the ending (of the path, of the name in `download`, of an open file's own) unless given.
    `download` has browsers save the file, under this name or, if True, its own (RFC 6266). `max_age` becomes
    `Cache-Control: max-age` in seconds; `immutable` adds that the content at this URL never changes, for a year if
    there is no `max_age`. With `precompressed` the files beside it that end in `.br`, `.zst` and `.gz` are sent to
    clients that take them, if they are not older; `Vary` says so.

    The response is completed by its request before layers see it. It gets `ETag` and `Last-Modified`, where it can be
    told when the content changes. If it answers GET or HEAD, a fulfilled `If-None-Match` or `If-Modified-Since` makes
    it a 304 and a failed `If-Match` or `If-Unmodified-Since` raises a 412; if its status is 200, it answers `Range`
    with 206 and one or several parts, or raises a 416 (RFC 9110 §13, §14). A missing file, a directory, or one without
    permission to read raises a 404. Whether a client may name the path is for the caller to decide; nothing is checked
    here.

    One made of a path or of bytes may be returned for many requests. One made of an open file may not: that is a
    RuntimeError at the second one.
    """

    def __init__(
        self,
        content: Content,
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        download: str | bool = False,
        max_age: int | timedelta | None = None,
        immutable: bool = False,
        precompressed: bool = False,
        background: Callable[[], object] | None = None,
    ) -> None:
        source = _source_of(content, precompressed=precompressed)
        name = source.name if isinstance(download, bool) else download
        kind = content_type or guess_content_type(name)
        super().__init__(None, status, headers, content_type=kind, background=background)
        if download:
            if not name:
                raise ValueError("what is downloaded needs a name: download='report.csv'")
            self.headers.set("content-disposition", content_disposition("attachment", name))
        if max_age is not None or immutable:
            self.headers.set("cache-control", cache_control(max_age, immutable=immutable))
        self.stream = _Pending(source)


def send_file(
    content: Content,
    *,
    content_type: str | None = None,
    download: str | bool = False,
    max_age: int | timedelta | None = None,
    immutable: bool = False,
    precompressed: bool = False,
    status: int = 200,
) -> FileResponse:
    """A response that sends a file; see `FileResponse`."""
    return FileResponse(
        content,
        status,
        content_type=content_type,
        download=download,
        max_age=max_age,
        immutable=immutable,
        precompressed=precompressed,
    )


def cache_control(max_age: int | timedelta | None, *, immutable: bool = False) -> str:
    """Write `Cache-Control`: `max-age=3600`, `max-age=31536000, immutable` (RFC 8246).

    Raises ValueError for a negative age.
    """
    seconds = int(max_age.total_seconds()) if isinstance(max_age, timedelta) else max_age
    if seconds is not None and seconds < 0:
        raise ValueError(f"max_age is a number of seconds from 0 on, not {seconds}")
    if immutable:
        return f"max-age={_YEAR if seconds is None else int(seconds)}, immutable"
    return f"max-age={int(seconds or 0)}"


# Where the content comes from.


class _PathSource:
    """The file at a path."""

    reusable = True

    def __init__(self, path: str, *, precompressed: bool) -> None:
        self._path = path
        self._precompressed = precompressed
        self.name = os.path.basename(path)

    def open(self, request: Request | None) -> Representation:
        accept = None
        if self._precompressed and request is not None:
            accept = request.headers.getlist("accept-encoding")
        return represent(self._path, accept, open_regular)

    def close(self) -> None:
        """There is nothing to close."""


class _BytesSource:
    """Bytes, whose tag is their hash."""

    reusable = True
    name = ""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._etag: ETag | None = None

    def open(self, request: Request | None) -> Representation:
        if self._etag is None:
            self._etag = ETag(blake2b(self._content, digest_size=16).hexdigest())
        span = ByteRange(0, len(self._content))
        return Representation(io.BytesIO(self._content), span, self._etag, in_memory=True)

    def close(self) -> None:
        """There is nothing to close."""


class _OpenSource:
    """An open file, which is sent from where it stands."""

    reusable = False

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        name = getattr(file, "name", None)
        self.name = os.path.basename(name) if isinstance(name, str) else ""

    def open(self, request: Request | None) -> Representation:
        file, self._file = self._file, None
        if file is None:
            raise RuntimeError("the file was closed before it was sent")
        try:
            return measure(file)
        except BaseException:
            file.close()
            raise

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _source_of(content: Content, *, precompressed: bool) -> _PathSource | _BytesSource | _OpenSource:
    if isinstance(content, str | os.PathLike):
        return _PathSource(os.fspath(content), precompressed=precompressed)
    if isinstance(content, bytes | bytearray | memoryview):
        return _BytesSource(bytes(content))
    given: object = content  # whoever uses no type checker
    if isinstance(given, io.TextIOBase) or not hasattr(given, "read"):
        what = "a file opened as text" if hasattr(given, "read") else f"a {type(given).__name__}"
        raise TypeError(f"a file response takes a path, bytes or a file opened with mode 'rb', not {what}")
    return _OpenSource(cast(BinaryIO, content))


class _Pending(PendingBody):
    """What a file response has for a body until its request has come."""

    def __init__(self, source: _PathSource | _BytesSource | _OpenSource) -> None:
        self._source = source
        self.reusable = source.reusable

    def complete(self, request: Request, response: Response) -> None:
        answer(self._source.open(request), request, response)

    def __iter__(self) -> Iterator[bytes]:
        found = self._source.open(None)
        body = FileBody(found.file, None if found.span is None else (found.span,))
        try:
            yield from body
        finally:
            body.close()

    def close(self) -> None:
        self._source.close()
