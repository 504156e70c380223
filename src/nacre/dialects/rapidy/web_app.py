"""The application of Rapidy's programs: a Nacre with their constructor, their errors and aiohttp's attributes."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any, ClassVar

import nacre
from nacre.dialects.rapidy.encoders import RapidyResults
from nacre.dialects.rapidy.lifespan import Hooks, Lifespan, LifespanCTX, LifespanHook
from nacre.dialects.rapidy.routers import CLIENT_MAX_SIZE, AnyRoute, checked
from nacre.dialects.rapidy.values import Values
from nacre.dialects.rapidy.web_exceptions import HTTPException, extraction_failure, validation_failure
from nacre.dialects.rapidy.web_request import translated
from nacre.dialects.rapidy.web_response import Response
from nacre.errors import (
    ConfigurationError,
    HTTPError,
    Location,
    MethodNotAllowed,
    NotFound,
    Problem,
    UnsupportedMediaType,
    ValidationError,
)

_TROUBLE = "500 Internal Server Error\n\nServer got itself in trouble"
_log = logging.getLogger("nacre.rapidy")


class Rapidy(Values, nacre.Nacre):
    """A web application for Rapidy's handlers; what is set on it as on a dict is there for all of them.

    `client_max_size` is the largest body in bytes; 0 is no limit. `on_startup`, `on_shutdown` and `on_cleanup` are
    hooks, `lifespan` context managers, as `Lifespan` says. `server_info_in_response` adds a `Server` field. The
    arguments for dishka, `di_…`, raise ConfigurationError: providers of the core do what it does.
    """

    dialect: ClassVar[str] = "rapidy"

    def __init__(
        self,
        *,
        logger: logging.Logger = _log,
        middlewares: Iterable[Any] | None = None,
        handler_args: Mapping[str, Any] | None = None,
        client_max_size: int = CLIENT_MAX_SIZE,
        server_info_in_response: bool = False,
        lifespan: Iterable[LifespanCTX] | None = None,
        on_startup: Iterable[LifespanHook] | None = None,
        on_shutdown: Iterable[LifespanHook] | None = None,
        on_cleanup: Iterable[LifespanHook] | None = None,
        http_route_handlers: Iterable[Any] = (),
        **native: Any,
    ) -> None:
        where = Location.of_caller()
        for name in native:
            if name.startswith("di_"):
                what = f"Rapidy has no option `{name}`: it hands no container to dishka"
                raise ConfigurationError(Problem(what, where, "register providers: `providers=[…]`"))
        super().__init__(
            middlewares=middlewares or (),
            lifespan=_alive,
            max_body=client_max_size or None,
            results=RapidyResults(),
            **native,
        )
        self.logger = logger
        self.handler_args = handler_args
        self.lifespan = Lifespan(self, on_startup or (), on_shutdown or (), on_cleanup or (), lifespan or ())
        self.on_startup: Hooks = self.lifespan.on_startup
        self.on_shutdown: Hooks = self.lifespan.on_shutdown
        self.on_cleanup = self.lifespan.on_cleanup
        self.cleanup_ctx = CleanupContexts(self.lifespan)
        self.router = Router(self)
        if server_info_in_response:
            self.middlewares.insert(0, nacre.Hooks(finalize=_tell_server))
        self.add_http_routers(http_route_handlers)

    # Routes.

    def add_http_router(self, http_router: Any) -> None:
        """Serve a handler, a controller or a router. Raises ConfigurationError for anything else."""
        checked(http_router).register(self, self.lifespan)

    def add_http_routers(self, route_handlers: Iterable[Any]) -> None:
        """Serve several, such as those of a RouteTableDef."""
        for one in route_handlers:
            self.add_http_router(one)

    add_routes = add_http_routers

    def add_subapp(self, prefix: str, subapp: nacre.Nacre) -> None:
        """Hand everything under a prefix to another application."""
        self.mount(prefix, subapp)

    def get(self, key: Any, default: Any = None) -> Any:
        """A value that was set on the application; `@app.route(path)` declares a route."""
        return Values.get(self, key, default)

    # Errors.

    def error_page(self, request: nacre.Request, error: HTTPError) -> nacre.Response:
        """The response of an error that no handler of the core's kind takes.

        COMPAT: an exception of Rapidy's is returned as itself, so that middlewares may catch it. What no route answers
        is an ordinary response, which `except Exception` in a middleware can't make a 200.
        """
        if isinstance(error, HTTPException):
            return error
        if request.route is None and isinstance(error, NotFound | MethodNotAllowed):
            page = Response(text=f"{error.status}: {'Not Found' if error.status == 404 else 'Method Not Allowed'}")
            page.set_status(error.status)
            for name, value in error.headers:
                page.headers.add(name, value)
            return page
        if isinstance(error, ValidationError):
            return validation_failure(error)
        if error.refused_by is not None and (failure := _body_failure(request, error)) is not None:
            return failure
        if error.status == 500:
            return Response(status=500, text=_TROUBLE)
        return translated(error, request)


Application = Rapidy


class Router:
    """`app.router`: aiohttp's way to add routes."""

    def __init__(self, app: Rapidy) -> None:
        self._app = app
        self.add_routes = app.add_http_routers
        self.add_post, self.add_put = partial(self.add_route, "POST"), partial(self.add_route, "PUT")
        self.add_patch, self.add_delete = partial(self.add_route, "PATCH"), partial(self.add_route, "DELETE")
        self.add_head, self.add_options = partial(self.add_route, "HEAD"), partial(self.add_route, "OPTIONS")

    def add_route(self, method: str, path: str, handler: Any, **options: Any) -> None:
        """Serve a path with a handler; `*` is every method. `name` is for `url_for`."""
        every = (
            ("GET", "POST", "PUT", "PATCH", "DELETE") if method == "*" and not isinstance(handler, type) else (method,)
        )
        self.add_routes([AnyRoute(one, path, handler, **options) for one in every])

    def add_get(self, path: str, handler: Any, *, name: str | None = None, allow_head: bool = True) -> None:
        """Serve GET, and HEAD with it unless `allow_head` is False."""
        self.add_route("GET", path, handler, name=name, allow_head=allow_head)

    def __getitem__(self, name: str) -> NamedRoute:
        """The route of this name, for its `url_for`."""
        return NamedRoute(self._app, name)

    def add_view(self, path: str, handler: Any, *, name: str | None = None) -> None:
        """Serve the methods that a View has."""
        self.add_route("*", path, handler, name=name)


