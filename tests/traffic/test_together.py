"""All the layers in one chain, in the order that the guide gives, on every transport."""

import json
import logging
from types import SimpleNamespace

import pytest

from nacre import ConfigurationError, Nacre, wait
from nacre.auth import Authentication, BearerAuth, authenticated
from nacre.compression import Compression
from nacre.response import StreamingResponse
from nacre.security import ProxyHeaders
from nacre.sessions import MemoryStore, Sessions
from nacre.traffic import (
    AccessLog,
    BodyLimit,
    CacheControl,
    IdempotencyKey,
    RateLimit,
    RequestId,
    Timeout,
    idempotency,
    ratelimit,
)


async def verify(token):
    return {"id": token.removeprefix("token-")} if token.startswith("token-") else None


def application():
    app = Nacre(
        middlewares=[
            AccessLog(logger="test.together"),
            RequestId(),
            ProxyHeaders(["127.0.0.1"]),
            CacheControl(public=True, max_age=60),
            Compression(minimum_size=10),
            Sessions(store=MemoryStore()),
            Authentication(BearerAuth(verify)),
            RateLimit("3/minute", key="user"),
            Timeout(5),
            BodyLimit(100),
            IdempotencyKey(),
        ]
    )
    app.orders = []

    @app.get("/")
    async def index(request):
        return "x" * 100

    @app.get("/stream")
    def stream(request):
        return StreamingResponse(iter(["x" * 100] * 3))

    @app.post("/orders")
    @authenticated
    @idempotency.required
    def order(request):
        app.orders.append(wait(request.text()))
        request.session["orders"] = len(app.orders)
        return {"order": len(app.orders)}

    @app.get("/health")
    @ratelimit.exempt
    def health(request):
        return "well"

    return app


@pytest.fixture
def lines():
    logger, found = logging.getLogger("test.together"), []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(json.loads(record.getMessage()))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield found
    logger.removeHandler(handler)


async def test_they_work_together(client_for, lines):
    app = application()
    ada = {"authorization": "Bearer token-ada", "idempotency-key": "1"}
    bob = {"authorization": "Bearer token-bob", "idempotency-key": "1"}
    async with client_for(app) as client:
        first = await client.post("/orders", content=b"a", headers=ada)
        again = await client.post("/orders", content=b"a", headers=ada)
        other = await client.post("/orders", content=b"a", headers=bob)
        nobody = await client.post("/orders", content=b"a", headers={"idempotency-key": "1"})
        large = await client.post("/orders", content=b"a" * 101, headers=bob)
        page = await client.get("/", headers={"x-forwarded-for": "192.0.2.1", "accept-encoding": "gzip"})
        stream = await client.get("/stream", headers={"x-forwarded-for": "192.0.2.1", "accept-encoding": "identity"})
        limited = [await client.post("/orders", content=b"a", headers=ada) for _ in range(2)]
        health = await client.get("/health")
    assert [one.json() for one in (first, again, other)] == [{"order": 1}, {"order": 1}, {"order": 2}]
    assert again.headers["idempotent-replayed"] == "true"
    assert [one.status for one in (nobody, large, page, stream)] == [401, 413, 200, 200]
    assert [one.status for one in (*limited, health)] == [200, 429, 200]
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["cache-control"] == "private, max-age=60"  # it varies by Authorization
    assert app.orders == ["a", "a"]
    assert [line["status"] for line in lines] == [200, 200, 200, 401, 413, 200, 200, 200, 429, 200]
    assert [line.get("user") for line in lines[:5]] == ["ada", "ada", "bob", None, "bob"]
    assert [line["client"] for line in lines[5:7]] == ["192.0.2.1"] * 2
    assert lines[6]["bytes"] == 300
    for response in (first, again, nobody, large, limited[1], health):
        assert response.headers["x-request-id"]
        assert "public" not in response.headers.get("cache-control", "")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (lambda: [RateLimit("1/minute"), ProxyHeaders(["127.0.0.1"])], "RateLimit"),
        (lambda: [Sessions(store=MemoryStore()), CacheControl(no_store=True)], "CacheControl"),
        (lambda: [IdempotencyKey(), Sessions(store=MemoryStore())], "IdempotencyKey"),
        (lambda: [RateLimit("1/minute", key="user"), Authentication(BearerAuth(verify))], "RateLimit"),
    ],
)
def test_another_order_is_refused_at_startup(layers, message):
    app = Nacre(middlewares=layers())
    app.post("/")(lambda request: "")
    with pytest.raises(ConfigurationError, match=message):
        app.compile()


async def never(*arguments):
    return None


RISKS = [
    (lambda: RateLimit("1/minute"), "in each worker process apart"),
    (lambda: RateLimit("1/minute", store=SimpleNamespace(needs_loop=True, hit=never)), None),
    (lambda: IdempotencyKey(), "another one, or the next, runs requests again"),
    (lambda: IdempotencyKey(store=SimpleNamespace(needs_loop=True)), None),
    (lambda: RequestId(trust=True), "the identifier that any client sends"),
    (lambda: RequestId(trust=lambda request: True), None),
    (lambda: RequestId(), None),
    (lambda: AccessLog(secrets=()), "passwords in queries"),
    (lambda: AccessLog(secrets=(), fields=["path"]), None),
    (lambda: AccessLog(), None),
]


@pytest.mark.parametrize(("make", "what"), RISKS)
def test_what_is_unsafe_in_a_deployment_is_told(make, what):
    app = Nacre(middlewares=[make()])
    app.post("/")(lambda request: "")
    found = [risk for risk in app.find_risks() if risk.where is not None and risk.where.file == __file__]
    assert [what in risk.what for risk in found] == ([] if what is None else [True])
