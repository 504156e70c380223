"""Media types, the weighing of `Accept` fields, and HTTP dates: RFC 9110 §5.6.7, §8.3 and §12.5."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

from msgspec import Struct

from nacre.headers import TOKEN

Params = tuple[tuple[str, str], ...]


class MediaType(Struct, frozen=True):
    """A parsed media type; type, subtype and parameter names are in lower case, parameter values as they came."""

    type: str
    subtype: str
    params: Params = ()

    @property
    def essence(self) -> str:
        """The type without parameters, such as `text/html`."""
        return f"{self.type}/{self.subtype}"

    @property
    def charset(self) -> str | None:
        """The `charset` parameter, in lower case."""
        charset = self.param("charset")
        return charset.lower() if charset is not None else None

    def param(self, name: str) -> str | None:
        """Return the first parameter of this lower-case name."""
        for known, value in self.params:
            if known == name:
                return value
        return None


# SECURITY: every repetition is possessive and starts on characters that its neighbours can't match, so a match never
# goes back and takes time linear in the input.
_QUOTED = r'"([^"\\\x00-\x08\x0a-\x1f\x7f]*+(?:\\[^\x00-\x08\x0a-\x1f\x7f][^"\\\x00-\x08\x0a-\x1f\x7f]*+)*+)"'
# An unquoted value is a token by the RFC; mail libraries send boundaries with `/`, `:`, `=` and `?` unquoted.
_PARAMETER = re.compile(rf"[ \t]*+([!#$%&'*+.^_`|~0-9A-Za-z-]++)=(?:{_QUOTED}|([^\x00-\x20\x7f\",;]*+))[ \t]*+(?:;|\Z)")
_EMPTY_PARAMETER = re.compile(r"[ \t]*+(?:;|\Z)")
_ESCAPED = re.compile(r"\\(.)")
# Everything up to a comma that is outside quotes; a quote that nobody closes reaches to the end.
_MEMBER = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+"?)*+', re.DOTALL)
_WEIGHT = re.compile(r"(?:[01](?:\.[0-9]{0,9})?|\.[0-9]{1,9})")

# Browsers and libraries send the same few values, of up to 150 characters; longer ones are not worth their memory.
_CACHED_LENGTH_MAX = 200
_RANGES_MAX = 64


def parse_media_type(value: str) -> MediaType:
    """Parse the value of a `Content-Type` field.

    Empty parameters (`a/b;`) are skipped, as RFC 9110 §5.6.6 wants. Raises ValueError for anything else that is not
    `type/subtype` followed by `name=value` pairs.
    """
    return _parse_cached(value) if len(value) <= _CACHED_LENGTH_MAX else _parse(value)


def _parse(value: str) -> MediaType:
    essence, _, rest = value.partition(";")
    kind, slash, subtype = essence.strip(" \t").lower().partition("/")
    if not slash or not _is_token(kind) or not _is_token(subtype):
        raise ValueError(f"{value[:60]!a} is not a media type; one looks like 'text/html; charset=utf-8'")
    return MediaType(kind, subtype, tuple(_parameters(rest)) if rest else ())


_parse_cached = lru_cache(maxsize=256)(_parse)


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _EMPTY_PARAMETER.match(text, at) or _PARAMETER.match(text, at)
        if match is None:
            raise ValueError(f"{text[at : at + 60]!a} is not a parameter; one looks like 'charset=utf-8'")
        if match.re is _PARAMETER:
            name, quoted, plain = match.groups()
            yield name.lower(), plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
        at = match.end()


def _is_token(text: str) -> bool:
    return bool(text) and not text.rstrip(TOKEN)


class _Range(Struct, frozen=True):
    """One member of an `Accept` field: `name` is `a/b`, `a/*`, `*/*`, or a token such as `gzip`."""

    name: str
    params: Params
    weight: float

    @property
    def specificity(self) -> int:
        if self.name in ("*/*", "*"):
            return 0
        return 1 if self.name.endswith("/*") else 2 + len(self.params)

    def __str__(self) -> str:
        return "".join([self.name, *(f";{name}={_quoted(value)}" for name, value in self.params)])

    def matches(self, offer: MediaType) -> bool:
        if self.name in ("*/*", "*", f"{offer.type}/*"):
            return True
        # `charset` is left out: clients send `application/json; charset=utf-8`, and they mean the type.
        wanted = {(name, value.lower()) for name, value in self.params if name != "charset"}
        return self.name == offer.essence and wanted <= {(name, value.lower()) for name, value in offer.params}


def parse_accept(value: str) -> list[tuple[str, float]]:
    """Parse an `Accept`, `Accept-Encoding` or `Accept-Language` field to (range, weight from 0 to 1).

    Sorted by weight, then from the most to the least specific, then as they came. Only the first 64 members count and
    malformed ones are skipped. Ranges are in lower case and keep their parameters, as `text/html;level=1`.
    """
    ranges = sorted(_ranges_of(value), key=lambda one: (-one.weight, -one.specificity))
    return [(str(one), one.weight) for one in ranges]


def best_match(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offered media type that the client likes most, None if it accepts none of them.

    The most specific range that matches an offer decides its weight and a weight of 0 excludes it (RFC 9110 §12.5.1);
    equal weights go to the earlier offer. Without a header, or without a well-formed member in it, that is the first.
    Raises ValueError when an offer is not a media type.
    """
    ranges = _ranges_of(accept) if accept else ()
    if not ranges or not offers:
        return offers[0] if offers else None
    # The first of equal weights wins in `max`.
    weight, offer = max(((_weight_of(offer, ranges), offer) for offer in offers), key=lambda pair: pair[0])
    return offer if weight > 0 else None