class NamedRoute:
    """A route as `app.router["name"]` gives it."""

    def __init__(self, app: Rapidy, name: str) -> None:
        self._app, self._name = app, name

    def url_for(self, **parts: Any) -> str:
        """The path of the route with these values of its variables. Raises ValueError as `Rapidy.url_for` does."""
        return self._app.url_for(self._name, **parts)


class CleanupContexts:
    """`app.cleanup_ctx`: async generator functions of the application, which are resumed when it ends."""

    def __init__(self, lifespan: Lifespan) -> None:
        self._lifespan = lifespan

    def append(self, function: Callable[[Any], AsyncGenerator[Any]]) -> None:
        """Run `function(app)` to its `yield` at the beginning, and on at the end."""
        self._lifespan.append(asynccontextmanager(function))

    def extend(self, functions: Iterable[Callable[[Any], AsyncGenerator[Any]]]) -> None:
        """Append several."""
        for function in functions:
            self.append(function)


def run_app(
    app: Rapidy,
    *,
    host: str | None = None,
    port: int | None = None,
    ssl_context: Any = None,
    debug: bool = False,
    workers: int = 1,
    **ignored: Any,
) -> None:
    """Serve an application with Granian until it is stopped: on all interfaces and port 8080 unless told otherwise.

    `ssl_context` is a pair of files, certificate and key. aiohttp's further options (`print`, `access_log`,
    `shutdown_timeout` …) are those of its own server and have no effect. Raises TypeError for what it doesn't know.
    """
    unknown = sorted(set(ignored) - _OF_AIOHTTPS_SERVER)
    if unknown:
        raise TypeError(f"run_app() has no option `{unknown[0]}`; it takes host, port, ssl_context, debug and workers")
    app.run(host or "0.0.0.0", port or 8080, debug=debug, ssl=ssl_context, workers=workers)  # noqa: S104  # nosec B104


_OF_AIOHTTPS_SERVER = {
    *("print", "access_log", "access_log_class", "access_log_format", "shutdown_timeout", "keepalive_timeout"),
    *("backlog", "handle_signals", "reuse_address", "reuse_port", "handler_cancellation", "loop"),
}


def _alive(app: Any) -> AbstractAsyncContextManager[None]:
    return app.lifespan.ctx_manager()  # type: ignore[no-any-return]


def _tell_server(request: nacre.Request, response: nacre.Response) -> None:
    response.headers.set("server", f"nacre/{nacre.__version__}")


def _body_failure(request: nacre.Request, error: HTTPError) -> HTTPException | None:
    """What Rapidy says of a body that the core's binder couldn't read; None if it is another error."""
    plan: Any = error.refused_by
    expected = next((one.content_types[0] for one in plan.inputs if one.source == "body" and one.content_types), None)
    if expected is None:
        return None
    if isinstance(error, UnsupportedMediaType):
        given = request.content_type
        if given is None:
            return extraction_failure(f"`Content-Type` header cannot be empty. Expected: `{expected}`")
        return extraction_failure(f"Expected Content-Type `{expected}` not `{given.essence}`")
    return extraction_failure(error.detail, " as Json") if error.status == 400 else None
