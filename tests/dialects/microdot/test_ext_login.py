"""Logins of the Microdot dialect: who is let in, what is remembered and for how long, and where one is sent to."""

import re

import pytest

from nacre import Nacre, wait
from nacre.dialects.microdot import Microdot
from nacre.dialects.microdot.login import Login
from nacre.dialects.microdot.session import Session, with_session

SECRET = "a-secret-that-is-long-enough-for-hs256"
DAY = 86400


class Diver:
    def __init__(self, id):
        self.id = id


@pytest.fixture
def divers():
    return {1: Diver(1), "mei": Diver("mei"), 0: Diver(0)}


@pytest.fixture
def app(divers):
    app = Microdot()
    app.sessions = Session(app, secret_key=SECRET)
    login = Login("/enter")
    app.loaded = []

    @login.user_loader
    def find(diver_id):
        app.loaded.append(diver_id)
        return divers.get(diver_id)

    @app.post("/enter")
    async def enter(request):
        remember = {"yes": True}.get(request.args.get("remember"), request.args.get("remember"))
        diver = divers[request.args.get("id", 1, type=lambda text: int(text) if text.isdigit() else text)]
        answer = await login.login_user(request, diver, remember=remember, redirect_url="/home")
        assert request.g.current_user is diver
        return answer

    @app.get("/")
    @login
    async def index(request):
        assert await login.get_current_user(request) is request.g.current_user
        return f"diver {request.g.current_user.id}"

    @app.get("/plain/<name>")
    @login
    def plain(request, name):
        return f"{name} of {request.g.current_user.id}"

    @app.get("/fresh")
    @login.fresh
    async def fresh(request):
        return f"fresh {request.g.current_user.id}"

    @app.get("/who")
    async def who(request):
        user = await login.get_current_user(request)
        return "nobody" if user is None else f"diver {user.id}"

    @app.post("/leave")
    async def leave(request):
        await login.logout_user(request)
        assert await login.get_current_user(request) is None
        return "bye"

    @app.post("/own")
    @with_session
    async def own(request, session):
        session.update(request.json)
        session.save()
        return "kept"

    return app


def cookie_of(answer, name):
    found = [text for text in answer.headers.getlist("set-cookie") if text.startswith(f"{name}=")]
    assert len(found) <= 1
    return found[0] if found else None


def attributes(cookie):
    return cookie.partition("; ")[2]


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "/enter?next=/"),
        ("/?foo=bar", "/enter?next=/%3Ffoo%3Dbar"),
        ("/?a=1&b=c+d%20e", "/enter?next=/%3Fa%3D1%26b%3Dc%2Bd%2520e"),
        ("/fresh", "/enter?next=/fresh"),
        ("/plain/a%3Fb%23c", "/enter?next=/plain/a%253Fb%2523c"),
        ("/plain/100%25", "/enter?next=/plain/100%2525"),
        ("/plain/l%C3%B6g?day=%C3%B6", "/enter?next=/plain/l%25C3%25B6g%3Fday%3D%25C3%25B6"),
        ("/plain/{log}", "/enter?next=/plain/%257Blog%257D"),
    ],
)
async def test_who_is_not_logged_in_is_sent_to_the_login_page(path, location, app, client_for):
    async with client_for(app) as client:
        answer = await client.get(path)
        assert (answer.status, answer.text, answer.headers["location"]) == (302, "", location)
        back = location.partition("next=")[2]
        expected = path.replace("{log}", "%7Blog%7D")
        assert (await client.post(f"/enter?next={back}")).headers["location"] == expected


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/přihlášení", "/p%C5%99ihl%C3%A1%C5%A1en%C3%AD?next=/"),
        ("https://id.example/enter", "https://id.example/enter?next=/"),
        ("/a%20b", "/a%20b?next=/"),
    ],
)
async def test_the_login_page_may_be_anywhere(url, location, client_for):
    app, login = Microdot(), Login(url)
    Session(app, secret_key=SECRET)
    app.get("/")(login(lambda request: "never"))
    async with client_for(app) as client:
        assert (await client.get("/")).headers["location"] == location


