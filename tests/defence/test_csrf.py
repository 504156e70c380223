"""Protection against forged requests in chains: marks, places, CORS beside it; tokens in pages."""

import functools
import gc
import re
import weakref

import pytest

from nacre import ConfigurationError, Group, Middleware, Nacre, Request
from nacre.security import CORS, CSRF, CSRFToken, csrf, csrf_token
from nacre.sessions import Sessions
from nacre.state import TEMPLATE_CONTEXT
from nacre.templates import Jinja, MiniJinja
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket

SECRET = "mIeW4XqZ0t7yVn2cJr8sKp5uLh3gDf6b"
SITE = "https://shop.example"
FOREIGN = {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda: CSRF(origins="https://a.example"), "are a list, not a text", id="a text"),
        pytest.param(lambda: CSRF(origins=["a"]), "is no origin", id="no origin"),
        pytest.param(lambda: CSRF(origins=["*"]), "is no protection", id="everyone"),
        pytest.param(lambda: CSRF(origins=["null"]), "is no protection", id="null"),
        pytest.param(lambda: CSRF(origins=[SITE], cors=CORS([SITE])), "both say", id="two lists"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, says):
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        make()


# Marks.


def noting(function):
    """A decorator as users write them."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def declared_below(app):
    @app.post("/")
    @csrf.exempt
    @noting
    def hook():
        return "x"


def declared_innermost(app):
    @app.post("/")
    @noting
    @csrf.exempt
    def hook():
        return "x"


def declared_above(app):
    @csrf.exempt
    @app.post("/")
    @noting
    def hook():
        return "x"


@pytest.mark.parametrize("declare", [declared_below, declared_innermost, declared_above])
def test_exempt_stands_anywhere_among_the_decorators(declare, transport):
    app = Nacre(middlewares=[CSRF()])
    declare(app)
    with TestClient(app, transport) as client:
        assert client.post("/", headers=FOREIGN).status == 200


@pytest.mark.parametrize("marks", [(csrf.exempt, csrf.protect), (csrf.protect, csrf.exempt)])
def test_protect_counts_more_than_exempt(marks, transport):
    app = Nacre(middlewares=[CSRF(protect_all=False)])
    handler = marks[0](marks[1](lambda: "x"))
    app.route("/", methods=["GET", "POST"])(handler)
    with TestClient(app, transport) as client:
        assert [client.request(method, "/", headers=FOREIGN).status for method in ("GET", "HEAD", "POST")] == [403] * 3
        answer = client.get("/", headers={"sec-fetch-site": "same-origin"})
        assert (answer.status, answer.headers["vary"]) == (200, "Sec-Fetch-Site, Origin")


def test_without_protect_all_only_marked_handlers_are_checked(transport):
    app = Nacre(middlewares=[CSRF(protect_all=False)])
    app.post("/open")(lambda: "x")
    app.post("/closed")(csrf.protect(lambda: "x"))
    with TestClient(app, transport) as client:
        assert client.post("/open", headers=FOREIGN).status == 200
        assert client.post("/closed", headers=FOREIGN).status == 403


def test_protect_without_a_layer_is_an_error_at_startup():
    app = Nacre()
    app.post("/")(csrf.protect(lambda: "x"))
    with pytest.raises(ConfigurationError, match=r"the mark `csrf_protect` .* requires `csrf`"):
        app.compile()


def test_routes_that_are_not_checked_do_not_pass_the_layer():
    app = Nacre(middlewares=[CSRF()])
    app.get("/")(lambda: "x")
    app.post("/")(lambda: "x")
    app.post("/hook")(csrf.exempt(lambda: "x"))
    app.websocket("/ws")(_echo)
    reasons = {
        (method, path): [layer.skipped for layer in app.explain(method, path).chain.skipped]
        for method, path in (("GET", "/"), ("POST", "/"), ("POST", "/hook"), ("POST", "/none"))
    }
    assert reasons == {
        ("GET", "/"): ["GET is a safe method"],
        ("POST", "/"): [],
        ("POST", "/hook"): ["marked @csrf.exempt"],
        ("POST", "/none"): ["no route answers, so nothing is changed"],
    }


async def _echo(ws: WebSocket):
    await ws.accept()
    await ws.send("hello")


async def test_a_websocket_asks_its_own_list(client_for):
    app = Nacre(middlewares=[Sessions(SECRET), CSRF(), CSRFToken()])
    app.websocket("/ws", origins=[SITE])(_echo)
    headers = {"origin": SITE, "sec-fetch-site": "cross-site"}
    async with client_for(app) as client, client.websocket("/ws", headers=headers) as session:
        assert await session.receive() == "hello"


# CORS beside it.


@pytest.mark.parametrize("order", ["outside", "inside"])
def test_it_trusts_whom_the_cors_layer_of_the_route_lists(order, transport):
    layers = [CORS([SITE]), CSRF()]
    app = Nacre(middlewares=layers if order == "outside" else layers[::-1])
    app.post("/")(lambda: "x")
    app.post("/own", middlewares=[CORS(["https://other.example"])])(lambda: "x")
    with TestClient(app, transport) as client:
        headers = {"sec-fetch-site": "cross-site", "origin": SITE}
        assert client.post("/", headers=headers).status == 200
        refused = client.post("/", headers=FOREIGN)
        assert (refused.status, refused.headers["vary"]) == (403, "Accept, Origin")
        assert client.post("/own", headers=headers).status == 403


def test_its_own_list_counts_instead_of_that_of_cors(transport):
    app = Nacre(middlewares=[CORS([SITE]), CSRF(origins=["https://other.example"])])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        assert client.post("/", headers={"origin": SITE}).status == 403
        assert client.post("/", headers={"origin": "https://other.example"}).status == 200


def test_the_innermost_of_several_decides(transport):
    app = Nacre(middlewares=[CSRF()])
    group = Group("/api", middlewares=[CSRF(origins=[SITE])])
    group.post("/")(lambda: "x")
    app.include(group)
    with TestClient(app, transport) as client:
        assert client.post("/api/", headers={"origin": SITE}).status == 200
        assert client.post("/api/", headers=FOREIGN).status == 403
    [outer] = app.explain("POST", "/api/").chain.skipped
    assert outer.skipped == "a CSRF layer further in decides"


def test_origins_below_its_own_list_are_trusted_if_it_says_so(transport):
    for subdomains, status in ((True, 200), (False, 403)):
        app = Nacre(middlewares=[CSRF(origins=[SITE], subdomains=subdomains)])
        app.post("/")(lambda: "x")
        with TestClient(app, transport) as client:
            assert client.post("/", headers={"origin": "https://a.shop.example"}).status == status


async def test_a_mounted_application_is_protected(client_for):
    async def inner(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"inner"})

    app = Nacre(middlewares=[CSRF()])
    app.mount("/inner", inner)
    async with client_for(app) as client:
        assert (await client.post("/inner/x", headers=FOREIGN)).status == 403
        assert (await client.get("/inner/x", headers=FOREIGN)).text == "inner"


async def _accepts(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "inner"})
    await send({"type": "websocket.close"})


OPENERS = {
    "no page": ({}, True),
    "a page of the site": ({"origin": "https://shop.example"}, True),
    "a page of another site": ({"origin": "https://evil.example"}, False),
    "a page of another site, told twice": (FOREIGN, False),
    "the same host without TLS": ({"origin": "http://shop.example"}, False),
    "a trusted page": ({"origin": "https://partner.example", "sec-fetch-site": "cross-site"}, True),
}


@pytest.mark.parametrize(("headers", "is_let_in"), OPENERS.values(), ids=OPENERS)
@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: CSRF(origins=["https://partner.example"]), id="CSRF"),
        pytest.param(lambda: CORS(["https://partner.example"], strict=True), id="strict CORS"),
    ],
)
async def test_pages_of_other_sites_open_no_websocket_of_a_mounted_application(client_for, layer, headers, is_let_in):
    app = Nacre(middlewares=[layer()])
    app.mount("/inner", _accepts)
    async with client_for(app, host="shop.example", scheme="https") as client:
        if is_let_in:
            async with client.websocket("/inner/ws", headers=headers) as session:
                assert await session.receive() == "inner"
            return
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/inner/ws", headers=headers):
                pass
    assert denied.value.response.status == 403


def test_two_origins_are_nobodys(transport):
    app = Nacre(middlewares=[CSRF(origins=[SITE])])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        answer = client.post("/", headers=[("origin", SITE), ("origin", SITE)])
    assert answer.status == 403 or transport == "wsgi"  # which joins them, and that is no origin


def test_a_refusal_repeats_nothing_that_was_sent(transport):
    app = Nacre(middlewares=[CSRF()])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        text = client.post("/", headers={"origin": "https://<script>.example"}).text
    assert "script" not in text


# Tokens.


def tokens(**options):
    return Nacre(middlewares=[Sessions(SECRET), CSRFToken(**options)])


def test_a_token_is_another_text_each_time_and_all_are_good(transport):
    app = tokens()
    app.get("/")(lambda request: [csrf_token(request), csrf_token(request)])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        texts = [*client.get("/").json(), *client.get("/").json()]
        assert len({text[:43] for text in texts}) == len({text[43:] for text in texts}) == 4
        assert {client.post("/", headers={"x-csrf-token": text}).status for text in texts} == {200}


@pytest.mark.parametrize("engine", [Jinja, MiniJinja], ids=["jinja", "minijinja"])
def test_templates_have_the_field_and_the_token(engine, transport):
    page = '<form>{{ csrf_input() }}</form><meta content="{{ csrf_token() }}">'
    templates = engine({"form.html": page})
    app = tokens()

    @app.get("/")
    def form(request: Request):
        return templates.response("form.html", request)

    @app.get("/plain")
    def plain():
        return "x"

    @app.post("/")
    def sent():
        return "sent"

    with TestClient(app, transport) as client:
        assert "set-cookie" not in client.get("/plain").headers
        shown = client.get("/")
        found = re.fullmatch(
            r'<form><input type="hidden" name="csrf_token" value="([\w-]{86})"></form><meta content="([\w-]{86})">',
            shown.text,
        )
        assert found
        assert "set-cookie" in shown.headers
        assert client.post("/", form={"csrf_token": found[1]}).text == "sent"
        assert client.post("/", headers={"x-csrf-token": found[2]}).text == "sent"
        assert client.post("/", form={"csrf_token": ""}).status == 403


@pytest.mark.parametrize("engine", [Jinja, MiniJinja], ids=["jinja", "minijinja"])
def test_a_request_leaves_nothing_for_the_garbage_collector(engine, transport):
    app, held = tokens(), []
    templates = engine({"form.html": "{{ csrf_input() }}"})

    # A worker thread may still be on its way out of the last plain function, and hold what that was given.
    @app.get("/")
    async def form(request: Request):
        held.append(weakref.ref(request))
        return templates.response("form.html", request)

    @app.post("/")
    async def sent(request: Request):
        held.append(weakref.ref(request))
        return "sent"

    with TestClient(app, transport) as client:
        gc.disable()
        try:
            token = re.search(r"[\w-]{86}", client.get("/").text)[0]
            client.post("/", headers={"x-csrf-token": token})
            client.post("/", form={"csrf_token": token})
            client.get("/nowhere")  # the client may look at the last one
            assert [reference() for reference in held] == [None, None, None]
        finally:
            gc.enable()


def test_what_all_requests_give_templates_is_not_written_to(transport):
    app = tokens()

    @app.get("/")
    def write(request: Request):
        with pytest.raises(TypeError, match="does not support item assignment"):
            request.state[TEMPLATE_CONTEXT]["tenant"] = "acme"
        return "kept"

    with TestClient(app, transport) as client:
        assert client.get("/").text == "kept"


def test_a_route_that_is_exempt_or_safe_is_not_checked(transport):
    app = tokens()
    app.post("/hook")(csrf.exempt(lambda: "x"))
    app.get("/")(lambda: "x")
    app.get("/closed")(csrf.protect(lambda: "x"))
    with TestClient(app, transport) as client:
        assert client.post("/hook").status == 200
        assert client.get("/").status == 200
        assert client.get("/closed").status == 403


def test_a_malformed_form_is_the_clients_mistake(transport):
    app = tokens()
    app.get("/")(csrf_token_of)
    app.post("/")(lambda: "x")
    kind = {"content-type": "multipart/form-data; boundary=x"}
    with TestClient(app, transport) as client:
        client.get("/")
        assert client.post("/", content=b"--x\r\nbroken", headers=kind).status == 400
        assert client.post("/", content=b"x" * 2_000_000, headers=kind).status == 413


def csrf_token_of(request: Request):
    return csrf_token(request)


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        pytest.param(lambda: [CSRFToken()], "requires `session`", id="no sessions"),
        pytest.param(lambda: [CSRFToken(), Sessions(SECRET)], "provides it further in", id="sessions inside"),
        pytest.param(
            lambda: [Sessions(SECRET), CSRFToken(), _Login()], "must stand inside of layer `_Login`", id="before login"
        ),
    ],
)
def test_session_then_login_then_token(layers, says):
    app = Nacre(middlewares=layers())
    app.post("/")(lambda: "x")
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        app.compile()


class _Login:
    provides = ("user",)

    async def __call__(self, request, call_next):
        return await call_next(request)


def test_the_token_needs_sessions_where_it_is_asked_for(transport):
    app = Nacre()
    app.get("/")(csrf_token_of)
    with TestClient(app, transport, raise_errors=False) as client:
        assert client.get("/").status == 500


def test_both_kinds_stand_together(transport):
    app = Nacre(middlewares=[Sessions(SECRET), CSRF(), CSRFToken()])
    app.get("/")(csrf_token_of)
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        good = {"x-csrf-token": client.get("/").text}
        assert client.post("/", headers=good).status == 200
        assert client.post("/", headers=good | FOREIGN).status == 403
        assert client.post("/").status == 403


def test_words_place_the_layer(transport):
    app = Nacre(middlewares=[Middleware(CSRF(), skip="/hooks/*")])
    app.post("/hooks/a")(lambda: "x")
    app.post("/b")(lambda: "x")
    with TestClient(app, transport) as client:
        assert client.post("/hooks/a", headers=FOREIGN).status == 200
        assert client.post("/b", headers=FOREIGN).status == 403


@pytest.mark.parametrize("layers", [[CSRF()], [Sessions(SECRET), CSRFToken()]], ids=["origin", "token"])
def test_a_layer_that_changes_the_method_opens_nothing(layers, transport):
    async def override(request, call_next):
        request.method = "GET"
        return await call_next(request)

    app = Nacre(middlewares=[override, *layers])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        assert client.post("/", headers=FOREIGN).status == 403
