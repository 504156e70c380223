"""CORS in chains: where it may stand, which policy holds, and what it is told at startup."""

import re

import pytest

from nacre import ConfigurationError, Group, Middleware, Nacre
from nacre.security import CORS, CSRF, TrustedHosts
from nacre.testing import TestClient
from nacre.websocket import WebSocket

SITE, PARTNER, OTHER = "https://shop.example", "https://partner.example", "https://evil.example"


class Guard:
    """Stands for authentication: nothing without a header gets in."""

    provides = ("user",)

    async def __call__(self, request, call_next):
        from nacre import Response

        if "authorization" not in request.headers:
            return Response("who are you?", 401)
        return await call_next(request)


def preflight(client, path, method="PUT", origin=SITE, **more):
    return client.options(path, headers={"origin": origin, "access-control-request-method": method, **more})


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(
            lambda: CORS(["*"], credentials=True), "lets every site read what a user may see", id="starlette#3137"
        ),
        pytest.param(lambda: CORS(["null"], credentials=True), "every sandboxed frame", id="null with credentials"),
        pytest.param(lambda: CORS("https://a.example"), "are a list, not a text", id="a text"),
        pytest.param(lambda: CORS(["https://a.example/"]), "leave out the slash", id="a slash"),
        pytest.param(lambda: CORS(["a.example"]), "write scheme and host", id="no scheme"),
        pytest.param(lambda: CORS([1]), "one of them is of type int", id="a number"),
        pytest.param(lambda: CORS(None), "not NoneType", id="none"),
        pytest.param(lambda: CORS(["https://*.com"]), "every site below .com", id="too wide"),
        pytest.param(lambda: CORS(["https://*.127.0.0.1"]), "an address has no subdomains", id="below an address"),
        pytest.param(lambda: CORS(["https://a.*.example"]), "is no origin", id="a star inside"),
        pytest.param(lambda: CORS(["*", SITE]), "others are listed beside it", id="all and one"),
        pytest.param(lambda: CORS(["https://straße.example"]), "is no origin", id="ambiguous IDNA"),
        pytest.param(lambda: CORS(origin_regex="("), "no regular expression", id="a broken pattern"),
        pytest.param(lambda: CORS(origin_regex=5), "not of type int", id="a number for a pattern"),
        pytest.param(lambda: CORS(origin_regex=re.compile(rb"x")), "not of type bytes", id="a pattern of bytes"),
        pytest.param(lambda: CSRF(cors=[SITE]), "not of type list", id="a list for the layer"),
        pytest.param(lambda: CORS([SITE], methods="PUT"), "the methods are a list", id="methods as a text"),
        pytest.param(lambda: CORS([SITE], methods=["put"]), "isn't in capitals", id="small methods"),
        pytest.param(lambda: CORS([SITE], methods=["P T"]), "is no name", id="no method"),
        pytest.param(lambda: CORS([SITE], headers=["X-A\r\nX-B"]), "is no name", id="no header"),
        pytest.param(lambda: CORS([SITE], expose=["a: b"]), "is no name", id="nothing to expose"),
        pytest.param(lambda: CORS([SITE], expose=["*"], credentials=True), "with credentials", id="expose all"),
        pytest.param(lambda: CORS([SITE], max_age=-1), "number of seconds", id="a negative age"),
        pytest.param(lambda: CORS([SITE], max_age=True), "number of seconds", id="no age"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, says):
    with pytest.raises(ConfigurationError, match=re.escape(says)) as caught:
        make()
    assert caught.value.problems[0].where.file == __file__


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        CORS(["a", "b/"], methods=["x y"], max_age=-1)
    assert len(caught.value.problems) == 5


def test_a_preflight_is_answered_before_authentication(transport):
    app = Nacre(middlewares=[CORS([SITE]), Guard()])
    app.put("/")(lambda: "put")
    with TestClient(app, transport) as client:
        answer = preflight(client, "/")
        assert (answer.status, answer.headers["access-control-allow-methods"]) == (204, "PUT")
        refused = client.put("/", headers={"origin": SITE})
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (401, SITE)
        assert client.options("/").status == 401


@pytest.mark.parametrize("place", ["app", "group", "route"])
def test_cors_inside_of_authentication_is_an_error_at_startup(place):
    inside = [CORS([SITE])]
    app = Nacre(middlewares=[Guard(), *(inside if place == "app" else [])])
    group = Group("/g", middlewares=inside if place == "group" else [])
    group.get("/", middlewares=inside if place == "route" else [])(lambda: "x")
    app.include(group)
    with pytest.raises(ConfigurationError, match="must stand outside of layer `Guard`"):
        app.compile()


def layered():
    """The application's policy, a group's in front of it, a route's in front of both; and one that closes a route."""
    app = Nacre(middlewares=[CORS([SITE], credentials=True)])
    app.get("/open")(lambda: "open")
    app.get("/closed", middlewares=[CORS([])])(lambda: "closed")
    group = Group("/partners", middlewares=[CORS([PARTNER])])
    group.get("/list")(lambda: "list")
    group.put("/list", middlewares=[CORS(["https://one.example"])])(lambda: "put")
    app.include(group)
    return app


