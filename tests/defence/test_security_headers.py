"""Header fields of security: on every answer, the handler's own first, nonces that differ, checked policies."""

import re

import pytest

from nacre import ConfigurationError, Group, HTMLResponse, Nacre, RedirectResponse, Request, Response, StreamingResponse
from nacre.conditional import ConditionalGet
from nacre.security import NONCE, SecurityHeaders, csp_nonce
from nacre.templates import Jinja, MiniJinja
from nacre.testing import TestClient
from nacre.websocket import WebSocket

DEFAULTS = {
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "content-security-policy": "base-uri 'self'; object-src 'none'; frame-ancestors 'none'",
}
SCRIPTS = {"script-src": ["'self'", NONCE]}


def serving(*layers):
    app = Nacre(middlewares=list(layers))
    app.get("/")(lambda: "pearls")
    app.get("/broken")(lambda: 1 / 0)
    app.get("/away")(lambda: RedirectResponse("/"))
    app.get("/stream")(lambda: StreamingResponse(iter(["a"])))
    return app


@pytest.mark.parametrize(
    "request_line", ["GET /", "GET /nothing", "PUT /", "OPTIONS /", "GET /broken", "GET /away", "GET /stream"]
)
def test_every_answer_has_them(request_line, transport):
    method, path = request_line.split()
    with TestClient(serving(SecurityHeaders()), transport) as client:
        headers = client.request(method, path).headers
    assert {name: headers.getlist(name) for name in DEFAULTS} == {name: [value] for name, value in DEFAULTS.items()}