def _weight_of(offer: str, ranges: tuple[_Range, ...]) -> float:
    media_type = parse_media_type(offer)
    matching = [(one.specificity, one.weight) for one in ranges if one.matches(media_type)]
    return max(matching)[1] if matching else 0.0


def _ranges_of(value: str) -> tuple[_Range, ...]:
    return _ranges_cached(value) if len(value) <= _CACHED_LENGTH_MAX else tuple(_ranges(value))


@lru_cache(maxsize=256)
def _ranges_cached(value: str) -> tuple[_Range, ...]:
    return tuple(_ranges(value))


def _ranges(value: str) -> Iterator[_Range]:
    for member in _members(value):
        name, _, rest = member.partition(";")
        name = name.strip(" \t").lower()
        if not _is_range(name):
            continue
        try:
            params = list(_parameters(rest)) if rest else []
            yield _Range(name, *_split_weight(params))
        except ValueError:
            continue


def _is_range(name: str) -> bool:
    kind, slash, subtype = name.partition("/")
    if not _is_token(kind) or (slash and not _is_token(subtype)):
        return False
    return kind != "*" or subtype in ("", "*")


def _members(value: str) -> list[str]:
    if '"' not in value:
        return value.split(",", _RANGES_MAX)[:_RANGES_MAX]
    members: list[str] = []
    at = 0
    while at <= len(value) and len(members) < _RANGES_MAX:
        match = _MEMBER.match(value, at)
        assert match is not None
        members.append(match[0])
        at = match.end() + 1
    return members


def _split_weight(params: list[tuple[str, str]]) -> tuple[Params, float]:
    """Return the parameters before `q` and the weight, 1 without `q`; what follows `q` is not part of the range."""
    for at, (name, value) in enumerate(params):
        if name == "q":
            if _WEIGHT.fullmatch(value) is None or float(value) > 1:
                raise ValueError("a weight is a number from 0 to 1")
            return tuple(params[:at]), float(value)
    return tuple(params), 1.0


def _quoted(value: str) -> str:
    if _is_token(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def http_date(timestamp: float | datetime) -> str:
    """Write a moment as IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).

    A number is seconds since the epoch; a datetime without a zone is UTC. Fractions of a second are cut. Raises
    ValueError outside the years 1 to 9999.
    """
    if isinstance(timestamp, datetime):
        # A float has no room for the microseconds of far years and would round them up to the next second.
        timestamp = timestamp.replace(microsecond=0, tzinfo=timestamp.tzinfo or UTC).timestamp()
    try:
        return _imf_fixdate(floor(timestamp))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{timestamp!r} seconds since the epoch is no date between the years 1 and 9999") from None


@lru_cache(maxsize=16)
def _imf_fixdate(second: int) -> str:
    from email.utils import formatdate

    return formatdate(second, usegmt=True)


def parse_http_date(value: str) -> datetime | None:
    """Parse a date in any of the three forms of RFC 9110 §5.6.7 to an aware UTC datetime; None if it is malformed."""
    # The longest form has 33 characters. `int` reads digits of all scripts, so only ASCII goes on.
    if len(value) > 64 or not value.isascii():
        return None
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def is_json(essence: str) -> bool:
    """Whether a media type is JSON: `application/json`, or one that ends in `+json` (RFC 6839)."""
    return essence == "application/json" or essence.endswith("+json")
