"""Entries of the security corpus about what an answer tells, shows or forgets, and about requests that end in a 500.

The classes are xss, xss_error_page, content_spoofing, info_leak, debug_console, crash, routing, host_header,
cache_vary, cancel_safety, race_isolation and code that runs what a client names.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from nacre import CallNext, Form, Nacre, Query, Request, Response, StreamingResponse
from nacre.auth.redirects import safe_redirect_target
from nacre.compression import Compression
from nacre.conditional import ConditionalGet
from nacre.decompression import Decompression
from nacre.errors import ConfigurationError
from nacre.routing.pattern import BuildError
from nacre.security import CORS, TrustedHosts
from nacre.static import StaticFiles
from nacre.testing import HandshakeDenied, TestClient
from nacre.websocket import WebSocket

ClientFor = Callable[..., TestClient]
SCRIPT = "<script>alert(1)</script>"
HTML = {"accept": "text/html"}
"""What a browser asks for."""

# xss, xss_error_page, content_spoofing


@pytest.mark.parametrize("entry", ["CVE-2010-2477", "CVE-2019-3498"])
@pytest.mark.parametrize("accept", ["text/html", "text/plain", "application/json"])
async def test_a_404_says_nothing_of_the_path(client_for: ClientFor, entry: str, accept: str) -> None:
    async with client_for(Nacre()) as client:
        for path in (f"/{SCRIPT.replace(' ', '')}", "/Go%20to%20evil.example%20now", "/%22onload=%22x"):
            answer = await client.get(path, headers={"accept": accept})
            assert answer.status == 404
            assert not re.search("script|evil|onload", answer.text)


@pytest.mark.parametrize("form", [HTML, {}])
async def test_cve_2016_10516_the_debug_page_shows_a_message_as_text(client_for: ClientFor, form: Any) -> None:
    """CVE-2016-10516 GHSA-h2fp-xgx6-xh6f: in the title too, of the exception, its cause and the request."""
    app = Nacre(debug=True)

    @app.get("/<path:rest>")
    async def handler(request: Request, rest: str) -> None:
        try:
            raise KeyError(SCRIPT)
        except KeyError as error:
            raise ValueError(f"{SCRIPT} </title>{SCRIPT}") from error

    async with client_for(app) as client:
        answer = await client.get(f"/{SCRIPT}?{SCRIPT}", headers=form)
    assert answer.status == 500
    if form:
        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    else:
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_cve_2024_27306_a_directory_has_no_listing(client_for: ClientFor, tmp_path: Path) -> None:
    """CVE-2024-27306 GHSA-7gpw-8wmc-pm8g: there is no option for one, so no name of a file is ever shown."""
    (tmp_path / "<img src=x onerror=alert(1)>").write_text("x")
    (tmp_path / "sub").mkdir()
    app = Nacre()
    app.mount("/static", StaticFiles(tmp_path))
    async with client_for(app) as client:
        for path in ("/static/", "/static/sub/", "/static/sub", "/static"):
            answer = await client.get(path, headers=HTML)
            assert answer.status in (301, 307, 308, 404)
            assert "onerror" not in answer.text
    with pytest.raises(TypeError):
        StaticFiles(tmp_path, listing=True)  # type: ignore[call-arg]


# debug_console


async def test_cve_2024_34069_the_debug_page_runs_nothing(client_for: ClientFor) -> None:
    """CVE-2024-34069 GHSA-2g68-c3qc-8985: no script, no form, no link and no address that takes code."""
    app = Nacre(debug=True)

    @app.get("/")
    async def handler() -> None:
        secret = "local variable"
        raise ValueError(len(secret))

    async with client_for(app) as client:
        page = await client.get("/", headers=HTML)
        for query in ("__debugger__=yes&cmd=1%2B1&frm=0&s=x", "cmd=print(1)&__debugger__=yes"):
            again = await client.get(f"/?{query}", headers=HTML)
            assert again.status == 500
    assert page.status == 500
    assert not re.search(r"<(script|form|a|iframe|button|input|img|link)[\s>]", page.text)
    assert page.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in page.headers


async def test_an_application_is_not_in_debug_mode_unless_told_so(client_for: ClientFor, monkeypatch: Any) -> None:
    """CVE-2024-34069: by its argument alone, not by a variable that is left over."""
    for name in ("DEBUG", "NACRE_DEBUG", "FLASK_DEBUG"):
        monkeypatch.setenv(name, "1")
    app = Nacre()
    app.add_route("/", lambda request: 1 / 0)
    async with client_for(app) as client:
        answer = await client.get("/", headers=HTML)
    assert (answer.status, "ZeroDivisionError" in answer.text) == (500, False)


# info_leak


class Foreign(Exception):
    """An exception of another library that looks like an HTTP error."""

    status_code = 418
    status = 418
    detail = "postgres://user:secret@db/users"
    headers = (("x-secret", "1"),)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ("litestar#3082/#3106", Foreign()),
        ("CVE-2023-34110", RuntimeError("INSERT INTO users VALUES ('ann', 'pbkdf2$secret')")),
        ("an error of a file", FileNotFoundError(2, "No such file", "/srv/secret")),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "text/plain", "application/json"])
async def test_the_text_of_an_exception_is_for_the_log(
    client_for: ClientFor, entry: str, error: Exception, accept: str
) -> None:
    app = Nacre()

    @app.get("/")
    async def handler() -> None:
        raise error

    async with client_for(app) as client:
        answer = await client.get("/", headers={"accept": accept})
    assert answer.status == 500
    assert "secret" not in answer.text
    assert "x-secret" not in answer.headers
    assert "Internal Server Error" in answer.text


class Item(msgspec.Struct):
    name: str


async def test_litestar_3064_a_refusal_names_places_of_the_request_only(client_for: ClientFor) -> None:
    """litestar#3064: no host, no port, no file, nothing of the value."""
    app = Nacre()

    @app.post("/items")
    async def create(item: Item, page: Annotated[int, Query()]) -> None:
        pass

    async with client_for(app, host="internal.example:8123") as client:
        for path, body in (("/items?page=secret", b'{"name": 1}'), ("/items?page=1", b'{"name": ["secret"]}')):
            answer = await client.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status == 422
            assert not re.search(r"internal|8123|secret|\.py|http", answer.text)


