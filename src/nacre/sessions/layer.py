"""The layer that gives requests a session, and saves it before the response begins."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Literal, TypeVar

from nacre.callables import Call, is_async
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.cookies import SameSite
from nacre.errors import ConfigurationError, Location, Problem
from nacre.headers import add_vary
from nacre.request import Request
from nacre.response import Response
from nacre.risks import Risk
from nacre.session import EMPTY, Session, Unopened
from nacre.sessions.checks import keeping_problems, lifetime_problems, risks_of, size_problems
from nacre.sessions.cookie import SessionCookie
from nacre.sessions.in_cookie import InCookie
from nacre.sessions.in_store import InStore
from nacre.sessions.keeping import CookieChange, Held, Keeper, Work
from nacre.sessions.late import may_run_on, watch
from nacre.sessions.records import Lifetime, Record, Store, is_inline
from nacre.signing import Sealer, Secrets, Signer
from nacre.threads import run_at_once

T = TypeVar("T")

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
        self._where = where = Location.of_caller()
        self._cookie = SessionCookie(cookie, path, domain, secure, samesite)
        problems = [
            *keeping_problems(secret, encrypt, store, where),
            *lifetime_problems(max_age, idle, where),
            *size_problems(max_size, where),
            *self._cookie.problems(where),
        ]
        if problems:
            raise ConfigurationError(problems)
        self._lifetime = Lifetime(max_age, idle, clock)
        self._persistent = persistent
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
        self._owners: dict[str, object] = {}
        self._unopened = Unopened(self._open)
        self._closed = Unopened(partial(self._open_late, unread=False))
        self._unreadable = Unopened(partial(self._open_late, unread=True))
        if store is None or is_inline(store):
            super().__init__(before=self._enter, finalize=self._leave, inline=True)
        else:
            assert isinstance(self._keeper, InStore)
            reading, leaving = partial(self._read, self._keeper), partial(self._leave_by, self._keeper)
            super().__init__(before=_forms(reading, store), finalize=_forms(leaving, store))

    def __repr__(self) -> str:
        return f"Sessions({self._kept})"

    def for_route(self, place: Place) -> Hooks:
        """This layer. Raises ConfigurationError if another one outside of it uses the same cookie."""
        name = self._cookie.plain_name
        if any(isinstance(other, Sessions) and other._cookie.plain_name == name for other in place.outside):
            what = f"a layer Sessions outside of this one has the cookie {name!r} too, so neither would keep anything"
            raise ConfigurationError(Problem(what, self._where, f'call one differently: cookie="{name}2"'))
        return self

    def claim(self, name: str, owner: object) -> bool:
        """Keep a name of all its sessions for one owner; False if another one has it."""
        return bool(self._owners.setdefault(name, owner) == owner)

    def find_risks(self) -> Iterable[Risk]:
        """A cookie that goes through the network in the open, and sessions that other processes don't know."""
        return self._risks

    # On the way in.

    def _enter(self, request: Request) -> None:
        """Give the request a session that is opened when it is asked for."""
        if request._session is None and request.opened_sessions is None:
            request._session = self._unopened
        else:  # inside of another such layer, or of one that hands on a copy of the request
            self._give(request, self._open(request))

    async def _read(self, keeper: InStore, run: Run, request: Request) -> None:
        """Give the request a session, and read that first if the client brings the id of one."""
        held = Held(keeper, self._cookie.find(request))
        work = keeper.find(held)
        if work is None:
            self._enter(request)
        else:
            await run(request, work)
            self._give(request, self._open(request, held))

    def _give(self, request: Request, session: Session) -> None:
        if isinstance(request._session, Unopened):
            request._session.open(request)  # for its own layer, which goes by the list of those that are open
        request._session = session

    def _open(self, request: Request, held: Held | None = None) -> Session:
        if held is None:
            held = Held(self._keeper, self._cookie.find(request))
        session = Session(held.load, held)
        if request.opened_sessions is None:
            request.opened_sessions = []
        request.opened_sessions.append(session)
        return session

    def _open_late(self, request: Request, *, unread: bool) -> Session:
        """Open the session when the response has begun: to be read at most."""
        session = self._open(request)
        session.held.is_settled = True
        session.close(keep=False, unread=unread)
        watch(request, session)
        return session

    # On the way out.

    def _leave(self, request: Request, response: Response) -> None:
        unsaved = self._settle(request, response)
        if unsaved is not None:
            session, data = unsaved
            self._tell(request, response, session, self._keeper.save(session, data))

    async def _leave_by(self, keeper: InStore, run: Run, request: Request, response: Response) -> None:
        unsaved = self._settle(request, response)
        if unsaved is not None:
            session, data = unsaved
            self._tell(request, response, session, await run(request, partial(keeper.write, session, data)))

    def _settle(self, request: Request, response: Response) -> tuple[Session, bytes] | None:
        """Close the session of this layer; given back, with its content, if it is to be saved.

        If nobody has asked for it there is none, and nothing can be changed any more.
        """
        is_streamed = response.stream is not None and request.websocket is None
        if request._session is self._unopened:
            request._session = self._unreadable if is_streamed else self._closed
            return None
        for session in reversed(request.opened_sessions or ()):
            held: Held = session.held
            if held.keeper is self._keeper:
                break
        else:
            return None
        if session.accessed:
            add_vary(response.raw_headers, "Cookie")
        if held.is_settled:  # the response takes the place of one that was finished already
            self._tell(request, response, session, held.change)
            return None
        held.is_settled = True
        is_kept = response.status < 500
        data = session.close(keep=is_kept, unread=is_streamed)
        if is_kept and may_run_on(request, response):
            watch(request, session)
        return (session, data) if data is not None and self._is_to_be_saved(request, session, data) else None

    def _is_to_be_saved(self, request: Request, session: Session, data: bytes) -> bool:
        """Whether it has changed, or is to live on. Raises RuntimeError for a change that couldn't reach the client."""
        if data == (session.loaded or EMPTY) and not session.renewed:
            record: Record | None = session.held.record
            return record is not None and self._lifetime.is_due(record) and not _loses_cookies(request)
        if _loses_cookies(request) and self._keeper.sends_cookie(session):
            raise RuntimeError(
                "the session was changed in a WebSocket handshake over RSGI, whose servers send no cookie with "
                "their answer; change it in a request before, or serve over ASGI"
            )
        return True

    def _tell(self, request: Request, response: Response, session: Session, change: CookieChange | None) -> None:
        session.held.change = change
        if change is None or _loses_cookies(request):
            return
        if change.value is None:
            self._cookie.delete(request, response)
        else:
            left = int(change.expires - self._lifetime.clock()) if self._persistent else None
            self._cookie.set(request, response, change.value, left)


def _forms(function: Callable[..., Coroutine[Any, Any, None]], store: Store) -> Call:
    """How a chain calls a hook whose store is awaited, or may block."""
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
