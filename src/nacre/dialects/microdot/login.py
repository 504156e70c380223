"""Users who log in by a form: who it is stands in the session, and in a cookie of its own where that is to last."""

from __future__ import annotations

import functools
import time
from typing import Any, TypeVar
from urllib.parse import quote

from nacre.auth.redirects import safe_redirect_target
from nacre.cookies import format_cookie, format_deletion
from nacre.dialects.microdot.calling import Function, invoke
from nacre.dialects.microdot.microdot import Request, Response, redirect
from nacre.dialects.microdot.session import session_of
from nacre.urls import encode_path

F = TypeVar("F", bound=Function)

_COOKIE = "_remember"
_DAY = 24 * 60 * 60  # seconds
_DAYS = 30
_CLAIMS = {"user_id", "days", "exp"}
_UNESCAPED = "/:@!$'()*,;~"
_RESERVED = "/?#@!$&'()*+,;=:%~"


class Login:
    """Routes for users who have logged in; others are sent to `login_url`, with `next` saying where they came from.

    The application needs a `Session`, and a function that `user_loader` decorates. A user is an object with an `id`
    that has a JSON form; what is false counts as nobody. `request.g.current_user` is the user in guarded routes.
    """

    def __init__(self, login_url: str = "/login") -> None:
        self.login_url = login_url
        self.user_loader_callback: Function | None = None

    def user_loader(self, function: F) -> F:
        """Let the decorated function, plain or async, find users: `f(user_id)` returns the user or None."""
        self.user_loader_callback = function
        return function

    def __call__(self, function: Function) -> Function:
        """Guard a route: it runs for users who are logged in, also by a remembered login."""

        @functools.wraps(function)
        async def guarded(request: Request, *args: Any, **kwargs: Any) -> Any:
            if not await self.get_current_user(request):
                return self._redirect_to_login(request)
            return await invoke(request, function, request, *args, **kwargs)

        return guarded

    def fresh(self, function: Function) -> Function:
        """Guard a route: it runs for users who have logged in during this session, not by a remembered login."""
        guarded = self(function)

        @functools.wraps(function)
        async def fresh_only(request: Request, *args: Any, **kwargs: Any) -> Any:
            if not session_of(request).get(request).get("_fresh"):
                return self._redirect_to_login(request)
            return await guarded(request, *args, **kwargs)

        return fresh_only

    async def login_user(
        self, request: Request, user: Any, remember: bool | int = False, redirect_url: str = "/"
    ) -> Response:
        """Log a user in and return the redirect to send: to `next`, if it is a path of this site, else `redirect_url`.

        `remember` is for how many days the login outlasts the session; True is 30.
        """
        # SECURITY: `//host` and `/\host` begin with a slash too, and lead to another site.
        target = safe_redirect_target(quote(request.args.get("next", ""), safe=_RESERVED))
        session = session_of(request).get(request)
        session["_user_id"] = user.id
        session["_fresh"] = True
        session.save()
        request.g.current_user = user
        if remember:
            self._remember(request, user.id, _DAYS if remember is True else int(remember))
        elif self._remembered(request).get("user_id", user.id) != user.id:
            # SECURITY: else this user would find another one logged in when the session is over.
            self._forget(request)
        return redirect(target or redirect_url)

    async def logout_user(self, request: Request) -> None:
        """Log the user of this browser out, of the remembered login too."""
        session = session_of(request).get(request)
        session.pop("_user_id", None)
        session.pop("_fresh", None)
        session.save()
        request.g.current_user = None
        if _COOKIE in request.cookies or _COOKIE in session_of(request).kept(request).cookies:
            self._forget(request)

    async def get_current_user(self, request: Request) -> Any:
        """The user who is logged in, loaded once for each request; None for nobody."""
        if not hasattr(request.g, "current_user"):
            user_id = self._find_user_id(request)
            request.g.current_user = None if user_id is None else await self._load(request, user_id)
        return request.g.current_user

    async def _load(self, request: Request, user_id: Any) -> Any:
        if self.user_loader_callback is None:
            raise LookupError("no function finds the users: decorate one with `user_loader` of the Login object")
        return await invoke(request, self.user_loader_callback, user_id)

    def _find_user_id(self, request: Request) -> Any:
        session = session_of(request).get(request)
        if "_user_id" in session:
            return session["_user_id"]
        claims = self._remembered(request)
        if not claims:
            return None
        self._remember(request, claims["user_id"], claims["days"])
        session["_user_id"] = claims["user_id"]
        session["_fresh"] = False
        session.save()
        return claims["user_id"]

    def _remembered(self, request: Request) -> dict[str, Any]:
        """What the cookie of a remembered login says; nothing if there is none, or none that counts."""
        token = request.cookies.get(_COOKIE)
        claims = {} if token is None else session_of(request).decode(token)
        # SECURITY: one key signs sessions too, and what a program keeps there under `user_id` is no login.
        sound = claims.keys() == _CLAIMS and isinstance(claims["days"], int) and claims["user_id"] is not None
        return claims if sound else {}

    def _remember(self, request: Request, user_id: Any, days: int) -> None:
        seconds = days * _DAY
        claims = {"user_id": user_id, "days": days, "exp": int(time.time()) + seconds}
        token = session_of(request).encode(claims)
        self._set_cookie(request, format_cookie(_COOKIE, token, max_age=seconds, **self._attributes(request)))

    def _forget(self, request: Request) -> None:
        self._set_cookie(request, format_deletion(_COOKIE, **self._attributes(request)))

    def _attributes(self, request: Request) -> dict[str, Any]:
        """Those of the session's cookie, and what a login has to have."""
        options = session_of(request).cookie_options
        return {
            "path": options.get("path"),
            "domain": options.get("domain"),
            "secure": bool(options.get("secure")) or request.scheme == "https",
            "httponly": True,
            "samesite": "lax",
            "partitioned": bool(options.get("partitioned")),
        }

    def _set_cookie(self, request: Request, text: str) -> None:
        session_of(request).kept(request).cookies[_COOKIE] = lambda response: response.headers.add("set-cookie", text)

    def _redirect_to_login(self, request: Request) -> Any:
        native = request.native
        query = f"?{native.query_string}" if native.query_string else ""
        target = encode_path(native.root_path + native.path) + query
        page = quote(self.login_url, safe=_RESERVED)
        return "", 302, {"Location": f"{page}?next={quote(target, safe=_UNESCAPED)}"}
