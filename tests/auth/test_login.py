"""Logging in and out, what needs a login, and what becomes of the session."""

from __future__ import annotations

from datetime import timedelta

import pytest

from auth.login_site import Site, User
from nacre import Group, Nacre, PlainTextResponse, Provide, Request, wait
from nacre.auth.identity import USER
from nacre.auth.login import Login
from nacre.auth.login_marks import fresh_login_required, login_optional, login_required
from nacre.errors import ConfigurationError
from nacre.openapi.document import Heading, draw_document
from nacre.sessions import MemoryStore, Sessions
from nacre.testing.websocket import HandshakeDenied

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"accept": "application/json"}


@pytest.fixture
def site():
    return Site()


# Who is logged in.


async def test_a_login_lasts_from_request_to_request(client_for, site):
    async with client_for(site.app) as client:
        before = (await client.get("/")).text
        await client.post("/login?user=1")
        during = (await client.get("/")).text, (await client.get("/account")).text
        await client.post("/logout")
        after = (await client.get("/")).text, (await client.get("/account")).status
    assert (before, during, after) == ("nobody", ("Ama", "account of Ama"), ("nobody", 302))


async def test_a_login_may_be_kept_in_a_cookie(client_for):
    site = Site(layer=Sessions("a secret of thirty-two letters, or some more"))
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        assert (await client.get("/account")).text == "account of Ama"
        await client.post("/login?user=2")
        assert (await client.get("/account")).text == "account of Bo"
        await client.post("/logout")
        assert (await client.get("/account")).status == 302


async def test_the_loader_may_be_async(client_for):
    site = Site(asynchronous=True)
    async with client_for(site.app) as client:
        await client.post("/login?user=2")
        assert (await client.get("/")).text == "Bo"


async def test_a_plain_handler_logs_in_with_wait(client_for, site):
    @site.app.post("/enter")
    def enter(request: Request):
        wait(site.login.login(request, site.users[1]))
        return "in"

    async with client_for(site.app) as client:
        assert (await client.post("/enter")).text == "in"
        assert (await client.get("/")).text == "Ama"


async def test_the_user_is_loaded_once_for_a_request_with_a_login_and_never_without(client_for, site):
    async with client_for(site.app) as client:
        await client.get("/")
        await client.post("/login?user=1")
        assert site.loaded == []
        await client.get("/account")
    assert site.loaded == [1]


@pytest.mark.parametrize("gone", ["deleted", "disabled"])
async def test_a_user_who_is_gone_is_logged_out_and_the_session_cleared(client_for, site, gone):
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        await client.post("/cart")
        if gone == "deleted":
            del site.users[1]
        else:
            site.users[1].disabled = True
        assert (await client.get("/account")).status == 302
        assert (await client.get("/cart")).json() == {}
    assert len(site.store) == 0


async def test_the_user_is_given_to_handlers_by_its_key_and_by_the_login(client_for, site):
    @site.app.get("/by-key")
    async def by_key(user: User | None = Provide(USER)):
        return {"name": user and user.name}

    @site.app.get("/by-login")
    async def by_login(user: User | None = Provide(site.login.current_user)):
        return {"name": user and user.name}

    async with client_for(site.app) as client:
        assert (await client.get("/by-key")).json() == {"name": None}
        await client.post("/login?user=1")
        assert (await client.get("/by-key")).json() == {"name": "Ama"}
        assert (await client.get("/by-login")).json() == {"name": "Ama"}


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param({"_user": 1}, id="a user alone"),
        pytest.param({"_user": 1, "_login": "yes"}, id="a login that is no object"),
        pytest.param({"_user": 1, "_login": {"at": "now", "fresh": True, "stamp": None}}, id="a time that is none"),
        pytest.param({"_user": [1], "_login": {"at": 1, "fresh": True, "stamp": None}}, id="an id that is none"),
        pytest.param({"_login": {"at": 1, "fresh": True, "stamp": None}}, id="a login of nobody"),
    ],
)
async def test_a_session_of_another_shape_logs_nobody_in(client_for, site, kept):
    @site.app.post("/plant")
    async def plant(request: Request):
        request.session.update(kept)

    async with client_for(site.app) as client:
        await client.post("/plant")
        assert (await client.get("/")).text == "nobody"
        assert (await client.get("/account")).status == 302


# What needs a login.


