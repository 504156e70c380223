"""Entity tags and the preconditions of a request: RFC 9110 §8.8.3 and §13."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from nacre.headers import Headers
from nacre.media import parse_http_date

Condition = Literal["send", "not modified", "failed"]
"""What the preconditions of a request come to: go on, answer 304, or answer 412."""

# SECURITY: no repetition can match what its neighbour matches, so a list is read in time linear in its length.
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*+)"')
_BETWEEN = re.compile(r"[ \t,]*+")
_TAGS_MAX = 256

_SAFE = ("GET", "HEAD")
_WITHOUT_SELECTION = ("CONNECT", "OPTIONS", "TRACE")


class ETag(Struct, frozen=True):
    """An entity tag: what stands between its quotes, and whether it is a weak one (RFC 9110 §8.8.3).

    Raises ValueError for characters that may not stand in one: quotes, spaces, control characters, and those outside
    of latin-1.
    """

    value: str
    weak: bool = False

    def __post_init__(self) -> None:
        if _TAG.fullmatch(f'"{self.value}"') is None:
            raise ValueError(f"{self.value[:60]!a} can't be an entity tag: it may hold no quotes, spaces and controls")

    def __str__(self) -> str:
        return f'W/"{self.value}"' if self.weak else f'"{self.value}"'

    @classmethod
    def parse(cls, text: str) -> ETag | None:
        """Read one tag as it stands in a field, `"x"` or `W/"x"`; None if it is malformed."""
        match = _TAG.fullmatch(text.strip(" \t"))
        return None if match is None else cls(match[2], match[1] is not None)

    def matches(self, other: ETag, *, weakly: bool = False) -> bool:
        """Compare two tags: the strong comparison, or the weak one (RFC 9110 §8.8.3.2)."""
        return self.value == other.value and (weakly or not (self.weak or other.weak))


def parse_etags(values: Iterable[str]) -> list[ETag] | Literal["*"]:
    """Read the values of `If-Match` or `If-None-Match`, all lines of it: the tags, or `"*"` where that stands alone.

    What follows a malformed member of a line is left out, and so are tags after the 256th: they match nothing.
    """
    values = list(values)
    if len(values) == 1 and values[0].strip(" \t") == "*":
        return "*"
    tags: list[ETag] = []
    for value in values:
        at = _end_of(_BETWEEN, value, 0)
        while len(tags) < _TAGS_MAX and (match := _TAG.match(value, at)) is not None:
            tags.append(ETag(match[2], match[1] is not None))
            at = _end_of(_BETWEEN, value, match.end())
            if at == match.end():
                break  # two tags without a comma in between
    return tags


def evaluate(method: str, headers: Headers, etag: ETag | None, modified: datetime | None) -> Condition:
    """Weigh the preconditions of a request against the representation that is there, in the order of RFC 9110 §13.2.2.

    `etag` and `modified` are the representation's validators, None if it has none; `modified` counts by whole seconds,
    without a zone it is UTC. Only for requests that would be answered with 2xx otherwise. Dates that are malformed, or
    given twice, are as if they weren't there. `If-Range` is not looked at.
    """
    if method in _WITHOUT_SELECTION:
        return "send"
    if modified is not None:
        modified = modified.replace(microsecond=0, tzinfo=modified.tzinfo or UTC)
    if "if-match" in headers:
        if not _is_listed(headers.getlist("if-match"), etag, weakly=False):
            return "failed"
    elif modified is not None and (since := _date(headers, "if-unmodified-since")) is not None and modified > since:
        return "failed"
    if "if-none-match" in headers:
        if _is_listed(headers.getlist("if-none-match"), etag, weakly=True):
            return "not modified" if method in _SAFE else "failed"
    elif (
        method in _SAFE
        and modified is not None
        and (since := _date(headers, "if-modified-since")) is not None
        and modified <= since
    ):
        return "not modified"
    return "send"


def _is_listed(values: list[str], etag: ETag | None, *, weakly: bool) -> bool:
    listed = parse_etags(values)
    if listed == "*":
        return True
    return etag is not None and any(etag.matches(one, weakly=weakly) for one in listed)


def _date(headers: Headers, name: str) -> datetime | None:
    values = headers.getlist(name)
    return parse_http_date(values[0]) if len(values) == 1 else None


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    assert match is not None
    return match.end()
