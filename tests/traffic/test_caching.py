"""CacheControl: directives for responses that bring none, and none that would share what is personal."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre import ConfigurationError, Hooks, Nacre
from nacre.response import RedirectResponse, Response, StreamingResponse
from nacre.traffic import CacheControl, cache_control, parse_cache_control


def application(*layers):
    app = Nacre(middlewares=[*layers])

    @app.route("/", methods=["GET", "POST"])
    def index(request):
        return "index"

    @app.get("/own")
    def own(request):
        return Response("own", headers={"cache-control": "No-Transform"})

    @app.get("/expires")
    def expires(request):
        return Response("own", headers={"expires": "Thu, 01 Dec 1994 16:00:00 GMT"})

    @app.get("/cookie")
    def cookie(request):
        response = Response("hello")
        response.set_cookie("a", "b")
        return response

    @app.get("/boom")
    def boom(request):
        raise RuntimeError

    @app.get("/away")
    def away(request):
        return RedirectResponse("/")

    @app.get("/stream")
    def stream(request):
        return StreamingResponse(iter(["a"]))

    @app.get("/varies")
    def varies(request):
        return Response("v", headers={"vary": "accept, Cookie"})

    @app.get("/marked")
    @cache_control(public=True, max_age=timedelta(minutes=1))
    def marked(request):
        return Response("m")

    return app


SHARED = CacheControl(public=True, max_age=60, s_maxage=600)

SAID = [
    ("GET", "/", {}, "public, max-age=60, s-maxage=600"),
    ("HEAD", "/", {}, "public, max-age=60, s-maxage=600"),
    ("GET", "/away", {}, "public, max-age=60, s-maxage=600"),
    ("GET", "/stream", {}, "public, max-age=60, s-maxage=600"),
    ("POST", "/", {}, None),
    ("GET", "/boom", {}, None),
    ("GET", "/missing", {}, None),
    ("PUT", "/", {}, None),
    ("GET", "/own", {}, "No-Transform"),
    ("GET", "/expires", {}, None),
    ("GET", "/cookie", {}, "private, max-age=60"),
    ("GET", "/", {"authorization": "Bearer x"}, "private, max-age=60"),
    ("GET", "/varies", {}, "private, max-age=60"),
    ("GET", "/marked", {}, "public, max-age=60"),
    ("GET", "/marked", {"authorization": "Bearer x"}, "public, max-age=60"),
]


@pytest.mark.parametrize(("method", "path", "sent", "said"), SAID)
async def test_what_is_said_of_which_response(client_for, method, path, sent, said):
    async with client_for(application(SHARED)) as client:
        response = await client.request(method, path, headers=sent)
    assert response.headers.get("cache-control") == said


@pytest.mark.parametrize("path", ["/", "/boom", "/missing", "/cookie", "/stream"])
async def test_what_restricts_is_said_of_every_response(client_for, path):
    async with client_for(application(CacheControl(no_store=True))) as client:
        assert (await client.get(path)).headers["cache-control"] == "no-store"
        assert (await client.put("/")).headers["cache-control"] == "no-store"


async def test_what_restricts_stays_private_to_who_gets_a_cookie(client_for):
    for layer, said in [
        (CacheControl(no_cache=True), "private, no-cache"),
        (CacheControl(private=True, max_age=5), "private, max-age=5"),
        (CacheControl(no_store=True), "no-store"),
    ]:
        async with client_for(application(layer)) as client:
            assert (await client.get("/cookie")).headers["cache-control"] == said


async def test_the_layer_speaks_where_a_mark_may_not(client_for):
    app = application(CacheControl(no_store=True))

    @app.get("/gone")
    @cache_control(public=True, max_age=60)
    def gone(request):
        return Response("gone", 410)

    async with client_for(app) as client:
        assert (await client.get("/gone")).headers["cache-control"] == "no-store"
        assert (await client.get("/marked")).headers["cache-control"] == "public, max-age=60"


class SetsCookie(Hooks):
    provides = ("session",)

    def __init__(self):
        super().__init__(finalize=lambda request, response: response.set_cookie("session", "s"), inline=True)


OWN = [
    ("public, max-age=60", "private, max-age=60"),
    ("PUBLIC, Max-Age=60, S-MaxAge=9", "private, max-age=60"),
    ("max-age=60", "private, max-age=60"),
    ("proxy-revalidate, x-new=1", "private, x-new=1"),
    ('private="x-a, x-b", max-age=60', "private, max-age=60"),
    ('no-cache="x-a, x-b"', 'private, no-cache="x-a, x-b"'),
    ("no-store", "no-store"),
    ("Private, Max-Age=60", "Private, Max-Age=60"),
    ('x-new="a, public", max-age=60', 'private, x-new="a, public", max-age=60'),
    (r'x-new="a\"", public', r'private, x-new="a\""'),
]


@pytest.mark.parametrize(("own", "said"), OWN)
async def test_a_cookie_of_any_layer_takes_back_what_allowed_sharing(client_for, own, said):
    app = Nacre(middlewares=[CacheControl(no_cache=True), SetsCookie()])
    app.get("/")(lambda request: Response("x", headers={"cache-control": own}))
    async with client_for(app) as client:
        response = await client.get("/")
    assert response.headers.getlist("cache-control") == [said]


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("expires", [{}, {"expires": "Thu, 01 Jan 2099 00:00:00 GMT"}], ids=["silent", "expires"])
async def test_a_cookie_is_private_where_the_layer_itself_says_nothing(client_for, status, expires):
    app = Nacre(middlewares=[CacheControl(public=True, max_age=60), SetsCookie()])
    app.get("/")(lambda request: Response("x", status, expires))
    async with client_for(app) as client:
        said = (await client.get("/")).headers.getlist("cache-control")
    assert said == ["private, max-age=60" if status == 200 and not expires else "private"]


def test_it_stands_outside_of_what_sets_cookies():
    app = Nacre(middlewares=[SetsCookie(), CacheControl(no_store=True)])
    app.get("/")(lambda request: "")
    with pytest.raises(ConfigurationError, match="CacheControl"):
        app.compile()


async def test_the_innermost_layer_says_it(client_for):
    app = Nacre(middlewares=[CacheControl(no_store=True)])
    app.get("/", middlewares=[CacheControl(max_age=5)])(lambda request: "")
    async with client_for(app) as client:
        assert (await client.get("/")).headers.getlist("cache-control") == ["max-age=5"]


def test_a_mark_without_a_layer_is_found_at_startup():
    app = Nacre()
    app.get("/")(cache_control(max_age=3)(lambda request: ""))
    with pytest.raises(ConfigurationError, match="cache control"):
        app.compile()


@pytest.mark.parametrize(
    ("directives", "message"),
    [
        ({}, "says nothing"),
        ({"public": False}, "says nothing"),
        ({"public": True, "private": True}, "both public and private"),
        ({"no_store": True, "max_age": 3}, "says no_store, and max_age"),
        ({"private": True, "s_maxage": 3}, "s_maxage for shared caches"),
        ({"immutable": True}, "immutable without an age"),
        ({"max_age": 3, "must_revalidate": True, "stale_if_error": 3}, "forbids stale_if_error"),
        ({"max_age": -1}, "max_age=-1"),
        ({"max_age": True}, "max_age=True"),
        ({"max_age": "60"}, "max_age='60'"),
        ({"max_age": float("nan")}, "max_age=nan"),
        ({"max_age": float("inf")}, "max_age=inf"),
        ({"public": "yes"}, "public='yes'"),
        ({"maxage": 3}, "takes no maxage"),
    ],
)
def test_directives_that_contradict_each_other_are_mistakes(directives, message):
    with pytest.raises(ConfigurationError, match=message):
        CacheControl(**directives)
    with pytest.raises(ConfigurationError, match=message) as caught:
        cache_control(**directives)
    assert caught.value.problems[0].where.file == __file__


@pytest.mark.parametrize(
    ("values", "directives"),
    [
        (["no-store"], {"no-store": None}),
        (["Private, MAX-AGE=5"], {"private": None, "max-age": "5"}),
        (["max-age = 5 , x"], {"max-age": "5", "x": None}),
        (['private="a, b", no-cache'], {"private": "a, b", "no-cache": None}),
        (["max-age=1, max-age=2", "max-age=3"], {"max-age": "1"}),
        ([",, ,", '"', "=5", "a b=c"], {}),
        (['x="never ends, y'], {"x": "never ends, y"}),
    ],
)
def test_directives_are_parsed_without_case(values, directives):
    assert parse_cache_control(values) == directives


@given(st.text())
def test_any_text_can_be_parsed(text):
    assert all(name == name.lower() for name in parse_cache_control([text]))
