"""Byte ranges: what a request asks for, and how the parts of an answer are framed: RFC 9110 §14."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from msgspec import Struct

from nacre.etags import ETag
from nacre.headers import Headers
from nacre.media import parse_http_date

RANGES_MAX = 16
"""How many ranges one request may ask for; viewers of large documents ask for a handful.

SECURITY: CVE-2025-62727, and the multiplied responses of CVE-2011-3192.
"""

# 19 digits are beyond any file's length. `[0-9]`, not `\d`: that would take the digits of all scripts.
_SPEC = re.compile(r"([0-9]{0,19})-([0-9]{0,19})")


class ByteRange(Struct, frozen=True):
    """The bytes from `start` up to `stop`, which is not one of them."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def content_range(self, length: int) -> str:
        """The value of `Content-Range` for these bytes of `length` (RFC 9110 §14.4)."""
        return f"bytes {self.start}-{self.stop - 1}/{length}"


def parse_ranges(value: str, length: int) -> list[ByteRange] | None:
    """Read a `Range` field for a representation of `length` bytes: what of it can be satisfied, in the order asked for.

    None if the field is to be ignored, so that the whole is sent: another unit, malformed, more than `RANGES_MAX`
    ranges, or ranges that overlap (§14.2 leaves it to the server). An empty list if it is sound and nothing of it is
    there, which is a 416.
    """
    unit, equals, text = value.strip(" \t").partition("=")
    if not equals or unit.lower() != "bytes" or text.count(",") >= RANGES_MAX:
        return None
    found: list[ByteRange] = []
    is_empty = True
    for member in text.split(","):
        member = member.strip(" \t")
        if not member:
            continue  # §5.6.1.2: empty members of a list are skipped
        is_empty = False
        match = _SPEC.fullmatch(member)
        if match is None:
            return None
        one = _resolve(match[1], match[2], length)
        if one is None:
            return None
        if one.start < one.stop:
            found.append(one)
    return None if is_empty or _overlap(found) else found


def _resolve(first: str, last: str, length: int) -> ByteRange | None:
    """One range, cut to the length; empty if it lies outside, None if it is invalid."""
    if not first:
        return ByteRange(max(0, length - int(last)), length) if last else None
    start = int(first)
    if last and int(last) < start:
        return None
    return ByteRange(start, min(int(last) + 1, length) if last else length)


def _overlap(ranges: Sequence[ByteRange]) -> bool:
    ordered = sorted(ranges, key=lambda one: one.start)
    return any(after.start < before.stop for before, after in pairwise(ordered))


def requested_ranges(
    headers: Headers, length: int, etag: ETag | None, modified: datetime | None
) -> list[ByteRange] | None:
    """What a GET request asks for by `Range` and `If-Range`; as `parse_ranges`, None for the whole.

    `etag` and `modified` are those of the representation; give None for a date that is not a strong validator
    (RFC 9110 §8.8.2.2). An empty representation has no parts, so it is always sent as a whole.
    """
    values = headers.getlist("range")
    if len(values) != 1 or not length or not _holds(headers.getlist("if-range"), etag, modified):
        return None
    return parse_ranges(values[0], length)


def _holds(values: list[str], etag: ETag | None, modified: datetime | None) -> bool:
    """Whether `If-Range` (§13.1.5) names this representation: by its strong tag, or by exactly its date."""
    if not values:
        return True
    if len(values) > 1:
        return False
    tag = ETag.parse(values[0])
    if tag is not None:
        return etag is not None and etag.matches(tag)
    date = parse_http_date(values[0])
    return date is not None and modified is not None and date == modified.replace(microsecond=0)


class Multipart(Struct, frozen=True):
    """A `multipart/byteranges` body (§14.6): its content type, its length, and its pieces.

    Pieces are bytes to send, and ranges whose bytes are to be sent.
    """

    content_type: str
    length: int
    pieces: tuple[bytes | ByteRange, ...]

    @classmethod
    def of(cls, ranges: Sequence[ByteRange], length: int, content_type: str | None) -> Multipart:
        """Frame parts of a representation of `length` bytes, whose own type `content_type` each part names."""
        import secrets

        # 96 random bits: nobody can prepare a file that holds the boundary.
        boundary = secrets.token_hex(12)
        pieces = tuple(_framed(ranges, length, content_type, boundary))
        return cls(f"multipart/byteranges; boundary={boundary}", sum(map(len, pieces)), pieces)


def _framed(
    ranges: Sequence[ByteRange], length: int, content_type: str | None, boundary: str
) -> Iterator[bytes | ByteRange]:
    before = ""
    for one in ranges:
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        yield f"{before}--{boundary}\r\n{kind}Content-Range: {one.content_range(length)}\r\n\r\n".encode("latin-1")
        yield one
        before = "\r\n"
    yield f"\r\n--{boundary}--\r\n".encode("latin-1")
