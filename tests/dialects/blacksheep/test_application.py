"""Routers, errors, events, services, controllers and mounts."""

import asyncio
from contextlib import asynccontextmanager
from functools import wraps

import pytest

from nacre import Nacre, errors
from nacre.dialects.blacksheep import (
    Application,
    FromJSON,
    FromQuery,
    FromRoute,
    FromServices,
    Request,
    Route,
    Router,
    get,
    json,
    text,
)
from nacre.dialects.blacksheep.exceptions import (
    BadRequest,
    HTTPException,
    InternalServerError,
    InvalidExceptionHandler,
    MessageAborted,
    NotFound,
    UnsupportedMediaType,
)
from nacre.dialects.blacksheep.server.controllers import APIController, Controller, abstract
from nacre.dialects.blacksheep.server.controllers import get as controller_get
from nacre.dialects.blacksheep.server.controllers import post as controller_post
from nacre.dialects.blacksheep.server.env import get_env, is_development, is_production
from nacre.dialects.blacksheep.server.routing import (
    InvalidValuePatternName,
    OrphanDefaultRouterError,
    RouteDuplicate,
    RouteNotFound,
    SharedRouterError,
)
from nacre.dialects.blacksheep.server.routing import router as default_router
from nacre.dialects.blacksheep.testing import TestClient
from nacre.errors import ConfigurationError, Location
from nacre.testing import TestClient as NativeClient


def application(**options):
    router = Router()
    return Application(router=router, **options), router


# Routers.


async def test_module_level_decorators_are_for_the_application_without_a_router(client_for):
    @get("/early")
    def early():
        return "early"

    app = Application()

    @get("/late")
    def late():
        return "late"

    async with client_for(app) as client:
        assert (await client.get("/early")).text == "early"
        assert (await client.get("/late")).text == "late"


def test_a_second_application_on_one_router_is_told():
    first = Application()
    with pytest.raises(SharedRouterError, match="two applications share one router"):
        Application()
    assert default_router.owner is first
    default_router.reset()
    assert default_router.owner is None
    Application()


def test_routes_that_no_application_serves_are_told():
    get("/lost")(lambda: "lost")
    app, _ = application()
    with pytest.raises(OrphanDefaultRouterError, match="no application serves the default router"):
        app.compile()


def test_two_handlers_of_one_path_are_told_where_the_second_is_declared():
    _, router = application()
    router.get("/boats/{boat}")(lambda boat: boat)
    with pytest.raises(RouteDuplicate, match="GET /BOATS/:name is declared twice"):
        router.get("/BOATS/:name")(lambda name: name)
    router.post("/boats/{boat}")(lambda boat: boat)


async def test_a_route_that_was_refused_may_be_declared_again(client_for):
    app, router = application()
    app.compile()
    with pytest.raises(ConfigurationError, match="nothing gives it a value"):
        router.get("/clerk")(_lines_of)
    app.services.add_singleton(Ledger)
    app.services.add_scoped(Clerk)
    router.get("/clerk")(_lines_of)
    async with client_for(app) as client:
        assert (await client.get("/clerk")).json() == 0


async def test_paths_have_all_the_forms_of_the_document(client_for, monkeypatch):
    monkeypatch.setitem(Route.value_patterns, "berth", "[A-F][0-9]")
    app, router = application()
    for path in (
        "/a/:x",
        "/b/{x}",
        "/c/<x>",
        "/d/{int:x}",
        "/e/<int:x>",
        "/f/{path:x}",
        "/g/{berth:x}",
        "/h/{float:x}",
    ):
        router.get(path)(lambda x: x)
    router.get("/i/*")(lambda tail: {"tail": tail})
    answers = {
        "/a/1": "1",
        "/A/Q": "Q",
        "/b/1/": "1",
        "/c/x%20y": "x y",
        "/d/12": "12",
        "/d/x": None,
        "/e/x": None,
        "/f/a/b": "a/b",
        "/g/B7": "B7",
        "/g/Z7": None,
        "/h/2.5": "2.5",
        "/i/a/b": '{"tail":"a/b"}',
        "/i": '{"tail":""}',
    }
    async with client_for(app) as client:
        found = {path: await client.get(path) for path in answers}
    assert {path: None if one.status == 404 else one.text for path, one in found.items()} == answers
    with pytest.raises(InvalidValuePatternName, match="a variable of type 'buoy'"):
        router.get("/{buoy:x}")(lambda x: x)


