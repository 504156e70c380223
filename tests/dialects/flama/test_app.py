"""What a Flama application is made of: routes, errors, injection, schemas, mounts, events, middlewares, clients."""

import asyncio
import decimal
import typing as t
import uuid
import zlib

import pydantic
import pytest
from programs.program import Ask

import nacre
from dialects.program import load
from nacre import ConfigurationError
from nacre.dialects.flama import Component, Flama, Module, exceptions, http, layer, types, websockets
from nacre.dialects.flama.background import BackgroundProcessTask, BackgroundTask, BackgroundTasks, BackgroundThreadTask
from nacre.dialects.flama.background import run as run_task
from nacre.dialects.flama.client import Client
from nacre.dialects.flama.docstrings import described
from nacre.dialects.flama.endpoints import HTTPEndpoint, WebSocketEndpoint
from nacre.dialects.flama.events import Events
from nacre.dialects.flama.injection import Parameter
from nacre.dialects.flama.middleware import Middleware
from nacre.dialects.flama.routing import Mount, Route, WebSocketRoute
from nacre.dialects.flama.schemas import SchemaMetadata, SchemaType

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


class Crate(pydantic.BaseModel):
    label: str
    weight: int = 1


class Mark:
    """Adds its name to a header, and notes what fails further in."""

    def __init__(self, app: types.App, name: str):
        self.app = app
        self.name = name

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def marked(message: types.Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-mark", self.name.encode())]
            await send(message)

        await self.app(scope, receive, marked)


def quiet(**options: t.Any) -> Flama:
    """An application without the pages of its schema."""
    return Flama(schema=None, **options)


# Middlewares.


async def test_keywords_called_as_the_cores_placing_options_are_the_classs_own(client_for):
    built = []

    class Odd(Mark):
        def __init__(self, app, *, name, only, skip):
            super().__init__(app, name)
            built.append((name, only, skip))

    app = quiet(middleware=[Middleware(Odd, name="odd", only="bread", skip=3)])
    app.add_route("/", lambda: "here")
    async with client_for(app) as client:
        await Ask("GET /", data="here", headers={"x-mark": "odd"}).put_to(client)
        await Ask("GET /nowhere", 404, headers={"x-mark": "odd"}).put_to(client)
    assert built == [("odd", "bread", 3)]


async def test_a_placed_middleware_covers_the_routes_it_was_placed_on(client_for):
    app = quiet(middleware=[Middleware(Mark, name="hold").placed(only="/hold/*", name="hold mark")])
    app.add_route("/hold/rats", lambda: "rats")
    app.add_route("/deck", lambda: "wind")
    async with client_for(app) as client:
        await Ask("GET /hold/rats", headers={"x-mark": "hold"}).put_to(client)
        await Ask("GET /deck", headers={"x-mark": None}).put_to(client)
    named = [one.name for route in app.describe().routes for chain in route.chains for one in chain.layers]
    assert "hold mark" in named


async def test_a_middleware_added_later_stands_outside_of_all_others(client_for):
    app = quiet(middleware=[Middleware(Mark, name="first"), Middleware(Mark, name="second")])
    app.add_route("/", lambda: "here")
    async with client_for(app) as client:
        await Ask("GET /", headers={"x-mark": ["second", "first"]}).put_to(client)
        app.add_middleware(Middleware(Mark, name="late"))
        await Ask("GET /", headers={"x-mark": ["second", "first", "late"]}).put_to(client)


def test_a_middleware_tells_what_it_is_made_of_and_no_values():
    made = Middleware(Mark, name="secret")
    assert (made.middleware, made.kwargs) == (Mark, {"name": "secret"})
    assert repr(made) == "Middleware(Mark, name)"
    assert isinstance(made(None), Mark)


async def test_layers_of_flama_and_of_nacre_share_a_list_and_say_whose_they_are(client_for):
    async def onion(request, call_next):
        response = await call_next(request)
        response.headers.add("x-mark", "onion")
        return response

    app = nacre.Nacre(middlewares=[onion, layer(Mark, name="flama's")])

    @app.get("/")
    async def index():
        return "native"

    mixed = quiet(middleware=[Middleware(Mark, name="flama's"), onion])
    mixed.add_route("/", lambda: "flama")
    for one, text in ((app, "native"), (mixed, '"flama"')):
        async with client_for(one) as client:
            response = await Ask("GET /", text=text).put_to(client)
            assert sorted(response.headers.getlist("x-mark")) == ["flama's", "onion"]
        chain = one.describe().routes[0].chains[0]
        assert {found.name: found.dialect for found in chain.layers}["Mark"] == "flama"


async def test_a_base_http_middleware_sees_requests_and_responses_in_flamas_words(client_for):
    from nacre.dialects.flama.middleware import BaseHTTPMiddleware

    class Greeter(BaseHTTPMiddleware):
        def __init__(self, app, greeting):
            super().__init__(app)
            self.greeting = greeting

        async def dispatch(self, request, call_next):
            if "quiet" in request.query_params:
                return http.PlainTextResponse("hush", status_code=202)
            response = await call_next(request)
            response.headers["X-Greeting"] = f"{self.greeting} {request.url.path} {response.status_code}"
            return response

    app = quiet(middleware=[Middleware(Greeter, greeting="ahoy")])
    app.add_route("/", lambda: "here")
    async with client_for(app) as client:
        await Ask("GET /", headers={"x-greeting": "ahoy / 200"}).put_to(client)
        await Ask("GET /?quiet=1", 202, text="hush", headers={"x-greeting": None}).put_to(client)
        await Ask("GET /nowhere", 404, headers={"x-greeting": "ahoy /nowhere 404"}).put_to(client)


async def test_the_middlewares_that_come_along_are_layers_of_the_core(client_for):
    from nacre.dialects.flama.middleware import CORSMiddleware, GZipMiddleware, SessionMiddleware, TrustedHostMiddleware

    app = quiet(
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["testserver", "localhost", "example.com"]),
            Middleware(CORSMiddleware, allow_origins=["https://sea.example"], allow_methods=["GET", "PUT"]),
            Middleware(GZipMiddleware, minimum_size=100),
            Middleware(SessionMiddleware, secret_key="fWq3Vx0ZtL8bKe5Rj2NuYd7PmS1aHgCi", session_cookie="berth"),
        ]
    )

    @app.route("/long")
    def long():
        return http.PlainTextResponse("wave " * 100)

    @app.route("/count")
    def count(request: http.Request):
        request.session["count"] = request.session.get("count", 0) + 1
        return {"count": request.session["count"]}

    asking = {"Origin": "https://sea.example", "Access-Control-Request-Method": "GET"}
    async with client_for(app, host="example.com") as client:
        gzip = {"headers": {"Accept-Encoding": "gzip"}}
        short = await Ask("GET /long", headers={"content-encoding": "gzip"}, sent=gzip).put_to(client)
        assert zlib.decompress(short.body, 31).decode() == "wave " * 100
        allowed = {"access-control-allow-origin": "https://sea.example"}
        await Ask("GET /long", headers=allowed, sent={"headers": {"Origin": "https://sea.example"}}).put_to(client)
        await Ask("OPTIONS /long", 204, headers=allowed, sent={"headers": asking}).put_to(client)
        first = await Ask("GET /count", data={"count": 1}).put_to(client)
        assert "berth=" in first.headers["set-cookie"]
        await Ask("GET /count", data={"count": 2}).put_to(client)
        await Ask("GET /count", 400, sent={"headers": {"Host": "elsewhere.example"}}).put_to(client)