def test_a_304_has_them(transport):
    with TestClient(serving(ConditionalGet(), SecurityHeaders()), transport) as client:
        answer = client.get("/", headers={"if-none-match": "*"})
    assert answer.status == 304
    assert answer.headers["content-security-policy"] == DEFAULTS["content-security-policy"]


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        pytest.param({"frame": "SAMEORIGIN"}, "x-frame-options", "SAMEORIGIN", id="frame"),
        pytest.param(
            {"frame": "SAMEORIGIN"},
            "content-security-policy",
            "base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
            id="the policy says the same",
        ),
        pytest.param({"frame": None}, "x-frame-options", None, id="no frame"),
        pytest.param(
            {"frame": None},
            "content-security-policy",
            "base-uri 'self'; object-src 'none'",
            id="no frame in the policy",
        ),
        pytest.param({"csp": None}, "content-security-policy", None, id="no policy"),
        pytest.param(
            {"csp": {"default-src": ["'self'"], "upgrade-insecure-requests": []}},
            "content-security-policy",
            "default-src 'self'; upgrade-insecure-requests",
            id="a policy",
        ),
        pytest.param(
            {"csp": "default-src 'self';  img-src *; "},
            "content-security-policy",
            "default-src 'self'; img-src *",
            id="a policy as a text",
        ),
        pytest.param(
            {"csp_report_only": {"script-src": ["'none'"], "report-to": ["csp"]}},
            "content-security-policy-report-only",
            "script-src 'none'; report-to csp",
            id="report only",
        ),
        pytest.param({"referrer": "no-referrer"}, "referrer-policy", "no-referrer", id="referrer"),
        pytest.param({"referrer": None}, "referrer-policy", None, id="no referrer"),
        pytest.param(
            {"coop": "same-origin-allow-popups"}, "cross-origin-opener-policy", "same-origin-allow-popups", id="coop"
        ),
        pytest.param({"coep": "require-corp"}, "cross-origin-embedder-policy", "require-corp", id="coep"),
        pytest.param({"corp": "cross-origin"}, "cross-origin-resource-policy", "cross-origin", id="corp"),
        pytest.param({"nosniff": False}, "x-content-type-options", None, id="sniff"),
        pytest.param(
            {"permissions": {"camera": [], "geolocation": ["self", "https://a.example"], "usb": ["*"]}},
            "permissions-policy",
            'camera=(), geolocation=(self "https://a.example"), usb=*',
            id="permissions",
        ),
    ],
)
def test_option(options, name, value, transport):
    with TestClient(serving(SecurityHeaders(**options)), transport) as client:
        assert client.get("/").headers.get(name) == value


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"frame": "ALLOW"}, "is no value of frame", id="frame"),
        pytest.param({"frame": "deny"}, "did you mean 'DENY'?", id="small frame"),
        pytest.param({"referrer": "no-referer"}, "did you mean 'no-referrer'?", id="referrer"),
        pytest.param({"coop": "same-site"}, "is no value of coop", id="coop"),
        pytest.param({"csp": {"script_src": ["'self'"]}}, "did you mean 'script-src'?", id="an underscore"),
        pytest.param({"csp": {"scripts": ["'self'"]}}, "there is no directive 'scripts'", id="no directive"),
        pytest.param({"csp": {"script-src": "'self'"}}, "the sources of script-src are a list", id="a text"),
        pytest.param({"csp": {"script-src": ["self"]}}, """write "'self'\"""", id="no quotes"),
        pytest.param({"csp": {"script-src": ["'self"]}}, "without its quotes", id="half of the quotes"),
        pytest.param({"csp": {"script-src": ["'self' https:"]}}, "more than one source", id="two in one"),
        pytest.param({"csp": {"script-src": ["a; img-src *"]}}, "more than one source", id="a directive inside"),
        pytest.param({"csp": {"script-src": ["a\r\nx-evil: 1"]}}, "is no source", id="a line inside"),
        pytest.param({"csp": {"script-src": [""]}}, "is no source", id="empty"),
        pytest.param({"csp": {"script-src": [None]}}, "is no source", id="none"),
        pytest.param(
            {"csp": {"script-src": ["'none'", "'self'"]}}, "has 'none' and other sources", id="none and others"
        ),
        pytest.param({"csp": {"base-uri": [NONCE]}}, "base-uri takes no nonce", id="a nonce elsewhere"),
        pytest.param({"csp": "img-src *\r\nx-evil: 1"}, "no control characters", id="a line in a text"),
        pytest.param({"csp": "img-src *; img-src a"}, "is there twice", id="twice"),
        pytest.param({"csp_report_only": {"x": []}}, "csp_report_only: there is no directive", id="report only"),
        pytest.param({"permissions": {"camara": []}}, "did you mean 'camera'?", id="permissions"),
        pytest.param({"permissions": {"camera": "self"}}, "are a list, not a text", id="a text in permissions"),
        pytest.param({"permissions": {"camera": None}}, "are a list, not NoneType", id="none in permissions"),
        pytest.param({"permissions": {"camera": ["'self'"]}}, "may use nothing", id="quotes in permissions"),
        pytest.param({"permissions": {"camera": ["none"]}}, "an empty list is for nobody", id="nobody"),
        pytest.param({"permissions": {"camera": ["*", "self"]}}, '"*" alone', id="all and one"),
        pytest.param({"permissions": "camera=()"}, "permissions are a dict, not of type str", id="permissions as text"),
        pytest.param({"permissions": {1: []}}, "'1' is no feature", id="a number in permissions"),
        pytest.param({"frame": ["DENY"]}, "is no value of frame", id="a list for a frame"),
        pytest.param({"csp": 5}, "a policy is a dict, not of type int", id="a number"),
        pytest.param({"csp": {}}, "protects nothing", id="an empty policy"),
        pytest.param({"csp": " ; "}, "protects nothing", id="an empty text"),
        pytest.param({"csp": {"script-src": ["nonce"]}}, "write NONCE", id="nonce without quotes"),
        pytest.param({"csp": {"script-src": ["'nonce-abc'"]}}, "the same in every page", id="a nonce for ever"),
        pytest.param({"csp": {"script-src": ["'unsafe-inlin'"]}}, """did you mean "'unsafe-inline'"?""", id="misspelt"),
        pytest.param({"csp": {"script-src": ["'sha256-abc="]}}, "is no source", id="half of a hash's quotes"),
        pytest.param({"permissions": {"camera": ['a"), usb=*']}}, "may use nothing", id="a quote in permissions"),
        pytest.param({"permissions": {"a\r\nb": []}}, "is no feature", id="a line in permissions"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, says):
    with pytest.raises(ConfigurationError, match=re.escape(says)) as caught:
        SecurityHeaders(**options)
    assert caught.value.problems[0].where.file == __file__


def test_all_mistakes_are_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        SecurityHeaders(frame="X", referrer="Y", csp={"a": [], "script-src": ["self"]})
    assert len(caught.value.problems) == 4


def test_the_handlers_own_field_stays(transport):
    app = serving(SecurityHeaders())
    app.get("/own")(
        lambda: Response("x", headers={"x-frame-options": "SAMEORIGIN", "content-security-policy": "img-src *"})
    )
    with TestClient(app, transport) as client:
        headers = client.get("/own").headers
    assert headers.getlist("x-frame-options") == ["SAMEORIGIN"]
    assert headers.getlist("content-security-policy") == ["img-src *"]
    assert headers["x-content-type-options"] == "nosniff"


def test_the_innermost_layer_decides(transport):
    app = serving(SecurityHeaders(permissions={"camera": []}))
    group = Group("/embed", middlewares=[SecurityHeaders(frame=None, csp={"frame-ancestors": ["https://a.example"]})])
    group.get("/player")(lambda: "x")
    app.include(group)
    with TestClient(app, transport) as client:
        for path in ("/embed/player", "/embed/nothing"):
            headers = client.get(path).headers
            assert headers["content-security-policy"] == "frame-ancestors https://a.example"
            assert not {"x-frame-options", "permissions-policy"} & set(headers)
        assert client.get("/").headers["x-frame-options"] == "DENY"


