"""Trusted hosts, HTTPS only, HSTS: on requests that a route answers, and on all others."""

import re

import pytest

from nacre import ConfigurationError, Nacre, RedirectResponse, StreamingResponse
from nacre.security import CSRF, HSTS, HTTPSRedirect, ProxyHeaders, TrustedHosts
from nacre.testing import TestClient
from nacre.testing.websocket import HandshakeDenied
from nacre.websocket import WebSocket

NAMES = ["example.com", "*.example.com"]


def serving(*layers, **options):
    app = Nacre(middlewares=list(layers), **options)
    app.get("/")(lambda: "pearls")
    app.post("/")(lambda: "posted")
    app.get("/broken")(lambda: 1 / 0)
    app.get("/away")(lambda: RedirectResponse("/"))
    app.get("/stream")(lambda: StreamingResponse(iter(["a"])))

    @app.websocket("/ws")
    async def ws(ws: WebSocket):
        await ws.accept()
        await ws.send("hello")

    return app


HOSTS = [
    pytest.param(NAMES, "example.com", 200, id="itself"),
    pytest.param(NAMES, "EXAMPLE.com", 200, id="capitals"),
    pytest.param(NAMES, "example.com:8000", 200, id="any port"),
    pytest.param(NAMES, "example.com.", 200, id="a dot at the end"),
    pytest.param(NAMES, "a.b.example.com", 200, id="far below"),
    pytest.param(["example.com"], "a.example.com", 400, id="below, not listed"),
    pytest.param(["*.example.com"], "example.com", 400, id="itself, only below listed"),
    pytest.param(NAMES, "badexample.com", 400, id="ends like it"),
    pytest.param(NAMES, "example.com.evil.example", 400, id="begins like it"),
    pytest.param(NAMES, "exampleXcom", 400, id="CVE-2026-25479: a dot is a dot"),
    pytest.param(NAMES, "evil.example", 400, id="another"),
    pytest.param(NAMES, "example.com..", 400, id="two dots"),
    pytest.param(NAMES, ".example.com", 400, id="an empty label"),
    pytest.param(NAMES, "example.com@evil.example", 400, id="user information"),
    pytest.param(NAMES, "example.com/?", 400, id="CVE-2026-48710: a path in it"),
    pytest.param(NAMES, "evil.example#.example.com", 400, id="a fragment in it"),
    pytest.param(NAMES, "example.com:", 200, id="an empty port"),
    pytest.param(NAMES, "example.com:99999", 400, id="no port"),
    pytest.param(NAMES, "", 400, id="empty"),
    pytest.param([], "example.com", 400, id="an empty list"),
    pytest.param(["*"], "whatever.example", 200, id="any"),
    pytest.param(["example.com:8000"], "example.com:8000", 200, id="its port"),
    pytest.param(["example.com:8000"], "example.com:8001", 400, id="another port"),
    pytest.param(["example.com:8000"], "example.com", 400, id="no port for its port"),
    pytest.param(["*.example.com:8000"], "a.example.com:8000", 200, id="its port below"),
    pytest.param(["bücher.example"], "xn--bcher-kva.example", 200, id="IDNA"),
    pytest.param(["127.0.0.1", "[::1]"], "127.0.0.1:5000", 200, id="an address"),
    pytest.param(["127.0.0.1", "[::1]"], "[::1]:5000", 200, id="an IPv6 address"),
    pytest.param(["127.0.0.1"], "127.1", 400, id="a short form of an address"),
    pytest.param(["127.0.0.1"], "0177.0.0.1", 400, id="octal"),
]


@pytest.mark.parametrize(("listed", "host", "status"), HOSTS)
@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_host(listed, host, status, path, transport):
    with TestClient(serving(TrustedHosts(listed)), transport) as client:
        answer = client.get(path, headers={"host": host})
    assert answer.status == (404 if status == 200 and path != "/" else status)
    assert "evil" not in answer.text


