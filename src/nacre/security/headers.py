"""Header fields that take away what a page doesn't need: frames, foreign scripts, guessed types, sensors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from nacre.chain.hooks import Hooks, default_fields
from nacre.chain.place import Place
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.security.csp import CSP_NONCE, CompiledPolicy, Nonce, Policy
from nacre.security.names import texts_of
from nacre.state import give_templates

Frame = Literal["DENY", "SAMEORIGIN"]
Permissions = Mapping[str, Iterable[str]]
"""Features and who may use them: `{"camera": [], "geolocation": ["self", "https://maps.example"]}`."""

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "frame": ("DENY", "SAMEORIGIN"),
    "referrer": (
        *("no-referrer", "no-referrer-when-downgrade", "origin", "origin-when-cross-origin", "same-origin"),
        *("strict-origin", "strict-origin-when-cross-origin", "unsafe-url"),
    ),
    "coop": ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"),
    "coep": ("require-corp", "credentialless", "unsafe-none"),
    "corp": ("same-origin", "same-site", "cross-origin"),
}
_FIELDS = {
    "frame": "x-frame-options",
    "referrer": "referrer-policy",
    "coop": "cross-origin-opener-policy",
    "coep": "cross-origin-embedder-policy",
    "corp": "cross-origin-resource-policy",
}
_FEATURES = (
    *("accelerometer", "ambient-light-sensor", "attribution-reporting", "autoplay", "bluetooth", "browsing-topics"),
    *("camera", "compute-pressure", "display-capture", "encrypted-media", "fullscreen", "gamepad", "geolocation"),
    *("gyroscope", "hid", "identity-credentials-get", "idle-detection", "interest-cohort", "keyboard-map"),
    *("local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment", "picture-in-picture"),
    *("publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial", "speaker-selection"),
    *("storage-access", "sync-xhr", "usb", "web-share", "window-management", "xr-spatial-tracking"),
)
_ANCESTORS = {"DENY": "'none'", "SAMEORIGIN": "'self'"}
_DEFAULT: Any = object()


class SecurityHeaders(Hooks):
    """A layer that adds to every response the header fields by which browsers protect its page.

    `csp` is the Content-Security-Policy, a dict of directives or a text; by default one that fits any page: no plugins,
    no foreign `<base>`, no frame around it. `NONCE` among its sources makes a nonce for each response, which templates
    write as `{{ csp_nonce() }}` and handlers by `csp_nonce(request)`. `csp_report_only` is a second policy that
    browsers only report on. `frame` is DENY or SAMEORIGIN; `referrer`, `coop`, `coep` and `corp` are the values of
    their fields. `permissions` says who may use a feature, an empty list nobody. `nosniff` keeps browsers from guessing
    types. None leaves a field out.

    What a response has already stays. Of several such layers around a route the innermost alone stands, so a route or
    group has its own policy by a layer of its own. Answers to WebSocket handshakes have none of this.

    Raises ConfigurationError for directives that there aren't, and values that can't be meant.
    """

    def __init__(
        self,
        *,
        csp: Policy | None = _DEFAULT,
        csp_report_only: Policy | None = None,
        frame: Frame | None = "DENY",
        referrer: str | None = "strict-origin-when-cross-origin",
        permissions: Permissions | None = None,
        coop: str | None = "same-origin",
        coep: str | None = None,
        corp: str | None = "same-origin",
        nosniff: bool = True,
    ) -> None:
        where = self._where = Location.of_caller()
        problems: list[Problem] = []
        chosen = {"frame": frame, "referrer": referrer, "coop": coop, "coep": coep, "corp": corp}
        for option, value in chosen.items():
            problems += _check_choice(option, value, where)
        pairs = [(_FIELDS[option], value) for option, value in chosen.items() if value is not None]
        if nosniff:
            pairs.append(("x-content-type-options", "nosniff"))
        if permissions is not None and (allowed := _permissions(permissions, where, problems)):
            pairs.append(("permissions-policy", allowed))
        policies: list[tuple[str, CompiledPolicy]] = []
        given = {"csp": _default_policy(frame) if csp is _DEFAULT else csp, "csp_report_only": csp_report_only}
        for option, policy in given.items():
            if policy is not None:
                compiled = CompiledPolicy(policy, option, where)
                problems += compiled.problems
                policies.append((_POLICY_FIELDS[option], compiled))
        if problems:
            raise ConfigurationError(problems)
        self._policies = [pair for pair in policies if pair[1].has_nonce]
        self._pairs = pairs + [(name, policy.text(None)) for name, policy in policies if not policy.has_nonce]
        self._csp = dict(policies).get("content-security-policy")
        if self._policies:
            super().__init__(before=self._before, finalize=self._finalize, inline=True)
        else:
            super().__init__(finalize=default_fields(self._pairs), inline=True)

    def __repr__(self) -> str:
        names = [name for name, _ in (*self._pairs, *self._policies)]
        return f"SecurityHeaders({', '.join(names)})"

    def for_route(self, place: Place) -> SecurityHeaders | str:
        """This layer, unless one further in stands in its place."""
        if place.is_websocket:
            return "a handshake's answer is no page"
        if any(isinstance(layer, SecurityHeaders) for layer in place.inside):
            return "a SecurityHeaders layer further in decides"
        return self

    def find_risks(self) -> Iterator[Risk]:
        """Policies under which a script that was smuggled into a page would run."""
        directives = {} if self._csp is None else self._csp.directives
        scripts = directives.get("script-src", directives.get("default-src"))
        if scripts is None:
            what = "the Content-Security-Policy says nothing about scripts"
            yield Risk(what, 'SecurityHeaders(csp={"default-src": ["\'self\'"], …})', "low", self._where)
        elif "'unsafe-inline'" in scripts and not any(one.startswith(_INSTEAD) for one in scripts):
            what = "the Content-Security-Policy lets inline scripts run, those of an attacker too"
            yield Risk(what, "give your scripts a nonce: NONCE instead of 'unsafe-inline'", "medium", self._where)

    def _before(self, request: Request) -> None:
        nonce = request.state[CSP_NONCE] = Nonce()
        give_templates(request.state, csp_nonce=nonce)

    def _finalize(self, request: Request, response: Response) -> None:
        present = {name for name, _ in response.raw_headers}
        for pair in self._pairs:
            if pair[0] not in present:
                response.raw_headers.append(pair)
        self._add_policies(request, response, present)

    def _add_policies(self, request: Request, response: Response, present: set[str]) -> None:
        if response.status == 304:
            return  # it would replace the nonce of the page that the client has
        nonce = request.state.get(CSP_NONCE)
        if nonce is not None and response.stream is not None:
            nonce()  # a page that is rendered piece by piece may come to it later
        for name, policy in self._policies:
            if name not in present:
                response.raw_headers.append((name, policy.text(nonce)))


_INSTEAD = ("'nonce", "'sha", "'strict-")
"""Sources that make browsers take no notice of 'unsafe-inline'."""

_POLICY_FIELDS = {"csp": "content-security-policy", "csp_report_only": "content-security-policy-report-only"}


def _default_policy(frame: Any) -> Policy:
    policy = {"base-uri": ["'self'"], "object-src": ["'none'"]}
    ancestors = [source for name, source in _ANCESTORS.items() if name == frame]
    return policy | ({"frame-ancestors": ancestors} if ancestors else {})


def _check_choice(option: str, value: Any, where: Location) -> Iterator[Problem]:
    if value is None or value in _CHOICES[option]:
        return
    choices = {choice.lower(): choice for choice in _CHOICES[option]}
    near = [choices[name] for name in difflib.get_close_matches(str(value).lower(), choices, n=1)]
    known = f"there are {', '.join(_CHOICES[option])}, and None for no such field"
    fix = f"did you mean {near[0]!r}?" if near else known
    yield Problem(f"SecurityHeaders: {str(value)[:60]!a} is no value of {option}", where, fix)


def _permissions(given: Any, where: Location, problems: list[Problem]) -> str:
    """The value of `Permissions-Policy`; what is wrong goes to `problems`."""
    if not isinstance(given, Mapping):
        what = f"SecurityHeaders: permissions are a dict, not of type {type(given).__name__}"
        problems.append(Problem(what, where, 'write {"camera": []}'))
        return ""
    items: list[tuple[Any, Any]] = list(given.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    written: list[str] = []
    for feature, allowed in items:
        problems += _check_feature(feature, where)
        what = f"SecurityHeaders: permissions: those who may use {feature}"
        names = texts_of(allowed, what, "self", where, problems)
        problems += _check_users(names, where)
        listed = " ".join(name if name in ("self", "src") else f'"{name}"' for name in names)
        written.append(f"{feature}=*" if names == ("*",) else f"{feature}=({listed})")
    return ", ".join(written)


def _check_feature(feature: Any, where: Location) -> Iterator[Problem]:
    name = str(feature)
    near = difflib.get_close_matches(name, _FEATURES, n=1)
    if name not in _FEATURES and (near or not name.replace("-", "").isalpha() or not name.isascii()):
        fix = f"did you mean {near[0]!r}?" if near else "a feature is called something like 'camera'"
        yield Problem(f"SecurityHeaders: permissions: {name[:60]!a} is no feature", where, fix)


def _check_users(names: Sequence[str], where: Location) -> Iterator[Problem]:
    for name in names:
        is_origin = (
            "://" in name and name.isascii() and name.isprintable() and not any(char in name for char in ' "\\,;()')
        )
        if not is_origin and name not in ("self", "src") and names != ("*",):
            what = f"SecurityHeaders: permissions: {name[:60]!a} may use nothing"
            yield Problem(what, where, 'write "self", an origin, or "*" alone; an empty list is for nobody')
