"""Behind a real nginx, on three servers: 24 cases of what a client sends and what the application then knows."""

from __future__ import annotations

import http.client
import json
import os
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from servers.process import started

from defence.nginx import NGINX, Ports, in_front_of

pytestmark = pytest.mark.skipif(NGINX is None and not os.environ.get("CI"), reason="nginx isn't installed")

CLIENT, PROXY = "127.0.0.5", "127.0.0.2"
SERVERS = ["granian-rsgi", "uvicorn", "gunicorn-gthread"]

FORGED = [
    ("x-forwarded-for", "1.2.3.4"),
    ("x-forwarded-for", "127.0.0.2, 127.0.0.3"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example"),
    ("forwarded", "for=1.2.3.4;proto=https;host=evil.example"),
    ("forwarded", "for=127.0.0.2"),
]

CASES: dict[str, tuple[str, str, list[tuple[str, str]], tuple[str | None, str, str]]] = {
    "through the edge": ("edge", "/x", [], (CLIENT, "http", "shop.example")),
    "over TLS": ("tls", "/x", [], (CLIENT, "https", "shop.example")),
    "forged and duplicate": ("edge", "/x", FORGED, (CLIENT, "http", "shop.example")),
    "chained and forged": ("outer", "/x", FORGED, (CLIENT, "http", "shop.example")),
    "RFC 7239, over TLS, forged": ("tls", "/rfc", FORGED, (CLIENT, "https", "shop.example")),
    "RFC 7239, chained, forged": ("outer", "/rfc", FORGED, (CLIENT, "http", "shop.example")),
    "RFC 7239, an open quote": ("edge", "/rfc", [("forwarded", 'for="127.0.0.2')], (None, "http", "inner.example")),
    "past the proxy": ("app", "/x", FORGED, (CLIENT, "http", "shop.example")),
}


@pytest.fixture(scope="module", params=SERVERS)
def ports(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    folder = tmp_path_factory.mktemp("nginx")
    with started(request.param, folder, app="proxied:app") as server, in_front_of(server.port, folder) as found:
        yield found


def ask(ports: Ports, entry: str, path: str, sends: list[tuple[str, str]]) -> Any:
    options: dict[str, Any] = {"timeout": 5, "source_address": (CLIENT, 0)}
    port = getattr(ports, entry)
    if entry == "tls":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, context=context, **options
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, **options)
    try:
        connection.putrequest("GET", path, skip_host=True)
        for name, value in [("host", "shop.example"), *sends]:
            connection.putheader(name, value)
        connection.endheaders()
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.mark.parametrize("case", CASES)
def test_case(case: str, ports: Ports) -> None:
    entry, path, sends, (client, scheme, host) = CASES[case]
    assert ask(ports, entry, path, sends) == {"client": client, "scheme": scheme, "host": host, "left": []}


def test_there_are_24_cases() -> None:
    assert len(CASES) * len(SERVERS) == 24
