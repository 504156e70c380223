"""Routes of the Microdot dialect for known users: which credentials are taken, and what others are answered."""

import base64

import pytest

from nacre import Nacre
from nacre.dialects.microdot import Microdot
from nacre.dialects.microdot.auth import BasicAuth, TokenAuth
from nacre.errors import ConfigurationError


def basic(text, scheme="Basic"):
    return f"{scheme} {base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()}"


def guarded(auth, find_user):
    app = Microdot()
    auth.authenticate(find_user)

    @app.get("/")
    @auth
    async def index(request):
        return f"user {request.g.current_user}"

    @app.get("/plain/<name>")
    @auth
    def plain(request, name):
        return f"{name} for {request.g.current_user}"

    @app.get("/shore")
    @auth.optional
    def shore(request):
        return f"user {request.g.current_user}"

    return app


def one_diver(request, name, password):
    return name if (name, password) == ("jöe", "co:ral") else None


@pytest.mark.parametrize(
    ("value", "known"),
    [
        (basic("jöe:co:ral"), True),
        (basic("jöe:co:ral", "basic"), True),
        (basic("jöe:co:ral", "Basic "), True),
        (basic("jöe:sand"), False),
        (basic("jöe"), False),
        (basic(b"\xff\xfe:x"), False),
        (basic("jöe:co:ral", "Bearer"), False),
        ("Basic", False),
        ("Basic !!!", False),
        ("Basic ", False),
        (basic("jöe:co:ral")[6:], False),
    ],
)
async def test_a_name_and_a_password_are_taken_as_the_rfc_says(value, known, client_for):
    async with client_for(guarded(BasicAuth(), one_diver)) as client:
        answer = await client.get("/", headers={"authorization": value})
        assert (answer.status, answer.text) == ((200, "user jöe") if known else (401, ""))
        assert ("www-authenticate" in answer.headers) is not known
        shore = await client.get("/shore", headers={"authorization": value})
        assert shore.text == ("user jöe" if known else "user None")


async def test_plain_and_async_functions_may_find_the_user(client_for):
    async def one_async(request, name, password):
        return one_diver(request, name, password)

    for find in (one_diver, one_async):
        async with client_for(guarded(BasicAuth(), find)) as client:
            answer = await client.get("/plain/log", headers={"authorization": basic("jöe:co:ral")})
            assert answer.text == "log for jöe"


class Finder:
    def __call__(self, request, name, password):
        return self.find(name, password)

    async def find(self, name, password):
        return name if password == "co:ral" else None


@pytest.mark.parametrize("find", [lambda *shown: Finder()(*shown), Finder()], ids=["lambda", "object"])
async def test_a_plain_function_may_return_what_an_async_one_gave_it(find, client_for):
    """The original takes the coroutine itself, which is true, for the user."""
    async with client_for(guarded(BasicAuth(), find)) as client:
        assert (await client.get("/", headers={"authorization": basic("jöe:co:ral")})).text == "user jöe"
        assert (await client.get("/", headers={"authorization": basic("jöe:sand")})).status == 401


async def test_the_route_under_a_guard_may_be_wrapped_in_plain_code_or_give_pieces(client_for):
    app, auth = Microdot(), TokenAuth()
    auth.authenticate(lambda request, token: token)

    async def index(request):
        return f"async {request.g.current_user}"

    app.get("/wrapped")(auth(lambda request: index(request)))

    @app.get("/pieces")
    @auth
    async def pieces(request):
        yield "two "
        yield "pieces"

    @app.get("/plain")
    @auth.optional
    def plain(request):
        yield from ("plain ", "pieces")

    async with client_for(app) as client:
        for path, text in (("/wrapped", "async joe"), ("/pieces", "two pieces"), ("/plain", "plain pieces")):
            assert (await client.get(path, headers={"authorization": "Bearer joe"})).text == text


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (BasicAuth(), {"authorization": basic("jöe")}),
        (BasicAuth(), {"authorization": "Basic "}),
        (BasicAuth(), {"authorization": basic("jöe:sand") + "!"}),
        (TokenAuth(), {"authorization": "Bearer "}),
        (TokenAuth(), {"authorization": "Basic pearl"}),
        (TokenAuth(header="X-Token"), {"x-token": ""}),
        (TokenAuth(header="X-Token"), {}),
    ],
)
async def test_nobody_is_looked_for_who_shows_nothing(auth, headers, client_for):
    asked = []
    async with client_for(guarded(auth, lambda request, *shown: asked.append(shown) or "joe")) as client:
        assert (await client.get("/", headers=headers)).status == 401
        assert (await client.get("/shore", headers=headers)).text == "user None"
    assert asked == []


