"""Forged requests as a table of 48 cases: what browsers send along, and what becomes of it."""

from dataclasses import dataclass, field

import pytest

from nacre import Nacre, Request
from nacre.security import CORS, CSRF, CSRF_SESSION_KEY, CSRFToken, csrf, csrf_token
from nacre.sessions import Sessions
from nacre.testing import TestClient

OWN, PARTNER, OTHER = "http://testserver", "https://partner.example:8888", "https://evil.example"
LISTED = CORS(["http://foo.example", PARTNER])


@dataclass
class Case:
    """A request, by what a browser sends along; `handler` is what the handler is marked with."""

    allowed: bool
    method: str = "POST"
    site: str | None = None
    origin: str | None = None
    options: dict = field(default_factory=dict)
    kind: str | None = None
    handler: str = "plain"
    more: dict = field(default_factory=dict)


LIST = {"cors": LISTED}
BELOW = {"cors": LISTED, "subdomains": True}
SIBLINGS = {"subdomains": True}

CASES = {
    # The table of Sec-Fetch-Site and Origin.
    "same-origin": Case(True, site="same-origin"),
    "same-origin, whatever the origin": Case(True, site="same-origin", origin=OTHER),
    "none": Case(True, site="none"),
    "same-site": Case(False, site="same-site"),
    "same-site, trusted": Case(True, site="same-site", options=SIBLINGS),
    "same-site, listed": Case(True, site="same-site", origin=PARTNER, options=LIST),
    "same-site, not listed": Case(False, site="same-site", origin=OTHER, options=LIST),
    "cross-site": Case(False, site="cross-site"),
    "cross-site, listed": Case(True, site="cross-site", origin=PARTNER, options=LIST),
    "cross-site, another port": Case(False, site="cross-site", origin="https://partner.example:8889", options=LIST),
    "cross-site, no origin, a list": Case(False, site="cross-site", options=LIST),
    "cross-site, its own origin": Case(False, site="cross-site", origin=OWN),
    "cross-site, below": Case(True, site="cross-site", origin="https://x.y.partner.example:8888", options=BELOW),
    "cross-site, siblings only": Case(False, site="cross-site", origin=OTHER, options=SIBLINGS),
    "an unknown site": Case(False, site="same-planet"),
    "an unknown site, listed": Case(True, site="same-planet", origin=PARTNER, options=LIST),
    "capitals": Case(False, site="Same-Origin"),
    "no site, no origin": Case(True),
    "no site, its own origin": Case(True, origin=OWN),
    "no site, its own origin with the port": Case(True, origin=OWN + ":80"),
    "no site, its own host, another scheme": Case(False, origin="https://testserver"),
    "no site, its own host, another port": Case(False, origin=OWN + ":8080"),
    "no site, another origin": Case(False, origin=OTHER),
    "no site, listed": Case(True, origin=PARTNER, options=LIST),
    "no site, listed here": Case(True, origin=OTHER, options={"origins": [OTHER]}),
    "no site, another scheme": Case(False, origin="http://partner.example:8888", options=LIST),
    "no site, below": Case(False, origin="https://x.y.partner.example:8888", options=LIST),
    "no site, below, trusted": Case(True, origin="https://x.y.partner.example:8888", options=BELOW),
    "no site, below, another scheme": Case(False, origin="http://x.y.partner.example:8888", options=BELOW),
    "no site, below, another port": Case(False, origin="https://x.y.partner.example", options=BELOW),
    "everyone may read": Case(False, origin=OTHER, options={"cors": CORS(["*"])}),
    "null": Case(False, origin="null", options=BELOW),
    "null, listed by CORS": Case(False, origin="null", options={"cors": CORS(["null"])}),
    "null, cross-site": Case(False, site="cross-site", origin="null", options=BELOW),
    "an empty origin": Case(False, origin="", options=BELOW),
    "no origin at all": Case(False, origin="://", options=BELOW),
    # Methods, content types, marks.
    "GET": Case(True, "GET", site="cross-site", origin=OTHER),
    "HEAD": Case(True, "HEAD", site="cross-site", origin=OTHER),
    "OPTIONS": Case(True, "OPTIONS", site="cross-site", origin=OTHER),
    "PUT": Case(False, "PUT", site="cross-site", origin=OTHER),
    "DELETE": Case(False, "DELETE", site="cross-site", origin=OTHER),
    "text/plain": Case(False, site="cross-site", kind="text/plain"),
    "multipart/form-data": Case(False, site="cross-site", kind="multipart/form-data; boundary=x"),
    "application/json": Case(False, site="cross-site", kind="application/json"),
    "X-Requested-With": Case(False, site="cross-site", more={"x-requested-with": "XMLHttpRequest"}),
    "Referer": Case(False, site="cross-site", more={"referer": OWN + "/form"}),
    "exempt": Case(True, site="cross-site", origin=OTHER, handler="exempt"),
    "GET, protected": Case(False, "GET", site="cross-site", origin=OTHER, handler="protect"),
}