async def test_a_websocket_has_none_of_it(client_for):
    app = Nacre(middlewares=[SecurityHeaders(csp=SCRIPTS)])

    @app.websocket("/ws")
    async def ws(ws: WebSocket):
        await ws.accept()

    async with client_for(app) as client, client.websocket("/ws") as session:
        assert "content-security-policy" not in session.headers


# Nonces.


def nonces(headers, name="content-security-policy"):
    return re.findall(r"'nonce-([\w-]+)'", headers.get(name, ""))


def with_nonce(**options):
    app = Nacre(middlewares=[SecurityHeaders(**(options or {"csp": SCRIPTS}))])

    @app.get("/used")
    def used(request: Request):
        return HTMLResponse(f"{csp_nonce(request)} {csp_nonce(request)}")

    @app.get("/unused")
    def unused():
        return "x"

    @app.get("/stream")
    def stream(request: Request):
        def pieces():
            yield "begin "
            yield csp_nonce(request)

        return StreamingResponse(pieces())

    return app


def test_each_response_has_a_nonce_of_its_own(transport):
    with TestClient(with_nonce(), transport) as client:
        seen = set()
        for _ in range(5):
            answer = client.get("/used")
            one, again = answer.text.split(" ")
            assert one == again
            assert nonces(answer.headers) == [one]
            assert len(one) >= 22
            seen.add(one)
    assert len(seen) == 5


def test_a_nonce_that_nobody_uses_is_not_sent(transport):
    with TestClient(with_nonce(), transport) as client:
        assert client.get("/unused").headers["content-security-policy"] == "script-src 'self'"
        assert client.get("/nothing").headers["content-security-policy"] == "script-src 'self'"


def test_without_a_nonce_a_directive_of_nothing_else_allows_nothing(transport):
    with TestClient(with_nonce(csp={"script-src": [NONCE]}), transport) as client:
        assert client.get("/unused").headers["content-security-policy"] == "script-src 'none'"


def test_a_stream_may_come_to_its_nonce_later(transport):
    with TestClient(with_nonce(), transport) as client:
        answer = client.get("/stream")
    assert answer.text == f"begin {nonces(answer.headers)[0]}"


def test_both_policies_have_the_same_nonce(transport):
    with TestClient(with_nonce(csp=SCRIPTS, csp_report_only={"style-src": [NONCE]}), transport) as client:
        answer = client.get("/used")
    name = "content-security-policy-report-only"
    assert nonces(answer.headers) == nonces(answer.headers, name) == answer.text.split(" ")[:1]


def test_a_304_leaves_the_policy_of_the_page_that_the_client_has(transport):
    app = Nacre(middlewares=[ConditionalGet(), SecurityHeaders(csp=SCRIPTS)])
    app.get("/")(lambda: "x")
    with TestClient(app, transport) as client:
        answer = client.get("/", headers={"if-none-match": "*"})
    assert answer.status == 304
    assert "content-security-policy" not in answer.headers
    assert answer.headers["x-frame-options"] == "DENY"


def test_a_nonce_without_a_policy_that_has_one_is_an_error(transport, caplog):
    with TestClient(with_nonce(csp={"script-src": ["'self'"]}), transport) as client:
        assert client.get("/used").status == 500
    assert "csp_nonce() needs a SecurityHeaders layer" in caplog.text


@pytest.mark.parametrize("engine", [Jinja, MiniJinja], ids=["jinja", "minijinja"])
@pytest.mark.parametrize("text", ["{{ csp_nonce() }}", "{{ csp_nonce }}"])
def test_templates_have_the_nonce(engine, text, transport):
    templates = engine({"page.html": f'<script nonce="{text}"></script>'})
    app = Nacre(middlewares=[SecurityHeaders(csp=SCRIPTS)])

    @app.get("/")
    def page(request: Request):
        return templates.response("page.html", request)

    with TestClient(app, transport) as client:
        answer = client.get("/")
    assert answer.text == f'<script nonce="{nonces(answer.headers)[0]}"></script>'


@pytest.mark.parametrize(
    ("options", "severities"),
    [
        pytest.param({}, ["low"], id="nothing about scripts"),
        pytest.param({"csp": None}, ["low"], id="no policy"),
        pytest.param({"csp": SCRIPTS}, [], id="a nonce"),
        pytest.param({"csp": {"default-src": ["'self'"]}}, [], id="all from here"),
        pytest.param({"csp": {"default-src": ["'self'", "'unsafe-inline'"]}}, ["medium"], id="inline scripts"),
        pytest.param({"csp": {"script-src": [NONCE, "'unsafe-inline'"]}}, [], id="for old browsers"),
    ],
)
def test_weak_policies_are_told(options, severities):
    assert [risk.severity for risk in SecurityHeaders(**options).find_risks()] == severities
