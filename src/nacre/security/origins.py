"""Allow-lists of origins, how an `Origin` is compared with them, and which origin is a request's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from nacre.errors import Location, Problem
from nacre.request import Request
from nacre.security.names import LOOPBACK, ascii_host, parents, texts_of
from nacre.urls import normal_origin, parse_host, parse_origin

ORIGIN_MAX = 320
"""A scheme, a host of 255 characters and a port: longer ones are allowed nowhere, and seen by no pattern."""

Rule = tuple[str, str, int | None]
"""Scheme, host and port of the origins below a host."""


class Origins:
    """Which origins are meant: listed ones, those below them, those that a pattern fits as a whole.

    An entry is an origin (`https://example.com`), all below one (`https://*.example.com`), `null`, or `*` for all of
    them. With `subdomains` each entry stands for those below it too, of the same scheme and port. `regex` is compared
    with the whole origin as browsers write it. Nothing listed is nothing allowed. `problems` holds what is wrong with
    the options; an object that has some is of no other use.
    """

    def __init__(
        self,
        listed: Iterable[str],
        regex: str | re.Pattern[str] | None = None,
        *,
        subdomains: bool = False,
        subject: str,
        where: Location,
    ) -> None:
        self.problems: list[Problem] = []
        self._subject, self._where = subject, where
        self.listed = texts_of(listed, f"{subject}: the origins", "https://example.com", where, self.problems)
        self.everyone = "*" in self.listed
        self.null = "null" in self.listed
        self.subdomains = subdomains
        self.exact: set[str] = set()
        self.below: set[Rule] = set()
        self.regex = self._compiled(regex)
        self._fits = lru_cache(maxsize=512)(self._is_fitting)  # PERF: 5 µs; bounded in number and length
        for entry in self.listed:
            if entry not in ("*", "null"):
                self._take(entry)
        if self.everyone and len(self.listed) > 1:
            self._problem('"*" stands for every origin, and others are listed beside it', "leave one of the two out")

    def __bool__(self) -> bool:
        return bool(self.listed) or self.regex is not None

    def allows(self, origin: str) -> bool:
        """Whether an `Origin` field names one of them; False for whatever is none, and for `null` unless listed."""
        if self.everyone:
            return True
        if origin == "null":
            return self.null
        return len(origin) <= ORIGIN_MAX and self._fits(origin)

    def _is_fitting(self, origin: str) -> bool:
        try:
            normal = normal_origin(origin)
            scheme, host, port = parse_origin(normal)
        except ValueError:
            return False
        if normal in self.exact:
            return True
        if self.below and any((scheme, parent, port) in self.below for parent in parents(host)):
            return True
        # SECURITY: the whole origin, never its beginning (starlette#800, CVE-2026-37737).
        return self.regex is not None and self.regex.fullmatch(normal) is not None

    def with_subdomains(self) -> Origins:
        """The same with those below each entry."""
        return Origins(self.listed, self.regex, subdomains=True, subject=self._subject, where=self._where)

    def insecure(self) -> Iterator[str]:
        """The listed origins whose pages come over plain HTTP from another machine."""
        for entry in self.listed:
            if entry.startswith("http://"):
                host, _ = parse_host(ascii_host(entry.removeprefix("http://").removeprefix("*.")))
                if host not in LOOPBACK and not host.endswith(".localhost"):
                    yield entry

    def _take(self, entry: str) -> None:
        scheme, separator, rest = entry.partition("://")
        wildcard = rest.startswith("*.")
        try:
            normal = normal_origin(f"{scheme}{separator}{ascii_host(rest.removeprefix('*.'))}")
            scheme, host, port = parse_origin(normal)
        except ValueError:
            slash = entry.endswith("/") and separator
            fix = "leave out the slash at its end" if slash else 'write scheme and host: "https://example.com"'
            self._problem(f"{entry[:60]!a} is no origin", fix)
            return
        named = not _is_address(host)
        if wildcard and not named:
            self._problem(f"{entry[:60]!a}: an address has no subdomains", "list the address itself")
        elif wildcard and "." not in host and host != "localhost":
            self._problem(f"{entry[:60]!a} stands for every site below .{host}", "name the domain that is yours")
        if not wildcard:
            self.exact.add(normal)
        if named and (wildcard or self.subdomains):
            self.below.add((scheme, host, port))

    def _compiled(self, regex: Any) -> re.Pattern[str] | None:
        if regex is None:
            return None
        pattern = getattr(regex, "pattern", regex)
        if not isinstance(pattern, str):
            what = f"origin_regex is a text or a pattern of one, not of type {type(pattern).__name__}"
            self._problem(what, 'write r"https://pr-\\d+\\.example\\.com"')
            return None
        try:
            return re.compile(regex)
        except re.error as error:
            self._problem(f"origin_regex is no regular expression: {error}", "mend it, or list the origins")
            return None

    def _problem(self, what: str, fix: str) -> None:
        self.problems.append(Problem(f"{self._subject}: {what}", self._where, fix))


def _is_address(host: str) -> bool:
    return host[:1] == "[" or host.replace(".", "").isdigit()


_PAGE_SCHEMES = {"ws": "http", "wss": "https"}


def own_origin(request: Request) -> str | None:
    """The origin that a request was sent to, as browsers write it; None if it doesn't tell.

    That of a WebSocket's handshake is the one of the pages which open it (RFC 6455 §4.1).
    """
    scheme = _PAGE_SCHEMES.get(request.scheme, request.scheme)
    try:
        return normal_origin(f"{scheme}://{request.headers.get('host', '')}")
    except ValueError:
        return None


def is_own_origin(request: Request, origin: str) -> bool:
    """Whether an `Origin` is that of the request itself: scheme, host and port."""
    try:
        return normal_origin(origin) == own_origin(request)
    except ValueError:
        return False