@pytest.mark.parametrize("path", ["/", "/nothing", "/broken", "/ws"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
def test_every_chain_refuses_another_host(method, path, transport):
    with TestClient(serving(TrustedHosts(NAMES)), transport) as client:
        answer = client.request(method, path, headers={"host": "evil.example", "x-forwarded-host": "example.com"})
    assert answer.status == 400


async def test_a_websocket_of_another_host_is_refused(client_for):
    async with client_for(serving(TrustedHosts(NAMES))) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws", headers={"host": "evil.example"}):
                pass
        assert denied.value.response.status == 400
        async with client.websocket("/ws", headers={"host": "example.com"}) as session:
            assert await session.receive() == "hello"


def test_a_request_without_host_is_none_of_a_listed_one(transport):
    with TestClient(serving(TrustedHosts(NAMES)), transport) as client:
        assert client.get("/", headers=[("host", None), ("x-forwarded-host", "example.com")]).status == 400


@pytest.mark.parametrize(
    ("listed", "host", "status", "location"),
    [
        pytest.param(["www.example.com"], "example.com", 308, "http://www.example.com/a?b=c", id="to www"),
        pytest.param(["example.com"], "www.example.com:8000", 308, "http://example.com:8000/a?b=c", id="from www"),
        pytest.param(["www.example.com"], "evil.example", 400, None, id="another"),
        pytest.param(["www.example.com"], "a.example.com", 400, None, id="another one below"),
        pytest.param(["example.com", "www.example.com"], "example.com", 404, None, id="both listed"),
    ],
)
def test_www(listed, host, status, location, transport):
    with TestClient(serving(TrustedHosts(listed, www_redirect=True)), transport) as client:
        answer = client.get("/a?b=c", headers={"host": host})
        assert client.post("/a", headers={"host": host}).status == (404 if status == 404 else 400)
    assert (answer.status, answer.headers.get("location")) == (status, location)


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        pytest.param("example.com", "are a list, not a text", id="a text"),
        pytest.param(["https://example.com/"], "write the host alone: 'example.com'", id="an origin"),
        pytest.param([".example.com"], "write 'example.com' and '*.example.com'", id="a dot in front"),
        pytest.param(["*example.com"], "whole labels", id="half a label"),
        pytest.param(["a.*.com"], "whole labels", id="a star inside"),
        pytest.param(["*.127.0.0.1"], "has nothing below it", id="below an address"),
        pytest.param([None], "one of them is of type NoneType", id="none"),
        pytest.param(["a b"], "is no host", id="a space"),
    ],
)
def test_what_is_no_host_is_refused(hosts, says):
    with pytest.raises(ConfigurationError, match=re.escape(says)) as caught:
        TrustedHosts(hosts)
    assert caught.value.problems[0].where.file == __file__


@pytest.mark.parametrize("layer", [TrustedHosts(NAMES), HTTPSRedirect(host="example.com"), CSRF()])
def test_what_reads_host_or_scheme_stands_inside_of_proxy_headers(layer):
    with pytest.raises(ConfigurationError, match="must stand inside of layer `ProxyHeaders`"):
        serving(layer, ProxyHeaders(["127.0.0.1"])).compile()
    serving(ProxyHeaders(["127.0.0.1"]), layer).compile()


# HTTPS only.


@pytest.mark.parametrize(
    ("options", "location"),
    [
        pytest.param({}, "https://example.com/a%20b?c=d", id="by default"),
        pytest.param({"port": 8443}, "https://example.com:8443/a%20b?c=d", id="another port"),
        pytest.param({"host": "www.example.com"}, "https://www.example.com/a%20b?c=d", id="a host"),
        pytest.param({"status": 301}, "https://example.com/a%20b?c=d", id="another status"),
    ],
)
def test_a_page_is_sent_to_https(options, location, transport):
    app = serving(TrustedHosts(NAMES), HTTPSRedirect(**options))
    with TestClient(app, transport, host="example.com:8000") as client:
        answer = client.get("/a%20b?c=d")
        assert client.head("/a%20b?c=d").headers["location"] == location
    assert (answer.status, answer.headers["location"]) == (options.get("status", 308), location)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_what_has_crossed_the_network_in_the_open_is_refused(method, transport):
    app = serving(TrustedHosts(NAMES), HTTPSRedirect())
    with TestClient(app, transport, host="example.com") as client:
        assert client.request(method, "/").status == 403
    with TestClient(app, transport, host="example.com", scheme="https") as client:
        assert client.post("/").text == "posted"


async def test_a_websocket_without_tls_is_refused(client_for):
    app = serving(HTTPSRedirect(host="example.com"))
    async with client_for(app) as client:
        with pytest.raises(HandshakeDenied) as denied:
            async with client.websocket("/ws"):
                pass
    assert denied.value.response.status == 403
    async with client_for(app, scheme="https") as client, client.websocket("/ws") as session:
        assert await session.receive() == "hello"


@pytest.mark.parametrize("path", ["//evil.example/%2e%2e", "/\\evil.example", "/.evil.example"])
def test_the_path_names_no_other_host(path, transport):
    with TestClient(serving(HTTPSRedirect(host="example.com")), transport) as client:
        location = client.get(path).headers["location"]
    assert location.startswith("https://example.com/")


