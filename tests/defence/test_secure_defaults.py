"""The defaults as one item of a list, and what `nacre check --deploy` says of an application."""

import json
import sys
from typing import ClassVar

import pytest
from click.testing import CliRunner

from nacre import ConfigurationError, Group, Middleware, Nacre, wait
from nacre.cli import main
from nacre.security import (
    CORS,
    CSRF,
    HSTS,
    CSRFToken,
    HTTPSRedirect,
    ProxyHeaders,
    SecureDefaults,
    SecurityHeaders,
    TrustedHosts,
    csrf,
    csrf_token,
)
from nacre.sessions import MemoryStore, Sessions
from nacre.testing import TestClient

SECRET = "mIeW4XqZ0t7yVn2cJr8sKp5uLh3gDf6b"


def names(layers):
    return [type(layer).__name__ for layer in layers]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: SecureDefaults(), ["SecurityHeaders", "HSTS", "CSRF"], id="by default"),
        pytest.param(
            lambda: SecureDefaults(["a.example"]), ["SecurityHeaders", "HSTS", "TrustedHosts", "CSRF"], id="hosts"
        ),
        pytest.param(
            lambda: SecureDefaults(["a.example"], https_only=True, proxies=ProxyHeaders(["127.0.0.1"])),
            ["ProxyHeaders", "SecurityHeaders", "HSTS", "TrustedHosts", "HTTPSRedirect", "CSRF"],
            id="all",
        ),
        pytest.param(lambda: SecureDefaults(csp=None, hsts=None, csrf=False), ["SecurityHeaders"], id="left out"),
    ],
)
def test_what_it_consists_of(make, expected):
    assert names(make().layers) == expected


def test_the_order_is_right_at_startup():
    proxies = ProxyHeaders(["127.0.0.1"])
    app = Nacre(
        middlewares=[SecureDefaults(["a.example"], https_only=True, proxies=proxies), CORS(["https://b.example"])]
    )
    app.post("/")(lambda: "x")
    app.compile()
    shown = [layer.name for layer in app.explain("POST", "/", "a.example").chain.layers]
    assert shown == ["ProxyHeaders", "SecurityHeaders", "HSTS", "TrustedHosts", "HTTPSRedirect", "CSRF", "CORS"]


def test_layers_of_its_own_kind_are_taken_as_they_are():
    headers, hsts, check = SecurityHeaders(frame=None), HSTS(60), CSRF(subdomains=True)
    assert SecureDefaults(csp=headers, hsts=hsts, csrf=check).layers == (headers, hsts, check)


def test_a_site_is_protected(transport):
    app = Nacre(middlewares=[SecureDefaults(["testserver"])])
    app.route("/", methods=["GET", "POST"])(lambda: "x")
    with TestClient(app, transport, scheme="https") as client:
        headers = client.get("/").headers
        assert {"content-security-policy", "x-content-type-options", "strict-transport-security"} <= set(headers)
        assert client.post("/", headers={"sec-fetch-site": "cross-site"}).status == 403
        assert client.post("/").status == 200
        assert client.get("/", headers={"host": "evil.example"}).status == 400


def test_a_wrong_option_is_told_where_it_was_written():
    with pytest.raises(ConfigurationError) as caught:
        SecureDefaults("a.example")
    assert caught.value.problems[0].where.file == __file__


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"hsts": True}, "hsts is a HSTS, not of type bool", id="a flag for HSTS"),
        pytest.param({"csrf": "no"}, "csrf is a CSRF, not of type str", id="a text for CSRF"),
        pytest.param({"csrf": CSRFToken()}, "csrf is a CSRF, not of type CSRFToken", id="tokens for CSRF"),
        pytest.param({"proxies": ["10.0.0.1"]}, "proxies is a ProxyHeaders, not of type list", id="a list of proxies"),
        pytest.param({"csp": False}, "a policy is a dict, not of type bool", id="a flag for the policy"),
    ],
)
def test_a_layer_of_another_kind_is_refused(options, says):
    with pytest.raises(ConfigurationError, match=says):
        SecureDefaults(**options)


# nacre check --deploy.


def safe():
    hosts = ["shop.example"]
    defaults = SecureDefaults(hosts, csp={"default-src": ["'self'"]}, https_only=True)
    app = Nacre(middlewares=[defaults, Sessions(SECRET, secure=True)])
    app.route("/", methods=["GET", "POST"])(lambda: "x")
    return app


