"""Litestar's own CORS and authentication; the others are those of `stack_asgi.py`, and Starlette's sessions.

Litestar's own sessions in a cookie are sealed and sent with each response, which takes longer than a signed cookie that
is sent when it has changed, and its protection against forgery sets a cookie of its own.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

from litestar import Litestar, Request, get, post
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp
from starlette.middleware.sessions import SessionMiddleware

from bench.apps.stack_asgi import CSRF, AccessLog, App, RequestId, Scope, csrf_token
from bench.apps.stack_site import BEARER, ORIGIN, SECRET, USERS, User, access_logger, new_session
from bench.workloads import Setting

Connection = ASGIConnection[Any, Any, Any, Any]
HTTPRequest = Request[Any, Any, Any]

_KNOWN = sha256(BEARER.encode()).digest()


class Authentication(AbstractAuthenticationMiddleware):
    """A bearer token, or the user of the session."""

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        given = connection.headers.get("authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(sha256(token.encode()).digest(), _KNOWN):
                raise NotAuthorizedException("the credentials are not valid", headers={"www-authenticate": "Bearer"})
            return AuthenticationResult(user=USERS["7"], auth=token)
        return AuthenticationResult(user=USERS.get(connection.session.get("user", "")), auth=None)


def authenticated(connection: Connection, _: BaseRouteHandler) -> None:
    """Let only requests of a known user pass."""
    if connection.user is None:
        raise NotAuthorizedException("authentication is needed", headers={"www-authenticate": "Bearer"})


def user_of(scope: Scope) -> str | None:
    """The number of a request's user, for the log."""
    user = scope.get("user")
    return user.id if isinstance(user, User) else None


@get("/begin")
async def begin(request: HTTPRequest) -> dict[str, str]:
    """Begin a session."""
    request.session.update(new_session())
    return {"token": csrf_token(request.session)}


@get("/cart", guards=[authenticated])
async def cart(request: HTTPRequest) -> dict[str, Any]:
    """Read the session."""
    return {"name": request.user.name, "cart": request.session["cart"]}


@post("/cart", guards=[authenticated], status_code=200)
async def add(request: HTTPRequest) -> dict[str, Any]:
    """Change the session."""
    session = request.session
    session["cart"] = [*session["cart"], (await request.json())["item"]]
    return {"cart": session["cart"]}


def _sessions(app: ASGIApp) -> Any:
    outer: Any = SessionMiddleware
    return outer(app, secret_key=SECRET, max_age=14 * 24 * 3600)


def _csrf(app: ASGIApp) -> Any:
    inner: Any = app
    return CSRF(inner)


def build(setting: Setting) -> App:
    inner: Any = Litestar(
        route_handlers=[begin, cart, add],
        middleware=[_sessions, _csrf, Authentication],
        cors_config=CORSConfig(
            allow_origins=[ORIGIN],
            allow_credentials=True,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", "x-csrf-token", "authorization"],
            expose_headers=["X-Request-Id"],
        ),
        openapi_config=None,
    )
    return RequestId(AccessLog(inner, access_logger("bench.access.litestar"), user_of))


app = build(Setting.from_environment())
