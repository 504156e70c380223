"""CORS as a table of 64 cases: a policy, a request, and every field of the protocol that the answer must have."""

import re
from dataclasses import dataclass, field

import pytest

from nacre import Nacre, RedirectResponse, Response, StreamingResponse
from nacre.conditional import ConditionalGet
from nacre.security import CORS

SITE = "https://shop.example"
OTHER = "https://evil.example"

PROTOCOL = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-private-network",
    "access-control-max-age",
)


@dataclass
class Case:
    """`policy` are the options of `CORS`; of the protocol's fields the answer has exactly those of `gets`."""

    policy: dict
    origin: str | None = SITE
    request: str = "GET /"
    status: int = 200
    gets: dict = field(default_factory=dict)
    vary: bool = True
    sends: dict = field(default_factory=dict)

    @classmethod
    def preflight(cls, policy, asks="PUT", headers=None, origin=SITE, path="/", status=204, sends=(), **gets):
        fields = {"access-control-request-method": asks, **dict(sends)}
        if headers is not None:
            fields["access-control-request-headers"] = headers
        expected = {f"access-control-{name.replace('_', '-')}": value for name, value in gets.items()}
        return cls(policy, origin, f"OPTIONS {path}", status, expected, sends=fields)


def granted(origin=SITE, **more):
    names = {f"access-control-{name.replace('_', '-')}": value for name, value in more.items()}
    return {"access-control-allow-origin": origin, **names}


ONE = {"origins": [SITE]}
BELOW = {"origins": ["https://*.shop.example"]}
WITH = {"origins": [SITE], "subdomains": True}
ALL = {"origins": ["*"]}
COOKIES = {"origins": [SITE], "credentials": True}
PATTERN = {"origin_regex": r"https://[a-z]+\.shop\.example"}
STRICT = {"origins": [SITE], "strict": True}
AGE = "600"

CASES = {
    # Origins.
    "exact": Case(ONE, gets=granted()),
    "no origin": Case(ONE, None),
    "another": Case(ONE, OTHER),
    "two listed, the second": Case({"origins": ["https://a.example", SITE]}, gets=granted()),
    "nothing listed": Case({}, vary=False),
    "everyone": Case(ALL, OTHER, gets=granted("*"), vary=False),
    "everyone, without origin": Case(ALL, None, gets=granted("*"), vary=False),
    "another scheme": Case(ONE, "http://shop.example"),
    "another port": Case(ONE, "https://shop.example:8443"),
    "the scheme's own port": Case(ONE, "https://shop.example:443", gets=granted("https://shop.example:443")),
    "a listed port": Case(
        {"origins": ["http://localhost:3000"]}, "http://localhost:3000", gets=granted("http://localhost:3000")
    ),
    "a listed port, without": Case({"origins": ["http://localhost:3000"]}, "http://localhost"),
    "capitals of the client": Case(ONE, "HTTPS://Shop.Example", gets=granted("HTTPS://Shop.Example")),
    "capitals in the list": Case({"origins": ["https://Shop.Example"]}, gets=granted()),
    "IDNA in the list": Case(
        {"origins": ["https://bücher.example"]},
        "https://xn--bcher-kva.example",
        gets=granted("https://xn--bcher-kva.example"),
    ),
    "below, not listed": Case(ONE, "https://a.shop.example"),
    "below, listed": Case(BELOW, "https://a.shop.example", gets=granted("https://a.shop.example")),
    "far below, listed": Case(BELOW, "https://b.a.shop.example", gets=granted("https://b.a.shop.example")),
    "below, itself": Case(BELOW, SITE),
    "below, another scheme": Case(BELOW, "http://a.shop.example"),
    "below, another port": Case(BELOW, "https://a.shop.example:8443"),
    "subdomains, itself": Case(WITH, gets=granted()),
    "subdomains, below": Case(WITH, "https://a.shop.example", gets=granted("https://a.shop.example")),
    "ends like it": Case(WITH, "https://myshop.example"),
    "begins like it": Case(WITH, "https://shop.example.evil.example"),
    "user information": Case(WITH, "https://shop.example@evil.example"),
    "a path": Case(ONE, SITE + "/"),
    "a dot at the end": Case(WITH, SITE + "."),
    "null": Case(WITH, "null"),
    "null, listed": Case({"origins": ["null"]}, "null", gets=granted("null")),
    "null and a pattern": Case({"origin_regex": ".*"}, "null"),
    "empty": Case(ONE, ""),
    "no origin at all": Case(ONE, "shop.example"),
    "two in one field": Case(ONE, f"{SITE} {OTHER}"),
    "pattern": Case(PATTERN, "https://a.shop.example", gets=granted("https://a.shop.example")),
    "pattern, its beginning": Case(PATTERN, "https://a.shop.example.evil.example"),
    "pattern, its end": Case(PATTERN, "http://x.https://a.shop.example"),
    "pattern, compiled": Case(
        {"origin_regex": re.compile(PATTERN["origin_regex"])},
        "https://b.shop.example",
        gets=granted("https://b.shop.example"),
    ),
    "very long": Case({"origin_regex": ".*"}, "https://" + "a." * 200 + "example"),
    # What else the answers have, and which answers.
    "credentials": Case(COOKIES, gets=granted(allow_credentials="true")),
    "credentials, another": Case(COOKIES, OTHER),
    "exposed": Case(ONE | {"expose": ["X-Total", "Link"]}, gets=granted(expose_headers="X-Total, Link")),
    "exposed, another": Case(ONE | {"expose": ["X-Total"]}, OTHER),
    "404": Case(ONE, request="GET /nothing", status=404, gets=granted()),
    "405": Case(ONE, request="PATCH /", status=405, gets=granted()),
    "500": Case(ONE, request="GET /broken", status=500, gets=granted()),
    "304": Case(ONE, request="GET /", status=304, gets=granted(), sends={"if-none-match": "*"}),
    "redirect": Case(ONE, request="GET /away", status=302, gets=granted()),
    "stream": Case(ONE, request="GET /stream", gets=granted()),
    "a POST": Case(ONE, request="POST /", gets=granted()),
    "OPTIONS that is no preflight": Case(ONE, request="OPTIONS /", status=204, gets=granted()),
    # Preflights.
    "preflight": Case.preflight(ONE, allow_origin=SITE, allow_methods="PUT", max_age=AGE),
    "preflight, another": Case.preflight(ONE, origin=OTHER),
    "preflight, everyone": Case.preflight(ALL, origin=OTHER, allow_origin="*", allow_methods="PUT", max_age=AGE),
    "preflight with headers": Case.preflight(
        ONE,
        headers="X-B, content-type,x-b",
        allow_origin=SITE,
        allow_methods="PUT",
        allow_headers="x-b, content-type",
        max_age=AGE,
    ),
    "preflight, some headers": Case.preflight(
        ONE | {"headers": ["X-A"]},
        headers="x-a,x-b",
        allow_origin=SITE,
        allow_methods="PUT",
        allow_headers="x-a",
        max_age=AGE,
    ),
    "preflight, a method that isn't there": Case.preflight(ONE, asks="PATCH", allow_origin=SITE, max_age=AGE),
    "preflight, a method that isn't listed": Case.preflight(
        ONE | {"methods": ["POST"]}, allow_origin=SITE, max_age=AGE
    ),
    "preflight for nothing": Case.preflight(
        COOKIES, path="/nothing", allow_origin=SITE, allow_credentials="true", allow_methods="PUT", max_age=AGE
    ),
    "preflight, no age": Case.preflight(ONE | {"max_age": None}, allow_origin=SITE, allow_methods="PUT"),
    "private network": Case.preflight(
        ONE | {"private_network": True},
        sends={"access-control-request-private-network": "true"},
        allow_origin=SITE,
        allow_methods="PUT",
        allow_private_network="true",
        max_age=AGE,
    ),
    "private network, not allowed": Case.preflight(
        ONE,
        sends={"access-control-request-private-network": "true"},
        allow_origin=SITE,
        allow_methods="PUT",
        max_age=AGE,
    ),
    # Strictly.
    "strict, another": Case(STRICT, OTHER, status=403),
    "strict, preflight of another": Case.preflight(STRICT, origin=OTHER, status=403),
}


