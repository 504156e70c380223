"""Sessions in a signed cookie: a JSON Web Token (RFC 7519) by HMAC-SHA-256, which the original reads and writes too.

The client can read what is in it. It can't change it, but may present an older one again.
"""

from __future__ import annotations

import functools
import json
import time
from calendar import timegm
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nacre.auth.strict_json import strict_object
from nacre.chain.hooks import Hooks
from nacre.dialects.microdot.calling import invoke
from nacre.dialects.microdot.microdot import Microdot, Request, Response
from nacre.errors import ConfigurationError, Location, MissingExtra, Problem
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse
from nacre.risks import Risk
from nacre.state import Key

_ALGORITHM = "HS256"
_TIMES = ("exp", "nbf", "iat")
_SECRET_MIN = 32  # bytes, RFC 7518 §3.2

Secret = str | bytes


class SessionDict(dict[str, Any]):
    """What is kept for a client; anything that has a JSON form. Changes are kept by `save` alone."""

    def __init__(self, request: Request, session_dict: Mapping[str, Any]) -> None:
        super().__init__(session_dict)
        self.request = request

    def save(self) -> None:
        """Keep what the session holds now."""
        session_of(self.request).update(self.request, self)

    def delete(self) -> None:
        """Have the client forget the session. What the object holds stays until the request is over."""
        session_of(self.request).delete(self.request)


