"""Forms: their fields and files, and the urlencoded kind; the multipart kind is in `nacre.multipart`.

A parser is fed the body as it arrives and refuses it as soon as a limit is passed. Both kinds give the same result for
the same fields. Bytes that are no text are refused in both: U+FFFD in their place, which a query gets, would be stored
as if the user had written it, and would make equal what was sent as different.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from nacre.errors import BadRequest, ContentTooLarge
from nacre.headers import Headers
from nacre.media import MediaType

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# Browsers name UTF-8 or nothing; HTTP libraries, Java's for one, name the others without being asked.
CODECS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1"}
"""The charsets that text is read in, by the names that clients give them, and Python's names."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may hold. Its total size is bounded by `max_body`, like that of any body."""

    fields: int = 1000
    """Fields and files together: as many fields as a query may have."""

    files: int = 100
    """Each may become an open file, and Linux gives a process 1,024 by default."""

    text_size: int = 1_048_576
    """Bytes of all text fields together, or of an urlencoded form as it is sent: what `max_body` allows by default.
    Where that is raised for uploads, text still can't fill the memory."""

    header_count: int = 8
    """Headers of one part; RFC 7578 §4 knows three."""

    header_size: int = 4096
    """Bytes of one header line. The name of a file has up to 255 bytes on common file systems."""

    def check_fields(self, count: int) -> None:
        """Raise ContentTooLarge for more fields and files than this."""
        if count > self.fields:
            raise ContentTooLarge(f"the form has more than {self.fields} fields, which `FormLimits.fields` allows here")

    def check_files(self, count: int) -> None:
        """Raise ContentTooLarge for more files than this."""
        if count > self.files:
            raise ContentTooLarge(f"the form has more than {self.files} files, which `FormLimits.files` allows here")

    def check_text(self, size: int) -> None:
        """Raise ContentTooLarge for more bytes of text than this."""
        if size > self.text_size:
            raise ContentTooLarge(
                f"the form has more than {self.text_size} bytes of text, which `FormLimits.text_size` allows here"
            )


FORM_LIMITS = FormLimits()
"""What a form may hold unless something else is said."""


@dataclass(frozen=True, slots=True)
class UploadFile:
    """A file of a form, held in memory.

    `filename` is the last component of the name that was sent, without control characters; None if nothing is left of
    it. It and `content_type` are the client's claims: neither says what the file is, nor where it may be stored.
    `headers` are those of its part.
    """

    filename: str | None
    content_type: str
    headers: Headers = field(repr=False)
    data: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.data)

    async def read(self) -> bytes:
        """All of the file, at every call: a layer and the handler may both read it."""
        return self.data


FormValue: TypeAlias = str | UploadFile
"""A field's value, text or a file."""


class FormData(Mapping[str, FormValue]):
    """The fields of a form: ordered, case-sensitive, unchangeable.

    As a `Mapping` it holds each name once, with its first value, as `QueryParams` does. `getlist`, `texts`, `files` and
    `pairs` show every value.
    """

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, FormValue]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, list[FormValue]] = {}
        for name, value in self._pairs:
            self._values.setdefault(name, []).append(value)

    def pairs(self) -> list[tuple[str, FormValue]]:
        """Return every (name, value), in order and with duplicates."""
        return list(self._pairs)

    def getlist(self, name: str) -> list[FormValue]:
        """Return all values of a name, text and files, in order; empty when there are none."""
        return list(self._values.get(name, ()))

    def texts(self, name: str) -> list[str]:
        """Return the values of a name that are text."""
        return [value for value in self._values.get(name, ()) if isinstance(value, str)]

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


class FormParser(Protocol):
    """A form that is arriving. Both methods raise BadRequest for what is malformed, ContentTooLarge over a limit."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        ...

    def finish(self) -> FormData:
        """The form, after the last of its bytes; empty if there were none."""
        ...


class UrlencodedParser:
    """A `FormParser` of application/x-www-form-urlencoded; fields are split and unescaped as `QueryParams` does."""

    def __init__(self, content_type: MediaType, limits: FormLimits = FORM_LIMITS) -> None:
        self._content_type = content_type
        self._limits = limits
        self._chunks: list[bytes] = []
        self._size = 0
        self._fields = 1

    def feed(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._limits.check_text(self._size)
        self._fields += chunk.count(b"&")
        self._limits.check_fields(self._fields)
        self._chunks.append(chunk)

    def finish(self) -> FormData:
        fields = [one.partition(b"=") for one in b"".join(self._chunks).replace(b"+", b" ").split(b"&") if one]
        # Unescaping comes after splitting, since `%26` and `%3D` are text.
        return FormData((self._unescape(name), self._unescape(value)) for name, _, value in fields)

    def _unescape(self, raw: bytes) -> str:
        return decode_text(unquote_to_bytes(raw) if b"%" in raw else raw, self._content_type)


def decode_text(raw: bytes, content_type: MediaType | None) -> str:
    """Decode a field in the charset that its content type names, UTF-8 by default.

    Raises BadRequest for text that isn't in it, and for charsets other than UTF-8, US-ASCII and ISO-8859-1.
    """
    charset = (content_type.charset if content_type is not None else None) or "utf-8"
    codec = CODECS.get(charset)
    if codec is None:
        raise BadRequest("the form is in a charset that isn't understood; send UTF-8")
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        raise BadRequest("the form holds text that isn't in its charset, UTF-8 if it names none") from None