def application(policy, ran):
    app = Nacre(middlewares=[ConditionalGet(), CORS(**policy)])

    @app.route("/", methods=["GET", "POST", "PUT"])
    def index():
        ran.append("index")
        return "pearls"

    @app.get("/broken")
    def broken():
        raise ZeroDivisionError

    @app.get("/away")
    def away():
        return RedirectResponse("/")

    @app.get("/stream")
    def stream():
        return StreamingResponse(iter(["a", "b"]))

    return app


def test_the_table_has_64_cases():
    assert len(CASES) == 64


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_case(case, client_for, caplog):
    ran = []
    method, _, path = case.request.partition(" ")
    headers = dict(case.sends)
    if case.origin is not None:
        headers["origin"] = case.origin
    async with client_for(application(case.policy, ran)) as client:
        response = await client.request(method, path, headers=headers)
    assert response.status == case.status
    assert {name: response.headers[name] for name in PROTOCOL if name in response.headers} == case.gets
    assert all(len(response.headers.getlist(name)) <= 1 for name in PROTOCOL)
    vary = [name.strip() for value in response.headers.getlist("vary") for name in value.split(",")]
    assert ("Origin" in vary) is (case.vary or "access-control-request-method" in case.sends)
    if "access-control-request-method" in case.sends:
        assert not ran
        if response.status == 204:
            assert {"Access-Control-Request-Method", "Access-Control-Request-Headers"} <= set(vary)
            assert response.body == b""


def test_the_same_header_is_not_given_twice_when_the_handler_gives_it(transport):
    from nacre.testing import TestClient

    app = Nacre(middlewares=[CORS([SITE], credentials=True)])
    app.get("/")(lambda: Response("x", headers={"access-control-allow-origin": "https://own.example"}))
    with TestClient(app, transport) as client:
        response = client.get("/", headers={"origin": SITE})
    assert response.headers.getlist("access-control-allow-origin") == ["https://own.example"]
    assert "access-control-allow-credentials" not in response.headers
