"""Forms: `request.form()` collects one, `request.parts()` gives its parts as they arrive; both kinds are read alike.

A form is refused as it arrives, as soon as a limit is passed. What is collected stays in memory up to
`FormLimits.memory`, and files go on to a temporary file; parts are never collected. Nothing is received while something
that came before it is still being written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from nacre.body import Body, add_piece
from nacre.errors import BodyConsumed, ContentTooLarge, InsufficientStorage, UnsupportedMediaType
from nacre.fields import FORM_LIMITS, MULTIPART, URLENCODED, Event, FormLimits, Part, codec_of, decode_text, malformed
from nacre.filenames import last_component, safe_filename
from nacre.headers import Headers
from nacre.media import MediaType, parse_media_type
from nacre.threads import wait
from nacre.uploads import BATCH, Saving, Spool, UploadExists, UploadFile, Worker
from nacre.urlencoded import UrlencodedParser

_log = logging.getLogger("nacre.error")

FormValue: TypeAlias = str | UploadFile
"""A field's value, text or a file."""


class FormData(Mapping[str, FormValue]):
    """The fields of a form: ordered, case-sensitive, unchangeable.

    As a `Mapping` it holds each name once, with its first value, as `QueryParams` does. `getlist`, `texts`, `files` and
    `pairs` show every value.
    """

    __slots__ = ("_has_files", "_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, FormValue]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, list[FormValue]] = {}
        self._has_files = False
        values = self._values
        for name, value in self._pairs:
            if name in values:
                values[name].append(value)
            else:
                values[name] = [value]
            if value.__class__ is not str:
                self._has_files = True

    def pairs(self) -> list[tuple[str, FormValue]]:
        """Return every (name, value), in order and with duplicates."""
        return list(self._pairs)

    def getlist(self, name: str) -> list[FormValue]:
        """Return all values of a name, text and files, in order; empty when there are none."""
        return list(self._values.get(name, ()))

    def texts(self, name: str) -> list[str]:
        """Return the values of a name that are text."""
        return [value for value in self._values.get(name, ()) if isinstance(value, str)]

    def all_texts(self) -> Mapping[str, list[str]]:
        """Return the values of each name that are text, of those names that have any. They are not to be changed."""
        if not self._has_files:
            return cast("dict[str, list[str]]", self._values)
        return {name: texts for name in self._values if (texts := self.texts(name))}

    def files(self, name: str) -> list[UploadFile]:
        """Return the values of a name that are files."""
        return [value for value in self._values.get(name, ()) if isinstance(value, UploadFile)]

    def __getitem__(self, name: str) -> FormValue:
        return self._values[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FormData):
            return NotImplemented
        return self._pairs == other._pairs

    def __repr__(self) -> str:
        return f"FormData({list(self._pairs)!r})"


# Collecting.


async def read_form(
    body: Body, content_type: MediaType | None, limits: FormLimits = FORM_LIMITS, request: Any = None
) -> FormData:
    """Collect the form that a body is; its temporary file is closed when `request` ends.

    Raises UnsupportedMediaType, before anything is received, for what is no form; BadRequest for a malformed one;
    ContentTooLarge over a limit; InsufficientStorage if a file can't be stored; and what receiving the body raises.
    """
    kind = _kind(content_type)
    reader = _FieldReader(kind, limits) if _is_urlencoded(kind) else _FormReader(kind, limits, request)
    try:
        whole = await body.in_one_piece(limits.memory)
        if whole is not None and len(whole) <= BATCH:
            limits.check_total(len(whole))
            reader.feed(whole)
        else:
            await _read_chunks(body, reader, limits)
        if reader.is_pending:
            await reader.flush()
        return reader.finish()
    except Exception:
        await reader.abandon()
        raise


async def _read_chunks(body: Body, reader: _Reader, limits: FormLimits) -> None:
    size = 0
    async with aclosing(body.chunks_within_limit(limits.memory)) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            limits.check_total(size)
            for piece in _cut(chunk):
                if reader.feed(piece):
                    await reader.flush()


def _cut(chunk: bytes) -> Iterable[bytes]:
    """A chunk in pieces: a body that was read before comes as one."""
    if len(chunk) <= BATCH:
        return (chunk,)
    return (chunk[at : at + BATCH] for at in range(0, len(chunk), BATCH))


class _Reader(Protocol):
    """A form that is being collected."""

    @property
    def is_pending(self) -> bool:
        """Whether there is anything to `flush`."""
        ...

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes. True when enough of them have come for `flush`."""
        ...

    async def flush(self) -> None:
        """Write what is for the temporary file. Raises InsufficientStorage."""
        ...

    def finish(self) -> FormData:
        """The form, after the last of its bytes."""
        ...

    async def abandon(self) -> None:
        """Give back what it holds, now rather than at the end of the request."""
        ...


class _FieldReader:
    """The reader of an urlencoded form, which is all in memory."""

    is_pending = False

    def __init__(self, content_type: MediaType, limits: FormLimits) -> None:
        self._parser = UrlencodedParser(content_type, limits)

    def feed(self, piece: bytes) -> bool:
        self._parser.feed(piece)
        return False

    async def flush(self) -> None:
        pass

    def finish(self) -> FormData:
        return FormData(self._parser.pairs())

    async def abandon(self) -> None:
        pass


class _FormReader:
    """The reader of a multipart form.

    A part without file name is text. A file input for which nothing was chosen arrives as an empty file without a
    name; it is left out, so that it reads like any other missing field.
    """

    def __init__(self, content_type: MediaType, limits: FormLimits, request: Any) -> None:
        self._decoder = _multipart(content_type, limits)
        self._limits = limits
        self._request = request
        self._pairs: list[tuple[str, FormValue]] = []
        self._worker: Worker | None = None
        self._spool: Spool | None = None
        self._stored = False
        self._begun = False
        self._part: Part | None = None
        self._content: list[bytes] = []
        self._size = 0
        self._start: int | None = None
        self._in_memory = 0

    @property
    def is_pending(self) -> bool:
        return self._spool is not None and self._spool.is_pending

    def feed(self, piece: bytes) -> bool:
        if not piece:
            return False
        self._begun = True
        is_full = False
        for event in self._decoder.decode(piece):
            if event is None:
                self._end_part()
            elif isinstance(event, Part):
                self._part, self._start = event, None
            elif self._start is None:
                is_full |= self._keep(event)
            else:
                assert self._spool is not None
                is_full |= self._spool.append(event)
        return is_full

    async def flush(self) -> None:
        assert self._spool is not None
        worker = self._worker or self._begin()
        if not self._stored:
            self._stored = True
            worker.at_end(self._spool.close)
        try:
            await worker.run(self._spool.flush)
        except OSError as error:
            _log.error("the files of a form can't be stored in a temporary file: %s", error)
            raise InsufficientStorage("the server has no room for the files of the form now") from error

    def finish(self) -> FormData:
        if self._begun:
            self._decoder.close()
        return FormData(self._pairs)

    async def abandon(self) -> None:
        if self._stored and self._spool is not None and self._worker is not None:
            await self._worker.run(self._spool.close)

    def _begin(self) -> Worker:
        self._worker = Worker(self._request)
        return self._worker

    def _keep(self, piece: bytes) -> bool:
        add_piece(self._content, piece)
        self._size += len(piece)
        limits = self._limits
        assert self._part is not None
        if self._part.filename is None or self._size <= min(limits.file_memory, limits.memory - self._in_memory):
            return False
        spool = self._spool
        if spool is None:
            spool = self._spool = Spool()
        self._start = spool.size
        return spool.append(self._taken())

    def _taken(self) -> bytes:
        content, self._content, self._size = self._content, [], 0
        return content[0] if len(content) == 1 else b"".join(content)

    def _end_part(self) -> None:
        part, content = self._part, self._taken()
        assert part is not None
        if part.filename is None:
            self._pairs.append((part.name, decode_text(content, codec_of(_media_type(part.headers)))))
        elif part.filename or content or self._start is not None:
            self._pairs.append((part.name, self._file(part, part.filename, content)))

    def _file(self, part: Part, filename: str, content: bytes) -> UploadFile:
        worker, spool, start = self._worker or self._begin(), self._spool, self._start
        self._in_memory += len(content)
        place = content if spool is None or start is None else range(start, spool.size)
        return UploadFile.received(last_component(filename), _content_type(part), part.headers, place, spool, worker)


# Part by part.


class FormPart:
    """One part of a form that is arriving, until the next one is asked for.

    `filename` is the last component of the name that was sent, without control characters, and None if nothing is left
    of it or the part is text, which `is_file` tells. `content_type` is "text/plain" for a text that names none. All are
    the client's claims.

    The content is taken once: in pieces (`async for piece in part`; a plain `for` in plain code), by `read`, `text` or
    `save`. BodyConsumed is raised after that, and once the next part was asked for.
    """

    def __init__(self, parts: FormParts, head: Part) -> None:
        self._parts = parts
        self._state = "new"
        self._head = head
        self._content: bytes | None = None
        self.name = head.name
        self.is_file = head.filename is not None
        self.filename = last_component(head.filename or "")
        self.headers = head.headers
        self.content_type = _content_type(head)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._piece()
        if piece is None:
            raise StopAsyncIteration
        return piece

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = wait(self._piece())
        if piece is None:
            raise StopIteration
        return piece

    async def read(self) -> bytes:
        """All of the part, the same at every call. Raises ContentTooLarge over `FormLimits.memory` bytes."""
        if self._content is None:
            self._begin()
            content = bytearray()
            while (piece := await self._piece()) is not None:
                content += piece
                self._parts.check_memory(len(content))
            self._content = bytes(content)
        return self._content

    async def text(self) -> str:
        """All of the part as text, in the charset that it names, UTF-8 by default. Raises BadRequest and as `read`."""
        return decode_text(await self.read(), codec_of(_media_type(self.headers)))

    async def save(self, destination: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Store the part as it arrives, and return its path; the rules are those of `UploadFile.save`."""
        self._begin()
        saving, worker = Saving(destination, self.filename, overwrite=overwrite), self._parts.worker
        try:
            await worker.run(saving.begin)
            batch = bytearray()
            while (piece := await self._piece()) is not None:
                batch += piece
                if len(batch) >= BATCH:
                    await worker.run(partial(saving.write, batch))
                    batch = bytearray()
            await worker.run(partial(saving.write, batch))
            return await worker.run(saving.finish)
        except (Exception, asyncio.CancelledError):
            await worker.run(saving.close)
            raise
        except BaseException:
            saving.close()  # this coroutine is being closed and can't wait
            raise

    def _begin(self) -> None:
        if self._state != "new":
            raise BodyConsumed(_TAKEN if self._state != "left" else _LEFT)

    async def _piece(self) -> bytes | None:
        """The next piece of the content, None at its end."""
        if self._state == "left":
            raise BodyConsumed(_LEFT)
        if self._state == "ended":
            return None
        self._state = "begun"
        piece = await self._parts.piece()
        if piece is None:
            self._state = "ended"
        return piece

    async def leave(self) -> None:
        """Skip what is left of the content."""
        while self._state in ("new", "begun"):
            await self._piece()
        self._state = "left"

    def __repr__(self) -> str:
        return f"FormPart(name={self.name!r}, filename={self.filename!r}, content_type={self.content_type!r})"


_LEFT = "this part of the form has gone by, since the next one was asked for; read or save it before that"
_TAKEN = "the content of this part of the form was taken already; what `read()` gave can be read again"


class FormParts:
    """The parts of a form as they arrive: `async for part in parts`, or a plain `for` in plain code.

    Nothing is kept: what isn't taken of a part is skipped when the next one is asked for. Text is bounded by
    `FormLimits.text_size`, a file by `file_size`, all of it by `total`; not by `max_body`. What follows the last
    boundary isn't received. A file input for which nothing was chosen is left out.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], content_type: MediaType | None, limits: FormLimits, request: Any = None
    ) -> None:
        self.worker = Worker(request)
        self._limits = limits
        self._part: FormPart | None = None
        self._held: bytes | None = None
        kind = _kind(content_type)
        decoder = _FieldDecoder(kind, limits) if _is_urlencoded(kind) else _multipart(kind, limits)
        self._events = _Events(chunks, decoder, limits)

    def __aiter__(self) -> AsyncIterator[FormPart]:
        return self

    async def __anext__(self) -> FormPart:
        part = await self._next()
        if part is None:
            raise StopAsyncIteration
        return part

    def __iter__(self) -> Iterator[FormPart]:
        return self

    def __next__(self) -> FormPart:
        part = wait(self._next())
        if part is None:
            raise StopIteration
        return part

    async def _next(self) -> FormPart | None:
        if self._part is not None:
            await self._part.leave()
        while (head := await self._events.next()) is not _END:
            assert isinstance(head, Part)
            if head.filename == "":
                first = await self._events.next()
                if first is None:
                    continue  # no file was chosen
                assert isinstance(first, bytes)
                self._held = first
            self._part = FormPart(self, head)
            return self._part
        return None

    async def piece(self) -> bytes | None:
        """The next piece of the part that is arriving; None at its end."""
        if self._held is not None:
            held, self._held = self._held, None
            return held
        event = await self._events.next()
        assert event is None or isinstance(event, bytes)
        return event

    def check_memory(self, size: int) -> None:
        """Raise ContentTooLarge for a part of more bytes than are taken into memory."""
        if size > self._limits.memory:
            raise ContentTooLarge(
                f"a part of the form has more than {self._limits.memory} bytes, which `FormLimits.memory` allows here"
            )


_END: Any = object()


class Decoder(Protocol):
    """Bytes in, events out: `nacre.multipart.MultipartDecoder`, or what does the same for the other kind."""

    @property
    def is_complete(self) -> bool: ...

    def decode(self, chunk: bytes) -> Iterator[Event]: ...

    def close(self) -> Iterable[Event] | None: ...


class _FieldDecoder:
    """An urlencoded form as a `Decoder`: it is small enough to be decoded at its end."""

    is_complete = False

    def __init__(self, content_type: MediaType, limits: FormLimits) -> None:
        self._parser = UrlencodedParser(content_type, limits)

    def decode(self, chunk: bytes) -> Iterator[Event]:
        self._parser.feed(chunk)
        return iter(())

    def close(self) -> Iterator[Event]:
        for name, value in self._parser.pairs():
            yield Part(name, None, Headers())
            if value:
                yield value.encode()
            yield None


class _Events:
    """The events of a form, whose body is received one chunk at a time."""

    def __init__(self, chunks: AsyncIterator[bytes], decoder: Decoder, limits: FormLimits) -> None:
        self._chunks = chunks
        self._decoder = decoder
        self._limits = limits
        self._size = 0
        self._ready: Iterator[Event] = iter(())
        self._is_over = False

    async def next(self) -> Event:
        """The next event, `_END` after the last. Raises what is wrong with the form, and what receiving it raises."""
        while (event := next(self._ready, _END)) is _END and not self._is_over:
            if self._decoder.is_complete:
                self._is_over = True
            else:
                await self._receive()
        return event

    async def _receive(self) -> None:
        chunk = await anext(self._chunks, b"")
        self._size += len(chunk)
        self._limits.check_total(self._size)
        if chunk:
            self._ready = (event for piece in _cut(chunk) for event in self._decoder.decode(piece))
            return
        self._is_over = True
        if self._size:
            self._ready = iter(self._decoder.close() or ())


# The two kinds.


def _kind(content_type: MediaType | None) -> MediaType:
    """The media type of a form. Raises UnsupportedMediaType for another one."""
    if content_type is None or content_type.essence not in (URLENCODED, MULTIPART):
        raise UnsupportedMediaType(f"the body must be a form, with Content-Type: {URLENCODED} or {MULTIPART}")
    return content_type


def _is_urlencoded(kind: MediaType) -> bool:
    """Which of the two kinds of form a media type is."""
    return kind.type == "application"


def _multipart(content_type: MediaType, limits: FormLimits) -> Decoder:
    # Its library is loaded by applications that get such forms.
    from nacre.multipart import MultipartDecoder

    return MultipartDecoder(content_type, limits)


def _media_type(headers: Headers) -> MediaType | None:
    value = headers.get("content-type")
    if value is None:
        return None
    try:
        return parse_media_type(value)
    except ValueError:
        raise malformed() from None


def _content_type(part: Part) -> str:
    # RFC 7578 §4.4: text unless it says otherwise; for a file nothing can be known.
    return part.headers.get("content-type", "text/plain" if part.filename is None else "application/octet-stream")


__all__ = [
    "FORM_LIMITS",
    "FormData",
    "FormLimits",
    "FormPart",
    "FormParts",
    "FormValue",
    "UploadExists",
    "UploadFile",
    "read_form",
    "safe_filename",
]
