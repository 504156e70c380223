"""What is right by default for any site, as one item of a list of middlewares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from nacre.chain.middleware import Layers
from nacre.errors import ConfigurationError, Location, Problem
from nacre.security.csp import Policy
from nacre.security.csrf import CSRF
from nacre.security.headers import SecurityHeaders
from nacre.security.hosts import TrustedHosts
from nacre.security.https import HSTS, HTTPSRedirect
from nacre.security.proxy import ProxyHeaders

_DEFAULT: Any = object()


class SecureDefaults(Layers):
    """Several layers for the head of an application's list: header fields, HTTPS, hosts, forged requests.

    Outermost first: `proxies` if given, `SecurityHeaders(csp=csp)`, `HSTS` for what comes by HTTPS, `TrustedHosts` if
    `hosts` are given, `HTTPSRedirect` with `https_only`, and `CSRF`. None for `csp` or `hsts`, or False for `csrf`,
    leaves that out; what is put further in takes the place of `SecurityHeaders`, `HSTS` and `CSRF` there. A layer that
    needs other options is given as such: `hsts=HSTS(3600)`, `csrf=CSRF(subdomains=True)`, `csp=SecurityHeaders(…)`.

    Raises ConfigurationError for what these layers refuse, and for a layer of another kind.
    """

    def __init__(
        self,
        hosts: Iterable[str] | None = None,
        *,
        csp: Policy | SecurityHeaders | None = _DEFAULT,
        hsts: HSTS | None = _DEFAULT,
        csrf: CSRF | bool = True,
        https_only: bool = False,
        proxies: ProxyHeaders | None = None,
    ) -> None:
        problems = [*_check("hsts", hsts, HSTS), *_check("csrf", csrf, CSRF), *_check("proxies", proxies, ProxyHeaders)]
        if problems:
            raise ConfigurationError(problems)
        layers: list[Any] = [] if proxies is None else [proxies]
        if csp is _DEFAULT:
            layers.append(SecurityHeaders())
        else:
            layers.append(csp if isinstance(csp, SecurityHeaders) else SecurityHeaders(csp=csp))
        if hsts is not None:
            layers.append(HSTS() if hsts is _DEFAULT else hsts)
        if hosts is not None:
            layers.append(TrustedHosts(hosts))
        if https_only:
            layers.append(HTTPSRedirect())
        if csrf:
            layers.append(CSRF() if csrf is True else csrf)
        super().__init__(*layers)


def _check(option: str, given: Any, kind: type) -> Iterator[Problem]:
    if given is None or given is _DEFAULT or isinstance(given, kind) or (kind is CSRF and isinstance(given, bool)):
        return
    what = f"SecureDefaults: {option} is a {kind.__name__}, not of type {type(given).__name__}"
    fix = "another layer for it is put into the list itself" if kind is CSRF else "None leaves it out"
    yield Problem(what, Location.of_caller(), fix)
