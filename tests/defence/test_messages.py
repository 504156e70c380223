"""What is said at startup, and by `nacre check --deploy`, word for word: what is wrong, and what to change."""

import pytest

from nacre import ConfigurationError, Nacre
from nacre.security import CORS, CSRF, HSTS, CSRFToken, HTTPSRedirect, ProxyHeaders, SecurityHeaders, TrustedHosts
from nacre.sessions import Sessions
from nacre.testing import TestClient

S = "https://shop.example"

PROBLEMS = [
    (lambda: CORS("https://a.example"), "CORS: the origins are a list, not a text", "write ['https://a.example']"),
    (lambda: CORS(None), "CORS: the origins are a list, not NoneType", 'write ["https://example.com"]'),
    (lambda: CORS(b"a"), "CORS: the origins are a list, not bytes", 'write ["https://example.com"]'),
    (lambda: CORS([1]), "CORS: the origins are texts, and one of them is of type int", 'write ["https://example.com"]'),
    (lambda: CORS([S + "/"]), "CORS: 'https://shop.example/' is no origin", "leave out the slash at its end"),
    (lambda: CORS(["a.example"]), "CORS: 'a.example' is no origin", 'write scheme and host: "https://example.com"'),
    (
        lambda: CORS(["https://*.com"]),
        "CORS: 'https://*.com' stands for every site below .com",
        "name the domain that is yours",
    ),
    (
        lambda: CORS(["https://*.127.0.0.1"]),
        "CORS: 'https://*.127.0.0.1': an address has no subdomains",
        "list the address itself",
    ),
    (
        lambda: CORS(["*", S]),
        'CORS: "*" stands for every origin, and others are listed beside it',
        "leave one of the two out",
    ),
    (
        lambda: CORS(["*"], credentials=True),
        'CORS: origins=["*"] with credentials lets every site read what a user may see',
        "list the origins, or leave credentials out",
    ),
    (
        lambda: CORS(["null"], credentials=True),
        'CORS: "null" with credentials is every sandboxed frame of every site',
        "list an origin of your own, or leave credentials out",
    ),
    (
        lambda: CORS(origin_regex="("),
        "CORS: origin_regex is no regular expression: missing ), unterminated subpattern at position 0",
        "mend it, or list the origins",
    ),
    (lambda: CORS([S], methods="PUT"), "CORS: the methods are a list, not a text", "write ['PUT']"),
    (
        lambda: CORS([S], methods=["put"]),
        "CORS: methods are compared with case, and 'put' isn't in capitals",
        "write 'PUT'",
    ),
    (lambda: CORS([S], methods=["P T"]), "CORS: 'P T' in methods is no name", "a name is letters, digits and hyphens"),
    (lambda: CORS([S], headers=["a b"]), "CORS: 'a b' in headers is no name", "a name is letters, digits and hyphens"),
    (lambda: CORS([S], headers="X-A"), "CORS: the headers are a list, not a text", "write ['X-A']"),
    (lambda: CORS([S], expose=["a:"]), "CORS: 'a:' in expose is no name", "a name is letters, digits and hyphens"),
    (lambda: CORS([S], expose="X-A"), "CORS: the exposed header fields are a list, not a text", "write ['X-A']"),
    (
        lambda: CORS([S], expose=["*"], credentials=True),
        'CORS: expose=["*"] means a header field of that name for browsers, with credentials',
        "list the header fields",
    ),
    (lambda: CORS([S], max_age=-1), "CORS: max_age is a number of seconds, not -1", "write max_age=600"),
    (lambda: CSRF(origins="a"), "CSRF: the origins are a list, not a text", "write ['a']"),
    (lambda: CSRF(origins=["a"]), "CSRF: 'a' is no origin", 'write scheme and host: "https://example.com"'),
    (
        lambda: CSRF(origins=["*"]),
        "CSRF: trusting every page is no protection",
        "list origins, or mark the handlers that need none `@csrf.exempt`",
    ),
    (
        lambda: CSRF(origins=[S], cors=CORS([S])),
        "CSRF: origins and cors both say whose pages are trusted",
        "leave one of the two out",
    ),
    (lambda: TrustedHosts("a.example"), "TrustedHosts: the hosts are a list, not a text", "write ['a.example']"),
    (lambda: TrustedHosts(None), "TrustedHosts: the hosts are a list, not NoneType", 'write ["example.com"]'),
    (
        lambda: TrustedHosts([1]),
        "TrustedHosts: the hosts are texts, and one of them is of type int",
        'write ["example.com"]',
    ),
    (
        lambda: TrustedHosts(["https://a.example/b"]),
        "TrustedHosts: 'https://a.example/b' is no host",
        "write the host alone: 'a.example'",
    ),
    (
        lambda: TrustedHosts([".a.example"]),
        "TrustedHosts: '.a.example' is no host",
        "write 'a.example' and '*.a.example'",
    ),
    (
        lambda: TrustedHosts(["a*"]),
        "TrustedHosts: 'a*' is no host",
        'one looks like "example.com", "*.example.com" or "localhost:8000"; a star stands for whole labels in front',
    ),
    (
        lambda: TrustedHosts(["*.127.0.0.1"]),
        "TrustedHosts: '*.127.0.0.1': an address has nothing below it",
        "list the address itself",
    ),
    (
        lambda: TrustedHosts(["*.[::1]"]),
        "TrustedHosts: '*.[::1]': an address has nothing below it",
        "list the address itself",
    ),
    (lambda: HTTPSRedirect(status=303), "HTTPSRedirect: 303 is no status of a redirect", "take 308, 307, 302 or 301"),
    (lambda: HTTPSRedirect(port=0), "HTTPSRedirect: 0 is no port", "write port=443"),
    (lambda: HTTPSRedirect(port=65536), "HTTPSRedirect: 65536 is no port", "write port=443"),
    (
        lambda: HTTPSRedirect(host="a:1"),
        "HTTPSRedirect: 'a:1' is no host",
        'one looks like "example.com"; a port is said by port=…',
    ),
    (
        lambda: HTTPSRedirect(host="a b"),
        "HTTPSRedirect: 'a b' is no host",
        'one looks like "example.com"; a port is said by port=…',
    ),
    (lambda: HSTS(-1), "HSTS: max_age is a number of seconds, not -1", "write HSTS(31_536_000)"),
    (
        lambda: HSTS(preload=True),
        "HSTS: preload needs a year and the subdomains",
        "HSTS(31_536_000, include_subdomains=True, preload=True)",
    ),
    (
        lambda: ProxyHeaders("10.0.0.1"),
        "ProxyHeaders: the trusted proxies are a list, not a text",
        "write ['10.0.0.1']",
    ),
    (
        lambda: ProxyHeaders(["a"]),
        "ProxyHeaders: 'a' is no address or network",
        'one looks like "10.0.0.0/8", "127.0.0.1", "fd00::/8" or "unix"',
    ),
    (
        lambda: ProxyHeaders(["*"]),
        'ProxyHeaders: trusting "*" believes what clients write themselves',
        'name the networks, or say how many proxies there are: ["*"], hops=1',
    ),
    (
        lambda: ProxyHeaders([], hops=0),
        "ProxyHeaders: hops is a number of proxies from 1 to 32, not 0",
        "count the proxies in front of the server",
    ),
    (
        lambda: ProxyHeaders([], hops=33),
        "ProxyHeaders: hops is a number of proxies from 1 to 32, not 33",
        "count the proxies in front of the server",
    ),
    (
        lambda: ProxyHeaders([], headers="x"),
        "ProxyHeaders: there is no kind of headers 'x'",
        'there are "x-forwarded" and "forwarded"',
    ),
    (
        lambda: ProxyHeaders([], headers="X-Forwarded"),
        "ProxyHeaders: there is no kind of headers 'X-Forwarded'",
        "did you mean 'x-forwarded'?",
    ),
    (lambda: ProxyHeaders([], fields="for"), "ProxyHeaders: the fields are a list, not a text", "write ['for']"),
    (
        lambda: ProxyHeaders([], fields=["x-forwarded-hst"]),
        "ProxyHeaders: x-forwarded has no field 'x-forwarded-hst'",
        "did you mean 'host'?",
    ),
    (
        lambda: ProxyHeaders([], fields=["zzz"]),
        "ProxyHeaders: x-forwarded has no field 'zzz'",
        "there are for, proto, host, port, prefix",
    ),
    (
        lambda: ProxyHeaders([], headers="forwarded", fields=["port"]),
        "ProxyHeaders: forwarded has no field 'port'",
        "there are for, proto, host",
    ),
]


