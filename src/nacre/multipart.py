"""multipart/form-data (RFC 7578): a decoder, bytes in and events out.

The `multipart` package finds parts and headers. Here is what it leaves open, so that every way a body is cut to chunks
gives the same events or the same refusal, and so that nobody else could read the body in another way:

- A form begins with its boundary; text in front of it is refused, text after the last boundary is ignored.
- A boundary right after the headers, where others see an empty part (RFC 2046 §5.1.1), is refused.
- A header line is a name, a colon and a value, without bare CR or LF and not folded. No header comes twice in a part.
- `filename*` is ignored (RFC 7578 §4.2). A `Content-Transfer-Encoding` that encodes is refused (§4.7).
- Every limit is checked as the bytes arrive, whatever lengths the client declares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from multipart import (  # type: ignore[import-untyped]  # pyright: ignore[reportMissingTypeStubs]
    _COMPLETE,
    MultipartError,
    MultipartSegment,
    ParserError,
    ParserLimitReached,
    PushMultipartParser,
    parse_content_disposition,
)

from nacre.errors import BadRequest
from nacre.fields import FORM_LIMITS, Event, FormLimits, Part, malformed
from nacre.headers import Headers
from nacre.media import MediaType

# RFC 2046 §5.1.1 allows 70 characters. Clients also use some that it doesn't list, all of them printable.
_BOUNDARY = re.compile(r"[ -~]{0,69}[!-~]")
# Other control characters are left to what reads the value: browsers send those of a field's name as they are.
_HEADER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*")
_PLAIN_ENCODINGS = ("7bit", "8bit", "binary")


class MultipartDecoder:
    """One form, decoded as it arrives: `decode` for each chunk, then `close`.

    Raises BadRequest for a content type without exactly one usable boundary.
    """

    def __init__(self, content_type: MediaType, limits: FormLimits = FORM_LIMITS) -> None:
        boundaries = [value for name, value in content_type.params if name == "boundary"]
        if len(boundaries) != 1 or not _BOUNDARY.fullmatch(boundaries[0]):
            raise BadRequest("the Content-Type of a multipart form needs one boundary, of 1 to 70 printable characters")
        self._limits = limits
        self._parser = _StrictParser(
            boundaries[0],
            max_header_count=limits.header_count,
            max_header_size=limits.header_size,
            # Parts are counted here, where the refusal can name the limit.
            max_segment_count=limits.fields + 1,
        )
        self._delimiter = f"--{boundaries[0]}".encode()
        self._head: bytes | None = b""
        self._held = b""
        self._fields = self._files = self._text = self._file = 0
        self._in_file = False
        self._beginning: bytes | None = None

    def decode(self, chunk: bytes) -> Iterator[Event]:
        """The events of the next chunk, all of which must be taken before the chunk after it is decoded.

        Raises BadRequest for what is malformed, ContentTooLarge over a limit.
        """
        chunk = self._joined(chunk)
        if not chunk:
            return
        try:
            for event in self._parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    yield self._begin(event)
                else:
                    if event is not None:
                        self._check(event)
                    yield event
        except ParserLimitReached:
            raise BadRequest(
                f"a part of the form has more than {self._limits.header_count} headers,"
                f" or one of more than {self._limits.header_size} bytes"
            ) from None
        except MultipartError:
            raise malformed() from None

    @property
    def is_complete(self) -> bool:
        """Whether the last boundary was seen: what follows it is ignored."""
        complete: bool = self._parser.is_complete
        return complete

    def close(self) -> None:
        """Say that nothing more comes. Raises BadRequest if the form isn't complete."""
        try:
            self._parser.close()
        except MultipartError:
            raise BadRequest("the multipart form ends before its last boundary") from None

    def _joined(self, chunk: bytes) -> bytes:
        """The chunk with what was held back before it, and without what waits for the next."""
        if self._head is not None:
            # The library takes text before the first boundary for a mistake or not, depending on how it is cut.
            self._head += chunk
            if len(self._head) < len(self._delimiter) + 2:
                return b""
            if not self._head.startswith((self._delimiter, b"\r\n" + self._delimiter)):
                raise BadRequest("the multipart form doesn't begin with its boundary")
            chunk, self._head = self._head, None
        elif self._held:
            chunk, self._held = self._held + chunk, b""
        # The library counts a CR to the length of the header line if the LF isn't there yet.
        if chunk.endswith(b"\r"):
            chunk, self._held = chunk[:-1], b"\r"
        return chunk

    def _begin(self, segment: MultipartSegment) -> Part:
        self._fields += 1
        self._limits.check_fields(self._fields)
        headers = Headers(segment.headerlist)
        name = _name_of(segment)
        if name is None or len(headers) != len(segment.headerlist):
            raise malformed()
        if headers.get("content-transfer-encoding", "binary").strip().lower() not in _PLAIN_ENCODINGS:
            raise BadRequest("a part of the form has a Content-Transfer-Encoding, which forms don't use")
        self._in_file = segment.filename is not None
        self._beginning = b""
        self._files += self._in_file
        self._file = 0
        self._limits.check_files(self._files)
        return Part(name, segment.filename, headers)

    def _check(self, content: bytes) -> None:
        if self._in_file:
            self._file += len(content)
            self._limits.check_file(self._file)
        else:
            self._text += len(content)
            self._limits.check_text(self._text)
        if self._beginning is not None:
            self._beginning += content[: len(self._delimiter)]
            if self._beginning.startswith(self._delimiter):
                raise malformed()
            if len(self._beginning) >= len(self._delimiter):
                self._beginning = None


class _StrictParser(PushMultipartParser):  # type: ignore[misc]
    """The library's parser, with strict header lines."""

    # COMPAT: multipart 2 calls this for every header line; where it doesn't, tests/wire/test_forms.py fails.
    def _on_segment_headerline(self, line: bytes) -> None:
        # SECURITY: a bare CR or LF ends the line for some parsers (tornado 6.5.5), a folded line is one header for some
        # and two for others, and so is one that has spaces around its name.
        if not _HEADER_LINE.fullmatch(line):
            raise ParserError("not one header")
        super()._on_segment_headerline(line)

    # COMPAT: multipart 2 has no public word for it; its `closed` is only set by `close`.
    @property
    def is_complete(self) -> bool:
        return self._state is _COMPLETE


def _name_of(segment: MultipartSegment) -> str | None:
    # The library makes an empty name of a missing one.
    name: str | None = segment.name or parse_content_disposition(segment["Content-Disposition"] or "")[1]
    return name
