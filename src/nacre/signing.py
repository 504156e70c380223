"""Data that a client keeps for the server: signed, so that it can't be changed, or sealed, so that it can't be read.

Both take a list of secrets for rotation: the first one signs, all of them verify. Put a new secret in front, and drop
the old one when nothing signed with it is of use any more. What both give is ASCII of the alphabet of URLs and cookies.

SECURITY: the key that is used is HMAC-SHA-256 of the secret over "sign" or "seal" and the purpose, so two purposes have
keys that tell nothing of each other, and what is signed for one is refused by the other. Keys made by joining secret
and salt would be equal for "a" + "bc" and "ab" + "c" (Django CVE-2026-6873).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nacre.errors import ConfigurationError, Location, MissingExtra, Problem

Secret = str | bytes
Secrets = Secret | Sequence[Secret]
"""A secret, or several of which the first signs and all verify."""

_SECRET_MIN = 32  # bytes: as many as the keys that are derived from it have
_CLOCK_SKEW = 60.0  # seconds by which the clocks of two servers of one application may differ
_STAMP = 6  # bytes of milliseconds since 1970, until the year 10889
_SALT, _NONCE, _TAG = 16, 12, 16
_BLOCK = 64  # bytes that SHA-256 takes in at once
_INNER, _OUTER = bytes(byte ^ 0x36 for byte in range(256)), bytes(byte ^ 0x5C for byte in range(256))

# What stands in documentation and templates of projects, and is never random: without case, spaces and punctuation.
_PLACEHOLDERS = ("changeme", "changethis", "replaceme", "yoursecret", "secretkey", "djangoinsecure", "placeholder")


class BadSignature(ValueError):
    """What was presented isn't what this application has signed for this purpose, or was signed too long ago."""


class SignatureExpired(BadSignature):
    """It is genuine, and older than `max_age`."""