class Session:
    """Sessions for the requests of an application. Needs the extra `jwt`.

    `secret_key` signs them; `cookie_options` are those of `Response.set_cookie`, where `path` is "/" and `http_only` is
    True unless they say otherwise. Both may be given later, by `initialize`. Using a session without a key raises
    ValueError, options that no cookie can have raise ConfigurationError.
    """

    def __init__(
        self,
        app: Microdot | None = None,
        secret_key: Secret | None = None,
        cookie_options: Mapping[str, Any] | None = None,
    ) -> None:
        _require_joserfc()
        self.secret_key = secret_key
        self.cookie_options = _completed(cookie_options)
        self.where = Location.of_caller()
        # Of this object alone: an application that is mounted in another one may have sessions of its own.
        self.key: Key[Kept] = Key(f"microdot_session_{id(self)}")
        if app is not None:
            self.initialize(app)

    def initialize(
        self,
        app: Microdot,
        secret_key: Secret | None = None,
        cookie_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Give the requests of an application these sessions."""
        if secret_key is not None:
            self.secret_key = secret_key
        if cookie_options is not None:
            self.cookie_options = _completed(cookie_options)
        app.state[SESSION] = self
        app.middlewares.append(SessionLayer(self))

    def get(self, request: Request) -> SessionDict:
        """The session of a request: empty if there is none, or none that is genuine and valid now."""
        self._required_key()
        kept = self.kept(request)
        if kept.session is None:
            cookie = request.cookies.get("session")
            kept.session = SessionDict(request, {} if cookie is None else self.decode(cookie))
        return kept.session

    def update(self, request: Request, session: Mapping[str, Any]) -> None:
        """Send the client what a session holds now. Raises TypeError for what has no JSON form."""
        token = self.encode(session)
        self.kept(request).cookies["session"] = lambda response: response.set_cookie(
            "session", token, **self.cookie_options
        )

    def delete(self, request: Request) -> None:
        """Have the client forget its session."""
        self.kept(request).cookies["session"] = lambda response: response.delete_cookie(
            "session", **self.cookie_options
        )

    def kept(self, request: Request) -> Kept:
        """What a request keeps of its session until it is answered."""
        state = request.native.state
        kept = state.get(self.key)
        if kept is None:
            kept = state[self.key] = Kept()
        return kept

    def encode(self, payload: Mapping[str, Any], secret_key: Secret | None = None) -> str:
        """A token that holds this, signed by the secret key. Its times may be datetimes, naive ones in UTC."""
        from joserfc import jws

        times = {name: _seconds(payload[name]) for name in _TIMES if isinstance(payload.get(name), datetime)}
        data = json.dumps({**payload, **times}, separators=(",", ":"), allow_nan=False)
        header = {"alg": _ALGORITHM, "typ": "JWT"}
        return jws.serialize_compact(header, data, self._key(secret_key), algorithms=[_ALGORITHM])

    def decode(self, session: str, secret_key: Secret | None = None) -> dict[str, Any]:
        """What a token holds; nothing if the secret key hasn't signed it, or if `exp`, `nbf` or `iat` forbid it now."""
        from joserfc import jws
        from joserfc.errors import JoseError

        key = self._key(secret_key)
        try:
            payload = jws.deserialize_compact(session, key, algorithms=[_ALGORITHM]).payload
            claims = strict_object(payload or b"")
        except (JoseError, ValueError):
            return {}
        return claims if _holds_now(claims) else {}

    def _required_key(self) -> Secret:
        if not self.secret_key:
            raise ValueError("sessions need a secret key: Session(app, secret_key=…)")
        return self.secret_key

    def _key(self, secret: Secret | None) -> Any:
        from joserfc.jwk import OctKey

        secret = secret or self._required_key()
        raw = secret.encode() if isinstance(secret, str) else secret
        # COMPAT: `import_key` warns of short keys each time; programs have such, and `find_risks` says so once.
        return OctKey(raw, raw)


@dataclass
class Kept:
    """The session of a request once it was asked for, and what sets each cookie of its answer: the last word on it."""

    session: SessionDict | None = None
    cookies: dict[str, Callable[[Response], object]] = field(default_factory=dict[str, Callable[[Response], object]])


SESSION: Key[Session] = Key("microdot_session")
"""Where an application keeps its sessions, in its `state`."""


def session_of(request: Request) -> Session:
    """The sessions of the application that serves a request, or of the part of it that has the route.

    Raises LookupError if there are none.
    """
    for app in (request.app, request.subapp):
        session: Session | None = None if app is None else app.state.get(SESSION)
        if session is not None:
            return session
    raise LookupError("the application has no sessions: write Session(app, secret_key=…)")


def with_session(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a route the session as its second argument: `f(request, session, **path_variables)`."""

    @functools.wraps(function)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Any:
        return await invoke(request, function, request, session_of(request).get(request), *args, **kwargs)

    return wrapper


class SessionLayer(Hooks):
    """Sets the cookies; a layer, so that what a route has saved isn't lost when it raises."""

    dialect = "microdot"

    def __init__(self, session: Session) -> None:
        super().__init__(finalize=self._finalize, inline=True)
        self.session = session

    def find_risks(self) -> Iterator[Risk]:
        """A secret that can be guessed."""
        secret = self.session.secret_key or ""
        length = len(secret.encode() if isinstance(secret, str) else secret)
        if 0 < length < _SECRET_MIN:
            what = f"the secret key of the sessions has {length} bytes: who guesses it can be any user"
            fix = 'set one of 32: `python -c "import secrets; print(secrets.token_urlsafe(32))"` makes it'
            yield Risk(what, fix, "high", self.session.where)

    def _finalize(self, request: NativeRequest, response: NativeResponse) -> None:
        kept = request.state.get(self.session.key)
        if kept is not None:
            # PERF: the session holds the request, and only the garbage collector would break such a cycle.
            del request.state[self.session.key]
            own = response.as_kind(Response)
            for set_on in kept.cookies.values():
                set_on(own)


def _completed(options: Mapping[str, Any] | None) -> dict[str, Any]:
    completed: dict[str, Any] = {"path": "/", "http_only": True, **(options or {})}
    try:
        Response().set_cookie("session", "", **completed)
    except (TypeError, ValueError) as error:
        fix = "cookie_options are the arguments of `Response.set_cookie` besides the name and the value"
        raise ConfigurationError(
            Problem(f"no session can have these cookie_options: {error}", Location.of_caller(), fix)
        ) from None
    return completed


def _seconds(moment: datetime) -> int:
    return timegm(moment.utctimetuple())


def _holds_now(claims: Mapping[str, Any]) -> bool:
    """Whether a token's times, if it has some, allow it now (RFC 7519 §4.1.4 to 4.1.6)."""
    now = time.time()
    try:
        not_before = max((int(claims[name]) for name in _TIMES[1:] if name in claims), default=0)
        return int(claims.get("exp", now + 1)) > now and not_before <= now
    except (TypeError, ValueError, OverflowError):
        return False


def _require_joserfc() -> None:
    from importlib.util import find_spec

    if find_spec("joserfc") is None:
        raise MissingExtra("Session", "jwt")