async def test_a_variable_of_a_whole_path_is_for_nothing_too(client_for):
    app, router = application()
    router.get("/files/{path:rest}")(lambda rest: {"rest": rest})
    async with client_for(app) as client:
        assert (await client.get("/files/")).json() == {"rest": ""}
        assert (await client.get("/files/a/b")).json() == {"rest": "a/b"}
        assert (await client.get("/files")).status == 404


async def test_a_router_has_a_prefix_and_others_in_it(client_for, monkeypatch):
    monkeypatch.setenv("APP_ROUTE_PREFIX", "/v1")
    inner = Router(prefix="/inner")
    inner.get("/z", name="z")(lambda: "z")
    router = Router(prefix="outer", sub_routers=[inner])
    app = Application(router=router)
    async with client_for(app) as client:
        assert (await client.get("/v1/outer/inner/z")).text == "z"
    assert router.url_for("z") == "/v1/outer/inner/z"
    with pytest.raises(RouteNotFound):
        Router().url_for("z")


async def test_a_router_may_be_for_one_host(client_for):
    inner = Router(host="boats.example")
    inner.get("/z")(lambda: "z")
    app = Application(router=Router(sub_routers=[inner]))
    async with client_for(app) as client:
        assert (await client.get("/z", headers={"host": "boats.example"})).text == "z"
        assert (await client.get("/z")).status == 404


async def test_a_fallback_answers_where_no_route_does(client_for):
    app, router = application()
    router.get("/boats")(lambda: "boats")
    router.fallback = lambda request: text(f"nothing at {request.path}", 404)
    async with client_for(app) as client:
        assert (await client.get("/nowhere")).text == "nothing at /nowhere"
        assert (await client.get("/boats")).text == "boats"


def test_a_wrapper_without_functools_wraps_is_told():
    _, router = application()

    def wrapper(*args, **kwargs):
        return None

    with pytest.raises(ConfigurationError, match=r"takes \*args or \*\*kwargs"):
        router.get("/")(wrapper)


async def test_wrappers_are_given_the_arguments_of_the_handler_by_their_places(client_for):
    app = Application()
    seen = []

    def notes(handler):
        @wraps(handler)
        async def wrapped(*given, **named):
            seen.append((type(given[-2]), given[-1], named))
            return await handler(*given, **named)

        return wrapped

    @default_router.get("/boats/{boat}")
    @notes
    async def boats(page: int, request: Request, boat: FromRoute[str] = None):
        return [page, request.path, boat.value]

    @default_router.get("/first")
    @notes
    async def first(size: str = "big", page: FromQuery[int] = FromQuery(3)):  # noqa: B008
        return [size, page.value]

    class Desk(Controller):
        @controller_get("/desk")
        @notes
        async def desk(self, page: int, request: Request, note: str = "none"):
            return [page, request.path, note]

    async with client_for(app) as client:
        assert (await client.get("/boats/Ada?page=2")).json() == [2, "/boats/Ada", "Ada"]
        assert (await client.get("/first")).json() == ["big", 3]
        assert (await client.get("/desk?page=4")).json() == [4, "/desk", "none"]
    assert [one[0] for one in seen] == [Request, str, Request]
    assert [one[2] for one in seen] == [{}, {}, {}]


# Errors.