def bare(**options):
    app = Nacre(middlewares=[Sessions(SECRET)], **options)
    app.route("/", methods=["GET", "POST"])(lambda: "x")
    return app


def told(app, severity=None):
    return "\n".join(risk.what for risk in app.find_risks() if severity in (None, risk.severity))


def test_a_safe_application_has_no_risks():
    assert safe().find_risks() == ()


@pytest.mark.parametrize(
    ("make", "severity", "says"),
    [
        pytest.param(lambda: bare(debug=True), "high", "debug is on", id="debug"),
        pytest.param(lambda: bare(max_body=None), "medium", "no limit for request bodies", id="no limit"),
        pytest.param(lambda: bare(body_timeout=None), "medium", "take for ever", id="no timeout"),
        pytest.param(bare, "high", "with the user's session or password: POST /", id="forged requests"),
        pytest.param(bare, "medium", "any Host is served", id="hosts"),
        pytest.param(bare, "medium", "browsers aren't told", id="header fields"),
        pytest.param(bare, "medium", "come back by plain HTTP", id="HSTS"),
        pytest.param(bare, "low", "requests over plain HTTP are answered", id="HTTPS"),
    ],
)
def test_what_is_missing_is_told(make, severity, says):
    assert says in told(make(), severity)


def test_layers_tell_their_own_risks_once():
    app = safe()
    app.middlewares.append(CORS(origin_regex=".*", credentials=True))
    app.get("/more")(lambda: "x")
    assert told(app, "high").count("fits origins of strangers, with cookies") == 1


def test_routes_that_need_no_check_against_forged_requests_are_not_told():
    app = Nacre(middlewares=[Sessions(SECRET)])
    app.get("/")(lambda: "x")
    app.post("/hook")(csrf.exempt(lambda: "x"))
    assert "forge" not in told(app)
    assert "make a user's browser" not in told(app)
    group = Group("/g", middlewares=[CSRF()])
    group.post("/a")(lambda: "x")
    app.include(group)
    assert "make a user's browser" not in told(app)
    for number in range(5):
        app.post(f"/p{number}")(lambda: "x")
    assert "POST /p0, POST /p1, POST /p2 and 2 more" in told(app)


def test_a_protection_of_one_route_is_none_of_another():
    app = Nacre()
    app.get("/a", middlewares=[TrustedHosts(["a.example"]), HTTPSRedirect(), HSTS(), SecurityHeaders()])(lambda: "x")
    app.get("/b")(lambda: "x")
    assert "any Host is served, so links and caches can be poisoned by one: GET /b" in told(app)


def test_debug_of_a_mounted_application_is_told():
    inner = Nacre(debug=True)
    inner.get("/")(lambda: "x")
    app = safe()
    app.mount("/inner", inner)
    assert told(app, "high") == "debug is on in the mounted app /inner: errors show source code"


class Basic:
    provides = ("user",)
    security: ClassVar = {"basic": {"type": "http", "scheme": "basic"}}

    async def __call__(self, request, call_next):
        return await call_next(request)


class Bearer(Basic):
    security: ClassVar = {"bearer": {"type": "http", "scheme": "bearer"}}


@pytest.mark.parametrize(
    ("layer", "is_told"), [pytest.param(Basic, True, id="passwords"), pytest.param(Bearer, False, id="tokens")]
)
def test_users_that_browsers_tell_of_by_themselves_can_be_forged(layer, is_told):
    app = Nacre(middlewares=[layer()])
    app.post("/")(lambda: "x")
    assert ("make a user's browser send these" in told(app, "high")) == is_told


@pytest.mark.parametrize(("method", "is_told"), [("POST", True), ("PUT", False), ("DELETE", False)])
def test_methods_that_need_a_preflight_cannot_be_forged(method, is_told):
    app = Nacre(middlewares=[Sessions(SECRET)])
    app.route("/", methods=[method])(lambda: "x")
    assert ("make a user's browser send these" in told(app, "high")) == is_told


