"""The application."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

import nacre
from nacre import HTTPError
from nacre.callables import is_async
from nacre.chain.asgi import replay, scope_of
from nacre.dialects.flama import exceptions, types
from nacre.dialects.flama.docstrings import described
from nacre.dialects.flama.endpoints import HTTPEndpoint, WebSocketEndpoint, handlers_of, websocket_handler
from nacre.dialects.flama.events import Events
from nacre.dialects.flama.http import APIErrorResponse, PlainTextResponse, Request, Response, to_json
from nacre.dialects.flama.injection import Component, Components, provider_of, settle
from nacre.dialects.flama.middleware import UNHANDLED, Middleware, Middlewares
from nacre.dialects.flama.modules import Module
from nacre.dialects.flama.pagination import paginated
from nacre.dialects.flama.routing import BaseRoute, Mount, Route, WebSocketRoute
from nacre.dialects.flama.schemas import result_type
from nacre.dialects.flama.websockets import WebSocket
from nacre.errors import ConfigurationError, InternalServerError, Location, MissingExtra, Problem
from nacre.groups import RouteDeclaration
from nacre.openapi import OpenAPI
from nacre.openapi.pages import require_assets
from nacre.response import ready_response
from nacre.results import return_annotation

__all__ = ["Flama"]

F = TypeVar("F", bound=Callable[..., Any])

_JSON = ("content-type", "application/json")
_SCHEMA_TYPE = "application/vnd.oai.openapi"


class APIResults(nacre.Results):
    """What handlers return, other than responses, is sent as JSON; None as an empty body."""

    def __init__(self) -> None:
        super().__init__(none_status=200, int_is_status=False, encode=to_json)

    def text(self, value: str) -> nacre.Response:
        return self.data(value)

    def binary(self, value: bytes) -> nacre.Response:
        return self.data(value.decode("utf-8", "replace"))

    def nothing(self, value: None) -> nacre.Response:
        return ready_response(b"", _JSON)

    def parts(self, value: tuple[Any, ...]) -> nacre.Response:
        return self.data(value)


class Schema(OpenAPI):
    """The OpenAPI document and its pages, at Flama's paths."""

    def openapi_json(self, request: nacre.Request) -> nacre.Response:
        response = super().openapi_json(request)
        response.headers.set("content-type", _SCHEMA_TYPE)
        return response


def _adding(method: str) -> Callable[..., None]:
    """The method of applications that serves one HTTP method of a path, as `add_route` does."""

    def add(app: Flama, path: str | None = None, endpoint: Any = None, **options: Any) -> None:
        app.add_route(path, endpoint, [method], **options)

    return add