@pytest.mark.parametrize(
    ("path", "method", "origin", "granted"),
    [
        pytest.param("/open", "GET", SITE, True, id="the application's"),
        pytest.param("/open", "GET", PARTNER, False, id="not the group's"),
        pytest.param("/closed", "GET", SITE, False, id="a route that lists nobody"),
        pytest.param("/partners/list", "GET", PARTNER, True, id="the group's"),
        pytest.param("/partners/list", "GET", SITE, False, id="not the application's"),
        pytest.param("/partners/list", "PUT", "https://one.example", True, id="the route's"),
        pytest.param("/partners/list", "PUT", PARTNER, False, id="not the group's for the route"),
        pytest.param("/partners/none", "GET", PARTNER, True, id="an unknown path of the group"),
        pytest.param("/none", "GET", SITE, True, id="an unknown path"),
    ],
)
def test_the_innermost_policy_holds_for_requests_and_preflights(transport, path, method, origin, granted):
    with TestClient(layered(), transport) as client:
        answer = client.request(method, path, headers={"origin": origin})
        asked = preflight(client, path, method, origin)
    expected = [origin] if granted else []
    assert answer.headers.getlist("access-control-allow-origin") == expected
    assert asked.status == 204
    assert asked.headers.getlist("access-control-allow-origin") == expected
    assert asked.headers.getlist("access-control-allow-methods") == ([method] if granted else [])
    assert ("access-control-allow-credentials" in answer.headers) is (granted and origin == SITE)


def test_the_chain_says_which_policy_is_applied():
    chain = layered().explain("GET", "/partners/list").chain
    assert [layer.name for layer in chain.layers] == ["CORS"]
    assert [layer.skipped for layer in chain.skipped] == ["the CORS layer outside of it applies its policy"]


def test_a_preflight_for_one_method_grants_no_other(transport):
    app = Nacre()
    app.get("/", middlewares=[CORS([SITE])])(lambda: "get")
    app.delete("/", middlewares=[CORS([PARTNER])])(lambda: "delete")
    with TestClient(app, transport) as client:
        assert preflight(client, "/", "GET").headers["access-control-allow-methods"] == "GET"
        assert "access-control-allow-origin" not in preflight(client, "/", "DELETE").headers
        assert preflight(client, "/", "DELETE", PARTNER).headers["access-control-allow-methods"] == "DELETE"


def test_a_handler_of_options_gets_what_is_no_preflight(transport):
    app = Nacre(middlewares=[CORS([SITE])])
    app.options("/")(lambda: "mine")
    with TestClient(app, transport) as client:
        assert client.options("/", headers={"origin": SITE}).text == "mine"
        assert preflight(client, "/", "PUT").status == 204


def test_words_place_it_like_any_layer(transport):
    app = Nacre(middlewares=[Middleware(CORS([SITE]), only="/api/*")])
    app.get("/api/x")(lambda: "x")
    app.get("/page")(lambda: "page")
    with TestClient(app, transport) as client:
        assert client.get("/api/x", headers={"origin": SITE}).headers["access-control-allow-origin"] == SITE
        page = client.get("/page", headers={"origin": SITE})
        assert not {"access-control-allow-origin", "vary"} & set(page.headers)


def test_an_answer_of_an_outer_layer_has_the_fields_too(transport):
    app = Nacre(middlewares=[TrustedHosts(["shop.example"]), CORS([SITE])])
    app.get("/")(lambda: "x")
    with TestClient(app, transport) as client:
        answer = client.get("/", headers={"origin": SITE, "host": "other.example"})
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (400, SITE)


# Strictly.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 200, id="no browser"),
        pytest.param({"origin": SITE}, 200, id="listed"),
        pytest.param({"origin": OTHER}, 403, id="another"),
        pytest.param({"origin": "null"}, 403, id="null"),
        pytest.param({"origin": "http://testserver"}, 200, id="its own"),
        pytest.param({"origin": "http://testserver:80"}, 200, id="its own with the port"),
        pytest.param({"origin": "https://testserver"}, 403, id="its own, another scheme"),
        pytest.param({"origin": "http://testserver:81"}, 403, id="its own, another port"),
        pytest.param(
            {"origin": "https://testserver", "sec-fetch-site": "same-origin"}, 200, id="its own says the browser"
        ),
    ],
)
def test_strictly_other_origins_get_nothing(transport, headers, status):
    ran = []
    app = Nacre(middlewares=[CORS([SITE], strict=True)])
    app.post("/")(lambda: ran.append(1))
    with TestClient(app, transport) as client:
        answer = client.post("/", headers=headers)
    assert (answer.status == 403) is (status == 403)
    assert bool(ran) is (status == 200)
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("options", "asks", "status"),
    [
        pytest.param({}, {}, 204, id="what may be"),
        pytest.param({"methods": ["GET"]}, {}, 403, id="another method"),
        pytest.param({"headers": []}, {"access-control-request-headers": "x-a"}, 403, id="another header"),
        pytest.param({}, {"access-control-request-private-network": "true"}, 403, id="a private network"),
        pytest.param({"private_network": True}, {"access-control-request-private-network": "true"}, 204, id="allowed"),
    ],
)
def test_strictly_a_preflight_is_granted_as_a_whole_or_refused(transport, options, asks, status):
    app = Nacre(middlewares=[CORS([SITE], strict=True, **options)])
    app.put("/")(lambda: "x")
    with TestClient(app, transport) as client:
        assert preflight(client, "/", **asks).status == status
        assert preflight(client, "/", origin="http://testserver").status == 204


