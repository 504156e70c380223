"""Basic authentication: a name and a password in each request, RFC 7617."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from nacre.auth.schemes import Credentials, Scheme
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request

_MAX = 8192  # letters of base64: a password of 4,096 bytes, and a name


class BasicAuth(Scheme):
    """A name and a password, by `Authorization: Basic`, RFC 7617. Use it over TLS only: they are sent as they are.

    `verify(name, password)` returns the user or None; in place of a function there may be a mapping of names to
    passwords, which is read once, and then the name is the user. Both are UTF-8, which the challenge says; the first
    colon ends the name. Credentials that can't be decoded, or hold control characters, are refused with 400.
    """

    kind = "Basic"

    def __init__(
        self,
        verify: Callable[..., Any] | Mapping[str, str],
        *,
        realm: str = "api",
        name: str = "basic",
        inline: bool = False,
    ) -> None:
        if isinstance(verify, Mapping):
            verify, inline = _Passwords(verify), True
        super().__init__(verify, 2, name=name, realm=realm, inline=inline)

    @property
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it."""
        return {"type": "http", "scheme": "basic"}

    def credentials(self, request: Request) -> Credentials | None:
        """The name and the password."""
        encoded = self.authorization(request)
        if encoded is None:
            return None
        try:
            if len(encoded) > _MAX:
                raise ValueError
            text = b64decode(encoded, validate=True).decode("utf-8")
        except ValueError:  # binascii.Error and UnicodeError are such
            raise self.malformed("the credentials are not base64 of UTF-8 text") from None
        name, colon, password = text.partition(":")
        if not colon or re.search(r"[\x00-\x1f\x7f-\x9f]", text):
            raise self.malformed("the credentials are not a name, a colon and a password without control characters")
        return name, password

    def account(self, credentials: Credentials) -> str | None:
        """The name."""
        return str(credentials[0])

    def challenge(self, **parameters: str) -> str:
        """The challenge, with the charset of RFC 7617 §2.1."""
        return super().challenge(charset="UTF-8", **parameters)


class _Passwords:
    """Passwords that stand in the configuration, by names."""

    def __init__(self, passwords: Mapping[Any, Any]) -> None:
        if not all(text and isinstance(text, str) for pair in passwords.items() for text in pair):
            what = "the names and passwords of BasicAuth are texts that aren't empty"
            raise ConfigurationError(Problem(what, Location.of_caller()))
        if any(":" in name for name in passwords):
            what = "a name of BasicAuth has a colon, and no client can send that (RFC 7617 §2)"
            raise ConfigurationError(Problem(what, Location.of_caller(), "give the user another name"))
        self._digests: dict[str, bytes] = {name: _digest(password) for name, password in passwords.items()}
        self._nobody = secrets.token_bytes(32)

    def __call__(self, name: str, password: str) -> str | None:
        # SECURITY: a name that isn't known is compared too (CVE-2021-33880).
        known = hmac.compare_digest(self._digests.get(name, self._nobody), _digest(password))
        return name if known else None


def _digest(password: str) -> bytes:
    return sha256(password.encode("utf-8", "surrogatepass")).digest()
