"""Tokens against forged requests: bound to the session, masked anew for each page, sent back in a form or a header."""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import urlsafe_b64encode
from types import MappingProxyType
from typing import ClassVar

from nacre.callables import Call
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import Forbidden
from nacre.fields import MULTIPART, URLENCODED
from nacre.request import Request
from nacre.security.csrf import SAFE_METHODS, is_always_checked, unchecked
from nacre.state import OfRequest, give_templates

CSRF_SESSION_KEY = "_csrf"
"""Where the session keeps what tokens are checked with. Who logs a user in or out deletes it, and tokens made before
are worth nothing."""

CSRF_FIELD = "csrf_token"
"""The field of a form that holds the token."""

CSRF_HEADER = "x-csrf-token"
"""The header field that holds the token, where scripts send requests."""

_SIZE = 32  # bytes of the secret
_TEXT_SIZE = 86  # characters of a token: base64 of mask and masked secret, without padding
_FROM_URLS = bytes.maketrans(b"-_", b"+/")


def csrf_token(request: Request) -> str:
    """A token for forms and scripts of the page that answers this request; another text at each call.

    The secret behind it is put into the session when it is first asked for. Raises LookupError without a layer for
    sessions.

    SECURITY: the mask keeps the text from repeating in compressed pages, where it could be guessed by their length
    (BREACH).
    """
    session = request.session
    secret = _secret_of(session.get(CSRF_SESSION_KEY))
    if secret is None:
        secret = secrets.token_bytes(_SIZE)
        session[CSRF_SESSION_KEY] = secret.hex()
    mask = secrets.token_bytes(_SIZE)
    return urlsafe_b64encode(mask + _xor(mask, secret)).rstrip(b"=").decode("ascii")


class CSRFToken(Hooks):
    """A layer that refuses with 403 what comes without a token of the client's session.

    Which requests are checked is decided as by `CSRF`, and by the same marks. The token comes in the header field
    `X-CSRF-Token`, or in the field `csrf_token` of a form, urlencoded or multipart, which the handler reads once more
    with `request.form()`; JSON needs the header. Templates have `csrf_input()`, a hidden field, and `csrf_token()`;
    the session is touched only where one of them is used.

    A multipart form is received as a whole, within the route's limits, before the handler runs, unless the header has
    the token: a handler that reads `request.parts()` or `request.stream()` needs that.
    """

    provides: ClassVar[tuple[str, ...]] = ("csrf",)
    requires: ClassVar[tuple[str, ...]] = ("session",)
    inside_of: ClassVar[tuple[str, ...]] = ("session", "user")
    responses: ClassVar[dict[int, str]] = {403: "The token against forged requests is missing or wrong"}

    def __init__(self, *, protect_all: bool = True) -> None:
        super().__init__(before=Call(self._before, self._before))
        self.protect_all = protect_all

    def __repr__(self) -> str:
        return f"CSRFToken(protect_all={self.protect_all})"

    def for_route(self, place: Place) -> Hooks | str:
        """What gives templates their functions, and where requests are checked the check."""
        if place.is_websocket:
            return "a WebSocket checks the origin itself"
        if unchecked(place, protect_all=self.protect_all) is not None:
            return Hooks(before=_give, inline=True)
        return Hooks(before=Call(_check, _check)) if is_always_checked(place) else self

    async def _before(self, request: Request) -> None:
        if request.method in SAFE_METHODS:
            _give(request)
        else:
            await _check(request)


def _give(request: Request) -> None:
    give_templates(request.state, _FOR_TEMPLATES)


def _csrf_input(request: Request) -> _Markup:
    return _Markup(f'<input type="hidden" name="{CSRF_FIELD}" value="{csrf_token(request)}">')


# SECURITY: all requests have this one in their state; what a layer wrote into it, all would see.
_FOR_TEMPLATES = MappingProxyType({"csrf_token": OfRequest(csrf_token), "csrf_input": OfRequest(_csrf_input)})


class _Markup(str):
    """Text that templates take as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


async def _check(request: Request) -> None:
    """Give templates their functions. Raises Forbidden unless the request has a token of its session."""
    _give(request)
    secret = _secret_of(request.session.get(CSRF_SESSION_KEY))
    if secret is not None:
        texts = request.headers.getlist(CSRF_HEADER)
        if not texts and request.content_type is not None and request.content_type.essence in (URLENCODED, MULTIPART):
            texts = (await request.form()).texts(CSRF_FIELD)
        sent = _unmasked(texts[0]) if len(texts) == 1 else None
        # SECURITY: compared in constant time; neither side ends in a message.
        if sent is not None and hmac.compare_digest(sent, secret):
            return
    raise Forbidden("the token against forged requests is missing or wrong; load the page again")


def _unmasked(token: str) -> bytes | None:
    """The secret that a request proves to know by this token."""
    if len(token) != _TEXT_SIZE or not token.isascii():
        return None
    try:
        # PERF: what `urlsafe_b64decode` does, in a third of the time.
        data = binascii.a2b_base64(token.encode().translate(_FROM_URLS) + b"==")
    except ValueError:  # binascii.Error is one
        return None
    return _xor(data[:_SIZE], data[_SIZE:]) if len(data) == 2 * _SIZE else None


def _secret_of(text: object) -> bytes | None:
    """What the session holds; None if that is no secret of ours."""
    if not isinstance(text, str) or len(text) != 2 * _SIZE:
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