@pytest.mark.parametrize(("make", "what", "fix"), PROBLEMS, ids=[what for _, what, _ in PROBLEMS])
def test_problem(make, what, fix):
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert [(problem.what, problem.fix) for problem in caught.value.problems] == [(what, fix)]
    assert caught.value.problems[0].where.file == __file__


RISKS = [
    (
        CORS(["*"]),
        [("low", "CORS lets the pages of every site read the answers", "list the origins, unless all of it is public")],
    ),
    (
        CORS(origin_regex=".*"),
        [("medium", "CORS: origin_regex fits origins of strangers, without cookies", "list the origins instead")],
    ),
    (
        CORS(origin_regex=".*", credentials=True),
        [("high", "CORS: origin_regex fits origins of strangers, with cookies", "list the origins instead")],
    ),
    (
        CORS(origin_regex=r"https://good.example"),
        [("medium", "CORS: a dot in origin_regex stands for any character, so other names fit too", "write it as \\.")],
    ),
    (
        CORS(origin_regex=r"https://good.example", credentials=True),
        [("high", "CORS: a dot in origin_regex stands for any character, so other names fit too", "write it as \\.")],
    ),
    (
        CORS(
            ["http://a.example", "http://localhost", "http://*.localhost:3000", "https://b.example"], credentials=True
        ),
        [
            (
                "medium",
                "CORS lets pages that came over plain HTTP use cookies: http://a.example",
                "list them with https://",
            )
        ],
    ),
    (CORS(["http://a.example"]), []),
    (
        CORS(["null"]),
        [
            (
                "medium",
                'CORS lists "null", which is the origin of every sandboxed frame',
                "give those pages an origin, and list that",
            )
        ],
    ),
    (CORS(origin_regex=r"https://[a-z.]+\.good\.example"), []),
    (
        TrustedHosts(["*"]),
        [
            (
                "medium",
                'TrustedHosts(["*"]) serves every host, so links and caches can be poisoned by it',
                "list the names of the site",
            )
        ],
    ),
    (TrustedHosts(["a.example"]), []),
    (HSTS(60), [("low", "HSTS holds for 60 seconds only", "when all is well, raise it to a year: HSTS()")]),
    (HSTS(30 * 86_400), []),
    (
        ProxyHeaders(["*"], hops=1),
        [
            (
                "medium",
                "ProxyHeaders trusts every address: who gets past the proxy chooses an address",
                "name the proxies' addresses or networks",
            )
        ],
    ),
    (
        ProxyHeaders(["::/0"]),
        [
            (
                "medium",
                "ProxyHeaders trusts every address: who gets past the proxy chooses an address",
                "name the proxies' addresses or networks",
            )
        ],
    ),
    (ProxyHeaders(["10.0.0.0/8"]), []),
    (
        SecurityHeaders(),
        [
            (
                "low",
                "the Content-Security-Policy says nothing about scripts",
                'SecurityHeaders(csp={"default-src": ["\'self\'"], …})',
            )
        ],
    ),
    (
        SecurityHeaders(csp=None),
        [
            (
                "low",
                "the Content-Security-Policy says nothing about scripts",
                'SecurityHeaders(csp={"default-src": ["\'self\'"], …})',
            )
        ],
    ),
    (
        SecurityHeaders(csp="script-src 'unsafe-inline'"),
        [
            (
                "medium",
                "the Content-Security-Policy lets inline scripts run, those of an attacker too",
                "give your scripts a nonce: NONCE instead of 'unsafe-inline'",
            )
        ],
    ),
    (SecurityHeaders(csp="default-src 'self'"), []),
]


