"""What ordinary Flama programs write: requests and headers made of scopes, errors caught on their way out, names."""

import datetime
import logging
import pathlib

import httpx2
import jinja2
import pytest
from programs.program import Ask

import nacre
from nacre import ConfigurationError
from nacre.dialects.flama import Component, Flama, Module, exceptions, http, layer, types
from nacre.dialects.flama.client import Client
from nacre.dialects.flama.endpoints import HTTPEndpoint
from nacre.dialects.flama.middleware import (
    UNHANDLED,
    BaseHTTPMiddleware,
    CORSMiddleware,
    Middleware,
    ServerErrorMiddleware,
)
from nacre.errors import InternalServerError

HOST = {"host": "harbour.example"}


def quiet(**options) -> Flama:
    return Flama(schema=None, **options)


class Layer:
    """An ASGI class that hands everything on; what it does with requests is for those derived from it."""

    def __init__(self, app: types.App):
        self.app = app

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] == "http":
            return await self.http(scope, receive, send)
        await self.app(scope, receive, send)

    async def http(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        await self.app(scope, receive, send)


# Requests that middlewares make.


async def test_a_middleware_makes_a_request_of_its_scope(client_for):
    class Gate(Layer):
        async def http(self, scope, receive, send):
            request = http.Request(scope, receive)
            if request.headers.get("x-pass") == "yes":
                request.state.passed = True
                request.scope["gate"] = "north"
                return await self.app(scope, receive, send)
            body = (await request.body()).decode()
            told = {
                "path": request.url.path,
                "query": dict(request.query_params),
                "body": body,
                "app": request.app is app,
            }
            await http.JSONResponse(told, status_code=401)(scope, receive, send)

    app = quiet(middleware=[Middleware(Gate)])

    @app.post("/in")
    async def inside(request: http.Request):
        return [request.state.passed, request.scope["gate"], request["gate"], (await request.body()).decode()]

    async with client_for(app) as client:
        sent = {"content": b"crate"}
        refused = {"path": "/in", "query": {"a": "1"}, "body": "crate", "app": True}
        await Ask("POST /in?a=1", 401, data=refused, sent=sent).put_to(client)
        passed = {**sent, "headers": {"x-pass": "yes"}}
        await Ask("POST /in", data=[True, "north", "north", "crate"], sent=passed).put_to(client)


def test_a_request_of_a_bare_scope_has_a_path_below_its_root():
    scope = {"type": "http", "method": "GET", "path": "/quay/a", "root_path": "/quay", "headers": [(b"host", b"h")]}
    request = http.Request({**scope, "user": "Ida", "path_params": {"x": 1}})
    assert (request.native.path, request.url.path, str(request.base_url)) == ("/a", "/quay/a", "http://h/quay/")
    assert (request.user, request.path_params, request.get("method")) == ("Ida", {"x": 1}, "GET")
    request.state.seen = True
    assert request.scope["state"] == {"seen": True}


async def test_the_body_that_a_middleware_reads_is_bounded(client_for):
    class Reader(Layer):
        async def http(self, scope, receive, send):
            await http.Request(scope, receive).body()
            await self.app(scope, receive, send)

    async with client_for(quiet(middleware=[Middleware(Reader)])) as client:
        await Ask("POST /", 413, sent={"content": b"x" * (2 << 20)}).put_to(client)


async def test_what_is_put_into_the_scope_stays_for_those_further_in(client_for):
    class Note(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            request.scope["note"] = "seen"
            return await call_next(request)

    app = quiet(middleware=[Middleware(Note)])

    @app.get("/")
    def index(request: http.Request):
        return request.scope["note"]

    async with client_for(app) as client:
        await Ask("GET /", data="seen").put_to(client)


async def test_a_middleware_reads_and_changes_the_body_of_an_answer(client_for):
    class Shout(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            if request.url.path == "/kept":
                response.body_iterator = shouted(response.body_iterator)
                return response
            body = b"".join([piece async for piece in response.body_iterator])
            return http.Response(body.upper(), status_code=response.status_code, headers={"x-length": str(len(body))})

    async def shouted(pieces):
        async for piece in pieces:
            yield piece.upper()

    app = quiet(middleware=[Middleware(Shout)])
    app.add_route("/whole", lambda: http.PlainTextResponse("whole", status_code=203))
    app.add_route("/stream", lambda: http.StreamingResponse(iter(["a", b"b"])))
    app.add_route("/kept", lambda: http.PlainTextResponse("kept"))
    async with client_for(app) as client:
        await Ask("GET /whole", 203, text="WHOLE", headers={"x-length": "5"}).put_to(client)
        await Ask("GET /stream", text="AB", headers={"x-length": "2"}).put_to(client)
        await Ask("GET /kept", text="KEPT").put_to(client)


# Headers, URLs and cookies as types.


async def test_the_headers_of_a_message_are_changed_in_place(client_for):
    class Change(Layer):
        async def http(self, scope, receive, send):
            asked = types.Headers(scope=scope)

            async def changed(message):
                if message["type"] == "http.response.start":
                    headers = types.MutableHeaders(scope=message)
                    headers.append("x-a", asked.get("x-asked", "nothing"))
                    headers["x-b"] = "2"
                    headers.update({"x-c": "3"})
                    headers.setdefault("x-d", "4")
                    headers.add_vary_header("Origin")
                    headers.extend([("x-e", "5")])
                    del headers["x-gone"]
                await send(message)

            await self.app(scope, receive, changed)

    app = quiet(middleware=[Middleware(Change)])
    app.add_route("/", lambda: http.Response("x", headers={"X-Gone": "1"}))
    async with client_for(app) as client:
        told = {"x-a": "q", "x-b": "2", "x-c": "3", "x-d": "4", "x-e": "5", "vary": "Origin", "x-gone": None}
        await Ask("GET /", headers=told, sent={"headers": {"x-asked": "q"}}).put_to(client)


def test_headers_are_made_of_mappings_and_of_pairs_of_bytes():
    raw = [(b"A", b"1"), (b"a", b"\xff")]
    headers = types.Headers(raw=raw)
    assert (headers.getlist("a"), headers.raw) == (["1", "\xff"], [(b"a", b"1"), (b"a", b"\xff")])
    copied = types.Headers({"A": "b"}).mutablecopy()
    copied["c"] = "d"
    assert copied.raw == [(b"a", b"b"), (b"c", b"d")] == copied.mutablecopy().raw
    assert types.MutableHeaders({"A": "b"})["a"] == types.MutableHeaders(raw=[(b"a", b"b")])["a"] == "b"
    message = {"headers": [(b"a", b"1")]}
    headers = types.MutableHeaders(scope=message)
    headers.extend([("b", "2")])
    assert message["headers"] == [(b"a", b"1"), (b"b", b"2")]
    headers.update({"b": "3"})
    assert message["headers"] == [(b"a", b"1"), (b"b", b"3")]
    headers.remove("b")
    with pytest.raises(ValueError, match="x-b"):
        types.MutableHeaders(scope=message)["x-b"] = "a\r\nset-cookie: b"
    assert message == {"headers": [(b"a", b"1")]}


def test_a_query_is_made_of_text_of_pairs_or_of_a_mapping():
    for given in ("a=1&a=2", [("a", "1"), ("a", "2")]):
        assert types.QueryParams(given).getlist("a") == ["1", "2"]
    assert types.QueryParams({"a": "1"})["a"] == "1"


def test_a_url_has_parts_and_its_path_goes_on():
    url = types.URL("https://h:81/a/b;p?q=1#f")
    assert url.components == {
        "scheme": "https", "netloc": "h:81", "path": "/a/b", "params": "p", "query": "q=1", "fragment": "f",
    }  # fmt: skip
    assert (url.path.path, url.path / "c", "/x" / url.path, url.port) == ("/a/b", "/a/b/c", "/x/a/b", 81)
    assert types.URL("/a", scheme="http", netloc="h") == "http://h/a"
    assert types.URL(url) == url.replace(fragment="f") == url
    assert types.URL("http://h:port/").scheme == "http"  # what can't be a port is told to who asks for it


async def test_parts_of_the_request_may_be_answered_as_they_are(client_for):
    app = quiet()

    @app.get("/parts")
    def parts(
        method: types.Method, host: types.Host, port: types.Port, path: types.Path, url: types.URL,
        cookies: types.Cookies, body: types.Body,
    ):  # fmt: skip
        return [method, host, port, path, url, {name: one["value"] for name, one in cookies.items()}, body]

    @app.get("/app")
    def application(given: Flama, name: types.QueryParam):
        return [given is app, name]

    async with client_for(app) as client:
        told = ["GET", "harbour.example", 80, "/parts", "http://harbour.example/parts", {"a": "b"}, ""]
        await Ask("GET /parts", data=told, sent={"headers": {**HOST, "cookie": "a=b"}}).put_to(client)
        await Ask("GET /app?name=x", data=[True, "x"]).put_to(client)


async def test_a_missing_or_empty_body_is_no_data(client_for):
    app = quiet()
    app.add_post("/", nothing)
    async with client_for(app) as client:
        await Ask("POST /", data={"data": None}).put_to(client)
        for body in (b"", b"{}", b"[]"):
            await Ask("POST /", data={"data": None}, sent={"content": body, "headers": JSON}).put_to(client)


async def test_a_form_is_read_by_await_and_in_a_block(client_for):
    app = quiet()

    @app.post("/await")
    async def awaited(request: http.Request):
        form = await request.form()
        with pytest.raises(KeyError):
            form["b"]
        return [form["a"], form.getlist("a"), form.multi_items(), "b" in form, dict(form)]

    @app.post("/block")
    async def block(request: http.Request):
        async with request.form() as form:
            return [await form["file"].read() == b"rope", form["file"].filename]

    @app.post("/data")
    async def data(data: types.RequestData):
        return data

    async with client_for(app) as client:
        fields = {"content": b"a=1&a=2", "headers": {"content-type": "application/x-www-form-urlencoded"}}
        told = ["2", ["1", "2"], [["a", "1"], ["a", "2"]], False, {"a": "2"}]
        await Ask("POST /await", data=told, sent=fields).put_to(client)
        await Ask("POST /data", data={"a": "2"}, sent=fields).put_to(client)
        await Ask("POST /block", 415, sent={"content": b"x"}).put_to(client)
        head = b'--q\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nrope\r\n--q--\r\n'
        sent = {"content": head, "headers": {"content-type": "multipart/form-data; boundary=q"}}
        await Ask("POST /block", data=[True, "a.txt"], sent=sent).put_to(client)


JSON = {"content-type": "application/json"}


def nothing(data: types.RequestData):
    return {"data": data}


# Answers.


async def test_paths_and_exceptions_have_a_form_in_json(client_for):
    app = quiet()
    kinds = [pathlib.PurePosixPath("/a"), ValueError("x"), KeyError, types.Method("GET"), types.Body(b"b")]
    app.add_route("/", lambda: {"kinds": kinds})
    app.add_route("/response", lambda: http.JSONResponse({"kinds": kinds, "day": datetime.date(2026, 1, 2)}))
    async with client_for(app) as client:
        told = ["/a", "ValueError('x')", "KeyError", "GET", "b"]
        await Ask("GET /", data={"kinds": told}).put_to(client)
        await Ask("GET /response", data={"kinds": told, "day": "2026-01-02"}).put_to(client)
    with pytest.raises(TypeError, match="object has no JSON form"):
        http.JSONResponse({"a": object()})


def test_cookies_hold_what_has_to_be_quoted():
    response = http.Response()
    response.set_cookie("a", "dark blue", samesite=None)
    response.set_cookie("b", '{"c": 1}\n', path=None, samesite=None, max_age=5)
    response.set_cookie("d", "plain", samesite=None, expires=60)
    first, second, third = response.headers.getlist("set-cookie")
    assert first == 'a="dark blue"; Path=/'
    assert second.startswith('b="{\\"c\\": 1}\\012"; ')
    assert third.startswith("d=plain; Path=/; Expires=")
    assert third.endswith(" GMT")


async def test_an_answer_of_a_middleware_to_head_has_no_body(client_for):
    class Closed(Layer):
        async def http(self, scope, receive, send):
            answer = http.StreamingResponse(iter(["a", "b"])) if scope["path"] == "/s" else http.PlainTextResponse("no")
            await answer(scope, receive, send)

    async with client_for(quiet(middleware=[Middleware(Closed)])) as client:
        await Ask("GET /", text="no").put_to(client)
        await Ask("HEAD /", text="", headers={"content-length": "2"}).put_to(client)
        await Ask("HEAD /s", text="").put_to(client)


async def test_an_environment_for_templates_has_flamas_marks(client_for, tmp_path):
    (tmp_path / "a.html").write_text(
        "||* no *||||% if name %||||@ name @|| ||@ name|safe @|| ||@ data|safe_json @||||% endif %||"
    )

    class Page(http.HTMLTemplateResponse):
        templates = http.HTMLTemplatesEnvironment(loader=jinja2.FileSystemLoader(tmp_path))

    app = quiet()
    app.add_get("/", lambda: Page("a.html", {"name": "<i>\n", "data": {"</script>": ["<"], "n": 1}}, status_code=203))
    async with client_for(app) as client:
        data = '{\\"\\u003c/script>\\": [\\"&lt;\\"], \\"n\\": 1}'
        await Ask("GET /", 203, text=f"&lt;i&gt;\n &lt;i&gt;&#10;&#13; {data}").put_to(client)
    with pytest.raises(AttributeError, match="HTMLTemplate"):
        _ = http.HTMLTemplate


# Errors.


class Leak(Exception):
    pass


async def test_middlewares_see_the_exception_that_no_handler_takes(client_for, caplog):
    class Catch(Layer):
        async def http(self, scope, receive, send):
            try:
                await self.app(scope, receive, send)
            except Leak as error:
                await http.PlainTextResponse(f"caught {error}", status_code=507)(scope, receive, send)

    app = quiet(middleware=[Middleware(Catch)])
    app.add_route("/leak", lambda: fail(Leak("water")))
    app.add_route("/other", lambda: fail(RuntimeError("hidden")))
    async with client_for(app) as client:
        with caplog.at_level(logging.ERROR, "nacre.error"):
            await Ask("GET /leak", 507, text="caught water").put_to(client)
            await Ask("GET /other", 500, text="Internal Server Error").put_to(client)
            await Ask("HEAD /other", 500, text="").put_to(client)
    assert [record.exc_info[0] for record in caplog.records] == [Leak, RuntimeError, RuntimeError]


def fail(error):
    raise error


async def test_an_exception_of_a_middleware_is_answered_and_logged_once(client_for, caplog):
    class Faulty(Layer):
        async def http(self, scope, receive, send):
            if scope["path"] == "/refused":
                raise exceptions.HTTPException(409, "not now")
            raise Leak("private")

    async with client_for(quiet(middleware=[Middleware(Faulty)])) as client:
        with caplog.at_level(logging.ERROR, "nacre.error"):
            await Ask("GET /", 500, text="Internal Server Error").put_to(client)
            told = {"status_code": 409, "detail": "not now", "error": "HTTPException"}
            await Ask("GET /refused", 409, data=told).put_to(client)
    assert [record.exc_info[0] for record in caplog.records] == [Leak]


async def test_a_malformed_host_is_refused_also_where_a_middleware_reads_the_url(client_for):
    class Reads(Layer):
        async def http(self, scope, receive, send):
            scope["seen"] = str(http.Request(scope).url)
            await self.app(scope, receive, send)

    async with client_for(quiet(middleware=[Middleware(Reads)])) as client:
        for host in ("a:b:c", "[::1", "a:99999999", "a b"):
            await Ask("GET /", 400, sent={"headers": {"host": host}}).put_to(client)


async def test_what_a_mounted_application_does_not_handle_is_for_the_one_around_it(client_for):
    inner = quiet(middleware=[Middleware(Layer)])
    inner.add_route("/", lambda: fail(Leak("inner")))
    outer = nacre.Nacre()
    outer.mount("/in", inner)

    @outer.error_handler(Leak)
    def on_leak(request, error):
        return nacre.Response(f"outer has {error}", status=418)

    seen = []

    async def onion(request, call_next):
        try:
            return await call_next(request)
        except RuntimeError as error:
            seen.append(str(error))
            raise

    outer.middlewares.append(onion)
    inner.add_route("/other", lambda: fail(RuntimeError("other")))
    async with client_for(outer) as client:
        await Ask("GET /in/", 418, text="outer has inner").put_to(client)
        await Ask("GET /in/other", 500).put_to(client)
    assert seen == ["other"]


def test_a_failed_startup_is_not_raised_by_each_request_anew():
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], UNHANDLED: [Leak()]}
    request, refusal = http.Request(scope).native, InternalServerError()
    with pytest.raises(Leak):
        quiet().error_page(request, InternalServerError())
    request.refusal = refusal
    assert quiet().error_page(request, refusal).body == b"Internal Server Error"


async def test_an_answer_that_has_begun_is_not_answered_once_more():
    async def breaks(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Leak

    sent = []

    async def send(message):
        sent.append(message["status"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "app": quiet()}
    with pytest.raises(Leak):
        await ServerErrorMiddleware(breaks)(scope, None, send)
    assert sent == [200]


async def test_a_handler_of_four_arguments_may_return_its_answer(client_for):
    app = quiet()

    async def on_leak(scope, receive, send, error):
        return http.JSONResponse({"path": scope["path"]}, status_code=444)

    def on_status(scope, receive, send, error):
        return http.PlainTextResponse(f"plain {error.detail}", status_code=445)

    app.add_exception_handler(Leak, on_leak)
    app.add_exception_handler(409, on_status)
    app.add_route("/leak", lambda: fail(Leak()))
    app.add_route("/status", lambda: fail(exceptions.HTTPException(409, "x")))
    async with client_for(app) as client:
        await Ask("GET /leak", 444, data={"path": "/leak"}).put_to(client)
        await Ask("GET /status", 445, text="plain x").put_to(client)


async def test_errors_without_a_body_have_none(client_for):
    app = quiet()
    app.add_route("/{status:int}", lambda status: fail(exceptions.HTTPException(status, headers={"x-a": "b"})))
    async with client_for(app) as client:
        for status in (204, 304):
            await Ask(f"GET /{status}", status, text="", headers={"content-type": None, "x-a": "b"}).put_to(client)


def test_exceptions_say_what_they_are_made_of():
    error = exceptions.HTTPException(400, {"a": 1}, {"x-a": "b"})
    assert (str(error), error.detail) == ("{'a': 1}", {"a": 1})
    assert repr(error) == "HTTPException(status_code=400, detail={'a': 1}, headers=(('x-a', 'b'),))"
    assert exceptions.HTTPException(404) == exceptions.HTTPException(404, "Not Found") != error
    assert len({exceptions.HTTPException(404), exceptions.HTTPException(404)}) == 1
    assert exceptions.HTTPException(400, "").detail == ""
    assert (str(exceptions.WebSocketException(1003, "r")), repr(exceptions.WebSocketException(1003))) == (
        "r", "WebSocketException(code=1003)",
    )  # fmt: skip
    assert repr(exceptions.NotFoundException("/x")) == "NotFoundException(path='/x')"
    told = "MethodNotAllowedException(path='/x', method='GET', allowed={'PUT'})"
    assert repr(exceptions.MethodNotAllowedException("/x", "GET", {"PUT"})) == told


# Declarations.


async def test_of_routes_of_one_name_the_first_has_it_and_mounts_keep_theirs(client_for):
    app = quiet()
    app.add_route("/one", lambda: "1", name="x")
    app.add_route("/two", lambda: "2", name="x")
    app.add_route("/all", Items)
    app.add_route("/some", Items, methods=["post"], name="x")
    for path in ("/a", "/b"):
        inner = quiet()
        inner.add_route("/room", lambda: "room", name="x")
        inner.add_route("/items", Items)
        app.mount(path, inner)
    async with client_for(app) as client:
        assert app.resolve_url("x") == "/one"
        assert inner.resolve_url("Items") == "/items"
        await Ask("GET /two", data="2").put_to(client)
        await Ask("GET /b/room", data="room").put_to(client)
        await Ask("GET /a/items", data=["app", "exc", "receive", "request", "route", "scope", "send"]).put_to(client)
        await Ask("GET /some", 405).put_to(client)
        await Ask("POST /some", data="taken").put_to(client)


class Items(HTTPEndpoint):
    def get(self):
        assert self.state["request"].url.path == self.state["scope"]["path"]
        return sorted(self.state)

    async def post(self):
        with pytest.raises(RuntimeError, match="return their responses"):
            await self.state["send"]({"type": "http.response.start"})
        return "taken"


def test_two_modules_of_one_name_are_told():
    class Tide(Module):
        name = "tide"

    with pytest.raises(ConfigurationError, match="two modules are named 'tide'"):
        Flama(modules=[Tide(), Tide()])


def test_what_is_no_component_module_or_method_is_told_with_its_place():
    class Unnamed(Module):
        pass

    class Unbound(HTTPEndpoint):
        def get():
            return None

    class Idle(Component):
        pass

    for component in (Idle, Idle()):
        with pytest.raises(ConfigurationError, match=r"is no component \(.*test_words.py"):
            Flama(components=[component])
    with pytest.raises(ConfigurationError, match=r"module Unnamed has no name \(.*test_words.py"):
        Flama(modules=[Unnamed()])
    with pytest.raises(ConfigurationError, match=r"Unbound.get` takes no `self` \(.*test_words.py"):
        quiet().add_route("/", Unbound)


async def test_a_client_without_an_application_asks_a_server():
    def answer(request):
        return httpx2.Response(200, text=str(request.url))

    async with Client(base_url="http://sea.example", transport=httpx2.MockTransport(answer)) as client:
        assert (await client.get("/tide")).text == "http://sea.example/tide"


async def test_a_middleware_of_the_framework_is_an_item_for_any_list(client_for):
    app = nacre.Nacre(middlewares=[layer(CORSMiddleware, allow_origins=["https://sea.example"])])
    app.get("/")(lambda: "x")
    async with client_for(app) as client:
        sent = {"headers": {"origin": "https://sea.example"}}
        await Ask("GET /", headers={"access-control-allow-origin": "https://sea.example"}, sent=sent).put_to(client)