@pytest.mark.parametrize(
    ("request_line", "headers", "status", "location"),
    [
        pytest.param("GET /account", HTML, 302, "/login?next=/account", id="a page"),
        pytest.param("HEAD /account", HTML, 302, "/login?next=/account", id="the head of a page"),
        pytest.param("GET /account?a=b&c=%20d", HTML, 302, "/login?next=/account%3Fa%3Db%26c%3D%2520d", id="a query"),
        pytest.param("GET /account", {}, 302, "/login?next=/account", id="a client that says nothing"),
        pytest.param("POST /account", HTML, 303, "/login", id="a form"),
        pytest.param("GET /account", JSON, 401, None, id="a program"),
        pytest.param("POST /account", JSON, 401, None, id="a program that posts"),
        pytest.param("GET /account", HTML | {"sec-fetch-mode": "navigate"}, 302, "/login?next=/account", id="a window"),
        pytest.param("GET /account", {"accept": "*/*", "sec-fetch-mode": "cors"}, 401, None, id="a script on a page"),
        pytest.param("GET /account?next=//evil.example", HTML, 302, None, id="a next of its own"),
        pytest.param("GET /account?" + "a" * 3000, HTML, 302, "/login", id="an address that is too long"),
    ],
)
async def test_who_is_not_logged_in_is_sent_to_the_login_page_or_refused(
    client_for, site, request_line, headers, status, location
):
    method, _, path = request_line.partition(" ")
    async with client_for(site.app) as client:
        response = await client.request(method, path, headers=headers)
    assert response.status == status
    if location is not None:
        assert response.headers["location"] == location
    if status == 401:
        assert response.headers["www-authenticate"] == "Session"
    else:
        assert response.headers["cache-control"] == "no-store"


async def test_next_is_encoded_once_and_leads_back(client_for, site):
    @site.app.get("/divers/{name}")
    @login_required
    async def diver(request: Request, name: str):
        return PlainTextResponse(f"{name} {request.query['q']}")

    path = "/divers/J%C3%BCrgen%20a?q=1%262%20%25"
    async with client_for(site.app) as client:
        there = (await client.get(path)).headers["location"]
        back = await client.post(there + "&user=1")
        assert (back.status, back.headers["location"]) == (303, path)
        assert (await client.get(back.headers["location"])).text == "Jürgen a 1&2 %"


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])  # RSGI knows no root path
async def test_locations_hold_the_root_path(client_for, site):
    async with client_for(site.app, root_path="/shop") as client:
        there = (await client.get("/account?a=b")).headers["location"]
        home = (await client.post("/login?user=1")).headers["location"]
    assert (there, home) == ("/shop/login?next=/shop/account%3Fa%3Db", "/shop/")


async def test_a_mounted_application_leads_to_the_login_page_of_the_outer_one(client_for, site):
    inner = Nacre()
    inner.get("/page")(login_required(lambda: "page"))
    site.app.mount("/inner", inner)
    async with client_for(site.app) as client:
        assert (await client.get("/inner/page")).headers["location"] == "/login?next=/inner/page"


@pytest.mark.parametrize(
    ("login_url", "location"),
    [
        ("/accounts/login?lang=de", "/accounts/login?lang=de&next=/account"),
        ("https://accounts.example/in", "https://accounts.example/in?next=/account"),
        ("https://accounts.example", "https://accounts.example?next=/account"),
    ],
)
async def test_the_login_page_may_have_a_query_and_be_elsewhere(client_for, login_url, location):
    site = Site(login_url=login_url)
    async with client_for(site.app) as client:
        assert (await client.get("/account")).headers["location"] == location


async def test_a_websocket_that_needs_a_login_is_refused_without_one(client_for, site):
    @site.app.websocket("/chat")
    @login_required
    async def chat(ws):
        await ws.accept()
        await ws.send(ws.request.user.name)

    async with client_for(site.app) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/chat"):
                pass
        await client.post("/login?user=2")
        async with client.websocket("/chat") as ws:
            assert await ws.receive() == "Bo"
    assert denied.value.response.status == 401


@pytest.mark.parametrize("position", ["above the route", "below the route", "on a class"])
async def test_the_mark_may_stand_anywhere(client_for, site, position):
    async def page():
        return "page"

    class Page:
        async def get(self):
            return "page"

    if position == "above the route":
        login_required(site.app.get("/page")(page))
    elif position == "below the route":
        site.app.get("/page")(login_required(page))
    else:
        site.app.route("/page")(login_required(Page))
    async with client_for(site.app) as client:
        assert (await client.get("/page")).status == 302
        await client.post("/login?user=1")
        assert (await client.get("/page")).text == "page"


@pytest.mark.parametrize("order", ["fresh outside", "fresh inside"])
async def test_the_stricter_of_two_marks_counts(client_for, order):
    site = Site()

    async def page():
        return "page"

    if order == "fresh outside":
        site.app.get("/page")(fresh_login_required(max_age=60)(login_required(page)))
    else:
        site.app.get("/page")(login_required(fresh_login_required(max_age=60)(page)))
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        assert (await client.get("/page")).status == 200
        site.clock.now += 61
        assert (await client.get("/page")).status == 302


