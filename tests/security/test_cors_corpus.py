"""Published attacks on CORS, each by its id, on every transport."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from nacre import ConfigurationError, Group, Nacre
from nacre.security import CORS
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

GRANTS = ("access-control-allow-origin", "access-control-allow-credentials")


def serving(**options: Any) -> Nacre:
    app = Nacre(middlewares=[CORS(**options)])
    app.route("/", methods=["GET", "PUT"])(lambda: "secret")
    return app


def granted(answer: Any) -> list[str]:
    return [name for name in GRANTS if name in answer.headers]


REFLECTED = [
    pytest.param(
        {"origin_regex": r"https://.*\.example\.org"}, "https://a.example.org.evil.com", id="starlette#800/#801"
    ),
    pytest.param({"origin_regex": r"https://trusted\.com"}, "https://trusted.com.attacker.io", id="CVE-2026-37737"),
    pytest.param({"origins": ["https://good.example"]}, "https://goodXexample", id="CVE-2026-25478"),
    pytest.param({"origins": ["https://good.example"]}, "null", id="CVE-2024-47165 / CVE-2024-47084"),
    pytest.param({"origins": ["http://localhost:7860"], "subdomains": True}, "null", id="CVE-2024-47165, a local one"),
]


@pytest.mark.parametrize(("options", "origin"), REFLECTED)
@pytest.mark.parametrize("credentials", [False, True])
async def test_an_origin_that_only_looks_like_a_listed_one_is_granted_nothing(
    options: dict[str, Any], origin: str, credentials: bool, client_for: ClientFor
) -> None:
    preflight = {"origin": origin, "access-control-request-method": "PUT"}
    async with client_for(serving(credentials=credentials, **options)) as client:
        answer = await client.get("/", headers={"origin": origin})
        asked = await client.options("/", headers=preflight)
    assert granted(answer) == granted(asked) == []
    assert "access-control-allow-methods" not in asked.headers


def test_starlette_3137_all_origins_with_credentials_do_not_start() -> None:
    with pytest.raises(ConfigurationError, match="lets every site read"):
        CORS(["*"], credentials=True)


async def test_starlette_3137_a_cookie_makes_no_origin_of_a_star(client_for: ClientFor) -> None:
    async with client_for(serving(origins=["*"])) as client:
        answer = await client.get("/", headers={"origin": "https://evil.example", "cookie": "session=1"})
    assert answer.headers.getlist("access-control-allow-origin") == ["*"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_cve_2024_6221_a_private_network_is_granted_only_where_it_is_asked_for(client_for: ClientFor) -> None:
    asks = {
        "origin": "https://a.example",
        "access-control-request-method": "GET",
        "access-control-request-private-network": "true",
    }
    async with client_for(serving(origins=["https://a.example"])) as client:
        assert "access-control-allow-private-network" not in (await client.options("/", headers=asks)).headers
    async with client_for(serving(origins=["https://a.example"], private_network=True)) as client:
        assert (await client.options("/", headers=asks)).headers["access-control-allow-private-network"] == "true"


# Rules for paths: here a policy belongs to a group or a route, so the router alone decides which one holds.

PUBLIC, PARTNER = "https://public.example", "https://partner.example"


def by_path() -> Nacre:
    app = Nacre(middlewares=[CORS([])])
    public = Group("/public", middlewares=[CORS([PUBLIC])])
    public.get("/news")(lambda: "news")
    public.get("/partners/list", middlewares=[CORS([PARTNER])])(lambda: "list")
    private = Group("/private")
    private.get("/mail")(lambda: "mail")
    app.include(public)
    app.include(private)
    app.get("/a+b", middlewares=[CORS([PUBLIC])])(lambda: "plus")
    app.get("/a b")(lambda: "space")
    app.get("/admin")(lambda: "admin")
    app.get("/Admin", middlewares=[CORS([PUBLIC])])(lambda: "Admin")
    return app


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        pytest.param("/public/news", PUBLIC, True, id="a public page"),
        pytest.param("/public/../private/mail", PUBLIC, None, id="CVE-2020-25032"),
        pytest.param("/public/%2e%2e/private/mail", PUBLIC, None, id="CVE-2020-25032, encoded"),
        pytest.param("/private/mail", PUBLIC, False, id="CVE-2020-25032, the page itself"),
        pytest.param("/public/partners/list", PARTNER, True, id="CVE-2024-6839"),
        pytest.param("/public/partners/list", PUBLIC, False, id="CVE-2024-6839, the wider rule"),
        pytest.param("/a+b", PUBLIC, True, id="CVE-2024-6844"),
        pytest.param("/a%20b", PUBLIC, False, id="CVE-2024-6844, a space"),
        pytest.param("/a%2Bb", PUBLIC, True, id="CVE-2024-6844, encoded"),
        pytest.param("/Admin", PUBLIC, True, id="CVE-2024-6866"),
        pytest.param("/admin", PUBLIC, False, id="CVE-2024-6866, another case"),
    ],
)
async def test_the_policy_is_that_of_the_route_which_answers(
    path: str, origin: str, allowed: bool | None, client_for: ClientFor
) -> None:
    async with client_for(by_path()) as client:
        answer = await client.get(path, headers={"origin": origin})
    if allowed is None:
        assert answer.text != "mail"  # no route has such a path, so nothing of the private one is there to be read
    else:
        assert answer.status == 200
        assert (granted(answer) == ["access-control-allow-origin"]) is allowed


@pytest.mark.parametrize("text", [",", " ", ", ", "a,", "a ", "\t,"])
def test_ghsa_8j4g_w8fx_2239_asked_headers_take_time_in_proportion(text: str) -> None:
    def seconds(size: int) -> float:
        headers = {
            "origin": "https://a.example",
            "access-control-request-method": "PUT",
            "access-control-request-headers": (text * size)[:size],
        }
        best = 9.0
        with TestClient(serving(origins=["https://a.example"])) as client:
            for _ in range(3):
                begun = time.perf_counter()
                assert client.options("/", headers=headers).status == 204
                best = min(best, time.perf_counter() - begun)
        return best

    assert seconds(64 * 1024) < 12 * seconds(6 * 1024) + 0.05
