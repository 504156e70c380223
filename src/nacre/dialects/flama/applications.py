"""The application."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar, cast

import nacre
from nacre import HTTPError
from nacre.binding.providers import registered_provider
from nacre.callables import is_async
from nacre.chain.asgi import replay, scope_of
from nacre.dialects.flama import exceptions, types
from nacre.dialects.flama.endpoints import HTTPEndpoint, WebSocketEndpoint, handlers_of, websocket_handler
from nacre.dialects.flama.events import Events
from nacre.dialects.flama.http import APIErrorResponse, PlainTextResponse, Request, Response
from nacre.dialects.flama.injection import Component, Components, provider_of, settle
from nacre.dialects.flama.middleware import Middleware, Middlewares
from nacre.dialects.flama.modules import Module
from nacre.dialects.flama.routing import BaseRoute, Mount, Route, WebSocketRoute
from nacre.dialects.flama.schemas import result_type
from nacre.dialects.flama.websockets import WebSocket
from nacre.errors import ConfigurationError, ErrorItem, InternalServerError, Location, MissingExtra, Problem
from nacre.openapi import OpenAPI
from nacre.openapi.pages import require_assets
from nacre.results import return_annotation
from nacre.response import ready_response

__all__ = ["Flama"]

F = TypeVar("F", bound=Callable[..., Any])

_JSON = ("content-type", "application/json")
_SCHEMA_TYPE = "application/vnd.oai.openapi"


class APIResults(nacre.Results):
    """What handlers return, other than responses, is sent as JSON; None as an empty body."""

    def __init__(self) -> None:
        super().__init__(none_status=200, int_is_status=False)

    def text(self, value: str) -> nacre.Response:
        return self.data(value)

    def binary(self, value: bytes) -> nacre.Response:
        return self.data(value.decode("utf-8", "replace"))

    def nothing(self, value: None) -> nacre.Response:
        return ready_response(b"", _JSON)

    def parts(self, value: tuple[Any, ...]) -> nacre.Response:
        return self.data(value)

    def splits_tuples(self, annotation: Any) -> bool:
        return False


def validation_shape(errors: Sequence[ErrorItem]) -> object:
    """The JSON of a request that doesn't fit."""
    return {"status_code": 400, "detail": exceptions.by_field(tuple(errors)), "error": "ValidationError"}


class Schema(OpenAPI):
    """The OpenAPI document and its pages, at Flama's paths."""

    def openapi_json(self, request: nacre.Request) -> nacre.Response:
        response = super().openapi_json(request)
        response.headers.set("content-type", _SCHEMA_TYPE)
        return response


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
            validation=nacre.Validation(400, validation_shape),
            route_order="declared",
        )
        self.register_converter("str", str)
        self.register_converter("decimal", Decimal, pattern=r"-?\d{1,40}(\.\d{1,40})?", format=str)
        for component in components or ():
            self.add_component(component)
        for route in routes or ():
            declare(self, route)
        serve_schema(self, dict(openapi or _OPENAPI), schema, docs)
        self.events = events if isinstance(events, Events) else Events.build(**(events or {}))
        for module in modules or ():
            self.modules[module.name] = module
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

    @property
    def status(self) -> types.AppStatus:
        """Whether the lifespan has begun."""
        return types.AppStatus.READY if self.lifespan_state else types.AppStatus.NOT_STARTED

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

        `tags` are kept in `request.route.options["route_tags"]`; `options` are those of `Nacre.route`. Raises
        ConfigurationError for `pagination`, and without a path and an endpoint.
        """
        if route is not None:
            declare(self, route)
            return
        place = Location.of_caller()
        if path is None or endpoint is None:
            raise ConfigurationError(Problem("a route needs a path and an endpoint", place, "add_route(path, function)"))
        if pagination is not None:
            fix = "slice the result in the handler, by parameters for the page and its size"
            raise ConfigurationError(Problem(f"`{path}`: pagination={pagination!r} isn't done here", place, fix))
        shared = {"name": name, "hidden": not include_in_schema, **options}
        if tags:
            shared["route_tags"] = dict(tags)
        if isinstance(endpoint, type) and issubclass(endpoint, HTTPEndpoint):
            shared["name"] = name or endpoint.__name__
            for method, handler in handlers_of(endpoint, self.components):
                super().add_route(path, handler, methods=[method], **_typed(handler, shared))
            return
        handler = settle(endpoint, self.components)
        super().add_route(path, handler, methods=methods or ("GET",), **_typed(endpoint, shared))

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
        super().websocket(path, name=name, route_tags=dict(tags or {}), **options)(handler)

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
        super().mount((path or "").rstrip("/"), app, name=name, middlewares=middlewares)

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
        if component.chooses and any(one is not component for one in self.declarations):
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
        own = [key] if not isinstance(key, type) or issubclass(key, HTTPError) or not kinds else []
        self.error_handler(*own, *kinds)(answering(handler, key))

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

    def error_page(self, request: nacre.Request, error: HTTPError) -> nacre.Response:
        """The JSON of an error, or the text of an unhandled one; in debug mode browsers get the core's pages."""
        if self.debug and "text/html" in request.headers.get("accept", ""):
            return super().error_page(request, error)
        if type(error) is InternalServerError:
            return PlainTextResponse("Internal Server Error", 500)
        told = exceptions.as_http(error)
        response = APIErrorResponse(told.detail, told.status, told)
        for name, value in error.headers:
            response.headers.add(name, value)
        return response


def _adders() -> None:
    """Give the application `get` … as decorators and `add_get` … as methods, for each method of HTTP."""
    for method in ("get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"):
        setattr(Flama, method, functools.partialmethod(_decorate, method.upper()))
        setattr(Flama, f"add_{method}", functools.partialmethod(_add, method.upper()))


def _decorate(app: Flama, method: str, path: str, **options: Any) -> Callable[[F], F]:
    return app.route(path, [method], **options)


def _add(app: Flama, method: str, path: str | None = None, endpoint: Any = None, **options: Any) -> None:
    app.add_route(path, endpoint, [method], **options)


_adders()
