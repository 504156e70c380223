"""ASGI middlewares from PyPI, unmodified, at every place of a chain and on every transport."""

import gzip
import itertools
import re
import uuid

import brotli
import pytest
from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from brotli_asgi import BrotliMiddleware
from prometheus_client import REGISTRY
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette_context import context
from starlette_context.middleware import RawContextMiddleware
from starlette_context.plugins import RequestIdPlugin
from starlette_exporter import PrometheusMiddleware

from nacre import Middleware
from third_party.placing import LARGE, PLACES, Storm, placed

pytestmark = pytest.mark.timeout(10)

ID = uuid.uuid4().hex
numbers = itertools.count()


@pytest.fixture(params=PLACES)
def place(request):
    return request.param


class Adder(BaseHTTPMiddleware):
    """Starlette's own kind of middleware, with a task group and a stream inside."""

    async def dispatch(self, request, call_next):
        try:
            response = await call_next(request)
        except Storm as error:
            return PlainTextResponse(f"weathered: {error}", 503)
        response.headers["x-added"] = "yes"
        return response


class Reader(BaseHTTPMiddleware):
    """Reads the body before the handler does."""

    async def dispatch(self, request, call_next):
        size = len(await request.body())
        response = await call_next(request)
        response.headers["x-size"] = str(size)
        return response


