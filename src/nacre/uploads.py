"""Uploaded files: what a handler has of one, where its bytes are kept, and how it is stored for good.

Small files stay in memory. What is larger goes to a temporary file that has no name (on POSIX; elsewhere the system
deletes it with its last handle), so not even a process that is killed leaves one behind. It is written and read by the
worker threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nacre.errors import BadRequest, Conflict, InsufficientStorage
from nacre.filenames import safe_filename
from nacre.headers import Headers
from nacre.threads import is_abandoned

T = TypeVar("T")

BATCH = 256 * 1024
"""Bytes that one visit to a worker thread writes or reads: some 0.1 ms of copying, as much as the visit costs."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SEPARATORS = tuple(filter(None, (os.sep, os.altsep)))


class UploadExists(Conflict, FileExistsError):
    """409: a file of the name that an upload is to be saved under is there already."""


class Worker:
    """Runs blocking code for one request: in its worker thread, or in place where no event loop runs.

    It doesn't keep the request alive.
    """

    def __init__(self, request: Any = None) -> None:
        self._request: Callable[[], Any] = (lambda: None) if request is None else weakref.ref(request)
        self._threads = None if request is None else request.app.workers

    async def run(self, function: Callable[[], T]) -> T:
        """Run `function` and give what it returns; its exceptions come back as they are."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return function()
        if self._threads is None:
            return await asyncio.to_thread(function)
        return await self._threads.run(self._request(), function)  # type: ignore[no-any-return]

    def at_end(self, callback: Callable[[], object]) -> None:
        """Call back once the response is sent, or has failed."""
        request = self._request()
        if request is not None:
            request.after_response(callback)


class Spool:
    """A temporary file that the files of one form share, each at its place in it.

    `append` takes bytes in memory; all else blocks. Its methods may be called from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._file: Any = None
        self._closed = False
        self._users = 0
        self.size = 0

    def append(self, piece: bytes | bytearray) -> bool:
        """Take the next bytes. True when there are enough of them for `flush`."""
        self._pending += piece
        self.size += len(piece)
        return len(self._pending) >= BATCH

    @property
    def is_pending(self) -> bool:
        """Whether `flush` has anything to write."""
        return bool(self._pending)

    def flush(self) -> None:
        """Write what was taken. Raises OSError if it can't be stored."""
        with self._lock:
            if self._closed:
                raise asyncio.CancelledError("the request was cancelled")
            if self._file is None:
                import tempfile

                # SECURITY: private (0600), and without a name from the start where the system can do that (O_TMPFILE).
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by `close`
            data, self._pending = self._pending, bytearray()
            _write_all(self._file.fileno(), data)  # nobody reads before the last of it is written

    def read(self, start: int, size: int) -> bytes:
        """The bytes from `start` on. Raises ValueError after `close`."""
        with self._lock:
            self._refuse_if_closed()
            self._file.seek(start)
            pieces: list[bytes] = []
            while size > 0 and (piece := self._file.read(size)):
                pieces.append(piece)
                size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def share(self) -> None:
        """Count one more file that has its bytes here."""
        self._users += 1

    def leave(self) -> None:
        """Count one file less; the last one closes it."""
        self._users -= 1
        if not self._users:
            self.close()

    def close(self) -> None:
        """Give the temporary file back; what is in it is gone."""
        with self._lock:
            self._closed = True
            self._pending = bytearray()
            if self._file is not None:
                self._file.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError(_CLOSED)


_CLOSED = "the uploaded file is closed: its bytes are kept until the response is sent; read or save it before that"


