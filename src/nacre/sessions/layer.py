"""The layer that gives requests a session, and saves it before the response begins."""

from __future__ import annotations

import itertools
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Literal, TypeVar

from nacre.callables import Call, is_async
from nacre.chain.hooks import Hooks
from nacre.cookies import SameSite
from nacre.errors import ConfigurationError, Location
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.session import EMPTY, Session
from nacre.sessions.checks import keeping_problems, lifetime_problems, risks_of
from nacre.sessions.cookie import SessionCookie
from nacre.sessions.flashes import flashed_messages
from nacre.sessions.in_cookie import InCookie
from nacre.sessions.in_store import InStore
from nacre.sessions.keeping import Found, Held, Keeper, Work
from nacre.sessions.late import watch
from nacre.sessions.records import Lifetime, Store
from nacre.signing import Sealer, Secrets, Signer
from nacre.state import give_templates
from nacre.threads import run_at_once

T = TypeVar("T")

_numbers = itertools.count(1)

_DAY = 24 * 3600.0

Run = Callable[[Request, Work[Any]], Awaitable[Any]]
"""Does work that a store has part in: here, or where it may block."""


class Sessions(Hooks):
    """A layer that gives requests a `session`, which is kept in a cookie or in a store.

    With `secret` it is in a signed cookie, which the client can read and not change (the extra `sessions`); with
    `encrypt` too it can't read it (the extra `crypto`). Of several secrets the first signs and all are good. With
    `store` it is on the server, and the cookie holds a random id of 256 bits; that needs no secret.

    A session ends `max_age` seconds after its beginning, or after `idle` seconds without a request that reads it. The
    cookie is forgotten when the browser is closed, unless `persistent` gives it the same end. It is `HttpOnly`, and
    `Secure` over https (`secure="auto"`) or always (True). Its name is `session`, and over https `__Host-session` where
    path and domain allow it; another one given as `cookie` is used as it is. `max_size` bounds the JSON of a session in
    a store, in bytes.

    Changes are saved when the response is about to begin, except with a status of 500 or more: then the session stays
    as it was. A response that reads the session has `Vary: Cookie`; one that sets the cookie is kept out of shared
    caches as well.

    Raises ConfigurationError, and MissingExtra.
    """

    provides = ("session",)
    inside_of = ("client address",)  # it says whether the client's side is https

    def __init__(
        self,
        secret: Secrets | None = None,
        *,
        encrypt: bool = False,
        store: Store | None = None,
        cookie: str | None = None,
        max_age: float = 14 * _DAY,
        idle: float | None = None,
        persistent: bool = False,
        path: str = "/",
        domain: str | None = None,
        samesite: SameSite | None = "lax",
        secure: bool | Literal["auto"] = "auto",
        max_size: int = 64 * 1024,
        clock: Callable[[], float] = time.time,
    ) -> None:
        where = Location.of_caller()
        self._cookie = SessionCookie(cookie, path, domain, secure, samesite)
        problems = [
            *keeping_problems(secret, encrypt, store, where),
            *lifetime_problems(max_age, idle, where),
            *self._cookie.problems(where),
        ]
        if problems:
            raise ConfigurationError(problems)
        self._lifetime = Lifetime(max_age, idle, clock)
        self._persistent = persistent
        self._key = f"nacre.sessions.{next(_numbers)}"
        name = self._cookie.plain_name
        self._keeper: Keeper
        if store is not None:
            self._keeper = InStore(store, self._lifetime, name, max_size=max_size, resends=persistent)
            self._kept = repr(store)
        else:
            assert secret is not None
            signer = (Sealer if encrypt else Signer)(secret, purpose=f"the session in the cookie {name}", clock=clock)
            self._keeper = InCookie(signer, self._lifetime)
            self._kept = "in a sealed cookie" if encrypt else "in a signed cookie"
        self._risks = tuple(risks_of(secure, store, where))
        super().__init__(before=_forms(self._begin, store), finalize=_forms(self._finish, store))

    def __repr__(self) -> str:
        return f"Sessions({self._kept})"

    def find_risks(self) -> Iterable[Risk]:
        """A cookie that goes through the network in the open, and sessions that other processes don't know."""
        return self._risks

    async def _begin(self, run: Run, request: Request) -> None:
        found = Found(self._cookie.find(request))
        if (work := self._keeper.find(found)) is not None:
            await run(request, work)
        request.session = session = Session(partial(self._keeper.load, found))
        # Not on the request: a layer may hand on another one, and the response is finished with the first.
        request.state[self._key] = Held(found, session)
        give_templates(request.state, get_flashed_messages=flashed_messages(session))

    async def _finish(self, run: Run, request: Request, response: Response) -> None:
        held: Held | None = request.state.get(self._key)
        if held is None:
            return  # a layer further out has answered
        if held.session.accessed:
            response.headers.add_vary("Cookie")
        if not held.is_settled:  # it is if the response takes the place of one that was finished already
            held.is_settled = True
            await self._settle(run, request, response, held)
        if held.change is not None and not _loses_cookies(request):
            self._tell(request, response, held)

    async def _settle(self, run: Run, request: Request, response: Response, held: Held) -> None:
        """Save the session if need be, and close it."""
        session, data = held.session, None
        try:
            if session.accessed and response.status < 500:
                data = session.encode()
                is_changed = session.renewed or data != (session.loaded or EMPTY)
                if is_changed and _loses_cookies(request) and self._keeper.sends_cookie(held):
                    raise RuntimeError(
                        "the session was changed in a WebSocket handshake over RSGI, whose servers send no cookie with "
                        "their answer; change it in a request before, or serve over ASGI"
                    )
                is_due = held.found.record is not None and self._lifetime.is_due(held.found.record)
                if is_changed or (is_due and not _loses_cookies(request)):
                    held.change = await run(request, partial(self._keeper.save, held, data))
        finally:
            session.close(data, unread=response.stream is not None and request.websocket is None)
        if response.status < 500:
            watch(request, response, session)

    def _tell(self, request: Request, response: Response, held: Held) -> None:
        assert held.change is not None
        value, expires = held.change.value, held.change.expires
        if value is None:
            self._cookie.delete(request, response)
        else:
            left = int(expires - self._lifetime.clock())
            self._cookie.set(request, response, value, left if self._persistent else None)


def _forms(function: Callable[..., Coroutine[Any, Any, None]], store: Store | None) -> Call:
    """How a chain calls a hook, by how its store is to be called."""
    if store is None or getattr(store, "inline", False):
        return Call(partial(function, _here), partial(function, _here))
    if is_async(store.read):
        return Call(partial(function, _here), None)
    return Call(partial(function, _in_worker), partial(function, _here))


async def _here(request: Request, work: Work[T]) -> T:
    return await work()


async def _in_worker(request: Request, work: Work[T]) -> T:
    # The methods of a store that is called there don't suspend, and so the work as a whole doesn't either.
    return await request.app.workers.run(request, lambda: run_at_once(work()))


def _loses_cookies(request: Request) -> bool:
    """Whether the answer to this request can't have a cookie: that to a handshake over RSGI."""
    return request.websocket is not None and request.carrier.protocol == "rsgi"