# WebSockets.


async def test_a_websocket_asks_its_own_list(client_for):
    app = Nacre(middlewares=[CORS([SITE], strict=True)])

    @app.websocket("/live", origins=[PARTNER])
    async def live(ws: WebSocket):
        await ws.accept()
        await ws.send("hello")

    async with client_for(app) as client:
        async with client.websocket("/live", headers={"origin": PARTNER}) as session:
            assert await session.receive() == "hello"


# Risks.


@pytest.mark.parametrize(
    ("layer", "severities"),
    [
        pytest.param(CORS([SITE], credentials=True), [], id="listed"),
        pytest.param(CORS(["*"]), ["low"], id="all"),
        pytest.param(CORS(origin_regex=".*"), ["medium"], id="a pattern for all"),
        pytest.param(
            CORS(origin_regex=r"https?://.*", credentials=True), ["high"], id="a pattern for all, with cookies"
        ),
        pytest.param(CORS(origin_regex=r"https://good.example"), ["medium"], id="CVE-2026-25478"),
        pytest.param(CORS(origin_regex=r"https://[a-z.]+\.good\.example"), [], id="a sound pattern"),
        pytest.param(CORS(["http://a.example"], credentials=True), ["medium"], id="plain HTTP with cookies"),
        pytest.param(CORS(["http://localhost:3000", "http://*.localhost"], credentials=True), [], id="this machine"),
        pytest.param(CORS(["null"]), ["medium"], id="null"),
    ],
)
def test_policies_that_allow_much_are_told(layer, severities):
    assert [risk.severity for risk in layer.find_risks()] == severities


def test_it_shows_what_it_lists():
    assert repr(CORS([SITE])) == f"CORS(['{SITE}'])"


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param("PUT", True, id="a method"),
        pytest.param("x-mine", True, id="one of one's own"),
        pytest.param("A" * 32, True, id="a long one"),
        pytest.param("A" * 33, False, id="too long"),
        pytest.param("PUT, DELETE", False, id="two"),
        pytest.param(",PUT", False, id="a comma in front"),
        pytest.param("", False, id="none"),
    ],
)
def test_where_no_route_answers_any_method_is_granted(asked, granted, transport):
    with TestClient(Nacre(middlewares=[CORS([SITE])]), transport) as client:
        answer = preflight(client, "/nothing", asked)
    assert answer.headers.getlist("access-control-allow-methods") == ([asked] if granted else [])


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param("X-A", "x-a", id="one"),
        pytest.param("x-a ,\tX-B", "x-a, x-b", id="two, spaces"),
        pytest.param("x-a,,x-a", "x-a", id="twice"),
        pytest.param("x a,x-b", "x-b", id="no name"),
        pytest.param("x-a:,(x-b", None, id="no names"),
        pytest.param("x" * 4096, "x" * 4096, id="long"),
        pytest.param("x" * 4097, None, id="too long"),
    ],
)
def test_names_of_header_fields_are_granted_as_they_are_read(asked, granted, transport):
    app = Nacre(middlewares=[CORS([SITE], expose=["X-Total"])])
    app.put("/")(lambda: "x")
    with TestClient(app, transport) as client:
        answer = preflight(client, "/", **{"access-control-request-headers": asked})
    assert answer.headers.get("access-control-allow-headers") == granted
    assert "access-control-expose-headers" not in answer.headers


def test_a_malformed_request_is_no_preflight(transport):
    app = Nacre(middlewares=[CORS([SITE])])
    app.put("/")(lambda: "x")
    with TestClient(app, transport) as client:
        assert preflight(client, "/", host="a b").status == 400


def test_chains_say_why_it_is_left_out():
    app = Nacre(middlewares=[CORS([SITE]), CSRF(protect_all=False)])
    app.websocket("/ws")(_accept)
    app.post("/")(lambda: "x")
    told = {
        layer.name: layer.skipped for chain in app.describe().chains for layer in chain.skipped if chain.path == "/ws"
    }
    assert told == {
        "CORS": "a WebSocket's own `origins` say whose pages may connect",
        "CSRF": "a WebSocket checks the origin itself",
    }
    assert [layer.skipped for layer in app.explain("POST", "/").chain.skipped] == ["not marked @csrf.protect"]


async def _accept(ws: WebSocket):
    await ws.accept()
