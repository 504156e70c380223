"""Sessions of the Microdot dialect: what is kept for a client, for whom it is valid, and where it goes."""

import gc
import re
import sys
import time
import weakref
from datetime import UTC, datetime, timedelta, timezone

import pytest

from nacre import Nacre
from nacre.dialects.microdot import Microdot, abort
from nacre.dialects.microdot.auth import TokenAuth
from nacre.dialects.microdot.cors import CORS
from nacre.dialects.microdot.csrf import CSRF
from nacre.dialects.microdot.session import Session, SessionDict, with_session
from nacre.dialects.microdot.websocket import with_websocket
from nacre.errors import ConfigurationError, MissingExtra
from nacre.testing import HandshakeDenied

SECRET = "a-secret-that-is-long-enough-for-hs256"
# Made by PyJWT, which the original signs with: {"a": 1} and "top-secret".
FROM_THE_ORIGINAL = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ._08z4BJt1VI_qGq9lyxKZrYxbRb71ACzUfrbDtqYFkM"
UNSIGNED = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJhIjoxfQ."
BY_HS512 = (  # the same data and key
    "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJhIjoxfQ."
    "HPTMNkS-JC1GzyrXQMr4spELP9Ozz5dO-aQmiMA84ZE__S1txdwtvE9fcqWGJljWZ6r_mnVzZCGfX57ja1bUbg"
)


def program(**options):
    app = Microdot()
    Session(app, secret_key=SECRET, **options)

    @app.get("/save")
    @with_session
    async def save(request, session):
        session["depth"] = int(request.args["depth"])
        session.save()
        session["depth"] = "not saved"
        return "saved"

    @app.get("/depth")
    @with_session
    def depth(request, session):
        return session

    return app


def test_a_token_is_that_of_the_original():
    session = Session(secret_key="top-secret")
    assert session.encode({"a": 1}) == FROM_THE_ORIGINAL
    assert session.decode(FROM_THE_ORIGINAL) == {"a": 1}
    assert Session(secret_key=b"top-secret").decode(FROM_THE_ORIGINAL) == {"a": 1}


@pytest.mark.parametrize(
    "token",
    [
        *("", "a.b", "a.b.c", "é.b.c", "\x00", "e30.e30.", UNSIGNED, BY_HS512),
        *(FROM_THE_ORIGINAL[:-1] + "A", FROM_THE_ORIGINAL[:-1], FROM_THE_ORIGINAL + "="),
        *("." + FROM_THE_ORIGINAL, FROM_THE_ORIGINAL.replace("e", "f", 1)),
    ],
)
def test_what_nobody_has_signed_is_an_empty_session(token):
    assert Session(secret_key="top-secret").decode(token) == {}


def test_what_another_key_has_signed_is_an_empty_session():
    other = Session(secret_key=SECRET)
    assert other.decode(FROM_THE_ORIGINAL) == {}
    assert other.decode(FROM_THE_ORIGINAL, "top-secret") == {"a": 1}
    assert Session(secret_key="top-secret").decode(other.encode({"a": 1}, "top-secret")) == {"a": 1}


@pytest.mark.parametrize(
    ("claims", "valid"),
    [
        ({"exp": 60}, True),
        ({"exp": -60}, False),
        ({"exp": 60.5}, True),
        ({"nbf": -60}, True),
        ({"nbf": 60}, False),
        ({"iat": 60}, False),
        ({"iat": -60}, True),
    ],
)
def test_the_times_of_a_token_count(claims, valid):
    session = Session(secret_key=SECRET)
    claims = {name: time.time() + offset for name, offset in claims.items()}
    assert session.decode(session.encode(claims)) == (claims if valid else {})


