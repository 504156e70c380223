"""The limits of `TrustedHosts`, to the character: how long a host may be, what is remembered, what has no host."""

from __future__ import annotations

from typing import Any

import pytest

from nacre import Nacre, Request
from nacre.security import TrustedHosts


def test_a_host_has_at_most_262_characters_with_its_port() -> None:
    layer = TrustedHosts(["*"])
    assert layer.serves("a" * 255 + ":00080")
    assert layer.serves("a" * 255 + ":000080") is False


def test_a_host_is_served_or_not_and_nothing_between() -> None:
    layer = TrustedHosts(["a.example.", "*.b.example:81"], www_redirect=True)
    served = ("a.example", "a.example.", "A.EXAMPLE:99", "x.b.example:81")
    assert [layer.serves(host) for host in served] == [True] * 4
    refused = ("b.example", "x.b.example", "x.b.example:82", "a b", "", "xa.example", "www.a.example")
    assert [layer.serves(host) for host in refused] == [False] * 7


def test_what_is_remembered_of_clients_has_a_bound() -> None:
    layer = TrustedHosts(["*.example"])
    for number in range(1000):
        layer.serves(f"x{number}.example")
    assert layer._judge.cache_info().currsize == 512


@pytest.mark.parametrize(("hosts", "status"), [(["*"], 200), (["a.example"], 400), ([], 400)])
async def test_a_request_of_http_1_0_without_a_host_is_served_where_all_are(hosts: list[str], status: int) -> None:
    app = Nacre(middlewares=[TrustedHosts(hosts)])

    @app.get("/")
    async def handler(request: Request) -> str:
        return "x"

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http"}
    await app({**scope, "headers": [], "http_version": "1.0", "asgi": {"version": "3.0"}}, receive, send)
    assert sent[0]["status"] == status
    two = [(b"host", b"a.example"), (b"host", b"a.example")]
    await app({**scope, "headers": two, "http_version": "1.1", "asgi": {"version": "3.0"}}, receive, send)
    assert sent[2]["status"] == 400
