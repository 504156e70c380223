"""Published attacks by the host and the target of a request, each by its id, on every transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nacre import Nacre, Request
from nacre.security import LOCALHOST, HTTPSRedirect, TrustedHosts
from nacre.testing import TestClient

ClientFor = Callable[..., TestClient]


def serving(*layers: Any, **options: Any) -> Nacre:
    app = Nacre(middlewares=list(layers), **options)
    app.get("/broken")(lambda: 1 / 0)

    @app.get("/admin/secret")
    @app.get("/reset")
    def told(request: Request) -> Any:
        return {"path": request.path, "url": str(request.url), "url_path": request.url.path, "host": request.host}

    return app


@pytest.mark.parametrize(
    "host",
    [
        "example.com/?",
        "example.com/",
        "example.com?",
        "example.com#",
        "a@example.com",
        "a\\b",
        "a b",
        "example.com:80/x",
    ],
)
async def test_cve_2026_48710_badhost_a_host_changes_no_path(host: str, client_for: ClientFor) -> None:
    async with client_for(serving()) as client:
        assert (await client.get("/admin/secret", headers={"host": host})).status == 400
        told = (await client.get("/admin/secret", headers={"host": "example.com"})).json()
    assert told["path"] == told["url_path"] == "/admin/secret"


@pytest.mark.parametrize("target", ["@evil.example", "evil.example/x", "admin/secret", ":80/x"])
async def test_cve_2026_54282_a_target_begins_with_a_slash(target: str) -> None:
    seen: list[Any] = []

    async def send(message: Any) -> None:
        seen.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"},
        **{"path": target, "raw_path": target.encode(), "query_string": b"", "root_path": "", "state": {}},
        **{"headers": [(b"host", b"example.com")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)},
    }
    for layers in ([], [HTTPSRedirect(host="example.com")], [TrustedHosts(["www.example.com"], www_redirect=True)]):
        seen.clear()
        await serving(*layers)(scope, receive, send)
        assert seen[0]["status"] == 400
        assert b"location" not in dict(seen[0]["headers"])


@pytest.mark.parametrize(
    ("listed", "host"),
    [
        pytest.param(["example.com"], "exampleXcom", id="CVE-2026-25479"),
        pytest.param(["example.com"], "example.com.evil.io", id="CVE-2026-25479, its beginning"),
        pytest.param(["*.example.com"], "evilexample.com", id="CVE-2026-25479, a wildcard"),
        pytest.param(["example.com"], "evil.io:example.com", id="a host as a port"),
    ],
)
async def test_cve_2026_25479_entries_are_names_and_no_patterns(
    listed: list[str], host: str, client_for: ClientFor
) -> None:
    async with client_for(serving(TrustedHosts(listed))) as client:
        assert (await client.get("/reset", headers={"host": host})).status == 400


@pytest.mark.parametrize("host", [None, "evil.example"])
async def test_litestar_allowedhosts_x_forwarded_host_is_not_read(host: str | None, client_for: ClientFor) -> None:
    sends = [("host", host), ("x-forwarded-host", "allowed.example"), ("forwarded", "host=allowed.example")]
    async with client_for(serving(TrustedHosts(["allowed.example"]))) as client:
        assert (await client.get("/reset", headers=sends)).status == 400


async def test_cve_2011_4139_a_link_leads_to_a_host_that_is_served(client_for: ClientFor) -> None:
    async with client_for(serving(TrustedHosts(["shop.example"]))) as client:
        forged = {"host": "shop.example", "x-forwarded-host": "evil.example"}
        assert (await client.get("/reset", headers=forged)).json()["url"] == "http://shop.example/reset"
        assert (await client.get("/reset", headers={"host": "evil.example"})).status == 400


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("path", ["/reset", "/broken", "/nothing"])
async def test_cve_2016_9014_cve_2024_34069_debug_opens_no_host(debug: bool, path: str, client_for: ClientFor) -> None:
    async with client_for(serving(TrustedHosts(LOCALHOST), debug=debug)) as client:
        answer = await client.get(path, headers={"host": "rebound.evil.example", "accept": "text/html"})
    assert answer.status == 400
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("app.localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example:8000", 400),
        ("localhost.evil.example", 400),
        ("127.0.0.1.evil.example", 400),
        ("127.1", 400),
        ("0177.0.0.1", 400),
        ("2130706433", 400),
    ],
)
async def test_cve_2025_66416_a_rebound_name_is_not_this_machine(host: str, status: int, client_for: ClientFor) -> None:
    async with client_for(serving(TrustedHosts(LOCALHOST))) as client:
        assert (await client.get("/reset", headers={"host": host})).status == status