@pytest.mark.parametrize("nobody", [None, False, "", 0])
async def test_what_is_false_is_nobody(nobody, client_for):
    async with client_for(guarded(BasicAuth(), lambda request, name, password: nobody)) as client:
        assert (await client.get("/", headers={"authorization": basic("a:b")})).status == 401


@pytest.mark.parametrize(
    ("auth", "status", "challenge"),
    [
        (BasicAuth("The reef"), 401, 'Basic realm="The reef", charset="UTF-8"'),
        (BasicAuth('"a\\b"'), 401, 'Basic realm="\\"a\\\\b\\"", charset="UTF-8"'),
        (BasicAuth(charset="utf-8", scheme="xBasic", error_status=403), 403, None),
        (BasicAuth(Microdot()), 401, 'Basic realm="Please login", charset="UTF-8"'),
        (BasicAuth(realm=Nacre()), 401, 'Basic realm="Please login", charset="UTF-8"'),
    ],
)
async def test_the_challenge_says_what_is_configured(auth, status, challenge, client_for):
    async with client_for(guarded(auth, one_diver)) as client:
        answer = await client.get("/")
        assert answer.status == status
        expected = challenge or 'xBasic realm="Please login", charset="utf-8"'
        assert answer.headers["www-authenticate"] == expected
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"


@pytest.mark.parametrize("transport", ["asgi", "wsgi"])  # by RSGI, text beyond ASCII is the server's to encode
async def test_a_realm_is_sent_in_utf_8(client_for):
    async with client_for(guarded(BasicAuth("rëef 海"), one_diver)) as client:
        challenge = (await client.get("/")).headers["www-authenticate"].encode("latin-1").decode()
        assert challenge == 'Basic realm="rëef 海", charset="UTF-8"'


@pytest.mark.parametrize("realm", [{}, None, "a\r\nset-cookie: b=c", "\x7f"])
def test_a_realm_is_a_line_of_text(realm):
    with pytest.raises(ConfigurationError, match="the realm of BasicAuth is a line of text, and '") as caught:
        BasicAuth(realm)
    assert caught.value.problems[0].where.file == __file__


@pytest.mark.parametrize(
    ("options", "headers", "known"),
    [
        ({}, {"authorization": "Bearer pearl"}, True),
        ({}, {"authorization": "bearer   pearl "}, True),
        ({}, {"authorization": "Bearer sand"}, False),
        ({}, {"authorization": "Bearer"}, False),
        ({}, {"authorization": "Bearer "}, False),
        ({}, {"authorization": "Token pearl"}, False),
        ({}, {"authorization": "pearl"}, False),
        ({}, {}, False),
        ({"scheme": "Token"}, {"authorization": "token pearl"}, True),
        ({"header": "X-Token"}, {"x-token": "pearl"}, True),
        ({"header": "X-Token"}, {"x-token": "Bearer pearl"}, False),
        ({"header": "X-Token"}, {"authorization": "Bearer pearl"}, False),
        ({"header": "authorization"}, {"authorization": "Bearer pearl"}, True),
    ],
)
async def test_a_token_is_taken_from_its_header(options, headers, known, client_for):
    auth = TokenAuth(**options)
    async with client_for(guarded(auth, lambda request, token: {"pearl": "joe"}.get(token))) as client:
        answer = await client.get("/", headers=headers)
        assert (answer.status, answer.text) == ((200, "user joe") if known else (401, "401 error"))
        assert (await client.get("/shore", headers=headers)).text == ("user joe" if known else "user None")


async def test_a_token_that_is_missing_is_an_error_of_the_application_unless_a_function_answers(client_for):
    auth = TokenAuth(error_status=403)
    app = guarded(auth, lambda request, token: None)

    @app.errorhandler(403)
    async def refused(request):
        return f"nothing for you in {request.path}", 403

    async with client_for(app) as client:
        answer = await client.get("/")
        assert (answer.status, answer.text) == (403, "nothing for you in /")

    @auth.errorhandler
    def answered(request):
        return "Who are you?", 418

    async with client_for(app) as client:
        answer = await client.get("/")
        assert (answer.status, answer.text) == (418, "Who are you?")


async def test_a_guard_without_a_function_says_which_is_missing(client_for):
    app, told = Microdot(), []
    app.get("/")(BasicAuth()(lambda request: "never"))
    app.errorhandler(LookupError)(lambda request, error: (told.append(str(error)), ("told", 500))[1])
    async with client_for(app) as client:
        assert (await client.get("/", headers={"authorization": basic("a:b")})).text == "told"
    assert told[0].startswith("no function says who may pass: decorate one with `authenticate` of <")


def test_the_decorators_leave_the_functions_as_they_are():
    auth = TokenAuth()

    def find(request, token): ...

    assert auth.authenticate(find) is find
    assert auth.errorhandler(find) is find
    assert auth(find).__name__ == "find"
    assert auth.optional(find).__wrapped__ is find
