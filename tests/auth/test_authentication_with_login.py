"""A login beside tokens: one `Authentication` for people with browsers and for programs."""

import pytest

from nacre import Group, Nacre
from nacre.auth import Authentication, BearerAuth, SessionAuth, authenticated, requires
from nacre.auth.login import Login
from nacre.errors import ConfigurationError
from nacre.sessions import MemoryStore, Sessions

HTML = {"accept": "text/html"}


class User:
    def __init__(self, id, roles=()):
        self.id, self.roles = id, roles


USERS = {"ada": User("ada", ["admin"]), "ben": User("ben")}


@pytest.fixture
def app():
    login = Login(USERS.get)
    app = Nacre(middlewares=[Sessions(store=MemoryStore()), login])
    site = Group("", middlewares=[Authentication(SessionAuth(login), BearerAuth({"t-ben": USERS["ben"]}))])
    api = Group("/api", middlewares=[Authentication(BearerAuth({"t-ben": USERS["ben"]}), default="required")])

    @app.post("/login")
    async def log_in(request):
        await login.login(request, USERS[request.query["user"]])
        return "in"

    site.get("/me")(authenticated(lambda request: request.user.id))
    site.get("/admin")(requires(roles=["admin"])(lambda request: request.user.id))
    site.get("/open")(lambda request: request.user.id if request.user else "nobody")
    api.get("/me")(lambda request: request.user.id)
    app.include(site)
    app.include(api)
    return app


async def test_a_login_and_a_token_are_both_known(client_for, app):
    async with client_for(app) as client:
        assert (await client.get("/open")).text == "nobody"
        assert (await client.get("/me", headers={"authorization": "Bearer t-ben"})).text == "ben"
        await client.post("/login?user=ada")
        assert (await client.get("/me")).text == "ada"
        assert (await client.get("/admin")).text == "ada"
        assert (await client.get("/me", headers={"authorization": "Bearer t-ben"})).text == "ada"


async def test_who_navigates_is_sent_to_the_login_page_and_others_get_a_401(client_for, app):
    async with client_for(app) as client:
        page = await client.get("/admin?a=b", headers=HTML, follow_redirects=False)
        program = await client.get("/admin")
        wrong = await client.get("/admin", headers={**HTML, "authorization": "Bearer x"})
        await client.post("/login?user=ben")
        known = await client.get("/admin", headers=HTML)
    assert (page.status, page.headers["location"]) == (302, "/login?next=/admin%3Fa%3Db")
    assert "www-authenticate" not in page.headers
    assert program.headers.getlist("www-authenticate") == ['Session realm="api"', 'Bearer realm="api"']
    assert (wrong.status, known.status) == (401, 403)


async def test_a_group_for_tokens_takes_no_cookies(client_for, app):
    async with client_for(app) as client:
        await client.post("/login?user=ada")
        assert (await client.get("/api/me")).status == 401
        assert (await client.get("/api/me", headers={"authorization": "Bearer t-ben"})).text == "ben"


async def test_answers_depend_on_the_cookie(client_for, app):
    async with client_for(app) as client:
        assert "Cookie" in (await client.get("/open")).headers["vary"]


def test_a_session_scheme_without_a_login_is_found_at_startup():
    app = Nacre(middlewares=[Authentication(SessionAuth())])
    app.get("/")(lambda: "in")
    with pytest.raises(ConfigurationError, match="requires `login`"):
        app.compile()
