"""Which pages of other origins may read what is answered here: the CORS protocol of the Fetch standard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import ClassVar

from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Forbidden, Location, Problem
from nacre.headers import TOKEN, MutableHeaders, add_vary, check_pair
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.security.names import texts_of
from nacre.security.origins import ORIGIN_MAX, Origins, is_own_origin

_ALLOW_ORIGIN = "access-control-allow-origin"
_VARY = ("vary", "Origin")
_ASKED_MAX = 4096
"""Characters of `Access-Control-Request-Headers` that are looked at: pages ask for a dozen names."""
_KEPT_MAX = 256
"""Characters of what a preflight asks for up to which its answer is kept."""
_PROBES = ("https://nacre-probe.example", "http://nacre-probe.example", "https://a.b.nacre-probe.example:1")
_OPEN_DOT = re.compile(r"(?:^|[^\\])(?:\\\\)*\.(?![*+?{])")


class CORS(Hooks):
    """A layer that says which pages of other origins may read the answers, and that answers their preflights.

    `origins` are exact (`https://example.com`), those below a domain (`https://*.example.com`), or `["*"]` for all;
    `origin_regex` must match an origin as a whole; `subdomains` adds what is below each entry. Nothing listed is
    nothing allowed, and `null` only if it is listed. `credentials` lets cookies and HTTP authentication count.
    `methods` and `headers` are what a page may send; by default the methods that the path answers, and all header
    fields. `expose` lists header fields that pages may read; `max_age` is how many seconds a browser keeps the answer
    to a preflight, None for its own default. `private_network` lets public pages reach a server in a private network.
    An origin that isn't allowed gets an answer without the header fields; with `strict`, a 403.

    Of several such layers around a route the innermost decides, where the outermost stands: outside of authentication,
    since a preflight carries none, which is checked at startup.

    Raises ConfigurationError for what is no origin or token, and for `["*"]` or `null` with credentials.
    """

    provides: ClassVar[tuple[str, ...]] = ("cors",)
    outside_of: ClassVar[tuple[str, ...]] = ("user",)
    answers_preflights: ClassVar[bool] = True

    def __init__(
        self,
        origins: Iterable[str] = (),
        *,
        origin_regex: str | re.Pattern[str] | None = None,
        subdomains: bool = False,
        credentials: bool = False,
        methods: Iterable[str] | None = None,
        headers: Iterable[str] | None = None,
        expose: Iterable[str] = (),
        max_age: int | None = 600,
        private_network: bool = False,
        strict: bool = False,
    ) -> None:
        super().__init__(before=self._before, finalize=self._finalize, inline=True)
        where = self._where = Location.of_caller()
        self.origins = Origins(origins, origin_regex, subdomains=subdomains, subject="CORS", where=where)
        self.credentials = credentials
        self.strict = strict
        problems = self.origins.problems
        self._methods = _allowed(methods, "methods", "PATCH", where, problems)
        named = _allowed(headers, "headers", "X-Token", where, problems)
        self._headers = None if named is None else frozenset(name.lower() for name in named)
        exposed = texts_of(expose, "CORS: the exposed header fields", "X-Total", where, problems)
        problems += _check_tokens(exposed, "expose", where)
        problems += self._contradictions(exposed, max_age)
        if problems:
            raise ConfigurationError(problems)
        self._granted_pairs = [("access-control-allow-credentials", "true")] if credentials else []
        self._exposing_pairs = self._granted_pairs + (
            [("access-control-expose-headers", ", ".join(exposed))] if exposed else []
        )
        # PERF: the pages of an application have few origins and ask for few things; both are bounded in number, the
        # second in length too.
        self._allowing = lru_cache(maxsize=512)(self._allow)
        self._granting = lru_cache(maxsize=256)(self._grant)
        self._max_age = max_age
        self._private_network = private_network
        self._sees_private = private_network or strict  # where neither is, what is asked changes nothing
        self._anyone = self.origins.everyone and not credentials
        self._varies = bool(self.origins) and not self._anyone
        looked_at = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"]
        if private_network:
            looked_at.append("Access-Control-Request-Private-Network")
        self._vary = check_pair("vary", ", ".join(looked_at))

    def __repr__(self) -> str:
        return f"CORS({list(self.origins.listed)!r})"

    def for_route(self, place: Place) -> Hooks | str:
        """The innermost policy, where the outermost layer stands."""
        if place.is_websocket:
            return "a WebSocket's own `origins` say whose pages may connect"
        if any(isinstance(layer, CORS) for layer in place.outside):
            return "the CORS layer outside of it applies its policy"
        within = [layer for layer in place.inside if isinstance(layer, CORS)]
        return [self, *within][-1]._settled(place)

    def _settled(self, place: Place) -> Hooks:
        # PERF: only OPTIONS can be a preflight.
        may_answer = self.strict or place.method in ("OPTIONS", "*")
        return self if may_answer else Hooks(finalize=self._finalize, inline=True)

    def find_risks(self) -> Iterator[Risk]:
        """Policies that allow more than they seem to."""
        regex, weight = self.origins.regex, "with cookies" if self.credentials else "without cookies"
        if self.origins.everyone:
            what = "CORS lets the pages of every site read the answers"
            yield Risk(what, "list the origins, unless all of it is public", "low", self._where)
        if regex is not None and any(regex.fullmatch(probe) for probe in _PROBES):
            what = f"CORS: origin_regex fits origins of strangers, {weight}"
            yield Risk(what, "list the origins instead", "high" if self.credentials else "medium", self._where)
        elif regex is not None and _OPEN_DOT.search(re.sub(r"\[[^\]]*\]", "", regex.pattern)):
            what = "CORS: a dot in origin_regex stands for any character, so other names fit too"
            yield Risk(what, r"write it as \.", "high" if self.credentials else "medium", self._where)
        if self.credentials and (plain := list(self.origins.insecure())):
            what = f"CORS lets pages that came over plain HTTP use cookies: {', '.join(plain)}"
            yield Risk(what, "list them with https://", "medium", self._where)
        if self.origins.null:
            what = 'CORS lists "null", which is the origin of every sandboxed frame'
            yield Risk(what, "give those pages an origin, and list that", "medium", self._where)

    # On each request.

    def _before(self, request: Request) -> Response | None:
        if request.refusal is not None:
            return None
        headers = request.headers
        origins = headers.getlist("origin")
        if not origins:
            return None
        method = headers.get("access-control-request-method") if request.method == "OPTIONS" else None
        if method is not None:
            return self._answer(request, origins, method)
        if self.strict and self._granted(origins) is None and not _is_own(request):
            raise Forbidden("pages of this origin may not use what is here")
        return None

    def _finalize(self, request: Request, response: Response) -> None:
        pairs = response.raw_headers
        has_vary = has_answer = False
        for name, _ in pairs:
            if name == "vary":
                has_vary = True
            elif name == _ALLOW_ORIGIN:
                has_answer = True
        if self._varies:
            if has_vary:
                add_vary(pairs, "Origin")
            else:
                pairs.append(_VARY)
        if has_answer:
            return  # the handler's own, which a second one would make invalid
        if self._anyone:
            pairs += self._allowing("*", request.method == "OPTIONS")
            return
        origins = request.headers.getlist("origin")
        if len(origins) == 1 and len(origins[0]) <= ORIGIN_MAX:
            pairs += self._allowing(origins[0], request.method == "OPTIONS")

    def _allow(self, origin: str, is_preflight: bool) -> list[tuple[str, str]]:
        """The header fields that let the pages of an origin read an answer; none for one that isn't allowed."""
        if not self._anyone and not self.origins.allows(origin):
            return []
        others = self._granted_pairs if is_preflight else self._exposing_pairs
        return [check_pair(_ALLOW_ORIGIN, origin), *others]

    def _granted(self, origins: Sequence[str]) -> str | None:
        """What `Access-Control-Allow-Origin` is to say to a request with these `Origin` fields."""
        if self._anyone:
            return "*"
        return origins[0] if len(origins) == 1 and self.origins.allows(origins[0]) else None

    def _answer(self, request: Request, origins: Sequence[str], method: str) -> Response:
        """Answer a preflight for a method: what the page asks for, as far as it may."""
        response = Response(status=204)
        response.raw_headers.append(self._vary)
        if self._granted(origins) is None:
            whole = _is_own(request)
        else:
            headers = request.headers
            names = ",".join(headers.getlist("access-control-request-headers"))
            is_private = self._sees_private and headers.get("access-control-request-private-network") == "true"
            grant = self._granting if len(method) + len(names) <= _KEPT_MAX else self._grant
            pairs, whole = grant(method, names, is_private, tuple(request.allowed_methods))
            response.raw_headers += pairs
        if self.strict and not whole:
            raise Forbidden("the preflight asks for what pages of this origin may not do")
        return response

    def _grant(
        self, method: str, asked: str, is_private: bool, answered: tuple[str, ...]
    ) -> tuple[list[tuple[str, str]], bool]:
        """What a preflight is granted of what it asks for, and whether that is all of it.

        It is for a method, for header fields, and perhaps for a private network; `answered` are the path's methods.
        """
        headers, whole = MutableHeaders(), True
        # SECURITY: only the method that is asked for. Browsers keep the answer, and the methods of one path may have
        # different policies: listing all would let the others through without a preflight of their own.
        if self._takes(method, answered):
            headers.add("access-control-allow-methods", method)
        else:
            whole = False
        names = _names(asked)
        taken = names if self._headers is None else [name for name in names if name in self._headers]
        if taken:
            headers.add("access-control-allow-headers", ", ".join(taken))
        # SECURITY: off unless it is asked for (CVE-2024-6221).
        if is_private:
            if self._private_network:
                headers.add("access-control-allow-private-network", "true")
            whole = whole and self._private_network
        if self._max_age is not None:
            headers.add("access-control-max-age", str(self._max_age))
        return headers.raw, whole and len(taken) == len(names)

    def _takes(self, method: str, answered: tuple[str, ...]) -> bool:
        if self._methods is not None:
            return method in self._methods
        if answered:
            return method in answered
        return len(method) <= 32 and bool(method) and not method.rstrip(TOKEN)

    # At startup.

    def _contradictions(self, exposed: Sequence[str], max_age: int | None) -> Iterator[Problem]:
        where = self._where
        if self.credentials and self.origins.everyone:
            # SECURITY: every site on the web could act and read as whoever is logged in (starlette#3137).
            what = 'CORS: origins=["*"] with credentials lets every site read what a user may see'
            yield Problem(what, where, "list the origins, or leave credentials out")
        if self.credentials and self.origins.null:
            what = 'CORS: "null" with credentials is every sandboxed frame of every site'
            yield Problem(what, where, "list an origin of your own, or leave credentials out")
        if self.credentials and "*" in exposed:
            what = 'CORS: expose=["*"] means a header field of that name for browsers, with credentials'
            yield Problem(what, where, "list the header fields")
        if max_age is not None and (type(max_age) is not int or max_age < 0):
            yield Problem(f"CORS: max_age is a number of seconds, not {max_age!r}", where, "write max_age=600")
        for method in self._methods or ():
            if method != method.upper():
                what = f"CORS: methods are compared with case, and {method[:20]!a} isn't in capitals"
                yield Problem(what, where, f"write {method.upper()[:20]!a}")