async def test_cve_2025_69226_static_files_tell_nothing_of_other_directories(
    client_for: ClientFor, tmp_path: Path
) -> None:
    """CVE-2025-69226 GHSA-54jq-c3m8-4m76: one answer, whether the components of a path exist or not."""
    root = tmp_path / "real" / "static"
    root.mkdir(parents=True)
    (root / "a.txt").write_text("a")
    app = Nacre()
    app.mount("/static", StaticFiles(root))
    async with client_for(app) as client:
        answers = []
        for name in ("real", "unreal"):
            for path in (f"/static/../../{name}/static/a.txt", f"/static/..%2f..%2f{name}%2fstatic%2fa.txt"):
                answer = await client.get(path)
                answers.append((answer.status, answer.body, answer.headers.pairs()))
    assert answers[0][0] == 404
    assert all(one == answers[0] for one in answers)


# crash


@pytest.mark.parametrize("path", ["/static/a%00b", "/static/%00", "/a%00", "/static/..%00/x"])
async def test_starlette_3139_nul_in_a_path_is_no_error_of_ours(
    client_for: ClientFor, tmp_path: Path, path: str, caplog: Any
) -> None:
    """starlette#3139: "embedded null byte" from the file system; here it doesn't come so far, and nothing is logged."""
    app = Nacre()
    app.mount("/static", StaticFiles(tmp_path))
    async with client_for(app) as client:
        assert (await client.get(path)).status in (400, 404)
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_litestar_3109_a_layer_that_looks_at_a_malformed_body_makes_no_500_of_it(client_for: ClientFor) -> None:
    """litestar#3109: it reads what the handler would, and passes on what that raised."""
    seen: list[Any] = []

    async def looks(request: Request, call_next: CallNext) -> Response:
        for read in (request.body, request.text, request.json, request.form):
            try:
                seen.append(await read())
            except Exception as error:
                seen.append(type(error).__name__)
        return await call_next(request)

    app = Nacre(middlewares=[looks])

    @app.post("/")
    async def handler(item: Item) -> None:
        pass

    cases = [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"--b", "multipart/form-data; boundary=b", 415),
        (b"%", "application/x-www-form-urlencoded", 415),
        (b"x", "text/plain; charset=nothing", 415),
    ]
    async with client_for(app) as client:
        for body, kind, status in cases:
            assert (await client.post("/", content=body, headers={"content-type": kind})).status == status
    assert len(seen) == 4 * len(cases)


