"""Cookies: reading `Cookie` leniently, writing `Set-Cookie` strictly (RFC 6265; prefixes and SameSite by 6265bis)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Literal

from nacre.headers import TOKEN
from nacre.media import http_date

SameSite = Literal["lax", "strict", "none"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_WITHOUT_CONTROLS = bytes(0x20 if code < 0x20 or code == 0x7F else code for code in range(256))
_ESCAPED = re.compile(r"\\([0-3][0-7]{2}|.)")
# cookie-octet, RFC 6265 §4.1.1: printable ASCII without space, double quote, comma, semicolon and backslash.
_COOKIE_OCTETS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\')


def parse_cookies(header: str) -> dict[str, str]:
    """Parse a `Cookie` field, never raising.

    Only `;` separates, the first `=` ends the name, and what has no name is ignored. The first cookie of a name wins:
    browsers send the most specific path first. Double quotes around a value are taken off and the escapes in them
    undone, those of `http.cookies` (`\\073`) too. A cookie with a control character is dropped. Non-ASCII stays
    latin-1, as all header text.
    """
    # PERF: comparing with what a table makes of it takes less than half of `isprintable`, the most of a long cookie.
    clean = header.isascii() and (text := header.encode()).translate(_WITHOUT_CONTROLS) == text
    cookies: dict[str, str] = {}
    # PERF: to see that a long cookie is the only one takes a tenth of splitting it, 0.25 µs for 280 characters.
    for part in header.split(";") if ";" in header else (header,):
        name, equals, value = part.partition("=")
        name = name.strip(" \t")
        if not equals or not name or name in cookies:
            continue
        value = value.strip(" \t")
        if value[:1] == '"':
            value = _unquote(value)
            if _CONTROL.search(value):
                continue
        if clean or not (_CONTROL.search(name) or _CONTROL.search(value)):
            cookies[name] = value
    return cookies


def _unquote(value: str) -> str:
    if len(value) < 2 or value[-1] != '"':
        return value
    value = value[1:-1]
    # One pass of a pattern without repetition: 64 KiB of backslashes take linear time (CPython CVE-2024-7592).
    return _ESCAPED.sub(_unescape, value) if "\\" in value else value


def _unescape(match: re.Match[str]) -> str:
    escaped = match[1]
    return escaped if len(escaped) == 1 else chr(int(escaped, 8))


def format_cookie(
    name: str,
    value: str,
    *,
    max_age: int | timedelta | None = None,
    expires: datetime | str | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """Write the value of a `Set-Cookie` field.

    `max_age` is in seconds; a datetime without a zone is UTC; None leaves an attribute out. Raises ValueError for a
    name that is not a token, for a value with characters outside `cookie-octet`, for control characters, `;` or
    non-ASCII in an attribute, and for combinations that browsers ignore without a word: `__Host-` or `__Secure-`
    without what they promise, `SameSite=None` or `Partitioned` without `Secure`.
    """
    _check_name_and_value(name, value)
    _check_promises(name, secure=secure, path=path, domain=domain)
    parts = [f"{name}={value}"]
    if domain is not None:
        parts.append(f"Domain={_attribute(name, 'domain', domain)}")
    if path is not None:
        parts.append(f"Path={_attribute(name, 'path', path)}")
    if expires is not None:
        text = http_date(expires) if isinstance(expires, datetime) else _attribute(name, "expires", expires)
        parts.append(f"Expires={text}")
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age.total_seconds() if isinstance(max_age, timedelta) else max_age)}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        parts.append(f"SameSite={_same_site(name, samesite, secure=secure)}")
    if partitioned:
        if not secure:
            raise ValueError(f"cookie {name!a} is partitioned, which browsers accept only with secure=True")
        parts.append("Partitioned")
    return "; ".join(parts)


def format_deletion(
    name: str,
    *,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """Write the `Set-Cookie` value that makes a browser forget a cookie.

    Name, path, domain and `partitioned` must be those it was set with, and prefixed names need their attributes again.
    Raises ValueError as `format_cookie` does.
    """
    return format_cookie(
        name,
        "",
        max_age=0,
        expires="Thu, 01 Jan 1970 00:00:00 GMT",
        path=path,
        domain=domain,
        secure=secure,
        httponly=httponly,
        samesite=samesite,
        partitioned=partitioned,
    )


def _check_name_and_value(name: str, value: str) -> None:
    if not name or name.rstrip(TOKEN):
        raise ValueError(f"{name[:60]!a} is not a cookie name; a name is letters, digits and !#$%&'*+-.^_`|~")
    rest = value.lstrip(_COOKIE_OCTETS)
    if rest:
        raise ValueError(
            f"cookie {name!a} can't hold {rest[0]!a} (character {len(value) - len(rest)} of the value); "
            "encode the value, for instance with urllib.parse.quote"
        )


def _check_promises(name: str, *, secure: bool, path: str | None, domain: str | None) -> None:
    # Browsers compare the prefixes without case, so that servers which do the same are safe too.
    prefix = name[:9].lower()
    if prefix == "__secure-" and not secure:
        raise ValueError(f"cookie {name!a} needs secure=True: browsers refuse the prefix __Secure- without it")
    if prefix.startswith("__host-") and not (secure and path == "/" and domain is None):
        raise ValueError(
            f"cookie {name!a} needs secure=True, path='/' and no domain: browsers refuse the prefix __Host- otherwise"
        )


def _attribute(cookie: str, attribute: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()) or ";" in text:
        raise ValueError(f"the {attribute} of cookie {cookie!a} must be printable ASCII without ';': {text[:60]!a}")
    return text


def _same_site(cookie: str, samesite: str, *, secure: bool) -> str:
    known = samesite.lower()
    if known not in ("lax", "strict", "none"):
        raise ValueError(f"the samesite of cookie {cookie!a} is 'lax', 'strict', 'none' or None, not {samesite[:60]!a}")
    if known == "none" and not secure:
        raise ValueError(f"cookie {cookie!a} has samesite='none', which browsers accept only with secure=True")
    return known.capitalize()
