"""The keys of JSON Web Tokens, each bound to the algorithms that it may be used with: RFC 7518, RFC 8725 §3.1."""

from __future__ import annotations

import difflib
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from nacre.errors import ConfigurationError, Location, MissingExtra, Problem
from nacre.signing import check_secrets

_FAMILIES: Mapping[str, tuple[str, str | None]] = {
    **dict.fromkeys(("HS256", "HS384", "HS512"), ("oct", None)),
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""Of each algorithm the type of its keys (RFC 7518 §6.1) and the curve. `none` is none of them."""

_RSA_MIN = 2048  # bits, RFC 7518 §3.3

KeySource = str | bytes | Mapping[str, Any]
"""A secret, a key in PEM, or a JSON Web Key."""


@dataclass(frozen=True)
class VerifyingKey:
    """A key and the algorithms that it verifies; `kid` is None for a key that has no name."""

    kid: str | None
    algorithms: tuple[str, ...]
    key: Any = field(repr=False)

    @property
    def signs(self) -> bool:
        """Whether tokens can be made with it."""
        return bool(self.key.is_private)

    def verifies(self, data: bytes, signature: bytes, algorithm: str) -> bool:
        """Whether a signature of data was made with this key. What goes wrong means that it wasn't."""
        from joserfc.errors import JoseError

        try:
            return algorithm in self.algorithms and _model(algorithm).verify(data, signature, self.key) is True
        except (JoseError, ValueError, TypeError):
            return False

    def sign(self, data: bytes, algorithm: str) -> bytes:
        """The signature of data."""
        made: bytes = _model(algorithm).sign(data, self.key)
        return made


def _model(algorithm: str) -> Any:
    """What the library knows of an algorithm. HMACs are compared by `hmac.compare_digest` there (CVE-2016-7036)."""
    from joserfc.jws import JWSRegistry

    return JWSRegistry.algorithms[algorithm]


def require_joserfc() -> None:
    """Raise MissingExtra unless the library for tokens is installed."""
    if find_spec("joserfc") is None:
        raise MissingExtra("JWTAuth", "jwt")


def check_algorithms(algorithms: Any, where: Location) -> list[Problem]:
    """What is wrong with an allow-list of algorithms."""
    fix = 'name those that your issuer signs with: algorithms=["RS256"]'
    if isinstance(algorithms, (str, bytes)) or not isinstance(algorithms, Sequence):
        return [Problem(f"the algorithms of JWTAuth are a list, not a {type(algorithms).__name__}", where, fix)]
    if not algorithms:
        return [Problem("JWTAuth allows no algorithm, so no token could be valid", where, fix)]
    problems: list[Problem] = []
    for name in algorithms:
        if not isinstance(name, str) or name not in _FAMILIES:
            near = difflib.get_close_matches(str(name), _FAMILIES, n=1)
            known = f"there are {', '.join(_FAMILIES)}"
            problems.append(
                Problem(f"JWTAuth knows no algorithm {name!r}", where, f"did you mean {near[0]!r}?" if near else known)
            )
    kinds = {_FAMILIES[name][0] == "oct" for name in algorithms if isinstance(name, str) and name in _FAMILIES}
    if len(kinds) > 1:
        # SECURITY: the list would let a token choose between a secret and a public key (CVE-2022-39174).
        what = "JWTAuth allows algorithms with a shared secret and with public keys at once"
        problems.append(Problem(what, where, "give Authentication a JWTAuth for each of them"))
    return problems


def import_keys(sources: Any, algorithms: Sequence[str], where: Location) -> list[VerifyingKey]:
    """The keys that are configured. Raises ConfigurationError with all that is wrong with them; no key is quoted."""
    given: list[Any] = list(sources) if isinstance(sources, (list, tuple)) else [sources]
    if len(given) == 1 and isinstance(given[0], Mapping) and isinstance(given[0].get("keys"), list):
        given = given[0]["keys"]
    problems: list[Problem] = []
    keys: list[VerifyingKey] = []
    for number, source in enumerate(given, start=1):
        what = "the key of JWTAuth" if len(given) == 1 else f"key {number} of JWTAuth"
        key, flaws = _import(source, algorithms, what, where)
        problems += flaws
        if key is not None:
            keys.append(key)
    if not given:
        fix = "give it the secret, the issuer's public key in PEM, or a JSON Web Key"
        problems.append(Problem("JWTAuth has no key", where, fix))
    if problems:
        raise ConfigurationError(problems)
    return keys


def import_published(document: Mapping[str, Any]) -> list[VerifyingKey]:
    """The public keys of a JSON Web Key Set that are of a type known here; others are left out (RFC 7517 §5).

    SECURITY: a shared secret that was published is none, so `oct` keys are left out too.
    """
    found: list[VerifyingKey] = []
    listed = document.get("keys")
    for source in (listed if isinstance(listed, list) else [])[:_PUBLISHED_MAX]:
        if isinstance(source, dict) and source.get("kty") != "oct":
            key, _ = _import(source, _ASYMMETRIC, "a published key", None)
            if key is not None:
                found.append(key)
    return found


_PUBLISHED_MAX = 100
_ASYMMETRIC = tuple(name for name, (kind, _) in _FAMILIES.items() if kind != "oct")


def candidates(keys: Iterable[VerifyingKey], algorithm: str, kid: str | None) -> list[VerifyingKey]:
    """The keys that may have signed a token: that its header names, else those without a name.

    A token without `kid` may be of any of them.
    """
    fitting = [key for key in keys if algorithm in key.algorithms]
    if kid is None:
        return fitting
    named = [key for key in fitting if key.kid == kid]
    return named or [key for key in fitting if key.kid is None]


def _import(
    source: Any, algorithms: Sequence[str], what: str, where: Location | None
) -> tuple[VerifyingKey | None, list[Problem]]:
    """A key, bound to those of the algorithms that are for keys of its type; or what is wrong with it."""
    kinds = {_FAMILIES[name][0] for name in algorithms if name in _FAMILIES}
    if isinstance(source, str):
        source = source.encode()
    if isinstance(source, bytes) and kinds == {"oct"}:
        flaws = _secret_problems(source, algorithms, what, where)
        if flaws:
            return None, flaws
    try:
        key = _import_any(source, kinds)
    except (ValueError, TypeError, KeyError):
        fix = "HS… take a secret that is text, the others a key in PEM or a JSON Web Key of their type"
        return None, [Problem(f"{what} can't be read as one for {', '.join(algorithms)}", where, fix)]
    stated = key.get("alg")
    fitting = tuple(name for name in algorithms if _fits(key, name) and stated in (None, name))
    if not fitting or key.get("use") not in (None, "sig"):
        fix = "each algorithm has keys of one type (RFC 7518 §3.1), and a key may say what it is for"
        return None, [Problem(f"{what} is not for {', '.join(algorithms)}", where, fix)]
    flaws = _strength_problems(key, fitting, what, where)
    kid = key.get("kid")
    return None if flaws else VerifyingKey(kid if isinstance(kid, str) else None, fitting, key), flaws


def _import_any(source: Any, kinds: set[str]) -> Any:
    """A key of the library. SECURITY: bytes are a secret only where nothing but secrets is allowed."""
    from joserfc import errors, jwk

    try:
        if isinstance(source, Mapping):
            return jwk.import_key(dict(source))
        if not isinstance(source, bytes):
            if isinstance(source, (jwk.OctKey, jwk.RSAKey, jwk.ECKey, jwk.OKPKey)):
                return source
            raise TypeError
        if kinds == {"oct"}:
            if _may_be_public(source):
                raise ValueError
            return jwk.OctKey.import_key(source)
        for kind in (jwk.RSAKey, jwk.ECKey, jwk.OKPKey):
            if kind.key_type in kinds:
                try:
                    return kind.import_key(source)
                except (errors.JoseError, ValueError, TypeError):
                    continue
        raise ValueError
    except errors.JoseError as error:
        raise ValueError(type(error).__name__) from None


def _may_be_public(secret: bytes) -> bool:
    """Whether a secret looks like a key or a certificate of some format.

    SECURITY: everybody knows a public key, so whoever signs with it must not be believed (CVE-2017-11424,
    CVE-2022-29217, CVE-2024-33663). Some issuers show theirs as bare base64, without the lines around.
    """
    if any(sign in secret for sign in (b"-----BEGIN", b"---- BEGIN", b"ssh-", b"ecdsa-sha2-", b'"kty"')):
        return True
    try:
        decoded = b64decode(b"".join(secret.split()), validate=True)
    except ValueError:
        decoded = b""
    return _is_der(secret) or _is_der(decoded)


def _is_der(data: bytes) -> bool:
    """Whether these are the bytes of one ASN.1 sequence, as all keys and certificates in DER are (X.690 §8.1.3)."""
    if len(data) < 4 or data[0] != 0x30:
        return False
    more = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + more], "big") if more else data[1]
    return len(data) == 2 + more + length


def _fits(key: Any, algorithm: str) -> bool:
    kind, curve = _FAMILIES[algorithm]
    return bool(key.key_type == kind and (curve is None or key.curve_name == curve))


def _strength_problems(key: Any, algorithms: Sequence[str], what: str, where: Location | None) -> list[Problem]:
    if key.key_type == "oct":
        return _secret_problems(key.raw_value, algorithms, what, where)
    if key.key_type == "RSA" and key.raw_value.key_size < _RSA_MIN:
        bits = key.raw_value.key_size
        return [Problem(f"{what} has {bits} bits, and must have {_RSA_MIN} or more", where, "make a longer one")]
    return []


def _secret_problems(secret: bytes, algorithms: Sequence[str], what: str, where: Location | None) -> list[Problem]:
    # RFC 7518 §3.2: at least as long as what the hash function gives (CVE-2025-45768).
    needed = max((int(name[2:]) // 8 for name in algorithms if name.startswith("HS")), default=0)
    if len(secret) < needed:
        fix = f'`python -c "import secrets; print(secrets.token_urlsafe({needed}))"` makes one'
        return [Problem(f"{what} has {len(secret)} bytes, and must have {needed} or more", where, fix)]
    return check_secrets(secret, what, where)
