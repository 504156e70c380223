"""Behind proxies as a table of 24 cases: who the peer is, what it sends along, and what the request then is."""

from dataclasses import dataclass, field

import pytest

from nacre import Nacre, Request
from nacre.security import ProxyHeaders

PROXY, SECOND, CLIENT, STRANGER = "10.0.0.1", "10.0.0.2", "198.51.100.7", "203.0.113.66"
ALL = ("for", "proto", "host", "port", "prefix")


@dataclass
class Case:
    """`sends` are the header fields; expected are the client's address, the scheme, the host and the prefix."""

    sends: dict | list
    client: tuple | None = (CLIENT, None)
    scheme: str = "http"
    host: str = "inner.example"
    prefix: str = ""
    peer: str = PROXY
    options: dict = field(default_factory=dict)


def x(**fields):
    return {f"x-forwarded-{name}": value for name, value in fields.items()}


def forwarded(text):
    return {"forwarded": text}


RFC = {"headers": "forwarded", "fields": ("for", "proto", "host")}
EVERY = {"fields": ALL}
HOP = {"trusted": ["*"], "hops": 1}

CASES = {
    # X-Forwarded-*.
    "for and proto": Case(x(**{"for": CLIENT, "proto": "https"}), scheme="https"),
    "an untrusted peer": Case(
        x(**{"for": CLIENT, "proto": "https", "host": "a.example"}), (STRANGER, 50000), peer=STRANGER, options=EVERY
    ),
    "forged in front": Case(x(**{"for": f"127.0.0.1, 1.2.3.4, {CLIENT}", "proto": "https, http"})),
    "two proxies": Case(x(**{"for": f"{CLIENT}, {SECOND}", "proto": "https, http"}), scheme="https"),
    "two proxies, a proto of the first": Case(x(**{"for": f"{CLIENT}, {SECOND}", "proto": "https"}), scheme="https"),
    "two proxies, one is counted": Case(x(**{"for": f"{CLIENT}, {SECOND}"}), (SECOND, None), options={"hops": 1}),
    "any peer, one proxy": Case(x(**{"for": f"1.2.3.4, {CLIENT}"}), peer=STRANGER, options=HOP),
    "in two fields": Case([("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", CLIENT)]),
    "only proxies": Case(x(**{"for": f"{SECOND}, 10.9.9.9"}), (SECOND, None)),
    "garbage": Case(x(**{"for": f"{CLIENT}, <script>", "proto": "gopher"}), None),
    "no address in one form": Case(x(**{"for": "010.8.8.8"}), None),
    "unknown": Case(x(**{"for": "unknown", "proto": "https"}), None, "https"),
    "a port": Case(x(**{"for": f"{CLIENT}:4711"}), (CLIENT, 4711)),
    "IPv6": Case(x(**{"for": "2001:db8::1"}), ("2001:db8::1", None)),
    "IPv6 with a port": Case(x(**{"for": "[2001:db8::1]:4711"}), ("2001:db8::1", 4711)),
    "host, port and prefix": Case(
        x(**{"for": CLIENT, "proto": "https", "host": "shop.example", "port": "8443", "prefix": "/shop/"}),
        (CLIENT, None),
        "https",
        "shop.example:8443",
        "/shop",
        options=EVERY,
    ),
    "host and prefix, not believed": Case(x(**{"for": CLIENT, "host": "a.example", "port": "1", "prefix": "/x"})),
    "a prefix that names a host": Case(x(**{"for": CLIENT, "prefix": "//evil.example"}), options=EVERY),
    # Forwarded.
    "Forwarded": Case(
        forwarded(f'for={CLIENT};proto=https;host="shop.example:8443"'),
        (CLIENT, None),
        "https",
        "shop.example:8443",
        options=RFC,
    ),
    "Forwarded, chained": Case(
        forwarded(f'for=1.2.3.4;host=evil.example, For="{CLIENT}:99";proto=https ,for={SECOND};proto=http'),
        (CLIENT, 99),
        "https",
        options=RFC,
    ),
    "Forwarded, IPv6": Case(forwarded('for="[2001:db8::1]:4711"'), ("2001:db8::1", 4711), options=RFC),
    "Forwarded, hidden": Case(forwarded(f"for={CLIENT}, for=_hidden;proto=https"), None, "https", options=RFC),
    "Forwarded, malformed": Case(forwarded(f'for="{CLIENT}, for=1.2.3.4'), None, options=RFC),
    "both kinds": Case(
        forwarded("for=1.2.3.4;host=evil.example;proto=http") | x(**{"for": CLIENT, "proto": "https"}), scheme="https"
    ),
}


class Noting:
    """A layer in ASGI style: what it finds in its scope is what `/` tells."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        scope["state"]["seen"] = {
            "client": scope["client"],
            "scheme": scope["scheme"],
            "host": headers.get("host"),
            "prefix": scope["root_path"],
            "path": scope["path"],
            "left": [name for name in headers if "forwarded" in name],
        }
        await self.app(scope, receive, send)


def application(options):
    trusted = options.pop("trusted", ["10.0.0.0/8"])
    app = Nacre()

    @app.get("/", middlewares=[ProxyHeaders(trusted, **options)])
    def told(request: Request):
        return {
            "client": request.client,
            "scheme": request.scheme,
            "host": request.headers["host"],
            "prefix": request.root_path,
            "url": str(request.url),
            "left": [name for name in request.headers if "forwarded" in name],
        }

    @app.get("/scope", middlewares=[ProxyHeaders(trusted, **options), Noting])
    def seen(request: Request):
        return request.state["seen"]

    return app


def test_the_table_has_24_cases():
    assert len(CASES) == 24


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_case(case, client_for):
    app = application(dict(case.options))
    async with client_for(app, host="inner.example", client=(case.peer, 50000)) as client:
        told = (await client.get("/", headers=case.sends)).json()
        seen = (await client.get("/scope", headers=case.sends)).json()
    assert told == {
        "client": case.client and list(case.client),
        "scheme": case.scheme,
        "host": case.host,
        "prefix": case.prefix,
        "url": f"{case.scheme}://{case.host}{case.prefix}/",
        "left": [],
    }
    assert seen == {
        "client": case.client and [case.client[0], case.client[1] or 0],
        "scheme": case.scheme,
        "host": case.host,
        "prefix": case.prefix,
        "path": f"{case.prefix}/scope",
        "left": [],
    }
