"""Requests that a page of another site has made a browser send: told by `Sec-Fetch-Site` and `Origin`, and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from nacre.app import Nacre
from nacre.dialects.microdot.cors import CORS
from nacre.dialects.microdot.microdot import Microdot, Request, abort
from nacre.request import Request as NativeRequest

F = TypeVar("F", bound=Callable[..., Any])


class CSRF:
    """Refuses with 403 what a page of another site has made a browser send.

    Checked are all methods but the `SAFE_METHODS`, unless the route is `exempt`, and every method of a route under
    `protect`; with `protect_all=False` the latter alone. Trusted are requests of the site's own pages, those that no
    browser sends, and those of the origins that `cors` lists, of which "*" is none. `allow_subdomains` trusts sibling
    sites (`Sec-Fetch-Site: same-site`) too, and the origins below each listed one.
    """

    SAFE_METHODS: ClassVar[list[str]] = ["GET", "HEAD", "OPTIONS"]

    def __init__(
        self,
        app: Microdot | None = None,
        cors: CORS | None = None,
        protect_all: bool = True,
        allow_subdomains: bool = False,
    ) -> None:
        self.cors = cors
        self.protect_all = protect_all
        self.allow_subdomains = allow_subdomains
        self.exempt_routes: list[Callable[..., Any]] = []
        self.protected_routes: list[Callable[..., Any]] = []
        if app is not None:
            self.initialize(app, cors)

    def initialize(self, app: Microdot, cors: CORS | None = None) -> None:
        """Check the requests to an application's routes; `cors` says whose pages are trusted besides."""
        if cors is not None:
            self.cors = cors

        def csrf_before_request(native: NativeRequest) -> None:
            request = Request.of(native)
            if self._is_checked(request) and not self._is_trusted(request):
                abort(403, "Forbidden")

        # PERF: it never blocks, and doesn't want the body, which the hooks of programs are given.
        Nacre.before_request(app, csrf_before_request, inline=True)

    def exempt(self, function: F) -> F:
        """Let requests of other sites through to this route; it may stand anywhere among its decorators."""
        # SECURITY: what the function wraps isn't marked, since another route may be of that too.
        self.exempt_routes.append(function)
        return function

    def protect(self, function: F) -> F:
        """Check every request to this route, whatever its method; it counts more than `exempt`."""
        self.protected_routes += _parts(function)
        return function

    def _is_checked(self, request: Request) -> bool:
        parts = list(_parts(request.route))
        if any(part in self.protected_routes for part in parts):
            return True
        if not self.protect_all or request.method in self.SAFE_METHODS:
            return False
        return not any(part in self.exempt_routes for part in parts)

    def _is_trusted(self, request: Request) -> bool:
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site in ("same-origin", "none") or (site == "same-site" and self.allow_subdomains):
            return True
        if origin:
            return self._is_listed(origin)
        return not site  # no browser has sent it

    def _is_listed(self, origin: str) -> bool:
        # SECURITY: `null` is the origin of every sandboxed frame, of whatever site.
        if self.cors is None or origin == "null":
            return False
        listed = self.cors.listed_origins
        return origin in listed or (self.allow_subdomains and any(_is_below(origin, parent) for parent in listed))


def _parts(function: Any) -> Iterator[Callable[..., Any]]:
    """A function and all that it wraps: any of them may be what a decorator was put on."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def _is_below(origin: str, parent: str) -> bool:
    """Whether an origin is a subdomain of another one, with its scheme and port."""
    scheme, _, host = origin.partition("://")
    parent_scheme, _, parent_host = parent.partition("://")
    return parent_host != "" and scheme == parent_scheme and host.endswith(f".{parent_host}")
