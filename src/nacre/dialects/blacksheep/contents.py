"""Bodies as objects, the parts of forms, and server-sent events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from nacre.dialects.blacksheep.settings.json import json_settings
from nacre.eventstream import ServerSentEvent as NativeEvent
from nacre.headers import pairs_of
from nacre.testing.multipart import encode_multipart
from nacre.uploads import UploadFile


class Content:
    """The body of a message: its content type and its bytes."""

    def __init__(self, content_type: bytes, data: bytes) -> None:
        self.type = content_type
        self.body: bytes = data
        self.length = len(data)

    async def read(self) -> bytes:
        return self.body


class TextContent(Content):
    def __init__(self, text: str) -> None:
        super().__init__(b"text/plain; charset=utf-8", text.encode())


class HTMLContent(Content):
    def __init__(self, html: str) -> None:
        super().__init__(b"text/html; charset=utf-8", html.encode())


class JSONContent(Content):
    """Data as JSON, written by `dumps` or as `json_settings` says."""

    def __init__(self, data: object, dumps: Callable[[Any], str] | None = None) -> None:
        super().__init__(b"application/json", json_settings.encode(data) if dumps is None else dumps(data).encode())


class FormContent(Content):
    """Fields as an urlencoded form."""

    def __init__(self, data: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        super().__init__(b"application/x-www-form-urlencoded", write_www_form_urlencoded(data))


class StreamedContent(Content):
    """A body in pieces; `data_provider` is called for them once, with no arguments."""

    def __init__(
        self, content_type: bytes, data_provider: Callable[[], AsyncIterable[bytes]], data_length: int = -1
    ) -> None:
        super().__init__(content_type, b"")
        self.generator = data_provider
        self.length = data_length

    async def read(self) -> bytes:
        return b"".join([piece async for piece in self.generator()])

    async def stream(self) -> AsyncIterator[bytes]:
        async for piece in self.generator():
            yield piece


class FormPart:
    """A field or a file of a multipart form, received whole. Names are the client's claims."""

    def __init__(
        self,
        name: bytes,
        data: bytes,
        content_type: bytes | None = None,
        file_name: bytes | None = None,
        charset: bytes | None = None,
    ) -> None:
        self.name = name
        self.data = data
        self.content_type = content_type
        self.file_name = file_name
        self.charset = charset
        self.size = len(data)

    @classmethod
    async def received(cls, name: str, value: str | UploadFile) -> FormPart:
        if isinstance(value, str):
            return cls(name.encode(), value.encode())
        file_name = None if value.filename is None else value.filename.encode()
        return cls(name.encode(), await value.read(), value.content_type.encode(), file_name)

    async def stream(self, chunk_size: int = 131072) -> AsyncIterator[bytes]:
        for start in range(0, self.size, chunk_size):
            yield self.data[start : start + chunk_size]

    async def save_to(self, path: str | os.PathLike[str]) -> int:
        """Write it to a file; returns the number of bytes. The path is yours to choose, not the client's."""
        await asyncio.to_thread(_write, path, self.data)
        return self.size

    def __repr__(self) -> str:
        return f"<FormPart {self.name!r} at {id(self)}>"


class MultiPartFormData(Content):
    """Parts as a multipart form, for requests of the test client."""

    def __init__(self, parts: Iterable[FormPart]) -> None:
        self.parts = list(parts)
        files: Any = [
            (part.name.decode(), (part.file_name and part.file_name.decode(), part.data, *_kind_of(part)))
            for part in self.parts
        ]
        content_type, data = encode_multipart((), files)
        super().__init__(content_type.encode(), data)


class ServerSentEvent:
    """One event: `data` is sent as JSON; `retry` in milliseconds, -1 for none."""

    def __init__(
        self, data: object, event: str | None = None, id: str | None = None, retry: int = -1, comment: str | None = None
    ) -> None:
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry
        self.comment = comment

    def write_data(self) -> str:
        return json_settings.dumps(self.data)

    def native(self) -> NativeEvent:
        """The event as it is sent: without data if that is None or empty text.

        SECURITY: its type and its id lose line ends, behind which a client's text would be fields of its own.
        """
        retry = None if self.retry < 0 else self.retry / 1000
        data = None if self.data is None or self.data == "" else self.write_data()
        return NativeEvent(
            data, event=_one_line(self.event), id=_one_line(self.id), retry=retry, comment=self.comment or None
        )


class TextServerSentEvent(ServerSentEvent):
    """One event whose data is text."""

    def write_data(self) -> str:
        return str(self.data)


def parse_www_form(content: str) -> dict[str, str | list[str]]:
    """The fields of an urlencoded form; a list of values for a name that is there more than once."""
    return simplified(parse_qsl(content))


def write_www_form_urlencoded(data: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> bytes:
    pairs: list[tuple[str, Any]] = list(pairs_of(data))
    return urlencode(pairs, doseq=True).encode()


def simplified(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Values by name: one alone as it is, several as a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _one_line(text: str | None) -> str | None:
    return text.translate(_LINE_ENDS) or None if text else None


_LINE_ENDS = dict.fromkeys(map(ord, "\r\n\0"))


def _kind_of(part: FormPart) -> tuple[str, ...]:
    return (part.content_type.decode(),) if part.content_type is not None and part.file_name is not None else ()


def _write(path: str | os.PathLike[str], data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