def test_the_document_says_what_a_route_that_needs_a_login_answers(site):
    paths = draw_document(site.app.describe(), Heading("Site"))["paths"]
    assert {"302", "401"} <= set(paths["/account"]["get"]["responses"])
    assert "401" not in paths["/cart"]["get"]["responses"]


def test_a_mark_without_the_layer_is_an_error_at_startup():
    app = Nacre(middlewares=[Sessions(store=MemoryStore())])
    app.get("/")(login_required(lambda: "page"))
    with pytest.raises(ConfigurationError, match="login"):
        app.compile()


def test_the_layer_without_sessions_is_an_error_at_startup():
    app = Nacre(middlewares=[Login(lambda user_id: None)])
    app.get("/")(lambda: "page")
    with pytest.raises(ConfigurationError, match="session"):
        app.compile()


async def test_all_routes_need_a_login_if_the_layer_says_so(client_for):
    site = Site(required=True)
    group = Group("/group")
    group.get("/page")(lambda: "page")
    site.app.include(group)
    async with client_for(site.app) as client:
        assert (await client.get("/group/page")).status == 302
        assert (await client.get("/")).text == "nobody"
        assert (await client.get("/elsewhere")).status == 404
        await client.post("/login?user=1")
        assert (await client.get("/group/page")).text == "page"


def siblings(*, load_staff, apart):
    app = Nacre(middlewares=[Sessions(store=MemoryStore())])
    shop = Group("/shop", middlewares=[Login({1: "customer"}.get)])
    staff_sessions = [Sessions(store=MemoryStore(), cookie="staff")] if apart else []
    staff = Group("/staff", middlewares=[*staff_sessions, Login(load_staff)])
    for group in (shop, staff):
        group.get("/page")(login_required(lambda: "page"))
        app.include(group)
    return app


def test_two_logins_with_different_users_in_one_session_are_an_error_at_startup():
    with pytest.raises(ConfigurationError) as caught:
        siblings(load_staff={1: "director"}.get, apart=False).compile()
    problem = caught.value.problems[0]
    assert "two Login layers keep their users in the same sessions" in problem.what
    assert 'cookie="staff"' in str(problem.fix)


def test_two_logins_may_have_sessions_of_their_own_or_the_same_users():
    siblings(load_staff={1: "director"}.get, apart=True).compile()
    users = {1: "one"}
    app = Nacre(middlewares=[Sessions(store=MemoryStore())])
    for prefix in ("/a", "/b"):
        group = Group(prefix, middlewares=[Login(users.get)])
        group.get("/page")(login_required(lambda: "page"))
        app.include(group)
    app.compile()
    app.compile()


def test_a_login_page_that_needs_a_login_is_an_error_at_startup():
    app = Nacre(middlewares=[Sessions(store=MemoryStore()), Login(lambda user_id: None, required=True)])
    app.get("/login")(lambda: "form")
    with pytest.raises(ConfigurationError, match="the login page and needs a login itself"):
        app.compile()


# Fresh logins.


