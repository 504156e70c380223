"""Routers, the default one that module-level decorators write to, and the forms of its paths."""

from __future__ import annotations

import inspect
import re
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar

from nacre.dialects.blacksheep.server.bindings import bound_handler, rebound, services_of, with_signature
from nacre.dialects.blacksheep.server.env import get_global_route_prefix
from nacre.dialects.blacksheep.server.sse import ServerSentEventsResponse
from nacre.errors import ConfigurationError, Location, Problem
from nacre.groups import METHODS, Group

F = TypeVar("F", bound=Callable[..., Any])

GET_WS = "GET_WS"
"""The method that stands for WebSocket connections."""


class RouteException(ConfigurationError):
    """What is wrong with routes."""

    def __init__(self, what: str, fix: str, place: Location | None = None) -> None:
        super().__init__(Problem(what, place or Location.of_caller(), fix))


class RouteDuplicate(RouteException):
    """Two handlers for one method and path."""


class RouteNotFound(RouteException):
    """No route has the name."""


class InvalidValuePatternName(RouteException):
    """A path names a type that `Route.value_patterns` doesn't have."""


class InvalidRouterConfigurationError(RouteException):
    """Routers and applications that don't fit together."""


class SharedRouterError(InvalidRouterConfigurationError):
    """One router for two applications."""

    def __init__(self) -> None:
        super().__init__(
            "two applications share one router, so each would have the other's routes",
            "give each its own: Application(router=Router()); tests empty the default one: router.reset()",
        )


class OrphanDefaultRouterError(InvalidRouterConfigurationError):
    """Routes of the default router, which no application serves."""

    def __init__(self) -> None:
        super().__init__(
            "routes were declared by the module-level decorators, and no application serves the default router",
            "declare them on the router that the application is given, or make one without `router=`",
        )


class Route:
    """The forms of paths: `:name`, `{name}`, `<name>`, `{type:name}`, `<type:name>`, and `*` at the end."""

    value_patterns: ClassVar[dict[str, str]] = {
        "string": r"[^/]+",
        "str": r"[^/]+",
        "path": r".*",
        "int": r"\d+",
        "float": r"\d+(?:\.\d+)?",
        "uuid": r"[a-zA-Z0-9]{8}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{4}-[a-zA-Z0-9]{12}",
    }
    """The expression that a variable of each type must fit; programs may add types."""

    def __init__(self, pattern: str | bytes, handler: Any) -> None:
        self.handler = handler
        self.pattern = pattern.decode() if isinstance(pattern, bytes) else pattern
        self.param_names: list[str] = []
        text = self.pattern if self.pattern.startswith("/") else "/" + self.pattern
        self.path = _VARIABLE.sub(self._translated, text)
        """The path as Nacre's patterns are written."""

    def _translated(self, found: re.Match[str]) -> str:
        name = found["braced"] or found["angled"] or found["plain"] or "tail"
        kind = found["braced_type"] or found["angled_type"] or ("path" if found[0] == "*" else "string")
        self.param_names.append(name)
        if kind not in self.value_patterns:
            known = ", ".join(self.value_patterns)
            raise InvalidValuePatternName(f"the path {self.pattern!r} has a variable of type {kind!r}", f"use {known}")
        if kind in ("string", "str"):
            return f"{{{name}}}"
        return f"{{{name}:path}}" if kind == "path" else f"<re:{self.value_patterns[kind]}:{name}>"


_VARIABLE = re.compile(
    r"\{(?:(?P<braced_type>\w+):)?(?P<braced>\w+)\}|<(?:(?P<angled_type>\w+):)?(?P<angled>\w+)>"
    r"|:(?P<plain>[A-Za-z_]\w*)|\*"
)


_LAST = re.compile(r"/\{(?P<name>\w+):path\}\Z")


def _verb(method: str) -> tuple[Callable[..., Callable[[F], F]], Callable[..., None]]:
    """The decorator of a method, and the function that does the same."""

    def decorator(self: _Declares, pattern: str | None = "/", *, name: str | None = None) -> Callable[[F], F]:
        return self.route(pattern, [method], name=name)

    def add(self: _Declares, pattern: str, handler: Callable[..., Any], *, name: str | None = None) -> None:
        self.add(method, pattern, handler, name=name)

    return decorator, add


class _Declares:
    """The decorators; `add` says what becomes of a declaration."""

    def add(self, method: str, pattern: Any, handler: Callable[..., Any], *, name: str | None = None) -> None:
        raise NotImplementedError

    def route(
        self, pattern: str | None = "/", methods: Iterable[str] | None = None, *, name: str | None = None
    ) -> Callable[[F], F]:
        def record(handler: F) -> F:
            for method in methods or ("GET",):
                self.add(method, pattern, handler, name=name)
            return handler

        return record

    get, add_get = _verb("GET")
    post, add_post = _verb("POST")
    put, add_put = _verb("PUT")
    patch, add_patch = _verb("PATCH")
    delete, add_delete = _verb("DELETE")
    head, add_head = _verb("HEAD")
    options, add_options = _verb("OPTIONS")
    trace, add_trace = _verb("TRACE")
    connect, add_connect = _verb("CONNECT")
    ws, add_ws = _verb(GET_WS)


