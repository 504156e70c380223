"""Published attacks by what only a proxy may say, each by its id, on every transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nacre import Nacre, Request, WSGIMiddleware
from nacre.security import HTTPSRedirect, ProxyHeaders
from nacre.security.forwarded import parse_ip
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]

PROXY, STRANGER = "10.0.0.1", "203.0.113.66"


def serving(*inside: Any, **options: Any) -> Nacre:
    app = Nacre(middlewares=[ProxyHeaders([PROXY], **options), *inside])

    @app.get("/")
    def told(request: Request) -> Any:
        left = {name: request.headers.getlist(name) for name in request.headers if name != "host"}
        return {"client": request.client and request.client[0], "scheme": request.scheme, "left": left}

    return app


@pytest.mark.parametrize(
    ("peer", "sent", "client"),
    [
        pytest.param(STRANGER, "127.0.0.1", STRANGER, id="an untrusted peer"),
        pytest.param(PROXY, f"127.0.0.1, {STRANGER}", STRANGER, id="in front of the client's own"),
        pytest.param(PROXY, f"127.0.0.1,,{STRANGER}", STRANGER, id="an empty entry"),
        pytest.param(PROXY, f"{PROXY}, {STRANGER}", STRANGER, id="the proxy's address"),
    ],
)
async def test_cve_2025_46814_a_client_does_not_choose_its_address(
    peer: str, sent: str, client: str, client_for: ClientFor
) -> None:
    async with client_for(serving(), client=(peer, 1)) as session:
        assert (await session.get("/", headers={"x-forwarded-for": sent})).json()["client"] == client


@pytest.mark.parametrize(
    "text", ["010.8.8.8", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "127.0.0.1%00", "127.0.0.1 "]
)
async def test_cve_2021_33571_an_address_has_one_form(text: str, client_for: ClientFor) -> None:
    assert parse_ip(text) is None
    async with client_for(serving(), client=(PROXY, 1)) as session:
        found = (await session.get("/", headers={"x-forwarded-for": text})).json()["client"]
    assert found is None or text.endswith(" ")  # what is around a value isn't part of it


async def test_waitress_452_what_is_not_believed_is_not_left_beside_what_is(client_for: ClientFor) -> None:
    sends = {
        **{"x-forwarded-for": STRANGER, "x-forwarded-host": "evil.example", "x-forwarded-port": "1"},
        **{"x-forwarded-prefix": "/evil", "x-forwarded-by": "evil", "forwarded": "for=1.2.3.4", "x-real-ip": "1.2.3.4"},
    }
    for peer in (PROXY, STRANGER):
        async with client_for(serving(), client=(peer, 1)) as session:
            left = (await session.get("/", headers=sends)).json()["left"]
        assert not {name for name in left if "forwarded" in name or "real" in name}


@pytest.mark.parametrize("name", ["X_Forwarded_User", "X-Forwarded_User", "x_forwarded-user"])
async def test_cve_2026_3902_an_underscore_is_no_hyphen(name: str, client_for: ClientFor) -> None:
    seen: list[Any] = []

    def noting(app: Any) -> Any:
        def wsgi(environ: Any, start_response: Any) -> Any:
            seen.append(environ.get("HTTP_X_FORWARDED_USER"))
            return app(environ, start_response)

        return wsgi

    async with client_for(serving(WSGIMiddleware(noting)), client=(STRANGER, 1)) as session:
        left = (await session.get("/", headers={name: "admin"})).json()["left"]
    assert "admin" not in str(left)
    assert seen == [None]


@pytest.mark.parametrize("name", ["X-Auth_User", "X_Auth_User"])
async def test_cve_2015_0219_an_underscore_is_no_hyphen_in_any_header(
    name: str, client_for: ClientFor, transport: str
) -> None:
    seen: list[Any] = []

    def noting(app: Any) -> Any:
        def wsgi(environ: Any, start_response: Any) -> Any:
            seen.append(environ.get("HTTP_X_AUTH_USER"))
            return app(environ, start_response)

        return wsgi

    async with client_for(serving(WSGIMiddleware(noting)), client=(STRANGER, 1)) as session:
        left = (await session.get("/", headers={name: "admin"})).json()["left"]
    if transport != "wsgi":  # whose servers must leave them out: they come without a difference there
        assert "x-auth-user" not in left
        assert seen == [None]


async def test_gunicorn_pp_allow_only_listed_peers_say_who_the_client_is(client_for: ClientFor) -> None:
    for peer, believed in ((PROXY, True), ("10.0.0.2", False), ("::ffff:10.0.0.1", True), ("::1", False)):
        async with client_for(serving(), client=(peer, 1)) as session:
            told = (await session.get("/", headers={"x-forwarded-for": STRANGER, "x-forwarded-proto": "https"})).json()
        assert (told["client"] == STRANGER) is believed
        assert (told["scheme"] == "https") is believed


async def test_cve_2019_12781_the_proxy_says_how_the_client_came_also_where_it_comes_by_tls_itself(
    client_for: ClientFor,
) -> None:
    app = serving(HTTPSRedirect(host="shop.example"))
    async with client_for(app, client=(PROXY, 1), scheme="https") as session:
        plain = await session.get("/", headers={"x-forwarded-for": STRANGER, "x-forwarded-proto": "http"})
        assert (plain.status, plain.headers["location"]) == (308, "https://shop.example/")
        secure = await session.get("/", headers={"x-forwarded-for": STRANGER, "x-forwarded-proto": "https"})
        assert secure.json()["scheme"] == "https"


async def test_cve_2025_59152_without_a_trusted_proxy_the_address_is_that_of_the_connection(
    client_for: ClientFor,
) -> None:
    sends = {"x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4", "x-real-ip": "1.2.3.4", "client-ip": "1.2.3.4"}
    app = Nacre()
    app.get("/")(lambda request: request.client[0])
    for served in (app, serving()):
        async with client_for(served, client=(STRANGER, 1)) as session:
            assert STRANGER in (await session.get("/", headers=sends)).text
