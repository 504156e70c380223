"""Files as responses."""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO

from nacre.errors import NotFound
from nacre.response import HeaderInput, Response

_PIECE = 64 * 1024

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
    """A file, read in a worker thread as it is sent, and closed exactly once.

    The content type follows from the ending unless given. `max_age` (seconds) becomes `Cache-Control: max-age`. The
    file is opened when the chain settles the response: a missing one, a directory or one without permission to read is
    then a 404. Whether a client may name the path is for the caller to decide; nothing is checked here.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        content_type: str | None = None,
        max_age: int | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        name = os.fspath(path)
        super().__init__(
            None, status, headers, content_type=content_type or guess_content_type(name), background=background
        )
        if max_age is not None:
            self.headers.set("cache-control", f"max-age={int(max_age)}")
        self.stream = _Reader(name, self)


class _Reader:
    """A file's bytes; opened with the first piece, whose response then learns the length."""

    def __init__(self, name: str, response: Response) -> None:
        self._name = name
        self._response: Response | None = response
        self._file: BinaryIO | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._file is None:
            self._file = self._open()
        piece = self._file.read(_PIECE)
        if not piece:
            raise StopIteration
        return piece

    def _open(self) -> BinaryIO:
        response, self._response = self._response, None
        if response is None:
            raise RuntimeError("the file was closed before it was read")
        try:
            file = open(self._name, "rb")  # noqa: SIM115 - closed by `close`
        except (OSError, ValueError):  # ValueError: NUL in the name
            raise NotFound from None
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            file.close()
            raise NotFound
        response.headers.set("content-length", status.st_size)
        return file

    def close(self) -> None:
        self._response = None
        if self._file is not None:
            self._file.close()


def send_file(
    path: str | os.PathLike[str], *, content_type: str | None = None, max_age: int | None = None, status: int = 200
) -> FileResponse:
    """A response that sends a file; see `FileResponse`."""
    return FileResponse(path, status, content_type=content_type, max_age=max_age)
