"""Requests that may be sent again without being done again: draft-ietf-httpapi-idempotency-key-header, revision 7."""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Any, ClassVar, TypeVar

from nacre.callables import Call
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.errors import BadRequest, ConfigurationError, Conflict, Location, Problem, UnprocessableContent
from nacre.headers import check_name
from nacre.marks import mark
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.state import Key
from nacre.streams import to_the_end
from nacre.threads import run_at_once
from nacre.traffic.functions import not_plain
from nacre.traffic.idempotency_stores import Attempt, IdempotencyStore, KeptResponse, MemoryResponses
from nacre.traffic.identity import address_of, user_key

F = TypeVar("F", bound=Callable[..., Any])

REPLAYED = "Idempotent-Replayed"
"""The header field of a response that was kept; it is the one that public interfaces use, the draft names none."""

_MARK = "idempotency key"
_EXEMPT = "exempt"

# A string of RFC 9651 §3.3.3, as the draft wants it, or the bare value that most clients send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_BARE = re.compile(r"[A-Za-z0-9._:+/=-]{1,255}")

# What these say of a request may be otherwise when it comes again, and nothing was done for it.
_FOR_THE_MOMENT = frozenset({401, 403, 408, 425, 429})


_RESPONSES = {
    400: "The Idempotency-Key is malformed",
    409: "The request with this Idempotency-Key is still being processed, or its response wasn't kept",
    422: "The Idempotency-Key was used for another request",
}
_RESPONSES_WHERE_REQUIRED = {**_RESPONSES, 400: "There is no Idempotency-Key, or a malformed one"}


@dataclass(frozen=True)
class _Required:
    requires: tuple[str, ...] = (_MARK,)


@dataclass(frozen=True)
class _Held:
    """A key that this request has taken."""

    key: str
    attempt: Attempt


_numbers = itertools.count(1)


class IdempotencyKey(Hooks):
    """A layer that does what comes with one `Idempotency-Key` once, and answers its repetitions with the same response.

    It is for requests with `methods`. The first one runs, and its response is kept for `ttl` seconds. A repetition gets
    that response, with the field `Idempotent-Replayed: true`; while the first one still runs, a 409. The key with
    another request (method, URL, content type or body) is a 422, a malformed key a 400, and so is none at all where
    `required` or `@required` says so; else a request without a key runs as ever. `@exempt` takes a handler out.

    Not kept are responses of 500 and above, 401, 403, 408, 425 and 429, and those of requests that raised or were
    cancelled: the key is free then, and the request may be tried again. Of a stream, and of a response of more than
    `max_response` bytes, only that it was is kept: repetitions get a 409 and aren't run. `Set-Cookie` is never kept.

    SECURITY: a key counts for one client only: the user (`request.user`, told by class, issuer and id) or, where nobody
    is logged in, who sends the same `Authorization` and `Cookie` from the same address. `scope(request)`, a plain
    function, may say another text for that. The layer stands inside of what finds out who the user is, which is checked
    at startup.

    The body is read, so `max_body` bounds it. Raises ConfigurationError for numbers below 0, no methods, a malformed
    header name and an async `scope`.
    """

    provides: ClassVar = (_MARK,)
    inside_of: ClassVar = ("client address", "session", "user", "csrf", "Compression")

    def __init__(
        self,
        *,
        header: str = "Idempotency-Key",
        methods: Sequence[str] = ("POST", "PATCH"),
        ttl: float = 86400.0,
        required: bool = False,
        store: IdempotencyStore | None = None,
        scope: Callable[[Request], str] | None = None,
        max_response: int = 256 * 1024,
    ) -> None:
        problems: list[Problem] = []
        where = self._where = Location.of_caller()
        if isinstance(methods, str) or not methods:
            what = f"the methods of IdempotencyKey are {methods!r}"
            problems.append(Problem(what, where, 'give it a list, for instance ["POST", "PATCH"]'))
        if not ttl > 0 or max_response < 0:
            what = f"IdempotencyKey has a ttl of {ttl} seconds and a max_response of {max_response} bytes"
            problems.append(Problem(what, where, "ttl is above 0, max_response 0 or above"))
        try:
            self.header = check_name(header)
        except ValueError as error:
            problems.append(Problem(f"the header of IdempotencyKey: {error}", where))
        problems += not_plain("IdempotencyKey", where, scope=scope)
        if problems:
            raise ConfigurationError(problems)
        self.methods = tuple(method.upper() for method in methods)
        self.ttl = ttl
        self.max_response = max_response
        self.store: IdempotencyStore = MemoryResponses() if store is None else store
        self._scope = _scope_of if scope is None else scope
        # One for each layer: an application that is mounted may have one of its own.
        self._held: Key[_Held | None] = Key(f"nacre.idempotency.{next(_numbers)}")
        self._settle(required)

    def _settle(self, required: bool) -> None:
        blocking = not self.store.needs_loop
        super().__init__(
            before=Call(self._before, self._before if blocking else None),
            after=Call(self._after, self._after if blocking else None),
            finalize=Call(self._finalize, self._finalize if blocking else None),
        )
        self.required = required
        self.responses = _RESPONSES_WHERE_REQUIRED if required else _RESPONSES

    def __repr__(self) -> str:
        return f"IdempotencyKey({', '.join(self.methods)})"

    def for_route(self, place: Place) -> Hooks | str:
        marked = place.mark(_MARK)
        if marked == _EXEMPT:
            return "the handler is marked with `exempt`"
        if place.route is None or place.method not in self.methods:
            return f"it is for {', '.join(self.methods)}"
        if any(isinstance(layer, IdempotencyKey) for layer in place.outside):
            return "an IdempotencyKey stands further out"
        if marked is None or self.required:
            return self
        made = IdempotencyKey.__new__(type(self))
        vars(made).update(vars(self))
        made._settle(True)
        return made

    def find_risks(self) -> Iterable[Risk]:
        """That a repetition may come to a process that doesn't know the key."""
        if isinstance(self.store, MemoryResponses):
            what = "IdempotencyKey keeps keys in one worker process: another one, or the next, runs requests again"
            yield Risk(what, "give it a store that they share, if there are several", "low", self._where)

    async def _before(self, request: Request) -> Response | None:
        given = request.headers.getlist(self.header)
        if not given:
            if self.required:
                raise BadRequest(f"this request needs the header field {self.header}")
            return None
        if request.after_callbacks is not None and request.state.get(self._held) is not None:
            return None  # a layer outside tries again what has failed
        key = _digest(self._scope(request), request.headers.get("host", ""), _key_in(given, self.header))
        attempt = Attempt(secrets.token_hex(16), await _fingerprint(request))
        # Before it is asked for: a cancellation may come while the store answers.
        request.after_response(partial(self.release, request) if self.store.needs_loop else _Release(self, request))
        request.state[self._held] = _Held(key, attempt)
        known = await self.store.begin(key, attempt)
        if known is None:
            return None
        request.state[self._held] = None
        return _repeated(known, attempt)

    async def _after(self, request: Request, response: Response) -> None:
        if request.after_callbacks is None:
            return  # PERF: who holds a key has a callback
        held = request.state.get(self._held)
        if held is None or response.status >= 500 or response.status in _FOR_THE_MOMENT:
            return
        kept = None
        if response.stream is None and len(response.body) <= self.max_response:
            headers = tuple(pair for pair in response.headers.pairs() if pair[0] != "set-cookie")
            kept = KeptResponse(response.status, headers, response.body)
        attempt = Attempt(held.attempt.token, held.attempt.fingerprint, is_over=True, response=kept)
        finishing = self.store.finish(held.key, attempt, self.ttl)
        await (to_the_end(finishing) if self.store.needs_loop else finishing)
        request.state[self._held] = None

    async def _finalize(self, request: Request, response: Response) -> None:
        if request.after_callbacks is not None:
            await self.release(request)

    async def release(self, request: Request) -> None:
        """Free the key of a request whose response isn't kept."""
        held = request.state.get(self._held)
        if held is not None:
            await self.store.release(held.key, held.attempt.token)
            request.state[self._held] = None


