"""Requests that a page of another site has made a browser send: told by `Sec-Fetch-Site` and `Origin`, and refused.

Both are set by browsers and can't be set by pages. The content type isn't looked at: `multipart/form-data` and
`text/plain` need no preflight (CVE-2021-32677, CVE-2024-47082), and no header of another kind counts as a proof
(CVE-2011-0696).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Forbidden, Location, Problem
from nacre.marks import mark
from nacre.request import Request
from nacre.response import Response
from nacre.security.cors import CORS
from nacre.security.origins import Origins, is_own_origin

F = TypeVar("F", bound=Callable[..., Any])

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing, and aren't checked."""

_EXEMPT, _PROTECTED = "csrf_exempt", "csrf_protect"


@dataclass(frozen=True)
class _Mark:
    requires: tuple[str, ...] = ()


def exempt(function: F) -> F:
    """Let requests of other sites through to this handler: a webhook, or one that trusts no cookie.

    The decorator may stand anywhere among those of the handler; `protect` counts more.
    """
    return mark(function, _EXEMPT, _Mark())


def protect(function: F) -> F:
    """Check every request to this handler, whatever its method; it is an error at startup if no layer does."""
    return mark(function, _PROTECTED, _Mark(requires=("csrf",)))


class CSRF(Hooks):
    """A layer that refuses with 403 what a page of another site has made a browser send.

    Checked are all methods but GET, HEAD and OPTIONS, unless the handler is marked `@csrf.exempt`, and every method of
    one marked `@csrf.protect`; with `protect_all=False` the latter alone. Requests of the site's own pages are let
    through, those that no browser sends too, and those of `origins` or, where these are not given, of the origins that
    `cors` lists, which is the CORS layer of the same route unless given. `subdomains` trusts sibling sites
    (`Sec-Fetch-Site: same-site`), and the origins below each listed one. `Origin: null` is never trusted.

    The request's own origin is `request.scheme` and its `Host`: stand inside of `ProxyHeaders`, and of `TrustedHosts`.
    Routes that aren't checked don't pass the layer at all. A WebSocket's route checks the origin itself; handshakes for
    mounted ASGI applications are checked here. Of several such layers around a route the innermost alone stands.

    Raises ConfigurationError for what is no origin.
    """

    provides: ClassVar[tuple[str, ...]] = ("csrf",)
    inside_of: ClassVar[tuple[str, ...]] = ("client address",)
    responses: ClassVar[dict[int, str]] = {403: "The request was sent by a page of another site"}

    def __init__(
        self,
        *,
        cors: CORS | None = None,
        origins: Iterable[str] = (),
        protect_all: bool = True,
        subdomains: bool = False,
    ) -> None:
        super().__init__()
        where = Location.of_caller()
        listed = Origins(origins, subdomains=subdomains, subject="CSRF", where=where)
        problems = listed.problems
        problems += _check_layer(cors, where)
        if cors is not None and listed:
            what = "CSRF: origins and cors both say whose pages are trusted"
            problems.append(Problem(what, where, "leave one of the two out"))
        if listed.everyone or listed.null:
            what = "CSRF: trusting every page is no protection"
            problems.append(Problem(what, where, "list origins, or mark the handlers that need none `@csrf.exempt`"))
        if problems:
            raise ConfigurationError(problems)
        self.protect_all = protect_all
        self.subdomains = subdomains
        self._origins = listed if cors is None else self._listed_by(cors)
        self._asks_cors = cors is None and not listed

    def __repr__(self) -> str:
        return f"CSRF(protect_all={self.protect_all}, subdomains={self.subdomains})"

    def for_route(self, place: Place) -> Hooks | str:
        """This layer where requests are checked, told whom the CORS layer of the chain lists."""
        reason = unchecked(place, protect_all=self.protect_all)
        if reason is None and any(isinstance(layer, CSRF) for layer in place.inside):
            reason = "a CSRF layer further in decides"
        if reason is not None:
            return reason
        policies = [layer for layer in (*place.outside, *place.inside) if isinstance(layer, CORS)]
        origins = self._listed_by(policies[-1]) if self._asks_cors and policies else self._origins
        return _Check(origins, subdomains=self.subdomains, place=place)

    def _listed_by(self, cors: CORS) -> Origins:
        return cors.origins.with_subdomains() if self.subdomains else cors.origins


def _check_layer(cors: object, where: Location) -> Iterator[Problem]:
    if cors is not None and not isinstance(cors, CORS):
        what = f"CSRF: cors is a CORS layer, not of type {type(cors).__name__}"
        yield Problem(what, where, "write CSRF(origins=[…]) for a list of origins")


def is_protected(place: Place) -> bool:
    """Whether the handler is marked `@csrf.protect`."""
    return place.mark(_PROTECTED) is not None


def is_always_checked(place: Place) -> bool:
    """Whether no request to this place is spared for its method.

    SECURITY: the chain of a method has that method's handler at its end, whatever a layer outside has made of
    `request.method`. Only one that takes every method, as a mounted application does, has to ask the request.
    """
    return is_protected(place) or place.method != "*"


def unchecked(place: Place, *, protect_all: bool) -> str | None:
    """Why no request to this place is checked; None where some are."""
    if place.is_websocket:
        return "a WebSocket checks the origin itself"
    if place.route is None:
        return "no route answers, so nothing is changed"
    if is_protected(place):
        return None
    if not protect_all:
        return "not marked @csrf.protect"
    if place.mark(_EXEMPT) is not None:
        return "marked @csrf.exempt"
    return f"{place.method} is a safe method" if place.method in SAFE_METHODS else None


class _Check(Hooks):
    """The check as it stands in one chain."""

    def __init__(self, origins: Origins, *, subdomains: bool, place: Place) -> None:
        super().__init__(before=self._before, finalize=self._finalize if is_protected(place) else None, inline=True)
        self._origins = origins
        self._subdomains = subdomains
        self._always = is_always_checked(place)

    def _before(self, request: Request) -> None:
        # SECURITY: handshakes are GETs, and a mounted application may leave their origin to those around it.
        if not self._always and request.method in SAFE_METHODS and request.websocket is None:
            return
        if not self._is_trusted(request):
            raise Forbidden("the request was sent by a page of another site")

    def _finalize(self, request: Request, response: Response) -> None:
        # A safe method's answer may be stored: who gets it depends on these.
        response.headers.add_vary("Sec-Fetch-Site", "Origin")

    def _is_trusted(self, request: Request) -> bool:
        sites = request.headers.getlist("sec-fetch-site")
        if sites in (["same-origin"], ["none"]) or (self._subdomains and sites == ["same-site"]):
            return True
        origins = request.headers.getlist("origin")
        if not origins:
            return not sites  # no browser has sent it
        origin = origins[0]
        # SECURITY: two of them were put together by no browser; `null` is a sandboxed frame's, of whatever site.
        if len(origins) > 1 or origin == "null":
            return False
        if not self._origins.everyone and self._origins.allows(origin):
            return True
        return not sites and is_own_origin(request, origin)