class Signer:
    """Signs data, which stays readable, with HMAC-SHA-256; a timestamp is signed with it. Needs the extra `sessions`.

    Raises MissingExtra, and ConfigurationError for secrets that `check_secrets` refuses.
    """

    def __init__(self, secret: Secrets, *, purpose: str, clock: Callable[[], float] = time.time) -> None:
        keys = _checked(secret, f"the secret for {purpose!r}")
        try:
            from itsdangerous import Signer as TextSigner
        except ImportError:
            raise MissingExtra("signing", "sessions") from None
        # PERF: the library would derive them anew for each text.
        derived = [hmac.digest(key, b"nacre sign " + purpose.encode(), "sha256") for key in keys]
        self._signer = TextSigner(
            derived[::-1],  # there the last one signs
            key_derivation="none",
            digest_method=hashlib.sha256,
        )
        # PERF: of the first key the two hashes of HMAC (RFC 2104 §2) are begun once, 0.8 µs a signature; the library
        # takes 1.5 and a dozen calls more, and is left to what the other keys have signed.
        block = derived[0].ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER))
        self._outer = hashlib.sha256(block.translate(_OUTER))
        self._purpose = purpose
        self._clock = clock

    def __repr__(self) -> str:
        return f"Signer(purpose={self._purpose!r})"

    def sign(self, data: bytes) -> str:
        """The data and its signature, as text of letters, digits, `-`, `_` and `.`."""
        value = _encode(_stamp(self._clock()) + data)
        return (value + b"." + self._signature(value)).decode("ascii")

    def unsign(self, text: str, max_age: float | None = None) -> bytes:
        """The data of what `sign` gave, signed at most `max_age` seconds ago.

        Raises BadSignature for any other text, SignatureExpired for one that is too old. Takes time in proportion to
        the length of the text.
        """
        if not text.isascii():
            raise BadSignature(_FOREIGN)
        value, _, signature = text.encode().rpartition(b".")
        # PERF: what the first secret has signed, which is nearly all, is found without decoding the signature.
        if not hmac.compare_digest(self._signature(value), signature):
            # SECURITY: base64 has several texts for the same bytes, by bits of the last letter that don't count.
            _decode(signature)
            if not self._signer.verify_signature(value, signature):
                raise BadSignature("the signature doesn't match")
        return _unstamped(_decode(value), max_age, self._clock())

    def _signature(self, value: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(value)
        outer.update(inner.digest())
        return _encode(outer.digest())


class Sealer:
    """Encrypts and authenticates data with AES-256-GCM; a timestamp is sealed with it. Needs the extra `crypto`.

    Raises MissingExtra, and ConfigurationError for secrets that `check_secrets` refuses.
    """

    def __init__(self, secret: Secrets, *, purpose: str, clock: Callable[[], float] = time.time) -> None:
        label = b"nacre seal " + purpose.encode()
        self._keys = [hmac.digest(key, label, "sha256") for key in _checked(secret, f"the secret for {purpose!r}")]
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise MissingExtra("encryption", "crypto") from None
        self._cipher: Callable[[bytes], Any] = AESGCM
        self._refused = InvalidTag
        self._label = label
        self._purpose = purpose
        self._clock = clock

    def __repr__(self) -> str:
        return f"Sealer(purpose={self._purpose!r})"

    def sign(self, data: bytes) -> str:
        """The data, sealed, as text of letters, digits, `-` and `_`."""
        # SECURITY: a random nonce of 96 bits alone must not be used for more than 2^32 messages of one key (NIST
        # SP 800-38D §8.3), which a busy site reaches. So each message has a key of its own, made with a random salt.
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        cipher = self._cipher(hmac.digest(self._keys[0], salt, "sha256"))
        sealed: bytes = cipher.encrypt(nonce, _stamp(self._clock()) + data, self._label)
        return _encode(salt + nonce + sealed).decode("ascii")

    def unsign(self, text: str, max_age: float | None = None) -> bytes:
        """The data of what `sign` gave, sealed at most `max_age` seconds ago.

        Raises BadSignature for any other text, SignatureExpired for one that is too old. Takes time in proportion to
        the length of the text.
        """
        if not text.isascii():
            raise BadSignature(_FOREIGN)
        sealed = _decode(text.encode())
        if len(sealed) < _SALT + _NONCE + _STAMP + _TAG:
            raise BadSignature("it is too short to be sealed data")
        salt, nonce, sealed = sealed[:_SALT], sealed[_SALT : _SALT + _NONCE], sealed[_SALT + _NONCE :]
        for key in self._keys:
            try:
                data: bytes = self._cipher(hmac.digest(key, salt, "sha256")).decrypt(nonce, sealed, self._label)
            except self._refused:
                continue
            return _unstamped(data, max_age, self._clock())
        raise BadSignature("the seal doesn't match")


def check_secrets(secret: Secrets | None, what: str, where: Location | None) -> list[Problem]:
    """What is wrong with the secrets of something: none given, one shorter than 32 bytes, one that can be guessed.

    `what` begins the sentence: "the secret of Sessions". The problems hold nothing of the secrets.
    """
    several = isinstance(secret, Iterable) and not isinstance(secret, str | bytes)
    given: list[Any] = list(secret) if several else [secret]  # type: ignore[arg-type]
    if given in ([], [None], [""], [b""]):
        return [Problem(f"{what} is missing", where, _FIX)]
    problems: list[Problem] = []
    for number, one in enumerate(given, start=1):
        name = f"{what} (number {number})" if several else what
        if flaw := _flaw(one):
            problems.append(Problem(f"{name} {flaw}", where, _FIX))
    return problems


_FIX = (
    "take it from the environment, and make one with "
    '`python -c "import secrets; print(secrets.token_urlsafe(32))"`; it must be the same for all processes'
)


def _flaw(secret: Any) -> str | None:
    if not isinstance(secret, (str, bytes)):
        return f"is of type {type(secret).__name__}, and secrets are str or bytes"
    key = _bytes_of(secret)
    if len(key) < _SECRET_MIN:
        return f"has {len(key)} bytes, and must have {_SECRET_MIN} or more"
    words = "".join(filter(str.isalnum, key.decode("latin-1").lower()))
    if any(word in words for word in _PLACEHOLDERS):
        return "is a placeholder that everybody knows"
    if (key + key).find(key, 1) < len(key) or len(set(key)) < 8:
        return "repeats itself, so it can be guessed"
    return None


def _checked(secret: Secrets, what: str) -> list[bytes]:
    problems = check_secrets(secret, what, Location.of_caller())
    if problems:
        raise ConfigurationError(problems)
    return [_bytes_of(one) for one in ([secret] if isinstance(secret, (str, bytes)) else secret)]


def _bytes_of(secret: Secret) -> bytes:
    return secret.encode() if isinstance(secret, str) else secret


def _stamp(now: float) -> bytes:
    return int(now * 1000).to_bytes(_STAMP, "big")


def _unstamped(data: bytes, max_age: float | None, now: float) -> bytes:
    """Genuine data without its timestamp; raises SignatureExpired."""
    age = now - int.from_bytes(data[:_STAMP], "big") / 1000
    if max_age is not None and not -_CLOCK_SKEW <= age <= max_age:
        raise SignatureExpired("it was signed too long ago")
    return data[_STAMP:]


_FOREIGN = "it isn't in the alphabet of signed data"

# PERF: the functions of `base64` do the same in three times the time.
_TO_URLS, _FROM_URLS = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def _encode(data: bytes) -> bytes:
    """base64 with the alphabet of URLs, without padding (RFC 4648 §5)."""
    return b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URLS)


def _decode(encoded: bytes) -> bytes:
    """The bytes that `_encode` gives this very text for; raises BadSignature if there are none."""
    try:
        data = a2b_base64(encoded.translate(_FROM_URLS) + b"=" * (-len(encoded) % 4))
    except ValueError:  # binascii.Error is one
        raise BadSignature(_FOREIGN) from None
    # SECURITY: Python skips letters outside the alphabet, and bits of the last letter that don't count.
    if _encode(data) != encoded:
        raise BadSignature("it isn't written as signed data is")
    return data