async def test_cve_2022_31799_an_error_before_routing_is_answered_like_any_other(client_for: ClientFor) -> None:
    """CVE-2022-31799: bytes in the path that are no text; the application's own handler for 400 makes the answer."""
    app = Nacre()

    @app.error_handler(400)
    async def refused(request: Request, error: Any) -> Response:
        return Response(b"ours", 400)

    async with client_for(app) as client:
        answer = await client.get("/%ff")
        other = await client.get("/", headers={"host": "a b"})
    assert (answer.status, answer.body) == (400, b"ours")
    assert (other.status, other.body) == (400, b"ours")


# host_header: what the request is routed by and what it shows are one thing.


@pytest.mark.parametrize(
    "host",
    [
        *("example.com/?", "example.com/admin", "example.com#", "a@b", "a b", "example.com:80:80", "[::1", ""),
        *("example.com\\", "example.com:x", "exa\u0661mple.com", ".example.com", "a..b", "%41"),
    ],
)
async def test_cve_2026_48710_a_host_changes_no_path(client_for: ClientFor, host: str) -> None:
    """CVE-2026-48710 GHSA-86qp-5c8j-p5mr (BadHost): refused, or the path is what was routed."""
    app = Nacre()
    seen: list[tuple[str, str]] = []

    @app.get("/admin/secret")
    async def handler(request: Request) -> None:
        seen.append((request.url.path, request.path))

    async with client_for(app) as client:
        answer = await client.get("/admin/secret", headers={"host": host.encode().decode("latin-1")})
    assert answer.status in (400, 204)
    assert seen == [] or seen == [("/admin/secret", "/admin/secret")]
    assert answer.status == 400 or host in ("", "exa\u0661mple.com")  # Granian's RSGI gives no value outside ASCII


@pytest.mark.parametrize(
    "scope", [{"path": "@evil.example", "raw_path": b"@evil.example"}, {"path": "evil", "raw_path": None}]
)
async def test_cve_2026_54282_a_target_without_a_slash_is_refused(scope: dict[str, Any]) -> None:
    """CVE-2026-54282 GHSA-jp82-jpqv-5vv3: `http://host` + `@evil.example` would name another host."""
    app = Nacre()
    seen: list[str] = []

    @app.get("/<path:rest>")
    async def handler(request: Request, rest: str) -> None:
        seen.append(request.url.host)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    base = {"type": "http", "method": "GET", "query_string": b"", "headers": [(b"host", b"a")], "http_version": "1.1"}
    await app({**base, "scheme": "http", "asgi": {"version": "3.0"}, **scope}, receive, send)
    assert sent[0]["status"] in (400, 404)
    assert seen == []


# routing, code_execution, sql_injection


def test_werkzeug_3037_two_routes_for_the_same_requests_are_an_error() -> None:
    """werkzeug#3037: the second would never be reached."""
    app = Nacre()
    app.add_route("/a/<name>", lambda request, name: name)
    app.add_route("/a/<other>", lambda request, other: other)
    with pytest.raises(ConfigurationError, match="/a/<"):
        app.compile()


@pytest.mark.parametrize("name", ["os.system", "nacre.app:Nacre", "subprocess.run", "__import__", "a.b.c"])
def test_cve_2014_0472_a_name_for_url_for_is_looked_up_and_never_imported(name: str) -> None:
    app = Nacre()
    app.add_route("/", lambda request: None, name="home")
    app.compile()
    with pytest.raises(BuildError):
        app.url_for(name)