@pytest.mark.parametrize(
    "target",
    [
        *("//evil.example", "/\\evil.example", "/%5Cevil.example", "/%09/evil.example", "https://evil.example"),
        *("evil.example", "/\n/evil.example", "javascript:alert(1)", "", "/..//evil.example", "http:/evil.example"),
    ],
)
async def test_a_login_leads_to_no_other_site(target, app, client_for):
    async with client_for(app) as client:
        answer = await client.post("/enter", params={"next": target})
        assert (answer.status, answer.headers["location"]) == (302, "/home")


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/log?day=1", "/log?day=1"),
        ("/log?a={b}|c", "/log?a=%7Bb%7D%7Cc"),
        ("/l%C3%B6g", "/l%C3%B6g"),
        ("/lög/a b", "/l%C3%B6g/a%20b"),
        ("/#top", "/#top"),
    ],
)
async def test_a_login_leads_to_where_one_came_from(target, location, app, client_for):
    async with client_for(app) as client:
        answer = await client.post("/enter", params={"next": target})
        assert answer.headers["location"] == location
        assert (await client.post("/enter")).headers["location"] == "/home"


@pytest.mark.parametrize("diver", ["1", "mei", "0"])
async def test_a_login_lasts_as_long_as_the_session(diver, app, client_for):
    async with client_for(app) as client:
        answer = await client.post(f"/enter?id={diver}")
        assert attributes(cookie_of(answer, "session")) == "Path=/; HttpOnly"
        assert cookie_of(answer, "_remember") is None
        assert (await client.get("/")).text == f"diver {diver}"
        assert (await client.get("/plain/log")).text == f"log of {diver}"
        assert (await client.get("/fresh")).text == f"fresh {diver}"
        assert len(app.loaded) == 3
        client.cookies.clear()
        assert (await client.get("/who")).text == "nobody"


@pytest.mark.parametrize(("remember", "days"), [("yes", 30), ("7", 7)])
async def test_a_remembered_login_outlasts_the_session_for_its_days(remember, days, app, client_for):
    async with client_for(app) as client:
        answer = await client.post(f"/enter?remember={remember}")
        known = f"Path=/; Max-Age={days * DAY}; HttpOnly; SameSite=Lax"
        assert attributes(cookie_of(answer, "_remember")) == known
        assert cookie_of(await client.get("/"), "_remember") is None
        del client.cookies["session"]
        again = await client.get("/")
        assert again.text == "diver 1"
        # The original renews it for 30 days, whatever was asked for.
        assert attributes(cookie_of(again, "_remember")) == known
        restored = cookie_of(again, "session").partition(";")[0].removeprefix("session=")
        assert app.sessions.decode(restored) == {"_user_id": 1, "_fresh": False}


async def test_a_remembered_login_is_not_a_fresh_one(app, client_for):
    async with client_for(app) as client:
        await client.post("/enter?remember=yes")
        del client.cookies["session"]
        assert (await client.get("/fresh")).headers["location"] == "/enter?next=/fresh"
        assert (await client.get("/")).text == "diver 1"
        assert (await client.get("/fresh")).headers["location"] == "/enter?next=/fresh"
        await client.post("/enter")
        assert (await client.get("/fresh")).text == "fresh 1"


async def test_who_has_left_is_forgotten_everywhere(app, client_for):
    async with client_for(app) as client:
        await client.post("/enter?remember=yes")
        answer = await client.post("/leave")
        assert re.fullmatch(
            r"_remember=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; HttpOnly; SameSite=Lax",
            cookie_of(answer, "_remember"),
        )
        assert app.sessions.decode(client.cookies["session"]) == {}
        assert (await client.get("/who")).text == "nobody"


async def test_a_remembered_login_ends_when_somebody_else_logs_in(app, client_for):
    async with client_for(app) as client:
        await client.post("/enter?remember=yes")
        assert cookie_of(await client.post("/enter"), "_remember") is None
        assert "Max-Age=0" in cookie_of(await client.post("/enter?id=mei"), "_remember")
        del client.cookies["session"]
        assert (await client.get("/who")).text == "nobody"


async def test_who_logs_in_and_leaves_at_once_is_not_remembered(app, client_for):
    login = Login()
    login.user_loader(lambda user_id: Diver(user_id))

    @app.get("/both")
    async def both(request):
        await login.login_user(request, Diver(1), remember=True)
        await login.logout_user(request)

    async with client_for(app) as client:
        assert "Max-Age=0" in cookie_of(await client.get("/both"), "_remember")
        assert (await client.get("/who")).text == "nobody"