class Recorder:
    """A bare ASGI class that takes the body off `receive` and gives it back changed."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = False

        async def again():
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body.upper(), "more_body": False}

        await self.app(scope, again, send)


# Name: the layer, the attribute of the answer that shows it was there.
EVERY = {
    "correlation id": (lambda: CorrelationIdMiddleware, "x-request-id"),
    "brotli": (lambda: Middleware(BrotliMiddleware, minimum_size=1), "content-encoding"),
    "secure": (lambda: Middleware(SecureASGIMiddleware, secure=Secure.with_default_headers()), "x-frame-options"),
    "context": (lambda: Middleware(RawContextMiddleware, plugins=[RequestIdPlugin()]), "x-request-id"),
    "exporter": (lambda: Middleware(PrometheusMiddleware, prefix=f"every{next(numbers)}"), None),
    "CORS": (lambda: Middleware(CORSMiddleware, allow_origins=["https://reef.example"]), "access-control-allow-origin"),
    "gzip": (lambda: Middleware(GZipMiddleware, minimum_size=1), None),
    "session": (lambda: Middleware(SessionMiddleware, secret_key="k"), None),
    "base": (lambda: Adder, "x-added"),
}
HEADERS = {"accept-encoding": "br", "origin": "https://reef.example"}


def decoded(response):
    """The body without its content coding."""
    return brotli.decompress(response.body) if response.headers.get("content-encoding") == "br" else response.body


@pytest.fixture(params=EVERY)
def every(request, place, transport):
    _skip_what_breaks_asgi(request.param, place, transport)
    make, header = EVERY[request.param]
    return make(), header


def _skip_what_breaks_asgi(name, place, transport):
    if name == "secure" and place == "head" and transport == "asgi":
        pytest.skip(
            "it sends header names with capitals, which ASGI forbids; here nothing stands between it and the server"
        )


async def test_whole_and_streamed_answers_come_through(every, place, client_for):
    layer, header = every
    async with client_for(placed(place, layer)) as client:
        for path, body in (
            ("/reef/whole", LARGE),
            ("/reef/plain/3", LARGE),
            ("/reef/stream", LARGE * 4 + "None"),
            ("/reef/small", "small"),
        ):
            response = await client.get(path, headers=HEADERS)
            assert (response.status, decoded(response).decode()) == (200, body)
            if header is not None:
                assert header in response.headers


async def test_head_has_the_headers_and_no_body(every, place, client_for):
    layer, header = every
    async with client_for(placed(place, layer)) as client:
        response = await client.head("/reef/whole", headers=HEADERS)
    assert (response.status, response.body) == (200, b"")
    if header is not None and not (header == "content-encoding" and place == "head"):  # there it sees the empty body
        assert header in response.headers


async def test_body_reaches_the_handler(every, place, client_for):
    layer, _ = every
    async with client_for(placed(place, layer)) as client:
        for content in (b"", b"a pearl", b"x" * 200_000, iter([b"in ", b"pieces"])):
            expected = b"in pieces" if not isinstance(content, bytes) else content
            response = await client.post("/reef/echo", content=content, headers=HEADERS)
            assert decoded(response) == expected


async def test_handled_exception_is_a_response_to_them(every, place, client_for):
    layer, header = every
    async with client_for(placed(place, layer)) as client:
        response = await client.get("/reef/teapot", headers=HEADERS)
    assert (response.status, decoded(response)) == (418, b"teapot")
    if header is not None and place in ("head", "chain"):
        assert header in response.headers


async def test_exception_passes_through_them_as_itself(every, place, client_for, caplog):
    layer, _ = every
    app = placed(place, layer)
    async with client_for(app) as client:
        response = await client.get("/reef/storm", headers=HEADERS)
    if layer is Adder and place != "head":
        assert (response.status, response.text) == (503, "weathered: from the handler")
        assert "passed" not in app.state
        return
    assert (response.status, decoded(response)) == (500, b"Internal Server Error")
    assert [record.exc_info[0] for record in caplog.records] == [Storm]
    if place != "head":
        assert str(app.state.passed) == "from the handler"


async def test_all_of_them_at_once(place, transport, client_for):
    names = [name for name in EVERY if name != "gzip" and (name, place, transport) != ("secure", "head", "asgi")]
    layers = [EVERY[name][0]() for name in names]
    async with client_for(placed(place, *layers, note=lambda request: correlation_id.get())) as client:
        response = await client.get("/reef/stream", headers={**HEADERS, "x-request-id": ID})
    assert response.status == 200
    assert decoded(response).decode() == LARGE * 4 + ID
    for name in names:
        assert EVERY[name][1] is None or EVERY[name][1] in response.headers


class TestCorrelationId:
    async def test_id_is_the_same_for_client_handler_and_stream(self, place, client_for):
        app = placed(place, CorrelationIdMiddleware, note=lambda request: correlation_id.get())
        async with client_for(app) as client:
            for path in ("/reef/whole", "/reef/plain/1", "/reef/stream"):
                response = await client.get(path, headers={"x-request-id": ID})
                assert response.headers.getlist("x-request-id") == [ID]
                assert response.headers["x-note"] == ID
            assert response.text.endswith(ID)

    async def test_new_id_is_in_the_request_as_the_handler_sees_it(self, place, client_for):
        app = placed(place, CorrelationIdMiddleware, note=lambda request: request.headers.get("x-request-id"))
        async with client_for(app) as client:
            first, second = await client.get("/reef/whole"), await client.get("/reef/plain/1")
        for response in (first, second):
            assert response.headers["x-note"] == response.headers["x-request-id"]
        assert first.headers["x-note"] != second.headers["x-note"]


class TestCompression:
    async def test_brotli_whole(self, place, client_for):
        app = placed(place, Middleware(BrotliMiddleware, minimum_size=100))
        async with client_for(app) as client:
            response = await client.get("/reef/whole", headers={"accept-encoding": "br"})
            assert response.headers["content-encoding"] == "br"
            assert response.headers["content-length"] == str(len(response.body))
            assert len(response.body) < len(LARGE) / 4
            assert brotli.decompress(response.body).decode() == LARGE
            small = await client.get("/reef/small", headers={"accept-encoding": "br"})
            assert (small.body, small.headers.get("content-encoding")) == (b"small", None)
            plain = await client.get("/reef/whole")
            assert (plain.text, plain.headers.get("content-encoding")) == (LARGE, None)

    @pytest.mark.parametrize(
        ("layer", "coding", "decode"),
        [(BrotliMiddleware, "br", brotli.decompress), (GZipMiddleware, "gzip", gzip.decompress)],
        ids=["brotli", "gzip"],
    )
    async def test_stream_is_coded_piece_by_piece(self, layer, coding, decode, place, client_for):
        async with client_for(placed(place, layer)) as client:
            response = await client.get("/reef/stream", headers={"accept-encoding": coding})
        assert response.headers["content-encoding"] == coding
        assert "content-length" not in response.headers
        assert decode(response.body).decode() == LARGE * 4 + "None"
        assert len(response.pieces) > 2


async def test_secure_headers_are_on_every_answer_it_covers(place, transport, client_for):
    _skip_what_breaks_asgi("secure", place, transport)
    layer = Middleware(SecureASGIMiddleware, secure=Secure.with_default_headers())
    names = [name.lower() for name in Secure.with_default_headers().headers]
    assert len(names) > 3
    async with client_for(placed(place, layer)) as client:
        for path in ("/reef/whole", "/reef/stream", *(["/reef/nowhere"] if place in ("head", "chain") else [])):
            headers = (await client.get(path)).headers
            assert [name for name in names if name not in headers] == []


async def test_context_is_open_around_the_handler_and_its_stream(place, client_for):
    layer = Middleware(RawContextMiddleware, plugins=[RequestIdPlugin()])
    app = placed(place, layer, note=lambda request: context.data["X-Request-ID"])
    async with client_for(app) as client:
        for path in ("/reef/whole", "/reef/plain/1", "/reef/stream"):
            response = await client.get(path, headers={"x-request-id": ID})
            assert (response.headers["x-request-id"], response.headers["x-note"]) == (ID, ID)
        assert response.text.endswith(ID)
        response = await client.get("/reef/whole", headers={"x-request-id": "not an id"})
        assert (response.status, response.headers.get("x-note")) == (400, None)
    assert not context.exists()


async def test_exporter_counts_by_route(place, client_for):
    prefix = f"pearl{next(numbers)}"
    layer = Middleware(PrometheusMiddleware, prefix=prefix, app_name="reef")
    async with client_for(placed(place, layer)) as client:
        await client.get("/reef/plain/1")
        await client.get("/reef/plain/2")
        await client.get("/reef/stream")
        await client.get("/reef/storm")
        await client.get("/reef/nowhere")

    def count(path, status):
        labels = {"method": "GET", "path": path, "status_code": str(status), "app_name": "reef"}
        return REGISTRY.get_sample_value(f"{prefix}_requests_total", labels)

    assert count("/reef/plain/<int:number>", 200) == 2
    assert count("/reef/stream", 200) == 1
    assert count("/reef/storm", 500) == 1
    assert count("/reef/nowhere", 404) is None
    labels = {"method": "GET", "app_name": "reef"}
    assert REGISTRY.get_sample_value(f"{prefix}_requests_in_progress", labels) == 0


class TestCORS:
    LAYER = Middleware(
        CORSMiddleware,
        allow_origins=["https://reef.example"],
        allow_methods=["GET", "PUT"],
        allow_headers=["x-token"],
        allow_credentials=True,
        expose_headers=["x-note"],
    )

    async def test_simple_request(self, place, client_for):
        async with client_for(placed(place, self.LAYER)) as client:
            for path in ("/reef/whole", "/reef/stream"):
                headers = (await client.get(path, headers={"origin": "https://reef.example"})).headers
                assert headers["access-control-allow-origin"] == "https://reef.example"
                assert headers["access-control-allow-credentials"] == "true"
                assert headers["access-control-expose-headers"] == "x-note"
                assert "Origin" in headers["vary"]
                headers = (await client.get(path, headers={"origin": "https://evil.example"})).headers
                assert "access-control-allow-origin" not in headers

    async def test_preflight(self, place, client_for):
        asked = {"origin": "https://reef.example", "access-control-request-method": "PUT"}
        async with client_for(placed(place, self.LAYER)) as client:
            response = await client.options("/reef/whole", headers=asked)
            refused = await client.options("/reef/whole", headers={**asked, "access-control-request-method": "DELETE"})
        if place == "route":  # the automatic OPTIONS passes the layers of the prefix, not those of one route
            assert response.status == 204
            assert "access-control-allow-origin" not in response.headers
        else:
            assert (response.status, response.text) == (200, "OK")
            assert response.headers["access-control-allow-methods"] == "GET, PUT"
            assert refused.status == 400

    async def test_errors_have_the_headers_too(self, place, client_for):
        async with client_for(placed(place, self.LAYER)) as client:
            response = await client.get("/reef/teapot", headers={"origin": "https://reef.example"})
        assert response.status == 418
        assert response.headers["access-control-allow-origin"] == "https://reef.example"


async def test_session_is_kept_in_a_cookie(place, client_for):
    def count(request):
        request.session["count"] = request.session.get("count", 0) + 1
        return request.session["count"]

    app = placed(place, Middleware(SessionMiddleware, secret_key="secret", https_only=False), note=count)
    async with client_for(app) as client:
        for number in (1, 2, 3):
            response = await client.get("/reef/whole")
            assert response.headers["x-note"] == str(number)
            cookie = response.headers["set-cookie"]
            assert re.fullmatch(r"session=\S+; path=/; Max-Age=\d+; httponly; samesite=lax", cookie)


class TestBodies:
    async def test_body_read_by_a_middleware_is_there_for_the_handler(self, place, client_for):
        async with client_for(placed(place, Reader)) as client:
            for content in (b"", b"twice read", b"x" * 200_000):
                response = await client.post("/reef/echo", content=content)
                assert (response.body, response.headers["x-size"]) == (content, str(len(content)))

    async def test_body_replaced_by_a_middleware_is_what_the_handler_reads(self, place, client_for):
        async with client_for(placed(place, Recorder)) as client:
            assert (await client.post("/reef/echo", content=b"quiet")).body == b"QUIET"

    async def test_one_after_the_other(self, place, client_for):
        async with client_for(placed(place, Reader, Recorder, Reader, Adder)) as client:
            response = await client.post("/reef/echo", content=b"quiet")
        assert (response.body, response.headers.getlist("x-size")) == (b"QUIET", ["5"])
        assert response.headers["x-added"] == "yes"


async def test_attribute_and_state_set_by_a_middleware_reach_the_handler(place, client_for):
    class Marks:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] == "http":
                scope.setdefault("state", {})["mark"] = "left"
                scope["user"] = "ama"
            await self.app(scope, receive, send)

    app = placed(place, Marks, note=lambda request: f"{request.state.mark} {request.user}")
    async with client_for(app) as client:
        assert (await client.get("/reef/whole")).headers["x-note"] == "left ama"