class Router(_Declares):
    """Routes for one application, under a prefix and for a host if these are given, with those of other routers.

    Raises SharedRouterError where a second application takes it.
    """

    def __init__(
        self, *, host: str | None = None, sub_routers: Iterable[Router] | None = None, prefix: str = ""
    ) -> None:
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self._host = host
        self.sub_routers = list(sub_routers or ())
        self.controllers_routes = RoutesRegistry()
        self.controllers: list[type] = []
        self._unmatched: Callable[..., Any] | None = None
        self._owner: Callable[[], Any] = lambda: None
        self.reset()

    def reset(self) -> None:
        """Forget all routes, and the application; that one keeps those that it has."""
        self.group = Group(self.prefix, host=self._host)
        self._known: dict[tuple[str, str], Callable[..., Any]] = {}
        self._wanted: list[type] = []
        self._owner = lambda: None
        self._was_taken = False
        self.controllers_routes.reset()
        self.controllers.clear()
        for router in self.sub_routers:
            self.group.include(router.group)

    @property
    def owner(self) -> Any:
        """The application that has taken it; None for none."""
        return self._owner()

    def belong_to(self, app: Any) -> None:
        """Serve the routes by an application. Raises SharedRouterError if they are another one's."""
        if self.owner is not None and self.owner is not app:
            raise SharedRouterError
        self._owner = weakref.ref(app)
        self._was_taken = True
        app.include(self.group, prefix=get_global_route_prefix())

    @property
    def is_orphan(self) -> bool:
        """Whether routes were declared that no application has ever taken."""
        return bool(self._known) and not self._was_taken

    def add(self, method: str, pattern: Any, handler: Callable[..., Any], *, name: str | None = None) -> None:
        """Serve a path. Raises RouteDuplicate if it has a handler for the method, and ConfigurationError."""
        method = method.upper()
        route = Route("/" if pattern is None else pattern, handler)
        key = (method, re.sub(r":\w+>|\{\w+", "", route.path.rstrip("/").lower()))
        if key in self._known:
            other = getattr(self._known[key], "__qualname__", "another handler")
            what = f"{method} {route.pattern} is declared twice, for {other} and {_name(handler)}"
            raise RouteDuplicate(what, "leave one of them out", Location.of(handler))
        self.want(handler)
        options: dict[str, Any] = {"name": name} if name is not None else {}
        if method == GET_WS:
            self.group.websocket(route.path, **options)(bound_handler(handler, route.param_names))
        else:
            self._add_http(method, route, _endpoint(handler, route.param_names), options)
        self._known[key] = handler  # not if it was refused

    def _add_http(self, method: str, route: Route, endpoint: Callable[..., Any], options: dict[str, Any]) -> None:
        self.group.add_route(route.path, endpoint, methods=[method], **options)
        last = _LAST.search(route.path)
        if last is None:
            return
        # It is also for nothing, `*` without the slash before it too.
        is_star = route.pattern.endswith("*")
        short = route.path[: last.start() + (not is_star)] or "/"
        if (method, short.rstrip("/").lower()) not in self._known:
            slashes = "ignore" if is_star else "strict"
            self.group.add_route(short, endpoint, methods=[method], defaults={last["name"]: ""}, slashes=slashes)

    def want(self, function: Callable[..., Any]) -> None:
        """Note which services a function asks for."""
        self._wanted += services_of(function)

    def wanted(self) -> list[type]:
        """The services that handlers and controllers ask for."""
        return [*self._wanted, *(kind for router in self.sub_routers for kind in router.wanted())]

    @property
    def fallback(self) -> Callable[..., Any] | None:
        """What answers where no route does."""
        return self._unmatched

    @fallback.setter
    def fallback(self, handler: Any) -> None:
        self._unmatched = handler.handler if isinstance(handler, Route) else handler
        if not callable(self._unmatched):
            raise RouteException("the fallback isn't a function", "give a function, or a Route of one")
        self.group.add_route("/{fallback_path:path}", _endpoint(self._unmatched, ()), methods=METHODS, hidden=True)

    def url_for(self, name: str, **params: object) -> str:
        """The path of the route with this name. Raises RouteNotFound, and ValueError for values that don't fit."""
        if self.owner is None:
            raise RouteNotFound(f"no application serves the route {name!r} yet", "make the application first")
        return self.owner.url_for(name, **params)  # type: ignore[no-any-return]


class RegisteredRoute:
    """A declaration of a controller's method."""

    def __init__(self, method: str, pattern: str | None, handler: Callable[..., Any], name: str | None = None) -> None:
        self.method = method
        self.pattern = pattern
        self.handler = handler
        self.name = name


class RoutesRegistry(_Declares):
    """Declarations of the methods of controllers, whose classes take them."""

    def __init__(self) -> None:
        self.routes: list[RegisteredRoute] = []

    def reset(self) -> None:
        self.routes.clear()

    def add(self, method: str, pattern: Any, handler: Callable[..., Any], *, name: str | None = None) -> None:
        self.routes.append(RegisteredRoute(method, pattern, handler, name))


def _endpoint(handler: Callable[..., Any], variables: Iterable[str]) -> Callable[..., Any]:
    """A handler of HTTP as Nacre calls it; an async generator's events are sent as they come."""
    if not inspect.isasyncgenfunction(inspect.unwrap(handler)):
        return bound_handler(handler, list(variables))

    def stream(*values: Any, **named: Any) -> ServerSentEventsResponse:
        return ServerSentEventsResponse(lambda: handler(*values, **named))

    stream.__name__, stream.__qualname__ = _name(handler), _name(handler)
    stream.__wrapped__ = handler  # type: ignore[attr-defined]
    return with_signature(stream, rebound(handler, list(variables)))


def _name(handler: Any) -> str:
    return getattr(handler, "__qualname__", type(handler).__qualname__)


router = Router()
"""The default router: that of an application which isn't given one."""

controllers_routes = router.controllers_routes
route = router.route
get = router.get
post = router.post
put = router.put
patch = router.patch
delete = router.delete
head = router.head
options = router.options
trace = router.trace
connect = router.connect
ws = router.ws
