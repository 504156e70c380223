"""Routes that are declared without an application: method decorators, controllers, routers, views."""

from __future__ import annotations

import copy
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TypeVar

import nacre
from nacre.declare import DeclaredRoute, RouteRecord
from nacre.dialects.rapidy.adaptation import adapt_handler, check_async
from nacre.dialects.rapidy.lifespan import Lifespan, LifespanCTX, LifespanHook
from nacre.dialects.rapidy.typedefs import Unset
from nacre.dialects.rapidy.web_exceptions import HTTPMethodNotAllowed
from nacre.dialects.rapidy.web_middlewares import OPTIONS, validated_options
from nacre.dialects.rapidy.web_request import Request
from nacre.dialects.rapidy.web_response import response_options
from nacre.errors import ConfigurationError, Location, Problem

C = TypeVar("C", bound=type)

CLIENT_MAX_SIZE = 1024**2
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class BaseHTTPRouter:
    """Something that an application or router is given to serve."""

    def __init__(self, path: str | None) -> None:
        self.where = Location.of_caller()
        if path is not None and not path.startswith("/"):
            fix = f'write "/{path}"'
            raise ConfigurationError(Problem(f"the path {path!r} doesn't begin with a slash", self.where, fix))
        self.path = path

    def register(self, group: nacre.Group, lifespan: Lifespan) -> None:
        """Declare all its routes in a group."""
        raise NotImplementedError


class HTTPRouteHandler(BaseHTTPRouter):
    """One or more handlers under a path; the options of the responses are those of `middleware`."""

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(path)
        options = {name: value for name, value in options.items() if value is not Unset}
        self.response = response_options({name: options.pop(name) for name in OPTIONS if name in options})
        self.allow_head = bool(options.pop("allow_head", True))
        self.name: str | None = options.pop("name", None)
        for name in options:
            what = f"a route has no option `{name}`"
            raise ConfigurationError(Problem(what, self.where, f"it has {', '.join(OPTIONS)}, allow_head, name"))

    @classmethod
    def reg(cls, path: str, handler: Any, **options: Any) -> Any:
        """The same without decorating: `get.reg("/", handler)`."""
        return cls(path, **options)(handler)

    def __call__(self, handler: Any) -> Any:
        raise NotImplementedError


class HTTPMethodRouteHandler(HTTPRouteHandler):
    """A handler of one method. Raises ConfigurationError for a function that isn't async."""

    method: str = "*"
    handler: Callable[..., Any]

    def __init_subclass__(cls, method: str | None = None) -> None:
        cls.method = method or cls.method

    def __call__(self, handler: Any) -> Self:
        check_async(handler)
        self.handler = handler
        return self

    def register(self, group: nacre.Group, lifespan: Lifespan) -> None:
        if self.path is None:
            what = f"`@{type(self).__name__}` has no path"
            raise ConfigurationError(Problem(what, Location.of(self.handler), "only in a controller it needs none"))
        declare(group, self.method, self.path, self.handler, self.response, self)


class get(HTTPMethodRouteHandler, method="GET"):  # noqa: N801 - a decorator
    """Serve GET, and HEAD with it unless `allow_head` is False."""


class post(HTTPMethodRouteHandler, method="POST"):  # noqa: N801 - a decorator
    """Serve POST."""


class put(HTTPMethodRouteHandler, method="PUT"):  # noqa: N801 - a decorator
    """Serve PUT."""


class patch(HTTPMethodRouteHandler, method="PATCH"):  # noqa: N801 - a decorator
    """Serve PATCH."""


class delete(HTTPMethodRouteHandler, method="DELETE"):  # noqa: N801 - a decorator
    """Serve DELETE."""


class head(HTTPMethodRouteHandler, method="HEAD"):  # noqa: N801 - a decorator
    """Serve HEAD by a handler of its own."""


class options(HTTPMethodRouteHandler, method="OPTIONS"):  # noqa: N801 - a decorator
    """Serve OPTIONS by a handler of its own."""


class AnyRoute(HTTPMethodRouteHandler):
    """A handler, or a View, of a method that is told; `*` is every one that a View has."""

    def __init__(self, method: str, path: str, handler: Any, **options: Any) -> None:
        super().__init__(path, **options)
        self.method, self.handler = method.upper(), handler


class controller(HTTPRouteHandler):  # noqa: N801 - a decorator
    """Serve the decorated methods of a class, of which one object is made; its options hold for all of them."""

    controlled: type

    def __call__(self, handler: Any) -> Self:
        self.controlled = handler
        return self

    def register(self, group: nacre.Group, lifespan: Lifespan) -> None:
        instance = self.controlled()
        for one in _methods_of(self.controlled):
            path = (self.path or "").rstrip("/") + (one.path or "") or "/"
            function = one.handler.__get__(instance)
            response = {**self.response, **one.response}
            declare(group, one.method, path, function, response, one)


