"""`Nacre(secure=…)`: layers that come before all that the application lists."""

from __future__ import annotations

import pytest

from nacre import ConfigurationError, Hooks, Nacre
from nacre.security import ProxyHeaders, SecureDefaults
from nacre.traffic import RequestId


class Raw:
    """An ASGI class, which at the head of the list sees the raw connection."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)


def layers_of(app: Nacre) -> list[str]:
    return [layer.name for layer in app.describe().routes[0].chains[0].layers]


def with_route(app: Nacre) -> Nacre:
    @app.post("/")
    async def index(request):
        return "done"

    return app


async def test_it_adds_the_secure_defaults_which_chains_show(client_for):
    app = with_route(Nacre(secure=True))
    assert layers_of(app) == ["SecurityHeaders", "HSTS", "CSRF"]
    async with client_for(app) as client:
        response = await client.post("/")
        forged = await client.post("/", headers={"sec-fetch-site": "cross-site"})
        missing = await client.get("/missing")
    assert (response.status, forged.status, missing.status) == (200, 403, 404)
    for answer in (response, forged, missing):
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_it_takes_defaults_with_options():
    app = with_route(Nacre(secure=SecureDefaults(hosts=["example.com"], csrf=False)))
    assert "TrustedHosts" in layers_of(app)
    assert "CSRF" not in layers_of(app)


def test_without_it_nothing_is_added():
    assert layers_of(with_route(Nacre())) == []


def test_they_stand_outside_of_the_list_and_inside_of_asgi_classes_at_its_head():
    app = with_route(Nacre(middlewares=[Raw, Hooks(before=lambda request: None)], secure=True))
    names = layers_of(app)
    assert names[0] == "Raw"
    assert names[1] == "SecurityHeaders"
    assert names[-1] == "<lambda>"


def test_they_stand_inside_of_proxy_headers_at_its_head():
    proxies = ProxyHeaders(["127.0.0.1"])
    assert layers_of(with_route(Nacre(middlewares=[proxies, RequestId()], secure=True))) == [
        *("ProxyHeaders", "SecurityHeaders", "HSTS", "CSRF", "RequestId")
    ]
    with pytest.raises(ConfigurationError, match="must stand outside of the layers that `secure` adds"):
        layers_of(with_route(Nacre(middlewares=[RequestId(), proxies], secure=True)))


async def test_a_mounted_application_keeps_its_own(client_for):
    app, inner = Nacre(), with_route(Nacre(secure=True))
    app.mount("/in", inner)
    app.get("/")(lambda request: "")
    async with client_for(app) as client:
        assert (await client.post("/in/", headers={"sec-fetch-site": "cross-site"})).status == 403
        assert "x-content-type-options" not in (await client.get("/")).headers


@pytest.mark.parametrize("secure", ["yes", None, 1, [SecureDefaults()]], ids=repr)
def test_anything_else_is_refused(secure):
    with pytest.raises(ConfigurationError) as caught:
        Nacre(secure=secure)
    assert "secure=" in str(caught.value)