MARKS = {"plain": lambda function: function, "exempt": csrf.exempt, "protect": csrf.protect}


def test_the_table_has_48_cases():
    assert len(CASES) == 48


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case, transport):
    ran = []
    app = Nacre(middlewares=[CSRF(**case.options)])

    @app.route("/", methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])
    @MARKS[case.handler]
    def index():
        ran.append(1)
        return "x"

    sends = {"sec-fetch-site": case.site, "origin": case.origin, "content-type": case.kind, **case.more}
    with TestClient(app, transport) as client:
        answer = client.request(
            case.method, "/", headers={name: value for name, value in sends.items() if value is not None}
        )
    assert (answer.status, bool(ran)) == ((200, True) if case.allowed else (403, False))


# Tokens.


TOKENS = {
    "in the header": ("header", "good", True),
    "in a form": ("form", "good", True),
    "in a multipart form": ("multipart", "good", True),
    "of another render": ("header", "earlier", True),
    "none": ("header", None, False),
    "empty": ("header", "", False),
    "of another session": ("header", "foreign", False),
    "from before the login": ("header", "stale", False),
    "its secret, not masked": ("header", "secret", False),
    "one letter changed": ("header", "changed", False),
    "too long": ("header", "long", False),
    "outside ASCII": ("form", "é" * 86, False),
    "only in the query": ("query", "good", False),
    "only in a cookie": ("cookie", "good", False),
    "a cookie and a header that agree": ("tossed", "A" * 86, False),
    "twice in a form": ("twice", "good", False),
    "in JSON": ("json", "good", False),
}


def shop(ran):
    app = Nacre(middlewares=[Sessions("mIeW4XqZ0t7yVn2cJr8sKp5uLh3gDf6b"), CSRFToken()])

    @app.get("/token")
    def token(request: Request):
        return csrf_token(request)

    @app.get("/secret")
    def secret(request: Request):
        return request.session[CSRF_SESSION_KEY]

    @app.post("/login")
    @csrf.exempt
    def login(request: Request):
        request.session.pop(CSRF_SESSION_KEY, None)

    @app.post("/buy")
    async def buy(request: Request):
        ran.append(1)
        kind = request.content_type.essence if request.content_type else ""
        return (await request.form()).texts("amount") if "form" in kind else "bought"

    return app


@pytest.mark.parametrize(("place", "which", "allowed"), TOKENS.values(), ids=TOKENS)
def test_token(place, which, allowed, transport):
    ran = []
    with TestClient(shop(ran), transport) as client, TestClient(shop([]), transport) as other:
        tokens = {"foreign": other.get("/token").text, "earlier": client.get("/token").text}
        if which == "stale":
            tokens["stale"] = client.get("/token").text
            client.post("/login")
        good = tokens["good"] = client.get("/token").text
        tokens["secret"] = client.get("/secret").text
        tokens["changed"] = ("A" if good[0] != "A" else "B") + good[1:]
        tokens["long"] = good + "A"
        token = tokens.get(which, which)
        options = {
            "header": {"headers": {"x-csrf-token": token}} if token is not None else {},
            "form": {"form": {"csrf_token": token, "amount": "5"}},
            "multipart": {"files": {"file": ("a.txt", b"x" * 300_000)}, "form": {"csrf_token": token, "amount": "5"}},
            "query": {"query": {"csrf_token": token}},
            "cookie": {"cookies": {"csrf_token": token}},
            "tossed": {"cookies": {"csrf_token": token}, "headers": {"x-csrf-token": token}},
            "twice": {"form": [("csrf_token", token), ("csrf_token", "A" * 86)]},
            "json": {"json": {"csrf_token": token}},
        }[place]
        answer = client.post("/buy", **options)
    assert (answer.status, bool(ran)) == ((200, True) if allowed else (403, False))
    if allowed and place in ("form", "multipart"):
        assert answer.json() == ["5"]
