"""JSON Web Tokens as bearer tokens: RFC 7519, by the rules of RFC 8725 and RFC 9068.

Of a token only what is signed by a configured key counts. The key is never taken from the token, the algorithm only if
it is one that is listed and is for keys of that type, and what must be understood (`crit`) is refused, since nothing of
that kind is. Encrypted tokens aren't taken: there is nothing to decompress, and no key to derive.
"""

from __future__ import annotations

import json
import math
import re
import string
import time
from base64 import urlsafe_b64encode
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from nacre.auth.bearer import BearerAuth
from nacre.auth.identity import Identity
from nacre.auth.jwks import JWKS
from nacre.auth.jwt_claims import ClaimRules, Claims
from nacre.auth.jwt_keys import KeySource, VerifyingKey, candidates, check_algorithms, import_keys, require_joserfc
from nacre.auth.schemes import Credentials, InvalidCredentials
from nacre.auth.strict_json import strict_object
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request
from nacre.risks import Risk

_MAX = 8192  # letters of a token
_PARTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")  # RFC 7515 §7.1
_HEADERS_MAX, _HEADER_LENGTH_MAX = 64, 512
_TRIED = 8
"""How many keys a token without `kid` is tried with."""

Words = str | Sequence[str]


class JWTAuth(BearerAuth):
    """A JSON Web Token by `Authorization: Bearer`, signed by a key that is configured. Needs the extra `jwt`.

    `keys` is a secret, a public key in PEM, a JSON Web Key or a set of them, or a list of such; in place of it `jwks`
    is the URL (or the `JWKS`) where the issuer publishes its keys. `algorithms` lists what they sign with, and nothing
    else is taken. Secrets are at least as long as the hash (32 bytes for HS256), and never what could be a public key.

    A token must hold the claims of `required`, and `exp`, `nbf` and `iat` must hold now, give or take `leeway` seconds.
    `iss` must be (one of) `issuer`, and `aud` name (one of) `audience`; a token that names an audience is refused if
    none is configured (RFC 7519 §4.1.3). `max_age` bounds the seconds since `iat`. `types` are what `typ` may be; a
    token without it counts as "JWT". Tokens of more than 8,192 letters are refused unread.

    `to_user(claims)`, plain or async, gives the user of the `Claims`, or None to refuse the token; without it the
    claims are the user. The scopes of the token count, if it has some, else those of the user; the roles are the
    user's.
    """

    def __init__(
        self,
        keys: KeySource | Sequence[KeySource] | None = None,
        *,
        algorithms: Sequence[str],
        jwks: str | JWKS | None = None,
        issuer: Words | None = None,
        audience: Words | None = None,
        required: Sequence[str] = ("exp",),
        leeway: float = 0.0,
        max_age: float | None = None,
        types: Sequence[str] = ("JWT", "at+jwt"),
        to_user: Callable[..., Any] | None = None,
        realm: str = "api",
        name: str = "bearer",
        inline: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        require_joserfc()
        where = Location.of_caller()
        problems = [*check_algorithms(algorithms, where), *_rule_problems(issuer, audience, required, types, where)]
        if (keys is None) == (jwks is None):
            fix = "give it one of the two: JWTAuth(secret, …) or JWTAuth(jwks='https://…', …)"
            problems.append(Problem("JWTAuth has both keys and a key set to fetch, or neither", where, fix))
        problems += _duration_problems(leeway, max_age, where)
        if problems:
            raise ConfigurationError(problems)
        super().__init__(to_user or _as_it_is, realm=realm, name=name, inline=inline or to_user is None)
        self.algorithms = tuple(algorithms)
        self._jwks = JWKS(jwks) if isinstance(jwks, str) else jwks
        if self._jwks is not None and "HS" in {name[:2] for name in self.algorithms}:
            what = "JWTAuth fetches keys and allows algorithms with a shared secret"
            raise ConfigurationError(Problem(what, where, "a secret that is published is none: take them off"))
        self._keys = [] if self._jwks is not None else import_keys(keys, self.algorithms, where)
        self._rules = ClaimRules(_listed(issuer), _listed(audience), tuple(required), leeway, max_age)
        self._types = frozenset(one.lower() for one in types)
        self._has_to_user = to_user is not None
        self._where = where
        self._clock = clock
        self._headers: dict[str, tuple[str, str | None]] = {}

    def __repr__(self) -> str:
        return f"JWTAuth(algorithms={list(self.algorithms)}, name={self.name!r}, realm={self.realm!r})"

    @property
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

    @property
    def needs_loop(self) -> bool:
        """Whether a token must be verified on an event loop."""
        return super().needs_loop or (self._jwks is not None and self._jwks.needs_loop)

    def find_risks(self) -> Iterable[Risk]:
        """Tokens that are good for ever."""
        if "exp" not in self._rules.required and self._rules.max_age is None:
            what = "JWTAuth takes tokens without `exp`, and one that is stolen is good for ever"
            yield Risk(what, "leave `exp` in `required`, or set `max_age` in seconds", "medium", self._where)

    async def verify(self, request: Request, credentials: Credentials) -> Identity | None:
        """Who the token is of; None for one that isn't valid. Raises InvalidCredentials to say why."""
        claims = Claims(await self._claims(credentials[0]))
        identity = await super().verify(request, (claims,))
        if identity is not None and self._has_to_user and identity.scopes is None:
            identity.scopes = claims.scopes
        return identity

    async def decode(self, token: str) -> Claims:
        """The claims of a token that is valid now. Raises InvalidCredentials for any other text."""
        return Claims(await self._claims(token))

    def encode(self, claims: Mapping[str, Any], *, expires_in: float = 900.0, type: str = "JWT") -> str:
        """A token with these claims, signed by the first key that can sign; it is valid for `expires_in` seconds.

        `iat` and `exp` are set, and `iss` and `aud` to what is configured, unless the claims have them. Raises
        ValueError if there is no secret or private key to sign with.
        """
        key = next((key for key in self._keys if key.signs), None)
        if key is None:
            raise ValueError("JWTAuth has no secret and no private key to sign tokens with")
        now = int(self._clock())
        filled: dict[str, Any] = {"iat": now, "exp": now + int(expires_in)}
        if self._rules.issuers:
            filled["iss"] = self._rules.issuers[0]
        if self._rules.audiences:
            filled["aud"] = self._rules.audiences[0]
        header = {"alg": key.algorithms[0], "typ": type} | ({} if key.kid is None else {"kid": key.kid})
        text = f"{_encoded(header)}.{_encoded({**filled, **claims})}"
        return f"{text}.{_base64(key.sign(text.encode(), key.algorithms[0]))}"

    async def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX or (parts := _PARTS.fullmatch(token)) is None:
            raise InvalidCredentials
        algorithm, kid = self._read_header(parts[1])
        try:
            signed, signature = f"{parts[1]}.{parts[2]}".encode(), _decoded(parts[3])
            if not await self._is_signed(signed, signature, algorithm, kid):
                raise InvalidCredentials
            claims = strict_object(_decoded(parts[2]))
        except ValueError:
            raise InvalidCredentials from None
        self._rules.check(claims, self._clock())
        return claims

    async def _is_signed(self, signed: bytes, signature: bytes, algorithm: str, kid: str | None) -> bool:
        """Whether one of the keys has signed; published ones are fetched again before the answer is no."""
        if self._jwks is None:
            return _is_signed_by(candidates(self._keys, algorithm, kid), signed, signature, algorithm)
        keys = await self._jwks.find(algorithm, kid)
        if _is_signed_by(keys, signed, signature, algorithm):
            return True
        # A new key may have no name, or the name of the old one.
        anew = await self._jwks.find_anew(algorithm, kid)
        return _is_signed_by([key for key in anew if key not in keys], signed, signature, algorithm)

    def _read_header(self, text: str) -> tuple[str, str | None]:
        """The algorithm and the key's name of a header. PERF: an issuer has a few headers, and they are remembered."""
        known = self._headers.get(text)
        if known is None:
            try:
                known = self._checked_header(strict_object(_decoded(text)))
            except ValueError:
                raise InvalidCredentials from None
            if len(self._headers) >= _HEADERS_MAX:
                self._headers.clear()
            if len(text) <= _HEADER_LENGTH_MAX:
                self._headers[text] = known
        return known

    def _checked_header(self, header: Mapping[str, Any]) -> tuple[str, str | None]:
        """The algorithm and the key's name. SECURITY: `jwk`, `jku`, `x5u` and `x5c`, which bring a key, aren't read."""
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in self.algorithms:
            raise InvalidCredentials
        if "crit" in header or "b64" in header or "zip" in header or "enc" in header:
            raise InvalidCredentials
        # RFC 7515 §4.1.9: `application/` may be left out.
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in self._types:
            raise InvalidCredentials
        if kid is not None and not isinstance(kid, str):
            raise InvalidCredentials
        return algorithm, kid


def _is_signed_by(keys: Sequence[VerifyingKey], signed: bytes, signature: bytes, algorithm: str) -> bool:
    return any(key.verifies(signed, signature, algorithm) for key in keys[:_TRIED])


def _as_it_is(claims: Claims) -> Claims:
    return claims


def _encoded(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(part: str) -> bytes:
    """The bytes of base64 for URLs. Raises ValueError unless it is written as RFC 7515 §2 says."""
    missing = -len(part) % 4
    # SECURITY: Python skips bits of the last letter that don't count, so several texts would be one token.
    if missing == 3 or part[-1] not in _LAST[missing]:
        raise ValueError("it isn't written as base64 for URLs is")
    return a2b_base64(part.translate(_FROM_URLS) + "=" * missing)


_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_LAST = (frozenset(_LETTERS), frozenset(_LETTERS[::4]), frozenset(_LETTERS[::16]))
"""What may be the last letter where none, one and two are missing to a group of four: the others have bits too many."""

_FROM_URLS = str.maketrans("-_", "+/")


def _listed(words: Words | None) -> tuple[str, ...]:
    return () if words is None else (words,) if isinstance(words, str) else tuple(words)


def _rule_problems(issuer: Any, audience: Any, required: Any, types: Any, where: Location) -> list[Problem]:
    problems: list[Problem] = []
    for name, words in (("issuer", issuer), ("audience", audience)):
        if words is not None and not (_are_texts([words] if isinstance(words, str) else words) and words):
            fix = f"name one or several, or leave {name} out"
            problems.append(Problem(f"the {name} of JWTAuth is empty, or no text", where, fix))
    for name, words in (("required", required), ("types", types)):
        if not _are_texts(words):
            problems.append(Problem(f"`{name}` of JWTAuth is a list of texts", where, f"write {name}=[…]"))
    if not types:
        fix = "a token without `typ` is a JWT; leave `types` out for those and access tokens"
        problems.append(Problem("JWTAuth allows no type, so no token could be valid", where, fix))
    return problems


def _are_texts(words: Any) -> bool:
    if isinstance(words, str) or not isinstance(words, Collection):
        return False
    return all(isinstance(one, str) and one for one in words)


def _duration_problems(leeway: Any, max_age: Any, where: Location) -> Iterator[Problem]:
    if not isinstance(leeway, (int, float)) or not 0 <= leeway <= 300:
        yield Problem("the leeway of JWTAuth is 0 to 300 seconds", where, "clocks differ by seconds")
    if max_age is not None and not (isinstance(max_age, (int, float)) and 0 < max_age < math.inf):
        fix = "leave it out for tokens that are good until `exp`"
        yield Problem("the max_age of JWTAuth is no positive number of seconds", where, fix)