async def test_handlers_of_exceptions_go_by_class_and_by_status(client_for):
    app, router = application()

    @app.exception_handler(404)
    async def missing(self, request, exc):
        assert self is app
        assert isinstance(request, Request)
        return text(f"{type(exc).__name__}: {exc}", 404)

    @app.exception_handler(BadRequest)
    async def bad(self, request, exc):
        return json({"bad": str(exc), "kind": type(exc).__name__}, 400)

    @app.exception_handler(InternalServerError)
    async def failed(self, request, exc: InternalServerError):
        return text(f"{exc}: {exc.source_error!r}", 500)

    async def teapot(self, request, exc):
        return f"teapot {exc}"

    @app.exception_handler(415)
    async def unsupported(self, request, exc):
        return text(f"{type(exc).__name__}", 415)

    app.exceptions_handlers[418] = teapot
    assert (app.exceptions_handlers[418], len(app.exceptions_handlers)) == (teapot, 5)
    assert set(app.exceptions_handlers) == {404, 415, 418, BadRequest, InternalServerError}
    with pytest.raises(ConfigurationError, match="can't be taken back"):
        del app.exceptions_handlers[418]

    @router.get("/raise/{kind}")
    def raises(kind: str):
        raise {
            "missing": NotFound("no boat"),
            "bad": BadRequest("wet"),
            "fail": ValueError("deep"),
            "tea": HTTPException(418, "green"),
            "plain": HTTPException(409, "taken"),
        }[kind]

    @router.get("/page")
    def page(number: int):
        return number

    @router.post("/body")
    async def body(data: FromJSON[dict]):
        return data.value

    @router.post("/other/{kind}")
    async def other(kind: str):
        raise {"own": UnsupportedMediaType, "native": errors.UnsupportedMediaType}[kind]

    async with client_for(app) as client:
        refused = await client.post("/body", content=b"x", headers={"content-type": "text/plain"})
        assert refused.json() == {"bad": "Expected request content", "kind": "BadRequest"}
        assert (await client.post("/other/own")).text == "UnsupportedMediaType"
        assert (await client.post("/other/native")).text == "Unsupported Media Type"
        assert (await client.get("/nowhere")).text == "NotFound: Not found"
        assert (await client.get("/raise/missing")).text == "NotFound: no boat"
        assert (await client.get("/raise/bad")).json() == {"bad": "wet", "kind": "BadRequest"}
        bad_page = {"bad": "Invalid value for parameter `number`: it is not a whole number", "kind": "BadRequest"}
        assert (await client.get("/page?number=x")).json() == bad_page
        assert (await client.get("/raise/fail")).text == "Internal server error: ValueError('deep')"
        assert (await client.get("/raise/tea")).text == "teapot green"
        plain = await client.get("/raise/plain")
        assert (plain.status, plain.text) == (409, "Conflict")


async def test_a_handler_of_all_exceptions_leaves_http_errors_to_theirs(client_for):
    app, router = application()

    @app.exception_handler(Exception)
    async def anything(self, request, exc):
        return text(f"caught {exc}", 503)

    @router.get("/fail")
    def fail():
        raise ValueError("deep")

    async with client_for(app) as client:
        assert (await client.get("/fail")).text == "caught deep"
        assert (await client.get("/nowhere")).text == "Resource not found"


async def test_a_handler_of_all_http_errors_is_asked_after_those_of_a_status(client_for):
    app, router = application()

    class Tea(HTTPException):
        status = 418

        def __init__(self):
            super().__init__(418, "green")

    @app.exception_handler(HTTPException)
    async def general(self, request, exc):
        return text(f"{exc.status} {exc}", exc.status)

    @app.exception_handler(409)
    async def conflict(self, request, exc):
        return text("taken", 409)

    @router.get("/raise/{kind}")
    def raises(kind: str):
        raise {"tea": Tea(), "taken": HTTPException(409), "wet": BadRequest()}[kind]

    async with client_for(app) as client:
        assert (await client.get("/raise/tea")).text == "418 green"
        assert (await client.get("/raise/taken")).text == "taken"
        assert (await client.get("/raise/wet")).text == "400 Bad request"
        assert (await client.get("/nowhere")).text == "404 Not found"


