"""Which hosts are served here: the `Host` of every request against a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import ClassVar

from nacre.chain.hooks import Hooks
from nacre.errors import BadRequest, ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import RedirectResponse, Response
from nacre.risks import Risk
from nacre.security.names import ascii_host, parents, texts_of
from nacre.urls import URL, parse_host

LOCALHOST = ("localhost", "*.localhost", "127.0.0.1", "[::1]")
"""What the machine itself is called: `TrustedHosts(LOCALHOST)` for an application that its developer alone uses.

SECURITY: a server that listens on 127.0.0.1 is reached by every page that the developer visits, under a name which
that page's site has led there (DNS rebinding).
"""

_LENGTH_MAX = 262  # a host of 255 characters, with a port
_KNOWN_MAX = 512

Named = tuple[str, int | None]
"""A host, and the port that it is for; None for any."""


class TrustedHosts(Hooks):
    """A layer that refuses with 400 requests whose `Host` isn't listed, WebSocket handshakes included.

    An entry is a host (`example.com`), all below one (`*.example.com`, without itself), or `*` for any; names outside
    ASCII are compared in their ASCII form, and one dot at the end of a request's host is left out. A port in an entry
    must be the request's; without one all ports are served. An empty list serves nothing, and neither is a request
    without `Host` served unless `*` is listed. `X-Forwarded-Host` isn't read: stand inside of `ProxyHeaders`, which
    sets `Host` by it.

    With `www_redirect` a GET of `example.com` is sent to `www.example.com` if only that is listed, and the other way
    round.

    Raises ConfigurationError for what is no host.
    """

    provides: ClassVar[tuple[str, ...]] = ("trusted host",)
    inside_of: ClassVar[tuple[str, ...]] = ("client address",)

    def __init__(self, hosts: Iterable[str], *, www_redirect: bool = False) -> None:
        super().__init__(before=self._before, inline=True)
        where = self._where = Location.of_caller()
        problems: list[Problem] = []
        self.hosts = texts_of(hosts, "TrustedHosts: the hosts", "example.com", where, problems)
        self.any = "*" in self.hosts
        self._exact: set[Named] = set()
        self._below: set[Named] = set()
        taken = [self._take(entry) for entry in self.hosts if entry != "*"]
        problems += [problem for problem in taken if problem is not None]
        if problems:
            raise ConfigurationError(problems)
        self._www_redirect = www_redirect
        self._judge = lru_cache(maxsize=_KNOWN_MAX)(self._judged)

    def __repr__(self) -> str:
        return f"TrustedHosts({list(self.hosts)!r})"

    def find_risks(self) -> Iterator[Risk]:
        """A list that takes every host."""
        if self.any:
            what = 'TrustedHosts(["*"]) serves every host, so links and caches can be poisoned by it'
            yield Risk(what, "list the names of the site", "medium", self._where)

    def serves(self, host: str) -> bool:
        """Whether a `Host` field is one of those listed; False for what is malformed."""
        return self._served(host) is True

    def _served(self, value: str) -> bool | Named:
        # SECURITY: what is remembered of what clients send is bounded in number and length.
        return len(value) <= _LENGTH_MAX and self._judge(value)

    def _before(self, request: Request) -> Response | None:
        hosts = request.headers.getlist("host")
        judged = self._served(hosts[0]) if len(hosts) == 1 else self.any and not hosts
        if judged is True:
            return None
        if judged and request.refusal is None and request.websocket is None and request.method in ("GET", "HEAD"):
            host, port = judged
            url = URL(request.scheme, host, port, request.root_path + request.path, request.query_string)
            return RedirectResponse(str(url), 308)
        # SECURITY: what was sent isn't repeated.
        raise BadRequest("this host isn't served here")

    def _judged(self, value: str) -> bool | Named:
        """Whether a host is listed; if only its twin with or without `www.` is, that one."""
        try:
            host, port = parse_host(value)
        except ValueError:
            return False
        host = host.removesuffix(".")
        if self.any or self._lists(host, port):
            return True
        twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        return (twin, port) if self._www_redirect and self._lists(twin, port) else False

    def _lists(self, host: str, port: int | None) -> bool:
        if not self._exact.isdisjoint(((host, None), (host, port))):
            return True
        return bool(self._below) and any(
            (parent, None) in self._below or (parent, port) in self._below for parent in parents(host)
        )

    def _take(self, entry: str) -> Problem | None:
        name = entry.removeprefix("*.")
        try:
            host, port = parse_host(ascii_host(name))
        except ValueError:
            return Problem(f"TrustedHosts: {entry[:60]!a} is no host", self._where, _hint(entry))
        if name != entry and (host[:1] == "[" or host.replace(".", "").isdigit()):
            what = f"TrustedHosts: {entry[:60]!a}: an address has nothing below it"
            return Problem(what, self._where, "list the address itself")
        (self._exact if name == entry else self._below).add((host.removesuffix("."), port))
        return None


def _hint(entry: str) -> str:
    if "://" in entry:
        return f"write the host alone: {entry.partition('://')[2].partition('/')[0][:60]!a}"
    if entry.startswith("."):
        return f"write {entry[1:60]!a} and {'*' + entry[:60]!a}"
    return 'one looks like "example.com", "*.example.com" or "localhost:8000"; a star stands for whole labels in front'
