"""Cookies as objects."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import IntFlag
from urllib.parse import quote, unquote

from nacre.cookies import SameSite, format_cookie
from nacre.media import http_date


class CookieSameSiteMode(IntFlag):
    UNDEFINED = 0
    LAX = 1
    STRICT = 2
    NONE = 3


class CookieError(ValueError):
    """A cookie that can't be."""


class CookieValueExceedsMaximumLength(CookieError):
    """Browsers take no cookie whose value is longer than 4,096 bytes."""


_SAME_SITE: dict[CookieSameSiteMode, SameSite] = {
    CookieSameSiteMode.LAX: "lax",
    CookieSameSiteMode.STRICT: "strict",
    CookieSameSiteMode.NONE: "none",
}
_LENGTH_MAX = 4096


class Cookie:
    """A cookie to be set; `max_age` in seconds, -1 for none. Its value is sent percent-encoded."""

    def __init__(
        self,
        name: str,
        value: str,
        expires: datetime | None = None,
        domain: str | None = None,
        path: str | None = None,
        http_only: bool = False,
        secure: bool = False,
        max_age: int = -1,
        same_site: CookieSameSiteMode = CookieSameSiteMode.UNDEFINED,
    ) -> None:
        if len(value) > _LENGTH_MAX:
            raise CookieValueExceedsMaximumLength(f"the cookie {name[:60]!a} is longer than {_LENGTH_MAX} characters")
        self.name = name
        self.value = value
        self.expires = expires
        self.domain = domain
        self.path = path
        self.http_only = http_only
        self.secure = secure
        self.max_age = max_age
        self.same_site = same_site

    def clone(self) -> Cookie:
        return copy.copy(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Cookie):
            return self.name == other.name and self.value == other.value
        return self.value == (other.decode() if isinstance(other, bytes) else other)

    def __hash__(self) -> int:
        return hash((self.name, self.value))

    def __repr__(self) -> str:
        return f"<Cookie {self.name}>"


def write_cookie(cookie: Cookie) -> str:
    """The value of a `Set-Cookie` field. Raises ValueError for what no cookie can hold."""
    return format_cookie(
        cookie.name,
        quote(cookie.value, safe="!#$&'()*+-./:<=>?@[]^_`{|}~"),
        max_age=None if cookie.max_age < 0 else cookie.max_age,
        expires=cookie.expires,
        path=cookie.path,
        domain=cookie.domain,
        secure=cookie.secure,
        httponly=cookie.http_only,
        samesite=_SAME_SITE.get(cookie.same_site),
    )


def parse_cookie(raw_value: bytes) -> Cookie:
    """The cookie of a `Set-Cookie` field."""
    pair, *attributes = [part.strip() for part in raw_value.decode("latin-1").split(";")]
    name, _, value = pair.partition("=")
    cookie = Cookie(name, unquote(value))
    for attribute in attributes:
        key, _, text = attribute.partition("=")
        match key.lower():
            case "expires":
                cookie.expires = datetime_from_cookie_format(text.encode("latin-1"))
            case "max-age":
                cookie.max_age = int(text) if text.lstrip("-").isdigit() else -1
            case "path":
                cookie.path = text
            case "domain":
                cookie.domain = text
            case "httponly":
                cookie.http_only = True
            case "secure":
                cookie.secure = True
            case "samesite":
                cookie.same_site = CookieSameSiteMode[text.upper()]
            case _:
                pass
    return cookie


def datetime_to_cookie_format(value: datetime) -> bytes:
    return http_date(value).encode()


def datetime_from_cookie_format(value: bytes) -> datetime:
    """The time, in UTC and without zone."""
    return parsedate_to_datetime(value.decode("latin-1")).astimezone(UTC).replace(tzinfo=None)