@pytest.mark.parametrize(("layer", "risks"), RISKS)
def test_risk(layer, risks):
    found = list(layer.find_risks())
    assert [(risk.severity, risk.what, risk.fix) for risk in found] == risks
    assert all(risk.where.file == __file__ for risk in found)


FOREIGN = {"origin": "https://evil.example"}
PREFLIGHT = FOREIGN | {"access-control-request-method": "PUT"}
REFUSALS = [
    (CSRF(), "POST", FOREIGN, 403, "the request was sent by a page of another site"),
    (CORS([S], strict=True), "GET", FOREIGN, 403, "pages of this origin may not use what is here"),
    (
        CORS([S], strict=True),
        "OPTIONS",
        PREFLIGHT,
        403,
        "the preflight asks for what pages of this origin may not do",
    ),
    (TrustedHosts(["shop.example"]), "GET", {}, 400, "this host isn't served here"),
    (HTTPSRedirect(host="shop.example"), "POST", {}, 403, "use https"),
    (
        ProxyHeaders(["127.0.0.1"], fields=["host"]),
        "GET",
        {"x-forwarded-host": "a b"},
        400,
        "the host that the request was forwarded for is malformed",
    ),
]


@pytest.mark.parametrize(
    ("layer", "method", "headers", "status", "text"), REFUSALS, ids=[text for *_, text in REFUSALS]
)
def test_refusal(layer, method, headers, status, text, transport):
    app = Nacre(middlewares=[layer])
    app.route("/", methods=["GET", "POST"])(lambda: "x")
    with TestClient(app, transport) as client:
        answer = client.request(method, "/", headers=headers)
    assert (answer.status, answer.text) == (status, text)


def test_a_refused_token_says_what_to_do(transport):
    app = Nacre(middlewares=[Sessions("mIeW4XqZ0t7yVn2cJr8sKp5uLh3gDf6b"), CSRFToken()])
    app.post("/")(lambda: "x")
    with TestClient(app, transport) as client:
        text = client.post("/").text
    assert text == "the token against forged requests is missing or wrong; load the page again"


@pytest.mark.parametrize(
    "make",
    [
        lambda name: CORS([name]),
        lambda name: CORS([S], headers=[name]),
        lambda name: CSRF(origins=[name]),
        lambda name: TrustedHosts([name]),
        lambda name: HTTPSRedirect(host=name),
        lambda name: ProxyHeaders([name]),
        lambda name: SecurityHeaders(frame=name),
    ],
)
def test_what_is_long_is_cut(make):
    with pytest.raises(ConfigurationError) as caught:
        make(" " + "a" * 1000)
    assert "a" * 59 in str(caught.value)
    assert "a" * 60 not in str(caught.value)


def test_a_hint_names_the_host_of_a_whole_url():
    with pytest.raises(ConfigurationError, match=r"write the host alone: 'a.example'"):
        TrustedHosts(["https://a.example/b/c?d=https://e"])
