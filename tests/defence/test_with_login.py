"""These layers beside real sessions, logins and authentication."""

from dataclasses import dataclass

import pytest

from nacre import ConfigurationError, Nacre, Request
from nacre.auth import Authentication, BearerAuth, Login
from nacre.security import CORS, CSRF, CSRFToken, csrf, csrf_token
from nacre.sessions import MemoryStore, Sessions
from nacre.testing import TestClient

SITE = "https://market.example"


@dataclass
class User:
    id: int


def site():
    login = Login(lambda user_id: User(int(user_id)))
    app = Nacre(middlewares=[CORS([SITE], credentials=True), Sessions(store=MemoryStore()), login, CSRF(), CSRFToken()])

    @app.get("/token")
    def token(request: Request):
        return csrf_token(request)

    @app.post("/login")
    async def log_in(request: Request):
        await login.login(request, User(1))

    @app.post("/logout")
    async def log_out(request: Request):
        await login.logout(request)

    @app.post("/hook")
    @csrf.exempt
    def hook():
        return "noted"

    return app


def test_a_token_ends_with_the_login_and_with_the_logout(transport):
    with TestClient(site(), transport) as client:

        def sends(path, token):
            return client.post(path, headers={"x-csrf-token": token}).status

        before = client.get("/token").text
        assert sends("/login", before) == 204
        assert sends("/logout", before) == 403
        during = client.get("/token").text
        assert sends("/logout", during) == 204
        assert sends("/login", during) == 403
        assert client.post("/hook").text == "noted"


def test_a_login_of_another_site_is_refused_although_it_knows_a_token_of_its_own(transport):
    app = site()
    with TestClient(app, transport) as victim:
        attacker = TestClient(site(), transport)
        foreign = attacker.get("/token").text
        attacker.close()
        assert victim.post("/login", form={"csrf_token": foreign}).status == 403


def authenticated(*layers):
    async def find_user(token):
        return User(1) if token == "pearl" else None

    app = Nacre(middlewares=list(layers))
    app.middlewares.append(Authentication(BearerAuth(find_user)))
    app.put("/")(lambda: "put")
    return app


def test_a_preflight_needs_no_authentication(transport):
    with TestClient(authenticated(CORS([SITE])), transport) as client:
        asks = {
            "origin": SITE,
            "access-control-request-method": "PUT",
            "access-control-request-headers": "authorization",
        }
        answer = client.options("/", headers=asks)
        assert (answer.status, answer.headers["access-control-allow-headers"]) == (204, "authorization")
        refused = client.put("/", headers={"origin": SITE, "authorization": "Bearer coral"})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, SITE)


def test_m63_cors_inside_of_authentication_does_not_start():
    app = authenticated()
    app.middlewares.append(CORS([SITE]))
    with pytest.raises(ConfigurationError, match=r"layer `CORS` .* must stand outside of layer `Authentication`"):
        app.compile()


def test_a_token_before_the_login_does_not_start():
    app = Nacre(middlewares=[Sessions(store=MemoryStore()), CSRFToken(), Login(lambda user_id: None)])
    app.post("/")(lambda: "x")
    with pytest.raises(ConfigurationError, match=r"layer `CSRFToken` .* must stand inside of layer `Login`"):
        app.compile()