def _is_own(request: Request) -> bool:
    """Whether a page of this server's own origin has sent the request."""
    origins = request.headers.getlist("origin")
    return request.headers.getlist("sec-fetch-site") == ["same-origin"] or (
        len(origins) == 1 and is_own_origin(request, origins[0])
    )


def _allowed(
    listed: Iterable[str] | None, option: str, example: str, where: Location, problems: list[Problem]
) -> frozenset[str] | None:
    """The names that may be asked for; None for all of them."""
    if listed is None:
        return None
    names = texts_of(listed, f"CORS: the {option}", example, where, problems)
    problems += _check_tokens(names, option, where)
    return None if "*" in names else frozenset(names)


def _check_tokens(names: Iterable[str], option: str, where: Location) -> list[Problem]:
    return [
        Problem(f"CORS: {name[:60]!a} in {option} is no name", where, "a name is letters, digits and hyphens")
        for name in names
        if not name or name.rstrip(TOKEN)
    ]


def _names(text: str) -> list[str]:
    """The header names that a preflight asks for, in lower case; those that are none are left out.

    PERF: one pass over a bounded text (GHSA-8j4g-w8fx-2239).
    """
    if len(text) > _ASKED_MAX:
        return []
    names = (part.strip(" \t").lower() for part in text.split(","))
    return list(dict.fromkeys(name for name in names if name and not name.rstrip(TOKEN)))
