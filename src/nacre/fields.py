"""What all kinds of form have in common: their limits, their media types, the charsets of their texts."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from nacre.errors import BadRequest, ContentTooLarge
from nacre.headers import Headers
from nacre.media import MediaType

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# Browsers name UTF-8 or nothing; HTTP libraries, Java's for one, name the others without being asked.
CODECS = {"utf-8": "utf-8", "utf8": "utf-8", "us-ascii": "ascii", "ascii": "ascii", "iso-8859-1": "latin-1"}
"""The charsets that text is read in, by the names that clients give them, and Python's names."""


class FormLimits(Struct, frozen=True):
    """What a form may hold. `request.form()` is bounded by `max_body` too, as any body is; `request.parts()` isn't."""

    fields: int = 1000
    """Fields and files together: as many fields as a query may have."""

    files: int = 100
    """Files alone."""

    text_size: int = 1_048_576
    """Bytes of all text fields together, or of an urlencoded form as it is sent: what `max_body` allows by default.
    Where that is raised for uploads, text still can't fill the memory."""

    header_count: int = 8
    """Headers of one part; RFC 7578 §4 knows three."""

    header_size: int = 4096
    """Bytes of one header line. The name of a file has up to 255 bytes on common file systems."""

    file_size: int | None = None
    """Bytes of one file; None: as many as the form has."""

    total: int | None = None
    """Bytes of the form as it is sent; None: `max_body` alone bounds it."""

    file_memory: int = 262_144
    """Bytes of one file that are kept in memory; a longer file goes to a temporary file. As much is written at a time,
    so less would need as much memory."""

    memory: int = 1_048_576
    """Bytes of all files of a form that are kept in memory. The raw body is kept up to as many, for other readers."""

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

    def check_file(self, size: int) -> None:
        """Raise ContentTooLarge for a file of more bytes than this."""
        if self.file_size is not None and size > self.file_size:
            raise ContentTooLarge(
                f"a file of the form has more than {self.file_size} bytes, which `FormLimits.file_size` allows here"
            )

    def check_total(self, size: int) -> None:
        """Raise ContentTooLarge for a form of more bytes than this."""
        if self.total is not None and size > self.total:
            raise ContentTooLarge(f"the form has more than {self.total} bytes, which `FormLimits.total` allows here")


FORM_LIMITS = FormLimits()
"""What a form may hold unless something else is said."""


class Part(Struct, frozen=True):
    """The head of one part of a form; `filename` is as it was sent, and None for a text field."""

    name: str
    filename: str | None
    headers: Headers


Event: TypeAlias = Part | bytes | None
"""The head of a part, then pieces of its content, none of them empty, then None at its end."""


def malformed() -> BadRequest:
    """The refusal of a multipart form that can't be read."""
    return BadRequest("the multipart form is malformed")


def codec_of(content_type: MediaType | None) -> str:
    """Python's name of the charset that a content type names, UTF-8 by default. Raises BadRequest for an unknown one.

    Known are UTF-8, US-ASCII and ISO-8859-1, in which a byte below 128 is the same.
    """
    codec = CODECS.get((content_type.charset if content_type is not None else None) or "utf-8")
    if codec is None:
        raise BadRequest("the form is in a charset that isn't understood; send UTF-8")
    return codec


def decode_text(raw: bytes, codec: str) -> str:
    """Decode a field in the charset that `codec_of` has found.

    Bytes that are no text are refused: U+FFFD in their place, which a query gets, would be stored as if the user had
    written it, and would make equal what was sent as different. Raises BadRequest for them.
    """
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        raise BadRequest("the form holds text that isn't in its charset, UTF-8 if it names none") from None
