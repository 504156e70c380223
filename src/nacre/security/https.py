"""HTTPS only: requests that came without it are sent there, and browsers are told not to come without it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import BadRequest, ConfigurationError, Forbidden, Location, Problem
from nacre.request import Request
from nacre.response import RedirectResponse, Response
from nacre.risks import Risk
from nacre.security.hosts import TrustedHosts
from nacre.security.names import ascii_host
from nacre.urls import URL, parse_host

_DAY = 86_400
_YEAR = 365 * _DAY
_SECURE = ("https", "wss")
_FIELD = "strict-transport-security"


class HTTPSRedirect(Hooks):
    """A layer that sends GET and HEAD requests which came over plain HTTP to the same URL with `https`.

    All other methods get a 403, and so do WebSocket handshakes: what they carry has crossed the network in the open,
    and a redirect would hide that from whoever wrote the client. `status` is 301, 302, 307 or 308; `port` is that of
    HTTPS. The location's host is `host`, or that of the request where a `TrustedHosts` stands outside, without which it
    would be whatever a client sends.

    The scheme is `request.scheme`: behind a proxy that ends TLS, stand inside of `ProxyHeaders`.

    Raises ConfigurationError for another status and what is no host, and at startup if nothing says which host it is.
    """

    inside_of: ClassVar[tuple[str, ...]] = ("client address", "trusted host")

    def __init__(self, *, host: str | None = None, port: int = 443, status: Literal[301, 302, 307, 308] = 308) -> None:
        super().__init__(before=self._before, inline=True)
        self._where = Location.of_caller()
        problems: list[Problem] = []
        if status not in (301, 302, 307, 308):
            what = f"HTTPSRedirect: {status!r} is no status of a redirect"
            problems.append(Problem(what, self._where, "take 308, 307, 302 or 301"))
        if type(port) is not int or not 0 < port < 65536:
            problems.append(Problem(f"HTTPSRedirect: {port!r} is no port", self._where, "write port=443"))
        self._host = None if host is None else self._checked(host, problems)
        if problems:
            raise ConfigurationError(problems)
        self._port = port
        self._status = status

    def __repr__(self) -> str:
        return "HTTPSRedirect()"

    def for_route(self, place: Place) -> HTTPSRedirect:
        """Raises ConfigurationError where nothing says which hosts there are."""
        listed = any(isinstance(layer, TrustedHosts) and not layer.any for layer in place.outside)
        if self._host is None and not listed:
            what = "HTTPSRedirect sends clients to whatever host they ask for"
            fix = "put TrustedHosts([…]) before it, or name the host: HTTPSRedirect(host=…)"
            raise ConfigurationError(Problem(what, self._where, fix))
        return self

    def _before(self, request: Request) -> Response | None:
        if request.scheme in _SECURE or request.refusal is not None:
            return None  # what is malformed has no URL to go to: it is answered with 400
        if request.websocket is not None or request.method not in ("GET", "HEAD"):
            raise Forbidden("use https")
        host = self._host or request.host
        if not host:
            raise BadRequest("the request names no host")
        url = URL("https", host, self._port, request.root_path + request.path, request.query_string)
        return RedirectResponse(str(url), self._status)

    def _checked(self, host: Any, problems: list[Problem]) -> str | None:
        try:
            name, port = parse_host(ascii_host(host)) if isinstance(host, str) else ("", 0)
        except ValueError:
            name, port = "", 0
        if port is None:
            return name
        fix = 'one looks like "example.com"; a port is said by port=…'
        problems.append(Problem(f"HTTPSRedirect: {str(host)[:60]!a} is no host", self._where, fix))
        return None


class HSTS(Hooks):
    """A layer that tells browsers to come by HTTPS alone from now on (RFC 6797), in every answer that went by HTTPS.

    It holds for `max_age` seconds, a year by default, and with `include_subdomains` for all hosts below this one. With
    `preload` browsers may be shipped with it: that is for good, and needs both a year and the subdomains. Browsers
    offer no way past a broken certificate meanwhile: begin with an hour, and raise it when all is well.

    Raises ConfigurationError for what isn't a number of seconds, and for `preload` without what it needs.
    """

    def __init__(self, max_age: int = _YEAR, *, include_subdomains: bool = False, preload: bool = False) -> None:
        super().__init__(finalize=self._finalize, inline=True)
        self._where = Location.of_caller()
        problems: list[Problem] = []
        if type(max_age) is not int or max_age < 0:
            what = f"HSTS: max_age is a number of seconds, not {max_age!r}"
            problems.append(Problem(what, self._where, "write HSTS(31_536_000)"))
        elif preload and not (include_subdomains and max_age >= _YEAR):
            fix = "HSTS(31_536_000, include_subdomains=True, preload=True)"
            problems.append(Problem("HSTS: preload needs a year and the subdomains", self._where, fix))
        if problems:
            raise ConfigurationError(problems)
        self.max_age = max_age
        parts = [f"max-age={max_age}", *["includeSubDomains"] * include_subdomains, *["preload"] * preload]
        self._pair = _FIELD, "; ".join(parts)

    def __repr__(self) -> str:
        return f"HSTS({self._pair[1]!r})"

    def find_risks(self) -> Iterator[Risk]:
        """A time that is over before most visitors come again."""
        if self.max_age < 30 * _DAY:
            what = f"HSTS holds for {self.max_age} seconds only"
            yield Risk(what, "when all is well, raise it to a year: HSTS()", "low", self._where)

    def _finalize(self, request: Request, response: Response) -> None:
        # RFC 6797 §7.2: not over plain HTTP, where it could be anyone's.
        if request.scheme not in _SECURE:
            return
        for name, _ in response.raw_headers:
            if name == _FIELD:
                return
        response.raw_headers.append(self._pair)
