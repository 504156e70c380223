"""What is unsafe about an application that is to be deployed: what its layers say, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from nacre import Nacre
from nacre.chain.layer import Layer
from nacre.compiler import Chain, Compiled, Compiler
from nacre.describe import plain
from nacre.risks import Assessed, Risk, Severity
from nacre.security.csrf import SAFE_METHODS
from nacre.websocket import WEBSOCKET

_ORDER: dict[Severity, int] = {"high": 0, "medium": 1, "low": 2}
_COLOURS: dict[Severity, str] = {"high": "red", "medium": "yellow", "low": "blue"}
_EXAMPLES = 3


def find_risks(app: Nacre) -> list[Risk]:
    """All risks of an application that compiles, the worst first. Raises what compiling raises."""
    compiled = Compiler(app).compile()
    found = [*_of_application(app), *_of_layers(compiled), *_of_chains(compiled)]
    return sorted(dict.fromkeys(found), key=lambda risk: _ORDER[risk.severity])


def is_unsafe(risks: Iterable[Risk]) -> bool:
    """Whether one of them is more than advice."""
    return any(risk.severity != "low" for risk in risks)


def as_data(risk: Risk) -> dict[str, Any]:
    """A risk as JSON holds it."""
    return {"what": risk.what, "fix": risk.fix, "severity": risk.severity, "where": plain(risk.where)}


def echo_risks(risks: Sequence[Risk]) -> None:
    """Print what is unsafe, and what to change."""
    for risk in risks:
        place = f" ({risk.where})" if risk.where is not None else ""
        severity = click.style(f"{risk.severity:<6}", fg=_COLOURS[risk.severity], bold=True)
        click.echo(f"{severity}  {risk.what}{place}")
        click.echo(f"        {risk.fix}")
    if not risks:
        click.echo(f"{click.style('safe', fg='green', bold=True)}: nothing found that is unsafe to deploy")


def _of_application(app: Nacre) -> Iterator[Risk]:
    if app.debug:
        yield Risk("debug is on: errors show source code to everyone", "leave out debug=True", "high")
    if app.max_body is None:
        what = "there is no limit for request bodies, so one client can fill the memory"
        yield Risk(what, "leave out max_body=None, and give routes that take more a max_body of their own")
    if app.body_timeout is None:
        yield Risk("a client may take for ever to send its body", "leave out body_timeout=None")


def _of_layers(compiled: Compiled) -> Iterator[Risk]:
    """What the layers say of themselves, as they were made."""
    targets = [layer.target for chain in compiled.chains for scope in chain.scopes for layer in scope.layers]
    for target in {id(target): target for target in targets}.values():
        if isinstance(target, Assessed) and not isinstance(target, type):
            yield from target.find_risks()


def _of_chains(compiled: Compiled) -> Iterator[Risk]:
    """Routes that lack what every site wants."""
    chains = [chain for chain in compiled.chains if chain.route is not None]
    pages = [chain for chain in chains if chain.method != WEBSOCKET]
    raw = compiled.raw_layers
    for wanted, of, what, fix, severity in _WANTED:
        bare = [chain for chain in (pages if of == "pages" else chains) if not _has(wanted, chain, raw)]
        if bare:
            yield Risk(f"{what}: {_examples(bare)}", fix, severity)
    if any("login" in layer.provides for chain in chains for _, layer in chain.layers) and not any(
        _has("ratelimit", chain, raw) for chain in chains
    ):
        what = "nothing here slows down who tries out passwords"
        fix = "add nacre.traffic.RateLimit(…) to the route of the login, unless it counts failures (FailureLimit)"
        yield Risk(what, fix, "low")
    forgeable = [chain for chain in pages if _is_forgeable(chain, raw)]
    if forgeable:
        what = f"other sites can make a user's browser send these, with the user's session: {_examples(forgeable)}"
        yield Risk(what, "add nacre.security.CSRF(), or mark a handler that trusts no cookie @csrf.exempt", "high")


_WANTED: tuple[tuple[str, str, str, str, Severity], ...] = (
    (
        "trustedhost",
        "all",
        "any Host is served, so links and caches can be poisoned by one",
        "add nacre.security.TrustedHosts([…]) with the names of the site",
        "medium",
    ),
    (
        "securityheaders",
        "pages",
        "browsers aren't told to protect the pages",
        "add nacre.security.SecurityHeaders()",
        "medium",
    ),
    ("hsts", "pages", "browsers may come back by plain HTTP", "add nacre.security.HSTS()", "medium"),
    (
        "httpsredirect",
        "all",
        "requests over plain HTTP are answered",
        "add nacre.security.HTTPSRedirect(), unless the proxy in front does that",
        "low",
    ),
)
"""Name of a layer, in small letters, on which routes, what is wrong without it, what to do, and how bad it is."""


def _has(name: str, chain: Chain, raw: Iterable[Layer]) -> bool:
    """Whether a layer of this name stands around a route; a published one may call itself `TrustedHostMiddleware`."""
    return any(name in layer.name.lower() for layer in (*raw, *(layer for _, layer in chain.layers)))


def _is_forgeable(chain: Chain, raw: Iterable[Layer]) -> bool:
    layers = [layer for _, layer in chain.layers]
    if chain.method in SAFE_METHODS or not any("session" in layer.provides for layer in layers):
        return False
    exempt = chain.route is not None and "csrf_exempt" in chain.route.marks
    return not exempt and not any("csrf" in layer.provides for layer in layers) and not _has("csrf", chain, raw)


def _examples(chains: Sequence[Chain]) -> str:
    names = list(dict.fromkeys(f"{chain.method} {chain.route.path}" for chain in chains if chain.route is not None))
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more