def _write_all(descriptor: int, data: bytes | bytearray) -> None:
    """Write to a file, whatever number of calls that takes."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class UploadFile:
    """A file of a form, in memory or in a temporary file; it can be read until the response is sent.

    `filename` is the last component of the name that was sent, without control characters; None if nothing is left of
    it. It and `content_type` are the client's claims: neither says what the file is, nor where it may be stored.
    `headers` are those of its part, `size` the number of bytes.

    What is awaited here can be waited for in plain code: `wait(file.read())`. `for piece in file` is for plain code.
    """

    __slots__ = ("_data", "_position", "_spool", "_start", "_worker", "content_type", "filename", "headers", "size")

    def __init__(self, filename: str | None, content_type: str, headers: Headers, data: bytes = b"") -> None:
        self.filename = filename
        self.content_type = content_type
        self.headers = headers
        self.size = len(data)
        self._data: bytes | None = data
        self._spool: Spool | None = None
        self._start = 0
        self._position = 0
        self._worker: Worker | None = None

    @classmethod
    def received(
        cls,
        filename: str | None,
        content_type: str,
        headers: Headers,
        content: bytes | range,
        spool: Spool | None,
        by: Worker,
    ) -> UploadFile:
        """The file of a form that was received; `content` is its bytes, or their place in `spool`."""
        data = content if isinstance(content, bytes) else b""
        self = cls(filename, content_type, headers, data)
        self._worker = by
        if isinstance(content, range) and spool is not None:
            spool.share()
            self._data, self._spool, self._start, self.size = None, spool, content.start, len(content)
        return self

    async def read(self, size: int = -1) -> bytes:
        """All of the file, at every call: a layer and the handler may both read it. It is then all in memory.

        With a `size`, the next bytes, at most so many, and b"" at the end; `seek` says where they begin. Raises
        ValueError after the file is closed.
        """
        if size < 0:
            return await self._bytes(0, self.size)
        piece = await self._bytes(self._position, size)
        self._position += len(piece)
        return piece

    async def seek(self, position: int = 0) -> None:
        """Let the next `read(size)` begin so many bytes after the file's beginning."""
        if position < 0:
            raise ValueError(f"a position can't be less than 0, and is {position}")
        self._position = position

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The file in pieces, from its beginning, wherever `read` is."""
        for start in range(0, self.size, BATCH):
            yield await self._bytes(start, BATCH)

    def __iter__(self) -> Iterator[bytes]:
        """The file in pieces, for plain code: it may wait for a disk."""
        return (self._bytes_here(start, BATCH) for start in range(0, self.size, BATCH))

    @property
    def data(self) -> bytes:
        """All of the file, for plain code: it may wait for a disk, which `await file.read()` does off the loop."""
        return self._bytes_here(0, self.size)

    async def save(self, destination: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Store the file, readable for this user only (0600), and return its path.

        A `destination` that is a directory gets a file named by `safe_filename(self.filename)`; BadRequest is raised if
        that gives none. The file appears when it is complete. Raises UploadExists (a 409, and a FileExistsError) if
        there is something of this name; `overwrite` replaces a file, and a symbolic link itself, never what it points
        to. Raises InsufficientStorage (a 507, and an OSError) when the disk is full, OSError for what else fails.
        """
        return await self._away(partial(self._save, destination, overwrite))

    async def load(self) -> None:
        """Bring the file into memory, where `data` then finds it."""
        if self._data is None:
            self._data = await self.read()

    async def close(self) -> None:
        """Give back what holds the file, before the end of the request; reading it raises ValueError from then on."""
        spool, self._data, self._spool = self._spool, None, _GONE
        if spool is not None and spool is not _GONE:
            await self._away(spool.leave)

    async def _bytes(self, start: int, size: int) -> bytes:
        if self._data is not None:
            return self._bytes_here(start, size)
        return await self._away(partial(self._bytes_here, start, size))

    def _bytes_here(self, start: int, size: int) -> bytes:
        if self._data is not None:
            return self._data[start : start + size]
        assert self._spool is not None
        return self._spool.read(self._start + start, max(0, min(size, self.size - start)))

    async def _away(self, function: Callable[[], T]) -> T:
        return await (self._worker or Worker()).run(function)

    def _save(self, destination: str | os.PathLike[str], overwrite: bool) -> Path:
        saving = Saving(destination, self.filename, overwrite=overwrite)
        try:
            saving.begin()
            for piece in self:
                if is_abandoned():
                    raise asyncio.CancelledError("the request was cancelled")
                saving.write(piece)
            return saving.finish()
        finally:
            saving.close()

    def __repr__(self) -> str:
        return f"UploadFile(filename={self.filename!r}, content_type={self.content_type!r}, size={self.size})"


_GONE = Spool()
_GONE.close()


class Saving:
    """One upload on its way to its place: written under another name beside it, and moved when it is complete.

    All of it blocks. `close` is called at the end, whatever happened; what isn't finished by then is removed.
    """

    def __init__(self, destination: str | os.PathLike[str], filename: str | None, *, overwrite: bool) -> None:
        self._destination = os.fspath(destination)
        self._filename = filename
        self._overwrite = overwrite
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._temporary: str | None = None
        self._closed = False

    def begin(self) -> None:
        """Look whether it can be stored there, and create the file; raises what `UploadFile.save` says."""
        given = self._destination
        if given.endswith(_SEPARATORS) or os.path.isdir(given):
            name = safe_filename(self._filename)
            if name is None:
                raise BadRequest("the uploaded file has no name that it could be stored under")
            self._directory, self._path = given, Path(given) / name
        else:
            self._directory, self._path = os.path.dirname(given) or ".", Path(given)
        self._real = os.path.realpath(self._directory)
        if not self._overwrite and os.path.lexists(self._path):
            raise UploadExists(_EXISTS)
        import tempfile

        with self._lock:
            self._refuse_if_closed()
            # SECURITY: created by this call alone (O_EXCL), and with mode 0600 from the start, whatever the umask is.
            self._descriptor, self._temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._real)

    def write(self, data: bytes | bytearray) -> None:
        """Take the next bytes."""
        with self._lock:
            self._refuse_if_closed()
            assert self._descriptor is not None
            with _full_is_507():
                _write_all(self._descriptor, data)

    def finish(self) -> Path:
        """Put the file to its place."""
        with self._lock:
            self._refuse_if_closed()
            assert self._descriptor is not None
            assert self._temporary is not None
            descriptor, self._descriptor = self._descriptor, None
            with _full_is_507():  # some file systems only tell now
                os.close(descriptor)
            # SECURITY: the last name is one component. What is above it may have become a link to elsewhere meanwhile.
            if os.path.realpath(self._directory) != self._real:
                raise OSError(errno.ESTALE, "the directory for the upload was moved while it was being saved")
            place = os.path.join(self._real, self._path.name)
            if not self._overwrite:
                _reserve(place)
            try:
                os.replace(self._temporary, place)
            except OSError:
                if not self._overwrite:
                    os.unlink(place)
                raise
            self._temporary = None
        return self._path

    def close(self) -> None:
        """Remove what isn't finished."""
        with self._lock:
            self._closed = True
            descriptor, self._descriptor = self._descriptor, None
            temporary, self._temporary = self._temporary, None
            if descriptor is not None:
                os.close(descriptor)
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise asyncio.CancelledError("the request was cancelled")


_EXISTS = "a file of this name is stored already"


def _reserve(place: str) -> None:
    """Create an empty file, which only the one who does so then replaces; raises UploadExists for anything there."""
    try:
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise UploadExists(_EXISTS) from None


@contextlib.contextmanager
def _full_is_507() -> Generator[None]:
    """Let a full disk, a used-up quota or a file over the process's limit be an InsufficientStorage."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise InsufficientStorage("the server has no room for the uploaded file now") from error
