"""What a token says of its bearer, and whether it may be believed here and now: RFC 7519 §4."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nacre.auth.identity import words_of
from nacre.auth.schemes import InvalidCredentials


@dataclass(frozen=True)
class Claims:
    """The claims of a token that was verified; the user of a request, unless `to_user` gives another."""

    values: Mapping[str, Any] = field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str, default: Any = None) -> Any:
        """The claim of this name."""
        return self.values.get(name, default)

    @property
    def subject(self) -> str | None:
        """Whom the token is about: the claim `sub`."""
        return self.values.get("sub")

    @property
    def scopes(self) -> frozenset[str] | None:
        """The words of the claim `scope` (RFC 8693 §4.2), or `scp`; None if the token has neither."""
        return self._words("scope", "scp")

    @property
    def roles(self) -> frozenset[str] | None:
        """The claim `roles`, RFC 9068 §2.2.3.1; None if the token has none."""
        return self._words("roles")

    def _words(self, *names: str) -> frozenset[str] | None:
        """The words of the first of these claims that isn't null; none at all if all that are there are null."""
        given = [self.values[name] for name in names if name in self.values]
        return _words(next((one for one in given if one is not None), "")) if given else None


@dataclass(frozen=True)
class ClaimRules:
    """What the claims of a token must say. All comparisons are exact (CVE-2024-53861)."""

    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    required: tuple[str, ...] = ("exp",)
    leeway: float = 0.0
    max_age: float | None = None

    def check(self, claims: Mapping[str, Any], now: float) -> None:
        """Raise InvalidCredentials unless the claims are for us, from whom we trust, and hold now."""
        missing = [name for name in self.required if claims.get(name) is None]
        if missing:
            raise InvalidCredentials("the token lacks a claim that is required")
        self._check_times(claims, now)
        if self.issuers and claims.get("iss") not in self.issuers:
            raise InvalidCredentials("the token is from another issuer")
        self._check_audience(claims)
        if not isinstance(claims.get("sub", ""), str):
            raise InvalidCredentials

    def _check_times(self, claims: Mapping[str, Any], now: float) -> None:
        ends, begins, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
        if ends is not None and now >= ends + self.leeway:
            raise InvalidCredentials("the token has expired")
        if (begins is not None and now < begins - self.leeway) or (issued is not None and now < issued - self.leeway):
            raise InvalidCredentials("the token is not valid yet")
        if self.max_age is not None and (issued is None or now >= issued + self.max_age + self.leeway):
            raise InvalidCredentials("the token is too old")

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        if "aud" not in claims:
            if self.audiences:
                raise InvalidCredentials("the token is for another audience")
            return
        named = claims["aud"]
        audiences: Sequence[Any] = [named] if isinstance(named, str) else named if isinstance(named, list) else []
        # RFC 7519 §4.1.3: a token that names an audience is refused by who isn't named.
        if not any(isinstance(one, str) and one in self.audiences for one in audiences):
            raise InvalidCredentials("the token is for another audience")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidCredentials
    try:
        seconds = float(value)
    except OverflowError:
        raise InvalidCredentials from None
    if not math.isfinite(seconds):
        raise InvalidCredentials
    return seconds


def _words(value: Any) -> frozenset[str]:
    """Words of a claim. SECURITY: what isn't made of text grants nothing."""
    try:
        return words_of(value) if isinstance(value, (str, list)) else frozenset()
    except TypeError:
        return frozenset()