class Flama(nacre.Nacre):
    """An application; everything that a `nacre.Nacre` is, in Flama's words.

    `middleware` are outermost first. `events` are functions by `startup` and `shutdown`, or an `Events`. `lifespan` is
    an async context manager function that is given the application. `openapi` has the `info` of the document, which
    is served at `schema`, with a page at `docs` where the extra `openapi-ui` is installed; None leaves either out.
    """

    dialect = "flama"
    middleware_list = Middlewares

    def __init__(
        self,
        *,
        routes: Sequence[BaseRoute] | None = None,
        components: Iterable[Component] | None = None,
        modules: Iterable[Module] | None = None,
        middleware: Iterable[Middleware] | None = None,
        debug: bool = False,
        events: Mapping[str, list[Callable[..., Any]]] | Events | None = None,
        lifespan: Callable[..., Any] | None = None,
        openapi: Mapping[str, Any] | None = None,
        schema: str | None = "/schema/",
        docs: str | None = "/docs/",
        schema_library: str | None = None,
    ) -> None:
        if schema_library not in (None, "pydantic"):
            fix = "write the schemas as pydantic models (or Structs, or dataclasses), and leave schema_library out"
            what = f"schemas of the library {schema_library!r} can't be read"
            raise ConfigurationError(Problem(what, Location.of_caller(), fix))
        self.components = Components()
        self.modules: dict[str, Module] = {}
        super().__init__(
            middlewares=middleware or (),
            lifespan=lifespan,
            debug=debug,
            results=APIResults(),
            providers=_PARTS,
            validation=nacre.Validation(400),
            route_order="declared",
        )
        self.register_converter("str", str)
        self.register_converter("decimal", Decimal, pattern=r"-?\d{1,40}(\.\d{1,40})?", format=str)
        for component in components or ():
            self.add_component(component)
        for route in routes or ():
            declare(self, route)
        serve_schema(self, dict(openapi or _OPENAPI), schema, docs)
        if not isinstance(events, Events):
            events = Events.build(**(events or {}))
        self.events = Events(list(events.startup), list(events.shutdown))
        for module in modules or ():
            if not getattr(module, "name", None):
                what = f"module {type(module).__name__} has no name"
                raise ConfigurationError(Problem(what, Location.of_caller(), 'write name = "…" in the class'))
            if self.modules.setdefault(module.name, module) is not module:
                what = f"two modules are named {module.name!r}"
                raise ConfigurationError(Problem(what, Location.of_caller(), "give one of them another name"))
            module.app = self
            self.events.startup.append(module.on_startup)
            self.events.shutdown.append(module.on_shutdown)
        for handler in self.events.startup:
            self.on_startup(handler)
        for handler in self.events.shutdown:
            self.on_shutdown(handler)

    def __getattr__(self, name: str) -> Any:
        """A module, by its name."""
        module = vars(self).get("modules", {}).get(name)
        if module is None:
            raise AttributeError(f"a Flama has no attribute {name!r}, and no module of this name")
        return module

    @property
    def router(self) -> Flama:
        return self

    # Routes.

    def add_route(
        self,
        path: str | None = None,
        endpoint: Callable[..., Any] | None = None,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        route: Route | None = None,
        pagination: str | None = None,
        tags: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Serve a path with a function or an `HTTPEndpoint`; or add a `Route`.

        `pagination` is "page_number" or "limit_offset". `tags` are kept in `request.route.options["route_tags"]`;
        `options` are those of `Nacre.route`. A docstring in YAML describes the operation. Raises ConfigurationError
        without a path and an endpoint.
        """
        if route is not None:
            declare(self, route)
            return
        place = Location.of_caller()
        if path is None or endpoint is None:
            raise ConfigurationError(
                Problem("a route needs a path and an endpoint", place, "add_route(path, function)")
            )
        shared: dict[str, Any] = {"name": self._unless_taken(name), "hidden": not include_in_schema, **options}
        if tags:
            shared["route_tags"] = dict(tags)
        if isinstance(endpoint, type) and issubclass(endpoint, HTTPEndpoint):
            for method, handler in handlers_of(endpoint, self.components, methods):
                super().add_route(path, handler, methods=[method], **_typed(handler, shared))
                shared["name"] = None  # the first one stands for the path
            return
        shared = _typed(endpoint, shared)
        if pagination is not None:
            endpoint, kind = paginated(endpoint, pagination)
            shared = {**shared, "response_type": kind} if kind is not None else shared
        super().add_route(path, settle(endpoint, self.components), methods=methods or ("GET",), **shared)

    def _unless_taken(self, name: str | None) -> str | None:
        """A route's name, unless there is one of this name: in Flama the first one keeps it."""
        declared = (one.name for one in self.declarations if isinstance(one, RouteDeclaration))
        return None if name in declared else name

    def route(self, path: str, methods: Iterable[str] | None = None, **options: Any) -> Callable[[F], F]:
        """Serve a path with what is decorated, as `add_route` does."""

        def record(endpoint: F) -> F:
            self.add_route(path, endpoint, methods, **options)
            return endpoint

        return record

    def add_websocket_route(
        self,
        path: str | None = None,
        endpoint: Callable[..., Any] | None = None,
        name: str | None = None,
        route: WebSocketRoute | None = None,
        pagination: str | None = None,
        tags: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Serve WebSockets at a path with a function or a `WebSocketEndpoint`; or add a `WebSocketRoute`.

        `options` are those of `Nacre.websocket`: pages of other origins connect if `origins` has them.
        """
        if route is not None:
            declare(self, route)
            return
        if path is None or endpoint is None:
            fix = "add_websocket_route(path, function)"
            raise ConfigurationError(Problem("a route needs a path and an endpoint", Location.of_caller(), fix))
        if isinstance(endpoint, type) and issubclass(endpoint, WebSocketEndpoint):
            handler = websocket_handler(endpoint)
        else:
            handler = _closing(settle(endpoint, self.components))
        super().websocket(path, name=self._unless_taken(name), route_tags=dict(tags or {}), **options)(handler)

    def websocket_route(self, path: str, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Serve WebSockets at a path with what is decorated, as `add_websocket_route` does."""

        def record(endpoint: F) -> F:
            self.add_websocket_route(path, endpoint, name, **options)
            return endpoint

        return record

    def mount(
        self,
        path: str | None = None,
        app: Any = None,
        name: str | None = None,
        mount: Mount | None = None,
        tags: Mapping[str, Any] | None = None,
        *,
        middlewares: Iterable[Any] = (),
    ) -> None:
        """Hand everything below a path to another application; a Flama is given the components of this one."""
        if mount is not None:
            declare(self, mount)
            return
        if isinstance(app, Flama):
            for component in self.components:
                inherit(app, component)
        # Without a name of its own, so that the names of its routes are not those of this application.
        super().mount((path or "").rstrip("/"), app, name=name or path, middlewares=middlewares)

    def resolve_url(self, name: str, **path_params: Any) -> types.URL:
        """The path of a route, as a URL; raises NotFoundException if there is none of this name and these variables."""
        try:
            return types.URL(self.url_for(name, **path_params))
        except ValueError as error:
            raise exceptions.NotFoundException(name=name, params=path_params) from error

    # What is around the handlers.

    def add_middleware(self, middleware: Middleware) -> None:
        """Put a middleware outside of all that are there."""
        self.middlewares.insert(0, middleware)

    def add_component(self, component: Component) -> None:
        """Let handlers ask for what a component makes. One that chooses its parameters comes before the routes."""
        given: Any = component
        if inspect.isclass(given) or not callable(getattr(given, "resolve", None)):
            what = f"{given.__name__ if inspect.isclass(given) else type(given).__name__} is no component"
            fix = "give an instance of a class that is derived from Component and has a method `resolve`"
            raise ConfigurationError(Problem(what, Location.of_caller(), fix))
        if component.chooses and any(isinstance(one, RouteDeclaration) for one in self.declarations):
            what = f"component {type(component).__name__} chooses its parameters, and there are routes already"
            raise ConfigurationError(Problem(what, Location.of_caller(), "give it as Flama(components=[…])"))
        self.components = Components((*self.components, component))
        if not component.chooses:
            self.provider(provider_of(component))
        for app in self.mounted_apps():
            if isinstance(app, Flama):
                inherit(app, component)

    def add_exception_handler(self, key: int | type[Exception], handler: Callable[..., Any]) -> None:
        """Answer errors of a status or a class by `handler(request, error)`, plain or async.

        A handler that takes four arguments is called with `(scope, receive, send, error)` and sends its answer itself.
        """
        kinds = exceptions.NATIVE.get(key, ()) if isinstance(key, type) else ()
        self.error_handler(key, *kinds)(answering(handler, key))

    def add_event_handler(self, event: str, func: Callable[..., Any]) -> None:
        """Call a function at an event; raises ValueError for one other than `startup` and `shutdown`."""
        if event not in ("startup", "shutdown"):
            raise ValueError(f"there is no event {event!r}; there are startup and shutdown")
        getattr(self.events, event).append(func)
        (self.on_startup if event == "startup" else self.on_shutdown)(func)

    def on_event(self, event: str) -> Callable[[F], F]:
        """Call the decorated function at an event, as `add_event_handler` does."""

        def record(func: F) -> F:
            self.add_event_handler(event, func)
            return func

        return record

    def report(self, request: nacre.Request, error: Exception) -> nacre.Response | None:
        """Log an exception nobody handled; in debug mode answer with a page of it."""
        page = super().report(request, error)
        unhandled = request.scope.get(UNHANDLED)
        if unhandled is not None and page is None:
            unhandled.append(error)
        return page

    def error_page(self, request: nacre.Request, error: HTTPError) -> nacre.Response:
        """The JSON of an error, or the text of an unhandled one; in debug mode browsers get the core's pages."""
        if self.debug and "text/html" in request.headers.get("accept", ""):
            return super().error_page(request, error)
        if type(error) is InternalServerError:
            unhandled = request.scope.get(UNHANDLED)
            if unhandled and error is not request.refusal:  # a failed startup isn't raised by each request anew
                raise unhandled[-1]  # the middlewares see it, and the outermost one answers
            return PlainTextResponse("Internal Server Error", 500)
        told = exceptions.as_http(error)
        if told.status in (204, 304):
            return Response(status_code=told.status, headers=dict(error.headers))
        response = APIErrorResponse(told.detail, told.status, told)
        for name, value in error.headers:
            response.headers.add(name, value)
        return response

    connect = functools.partialmethod(route, methods=("CONNECT",))
    trace = functools.partialmethod(route, methods=("TRACE",))
    add_get, add_head, add_post, add_put = map(_adding, ("GET", "HEAD", "POST", "PUT"))
    add_patch, add_delete, add_options = map(_adding, ("PATCH", "DELETE", "OPTIONS"))
    add_connect, add_trace = map(_adding, ("CONNECT", "TRACE"))


def declare(app: Flama, route: BaseRoute) -> None:
    """Declare a route that is an object. Raises ConfigurationError for one of another kind."""
    match route:
        case Route():
            app.add_route(
                route.path,
                route.endpoint,
                route.methods,
                route.name,
                route.include_in_schema,
                pagination=route.pagination,
                tags=route.tags,
            )
        case WebSocketRoute():
            app.add_websocket_route(route.path, route.endpoint, route.name, tags=route.tags)
        case Mount():
            inner = route.app
            if inner is None:
                inner = Flama(routes=route.routes, components=route.components, schema=None, docs=None)
            app.mount(route.path, inner, route.name)
        case _:
            what = f"a {type(route).__name__} is no route"
            fix = "give a Route, a WebSocketRoute or a Mount of nacre.dialects.flama.routing"
            raise ConfigurationError(Problem(what, Location.of_caller(), fix))


def serve_schema(app: Flama, openapi: Mapping[str, Any], schema: str | None, docs: str | None) -> None:
    """Serve the OpenAPI document and its page, if paths are given for them."""
    if schema is None:
        return
    info = dict(openapi.get("info", {}))
    try:
        require_assets()
    except MissingExtra:
        docs = None
    group = Schema(
        title=info.pop("title", "Flama"),
        version=info.pop("version", "0.1.0"),
        description=info.pop("description", None),
        info=info,
        servers=openapi.get("servers", ()),
        tags={one["name"]: one.get("description", "") for one in openapi.get("tags", ())},
        path=schema,
        yaml_path=None,
        docs_path=docs,
    )
    app.include(group)


_OPENAPI = {"info": {"title": "Flama", "version": "0.1.0", "summary": "Flama application"}}


def inherit(app: Flama, component: Component) -> None:
    """Give a mounted application a component of the one around it, unless it has one of that type."""
    kind = None if component.chooses else provider_of(component).provides
    if kind is not None and all(provider.provides != kind for provider in app.providers):
        app.add_component(component)


def _typed(endpoint: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A route's options, with what its docstring says, and the type that its return annotation promises."""
    kind = result_type(return_annotation(endpoint))
    return {**described(endpoint), **({} if kind is None else {"response_type": kind}), **options}


def _closing(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler of WebSockets that may raise WebSocketException."""

    @functools.wraps(handler)
    async def closing(**values: Any) -> None:
        try:
            await handler(**values)
        except exceptions.WebSocketException as error:
            websocket = next(value for value in values.values() if isinstance(value, WebSocket))
            await websocket.close(error.code, error.reason)

    return closing


def answering(handler: Callable[..., Any], key: object) -> Callable[..., Any]:
    """An error handler in the core's words; one of four arguments sends its answer as ASGI does, or returns it."""
    sends = len(inspect.signature(handler).parameters) == 4

    def arguments(request: nacre.Request, error: Exception, sent: Response) -> tuple[Any, ...]:
        told = exceptions.translated(error, key, request.path, request.method)
        if not sends:
            return Request.of(request), told
        return scope_of(request), replay(request), functools.partial(_note, sent), told

    async def answer(request: nacre.Request, error: Exception) -> Any:
        sent = Response()
        result = await handler(*arguments(request, error, sent))
        return sent if sends and result is None else result

    def answer_plain(request: nacre.Request, error: Exception) -> Any:
        return handler(*arguments(request, error, Response()))

    found = functools.update_wrapper(answer if is_async(handler) else answer_plain, handler)
    vars(found)["__signature__"] = inspect.signature(answering)  # two arguments, as the core calls it
    return found


async def _note(response: Response, message: Any) -> None:
    """Put a message that an error handler sends into a response."""
    if message["type"] == "http.response.start":
        response.status = message["status"]
        for name, value in message.get("headers", ()):
            if name != b"content-length":
                response.headers.add(name.decode("latin-1"), value.decode("latin-1"))
    else:
        response.body += message.get("body", b"")


# What handlers may ask for by type.


def _part(kind: Any, read: Callable[[nacre.Request], Any]) -> Any:
    """A provider of a part of the request, which is an instance of that type already, or is made one by the reader."""

    def give(request: nacre.Request) -> Any:
        return read(request)

    give.__annotations__ = {"request": nacre.Request, "return": kind}
    return nacre.Provide(give, inline=True)


def _port(request: nacre.Request) -> types.Port:
    return types.Port(request.url.port or (443 if request.scheme in ("https", "wss") else 80))


async def _body(request: nacre.Request) -> types.Body:
    return types.Body(await request.body())


async def _request_data(request: nacre.Request) -> types.RequestData:
    """JSON unless the content type is that of a form; 415 for another one. None without a body, or for an empty one."""
    essence = request.content_type.essence if request.content_type else ""
    if essence in ("application/x-www-form-urlencoded", "multipart/form-data"):
        found: Any = types.RequestData(await Request.of(request).form())
    else:
        found = await request.json() if await request.body() else None
    return cast("types.RequestData", found or None)


_PARTS = [
    _part(Request, Request.of),
    _part(WebSocket, WebSocket.of),
    _part(Flama, lambda request: request.app),
    _part(types.Scope, lambda request: types.Scope(scope_of(request))),
    _part(types.Receive, replay),
    _part(types.Method, lambda request: types.Method(request.method)),
    _part(types.URL, lambda request: types.URL(str(request.url))),
    _part(types.Scheme, lambda request: types.Scheme(request.scheme)),
    _part(types.Host, lambda request: types.Host(request.url.host)),
    _part(types.Path, lambda request: types.Path(request.root_path + request.path)),
    _part(types.QueryString, lambda request: types.QueryString(request.query_string)),
    _part(types.Headers, lambda request: types.Headers(request.headers)),
    _part(types.QueryParams, lambda request: types.QueryParams(request.query)),
    _part(types.PathParams, lambda request: types.PathParams(request.path_params)),
    _part(types.Cookies, lambda request: types.Cookies.of(request.cookies)),
    *(nacre.Provide(function, inline=True) for function in (_port, _body, _request_data)),
]