async def test_a_login_is_fresh_for_its_session_and_for_some_time(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        assert [(await client.get(path)).status for path in ("/keys", "/safe")] == [200, 200]
        site.clock.now += 60
        assert [(await client.get(path)).status for path in ("/keys", "/safe")] == [200, 200]
        site.clock.now += 1
        assert [(await client.get(path)).status for path in ("/keys", "/safe")] == [200, 302]
        await client.post("/login?user=1")
        assert (await client.get("/safe")).status == 200


# The session.


async def test_the_session_has_a_new_id_after_login_and_the_old_one_opens_nothing(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/cart")
        planted = client.cookies["session"]
        await client.post("/login?user=1")
        assert client.cookies["session"] != planted
        assert (await client.get("/cart")).json()["cart"] == 7
        client.cookies["session"] = planted
        assert (await client.get("/cart")).json() == {}


async def test_tokens_from_before_the_login_are_worth_nothing(client_for, site):
    @site.app.post("/token")
    async def token(request: Request):
        request.session["_csrf"] = "planted"

    async with client_for(site.app) as client:
        await client.post("/token")
        await client.post("/login?user=1")
        assert "_csrf" not in (await client.get("/cart")).json()


async def test_data_of_another_user_are_gone_after_login_and_those_of_the_same_user_stay(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        await client.post("/cart")
        await client.post("/login?user=1")
        assert (await client.get("/cart")).json()["cart"] == 7
        await client.post("/login?user=2")
        assert "cart" not in (await client.get("/cart")).json()


async def test_a_logout_ends_the_session(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        await client.post("/cart")
        session = client.cookies["session"]
        assert (await client.post("/logout")).text == "bye"
        client.cookies["session"] = session
        assert (await client.get("/cart")).json() == {}
    assert len(site.store) == 0


async def test_a_logout_without_a_login_writes_nothing(client_for, site):
    async with client_for(site.app) as client:
        response = await client.post("/logout")
    assert response.headers.getlist("set-cookie") == []
    assert len(site.store) == 0


async def test_another_stamp_ends_the_other_sessions_of_a_user(client_for):
    site = Site(session_stamp=lambda user: user.password)
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        other = client.cookies.pop("session")
        await client.post("/login?user=1")
        site.users[1].password = "shell"
        await client.post("/login?user=1")
        assert (await client.get("/")).text == "Ama"
        client.cookies["session"] = other
        assert (await client.get("/")).text == "nobody"


async def test_the_session_holds_nothing_of_the_stamp_itself(client_for):
    site = Site(session_stamp=lambda user: user.password)
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        assert "pearl" not in (await client.get("/cart")).text


async def test_a_session_from_before_there_were_stamps_is_refused(client_for, site):
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        session = client.cookies["session"]
    later = Site(session_stamp=lambda user: user.password, store=site.store)
    async with client_for(later.app, cookies={"session": session}) as client:
        assert (await client.get("/")).text == "nobody"


async def test_an_id_that_is_no_str_or_int_is_an_error_that_says_what_to_do(client_for, site):
    import uuid

    @site.app.post("/enter")
    async def enter(request: Request):
        with pytest.raises(TypeError, match=r"user_id=lambda user: str\(user.id\)"):
            await site.login.login(request, User(uuid.uuid4(), "Cy"))

    async with client_for(site.app) as client:
        assert (await client.post("/enter")).status < 400


async def test_the_id_may_be_another_attribute(client_for):
    site = Site(user_id=lambda user: user.name)
    site.users["Ama"] = site.users[1]
    async with client_for(site.app) as client:
        await client.post("/login?user=1")
        assert (await client.get("/")).text == "Ama"
    assert site.loaded == ["Ama"]


# Where to go after.


@pytest.mark.parametrize(
    ("query", "location"),
    [
        ("", "/"),
        ("&next=/account", "/account"),
        ("&next=//evil.example", "/"),
        ("&next=https://evil.example", "/"),
        ("&next=https://shop.example/cart", "https://shop.example/cart"),
        ("&next=", "/"),
    ],
)
async def test_next_is_followed_if_it_is_safe(client_for, query, location):
    site = Site(allowed_hosts=["shop.example"])
    async with client_for(site.app) as client:
        response = await client.post("/login?user=1" + query)
    assert (response.status, response.headers["location"]) == (303, location)


async def test_a_target_and_a_default_may_be_given(client_for, site):
    @site.app.get("/away")
    @login_optional
    async def away(request: Request):
        return site.login.redirect_after(request, "/welcome", target=request.query.get("to"))

    async with client_for(site.app) as client:
        assert (await client.get("/away?to=/there&next=/here")).headers["location"] == "/there"
        assert (await client.get("/away?to=//evil.example&next=/here")).headers["location"] == "/welcome"


# Options.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"login_url": "login"}, "login_url is a path of the application or a URL, not 'login'"),
        ({"login_url": "//evil.example"}, "login_url"),
        ({"login_url": "javascript:alert(1)"}, "login_url"),
        ({"login_url": "/login#form"}, "login_url"),
        ({"login_url": "https://accounts.example//in"}, "login_url"),
        ({"login_url": "https://accounts.example/\\in"}, "login_url"),
        ({"remember_cookie": "a b"}, "remember_cookie"),
        ({"remember_cookie": "__Host-remember"}, "the prefix __Host- is added over https"),
        ({"remember_for": timedelta(0)}, "remember_for is more than 0 and at most 400 days"),
        ({"remember_for": timedelta(days=401)}, "remember_for is more than 0 and at most 400 days"),
        ({"allowed_hosts": "shop.example"}, "allowed_hosts is a list"),
    ],
)
def test_options_are_checked_when_the_layer_is_made(options, message):
    with pytest.raises(ConfigurationError) as caught:
        Login(lambda user_id: None, **options)
    assert message in str(caught.value)
    assert caught.value.problems[0].where.file == __file__


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        Login(lambda user_id: None, login_url="login", remember_cookie="", remember_for=timedelta(0))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("max_age", [0, -1])
def test_a_fresh_login_has_a_positive_age(max_age):
    with pytest.raises(ConfigurationError, match="max_age"):
        fresh_login_required(max_age=max_age)


def test_nothing_secret_is_shown():
    assert repr(Login(lambda user_id: None)) == "Login(login_url='/login')"
