"""ID tokens: a JSON Web Token, and what OpenID Connect Core §3.1.3.7 wants of it besides."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nacre.auth.jwks import JWKS
from nacre.auth.jwt import JWTAuth
from nacre.auth.schemes import InvalidCredentials
from nacre.auth.strict_json import strict_object
from nacre.errors import MissingExtra

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Those that an ID token may have: with a key of its provider, never with a secret that both know, never `none`."""

_LEEWAY = 60  # seconds by which the clocks of the two servers may differ
_KEYS_SECONDS = 3600.0
_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
_SUBJECT_MAX = 255  # §2


class InvalidToken(Exception):
    """An ID token isn't what it must be; the text says in which way, and nothing of its content."""


@dataclass(frozen=True, slots=True)
class IssuedWith:
    """What an ID token must belong to."""

    nonce: str
    access_token: str


class IDTokens:
    """Verifies the ID tokens of one provider for one client; `fetch` gives the provider's key set. Needs `oauth`."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        algorithms: Sequence[str],
        fetch: Callable[[str], Awaitable[bytes]],
        clock: Callable[[], float],
    ) -> None:
        try:
            from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
        except ImportError:
            raise MissingExtra("OIDC", "oauth") from None
        self._check: Any = CodeIDToken
        self._client_id = client_id
        self._clock = clock
        self._signed = JWTAuth(
            algorithms=algorithms,
            jwks=JWKS(issuer, fetch=fetch, lifetime=_KEYS_SECONDS, clock=clock),
            issuer=issuer,
            audience=client_id,
            required=_REQUIRED,
            leeway=_LEEWAY,
            types=("JWT",),
            clock=clock,
        )

    async def verify(self, token: object, issued: IssuedWith) -> dict[str, Any]:
        """The claims of an ID token that is right in all respects.

        Raises InvalidToken for any other, ServiceUnavailable if the keys of the provider can't be had.
        """
        from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
        from joserfc.errors import JoseError

        if not isinstance(token, str):
            raise InvalidToken("there is none")
        try:
            claims = dict((await self._signed.decode(token)).values)
        except InvalidCredentials as error:
            raise InvalidToken(error.description or "it isn't signed as it must be") from None
        params = {"nonce": issued.nonce, "client_id": self._client_id, "access_token": issued.access_token}
        try:
            self._check(claims, _header_of(token), params=params).validate(int(self._clock()), _LEEWAY)
        except (JoseError, AuthlibBaseError, ValueError, TypeError, AttributeError) as error:
            raise InvalidToken(f"its claims are refused: {type(error).__name__}") from None
        if not isinstance(claims["nonce"], str) or not hmac.compare_digest(
            claims["nonce"].encode(), issued.nonce.encode()
        ):
            raise InvalidToken("it was issued for another login")
        if not 0 < len(claims["sub"]) <= _SUBJECT_MAX:
            raise InvalidToken("it names no subject")
        return claims


def _header_of(token: str) -> dict[str, Any]:
    """The header of a token that was verified."""
    head = token.partition(".")[0]
    return strict_object(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