async def test_https_is_asked_for_with_307(client_for):
    from nacre.dialects.flama.middleware import HTTPSRedirectMiddleware, TrustedHostMiddleware

    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])
    app = quiet(middleware=[hosts, Middleware(HTTPSRedirectMiddleware)])
    app.add_route("/", lambda: "here")
    async with client_for(app, host="example.com") as client:
        await Ask("GET /", 307, headers={"location": "https://example.com/"}).put_to(client)


# Errors.


class Leak(Exception):
    pass


class BigLeak(Leak):
    pass


async def test_error_handlers_are_found_by_status_and_by_the_nearest_class(client_for):
    app = quiet()

    @app.route("/leak")
    def leak():
        raise BigLeak("aft")

    @app.route("/closed")
    async def closed():
        raise exceptions.HTTPException(status_code=423, detail="locked")

    async def on_leak(request: http.Request, error: Leak):
        return http.JSONResponse({"path": request.url.path, "kind": type(error).__name__}, status_code=507)

    def on_locked(request: http.Request, error: exceptions.HTTPException):
        return http.PlainTextResponse(f"{error.status_code} {error.detail}", status_code=423)

    app.add_exception_handler(Leak, on_leak)
    app.add_exception_handler(423, on_locked)
    async with client_for(app) as client:
        await Ask("GET /leak", 507, data={"path": "/leak", "kind": "BigLeak"}).put_to(client)
        await Ask("GET /closed", 423, text="423 locked").put_to(client)


@pytest.mark.parametrize(
    ("key", "seen"),
    [
        (404, "HTTPException 404"),
        (exceptions.HTTPException, "HTTPException 404"),
        (exceptions.NotFoundException, "NotFoundException None"),
    ],
)
async def test_what_the_core_raises_reaches_handlers_in_flamas_classes(client_for, key, seen):
    app = quiet()

    def tell(request, error):
        return http.PlainTextResponse(f"{type(error).__name__} {getattr(error, 'status_code', None)}", status_code=404)

    app.add_exception_handler(key, tell)
    async with client_for(app) as client:
        await Ask("GET /nowhere", 404, text=seen).put_to(client)


async def test_handlers_of_validation_and_of_wrong_methods_are_given_flamas_classes(client_for):
    app = quiet()

    @app.route("/crates")
    def crates(number: int):
        return number

    def refuse(request, error):
        return http.JSONResponse(sorted(error.detail), status_code=error.status_code)

    def wrong(request, error):
        return http.PlainTextResponse(f"{error.method} {sorted(error.allowed)}", status_code=405)

    app.add_exception_handler(exceptions.ValidationError, refuse)
    app.add_exception_handler(exceptions.MethodNotAllowedException, wrong)
    async with client_for(app) as client:
        await Ask("GET /crates?number=x", 400, data=["number"]).put_to(client)
        await Ask("PUT /crates", 405, text="PUT ['GET', 'HEAD', 'OPTIONS']").put_to(client)


async def test_a_handler_of_four_arguments_sends_its_answer_itself(client_for):
    app = quiet()

    @app.route("/leak")
    def leak():
        raise Leak

    async def on_leak(scope, receive, send, error):
        body = f"{type(error).__name__} {scope['path']}".encode()
        await send({"type": "http.response.start", "status": 507, "headers": [(b"x-leak", b"aft")]})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    app.add_exception_handler(Leak, on_leak)
    async with client_for(app) as client:
        await Ask("GET /leak", 507, text="Leak /leak", headers={"x-leak": "aft"}).put_to(client)


async def test_errors_have_the_json_of_flama_and_unhandled_ones_say_nothing(client_for, caplog):
    app = quiet()

    @app.route("/taken")
    def taken():
        raise exceptions.HTTPException(409, {"berth": 4}, headers={"X-Berth": "4"})

    @app.route("/broken")
    def broken():
        raise RuntimeError("a secret")

    async with client_for(app) as client:
        taken = {"status_code": 409, "detail": {"berth": 4}, "error": "HTTPException"}
        await Ask("GET /taken", 409, data=taken, headers={"x-berth": "4"}).put_to(client)
        await Ask("GET /broken", 500, text="Internal Server Error", type=TEXT).put_to(client)
        missing = {"status_code": 404, "detail": "Not Found", "error": "HTTPException"}
        await Ask("GET /nowhere", 404, data=missing, type=JSON).put_to(client)
    assert "a secret" in caplog.text


async def test_a_detail_that_has_no_json_is_the_servers_mistake(client_for, caplog):
    app = quiet()

    @app.route("/odd")
    def odd():
        raise exceptions.HTTPException(409, {"what": object()})

    async with client_for(app) as client:
        response = await Ask("GET /odd", 500).put_to(client)
    assert "object" not in response.text
    assert "object has no JSON form" in caplog.text


async def test_a_middleware_answers_with_any_response(client_for, tmp_path):
    (tmp_path / "note.txt").write_text("closed")
    made = {
        "/file": lambda: http.FileResponse(tmp_path / "note.txt"),
        "/stream": lambda: http.StreamingResponse(iter(["clo", "sed"]), media_type="text/plain"),
        "/text": lambda: http.PlainTextResponse("closed", headers={"X-Why": "storm"}),
    }

    class Closed:
        def __init__(self, app: types.App):
            self.app = app

        async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
            make = made.get(scope.get("path"))
            await (self.app if make is None else make())(scope, receive, send)

    async with client_for(quiet(middleware=[Middleware(Closed)])) as client:
        for path in made:
            await Ask(f"GET {path}", text="closed", type=TEXT).put_to(client)
        await Ask("GET /other", 404).put_to(client)


