"""Passkeys: registering them and logging in with them, by Web Authentication Level 3."""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal, Protocol, cast

from nacre.auth.calling import UserFunction
from nacre.auth.session_login import UserId
from nacre.errors import BadRequest, ConfigurationError, ContentTooLarge, Location, MissingExtra, Problem
from nacre.request import Request
from nacre.urls import normal_origin, parse_host, parse_origin

SESSION_CHALLENGE = "_passkey"
"""The name in a session of the challenge that waits for its answer."""

CHALLENGE_SECONDS = 300.0
_BODY_MAX = 64 * 1024  # bytes; an answer with an attestation of several certificates has about ten

_log = logging.getLogger("nacre.auth")


@dataclass(frozen=True, slots=True)
class PasskeyUser:
    """Whom a passkey is registered for: the name is shown by browsers when one is to be chosen."""

    id: UserId
    name: str
    display_name: str = ""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key that a user can log in with. Nothing of it is secret."""

    credential_id: bytes
    user_id: UserId
    public_key: bytes = field(repr=False)
    sign_count: int = 0
    transports: tuple[str, ...] = ()
    backed_up: bool = False


class PasskeyStore(Protocol):
    """Where passkeys are kept. Each method may be plain (it runs in a worker thread) or `async def`.

    With an attribute `inline` that is True, plain methods never block and are called on the event loop.
    """

    def get(self, credential_id: bytes, /) -> Awaitable[Passkey | None] | Passkey | None:
        """The passkey with an id; None if there is none."""
        ...

    def of_user(self, user_id: UserId, /) -> Awaitable[Sequence[Passkey]] | Sequence[Passkey]:
        """The passkeys of a user."""
        ...

    def add(self, passkey: Passkey, /) -> Awaitable[bool] | bool:
        """Keep a new passkey. Atomic; False if there is one with its id."""
        ...

    def use(self, credential_id: bytes, before: int, after: int, /) -> Awaitable[bool] | bool:
        """Set `sign_count` to `after`. Atomic; False if it isn't `before`, or there is no such passkey."""
        ...


class MemoryPasskeyStore:
    """Passkeys in the memory of one process: for tests and development, as they end with it."""

    inline = True

    def __init__(self) -> None:
        self._passkeys: dict[bytes, Passkey] = {}
        self._lock = threading.Lock()

    def get(self, credential_id: bytes) -> Passkey | None:
        """The passkey with an id; None if there is none."""
        return self._passkeys.get(credential_id)

    def of_user(self, user_id: UserId) -> list[Passkey]:
        """The passkeys of a user."""
        return [one for one in list(self._passkeys.values()) if one.user_id == user_id]

    def add(self, passkey: Passkey) -> bool:
        """Keep a new passkey; False if there is one with its id."""
        return self._passkeys.setdefault(passkey.credential_id, passkey) is passkey

    def use(self, credential_id: bytes, before: int, after: int) -> bool:
        """Set `sign_count` to `after` if it is `before`."""
        with self._lock:
            passkey = self._passkeys.get(credential_id)
            if passkey is None or passkey.sign_count != before:
                return False
            self._passkeys[credential_id] = replace(passkey, sign_count=after)
            return True