def test_a_layer_under_another_name_is_known():
    app = Nacre(middlewares=[Middleware(TrustedHosts(["a.example"]), name="hosts")])
    app.get("/")(lambda: "x")
    assert "any Host" not in told(app)


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """Write an application to a file, and run `nacre check --deploy` on it."""

    def run(code, *options):
        (tmp_path / "deployed.py").write_text(code, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        sys.modules.pop("deployed", None)
        return CliRunner().invoke(main, ["check", "deployed:app", *options])

    yield run
    sys.modules.pop("deployed", None)


UNSAFE = f"""
from nacre import Nacre
from nacre.sessions import MemoryStore, Sessions
app = Nacre(middlewares=[Sessions("{SECRET}")], debug=True)
app.post("/")(lambda: "x")
"""
ADVISED = """
from nacre import Nacre
from nacre.security import SecureDefaults
app = Nacre(middlewares=[SecureDefaults(["a.example"])])
app.post("/")(lambda: "x")
"""


def test_the_command_fails_for_what_is_unsafe(deployed):
    result = deployed(UNSAFE, "--deploy")
    assert result.exit_code == 1
    assert result.output.startswith("ok: 1 route, 1 layer\nhigh    debug is on")
    assert "        leave out debug=True\n" in result.output
    assert SECRET not in result.output
    assert deployed(UNSAFE).exit_code == 0


def test_advice_is_no_failure(deployed):
    result = deployed(ADVISED, "--deploy")
    assert result.exit_code == 0
    assert "low     requests over plain HTTP are answered: POST /\n" in result.output


def test_the_command_prints_json(deployed, tmp_path):
    result = deployed(UNSAFE, "--deploy", "--json")
    data = json.loads(result.output)
    assert (result.exit_code, data["ok"]) == (1, True)
    assert data["risks"][0] == {
        "what": "debug is on: errors show source code",
        "fix": "leave out debug=True",
        "severity": "high",
        "where": {"file": str(tmp_path / "deployed.py"), "line": 4},
    }
    assert "risks" not in json.loads(deployed(UNSAFE, "--json").output)


def test_what_does_not_start_is_told_as_ever(deployed):
    code = "from nacre import Nacre\nfrom nacre.security import CSRFToken\napp = Nacre(middlewares=[CSRFToken()])\n"
    result = deployed(code + 'app.get("/")(lambda: 1)', "--deploy")
    assert result.exit_code == 1
    assert "requires `session`" in result.output


@pytest.mark.parametrize(
    ("options", "severity", "says"),
    [
        pytest.param({"secure": False}, "medium", "sent over plain HTTP too", id="the cookie"),
        pytest.param({"store": MemoryStore()}, "low", "memory of one process", id="the store"),
    ],
)
def test_sessions_tell_theirs(options, severity, says):
    app = Nacre(middlewares=[Sessions(**({} if "store" in options else {"secret": SECRET}) | options)])
    app.get("/")(lambda: "x")
    assert says in told(app, severity)


def test_a_login_that_nothing_slows_down_is_told():
    class Login:
        provides = ("user", "login")

        async def __call__(self, request, call_next):
            return await call_next(request)

    class RateLimit(Login):
        provides = ()

    app = Nacre(middlewares=[Login()])
    app.get("/")(lambda: "x")
    assert "tries out passwords" in told(app, "low")
    app.post("/login", middlewares=[RateLimit()])(lambda: "x")
    assert "tries out passwords" not in told(app)


def test_plain_handlers_need_no_event_loop_for_any_of_it(transport):
    layers = [SecureDefaults(["testserver"], proxies=ProxyHeaders(["127.0.0.1"])), CORS(["https://a.example"])]
    app = Nacre(middlewares=[*layers, Sessions(SECRET), CSRFToken()])

    @app.get("/")
    def form(request):
        return csrf_token(request)

    @app.post("/")
    def sent(request):
        data = wait(request.form())
        return [data.texts("a"), [file.size for file in data.files("file")]]

    chains = [app.explain(method, "/", "testserver").chain for method in ("GET", "POST", "OPTIONS", "PUT")]
    assert all(chain.runs_inline for chain in chains)
    with TestClient(app, transport) as client:
        token = client.get("/").text
        files = {"file": ("a.bin", b"x" * 600_000)}
        answer = client.post("/", form={"csrf_token": token, "a": "1"}, files=files)
        assert answer.json() == [["1"], [600_000]]
        assert client.post("/", form={"csrf_token": token + "x", "a": "1"}, files=files).status == 403
