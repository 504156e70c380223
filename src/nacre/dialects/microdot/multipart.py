"""Multipart forms and uploaded files in Microdot's routes."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

from nacre.dialects.microdot.calling import invoke
from nacre.dialects.microdot.request import Request
from nacre.dialects.microdot.stream import BodyStream
from nacre.fields import FormLimits
from nacre.forms import FormPart
from nacre.uploads import BATCH, Spool, UploadFile, Worker


class FileUpload:
    """A file of a form. It is read once, like an open file; `filename` and `content_type` are the client's claims."""

    max_memory_size: ClassVar[int] = 1024
    """Bytes above which `copy` keeps a file in a temporary file."""

    def __init__(self, source: UploadFile | FormPart, request: Request) -> None:
        self.filename = source.filename or ""
        self.content_type = source.content_type
        self.source = source
        self.worker = Worker(request.native)
        self.content = BodyStream(b"", aiter(source))

    async def read(self, n: int = -1) -> bytes:
        """Up to `n` bytes, all that is left if it is negative; b"" at the end."""
        return await self.content.read(n)

    async def save(self, path_or_file: Any) -> None:
        """Store what hasn't been read at a path, in place of a file that is there, or write it to an open file.

        A path that is a directory gets a file of a safe name. Files are stored for this user only (0600). Raises
        OSError.
        """
        if isinstance(path_or_file, str | os.PathLike):
            await self.source.save(path_or_file, overwrite=True)
            return
        while piece := await self.content.read(BATCH):
            await self.worker.run(functools.partial(path_or_file.write, piece))

    async def copy(self, max_memory_size: int | None = None) -> FileUpload:
        """Keep a file that is arriving until the response is sent, so that it can be read after the next part.

        More than `max_memory_size` bytes are kept in a temporary file.
        """
        if isinstance(self.source, UploadFile):
            return self
        limit = self.max_memory_size if max_memory_size is None else max_memory_size
        kept, spool = bytearray(), None
        while piece := await self.content.read(BATCH):
            if spool is None and len(kept) + len(piece) > limit:
                spool = Spool()
                self.worker.at_end(spool.close)
                spool.append(kept)
            if spool is None:
                kept += piece
            elif spool.append(piece):
                await self.worker.run(spool.flush)
        if spool is not None:
            await self.worker.run(spool.flush)
        content = bytes(kept) if spool is None else range(spool.size)
        self.source = UploadFile.received(
            self.source.filename, self.content_type, self.source.headers, content, spool, self.worker
        )
        self.content = BodyStream(b"", aiter(self.source))
        return self

    async def close(self) -> None:
        """Give back what holds the file; that is done at the end of the request in any case."""
        if isinstance(self.source, UploadFile):
            await self.source.close()


class FormDataIter:
    """The parts of a multipart form as they arrive: `async for name, value in FormDataIter(request)`.

    A value is text, or a FileUpload, which is gone when the next part is asked for. Other bodies have no parts. The
    iteration raises BadRequest for a malformed form, ContentTooLarge for one larger than `Request.max_content_length`.
    """

    buffer_size: ClassVar[int] = 256
    """COMPAT: has no effect. Pieces are as large as they arrive."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.parts = self._parts()

    async def _parts(self) -> AsyncIterator[tuple[str, Any]]:
        if not self.request.is_multipart:
            return
        limits = FormLimits(total=self.request.max_content_length)
        async for part in self.request.native.parts(limits):
            yield part.name, (FileUpload(part, self.request) if part.is_file else await part.text())

    def __aiter__(self) -> FormDataIter:
        return self

    async def __anext__(self) -> tuple[str, Any]:
        return await anext(self.parts)


def with_form_data(f: Callable[..., Any]) -> Callable[..., Any]:
    """Read a multipart form before the route's function is called: `request.form` and `request.files` are dicts then.

    Of several values of a name the last one counts. Requests with other bodies go to the function as they are. Raises
    BadRequest for a malformed form, ContentTooLarge.
    """

    @functools.wraps(f)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
        if request.is_multipart:
            texts: dict[str, str] = {}
            files: dict[str, FileUpload] = {}
            for name, value in (await request.native.form()).pairs():
                if isinstance(value, str):
                    texts[name] = value
                else:
                    files[name] = FileUpload(value, request)
            request.fields, request.files = texts, files
        return await invoke(request, f, request, *args, **kwargs)

    return wrapper