class Passkeys:
    """Passkeys for one site. Needs the extra `passkeys`.

    `rp_id` is the domain that they are for, `example.com`, and all its subdomains; `origins` are those of the pages
    that use them: `https://example.com`. Both are fixed here, whatever a request says of its host. `http` is for
    `localhost` only. `user_verification` says whether the authenticator must have made sure of its user, by a PIN or a
    fingerprint; where a passkey is the only factor, it must.

    A ceremony is two requests: one gets options, with a challenge that is kept in the session for five minutes, the
    other one brings the browser's answer to it, once. Bodies are JSON, so that no form of another site can send them.
    An answer that isn't right in every respect is a 400 that doesn't say in which.

    Raises ConfigurationError with all that is wrong, MissingExtra.
    """

    def __init__(
        self,
        *,
        rp_id: str,
        rp_name: str,
        origins: Sequence[str],
        store: PasskeyStore,
        user_verification: Literal["required", "preferred"] = "required",
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = [*_rp_problems(rp_id), *_origin_problems(origins, rp_id)]
        if user_verification not in ("required", "preferred"):
            what = f"user_verification is 'required' or 'preferred', not {user_verification!r}"
            problems.append(Problem(what, Location.of_caller()))
        if problems:
            raise ConfigurationError(problems)
        try:
            from webauthn.helpers import options_to_json_dict
        except ImportError:
            raise MissingExtra("Passkeys", "passkeys") from None
        self._in_json: Callable[[Any], dict[str, Any]] = options_to_json_dict
        self.rp_id = rp_id
        self.rp_name = rp_name
        self.origins = [normal_origin(origin) for origin in origins]
        inline = bool(getattr(store, "inline", False))
        self._get = UserFunction(store.get, inline=inline)
        self._of_user = UserFunction(store.of_user, inline=inline)
        self._add = UserFunction(store.add, inline=inline)
        self._use = UserFunction(store.use, inline=inline)
        self._check_registration = UserFunction(self._registration)
        self._check_login = UserFunction(self._login)
        self._must_verify = user_verification == "required"
        self._clock = clock

    def __repr__(self) -> str:
        return f"Passkeys({self.rp_id!r})"

    # Registering.

    async def registration_options(self, request: Request, user: PasskeyUser) -> dict[str, Any]:
        """What `navigator.credentials.create` takes as `publicKey`, in the JSON form of the specification (§5.1.8).

        The user must be logged in; let the handler be marked `@fresh_login_required`.
        """
        from webauthn import generate_registration_options
        from webauthn.helpers.structs import AuthenticatorSelectionCriteria, ResidentKeyRequirement

        known: Sequence[Passkey] = await self._of_user(request, user.id)
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.rp_name,
            user_name=user.name,
            user_display_name=user.display_name or user.name,
            user_id=self.handle_of(user.id),
            challenge=None,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=self._verification()
            ),
            exclude_credentials=[_descriptor(passkey) for passkey in known],
        )
        self._keep(request, "register", options.challenge, user.id)
        return self._in_json(options)

    async def register(self, request: Request) -> Passkey:
        """Verify what `navigator.credentials.create` gave, and keep the new passkey of the user it was begun for.

        Raises BadRequest.
        """
        answer, challenge, user_id = await self._answer(request, "register")
        passkey = await self._check_registration(request, answer, challenge, user_id)
        if not await self._add(request, passkey):
            raise _refused("its credential is registered already")
        return cast(Passkey, passkey)

    def _registration(self, answer: dict[str, Any], challenge: bytes, user_id: UserId) -> Passkey:
        from webauthn import verify_registration_response

        with _Strictly():
            _check_frame(answer)
            verified = verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origins,
                require_user_verification=self._must_verify,
            )
            return Passkey(
                verified.credential_id,
                user_id,
                verified.credential_public_key,
                verified.sign_count,
                _transports(answer),
                verified.credential_backed_up,
            )

    # Logging in.

    async def login_options(self, request: Request, user_id: UserId | None = None) -> dict[str, Any]:
        """What `navigator.credentials.get` takes as `publicKey`, in JSON.

        Without a user the browser offers all passkeys that it has for the site, so nobody needs to give a name, and
        nothing is told of who has an account. With one, as for a second factor, only that user's count.
        """
        from webauthn import generate_authentication_options

        known: Sequence[Passkey] = [] if user_id is None else await self._of_user(request, user_id)
        options = generate_authentication_options(
            rp_id=self.rp_id,
            allow_credentials=[_descriptor(passkey) for passkey in known],
            user_verification=self._verification(),
        )
        self._keep(request, "login", options.challenge, user_id)
        return self._in_json(options)

    async def verify(self, request: Request, user_id: UserId | None = None) -> Passkey:
        """Verify what `navigator.credentials.get` gave; returns the passkey, so that its user is known.

        With a user, as for a second factor, only what `login_options` has begun for that user counts. Raises
        BadRequest.
        """
        answer, challenge, begun_for = await self._answer(request, "login")
        # SECURITY: without this a challenge for anybody, answered with one's own passkey, would be a second factor of
        # whoever's password is known.
        if user_id not in (None, begun_for):
            raise _refused("its challenge was for another user, or for anybody")
        passkey: Passkey | None = await self._get(request, _credential_id(answer))
        if passkey is None or begun_for not in (None, passkey.user_id):
            raise _refused("its credential isn't known here, or is another user's")
        count: int = await self._check_login(request, answer, challenge, passkey, begun_for is not None)
        if not await self._use(request, passkey.credential_id, passkey.sign_count, count):
            raise _refused("its credential was used by another request at the same time")
        return replace(passkey, sign_count=count)

    def _login(self, answer: dict[str, Any], challenge: bytes, passkey: Passkey, is_known: bool) -> int:
        """Check the answer; returns the new count of signatures, which is above the last one if there is any.

        `is_known` says that the user was known before: then authenticators that know no users may leave it out (§7.2).
        """
        from webauthn import verify_authentication_response

        with _Strictly():
            _check_frame(answer)
            handle = answer["response"].get("userHandle")
            expected = self.handle_of(passkey.user_id)
            if not (is_known and handle is None) and not hmac.compare_digest(_decode(handle), expected):
                raise ValueError("it is of another user")
            verified = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origins,
                credential_public_key=passkey.public_key,
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=self._must_verify,
            )
            return verified.new_sign_count

    # What both need.

    def handle_of(self, user_id: UserId) -> bytes:
        """What authenticators keep of a user: 32 bytes that tell nothing of their own (§14.6.1)."""
        return sha256(json.dumps(["nacre passkeys", self.rp_id, user_id]).encode()).digest()

    def _verification(self) -> Any:
        from webauthn.helpers.structs import UserVerificationRequirement

        return UserVerificationRequirement.REQUIRED if self._must_verify else UserVerificationRequirement.PREFERRED

    def _keep(self, request: Request, kind: str, challenge: bytes, user_id: UserId | None) -> None:
        text = urlsafe_b64encode(challenge).decode("ascii")
        request.session[SESSION_CHALLENGE] = {"for": kind, "challenge": text, "user": user_id, "at": self._clock()}

    async def _answer(self, request: Request, kind: str) -> tuple[dict[str, Any], bytes, Any]:
        """The answer in the body, the challenge that it must be to, and the user whom that was made for."""
        data = await request.json()
        if len(await request.body()) > _BODY_MAX:
            raise ContentTooLarge()
        # SECURITY: taken out before anything is checked, so each challenge is good for one attempt.
        kept: Any = request.session.pop(SESSION_CHALLENGE, None)
        if not isinstance(kept, dict) or not isinstance(data, dict):
            raise _refused("no challenge waits for it, or it is no object")
        waiting = cast("dict[str, Any]", kept)
        if waiting.get("for") != kind or self._clock() - waiting["at"] >= CHALLENGE_SECONDS:
            raise _refused("its challenge was for something else, or has expired")
        return cast("dict[str, Any]", data), urlsafe_b64decode(waiting["challenge"]), waiting["user"]


