"""Nacre's own layers, with their defaults: RequestId, AccessLog, CORS, Sessions, Authentication,
CSRFToken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.apps.stack_site import BEARER, ORIGIN, SECRET, USERS, User, access_logger, new_session
from bench.workloads import Setting
from nacre import Nacre, Request
from nacre.auth import Authentication, BearerAuth, authenticated
from nacre.auth.schemes import Credentials, Scheme
from nacre.security import CORS, CSRFToken, csrf_token
from nacre.sessions import Sessions
from nacre.traffic import AccessLog, RequestId


class SessionUser(Scheme):
    """The user whose number the session holds."""

    kind = "Session"
    is_ambient = True
    varies_on = ()
    requires = ("session",)

    def __init__(self) -> None:
        super().__init__(USERS.get, 1, name="session", inline=True)

    @property
    def security(self) -> Mapping[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "session"}

    def credentials(self, request: Request) -> Credentials | None:
        user = request.session.get("user")
        return None if user is None else (user,)


def layers() -> dict[str, Any]:
    """All of them by name, outermost first."""
    return {
        "RequestId": RequestId(trust=True),
        "AccessLog": AccessLog(logger=access_logger("bench.access.nacre")),
        "CORS": CORS([ORIGIN], credentials=True, expose=["X-Request-Id"]),
        "Sessions": Sessions(SECRET, secure=False),
        "Authentication": Authentication(BearerAuth({BEARER: USERS["7"]}), SessionUser()),
        "CSRFToken": CSRFToken(),
    }


def build(setting: Setting) -> Nacre:
    app = Nacre(middlewares=list(layers().values()))

    @app.get("/begin")
    async def begin(request: Request) -> dict[str, str]:
        request.session.update(new_session())
        return {"token": csrf_token(request)}

    @app.get("/cart")
    @authenticated
    async def cart(request: Request) -> dict[str, Any]:
        user: User = request.user
        return {"name": user.name, "cart": request.session["cart"]}

    @app.post("/cart")
    @authenticated
    async def add(request: Request) -> dict[str, Any]:
        session = request.session
        session["cart"] = [*session["cart"], (await request.json())["item"]]
        return {"cart": session["cart"]}

    app.compile()
    return app


app = build(Setting.from_environment())