@pytest.mark.parametrize("layers", [[], [TrustedHosts(["*"])]])
def test_without_a_list_of_hosts_it_is_an_error_at_startup(layers):
    with pytest.raises(ConfigurationError, match="sends clients to whatever host they ask for") as caught:
        serving(*layers, HTTPSRedirect()).compile()
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"status": 303}, "is no status of a redirect"),
        ({"port": 0}, "is no port"),
        ({"port": True}, "is no port"),
        ({"host": "example.com:8443"}, "a port is said by port"),
        ({"host": "https://example.com"}, "is no host"),
        ({"host": 5}, "'5' is no host"),
    ],
)
def test_a_redirect_that_cannot_be_meant_is_refused(options, says):
    with pytest.raises(ConfigurationError, match=says):
        HTTPSRedirect(**options)


# HSTS.


@pytest.mark.parametrize("path", ["/", "/nothing", "/broken", "/away", "/stream"])
def test_every_answer_over_https_says_so(path, transport):
    app = serving(HSTS(3600))
    with TestClient(app, transport, scheme="https") as client:
        assert client.get(path).headers["strict-transport-security"] == "max-age=3600"
        assert client.delete("/").headers["strict-transport-security"] == "max-age=3600"
    with TestClient(app, transport) as client:
        assert "strict-transport-security" not in client.get(path).headers


@pytest.mark.parametrize(
    ("layer", "value"),
    [
        (HSTS(), "max-age=31536000"),
        (HSTS(0), "max-age=0"),
        (HSTS(include_subdomains=True), "max-age=31536000; includeSubDomains"),
        (HSTS(63_072_000, include_subdomains=True, preload=True), "max-age=63072000; includeSubDomains; preload"),
    ],
)
def test_hsts_is_written(layer, value, transport):
    with TestClient(serving(layer), transport, scheme="https") as client:
        assert client.get("/").headers["strict-transport-security"] == value


@pytest.mark.parametrize(
    "options",
    [
        {"max_age": -1},
        {"max_age": 1.5},
        {"max_age": "1"},
        {"preload": True},
        {"max_age": 1, "include_subdomains": True, "preload": True},
    ],
)
def test_hsts_that_cannot_be_meant_is_refused(options):
    with pytest.raises(ConfigurationError, match="HSTS"):
        HSTS(**options)


@pytest.mark.parametrize(
    ("layer", "severities"),
    [(TrustedHosts(NAMES), []), (TrustedHosts(["*"]), ["medium"]), (HSTS(), []), (HSTS(60), ["low"])],
)
def test_weak_options_are_told(layer, severities):
    assert [risk.severity for risk in layer.find_risks()] == severities


@pytest.mark.parametrize(
    ("listed", "hosts", "status"),
    [
        pytest.param(NAMES, [], 400, id="none"),
        pytest.param(["*"], [], 200, id="none, any is served"),
        pytest.param([], [], 400, id="none, nothing is served"),
        pytest.param(NAMES, ["example.com"], 200, id="one"),
        pytest.param(NAMES, ["example.com", "example.com"], 400, id="two"),
        pytest.param(["*"], ["example.com", "example.com"], 400, id="two, any is served"),
    ],
)
async def test_http_1_0_may_come_without_a_host(listed, hosts, status):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.0", "method": "GET", "scheme": "http"},
        **{"path": "/", "raw_path": b"/", "query_string": b"", "root_path": "", "state": {}},
        **{"headers": [(b"host", host.encode()) for host in hosts], "client": ("127.0.0.1", 1), "server": None},
    }
    await serving(TrustedHosts(listed))(scope, receive, send)
    assert sent[0]["status"] == status


@pytest.mark.parametrize("host", ["a b", "", "x" * 300, "a/b", "..", ":80", "[::1", "a" * 255 + ".example"])
def test_what_is_no_host_is_not_served(host):
    assert not TrustedHosts(["*"]).serves(host)


@pytest.mark.parametrize(("length", "served"), [(255, True), (256, False)])
def test_a_host_is_served_up_to_its_length(length, served):
    host = ("a" * 60 + ".") * 4 + "a" * 11
    assert len(host) == 255
    assert TrustedHosts(["*"]).serves(host + "a" * (length - 255) + ":65535") is served


def test_a_dot_at_the_end_of_an_entry_means_nothing():
    layer = TrustedHosts(["example.com.", "*.example.org."])
    assert [layer.serves(host) for host in ("example.com", "example.com.", "a.example.org", "example.org")] == [
        *(True, True, True, False)
    ]


def test_www_keeps_the_port_that_is_listed(transport):
    app = serving(TrustedHosts(["www.example.com:8000"], www_redirect=True))
    with TestClient(app, transport) as client:
        answer = client.head("/", headers={"host": "example.com:8000"})
        assert (answer.status, answer.headers["location"]) == (308, "http://www.example.com:8000/")
        assert client.get("/", headers={"host": "example.com:8001"}).status == 400
