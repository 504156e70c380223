"""What is unsafe about an application that is to be deployed: what its layers say themselves, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from nacre.chain.hooks import Hooks
from nacre.chain.layer import Layer
from nacre.chain.place import Place
from nacre.compiler import Chain, Compiled
from nacre.errors import Location
from nacre.risks import Assessed, Risk, Severity
from nacre.routing import ANY_METHOD
from nacre.security.csrf import unchecked
from nacre.security.headers import SecurityHeaders
from nacre.security.hosts import TrustedHosts
from nacre.security.https import HSTS, HTTPSRedirect
from nacre.websocket import WEBSOCKET

_ORDER: dict[Severity, int] = {"high": 0, "medium": 1, "low": 2}
_EXAMPLES = 3


class _Wanted(Struct, frozen=True):
    """A layer that every site wants: what is wrong without it, what to do, and how bad it is.

    Published middlewares of the same kind count too, known by `name` in theirs: `TrustedHostMiddleware`.
    """

    kind: type[Hooks]
    name: str
    what: str
    fix: str
    severity: Severity = "medium"
    is_for_pages: bool = False
    """Whether it does nothing for a WebSocket's handshake."""


_WANTED = (
    _Wanted(
        TrustedHosts,
        "trustedhost",
        "any Host is served, so links and caches can be poisoned by one",
        "add nacre.security.TrustedHosts([…]) with the names of the site",
    ),
    _Wanted(
        SecurityHeaders,
        "securityheaders",
        "browsers aren't told to protect the pages",
        "add nacre.security.SecurityHeaders()",
        is_for_pages=True,
    ),
    _Wanted(HSTS, "hsts", "browsers may come back by plain HTTP", "add nacre.security.HSTS()", is_for_pages=True),
    _Wanted(
        HTTPSRedirect,
        "httpsredirect",
        "requests over plain HTTP are answered",
        "add nacre.security.HTTPSRedirect(), unless the proxy in front does that",
        "low",
    ),
)


class Deployed(Protocol):
    """An application, as far as its own options are looked at."""

    max_body: int | None
    body_timeout: float | None
    where: Location


def assess(app: Deployed, compiled: Compiled) -> tuple[Risk, ...]:
    """All risks of a compiled application, the worst first; nothing in them is secret."""
    found = [*_of_options(app, compiled), *_of_layers(compiled), *_of_chains(compiled)]
    return tuple(sorted(dict.fromkeys(found), key=lambda risk: _ORDER[risk.severity]))


def _of_options(app: Deployed, compiled: Compiled) -> Iterator[Risk]:
    groups = {scope.group: scope.label for chain in compiled.chains for scope in chain.scopes if scope.group}
    for group, label in groups.items():
        if getattr(group, "debug", False):
            # Exceptions inside of a mounted application are reported by that one.
            what = "debug is on" if label == "app" else f"debug is on in the {label}"
            yield Risk(f"{what}: errors show source code", "leave out debug=True", "high", group.where)
    if app.max_body is None:
        what = "there is no limit for request bodies, so one client can fill the memory"
        fix = "leave out max_body=None, and give routes that take more a max_body of their own"
        yield Risk(what, fix, where=app.where)
    if app.body_timeout is None:
        what = "a client may take for ever to send its body"
        yield Risk(what, "leave out body_timeout=None", where=app.where)


def _of_layers(compiled: Compiled) -> Iterator[Risk]:
    """What the layers say of themselves, as they were made.

    Those that a chain leaves out are asked too: a CORS layer further in is left out, and its policy holds.
    """
    targets = [layer.target for chain in compiled.chains for scope in chain.scopes for layer in scope.layers]
    for target in {id(target): target for target in targets}.values():
        if isinstance(target, Assessed) and not isinstance(target, type):
            yield from target.find_risks()


def _of_chains(compiled: Compiled) -> Iterator[Risk]:
    """Routes that lack what every site wants."""
    chains = [chain for chain in compiled.chains if chain.route is not None]
    pages = [chain for chain in chains if chain.method != WEBSOCKET]
    raw = compiled.raw_layers
    for wanted in _WANTED:
        bare = [chain for chain in (pages if wanted.is_for_pages else chains) if not _has(wanted, chain, raw)]
        if bare:
            yield Risk(f"{wanted.what}: {_examples(bare)}", wanted.fix, wanted.severity)
    forgeable = [chain for chain in pages if _is_forgeable(chain, raw)]
    if forgeable:
        what = "other sites can make a user's browser send these, with the user's session or password"
        fix = "add nacre.security.CSRF(), or mark a handler that trusts no cookie @csrf.exempt"
        yield Risk(f"{what}: {_examples(forgeable)}", fix, "high")
    has_login = any("login" in layer.provides for chain in chains for _, layer in chain.layers)
    if has_login and not any(_is_called("ratelimit", chain, raw) for chain in chains):
        what = "nothing here slows down who tries out passwords"
        fix = "add nacre.traffic.RateLimit(…) to the route of the login, unless it counts failures (FailureLimit)"
        yield Risk(what, fix, "low")


def _has(wanted: _Wanted, chain: Chain, raw: Iterable[Layer]) -> bool:
    own = any(isinstance(layer.target, wanted.kind) for _, layer in chain.layers)
    return own or _is_called(wanted.name, chain, raw)


def _is_called(name: str, chain: Chain, raw: Iterable[Layer]) -> bool:
    """Whether a layer with this in its name stands around a route."""
    return any(name in layer.name.lower() for layer in (*raw, *(layer for _, layer in chain.layers)))


def _is_forgeable(chain: Chain, raw: Iterable[Layer]) -> bool:
    # Pages of other sites send nothing but GET, HEAD and POST without a preflight.
    layers = [layer for _, layer in chain.layers]
    if chain.method not in ("POST", ANY_METHOD):
        return False
    if unchecked(Place(chain.route, chain.method), protect_all=True) is not None:
        return False
    if any("csrf" in layer.provides for layer in layers) or _is_called("csrf", chain, raw):
        return False
    return any(_is_sent_by_browsers(layer) for layer in layers)


def _is_sent_by_browsers(layer: Layer) -> bool:
    """Whether browsers send by themselves what a layer knows a user by: cookies, passwords of HTTP authentication."""
    schemes = [scheme for scheme in layer.security.values() if scheme is not None]
    return "session" in layer.provides or any(
        scheme.get("in") == "cookie" or scheme.get("scheme") in ("basic", "digest") for scheme in schemes
    )


def _examples(chains: Sequence[Chain]) -> str:
    names = list(dict.fromkeys(f"{chain.method} {chain.route.path}" for chain in chains if chain.route is not None))
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more
