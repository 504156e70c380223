"""The application: sessions, a login with passwords and passkeys, and what keeps other sites from using it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from examples.members.accounts import Accounts, Member

from nacre import Form, Middleware, Nacre, RedirectResponse, Request, Response
from nacre.auth import (
    FailureLimit,
    Login,
    MemoryPasskeyStore,
    MemoryRememberStore,
    Passkeys,
    PasskeyUser,
    Passwords,
    fresh_login_required,
    login_required,
)
from nacre.errors import Forbidden
from nacre.security import CORS, CSRFToken, SecureDefaults
from nacre.sessions import MemoryStore, Sessions
from nacre.static import StaticFiles
from nacre.templates import Jinja


class Credentials(msgspec.Struct):
    name: str
    password: str
    remember: bool = False
    next: str = ""


class Transfer(msgspec.Struct):
    amount: Annotated[int, msgspec.Meta(ge=1)]


def build(origin: str = "http://localhost:8000", *, readers: tuple[str, ...] = ()) -> Nacre:
    """The site at an origin; `readers` are the origins of other sites whose pages may read `/api/rate`."""
    passwords = Passwords()
    accounts = Accounts(passwords)
    accounts.add("ada", "mother of pearl")
    login: Login[Member] = Login(accounts.get, remember=MemoryRememberStore())
    failures = FailureLimit(attempts=5, per=60)
    keys = Passkeys(rp_id="localhost", rp_name="Members", origins=[origin], store=MemoryPasskeyStore())
    pages = Jinja()
    app = Nacre(
        secure=SecureDefaults(csp={"default-src": ["'self'"]}),
        middlewares=[
            Middleware(CORS(readers), only="/api/*"),
            Sessions(store=MemoryStore()),
            login,
            CSRFToken(),
        ],
    )
    app.mount("/static", StaticFiles("static"), name="static")

    @app.get("/")
    async def home(request: Request) -> Response:
        return pages.response("home.html", request)

    @app.get("/login", name="login")
    async def login_page(request: Request, next: str = "") -> Response:
        return pages.response("login.html", request, {"next": next})

    @app.post("/login")
    async def log_in(request: Request, form: Annotated[Credentials, Form()]) -> Response:
        attempt = await failures.begin(request, form.name)
        member = await accounts.check(form.name, form.password)
        if member is None:
            return pages.response("login.html", request, {"next": form.next, "wrong": True}, status=422)
        await attempt.succeeded()
        await login.login(request, member, remember=form.remember)
        request.session.flash(f"Welcome, {member.name}.")
        return login.redirect_after(request, "/", target=form.next)

    @app.post("/logout")
    async def log_out(request: Request) -> Response:
        await login.logout(request)
        return RedirectResponse("/", 303)

    @app.post("/transfer")
    @login_required
    async def transfer(request: Request, form: Annotated[Transfer, Form()]) -> Response:
        request.user.balance -= form.amount
        request.session.flash(f"{form.amount} sent.")
        return RedirectResponse("/", 303)

    @app.get("/passkeys")
    @fresh_login_required
    async def passkeys_page(request: Request) -> Response:
        return pages.response("passkeys.html", request)

    @app.post("/passkeys/options")
    @fresh_login_required
    async def registration_options(request: Request) -> dict[str, Any]:
        return await keys.registration_options(request, PasskeyUser(request.user.id, request.user.name))

    @app.post("/passkeys/register")
    @fresh_login_required
    async def register(request: Request) -> dict[str, str]:
        await keys.register(request)
        return {"status": "registered"}

    @app.post("/login/passkey/options")
    async def login_options(request: Request) -> dict[str, Any]:
        return await keys.login_options(request)

    @app.post("/login/passkey")
    async def log_in_by_passkey(request: Request) -> dict[str, str]:
        passkey = await keys.verify(request)
        member = accounts.get(int(passkey.user_id))
        if member is None:
            raise Forbidden("this account is closed")
        await login.login(request, member)
        return {"status": "logged in"}

    @app.get("/api/rate")
    async def rate(request: Request) -> dict[str, float]:
        return {"rate": 1.25}

    return app


app = build()
