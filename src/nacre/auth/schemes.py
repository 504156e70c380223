"""Schemes: the ways in which a request can say whom it is from, RFC 9110 §11."""

from __future__ import annotations

import hmac
import inspect
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from types import GeneratorType
from typing import Any, ClassVar

from nacre.auth.calling import UserFunction
from nacre.auth.identity import Identity
from nacre.callables import describe
from nacre.errors import BadRequest, ConfigurationError, Location, Problem
from nacre.headers import TOKEN
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk

Credentials = tuple[Any, ...]
"""What a scheme reads of a request: the arguments of `verify`."""


class InvalidCredentials(Exception):
    """What `verify` may raise in place of returning None, to say why.

    The first 256 characters of `description` are told to the client, what isn't printable ASCII as `?`.
    """

    def __init__(self, description: str = "") -> None:
        super().__init__(description)
        self.description = str(description)[:256]


class Scheme(ABC):
    """One way to authenticate, for `Authentication`; derive from it for one of your own.

    A subclass says what it reads of a request (`credentials`) and how OpenAPI calls that (`security`). `verify` is
    called with that, or with the request before it if it takes one argument more, and returns the user, an `Identity`,
    or None for credentials that aren't right. It is plain or async; plain code runs in a worker thread unless `inline`
    says that it never blocks.

    `kind` is the name of the scheme in `WWW-Authenticate`, `name` that in the OpenAPI document, `security` its Security
    Scheme Object. `varies_on` are the header fields that it reads. `is_ambient` says that browsers send the credentials
    by themselves (cookies): wrong ones count as none, so that a client with an old one still sees public pages.
    """

    kind: ClassVar[str] = ""
    is_ambient: bool = False
    varies_on: tuple[str, ...] = ("Authorization",)
    reports_errors: ClassVar[bool] = False
    """Whether challenges have a parameter `error`, as RFC 6750 §3 defines it."""
    requires: ClassVar[tuple[str, ...]] = ()
    """What layers outside of `Authentication` must provide."""

    def __init__(
        self, verify: Callable[..., Any], takes: int, *, name: str, realm: str = "api", inline: bool = False
    ) -> None:
        problems = [*_name_problems(self.kind, name, realm), *_verify_problems(self.kind, verify, takes)]
        if problems:
            raise ConfigurationError(problems)
        self.name = name
        self.realm = realm
        self._takes_request = takes_request(verify, takes)
        self._verify = UserFunction(verify, inline=inline)
        self._kind = self.kind.lower()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, realm={self.realm!r})"

    @property
    @abstractmethod
    def security(self) -> Mapping[str, Any]:
        """The scheme as OpenAPI describes it."""

    @property
    def needs_loop(self) -> bool:
        """Whether `verify` must be awaited on an event loop."""
        return self._verify.is_async

    @property
    def is_inline(self) -> bool:
        """Whether `verify_inline` does what `verify` does: plain code that never blocks."""
        return type(self).verify is Scheme.verify and self._verify.at_once is not None

    @abstractmethod
    def credentials(self, request: Request) -> Credentials | None:
        """The credentials of this scheme in a request; None if it holds none. Raises BadRequest for malformed ones."""

    def find_risks(self) -> Iterable[Risk]:
        """What is unsafe about the options of this scheme where an application is deployed."""
        return ()

    def account(self, credentials: Credentials) -> str | None:
        """The account that credentials claim to be for, which failures are counted by; None if they don't say."""
        return None

    async def verify(self, request: Request, credentials: Credentials) -> Identity | None:
        """Who the credentials are of; None if they aren't right. Raises InvalidCredentials to say why."""
        arguments = (request, *credentials) if self._takes_request else credentials
        # PERF: a coroutine less, 0.2 µs.
        verify = self._verify.at_once
        found = verify(*arguments) if verify is not None else await self._verify(request, *arguments)
        return self.identified(found)

    def verify_inline(self, request: Request, credentials: Credentials) -> Identity | None:
        """The same without a coroutine, where `is_inline` says so."""
        verify = self._verify.at_once
        assert verify is not None  # nosec B101 - for type checkers
        return self.identified(verify(request, *credentials) if self._takes_request else verify(*credentials))

    def identified(self, found: Any) -> Identity | None:
        """What `verify` returned, as an identity: one of nobody is none. Raises TypeError for what is no user."""
        if found is None:
            return None
        given = isinstance(found, Identity)
        user = found.user if given else found
        if user is None:
            return None
        # SECURITY: both are mistakes that would let anybody in: `return check(…)`, and a plain function that
        # returns a coroutine, which is not None.
        # PERF: `isawaitable` asks abstract classes, which costs ten times as much as to see that it may be none.
        may_be_awaited = hasattr(user, "__await__") or isinstance(user, GeneratorType)
        if isinstance(user, bool) or (may_be_awaited and inspect.isawaitable(user)):
            if inspect.iscoroutine(user):
                user.close()
            kind = type(user).__name__
            raise TypeError(f"`verify` of {self!r} returned a {kind}; return the user, or None for wrong credentials")
        if not given:
            return Identity(user, scheme=self.name)
        # One of the user's may be kept for many requests, so what this request adds goes into another one.
        return Identity(user, scopes=found.scopes, roles=found.roles, scheme=self.name)

    def refuse(self, request: Request) -> Response | None:
        """An answer to a request that needs a user and has no credentials, in place of the 401; None for that."""
        return None

    def challenge(self, **parameters: str) -> str:
        """The value of `WWW-Authenticate` that asks for this scheme, with further parameters."""
        if not parameters:
            return _plain_challenge(self.kind, self.realm)
        return challenge(self.kind, {"realm": self.realm, **{key: value for key, value in parameters.items() if value}})

    def malformed(self, detail: str) -> BadRequest:
        """The error for credentials that can't be read: 400, `invalid_request` in RFC 6750 §3.1."""
        error = {"error": "invalid_request"} if self.reports_errors else {}
        return BadRequest(detail, headers=[("www-authenticate", self.challenge(**error))])

    def authorization(self, request: Request) -> str | None:
        """What follows the name of this scheme in `Authorization`; None if there is no such field, or another scheme's.

        Raises BadRequest for two such fields: what one of them says, another program in front may not have seen.
        """
        values = request.headers.getlist("authorization")
        if not values:
            return None
        if len(values) > 1:
            raise self.malformed("the request has more than one Authorization field")
        kind, _, rest = values[0].partition(" ")
        return rest.strip(" ") if kind.lower() == self._kind else None