async def test_a_client_that_leaves_is_an_exception_for_handlers_and_for_programs():
    app, router = application()
    seen = []

    @app.exception_handler(MessageAborted)
    async def aborted(self, request, exc):
        seen.append(type(exc))
        return text("gone", 400)

    @router.post("/")
    async def read(request: Request):
        try:
            return str(len(await request.read()))
        except MessageAborted:
            seen.append("caught")
            raise

    messages = [{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    async def send(message):
        seen.append(message.get("status") or message["body"])

    headers = [(b"host", b"boats.example"), (b"content-length", b"9")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    assert seen == ["caught", MessageAborted, 400, b"gone"]


def test_a_handler_of_exceptions_with_other_parameters_is_refused():
    app, _ = application()
    with pytest.raises(InvalidExceptionHandler, match="other parameters than three"):
        app.exception_handler(KeyError)(lambda request, exc: None)


async def test_other_methods_and_options_are_answered_with_allow(client_for):
    app, router = application()
    router.post("/boats")(lambda: "made")
    async with client_for(app) as client:
        refused = await client.get("/boats")
        assert (refused.status, refused.text, refused.headers["allow"]) == (405, "Method Not Allowed", "POST, OPTIONS")
        assert (await client.options("/boats")).status == 204


# Events.


async def test_events_are_fired_in_their_order(client_for):
    app, router = application()
    seen = []

    async def started(application):
        seen.append(("on_start", application is app))

    app.on_start += started

    @app.on_start
    def plain(application):
        seen.append("plain")

    @app.after_start
    async def after(application):
        seen.append("after_start")

    @app.on_stop
    async def stopped(application):
        seen.append("on_stop")

    @app.on_middlewares_configuration
    def configure(application):
        seen.append("configured")

    @app.lifespan
    async def generator():
        seen.append("generator in")
        yield
        seen.append("generator out")

    @app.lifespan
    @asynccontextmanager
    async def manager(application: Application):
        seen.append("manager in")
        yield
        seen.append("manager out")

    router.get("/")(lambda: "x")
    async with client_for(app) as client:
        await client.get("/")
    client.close()
    assert seen == [
        "configured",
        ("on_start", True),
        "plain",
        "generator in",
        "manager in",
        "after_start",
        "manager out",
        "generator out",
        "on_stop",
    ]


async def test_an_application_is_started_and_stopped_by_hand():
    app, _ = application()
    seen = []
    app.on_start += lambda application: seen.append("start")
    app.on_stop += lambda application: seen.append("stop")
    await app.start()
    await app.start()
    assert seen == ["start"]
    await app.stop()
    await app.stop()
    assert seen == ["start", "stop"]


async def test_events_take_functions_in_all_forms(client_for):
    app, _ = application()
    seen = []

    @app.on_start()
    async def bare():
        seen.append("bare")

    def gone():
        seen.append("gone")

    app.on_start += gone
    app.on_start -= gone
    app.on_middlewares_configuration(lambda: seen.append("configured"))
    assert (len(app.on_start), len(app.on_middlewares_configuration)) == (1, 1)
    async with client_for(app) as client:
        await client.get("/")
    assert seen == ["configured", "bare"]


def test_an_async_function_that_configures_middlewares_is_refused():
    app, _ = application()

    async def configure(application):
        return None

    with pytest.raises(ConfigurationError, match="middlewares are configured by plain functions"):
        app.on_middlewares_configuration += configure


def test_what_fails_to_configure_middlewares_is_told_each_time():
    app, router = application()
    router.get("/")(lambda: "open to all")

    @app.on_middlewares_configuration
    def configure(application):
        raise ValueError("no key")

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="failed while it configured the middlewares: ValueError: no key"):
            app.compile()


def test_a_mistake_in_a_function_that_configures_middlewares_is_told_as_it_is():
    app, _ = application()
    app.on_middlewares_configuration += lambda application: application.middlewares.append(len)
    with pytest.raises(ConfigurationError, match=r"^middleware .* isn't asynchronous"):
        app.compile()


# Services.


class Ledger:
    def __init__(self):
        self.lines = 0


class Clerk:
    def __init__(self, ledger: Ledger):
        self.ledger = ledger


class Chief(Clerk):
    pass


async def test_services_are_given_by_type_with_what_they_need(client_for):
    app, router = application()
    app.services.add_singleton(Ledger)
    app.services.add_scoped(Clerk, Chief)
    app.services.add_instance("a note", str.__class__)
    assert Ledger in app.services
    assert dict not in app.services

    @router.get("/")
    def write(clerk: Clerk, ledger: FromServices[Ledger]):
        ledger.value.lines += 1
        return {"same": clerk.ledger is ledger.value, "kind": type(clerk).__name__, "lines": ledger.value.lines}

    async with client_for(app) as client:
        await client.get("/")
        assert (await client.get("/")).json() == {"same": True, "kind": "Chief", "lines": 2}


async def test_services_are_made_by_functions(client_for):
    app, router = application()
    made = []

    def ledger() -> Ledger:
        made.append("ledger")
        return Ledger()

    def clerk(ledger: Ledger):
        made.append("clerk")
        return Clerk(ledger)

    app.services.add_singleton_by_factory(ledger)
    app.services.add_scoped_by_factory(clerk, Clerk)
    router.get("/")(_lines_of)
    async with client_for(app) as client:
        await client.get("/")
        await client.get("/")
    assert made == ["ledger", "clerk", "clerk"]


def _lines_of(clerk: Clerk):
    return clerk.ledger.lines


async def test_services_are_registered_in_short(client_for):
    app, router = application()
    app.services.register(Ledger, instance=Ledger())
    app.services.register(Clerk)
    router.get("/")(_lines_of)
    async with client_for(app) as client:
        assert (await client.get("/")).json() == 0


async def test_services_may_be_registered_by_what_runs_at_the_start(client_for):
    app, router = application()

    @app.on_start
    async def register(application):
        application.services.add_instance(Ledger())
        application.services.add_scoped(Clerk)

    @app.lifespan
    async def live(application):
        application.services.register(Pool, instance=Pool())
        yield

    @router.get("/")
    def write(clerk: Clerk, ledger: Ledger, pool: FromServices[Pool]):
        return [clerk.ledger is ledger, pool.value.size]

    class Desk(Controller):
        def __init__(self, pool: Pool):
            self.pool = pool

        @controller_get("/desk")
        def desk(self):
            return self.pool.size

    app.register_controllers([Desk])
    for _ in range(2):  # it may be started again
        async with client_for(app) as client:
            assert (await client.get("/")).json() == [True, 3]
            assert (await client.get("/desk")).json() == 3


class Pool:
    size = 3


async def test_an_application_that_is_mounted_registers_its_services_at_the_start_too(client_for):
    app, _ = application()
    child, inner = application()
    child.on_start += lambda application: application.services.add_instance(Ledger())
    inner.get("/")(_lines_in)
    app.mount("/sub", child)
    async with client_for(app) as client:
        assert (await client.get("/sub/")).json() == 0


def _lines_in(ledger: Ledger):
    return ledger.lines


async def test_a_service_that_nobody_registers_is_told_at_the_start():
    app, router = application()
    app.on_start += lambda application: None
    router.get("/")(_lines_of)
    with pytest.raises(ConfigurationError, match="nothing gives what handlers ask for: `Clerk`"):
        await app.start()
    response = await NativeClient(app).get("/")
    assert response.status == 500
    without, router = application()
    router.get("/")(_lines_of)
    with pytest.raises(ConfigurationError, match="_lines_of"):
        without.compile()


# Controllers.


async def test_controllers_are_made_for_each_request_and_are_asked_before_and_after(client_for):
    seen = []

    class Boats(Controller):
        def __init__(self, ledger: Ledger):
            self.ledger = ledger

        @classmethod
        def route(cls):
            return "/boats"

        async def on_request(self, request):
            seen.append(("in", request.path))

        async def on_response(self, response):
            seen.append(("out", response.status))

        @controller_get()
        def index(self):
            return self.text(f"{self.class_name()} {self.ledger.lines}")

        @controller_get("/{boat_id}")
        async def show(self, boat_id: int, request: Request):
            return {"id": boat_id, "path": request.path}

        @controller_post("/")
        def make(self):
            return self.created({"id": 1}, "/boats/1")

    app = Application()
    app.services.add_singleton(Ledger)
    async with client_for(app) as client:
        assert (await client.get("/boats")).text == "boats 0"
        assert (await client.get("/boats/7")).json() == {"id": 7, "path": "/boats/7"}
        made = await client.post("/boats")
        assert (made.status, made.headers["location"]) == (201, "/boats/1")
        assert (await client.get("/boats/x")).status == 400
    assert seen[:4] == [("in", "/boats"), ("out", 200), ("in", "/boats/7"), ("out", 200)]


async def test_the_prefix_of_a_controller_may_be_an_attribute(client_for):
    class Text(Controller):
        route = "/text"

        @controller_get("/a")
        def a(self):
            return "a"

    class Bytes(Controller):
        route = b"bytes/"

        @controller_get("/a")
        def a(self):
            return "b"

    async with client_for(Application()) as client:
        assert (await client.get("/text/a")).text == "a"
        assert (await client.get("/bytes/a")).text == "b"


def test_a_path_that_two_controllers_serve_is_told_with_its_place():
    for _ in range(2):

        class Twice(Controller):
            @controller_get("/twice")
            def twice(self):
                return "twice"

    with pytest.raises(RouteDuplicate, match="declared twice") as caught:
        Application().compile()
    assert caught.value.problems[0].where == Location.of(Twice.twice)


async def test_a_controller_that_comes_late_is_served_too(client_for):
    app = Application()
    app.compile()

    class Late(Controller):
        @controller_get("/late")
        def late(self):
            return "late"

    async with client_for(app) as client:
        assert (await client.get("/late")).text == "late"


async def test_controllers_of_another_router_are_registered_by_hand(client_for):
    class Quay(Controller):
        @controller_get("/quay")
        def quay(self):
            return "quay"

    default_router.reset()
    app, _ = application()
    app.register_controllers([Quay])
    async with client_for(app) as client:
        assert (await client.get("/quay")).text == "quay"


async def test_api_controllers_have_their_name_and_version_in_the_path(client_for):
    class Cats(APIController):
        @controller_get()
        def index(self):
            return ["cat"]

    class CatsV2(APIController):
        @classmethod
        def version(cls):
            return "v2"

        @controller_get()
        def index(self):
            return ["cat two"]

    app = Application()
    async with client_for(app) as client:
        assert (await client.get("/api/cats")).json() == ["cat"]
        assert (await client.get("/api/v2/cats")).json() == ["cat two"]


async def test_an_abstract_controller_is_served_by_those_that_derive_from_it(client_for):
    @abstract()
    class Base(Controller):
        @controller_get("/hello")
        def hello(self):
            return self.class_name()

    class First(Base):
        @classmethod
        def route(cls):
            return "/first"

    class Second(Base):
        @classmethod
        def route(cls):
            return "/second"

    app = Application()
    async with client_for(app) as client:
        assert (await client.get("/first/hello")).text == "first"
        assert (await client.get("/second/hello")).text == "second"
        assert (await client.get("/hello")).status == 404


# Mounts.


async def test_an_application_is_mounted_in_another_one(client_for):
    app, router = application()
    child, inner = application()
    seen = []
    child.on_start += lambda application: seen.append("child")
    router.get("/")(lambda: "parent")
    inner.get("/")(lambda: "child")
    inner.get("/where")(lambda request: [request.path, request.base_path])
    app.mount("/sub", child)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "parent"
        assert (await client.get("/sub/")).text == "child"
        assert (await client.get("/sub/where")).json() == ["/where", "/sub"]
        assert (await client.get("/sub/nowhere")).text == "Resource not found"
    assert seen == ["child"]


@pytest.mark.parametrize("kind", ["native", "dialect"])
async def test_a_mounted_application_has_its_middlewares_and_controllers(kind, client_for):
    child = Application()

    async def stamps(request, handler):
        response = await handler(request)
        response.add_header(b"x-stamp", b"ink")
        return response

    @child.on_middlewares_configuration
    def configure(application):
        application.middlewares.append(stamps)

    class Quay(Controller):
        @controller_get("/quay")
        def quay(self):
            return "quay"

    around = Nacre() if kind == "native" else Application(router=Router())
    around.mount("/sub", child)
    async with client_for(around) as client:
        response = await client.get("/sub/quay")
    assert (response.text, response.headers["x-stamp"]) == ("quay", "ink")


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("APP_SHOW_ERROR_DETAILS", "true")
    monkeypatch.setenv("APP_USE_DEFAULT_ROUTER", "false")
    monkeypatch.setenv("APP_ENV", "Local")
    app = Application()
    assert app.debug
    assert app.show_error_details
    app.show_error_details = False
    assert not app.debug
    assert app.router is not default_router
    assert (get_env(), is_development(), is_production()) == ("local", True, False)


async def test_error_details_are_shown_to_this_machine_only(client_for):
    app, router = application(show_error_details=True)

    async def stamps(request, handler):
        return await handler(request)

    app.middlewares.append(stamps)

    @router.get("/")
    def fail():
        raise ValueError("deep water")

    async with client_for(app, host="localhost") as client:
        assert "deep water" in (await client.get("/", headers={"accept": "text/html"})).text
    async with client_for(app, host="example.com") as client:
        assert (await client.get("/")).text == "Internal Server Error"


async def test_an_application_is_tested_with_its_own_client():
    app, router = application()
    await app.start()

    @router.post("/echo/{name}")
    async def echo(name: str, request: Request, page: int = 0):
        response = json({"name": name, "page": page, "data": await request.json(), "cookies": request.cookies})
        response.add_header(b"x-echo", b"yes")
        return response

    from nacre.dialects.blacksheep import JSONContent

    client = TestClient(app)
    response = await client.post(
        "/echo/Ada", query={"page": 2}, content=JSONContent({"a": 1}), cookies={"berth": "7"}, headers={"x-a": "1"}
    )
    assert response.status == 200
    assert await response.json() == {"name": "Ada", "page": 2, "data": {"a": 1}, "cookies": {"berth": "7"}}
    assert response.get_single_header(b"x-echo") == b"yes"
    assert (await client.get("/nowhere")).status == 404
    assert await (await client.get("/nowhere")).text() == "Resource not found"
    for method in ("put", "patch", "delete", "options", "head"):
        assert (await getattr(client, method)("/echo/Ada")).status in (204, 405)
    await app.stop()


def test_applications_of_one_process_have_nothing_in_common():
    first, first_router = application()
    second, second_router = application()
    first_router.get("/first")(lambda: "first")
    second_router.get("/second")(lambda: "second")
    assert [route.path for route in first.routes] == ["/first"]
    assert [route.path for route in second.routes] == ["/second"]
    assert asyncio.iscoroutinefunction(first.start)
