"""Cookies as objects."""

from __future__ import annotations

from datetime import datetime
from enum import IntFlag
from urllib.parse import quote, unquote

from nacre.cookies import SameSite, format_cookie


class CookieSameSiteMode(IntFlag):
    UNDEFINED = 0
    LAX = 1
    STRICT = 2
    NONE = 3


_SAME_SITE: dict[CookieSameSiteMode, SameSite] = {
    CookieSameSiteMode.LAX: "lax",
    CookieSameSiteMode.STRICT: "strict",
    CookieSameSiteMode.NONE: "none",
}


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
        self.name = name
        self.value = value
        self.expires = expires
        self.domain = domain
        self.path = path
        self.http_only = http_only
        self.secure = secure
        self.max_age = max_age
        self.same_site = same_site

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Cookie):
            return self.name == other.name and self.value == other.value
        return self.value == (other.decode() if isinstance(other, bytes) else other)

    def __hash__(self) -> int:
        return hash((self.name, self.value))

    def __repr__(self) -> str:
        return f"<Cookie {self.name}>"  # its value may be secret


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
    """The name and the value of a `Set-Cookie` field."""
    name, _, value = raw_value.decode("latin-1").partition(";")[0].partition("=")
    return Cookie(name.strip(), unquote(value.strip()))
