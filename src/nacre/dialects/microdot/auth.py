"""Routes for known users only: by name and password (RFC 7617), or by a token (RFC 6750)."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from base64 import b64decode
from collections.abc import Sequence
from typing import Any, TypeVar

from nacre.app import Nacre
from nacre.dialects.microdot.calling import Function, invoke
from nacre.dialects.microdot.microdot import Request, abort
from nacre.errors import ConfigurationError, Location, Problem

F = TypeVar("F", bound=Function)

_REALM = "Please login"


class BaseAuth(ABC):
    """What both ways have in common: an object that decorates the routes it guards.

    The user that the function of `authenticate` returns is `request.g.current_user` in the route; whatever is false
    there (None, "", 0) is nobody.
    """

    def __init__(self) -> None:
        self.auth_callback: Function | None = None
        self.error_callback: Function = self.authentication_error

    def __call__(self, function: Function) -> Function:
        """Guard a route: without a user the error callback answers instead."""

        @functools.wraps(function)
        async def guarded(request: Request, *args: Any, **kwargs: Any) -> Any:
            user = await self._find_user(request)
            if not user:
                return await invoke(request, self.error_callback, request)
            return await invoke(request, function, request, *args, **kwargs)

        return guarded

    def optional(self, function: Function) -> Function:
        """Tell a route who the user is, and let it run for nobody too: `request.g.current_user` is None then."""

        @functools.wraps(function)
        async def told(request: Request, *args: Any, **kwargs: Any) -> Any:
            await self._find_user(request)
            return await invoke(request, function, request, *args, **kwargs)

        return told

    def authenticate(self, function: F) -> F:
        """Let the decorated function, plain or async, say who credentials are of: `f(request, *credentials)`."""
        self.auth_callback = function
        return function

    @abstractmethod
    def credentials(self, request: Request) -> Sequence[str] | None:
        """What the request shows, as the arguments of the function of `authenticate`; None if it shows nothing."""

    @abstractmethod
    async def authentication_error(self, request: Request) -> Any:
        """Answer a request that has no user."""

    async def _find_user(self, request: Request) -> Any:
        credentials, user = self.credentials(request), None
        if credentials is not None:
            if self.auth_callback is None:
                raise LookupError(f"no function says who may pass: decorate one with `authenticate` of {self!r}")
            user = await invoke(request, self.auth_callback, request, *credentials)
        request.g.current_user = user
        return user


class BasicAuth(BaseAuth):
    """A name and a password in each request, RFC 7617.

    `scheme` is what the challenge says: another one than "Basic" keeps browsers from asking by a dialog of their own.
    Raises ConfigurationError for a realm that is no line of text; an application in its place is taken for no realm.
    """

    def __init__(
        self,
        realm: str | Nacre = _REALM,
        charset: str = "UTF-8",
        scheme: str = "Basic",
        error_status: int = 401,
    ) -> None:
        super().__init__()
        # SECURITY: programs write `BasicAuth(app)`, and the realm is told to everybody.
        given: object = _REALM if isinstance(realm, Nacre) else realm
        # Whoever uses no type checker may pass anything here.
        if not isinstance(given, str) or not given.isprintable():  # pyright: ignore[reportUnnecessaryIsInstance]
            what = f"the realm of BasicAuth is a line of text, and {str(given)[:60]!a} is none"
            raise ConfigurationError(Problem(what, Location.of_caller(), 'write BasicAuth(realm="staff")'))
        self.realm = given
        self.charset = charset
        self.scheme = scheme
        self.error_status = error_status

    def credentials(self, request: Request) -> Sequence[str] | None:
        """The name and the password; None for what is neither."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
        except ValueError:  # binascii.Error and UnicodeError are such
            return None
        return (name, password) if colon else None

    async def authentication_error(self, request: Request) -> Any:
        """Answer with the challenge."""
        realm = self.realm.replace("\\", "\\\\").replace('"', '\\"')  # RFC 9110 §5.6.4
        realm = realm.encode().decode("latin-1")  # COMPAT: it is sent in UTF-8
        challenge = f'{self.scheme} realm="{realm}", charset="{self.charset}"'
        return "", self.error_status, {"WWW-Authenticate": challenge}


class TokenAuth(BaseAuth):
    """A token in each request: `Authorization: Bearer …`, or all of another header field."""

    def __init__(self, header: str = "Authorization", scheme: str = "Bearer", error_status: int = 401) -> None:
        super().__init__()
        self.header = header
        self.scheme = scheme.lower()
        self.error_status = error_status

    def credentials(self, request: Request) -> Sequence[str] | None:
        """The token."""
        value = request.headers.get(self.header, "")
        if self.header.lower() == "authorization":
            scheme, _, value = value.partition(" ")
            if scheme.lower() != self.scheme:
                return None
            value = value.strip()
        return (value,) if value else None

    def errorhandler(self, function: F) -> F:
        """Let the decorated function, plain or async, answer requests without a user: `f(request)`."""
        self.error_callback = function
        return function

    async def authentication_error(self, request: Request) -> Any:
        """End the request with `error_status`."""
        abort(self.error_status)