@pytest.mark.parametrize(
    ("claims", "valid"), [({"exp": 1000}, False), ({"exp": 1001}, True), ({"nbf": 1000}, True), ({"nbf": 1001}, False)]
)
def test_a_token_holds_from_one_second_to_before_another(claims, valid, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    session = Session(secret_key=SECRET)
    assert session.decode(session.encode(claims)) == (claims if valid else {})


@pytest.mark.parametrize("zone", [None, UTC, timezone(timedelta(hours=5))])
def test_the_times_of_a_token_may_be_datetimes(zone):
    session = Session(secret_key=SECRET)
    exp = datetime(2100, 1, 1, 5, tzinfo=zone)
    claims = {"exp": exp, "depth": 3}
    at = 4102444800 + (0 if zone is not None and zone is not UTC else 5 * 3600)
    assert session.decode(session.encode(claims)) == {"exp": at, "depth": 3}
    assert claims["exp"] is exp
    assert session.decode(session.encode({"exp": datetime(2020, 1, 1)})) == {}


@pytest.mark.parametrize("value", ["soon", None, [], {}, True, 1e308])
def test_a_time_that_is_none_is_refused_or_past(value):
    session = Session(secret_key=SECRET)
    assert session.decode(session.encode({"exp": value})) == ({"exp": value} if value == 1e308 else {})


def test_data_that_json_can_not_hold_is_refused_when_it_is_saved():
    session = Session(secret_key=SECRET)
    for value in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            session.encode({"value": value})


async def test_a_session_is_what_was_saved_and_comes_back(client_for):
    async with client_for(program()) as client:
        saved = await client.get("/save?depth=12")
        assert re.fullmatch(r"session=[\w.-]+; Path=/; HttpOnly", saved.headers["set-cookie"])
        answer = await client.get("/depth")
        assert answer.json() == {"depth": 12}
        assert "set-cookie" not in answer.headers


async def test_cookie_options_are_those_of_set_cookie(client_for):
    options = {"path": "/sea", "secure": True, "max_age": 60, "http_only": False}
    app = program(cookie_options=options)

    @app.get("/leave")
    @with_session
    async def leave(request, session):
        session.delete()

    async with client_for(app) as client:
        saved = (await client.get("/save?depth=1")).headers["set-cookie"]
        assert saved.partition("; ")[2] == "Path=/sea; Max-Age=60; Secure"
        left = (await client.get("/leave")).headers["set-cookie"]
        assert left == "session=; Path=/sea; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; Secure"
    assert options == {"path": "/sea", "secure": True, "max_age": 60, "http_only": False}


@pytest.mark.parametrize("options", [{"samesite": "lax"}, {"path": "/;a"}, {"partitioned": True}])
def test_cookie_options_that_no_cookie_can_have_are_refused_where_they_are_written(options):
    for declare in (
        lambda: Session(secret_key=SECRET, cookie_options=options),
        lambda: Session().initialize(Microdot(), SECRET, options),
    ):
        with pytest.raises(ConfigurationError, match="no session can have these cookie_options: ") as caught:
            declare()
        assert caught.value.problems[0].where.file == __file__


async def test_the_last_word_on_a_session_counts(client_for):
    app = program()

    @app.get("/both")
    @with_session
    async def both(request, session):
        session.save()
        session.delete()
        session["depth"] = 3
        session.save()

    async with client_for(app) as client:
        assert len((await client.get("/both")).headers.getlist("set-cookie")) == 1
        assert (await client.get("/depth")).json() == {"depth": 3}


@pytest.mark.parametrize(("path", "status"), [("/aborted", 409), ("/broken", 500)])
async def test_what_was_saved_is_kept_when_the_route_raises(path, status, client_for):
    """The original forgets it, as its hooks don't see errors."""
    app = program()

    @app.get("/aborted")
    @with_session
    async def aborted(request, session):
        session["depth"] = 7
        session.save()
        abort(409)

    @app.get("/broken")
    @with_session
    def broken(request, session):
        session["depth"] = 7
        session.save()
        raise RuntimeError("the net tore")

    async with client_for(app) as client:
        assert (await client.get(path)).status == status
        assert (await client.get("/depth")).json() == {"depth": 7}


async def test_the_session_of_a_request_is_one_object(client_for):
    app = Microdot()
    sessions = Session(app, secret_key=SECRET)

    @app.before_request
    async def count(request):
        session = sessions.get(request)
        session["count"] = session.get("count", 0) + 1
        session.save()

    @app.get("/<name>")
    @with_session
    async def show(request, session, name):
        assert isinstance(session, SessionDict)
        assert session is sessions.get(request)
        return f"{name} {session['count']}"

    async with client_for(app) as client:
        assert [(await client.get("/joe")).text for _ in range(3)] == ["joe 1", "joe 2", "joe 3"]


async def test_sessions_are_there_in_mounted_applications(client_for):
    app, sea = Microdot(), Microdot()
    Session(app, secret_key=SECRET)

    @sea.get("/")
    @with_session
    async def index(request, session):
        session["visits"] = session.get("visits", 0) + 1
        session.save()
        return str(session["visits"])

    app.mount(sea, url_prefix="/sea", local=True)
    async with client_for(app) as client:
        assert [(await client.get("/sea/")).text for _ in range(2)] == ["1", "2"]


@pytest.mark.parametrize("local", [True, False])
async def test_a_mounted_application_has_its_own_sessions_unless_the_whole_has_some(local, client_for):
    for secret in (None, "another-secret-that-is-long-enough"):
        app, sea = Microdot(), program()
        sessions = Session(app, secret_key=secret) if secret else Session(secret_key=SECRET)
        app.mount(sea, url_prefix="/sea", local=local)
        async with client_for(app) as client:
            saved = await client.get("/sea/save?depth=4")
            assert sessions.decode(saved.cookies["session"]) == {"depth": 4}
            assert (await client.get("/sea/depth")).json() == {"depth": 4}


async def test_an_application_inside_of_another_one_has_sessions_of_its_own(client_for):
    app = Microdot()
    sessions = Session(app, secret_key="another-secret-that-is-long-enough")

    @app.before_request
    async def see(request):
        sessions.get(request)["seen"] = True

    Nacre.mount(app, "/sea", program())
    app.get("/seen")(with_session(lambda request, session: session))
    async with client_for(app) as client:
        assert (await client.get("/sea/depth")).json() == {}
        assert (await client.get("/seen")).json() == {"seen": True}


async def test_a_request_with_a_session_leaves_nothing_to_the_garbage_collector(client_for):
    app, kept = program(), []

    @app.get("/weigh")
    @with_session
    async def weigh(request, session):
        session.save()
        kept.append(weakref.ref(request))

    gc.disable()
    try:
        async with client_for(app) as client:
            await client.get("/weigh")
        assert [view() for view in kept] == [None]
    finally:
        gc.enable()


async def test_the_session_stands_in_hooks_and_error_handlers_too(client_for):
    app = program()

    @app.errorhandler(404)
    @with_session
    async def not_here(request, session):
        session["depth"] = session.get("depth", 0) + 1
        session.save()
        return "not here", 404

    @app.after_request
    @with_session
    def add(request, session, response):
        if request.path == "/depth":
            session["seen"] = True
            session.save()

    async with client_for(app) as client:
        assert [(await client.get("/nowhere")).status for _ in range(2)] == [404, 404]
        assert (await client.get("/depth")).json() == {"depth": 2}
        assert (await client.get("/depth")).json() == {"depth": 2, "seen": True}


async def test_the_extensions_stand_around_a_websocket_too(client_for):
    app = Microdot()
    sessions, auth = Session(app, secret_key=SECRET), TokenAuth()
    CSRF(app, CORS(app, allowed_origins="*"))
    auth.authenticate(lambda request, token: token)

    @app.before_request
    async def count(request):
        session = sessions.get(request)
        session["count"] = session.get("count", 0) + 1
        session.save()

    @app.get("/talk/<name>")
    @auth
    @with_session
    @with_websocket
    async def talk(request, ws, session, name):
        await ws.send(f"{name} {request.g.current_user} {session['count']}")

    async with client_for(app) as client:
        async with client.websocket("/talk/reef", headers={"authorization": "Bearer joe"}) as ws:
            assert await ws.receive() == "reef joe 1"
        with pytest.raises(HandshakeDenied, match="401"):
            async with client.websocket("/talk/reef"):
                pass


async def test_an_application_may_be_given_later_and_its_key_too(client_for):
    app = Microdot()
    session = Session()
    session.initialize(app, SECRET, {"path": "/later"})

    @app.get("/")
    @with_session
    async def index(request, session):
        session.save()

    async with client_for(app) as client:
        assert "Path=/later; HttpOnly" in (await client.get("/")).headers["set-cookie"]


async def test_sessions_without_a_key_or_an_application_say_so(client_for, capsys):
    app, bare = Microdot(), Microdot()
    sessions = Session(app)
    with pytest.raises(ValueError, match="need a secret key"):
        sessions.encode({})
    with pytest.raises(ValueError, match="need a secret key"):
        sessions.decode(FROM_THE_ORIGINAL, "")
    told = []

    @app.errorhandler(Exception)
    @bare.errorhandler(Exception)
    async def tell(request, error):
        told.append((type(error), str(error)))
        return "told", 500

    @app.get("/")
    @bare.get("/")
    @with_session
    async def index(request, session):
        return "never"

    for one in (app, bare):
        async with client_for(one) as client:
            assert (await client.get("/")).text == "told"
    assert [kind for kind, _ in told] == [ValueError, LookupError]
    assert all("Session(app, secret_key=…)" in text for _, text in told)


def test_the_chain_of_a_route_names_the_sessions():
    (layer,) = program().describe().chains[0].layers
    assert (layer.name, layer.dialect, layer.where.file) == ("SessionLayer", "microdot", __file__)


@pytest.mark.parametrize(
    ("secret", "count"), [("x", 1), ("x" * 31, 1), ("x" * 32, 0), ("é" * 16, 0), (b"x" * 32, 0), (None, 0)]
)
def test_a_short_key_is_a_risk(secret, count):
    app = Microdot()
    app.get("/")(lambda request: "tides")
    Session(app, secret_key=secret)
    found = [risk for risk in app.find_risks() if "secret key of the sessions" in risk.what]
    assert len(found) == count
    assert all(risk.where.file == __file__ and risk.severity == "high" for risk in found)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "joserfc", None)
    with pytest.raises(MissingExtra, match=r"Session needs an optional package: pip install 'nacre\[jwt\]'"):
        Session()