async def test_a_query_that_can_not_be_read_logs_nobody_in(app, client_for):
    @app.post("/straight")
    async def straight(request):
        return await Login().login_user(request, Diver(1), remember=True)

    async with client_for(app) as client:
        answer = await client.post("/straight?" + "&".join(f"a{number}=1" for number in range(1001)))
        assert answer.status == 400
        assert cookie_of(answer, "session") is None
        assert (await client.get("/who")).text == "nobody"


async def test_a_login_leads_back_into_a_mounted_application(app, client_for):
    whole = Nacre()
    whole.mount("/sea bed", app)
    async with client_for(whole) as client:
        answer = await client.get("/sea%20bed/fresh?day=1")
        assert answer.headers["location"] == "/enter?next=/sea%2520bed/fresh%3Fday%3D1"
        answer = await client.post("/sea%20bed" + answer.headers["location"])
        assert answer.headers["location"] == "/sea%20bed/fresh?day=1"
        assert (await client.get("/sea%20bed/fresh")).text == "fresh 1"


async def test_cookies_of_a_site_with_tls_are_secure(app, client_for):
    app.sessions.cookie_options["domain"] = "reef.example"
    async with client_for(app, scheme="https", host="reef.example") as client:
        answer = await client.post("/enter?remember=yes")
        assert "Domain=reef.example; Path=/; " in cookie_of(answer, "_remember")
        assert cookie_of(answer, "_remember").endswith("; Secure; HttpOnly; SameSite=Lax")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"secure": True}, "Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax"),
        (
            {"secure": True, "partitioned": True, "path": "/sea"},
            "Path=/sea; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax; Partitioned",
        ),
        ({"http_only": False, "max_age": 60}, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"),
    ],
)
async def test_the_cookie_of_a_login_goes_where_the_sessions_goes(options, expected, app, client_for):
    app.sessions.cookie_options = {"path": "/", **options}
    async with client_for(app) as client:
        answer = await client.post("/enter?remember=yes")
        assert attributes(cookie_of(answer, "_remember")) == expected


async def test_a_login_isnt_remembered_and_leads_to_the_root_unless_it_is_told(client_for):
    app = Microdot()
    Session(app, secret_key=SECRET)
    app.post("/login")(lambda request: wait(Login().login_user(request, Diver(1))))
    async with client_for(app) as client:
        answer = await client.post("/login")
        assert (answer.status, answer.headers["location"]) == (302, "/")
        assert cookie_of(answer, "_remember") is None


async def test_a_user_who_is_gone_is_nobody(app, divers, client_for):
    async with client_for(app) as client:
        await client.post("/enter")
        del divers[1]
        assert (await client.get("/")).status == 302
        assert (await client.get("/who")).text == "nobody"


@pytest.mark.parametrize(
    "claims",
    [
        {"user_id": 1},
        {"user_id": 1, "days": 30},
        {"user_id": 1, "days": 30, "exp": 4e9, "more": True},
        {"user_id": None, "days": 30, "exp": 4e9},
        {"user_id": 1, "days": "30", "exp": 4e9},
        {"user_id": 1, "days": 30, "exp": 1},
    ],
)
async def test_what_a_program_keeps_in_sessions_is_no_remembered_login(claims, app, client_for):
    """One key signs both, and who has a session may present it as the other cookie."""
    async with client_for(app) as client:
        client.cookies["_remember"] = app.sessions.encode(claims)
        answer = await client.get("/who")
        assert (answer.text, answer.headers.getlist("set-cookie")) == ("nobody", [])


async def test_a_remembered_login_of_the_original_is_taken(app, client_for):
    async with client_for(app) as client:
        client.cookies["_remember"] = app.sessions.encode({"user_id": "mei", "days": 30, "exp": 4102444800.5})
        assert (await client.get("/who")).text == "diver mei"


async def test_a_login_without_a_function_that_finds_users_says_so(client_for):
    app, told = Microdot(), []
    Session(app, secret_key=SECRET)
    login = Login()
    app.get("/")(login(lambda request: "never"))
    app.errorhandler(LookupError)(lambda request, error: (told.append(str(error)), ("told", 500))[1])

    @app.post("/login")
    async def enter(request):
        return await login.login_user(request, Diver(1))

    async with client_for(app) as client:
        await client.post("/login")
        assert (await client.get("/")).text == "told"
    assert told == ["no function finds the users: decorate one with `user_loader` of the Login object"]


def test_the_decorators_leave_the_functions_as_they_are():
    login = Login()

    def find(user_id): ...

    assert login.user_loader(find) is find
    assert login(find).__wrapped__ is find
    assert login.fresh(find).__name__ == "find"