class _Release:
    """Frees a key at the end of a request that never came to have a response, where no event loop is needed."""

    inline = True

    def __init__(self, layer: IdempotencyKey, request: Request) -> None:
        self._layer = layer
        self._request = request

    def __call__(self) -> None:
        run_at_once(self._layer.release(self._request))


def required(function: F) -> F:
    """Have requests to a handler refused with 400 that come without a key; it may stand anywhere among the decorators.

    On a route without `IdempotencyKey` it is an error at startup.
    """
    return mark(function, _MARK, _Required())


def exempt(function: F) -> F:
    """Take a handler out of `IdempotencyKey`, so that keys mean nothing to it."""
    return mark(function, _MARK, _EXEMPT)


def _key_in(given: Sequence[str], header: str) -> str:
    """The key in the values of the field. Raises BadRequest for anything but one well-formed one."""
    if len(given) == 1:
        value = given[0].strip(" \t")
        if quoted := _QUOTED.fullmatch(value):
            return re.sub(r"\\(.)", r"\1", quoted[1])
        if _BARE.fullmatch(value):
            return value
    raise BadRequest(f"the header field {header} must be one string of 1 to 255 characters")


async def _fingerprint(request: Request) -> str:
    kind = request.body_fields()[0] or ""
    path = request.root_path + request.path
    body = await request.body()
    return _digest(request.method, path, request.query_string, kind, body)


def _scope_of(request: Request) -> str:
    user = user_key(request)
    if user is not None:
        return user
    fields = [value for name in ("authorization", "cookie") for value in (*request.headers.getlist(name), "")]
    return "client " + _digest(address_of(request), *fields)


def _digest(*parts: str | bytes) -> str:
    """A digest that no two lists of parts share."""
    digest = blake2b(digest_size=32)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def _repeated(known: Attempt, attempt: Attempt) -> Response:
    """The answer to a request whose key was taken before. Raises UnprocessableContent and Conflict."""
    if known.fingerprint != attempt.fingerprint:
        raise UnprocessableContent("this Idempotency-Key was used for another request")
    if not known.is_over:
        raise Conflict("the request with this Idempotency-Key is being processed", headers=[("retry-after", "1")])
    if known.response is None:
        raise Conflict("the request with this Idempotency-Key was processed; its response wasn't kept")
    response = Response(known.response.body, known.response.status)
    response.raw_headers[:] = known.response.headers
    response.headers.set(REPLAYED, "true")
    return response