async def test_debug_mode_shows_pages_to_browsers(client_for):
    app = quiet(debug=True)

    @app.route("/broken")
    def broken():
        raise RuntimeError("told to developers")

    async with client_for(app, host="localhost") as client:
        page = {"headers": {"Accept": "text/html"}}
        response = await Ask("GET /broken", 500, type="text/html; charset=utf-8", sent=page).put_to(client)
        assert "told to developers" in response.text
        response = await Ask("GET /nowhere", 404, type="text/html; charset=utf-8", sent=page).put_to(client)
        assert "/broken" in response.text


# Routes.


async def test_every_way_to_declare_a_route_declares_one(client_for):
    def answer(request: http.Request):
        return f"{request.method} {request.url.path}"

    app = quiet(routes=[Route("/listed", answer, methods=["GET", "POST"], name="of-the-list")])
    app.route("/routed", methods=["PUT"])(answer)
    app.add_route("/added", answer)
    app.add_route(route=Route("/object", answer))
    asks = [Ask(f"{method} {path}", data=f"{method} {path}") for method, path in ROUTES[:5]]
    for method in ("get", "post", "put", "patch", "delete", "options", "trace"):
        getattr(app, method)(f"/by-{method}")(answer)
        getattr(app, f"add_{method}")(f"/add-{method}", answer)
        path = [f"{method.upper()} /by-{method}", f"{method.upper()} /add-{method}"]
        asks += [Ask(one, data=one) for one in path]
    async with client_for(app) as client:
        for ask in asks:
            await ask.put_to(client)
    assert app.resolve_url("of-the-list").path == "/listed"


ROUTES = [("GET", "/listed"), ("POST", "/listed"), ("PUT", "/routed"), ("GET", "/added"), ("GET", "/object")]


async def test_path_variables_have_the_types_of_flama(client_for):
    app = quiet()

    @app.route("/all/{a:str}/{b:int}/{c:float}/{d:decimal}/{e:uuid}")
    def everything(a: str, b: int, c: float, d: decimal.Decimal, e: uuid.UUID):
        return [type(one).__name__ for one in (a, b, c, d, e)]

    @app.route("/rest/{rest:path}")
    def rest(rest: str):
        return rest

    async with client_for(app) as client:
        path = "/all/x/-4/2.5/2.50/9c5b94b1-35ad-49bb-b118-8e8fc24abf80"
        await Ask(f"GET {path}", data=["str", "int", "float", "Decimal", "UUID"]).put_to(client)
        await Ask("GET /all/x/four/2.5/2.50/9c5b94b1-35ad-49bb-b118-8e8fc24abf80", 404).put_to(client)
        await Ask("GET /rest/a/b", data="a/b").put_to(client)


async def test_of_two_routes_that_match_the_first_one_answers(client_for):
    app = quiet()
    app.add_get("/{name}", lambda name: f"any {name}")
    app.add_get("/fixed", lambda: "never")
    app.add_get("/{name}", lambda name: "never")
    async with client_for(app) as client:
        await Ask("GET /fixed", data="any fixed").put_to(client)


async def test_an_endpoint_is_made_for_each_request_and_asks_for_what_it_wants(client_for):
    app = quiet(components=[LedgerComponent("hold")])

    @app.route("/crates/{number:int}", name="crate")
    class Crates(HTTPEndpoint):
        def get(self, number: int, ledger: Ledger):
            self.state["seen"] = self.state.get("seen", 0) + 1
            return {"number": number, "ledger": ledger.name, "seen": self.state["seen"]}

        async def put(self, number: int, crate: t.Annotated[SchemaType, SchemaMetadata(Crate)]):
            return {"path": self.state["request"].url.path, "crate": crate}

    assert Crates.allowed_methods() == {"GET", "HEAD", "PUT"}
    async with client_for(app) as client:
        for _ in range(2):
            await Ask("GET /crates/4", data={"number": 4, "ledger": "hold", "seen": 1}).put_to(client)
        crate = {"label": "tea", "weight": 1}
        put = Ask("PUT /crates/4", data={"path": "/crates/4", "crate": crate}, sent={"json": {"label": "tea"}})
        await put.put_to(client)
        await Ask("POST /crates/4", 405, headers={"allow": "GET, HEAD, PUT, OPTIONS"}).put_to(client)
    assert app.resolve_url("crate", number=4).path == "/crates/4"


def test_unknown_names_of_routes_are_told():
    with pytest.raises(exceptions.NotFoundException) as told:
        quiet().resolve_url("berth", number=4)
    assert (told.value.name, told.value.params) == ("berth", {"number": 4})


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda app: app.add_route("/x"), "needs a path and an endpoint"),
        (lambda app: app.add_websocket_route("/x"), "needs a path and an endpoint"),
        (lambda app: app.add_route("/x", print, pagination="by_letter"), "pagination='by_letter' isn't known"),
        (lambda app: app.mount(mount="/x"), "a str is no route"),
        (lambda app: app.add_route("/x", HTTPEndpoint), "handles no method"),
        (lambda app: Flama(schema_library="marshmallow"), "schemas of the library 'marshmallow' can't be read"),
    ],
    ids=["no endpoint", "no websocket endpoint", "pagination", "no mount", "empty endpoint", "library"],
)
def test_what_cannot_be_declared_is_told_at_once(declare, told):
    with pytest.raises(ConfigurationError, match=told):
        declare(quiet())


# Injection.


class Ledger:
    def __init__(self, name: str) -> None:
        self.name = name


class LedgerComponent(Component):
    def __init__(self, name: str) -> None:
        self.name = name
        self.made = 0

    def resolve(self) -> Ledger:
        self.made += 1
        return Ledger(self.name)


class Clerk:
    def __init__(self, ledger: Ledger, name: str) -> None:
        self.ledger = ledger
        self.name = name


class ClerkComponent(Component):
    async def resolve(self, ledger: Ledger, x_clerk: types.Header) -> Clerk:
        return Clerk(ledger, x_clerk)