class HTTPRouter(BaseHTTPRouter):
    """Routes under a prefix, with middlewares and lifespan hooks of their own.

    `client_max_size` is the largest body in bytes; without it, and for 0, that of the application holds.
    """

    def __init__(
        self,
        path: str,
        route_handlers: Iterable[Any] = (),
        *,
        middlewares: Iterable[Any] | None = None,
        client_max_size: int | None = None,
        lifespan: list[LifespanCTX] | None = None,
        on_startup: list[LifespanHook] | None = None,
        on_shutdown: list[LifespanHook] | None = None,
        on_cleanup: list[LifespanHook] | None = None,
    ) -> None:
        super().__init__(path)
        self.route_handlers = list(route_handlers)
        self.middlewares = list(middlewares or ())
        self.client_max_size = client_max_size
        self.lifespan = Lifespan(None, on_startup or (), on_shutdown or (), on_cleanup or (), lifespan or ())

    def register(self, group: nacre.Group, lifespan: Lifespan) -> None:
        inner = nacre.Group(self.path or "", middlewares=self.middlewares, max_body=self.client_max_size or None)
        inner.where = self.where
        own = copy.copy(self.lifespan)
        own.app, own.inner = lifespan.app, []
        lifespan.inner.append(own)
        for one in self.route_handlers:
            checked(one).register(inner, own)
        group.include(inner)


class View:
    """A handler that is a class: a method for each HTTP method, and the request as `self.request`."""

    def __init__(self, request: Request) -> None:
        self.request = request


def checked(item: Any) -> BaseHTTPRouter:
    """An item of a list of handlers. Raises ConfigurationError for what is none."""
    if isinstance(item, BaseHTTPRouter):
        return item
    name = getattr(item, "__qualname__", type(item).__qualname__)
    fix = "decorate it with @get(path), @controller(path) or their like, or give an HTTPRouter"
    raise ConfigurationError(Problem(f"`{name}` is no route handler", Location.of(item), fix))


def declare(
    group: nacre.Group, method: str, path: str, handler: Any, response: dict[str, Any], said: HTTPMethodRouteHandler
) -> None:
    """Declare a handler, or a View, in a group; the path may have `{name:regex}`, `said` has the name and the place."""
    if isinstance(handler, type):
        for known, function in _views_of(handler, method):
            declare(group, known, path, function, response, said)
        return
    given = validated_options(handler, response)
    if said.name is not None:
        given["name"] = said.name

    def serve(method: str, pattern: str, function: Callable[..., Any], **options: Any) -> None:
        record = RouteRecord(pattern, (method,), said.where, options)
        group.extend_routes([DeclaredRoute(function, record)])

    pattern, adapted = to_pattern(path), adapt_handler(handler, response)
    serve(method, pattern, adapted, **given)
    if (rest := _REST.search(path)) is not None:
        # The core's variable for the rest of a path holds something; `.*` may be empty.
        given.pop("name", None)
        serve(method, to_pattern(path[: rest.start()]), adapted, defaults={rest[1]: ""}, **given)
    if method == "GET" and not said.allow_head:
        serve("HEAD", pattern, _no_head(), hidden=True)


def _no_head() -> Callable[..., Any]:
    async def refuse(request: nacre.Request) -> Any:
        raise HTTPMethodNotAllowed("HEAD", ("GET",))

    return refuse


_VARIABLE = re.compile(r"\{([_a-zA-Z][_a-zA-Z0-9]*)(?::((?:[^{}]|\{[^{}]*\})+))?\}")


_REST = re.compile(r"\{([_a-zA-Z][_a-zA-Z0-9]*):\.\*\}\Z")


def to_pattern(path: str) -> str:
    """The core's spelling of a path; an expression that may match slashes takes the rest of the path."""

    def spelt(found: re.Match[str]) -> str:
        name, regex = found[1], found[2]
        if regex is None:
            return f"<{name}>"
        return f"<path:{name}>" if regex in (".*", ".+") else f"<re:{regex}:{name}>"

    return _VARIABLE.sub(spelt, path)


def _methods_of(cls: type) -> Iterator[HTTPMethodRouteHandler]:
    """The decorated methods of a class, in the order written, those of its bases first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return (one for one in found.values() if isinstance(one, HTTPMethodRouteHandler))


def _views_of(view: type, method: str) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of a View that serve `method`, or all for `*`, each as a handler."""
    for name in METHODS:
        function = getattr(view, name.lower(), None)
        if function is not None and method in ("*", name):
            yield name, _of_view(view, function)


def _of_view(view: type, function: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(function)
    request = inspect.Parameter("view_request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)

    @functools.wraps(function)
    async def handler(view_request: Request, **values: Any) -> Any:
        return await function(view(view_request), **values)

    parameters = [request, *list(signature.parameters.values())[1:]]
    handler.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return handler
