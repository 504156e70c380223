"""Starlette's own layers for sessions, CORS and authentication; the others are those of `stack_asgi.py`."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

from starlette.applications import Starlette
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    requires,
)
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.apps.stack_asgi import CSRF, AccessLog, RequestId, Scope, csrf_token
from bench.apps.stack_site import BEARER, ORIGIN, SECRET, USERS, User, access_logger, new_session
from bench.workloads import Setting

_KNOWN = sha256(BEARER.encode()).digest()


class SiteUser(BaseUser):
    """A user as Starlette wants it."""

    def __init__(self, user: User) -> None:
        self.user = user

    @property
    def is_authenticated(self) -> bool:
        return True

    @property
    def display_name(self) -> str:
        return self.user.name

    @property
    def identity(self) -> str:
        return self.user.id


class Backend(AuthenticationBackend):
    """A bearer token, or the user of the session."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        given = conn.headers.get("authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(sha256(token.encode()).digest(), _KNOWN):
                raise AuthenticationError("the credentials are not valid")
            return AuthCredentials(["authenticated"]), SiteUser(USERS["7"])
        user = USERS.get(conn.session.get("user", ""))
        return None if user is None else (AuthCredentials(["authenticated"]), SiteUser(user))


def _refuse(conn: HTTPConnection, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 401, headers={"www-authenticate": "Bearer"})


def user_of(scope: Scope) -> str | None:
    """The number of a request's user, for the log."""
    user = scope.get("user")
    return user.identity if isinstance(user, SiteUser) else None


async def _begin(request: Request) -> Response:
    request.session.update(new_session())
    return JSONResponse({"token": csrf_token(request.session)})


@requires("authenticated", status_code=401)
async def _cart(request: Request) -> Response:
    return JSONResponse({"name": request.user.display_name, "cart": request.session["cart"]})


@requires("authenticated", status_code=401)
async def _add(request: Request) -> Response:
    session: dict[str, Any] = request.session
    session["cart"] = [*session["cart"], (await request.json())["item"]]
    return JSONResponse({"cart": session["cart"]})


def own_layers() -> tuple[Middleware, Middleware, Middleware]:
    """Those that Starlette has: CORS, sessions, authentication."""
    return (
        Middleware(
            CORSMiddleware,
            allow_origins=[ORIGIN],
            allow_credentials=True,
            allow_methods=["GET", "POST"],
            allow_headers=["content-type", "x-csrf-token", "authorization"],
            expose_headers=["X-Request-Id"],
        ),
        Middleware(SessionMiddleware, secret_key=SECRET, max_age=14 * 24 * 3600),
        Middleware(AuthenticationMiddleware, backend=Backend(), on_error=_refuse),
    )


def layers(name: str) -> list[Middleware]:
    """All of them, outermost first."""
    cors, sessions, authentication = own_layers()
    log = Middleware(AccessLog, logger=access_logger(f"bench.access.{name}"), user_of=user_of)
    return [Middleware(RequestId), log, cors, sessions, Middleware(CSRF), authentication]


def routes() -> list[Route]:
    """Those of the site."""
    return [Route("/begin", _begin), Route("/cart", _cart), Route("/cart", _add, methods=["POST"])]


def build(setting: Setting) -> Starlette:
    return Starlette(routes=routes(), middleware=layers("starlette"))


app = build(Setting.from_environment())