async def test_cve_2025_64459_keys_of_a_client_are_no_arguments(client_for: ClientFor) -> None:
    """CVE-2025-64459: of a query, a form or JSON; a handler gets the parameters that it names, and no others."""
    app = Nacre()
    seen: list[Any] = []

    @app.post("/form")
    async def form(request: Request, name: Annotated[str, Form()] = "none") -> None:
        seen.append((name, request.method))

    @app.post("/json")
    async def item(item: Item) -> None:
        seen.append((item.name, hasattr(item, "_connector")))

    keys = "request=evil&self=evil&_connector=OR&__class__=evil&args=1&kwargs=1"
    async with client_for(app) as client:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        await client.post(f"/form?{keys}", content=f"name=a&{keys}".encode(), headers=kind)
        kind = {"content-type": "application/json"}
        await client.post("/json", content=b'{"name": "a", "_connector": "OR", "__class__": "x"}', headers=kind)
    assert seen == [("a", "POST"), ("a", False)]


# auth_bypass


async def test_cve_2018_17175_an_empty_list_allows_nothing(client_for: ClientFor) -> None:
    """CVE-2018-17175: of hosts, origins, codings, places to go to, and origins of a WebSocket."""
    async with client_for(Nacre(middlewares=[TrustedHosts([])])) as client:
        assert (await client.get("/")).status == 400
    app = Nacre(middlewares=[CORS([])])
    app.add_route("/", lambda request: "x")

    @app.websocket("/ws", origins=[])
    async def handler(ws: WebSocket) -> None:
        pass

    origin = {"origin": "https://a.example"}
    async with client_for(app) as client:
        answer = await client.get("/", headers=origin)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        preflight = await client.options("/", headers={**origin, "access-control-request-method": "GET"})
        assert not [name for name in preflight.headers if name.startswith("access-control")]
        with pytest.raises(HandshakeDenied):
            async with client.websocket("/ws", origin="https://a.example"):
                pass
    app = Nacre(middlewares=[Decompression(algorithms=[])])

    @app.post("/")
    async def read(request: Request) -> bytes:
        return await request.body()

    async with client_for(app) as client:
        answer = await client.post("/", content=gzip.compress(b"x"), headers={"content-encoding": "gzip"})
        assert answer.status == 415
    assert safe_redirect_target("https://a.example/", allowed_hosts=[]) is None


# cache_vary


async def test_starlette_3044_if_none_match_wins_over_if_modified_since(client_for: ClientFor, tmp_path: Path) -> None:
    """starlette#3044: RFC 9110 §13.2.2."""
    (tmp_path / "a.txt").write_text("a")
    app = Nacre()
    app.mount("/static", StaticFiles(tmp_path))
    async with client_for(app) as client:
        date = (await client.get("/static/a.txt")).headers["last-modified"]
        both = {"if-none-match": '"other"', "if-modified-since": date}
        assert (await client.get("/static/a.txt", headers=both)).status == 200
        assert (await client.get("/static/a.txt", headers={"if-modified-since": date})).status == 304


async def test_starlette_2865_what_could_have_been_compressed_varies(client_for: ClientFor) -> None:
    """starlette#2865/#2871: also for a client that takes no coding; events are neither coded late nor held.

    What is too short is the same for everybody, so a cache may give it to anybody.
    """
    app = Nacre(middlewares=[Compression(), ConditionalGet()])
    gate = asyncio.Event()
    app.add_route("/long", lambda request: "x" * 5000)
    app.add_route("/short", lambda request: "x")

    @app.sse("/events")
    async def events() -> AsyncIterator[Any]:
        yield "first"
        await gate.wait()

    async with client_for(app) as client:
        for accept in ("gzip", "identity", "gzip;q=0"):
            answer = await client.get("/long", headers={"accept-encoding": accept})
            assert answer.headers["vary"].lower() == "accept-encoding"
            answer = await client.get("/short", headers={"accept-encoding": accept})
            assert (answer.body, "content-encoding" in answer.headers) == (b"x", False)
        async with client.stream("GET", "/events", headers={"accept-encoding": "gzip"}) as stream:
            assert await anext(aiter(stream))  # it has come, though nothing follows it
            gate.set()
            async for _ in stream:
                pass


# cancel_safety, race_isolation, resource_exhaustion