class _Strictly:
    """Takes whatever is raised while an answer is read and verified as the reason to refuse it.

    The library raises what its parsers of JSON, CBOR, ASN.1 and keys raise, of which there is no list.
    """

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception):
            raise _refused(type(error).__name__) from None


def _refused(why: str) -> BadRequest:
    _log.info("a passkey was refused: %s", why)
    return BadRequest("this passkey isn't accepted; try again")


def _check_frame(answer: dict[str, Any]) -> None:
    """Refuse an answer that was made in a frame of another site (§13.4.2)."""
    data: Any = json.loads(_decode(answer["response"]["clientDataJSON"]))
    if data.get("crossOrigin") not in (None, False):
        raise ValueError("it was made in a frame of another site")


def _credential_id(answer: dict[str, Any]) -> bytes:
    with _Strictly():
        return _decode(answer["rawId"])


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _descriptor(passkey: Passkey) -> Any:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    transports = [one for one in AuthenticatorTransport if one.value in passkey.transports]
    return PublicKeyCredentialDescriptor(id=passkey.credential_id, transports=transports or None)


def _transports(answer: dict[str, Any]) -> tuple[str, ...]:
    """How the browser says that the authenticator can be reached: a hint for later, of known words only."""
    from webauthn.helpers.structs import AuthenticatorTransport

    named: Any = answer["response"].get("transports")
    return tuple(one.value for one in AuthenticatorTransport if isinstance(named, list) and one.value in named)


def _rp_problems(rp_id: str) -> list[Problem]:
    try:
        if parse_host(rp_id) == (rp_id, None) and not rp_id.startswith("["):
            return []
    except ValueError:
        pass
    fix = "write the domain alone, in lower case: 'example.com'"
    return [Problem(f"rp_id is a domain, not {rp_id[:60]!r}", Location.of_caller(), fix)]


def _origin_problems(origins: Sequence[str], rp_id: str) -> list[Problem]:
    where, fix = Location.of_caller(), f'origins=["https://{rp_id}"]'
    if isinstance(origins, str) or not origins:
        return [Problem("origins is a list with at least one origin", where, fix)]
    return [
        Problem(f"{origin[:60]!r} is no origin whose pages can use passkeys of {rp_id[:60]}", where, fix)
        for origin in origins
        if not _can_use(origin, rp_id)
    ]


def _can_use(origin: str, rp_id: str) -> bool:
    try:
        scheme, host, _ = parse_origin(origin)
    except ValueError:
        return False
    if host != rp_id and not host.endswith("." + rp_id):
        return False
    return scheme == "https" or (scheme == "http" and (host == "localhost" or host.endswith(".localhost")))