async def test_components_make_values_by_type_once_for_a_request(client_for):
    ledgers = LedgerComponent("hold")
    app = quiet(components=[ledgers, ClerkComponent()])

    @app.route("/")
    async def index(clerk: Clerk, ledger: Ledger):
        return [clerk.name, ledger.name, clerk.ledger is ledger]

    async with client_for(app) as client:
        await Ask("GET /", data=["Ada", "hold", True], sent={"headers": {"X-Clerk": "Ada"}}).put_to(client)
        assert ledgers.made == 1
        refused = await Ask("GET /", 400).put_to(client)
        assert list(refused.json()["detail"]) == ["x-clerk"]


async def test_a_component_may_choose_its_parameters_and_is_told_which_one_it_is_for(client_for):
    class Flag(Component):
        def can_handle_parameter(self, parameter: Parameter) -> bool:
            return parameter.name.startswith("flag_")

        def resolve(self, parameter: Parameter, method: types.Method) -> str:
            return f"{parameter.name[5:]} at {method}"

    app = quiet(components=[Flag()])

    @app.route("/")
    def index(flag_red: str, flag_blue: str, other: str = "none"):
        return [flag_red, flag_blue, other]

    async with client_for(app) as client:
        await Ask("GET /?other=a&flag_red=no", data=["red at GET", "blue at GET", "a"]).put_to(client)
    with pytest.raises(ConfigurationError, match="component Flag chooses its parameters"):
        app.add_component(Flag())


async def test_parts_of_the_request_are_given_by_type(client_for):
    app = quiet()

    @app.post("/parts/{number:int}")
    async def parts(
        request: http.Request,
        method: types.Method,
        url: types.URL,
        scheme: types.Scheme,
        host: types.Host,
        path: types.Path,
        query: types.QueryString,
        params: types.QueryParams,
        path_params: types.PathParams,
        headers: types.Headers,
        cookies: types.Cookies,
        body: types.Body,
        scope: types.Scope,
        receive: types.Receive,
        x_token: types.Header,
        berth: types.Cookie,
        absent: types.Header = None,
    ):
        assert request.method == method == "POST"
        assert url.path == path == "/parts/4"
        assert (scheme, host) == (url.scheme, url.hostname)
        assert (str(query), params["a"], params.getlist("a"), len(params)) == ("a=1&a=2", "2", ["1", "2"], 1)
        assert path_params == {"number": 4} == request.path_params
        assert headers["x-token"] == x_token == "t"
        assert cookies["berth"]["value"] == "b" == request.cookies["berth"]
        assert berth == "b"
        assert absent is None
        assert (scope["type"], scope["path"]) == ("http", "/parts/4")
        return (await receive())["body"].decode() + body.decode()

    async with client_for(app) as client:
        sent = {"content": b"ab", "headers": {"X-Token": "t", "Cookie": "berth=b"}}
        await Ask("POST /parts/4?a=1&a=2", data="abab", sent=sent).put_to(client)


async def test_handlers_are_plain_or_async_and_need_no_parameters(client_for):
    app = quiet()

    @app.route("/plain")
    def plain():
        return http.PlainTextResponse("plain")

    @app.route("/async")
    async def asynchronous():
        return http.PlainTextResponse("async")

    async with client_for(app) as client:
        for name in ("plain", "async"):
            await Ask(f"GET /{name}", text=name, type=TEXT).put_to(client)
            await Ask(f"HEAD /{name}", body=b"", headers={"content-length": "5"}).put_to(client)


# What comes in, what goes out.


async def test_bodies_are_validated_by_their_schema_and_given_as_plain_data(client_for):
    app = quiet()

    @app.post("/one")
    def one(crate: t.Annotated[SchemaType, SchemaMetadata(Crate)]):
        return [type(crate).__name__, crate]

    @app.post("/many")
    def many(crates: t.Annotated[list[SchemaType], SchemaMetadata(Crate, multiple=True)]):
        return [crate["weight"] for crate in crates]

    @app.post("/some")
    def some(crate: t.Annotated[SchemaType, SchemaMetadata(Crate, partial=True)]):
        return crate

    @app.post("/model")
    def model(crate: Crate):
        return crate

    async with client_for(app) as client:
        tea = {"label": "tea", "weight": 1}
        await Ask("POST /one", data=["dict", tea], sent={"json": {"label": "tea"}}).put_to(client)
        await Ask("POST /many", data=[1, 4], sent={"json": [tea, {**tea, "weight": 4}]}).put_to(client)
        await Ask("POST /some", data={"weight": 2}, sent={"json": {"weight": 2}}).put_to(client)
        await Ask("POST /model", data=tea, sent={"json": {"label": "tea"}}).put_to(client)
        refused = await Ask("POST /one", 400, sent={"json": {"weight": "x-ray"}}).put_to(client)
        assert refused.json()["error"] == "ValidationError"
        assert sorted(refused.json()["detail"]) == ["label", "weight"]
        assert "x-ray" not in refused.text
        await Ask("POST /one", 400, sent={"content": "{", "headers": {"Content-Type": JSON}}).put_to(client)
        await Ask("POST /one", 415, sent={"content": "tea", "headers": {"Content-Type": "text/csv"}}).put_to(client)


async def test_the_body_may_be_read_as_json_form_or_data(client_for):
    app = quiet()

    @app.post("/json")
    async def as_json(request: http.Request):
        return await request.json()

    @app.post("/form")
    async def as_form(request: http.Request):
        return dict((await request.form()).items())

    @app.post("/data")
    def as_data(data: types.RequestData):
        return data

    @app.post("/stream")
    async def as_stream(request: http.Request):
        return "".join([piece.decode() async for piece in request.stream()])

    async with client_for(app) as client:
        await Ask("POST /json", data=[1], sent={"content": "[1]"}).put_to(client)
        await Ask("POST /json", 400, sent={"content": "[1"}).put_to(client)
        await Ask("POST /form", data={"a": "1"}, sent={"form": {"a": "1"}}).put_to(client)
        await Ask("POST /data", data={"a": "1"}, sent={"form": {"a": "1"}}).put_to(client)
        await Ask("POST /data", data=[2], sent={"json": [2]}).put_to(client)
        await Ask("POST /data", 415, sent={"content": "2"}).put_to(client)
        await Ask("POST /stream", data="abc", sent={"content": "abc"}).put_to(client)


async def test_values_are_sent_as_json_and_none_as_nothing(client_for):
    app = quiet()
    values = {"text": "a", "bytes": b"a", "dict": {"a": 1}, "list": [1], "number": 7, "pair": (1, 2), "true": True}
    for name, value in values.items():
        app.add_get(f"/{name}", lambda value=value: value)
    app.add_get("/none", lambda: None)
    async with client_for(app) as client:
        for name, value in values.items():
            expected = {"bytes": "a", "pair": [1, 2]}.get(name, value)
            await Ask(f"GET /{name}", data=expected, type=JSON).put_to(client)
        await Ask("GET /none", body=b"", type=JSON, headers={"content-length": "0"}).put_to(client)


