"""A site with users, a form to log in and pages that need a login; its clock is set by the test."""

from __future__ import annotations

from dataclasses import dataclass

from nacre import JSONResponse, Nacre, PlainTextResponse, Request
from nacre.auth.login import Login
from nacre.auth.login_marks import login_optional
from nacre.sessions import MemoryStore, Sessions


@dataclass
class User:
    id: int
    name: str
    password: str = "pearl"
    disabled: bool = False


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


class Site:
    """An application with users, a login form and pages that need a login."""

    def __init__(self, *, store=None, layer=None, asynchronous=False, clock=None, **options):
        self.users = {1: User(1, "Ama"), 2: User(2, "Bo")}
        self.clock = clock or Clock()
        self.store = MemoryStore() if store is None else store
        self.loaded = []
        if asynchronous:

            async def load(user_id):
                return self.load(user_id)
        else:
            load = self.load
        self.login = Login(load, clock=self.clock, **options)
        self.app = Nacre(middlewares=[layer or Sessions(store=self.store), self.login])
        self._declare()

    def load(self, user_id):
        self.loaded.append(user_id)
        user = self.users.get(user_id)
        return None if user is None or user.disabled else user

    def _declare(self):
        app, login = self.app, self.login

        @app.get("/")
        @login_optional
        async def index(request: Request):
            return PlainTextResponse(request.user.name if request.user else "nobody")

        @app.get("/account")
        @login.required
        async def account(request: Request):
            return PlainTextResponse(f"account of {request.user.name}")

        @app.post("/account")
        @login.required
        async def change(request: Request):
            return PlainTextResponse("changed")

        @app.get("/keys")
        @login.fresh
        async def keys(request: Request):
            return PlainTextResponse("keys")

        @app.get("/safe")
        @login.fresh(max_age=60)
        async def safe(request: Request):
            return PlainTextResponse("safe")

        @app.post("/login")
        @login_optional
        async def log_in(request: Request):
            query = request.query
            remember = query.get("remember", "")
            days = int(remember) if remember.isdigit() else remember == "yes"
            await login.login(request, self.users[int(query["user"])], remember=days)
            return login.redirect_after(request)

        @app.post("/logout")
        @login_optional
        async def log_out(request: Request):
            await login.logout(request)
            return PlainTextResponse("bye" if request.user is None else "still here")

        @app.route("/cart", methods=["GET", "POST"])
        @login_optional
        async def cart(request: Request):
            if request.method == "POST":
                request.session["cart"] = 7
            return JSONResponse(dict(request.session))