async def test_gunicorn_3654_a_cancelled_request_is_cleaned_up_and_stays_cancelled() -> None:
    """gunicorn#3654/#3627."""
    app = Nacre()
    log: list[str] = []
    waits = asyncio.Event()

    async def layer(request: Request, call_next: CallNext) -> Response:
        try:
            return await call_next(request)
        finally:
            log.append("layer")

    @app.post("/", middlewares=[layer])
    async def handler(request: Request) -> None:
        request.after_response(lambda: log.append("after"))
        try:
            await request.body()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def receive() -> Any:
        waits.set()
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        log.append(message["type"])

    scope = {
        **{"type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "http"},
        **{"headers": [(b"host", b"a"), (b"content-length", b"5")], "http_version": "1.1", "asgi": {"version": "3.0"}},
    }
    task = asyncio.create_task(app(scope, receive, send))
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log[:2] == ["cancelled", "layer"]
    assert "http.response.start" not in log


async def test_cve_2020_35681_concurrent_requests_see_only_their_own(client_for: ClientFor) -> None:
    """CVE-2020-35681: 300 at once, each through a layer, a provider and a stream."""

    async def layer(request: Request, call_next: CallNext) -> Response:
        request.user = request.headers["x-user"]
        await asyncio.sleep(0)
        response = await call_next(request)
        response.headers["x-user"] = request.user
        return response

    app = Nacre(middlewares=[layer])

    @app.get("/<name>")
    async def handler(request: Request, name: str) -> Response:
        async def pieces() -> AsyncIterator[str]:
            for _ in range(3):
                await asyncio.sleep(0)
                yield f"{request.user}/{name} "

        await asyncio.sleep(0)
        return StreamingResponse(pieces())

    async with client_for(app) as client:

        async def one(number: int) -> bool:
            answer = await client.get(f"/{number}", headers={"x-user": f"u{number}"})
            return (answer.text, answer.headers["x-user"]) == (f"u{number}/{number} " * 3, f"u{number}")

        count = 300 if client.transport != "wsgi" else 30
        assert all(await asyncio.gather(*map(one, range(count))))


async def test_python_multipart_135_parts_have_headers_of_their_own(client_for: ClientFor) -> None:
    """python-multipart#135."""
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> Any:
        return [[part.filename, part.headers.get("content-type")] async for part in request.parts()]

    body = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\nContent-Type: text/html\r\n\r\nx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="g"\r\n\r\ny\r\n--b--\r\n'
    )
    async with client_for(app) as client:
        answer = await client.post("/", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.json() == [["a", "text/html"], [None, None]]


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_aiohttp_12831_a_stream_is_closed_once_however_it_ends(client_for: ClientFor, kind: str) -> None:
    """aiohttp#12831: to its end, with a failure in its middle, and with a client that leaves."""
    app = Nacre()
    closed: list[str] = []

    async def pieces(how: str) -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield b"x" * 1000
                if how == "fails" and number == 3:
                    raise ZeroDivisionError
                if how == "ends" and number == 3:
                    return
        finally:
            closed.append(how)

    def plain(how: str) -> Any:
        try:
            for number in range(1000):
                yield b"x" * 1000
                if how == "fails" and number == 3:
                    raise ZeroDivisionError
                if how == "ends" and number == 3:
                    return
        finally:
            closed.append(how)

    @app.get("/<how>")
    async def handler(how: str) -> Response:
        return StreamingResponse(pieces(how) if kind == "async" else plain(how))

    async with client_for(app) as client:
        assert len((await client.get("/ends")).body) == 4000
        async with client.stream("GET", "/fails") as stream:
            assert sum([len(piece) async for piece in stream]) <= 4000
        async with client.stream("GET", "/leaves") as stream:
            async for _ in stream:
                break
    assert sorted(closed) == ["ends", "fails", "leaves"]


# What a client names is no path of a program, and no variable of its process.


async def test_cve_2016_1000111_httpoxy_the_header_proxy_reaches_no_environment(client_for: ClientFor) -> None:
    """CVE-2016-1000111 (httpoxy): for WSGI layers inside too."""
    seen: list[str] = []

    def inner(environ: Any, start_response: Any) -> Any:
        seen.extend(key for key in environ if key == "HTTP_PROXY")
        start_response("200 OK", [("content-type", "text/plain")])
        return [b"x"]

    app = Nacre()
    app.mount("/wsgi", inner)
    async with client_for(app) as client:
        await client.get("/wsgi/", headers={"proxy": "http://evil:8080"})
    assert "HTTP_PROXY" not in os.environ
    assert seen == []