async def test_results_are_made_to_fit_the_schema_of_the_return_annotation(client_for, caplog):
    app = quiet()

    @app.route("/one")
    def one() -> t.Annotated[SchemaType, SchemaMetadata(Crate)]:
        return {"label": "tea", "secret": 1}

    @app.route("/many")
    def many() -> list[Crate]:
        return [{"label": "tea"}]

    @app.route("/wrong")
    def wrong() -> Crate:
        return {"weight": 4}

    @app.route("/response")
    def response():
        return http.APIResponse({"label": "tea"}, schema=Crate, status_code=201)

    @app.route("/bad-response")
    def bad_response():
        return http.APIResponse({"weight": 1}, schema=Crate)

    tea = {"label": "tea", "weight": 1}
    async with client_for(app) as client:
        await Ask("GET /one", data=tea).put_to(client)
        await Ask("GET /many", data=[tea]).put_to(client)
        await Ask("GET /response", 201, data=tea).put_to(client)
        await Ask("GET /wrong", 500, text="Internal Server Error").put_to(client)
        bad = await Ask("GET /bad-response", 500).put_to(client)
        assert bad.json()["error"] == "SerializationError"


async def test_responses_have_their_content_types_and_headers(client_for, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<p>tide</p>")
    app = quiet()
    made = {
        "text": lambda: http.PlainTextResponse("tide", headers={"X-A": "1"}),
        "html": lambda: http.HTMLResponse("<p>tide</p>"),
        "json": lambda: http.JSONResponse({"a": None}),
        "raw": lambda: http.Response(b"x", media_type="image/png"),
        "own": lambda: http.Response("x", headers={"Content-Type": "text/csv"}, media_type="text/plain"),
        "bare": lambda: http.Response("x"),
        "error": lambda: http.APIErrorResponse("no", status_code=403, exception=ValueError()),
        "openapi": lambda: http.OpenAPIResponse({"openapi": "3.1.0"}),
        "redirect": lambda: http.RedirectResponse("/text"),
        "stream": lambda: http.StreamingResponse(iter(["a", b"b"]), media_type="text/plain"),
        "page": lambda: http.HTMLFileResponse(page),
        "download": lambda: http.FileResponse(page, filename="tide.html"),
        "gone": lambda: http.FileResponse(tmp_path / "gone"),
    }
    for name, make in made.items():
        app.add_get(f"/{name}", make)
    html = "text/html; charset=utf-8"
    asks = [
        Ask("GET /text", text="tide", type=TEXT, headers={"x-a": "1"}),
        Ask("GET /html", type=html),
        Ask("GET /json", text='{"a":null}', type=JSON),
        Ask("GET /raw", body=b"x", type="image/png"),
        Ask("GET /own", type="text/csv"),
        Ask("GET /bare", text="x", headers={"content-type": None}),
        Ask("GET /error", 403, data={"status_code": 403, "detail": "no", "error": "ValueError"}),
        Ask("GET /openapi", text='{"openapi": "3.1.0"}', type="application/vnd.oai.openapi"),
        Ask("GET /redirect", 307, body=b"", headers={"location": "/text"}),
        Ask("GET /stream", text="ab", type=TEXT),
        Ask("GET /page", text="<p>tide</p>", type=html),
        Ask("GET /download", type=html, headers={"content-disposition": 'attachment; filename="tide.html"'}),
        Ask("GET /page", 206, text="tide", sent={"headers": {"Range": "bytes=3-6"}}),
        Ask("GET /gone", 404),
    ]
    async with client_for(app) as client:
        for ask in asks:
            await ask.put_to(client)


async def test_a_template_is_rendered_and_escapes(client_for):
    import jinja2

    class Page(http.HTMLTemplateResponse):
        templates = jinja2.Environment(loader=jinja2.DictLoader({"a.html": "<p>{{ name }}</p>"}), autoescape=True)

    app = quiet()
    app.add_get("/", lambda: Page("a.html", {"name": "<b>"}, status_code=203))
    async with client_for(app) as client:
        await Ask("GET /", 203, text="<p>&lt;b&gt;</p>", type="text/html; charset=utf-8").put_to(client)


def test_a_response_has_the_attributes_of_flama():
    response = http.JSONResponse({"a": 1}, 201, {"X-A": "1"})
    assert (response.status_code, response.media_type, response.charset) == (201, "application/json", "utf-8")
    response.status_code = 202
    response.headers["x-b"] = "2"
    response.headers.append("x-b", "3")
    response.headers.add_vary_header("Accept, Origin")
    assert response.status == 202
    assert response.headers.getlist("x-b") == ["2", "3"]
    assert response.headers["vary"] == "Accept, Origin"
    response.set_cookie("berth", "4", 60, None, "/", None, True, True, "strict")
    assert response.headers["set-cookie"] == "berth=4; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Strict"
    with pytest.raises(ValueError, match="control character"):
        response.headers["x-b"] = "a\r\nb"
    with pytest.raises(ValueError, match="javascript"):
        http.RedirectResponse("javascript:alert(1)")


def test_a_url_has_parts_and_may_be_given_others():
    url = types.URL("https://ada:pw@sea.example:81/a?b=1#c")
    assert (url.scheme, url.hostname, url.port, url.path, url.query, url.fragment) == (
        *("https", "sea.example", 81, "/a", "b=1"),
        "c",
    )
    assert url.is_secure
    assert str(url.replace(path="/d", fragment="")) == "https://ada:pw@sea.example:81/d?b=1"
    assert url.replace(scheme="http", netloc="x", query="", fragment="") == "http://x/a"
    assert types.URL("/a?b=1&c=2").include_query_params(b=3) == "/a?c=2&b=3"
    with pytest.raises(TypeError, match="no part 'host'"):
        url.replace(host="x")


async def test_a_request_has_the_attributes_of_flama(client_for):
    app = quiet()

    @app.route("/berths/{number:int}", name="berth")
    async def berth(request: http.Request):
        request.state.seen = [request.url.path]
        assert request.app is app
        assert request["type"] == request.get("type") == "http"
        assert request.base_url.path == "/"
        assert request.user is None
        assert request.client is None or request.client.host
        with pytest.raises(LookupError):
            _ = request.auth
        with pytest.raises(LookupError):
            _ = request.session
        return [request.state.seen, request.url_for("berth", number=5).path, await request.is_disconnected()]

    async with client_for(app) as client:
        await Ask("GET /berths/4", data=[["/berths/4"], "/berths/5", False]).put_to(client)


async def test_tasks_run_after_the_response_in_their_order(client_for):
    done = []

    async def later(what):
        done.append(what)

    app = quiet()

    @app.route("/")
    def index():
        tasks = BackgroundTasks([BackgroundTask("thread", done.append, "a")])
        tasks.add_task("thread", later, what="b")
        tasks.tasks.append(BackgroundThreadTask(done.append, "c"))
        return http.PlainTextResponse("soon", background=tasks)

    async with client_for(app) as client:
        await Ask("GET /", text="soon").put_to(client)
    app.close()
    assert done == ["a", "b", "c"]
    with pytest.raises(ValueError, match="fibre"):
        BackgroundTask("fibre", print)


def _write(path, text):
    path.write_text(text)


async def _write_async(path, text):
    await asyncio.to_thread(path.write_text, text)


@pytest.mark.parametrize("function", [_write, _write_async])
async def test_a_task_may_have_a_process_of_its_own(function, tmp_path):
    await BackgroundTask("process", function, tmp_path / "note", text="done")()
    assert (tmp_path / "note").read_text() == "done"


# The document.


async def test_the_document_and_its_page_are_where_flama_has_them(client_for):
    app = Flama(
        openapi={"info": {"title": "Harbour", "version": "4", "summary": "Berths"}, "tags": [{"name": "berths"}]}
    )

    @app.post("/crates")
    def create(crate: t.Annotated[SchemaType, SchemaMetadata(Crate)]) -> t.Annotated[SchemaType, SchemaMetadata(Crate)]:
        """Add a crate."""
        return crate

    @app.get("/hidden", include_in_schema=False)
    def hidden():
        return None

    async with client_for(app) as client:
        document = (await Ask("GET /schema/", type="application/vnd.oai.openapi").put_to(client)).json()
        page = await Ask("GET /docs/", type="text/html; charset=utf-8").put_to(client)
        assert "Harbour" in page.text
        await Ask("GET /openapi.json", 404).put_to(client)
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Harbour", "version": "4", "summary": "Berths"}
    assert list(document["paths"]) == ["/crates"]
    operation = document["paths"]["/crates"]["post"]
    assert operation["summary"] == "Add a crate"
    body = operation["requestBody"]["content"]["application/json"]["schema"]
    assert body["$ref"].endswith("Crate")
    assert "Crate" in document["components"]["schemas"]


async def test_a_docstring_in_yaml_describes_its_operation(client_for):
    app = Flama()

    @app.route("/tides")
    def tides():
        """
        tags:
            - sea
        summary: The tides
        description: High and low.
        responses:
            200:
                description: All of them.
        """

    @app.route("/winds")
    def winds():
        """Where they blow from: north, mostly."""

    async with client_for(app) as client:
        paths = (await Ask("GET /schema/").put_to(client)).json()["paths"]
    described = paths["/tides"]["get"]
    assert (described["tags"], described["summary"], described["description"]) == (
        ["sea"],
        "The tides",
        "High and low.",
    )
    assert described["responses"]["200"]["description"] == "All of them."
    assert paths["/winds"]["get"]["summary"] == "Where they blow from: north, mostly"


async def test_a_list_is_given_page_by_page(client_for):
    app = quiet()

    @app.route("/pages", pagination="page_number")
    def pages(**kwargs) -> t.Annotated[list[SchemaType], SchemaMetadata(Crate)]:
        """Which page is asked for is none of its business."""
        assert not kwargs
        return [{"label": str(number)} for number in range(12)]

    @app.route("/slices/{first}", pagination="limit_offset")
    async def slices(first: str):
        return [first, *range(4)]

    async with client_for(app) as client:
        first = (await Ask("GET /pages").put_to(client)).json()
        assert first["meta"] == {"page": 1, "page_size": 10, "count": None}
        assert [one["label"] for one in first["data"]] == [str(number) for number in range(10)]
        last = {"meta": {"page": 2, "page_size": 11, "count": 12}, "data": [{"label": "11", "weight": 1}]}
        await Ask("GET /pages?page=2&page_size=11&count=true", data=last).put_to(client)
        some = {"meta": {"limit": 2, "offset": 1, "count": None}, "data": [0, 1]}
        await Ask("GET /slices/a?limit=2&offset=1", data=some).put_to(client)
        whole = {"meta": {"limit": 10, "offset": 0, "count": None}, "data": ["a", 0, 1, 2, 3]}
        await Ask("GET /slices/a", data=whole).put_to(client)
        await Ask("GET /pages?page=0", 400).put_to(client)
        await Ask("GET /slices/a?limit=-1", 400).put_to(client)


async def test_no_document_is_served_where_none_is_wanted(client_for):
    async with client_for(Flama(schema=None)) as client:
        for path in ("/schema/", "/docs/"):
            await Ask(f"GET {path}", 404).put_to(client)
    async with client_for(Flama(schema="/api.json", docs=None)) as client:
        await Ask("GET /api.json").put_to(client)
        await Ask("GET /docs/", 404).put_to(client)


# Mounts, events, modules.


async def test_what_is_mounted_has_the_components_and_the_lifespan_of_what_is_around_it(client_for):
    lived = []
    inner = quiet(events={"startup": [lambda: lived.append("inner")]})

    @inner.route("/ledger")
    def ledger(ledger: Ledger, clerk: Clerk):
        return [ledger.name, clerk.name]

    async def shed(scope, receive, send):
        await http.PlainTextResponse(f"{scope['root_path']} {scope['path']}", background=shed_task)(
            scope, receive, send
        )

    shed_tasks = []

    def shed_task():
        shed_tasks.append("done")

    app = quiet(components=[LedgerComponent("hold")], events={"startup": [lambda: lived.append("outer")]})
    app.mount("/inner/", inner, name="inner")
    app.mount("/shed", shed)
    app.mount(mount=Mount("/wing", routes=[Route("/ledger", lambda: "wing", name="ledger")], name="wing"))
    app.add_component(ClerkComponent())
    async with client_for(app) as client:
        await Ask("GET /inner/ledger", data=["hold", "Ada"], sent={"headers": {"X-Clerk": "Ada"}}).put_to(client)
        await Ask("GET /shed/a", text="/shed /shed/a").put_to(client)
        await Ask("GET /wing/ledger", data="wing").put_to(client)
        await Ask("GET /inner/nowhere", 404, type=JSON).put_to(client)
    assert sorted(lived) == ["inner", "outer"]
    assert shed_tasks == ["done"]
    assert app.resolve_url("wing:ledger").path == "/wing/ledger"


async def test_events_modules_and_the_lifespan_run_once(client_for, transport):
    import contextlib

    lived = []

    class Pump(Module):
        name = "pump"

        async def on_startup(self) -> None:
            lived.append(f"pump of {type(self.app).__name__} on")

        async def on_shutdown(self) -> None:
            lived.append("pump off")

    @contextlib.asynccontextmanager
    async def lifespan(app):
        lived.append(f"lifespan of {type(app).__name__}")
        yield
        lived.append("lifespan over")

    app = quiet(modules=[Pump()], lifespan=lifespan, events=Events(startup=[lambda: lived.append("up")]))

    @app.on_event("shutdown")
    async def down():
        lived.append("down")

    app.add_get("/", lambda: type(app.pump).__name__)
    async with client_for(app) as client:
        await Ask("GET /", data="Pump").put_to(client)
    app.close()
    assert lived[:3] == ["lifespan of Flama", "up", "pump of Flama on"]
    assert sorted(lived[3:]) == ["down", "lifespan over", "pump off"]
    with pytest.raises(AttributeError, match="no module of this name"):
        _ = app.sail
    with pytest.raises(ValueError, match="there is no event 'pause'"):
        app.on_event("pause")(print)


# WebSockets.


async def test_a_websocket_speaks_in_flamas_words(client_for, transport):
    app = quiet()

    @app.websocket_route("/talk/{name}")
    async def talk(websocket: websockets.WebSocket, name: str, loud: bool = False):
        assert websocket.is_connecting
        await websocket.accept(subprotocol="parrot", headers=[(b"x-perch", b"4")])
        assert websocket.is_connected
        await websocket.send_text(f"{name} {loud} {websocket.query_params['loud']}")
        await websocket.send_bytes(await websocket.receive_bytes())
        await websocket.send_json(await websocket.receive_json())
        async for word in websocket.iter_text():
            await websocket.send_text(word.upper())
            break
        await websocket.close(4001, "enough")
        assert websocket.is_disconnected

    app.add_websocket_route(route=WebSocketRoute("/refuse", refuse))
    async with client_for(app) as client:
        async with client.websocket("/talk/polly?loud=1", subprotocols=["parrot"]) as connection:
            assert connection.subprotocol == (None if transport == "rsgi" else "parrot")  # RSGI can't say it
            assert await connection.receive() == "polly True 1"
            await connection.send(b"\x00")
            assert await connection.receive() == b"\x00"
            await connection.send_json({"a": 1})
            assert await connection.receive_json() == {"a": 1}
            await connection.send("cracker")
            assert await connection.receive() == "CRACKER"
            with pytest.raises(websockets.WebSocketDisconnect):
                await connection.receive()
            assert (connection.close_code, connection.close_reason) == (4001, "enough")
        async with client.websocket("/refuse") as connection:
            with pytest.raises(websockets.WebSocketDisconnect):
                await connection.receive()
            assert (connection.close_code, connection.close_reason) == (4003, "go away")


async def refuse(websocket: websockets.WebSocket):
    await websocket.accept()
    raise exceptions.WebSocketException(4003, "go away")


async def test_an_endpoint_is_told_what_happens_on_its_websocket(client_for):
    told = []
    app = quiet()

    @app.websocket_route("/text")
    class Text(WebSocketEndpoint):
        encoding = "text"

        async def on_connect(self, websocket: websockets.WebSocket):
            self.state["count"] = 0
            await websocket.accept()

        async def on_receive(self, websocket: websockets.WebSocket, data: types.Data):
            self.state["count"] += 1
            await websocket.send_text(f"{self.state['count']} {data}")

        async def on_disconnect(self, websocket_code: types.Code):
            told.append(websocket_code)

    @app.websocket_route("/closed")
    class Closed(WebSocketEndpoint):
        async def on_receive(self, websocket, data):
            raise exceptions.WebSocketException(4005, f"no {data.decode()}")

        async def on_disconnect(self, websocket, websocket_code):
            told.append(websocket_code)

    async with client_for(app) as client:
        async with client.websocket("/closed") as connection:
            await connection.send(b"entry")
            with pytest.raises(websockets.WebSocketDisconnect):
                await connection.receive()
            assert (connection.close_code, connection.close_reason) == (4005, "no entry")
        async with client.websocket("/text") as connection:
            for number, word in enumerate(("a", "b"), 1):
                await connection.send(word)
                assert await connection.receive() == f"{number} {word}"
            await connection.send(b"binary")
            with pytest.raises(websockets.WebSocketDisconnect):
                await connection.receive()
            assert connection.close_code == 1003
    assert told == [4005, 1003]


def test_an_endpoint_that_asks_for_what_is_not_there_is_told():
    class Wrong(WebSocketEndpoint):
        async def on_receive(self, websocket: websockets.WebSocket, weather: str):
            """Never called."""

    with pytest.raises(ConfigurationError, match="takes `weather`, which endpoints of WebSockets aren't given"):
        quiet().add_websocket_route("/x", Wrong)


# The client.


async def test_the_client_starts_and_stops_the_application():
    lived = []
    app = quiet(events={"startup": [lambda: lived.append("up")], "shutdown": [lambda: lived.append("down")]})

    @app.post("/crates")
    def create(request: http.Request, crate: t.Annotated[SchemaType, SchemaMetadata(Crate)]):
        return http.APIResponse(crate, status_code=201, headers={"X-Query": request.query_params["q"]})

    async with Client(app=app) as client:
        assert lived == ["up"]
        response = await client.post("/crates", json={"label": "tea"}, params={"q": "a b"})
        assert (response.status_code, response.json()) == (201, {"label": "tea", "weight": 1})
        assert response.headers["x-query"] == "a b"
        assert str(response.url) == "http://localapp/crates?q=a+b"
    assert lived == ["up", "down"]


def test_the_client_says_which_extra_it_needs(monkeypatch):
    import sys

    from nacre.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "nacre.dialects.flama.client", raising=False)
    with pytest.raises(MissingExtra, match=r"nacre\[flama\]"):
        __import__("nacre.dialects.flama.client")