_UNQUOTED = re.compile(r"[ !#-\[\]-~]*")
"""What stands between quotes as it is."""


def challenge(kind: str, parameters: Mapping[str, str]) -> str:
    """A challenge, RFC 9110 §11.6.1, all values as quoted strings of printable ASCII."""
    return f"{kind} {', '.join(f'{name}={_quoted(value)}' for name, value in parameters.items())}"


@lru_cache(maxsize=64)
def _plain_challenge(kind: str, realm: str) -> str:
    """PERF: the same for all requests that bring no credentials."""
    return challenge(kind, {"realm": realm})


def _quoted(value: str) -> str:
    if _UNQUOTED.fullmatch(value):
        return f'"{value}"'
    printable = re.sub(r"[^\x20-\x7e]", "?", value)
    return '"' + re.sub(r'(["\\])', r"\\\1", printable) + '"'


def takes_request(function: Callable[..., Any], count: int) -> bool | None:
    """Whether a function takes the request before its `count` arguments; None if it can be called in neither way."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return False  # C code without a signature
    for with_request in (False, True):
        try:
            signature.bind(*[None] * (count + with_request))
        except TypeError:
            continue
        return with_request
    return None


class Known:
    """A few credentials that are known beforehand, to be looked up in the same time whatever is asked for."""

    def __init__(self, users: Mapping[Any, Any], what: str) -> None:
        where = Location.of_caller()
        if not all(key and isinstance(key, str) for key in users):
            raise ConfigurationError(Problem(f"{what} are texts that aren't empty", where))
        if any(user is None or isinstance(user, bool) for user in users.values()):
            raise ConfigurationError(Problem(f"{what} map to users, and None is nobody, nor is True", where))
        # SECURITY: a dict compares texts letter by letter. What it finds by is a digest under a key that nobody
        # knows, so a client can't tell by the time how much of its guess was right (CVE-2016-7036, CVE-2021-33880).
        self._keyed = blake2b(digest_size=32, key=secrets.token_bytes(32))
        self._users = {self._digest(key): user for key, user in users.items()}

    def __call__(self, given: str) -> Any:
        """The user of a credential; None for one that isn't known."""
        digest = self._digest(given)
        found = None
        for known, user in self._users.items():
            if hmac.compare_digest(known, digest):
                found = user
        return found

    def _digest(self, text: str) -> bytes:
        # PERF: keyed by itself, it takes a third of the time of HMAC, and a copy that has its key already less.
        hashing = self._keyed.copy()
        hashing.update(text.encode("utf-8", "surrogatepass"))
        return hashing.digest()


def _name_problems(kind: Any, name: Any, realm: Any) -> Iterator[Problem]:
    where = Location.of_caller()
    if not isinstance(realm, str) or not re.fullmatch(r"[\x20-\x7e]+", realm):
        fix = 'it is shown by clients: realm="staff"'
        yield Problem(f"the realm of {kind} is not a text of printable ASCII", where, fix)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        # OpenAPI Specification 3.1.0 §4.8.7; and "" would say there that anonymous requests are let in.
        fix = 'it is that in the OpenAPI document: letters, digits, ".", "_" and "-"'
        yield Problem(f"the name {name!r} of {kind or 'a scheme'} is none", where, fix)
    if not isinstance(kind, str) or not kind or kind.rstrip(TOKEN):
        fix = 'it stands in `WWW-Authenticate` (RFC 9110 §11.1): kind = "Badge"'
        yield Problem(f"a scheme has the kind {kind!r}, which is no token", where, fix)


def _verify_problems(kind: str, verify: Any, takes: int) -> list[Problem]:
    if not callable(verify):
        what = f"{kind} verifies by a function, not by a {type(verify).__name__}"
        return [Problem(what, Location.of_caller(), "give it a function that returns the user or None")]
    if takes_request(verify, takes) is not None:
        return []
    what = f"{kind} calls `verify` with {takes} argument{'s'[: takes > 1]}, and {describe(verify)} doesn't take that"
    fix = "let it take the credentials, or the request and the credentials, by position"
    return [Problem(what, Location.of(verify) or Location.of_caller(), fix)]
