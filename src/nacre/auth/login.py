"""Logging in and out, and who is logged in: the user's id in the session, the user on the request."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast
from urllib.parse import quote

from nacre.auth.calling import UserFunction
from nacre.auth.identity import USER
from nacre.auth.login_marks import LoginRule, fresh_login_required, login_optional, login_required, rule_for
from nacre.auth.redirects import allowed_origins, is_safe_redirect, safe_redirect_target
from nacre.auth.remember import RememberedLogin, RememberMe, RememberStore
from nacre.auth.session_login import SESSION_USER, SessionLogin, UserId, read_login, write_login
from nacre.callables import Call
from nacre.chain.hooks import Hooks
from nacre.chain.place import Place
from nacre.cookies import format_cookie
from nacre.errors import ConfigurationError, Location, Problem, Unauthorized
from nacre.request import Request
from nacre.response import RedirectResponse, Response
from nacre.sessions.cookie import keep_private
from nacre.sessions.layer import Sessions
from nacre.state import Key
from nacre.urls import encode_path, parse_origin

U = TypeVar("U")

_LIFETIME_MAX = 400 * 86_400.0  # RFC 6265bis §5.6.2: browsers keep no cookie for longer

_CSRF = "_csrf"
"""The name in a session of what tokens against forged requests are made with (`nacre.security.tokens`)."""


class _Cookie(NamedTuple):
    """A cookie to be sent with the response; the empty one is deleted."""

    value: str
    expires_at: float


_COOKIE: Key[_Cookie] = Key("nacre.auth.remember")
_DELETED = _Cookie("", 0.0)


class Login(Hooks, Generic[U]):
    """A layer that knows the user who is logged in, as `request.user`, and keeps others from routes that need one.

    `load_user(id)` gives the user, or None for one who is gone or may not log in any more, whose session is then
    cleared. It may be plain (it runs in a worker thread) or async, and is called once for each request of a session
    with a login. `user_id(user)` gives the id, a str or int; by default it is the attribute `id`.

    Routes marked `@login_required` or `@fresh_login_required` answer who isn't logged in with a redirect to `login_url`
    (302, or 303 for what isn't GET) if the client navigates, and with 401 otherwise. After GET, `next` in its query
    says where the user wanted to go. With `required` all routes are so but those marked `@login_optional`. `login_url`
    is a path within the application (`root_path` is put in front) or a URL.

    `session_stamp(user)` is a text that changes when all logins of a user are to end, such as the hash of the password:
    sessions and remembered logins with another stamp are refused. Only a hash of it is kept in the session.

    `remember` is a store for logins that outlive the session; see `login`. The cookie, `remember_cookie`, has
    `HttpOnly` and `SameSite=Lax`, and over https `Secure` and the prefix `__Host-`; `secure` says so whatever the
    scheme is. Those of plain http and https don't count for each other.

    Needs a layer for sessions outside of it. Raises ConfigurationError with all that is wrong with the options.
    """

    provides = ("user", "login")
    requires = ("session",)

    required = staticmethod(login_required)
    fresh = staticmethod(fresh_login_required)
    optional = staticmethod(login_optional)

    def __init__(
        self,
        load_user: Callable[[Any], Awaitable[U | None]] | Callable[[Any], U | None],
        *,
        login_url: str = "/login",
        required: bool = False,
        user_id: Callable[[U], UserId] | None = None,
        session_stamp: Callable[[U], str] | None = None,
        allowed_hosts: Collection[str] = (),
        remember: RememberStore | None = None,
        remember_for: timedelta = timedelta(days=30),
        remember_cookie: str = "remember",
        secure: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = [*_url_problems(login_url), *_cookie_problems(remember_cookie), *_lifetime_problems(remember_for)]
        if problems:
            raise ConfigurationError(problems)
        allowed_origins(allowed_hosts)
        self._where = Location.of_caller()
        self._given_load_user = load_user
        self._load_user = UserFunction(load_user)
        self._login_url = login_url
        self._all = required
        self._user_id = user_id
        self._session_stamp = session_stamp
        self._allowed_hosts = allowed_hosts
        self._remember = None if remember is None else RememberMe(remember, clock)
        self._remember_for = remember_for
        self._cookie = remember_cookie
        self._secure = secure
        self._clock = clock
        self._is_async = self._load_user.is_async or (self._remember is not None and self._remember.is_async)
        finalize = None if remember is None else self._send_cookie
        super().__init__(before=self._call(self._enter), finalize=finalize, inline=True)

    def __repr__(self) -> str:
        return f"Login(login_url={self._login_url!r})"

    # The layer.

    def for_route(self, place: Place) -> Hooks:
        """The layer for one chain, which lets only some pass if the route is marked so.

        Raises ConfigurationError for a route that leads to itself, and for another `Login` with the same sessions.
        """
        self._check_alone(place)
        rule = rule_for(place, required=self._all)
        if rule is None:
            return self
        route = place.route
        if route is not None and route.path == self._login_url.partition("?")[0]:
            what = f"the route {route.path} is the login page and needs a login itself"
            raise ConfigurationError(Problem(what, route.where, "mark it with @login_optional"))
        return _Gate(self, rule)

    def _check_alone(self, place: Place) -> None:
        # SECURITY: a session holds an id and not whose: customer 1 would be employee 1.
        nearest = next((layer for layer in reversed(place.outside) if isinstance(layer, Sessions)), None)
        if nearest is not None and not nearest.claim(SESSION_USER, self._given_load_user):
            what = "two Login layers keep their users in the same sessions, where an id of one counts for the other"
            fix = 'give one of them sessions of its own: Sessions(…, cookie="staff")'
            raise ConfigurationError(Problem(what, self._where, fix))

    async def _enter(self, request: Request) -> None:
        await self.identify(request)

    async def identify(self, request: Request) -> SessionLogin | None:
        """Set `request.user` from the session, or from the cookie that remembers; returns the login.

        The user that a layer outside has found by other credentials stays if there is no login.
        """
        if request.state.get(USER) is None:
            self._set_user(request, None)
        found = read_login(request.session)
        if found is None:
            return await self._recall(request)
        user = await self._load_user(request, found.user_id)
        if user is None or not self._has_stamp(user, found.stamp):
            if request.websocket is None:
                request.session.clear()  # what it holds was that user's
            return await self._recall(request)
        self._set_user(request, user)
        return found

    async def _recall(self, request: Request) -> SessionLogin | None:
        """Log in by the cookie that remembers, if there is one."""
        cookie = None if self._remember is None else request.cookies.get(self._cookie_name(request))
        if self._remember is None or cookie is None:
            return None
        remembered = await self._remember.verify(request, cookie)
        user = None
        if remembered is not None:
            user = await self._load_user(request, remembered.login.user_id)
            if user is None or not self._has_stamp(user, remembered.login.stamp):
                await self._remember.revoke(request, remembered.login.series)
                user = None
        if remembered is None or user is None:
            request.state[_COOKIE] = _DELETED
            return None
        user_id = remembered.login.user_id
        if request.websocket is not None:
            # The answer to a handshake may carry no cookies (RSGI): this connection is logged in and nothing changes.
            self._set_user(request, user)
            return SessionLogin(user_id, self._clock(), fresh=False)
        if remembered.is_current:
            await self._renew(request, self._remember, remembered.login)
        return self._establish(request, user, user_id, fresh=False)

    async def _renew(self, request: Request, remember: RememberMe, login: RememberedLogin) -> None:
        cookie = await remember.replace(request, login)
        if cookie is not None:
            request.state[_COOKIE] = _Cookie(cookie, login.expires_at)

    def refuse(self, request: Request) -> Response:
        """The answer to who needs a login: a redirect to the login page, or 401."""
        if request.websocket is not None or not _navigates(request):
            raise Unauthorized("this needs a login", headers=[("www-authenticate", "Session")])
        # SECURITY: what was posted is never kept to be sent again after the login, since it may have been another
        # site's form (CVE-2008-3909).
        if request.method not in ("GET", "HEAD"):
            return self._to_login(request, None, 303)
        return self._to_login(request, _location_of(request), 302)

    def _to_login(self, request: Request, wanted: str | None, status: int) -> Response:
        url = self._login_url if "://" in self._login_url else encode_path(request.root_path) + self._login_url
        if wanted is not None and is_safe_redirect(wanted, allowed_hosts=self._allowed_hosts):
            url += ("&" if "?" in url else "?") + "next=" + quote(wanted, safe="/")
        return RedirectResponse(url, status, headers=[("cache-control", "no-store")])

    def _send_cookie(self, request: Request, response: Response) -> None:
        cookie = request.state.get(_COOKIE)
        if cookie is None:
            return
        keep_private(response.headers)
        name, secure = self._cookie_name(request), self._is_secure(request)
        if cookie is _DELETED:
            response.delete_cookie(name, secure=secure, httponly=True)
        else:
            max_age = max(int(cookie.expires_at - self._clock()), 0)
            response.set_cookie(name, cookie.value, max_age=max_age, secure=secure, httponly=True)

    # For handlers.

    async def login(self, request: Request, user: U, *, remember: bool | int | timedelta = False) -> None:
        """Log a user in who has just given credentials: into the session, and as `request.user`.

        The session gets a new id. What it holds stays, unless it is another user's. With `remember` the browser gets a
        cookie that logs in once the session is over: True for `remember_for`, else a number of days or a timedelta.
        That time counts from now; using the cookie doesn't prolong it.

        Raises TypeError for an id that is no str or int, ValueError for a time that isn't positive or above 400 days,
        RuntimeError if there is no store to remember logins in.
        """
        user_id = self._id_of(user)
        lifetime = self._lifetime(remember)
        await self._revoke_series(request)
        self._establish(request, user, user_id, fresh=True)
        if lifetime is not None and self._remember is not None:
            stamp = self._stamp_of(user)
            request.state[_COOKIE] = _Cookie(*await self._remember.issue(request, user_id, lifetime, stamp))

    async def logout(self, request: Request) -> None:
        """Log out: the session is cleared and gets a new id, and the browser's login isn't remembered any more."""
        await self._revoke_series(request)
        if len(request.session):  # SECURITY: for who isn't logged in nothing is written (CVE-2015-5963)
            request.session.clear()
        self._set_user(request, None)

    async def forget(self, request: Request, user: U) -> None:
        """End all remembered logins of a user, on all browsers. Sessions end by another `session_stamp`."""
        if self._remember is not None:
            await self._remember.revoke_user(request, self._id_of(user))

    def current_user(self, request: Request) -> U | None:
        """The user who is logged in; None if nobody is. As a provider it gives handlers a typed user."""
        return cast("U | None", request.user)

    def redirect_after(self, request: Request, default: str | None = None, *, target: object = None) -> Response:
        """A redirect (303) to where the user wanted to go before the login.

        That is `target`, or `next` in the query, if it is safe: a path of this site, or a URL with one of the
        `allowed_hosts`. Otherwise it is `default`, by default the application's root.
        """
        wanted = target if target is not None else request.query.get("next")
        safe = safe_redirect_target(wanted, allowed_hosts=self._allowed_hosts)
        return RedirectResponse(safe or default or encode_path(request.root_path) + "/", 303)

    def redirect_to_login(self, request: Request) -> Response:
        """A redirect (303) to the login page, which keeps a safe `next` of the query: after a wrong password."""
        return self._to_login(request, request.query.get("next"), 303)

    # What both need.

    def _call(self, function: Callable[..., Awaitable[Any]]) -> Call:
        return Call(function, None if self._is_async else function)

    def gate(self, rule: LoginRule) -> Call:
        """What runs in front of a route with a rule."""

        async def enter(request: Request) -> Response | None:
            login = await self.identify(request)
            if login is None:
                return self.refuse(request)
            if rule.fresh and not (login.fresh and self._is_recent(login, rule.max_age)):
                return self.refuse(request)
            return None

        return self._call(enter)

    def _is_recent(self, login: SessionLogin, max_age: float | None) -> bool:
        return max_age is None or self._clock() - login.at <= max_age

    def _establish(self, request: Request, user: U, user_id: UserId, *, fresh: bool) -> SessionLogin:
        session = request.session
        if session.get(SESSION_USER, user_id) != user_id:
            session.clear()  # SECURITY: one user's data are not the next one's (CVE-2014-0482)
        session.regenerate()  # SECURITY: who has planted the id knows none that is logged in (CVE-2018-1000519)
        session.pop(_CSRF, None)  # nor any token
        login = SessionLogin(user_id, self._clock(), fresh, self._stamp_of(user))
        write_login(session, login)
        self._set_user(request, user)
        return login

    def _set_user(self, request: Request, user: U | None) -> None:
        request.user = request.state[USER] = user

    async def _revoke_series(self, request: Request) -> None:
        """End the series of the cookie that the browser has, if it has one, and delete that."""
        cookie = None if self._remember is None else request.cookies.get(self._cookie_name(request))
        if self._remember is None or cookie is None:
            return
        remembered = await self._remember.verify(request, cookie)
        if remembered is not None:
            await self._remember.revoke(request, remembered.login.series)
        request.state[_COOKIE] = _DELETED

    def _id_of(self, user: U) -> UserId:
        user_id: object = self._user_id(user) if self._user_id is not None else cast(Any, user).id
        if isinstance(user_id, bool) or not isinstance(user_id, str | int):
            kind = type(user_id).__name__
            fix = "give Login user_id=lambda user: str(user.id)"
            raise TypeError(f"the id of a user is a str or int, not {kind}; {fix}")
        return user_id

    def _stamp_of(self, user: U) -> str | None:
        if self._session_stamp is None:
            return None
        return hashlib.sha256(b"nacre login " + self._session_stamp(user).encode()).hexdigest()[:32]

    def _has_stamp(self, user: U, stamp: str | None) -> bool:
        wanted = self._stamp_of(user)
        return wanted is None or (stamp is not None and hmac.compare_digest(wanted.encode(), stamp.encode()))

    def _lifetime(self, remember: bool | int | timedelta) -> float | None:
        """For how many seconds a login is to be remembered; None for not at all."""
        if remember is False:
            return None
        if self._remember is None:
            raise RuntimeError("to remember a login, Login needs a store: Login(…, remember=SQLiteRememberStore(path))")
        if remember is True:
            return self._remember_for.total_seconds()
        seconds = (remember if isinstance(remember, timedelta) else timedelta(days=remember)).total_seconds()
        if not 0 < seconds <= _LIFETIME_MAX:
            raise ValueError("a login is remembered for more than 0 and at most 400 days")
        return seconds

    def _is_secure(self, request: Request) -> bool:
        return request.scheme in ("https", "wss") if self._secure is None else self._secure

    def _cookie_name(self, request: Request) -> str:
        return f"__Host-{self._cookie}" if self._is_secure(request) else self._cookie


class _Gate(Hooks):
    """The layer `Login` in front of a route that needs a login."""

    responses: ClassVar[dict[int, str]] = {
        302: "To the login page, for clients that navigate.",
        401: "A login is needed.",
    }

    def __init__(self, login: Login[Any], rule: LoginRule) -> None:
        super().__init__(before=login.gate(rule), finalize=login.finalize, inline=True)
        self._login = login

    def __repr__(self) -> str:
        return repr(self._login)


def _navigates(request: Request) -> bool:
    """Whether the answer is for a browser's window, rather than for a program or a script on a page."""
    mode = request.headers.get("sec-fetch-mode")
    if mode is not None and mode != "navigate":
        return False
    return request.accepts("text/html", "application/json") == "text/html"


def _location_of(request: Request) -> str:
    path = encode_path(request.root_path + request.path)
    return f"{path}?{request.query_string}" if request.query_string else path


def _url_problems(url: str) -> list[Problem]:
    where = Location.of_caller()
    if "#" not in url and is_safe_redirect(url):
        return []
    try:
        origin, slash, path = url.partition("://")[2].partition("/")
        parse_origin(url.partition("://")[0] + "://" + origin)
        if is_safe_redirect(slash + path) or not slash:
            return []
    except ValueError:
        pass
    what = f"login_url is a path of the application or a URL, not {url[:60]!r}"
    return [Problem(what, where, "write '/login' or 'https://accounts.example.com/login'")]


def _cookie_problems(name: str) -> list[Problem]:
    where = Location.of_caller()
    try:
        format_cookie(name, "")
    except ValueError as error:
        return [Problem(f"remember_cookie: {error}", where, "the prefix __Host- is added over https")]
    return []


def _lifetime_problems(lifetime: timedelta) -> list[Problem]:
    if 0 < lifetime.total_seconds() <= _LIFETIME_MAX:
        return []
    what = f"remember_for is more than 0 and at most 400 days, not {lifetime}"
    return [Problem(what, Location.of_caller(), "write timedelta(days=30)")]