# What is left.


async def test_messages_of_a_websocket_come_one_by_one_or_as_a_series(client_for):
    app = quiet()

    @app.websocket_route("/bytes")
    async def as_bytes(websocket: websockets.WebSocket):
        await websocket.accept(headers={"x-perch": "4"})
        assert websocket.application_state is websockets.State.CONNECTED
        await websocket.send_json({"mode": "binary"}, mode="binary")
        async for data in websocket.iter_bytes():
            await websocket.send_bytes(data[::-1])

    @app.websocket_route("/json")
    async def as_json(websocket: websockets.WebSocket):
        await websocket.accept()
        with pytest.raises(exceptions.HTTPException, match="mode is"):
            await websocket.receive_json(mode="smoke")
        async for data in websocket.iter_json():
            await websocket.send_json(data)
        assert websocket.is_disconnected

    async with client_for(app) as client:
        async with client.websocket("/bytes") as connection:
            assert await connection.receive() == b'{"mode":"binary"}'
            await connection.send("ab")
            assert await connection.receive() == b"ba"
            await connection.send(b"cd")
            assert await connection.receive() == b"dc"
        async with client.websocket("/json") as connection:
            await connection.send("[1]")
            assert await connection.receive_json() == [1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("In short.\n---\ntags: [sea]", {"tags": ["sea"], "description": "In short."}),
        ("summary: a: b", {}),
        ("Where: there", {}),
        ("responses: {200: {description: yes}, default: {description: no}}", {"responses": {200: "True"}}),
        ("deprecated: true", {"deprecated": True}),
    ],
)
def test_only_a_docstring_that_is_yaml_is_read_as_such(text, told):
    def handler():
        """Replaced."""

    handler.__doc__ = text
    assert described(handler) == told


def test_docstrings_are_text_without_the_extra_for_yaml(monkeypatch):
    import sys

    def handler():
        """summary: A"""

    monkeypatch.setitem(sys.modules, "yaml", None)
    assert described(handler) == {}


async def test_the_page_of_the_schema_is_left_out_without_its_extra(client_for, monkeypatch):
    import nacre.dialects.flama.applications as applications
    from nacre.errors import MissingExtra

    def missing():
        raise MissingExtra("a page", "openapi-ui")

    monkeypatch.setattr(applications, "require_assets", missing)
    async with client_for(Flama()) as client:
        await Ask("GET /schema/").put_to(client)
        await Ask("GET /docs/", 404).put_to(client)


def test_what_a_schema_library_is_missing_for_is_told(monkeypatch):
    import dataclasses
    import sys

    from nacre.errors import MissingExtra

    @dataclasses.dataclass
    class Rope:
        length: int

    def declare(schema):
        def handler(one):
            """Never called."""

        handler.__annotations__ = {"one": t.Annotated[SchemaType, SchemaMetadata(schema, partial=True)]}
        quiet().add_route("/x", handler, ["POST"])

    with pytest.raises(ConfigurationError, match="SchemaMetadata\\(Rope, partial=True\\) needs a pydantic model"):
        declare(Rope)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(MissingExtra, match="pydantic"):
        declare(Crate)


async def test_templates_are_those_of_the_working_directory(client_for, tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("<p>||@ name @||</p>")
    monkeypatch.chdir(tmp_path)
    app = quiet()
    app.add_get("/", lambda: http.HTMLTemplateResponse("a.html", {"name": "<i>"}))
    async with client_for(app) as client:
        await Ask("GET /", text="<p>&lt;i&gt;</p>").put_to(client)


def test_templates_say_which_extra_they_need(monkeypatch):
    import sys

    from nacre.errors import MissingExtra

    monkeypatch.delitem(sys.modules, "nacre.dialects.flama.templates", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtra, match="jinja"):
        http.HTMLTemplateResponse("a.html")


async def test_who_a_request_is_from_is_what_a_middleware_left_in_the_scope(client_for):
    class Guard:
        def __init__(self, app: types.App):
            self.app = app

        async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
            if scope["type"] == "http":
                scope["user"], scope["auth"] = "Ida", ["crew"]
            await self.app(scope, receive, send)

    app = quiet(middleware=[Middleware(Guard)])
    app.add_get("/", _who)
    async with client_for(app) as client:
        await Ask("GET /", data=["Ida", ["crew"]]).put_to(client)


def _who(request: http.Request):
    return [request.user, request.auth]


def test_a_task_in_a_process_does_what_it_is_given(tmp_path):
    run_task(_write, (tmp_path / "plain",), {"text": "a"})
    run_task(_write_async, (tmp_path / "async", "b"), {})
    assert [(tmp_path / name).read_text() for name in ("plain", "async")] == ["a", "b"]
    assert BackgroundProcessTask(print).concurrency == "process"


async def test_a_middleware_answers_and_its_task_follows(client_for):
    done = []

    async def later():
        done.append("later")

    class Closed:
        def __init__(self, app: types.App):
            self.app = app

        async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
            answer = http.PlainTextResponse("closed", background=later)
            await (answer if scope["type"] == "http" else self.app)(scope, receive, send)

    async with client_for(quiet(middleware=[Middleware(Closed)])) as client:
        await Ask("GET /", text="closed").put_to(client)
    assert done == ["later"]


async def test_what_hostile_clients_send_is_refused_in_flamas_words(client_for):
    module = load("flama", "observatory")
    big = {"content": b"x" * (1024 * 1024 + 1), "headers": {"Content-Type": "text/plain"}}
    deep = {"content": b"[" * 100_000, "headers": {"Content-Type": JSON}}
    asks = [
        Ask("POST /echo", 413, type=JSON, sent=big),
        Ask("POST /echo/json", 400, type=JSON, sent=deep),
        Ask("POST /stars", 400, type=JSON, sent=deep),
        Ask("GET /injected", 400, type=JSON, sent={"headers": {"Host": "a b"}}),
        Ask(f"GET /stars/{'9' * 5000}", 404, type=JSON),
        Ask(f"GET /query?name=a&page={'9' * 5000}", 400, type=JSON),
        Ask("GET /floats/1e999", 404, type=JSON),
        Ask("GET /names/%00", 400, type=JSON),
        Ask("GET /names/%FF", 400, type=JSON),
    ]
    async with client_for(module.app) as client:
        for ask in asks:
            response = await ask.put_to(client)
            told = response.json()
            assert told["status_code"] == response.status, ask.request
            assert sorted(told) == ["detail", "error", "status_code"]
            assert "999" not in response.text
