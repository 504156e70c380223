"""Declaring routes, layers, hooks and error handlers: decorators and lists that only record."""

from __future__ import annotations

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from typing import Any, ClassVar, Literal, Self, TypeVar, overload

from msgspec import Struct, field

from nacre.binding import MARKERS, Validation
from nacre.binding.providers import Provide, Provider, Scope, registered_provider
from nacre.callables import describe
from nacre.chain.boundary import ErrorKey
from nacre.chain.upgrade import WebSocketOptions
from nacre.declare import DeclaredRoute, records_of
from nacre.documentation import DOCUMENTATION_OPTIONS, Documentation, document
from nacre.errors import ConfigurationError, Location, Problem
from nacre.fields import FormLimits
from nacre.headers import TOKEN
from nacre.response import Response
from nacre.shaping import RESPONSE_OPTIONS
from nacre.urls import normal_origin
from nacre.websocket import DEFAULT_MAX_MESSAGE, DEFAULT_PING, WEBSOCKET

F = TypeVar("F", bound=Callable[..., Any])
Slashes = Literal["strict", "redirect", "ignore"]
RouteOrder = Literal["specific", "declared"]
Changed = Callable[[], None]

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "CONNECT")

_order = itertools.count()


class MiddlewareList(MutableSequence[Any]):
    """A list of layers, first outermost. A change after startup takes effect for the requests that come after it.

    Subclasses may take other items, which `prepare` makes layers of, and put `entries` into another order.
    """

    def __init__(
        self, items: Iterable[Any] = (), changed: Changed = lambda: None, where: Location | None = None
    ) -> None:
        where = where or Location.of_caller()
        self._entries = [Entry(self.prepare(item), where) for item in items]
        self._changed = changed

    def prepare(self, item: Any) -> Any:
        """What is kept for an item that is put in."""
        return item

    @property
    def entries(self) -> Sequence[Entry]:
        """The items with the places they were added at, in the order in which they are passed."""
        return tuple(self._entries)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        found = self._entries[index]
        return [entry.item for entry in found] if isinstance(found, list) else found.item

    def __setitem__(self, index: Any, value: Any) -> None:
        where = Location.of_caller()
        many = isinstance(index, slice)
        entry: Any = [Entry(self.prepare(item), where) for item in value] if many else Entry(self.prepare(value), where)
        self._change(lambda entries: entries.__setitem__(index, entry))

    def __delitem__(self, index: int | slice) -> None:
        self._change(lambda entries: entries.__delitem__(index))

    def insert(self, index: int, value: Any) -> None:
        entry = Entry(self.prepare(value), Location.of_caller())
        self._change(lambda entries: entries.insert(index, entry))

    # What follows the base class would do as well, but then the place of a declaration would be in its code.

    def append(self, value: Any) -> None:
        self.insert(len(self), value)

    def extend(self, values: Iterable[Any]) -> None:
        # As one change: a layer may need another one that comes in with it.
        self[len(self) :] = values

    def __iadd__(self, values: Iterable[Any]) -> Self:
        self.extend(values)
        return self

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return repr([entry.item for entry in self._entries])

    def _change(self, edit: Callable[[list[Entry]], object]) -> None:
        before = list(self._entries)
        edit(self._entries)
        try:
            self._changed()
        except BaseException:
            self._entries[:] = before
            self._changed()  # for those that had taken it in before another one refused
            raise


class Entry(Struct, eq=False):
    """One item of a middleware list, and where it was put there."""

    item: Any
    where: Location


class RouteDeclaration(Struct, eq=False):
    """One route as written, before prefixes."""

    path: str
    methods: tuple[str, ...]
    endpoint: Callable[..., Any]
    where: Location
    name: str | None = None
    tags: tuple[str, ...] = ()
    middlewares: MiddlewareList = field(default_factory=MiddlewareList)
    error_handlers: Mapping[ErrorKey, Callable[..., Any]] = {}
    host: str | None = None
    defaults: Mapping[str, Any] = {}
    slashes: Slashes | None = None
    inline: bool | None = None
    max_body: int | None = None
    form_limits: FormLimits | None = None
    documentation: Documentation = field(default_factory=Documentation)
    response: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    order: int = 0
    websocket: WebSocketOptions | None = None
    """Set for a handler of WebSockets."""
    convert: Callable[[Any], Response] | None = None
    """What makes a response of what it returns, in place of the application's rules."""


class Inclusion(Struct, eq=False):
    """A group put into another one."""

    group: Group
    prefix: str
    where: Location
    host: str | None = None
    name: str | None = None
    middlewares: MiddlewareList | None = None
    """What stands in front of the group at this place, if it was mounted."""
    order: int = 0


class MountDeclaration(Struct, eq=False):
    """A whole application put under a prefix."""

    prefix: str
    app: Any
    where: Location
    name: str | None = None
    middlewares: MiddlewareList = field(default_factory=MiddlewareList)
    order: int = 0


class HookDeclaration(Struct, eq=False):
    """One `before_request`, `after_request` or `after_error` hook."""

    function: Callable[..., Any]
    inline: bool
    where: Location


Declaration = RouteDeclaration | Inclusion | MountDeclaration
"""What the decorators and methods of a group leave in it, in order."""


class Group:
    """Routes that share a prefix, layers, hooks and error handlers.

    A group may be included several times and in other groups; including it changes nothing in it, and what is declared
    in it later is seen by all applications that hold it. `middlewares` run inside those of the group or application
    around it. `host`, `slashes` (trailing slash: "strict", "redirect" with 308, or "ignore"), `max_body` (bytes),
    `form_limits` and `tags` hold for all routes in it that don't say otherwise. Where two of its routes match a path,
    `route_order` says which one answers: the more "specific" one, or the one "declared" first, which may then have
    twins; those of an included group count as declared where it is included. Unless they are `case_sensitive`, its
    paths match in another case too, if nothing matches them as they are asked for. `providers` are functions, classes
    or what `Provide` makes of them; a parameter annotated with what one returns is taken from it, inner groups' before
    outer ones'.
    """

    first_layers: tuple[Entry, ...] = ()
    """Layers outside of `middlewares`: what an application is made secure by."""

    middleware_list: ClassVar[type[MiddlewareList]] = MiddlewareList
    """The kind of list that `middlewares` is."""

    def __init__(
        self,
        prefix: str = "",
        *,
        middlewares: Iterable[Any] = (),
        routes: Iterable[Callable[..., Any]] = (),
        name: str | None = None,
        tags: Iterable[str] = (),
        host: str | None = None,
        slashes: Slashes | None = None,
        route_order: RouteOrder | None = None,
        case_sensitive: bool | None = None,
        max_body: int | None = None,
        form_limits: FormLimits | None = None,
        inline: bool | None = None,
        validation: Validation | None = None,
        providers: Iterable[Any] = (),
    ) -> None:
        self.where = Location.of_caller()
        self.prefix = _checked_prefix(prefix, self.where)
        self.name = name
        self.tags = tuple(tags)
        self.host = host
        self.slashes: Slashes | None = slashes
        self.route_order: RouteOrder | None = route_order
        self.case_sensitive = case_sensitive
        self.max_body = max_body
        self.form_limits = form_limits
        self.inline = inline
        self.validation = validation
        self.middlewares = self.middleware_list(middlewares, self._declared)
        self.declarations: list[Declaration] = []
        self.before_hooks: list[HookDeclaration] = []
        self.after_hooks: list[HookDeclaration] = []
        self.error_hooks: list[HookDeclaration] = []
        self.error_handlers: dict[ErrorKey, HookDeclaration] = {}
        self.holders: list[Group] = []
        self.providers: list[Provider] = []
        self._add_providers(providers, self.where)
        self.extend_routes(routes)

    # Routes.

    def route(self, path: str, methods: Iterable[str] = ("GET",), **options: Any) -> Callable[[F], F]:
        """Serve `path` with the decorated function, or with the methods of the decorated class.

        Options: `name` (for `url_for`), `tags`, `middlewares`, `error_handlers` (a dict by status or class), `host`,
        `defaults` (path variables' values when the pattern lacks them), `slashes`, `inline` (a plain function that
        never blocks, run on the event loop), `max_body` (bytes), `form_limits`. For the OpenAPI document: `summary`,
        `description` (the docstring says both unless given), `operation_id`, `deprecated`, `hidden`, `responses` and
        `security`. For what the function returns, if that is no `Response`: `status_code`, `response_type` and the
        others of `nacre.shaping.ResponseKeywords`. All others are kept in `request.route.options`.
        """

        def record(endpoint: F) -> F:
            self.add_route(path, endpoint, methods=methods, **options)
            return endpoint

        return record

    def get(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve GET, and HEAD with it, as `route` does."""
        return self.route(path, ("GET",), **options)

    def head(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve HEAD by a function of its own, as `route` does."""
        return self.route(path, ("HEAD",), **options)

    def post(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve POST as `route` does."""
        return self.route(path, ("POST",), **options)

    def put(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve PUT as `route` does."""
        return self.route(path, ("PUT",), **options)

    def patch(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve PATCH as `route` does."""
        return self.route(path, ("PATCH",), **options)

    def delete(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve DELETE as `route` does."""
        return self.route(path, ("DELETE",), **options)

    def options(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve OPTIONS by a function of its own instead of the automatic 204, as `route` does."""
        return self.route(path, ("OPTIONS",), **options)

    def query(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve QUERY (a safe method with a body) as `route` does."""
        return self.route(path, ("QUERY",), **options)

    def websocket(
        self,
        path: str,
        *,
        subprotocols: Iterable[str] = (),
        origins: Iterable[str] = (),
        max_message: int = DEFAULT_MAX_MESSAGE,
        ping: float | None = DEFAULT_PING,
        **options: Any,
    ) -> Callable[[F], F]:
        """Serve WebSocket connections (RFC 6455) at `path` with the decorated function.

        It takes the `WebSocket` as its first parameter or by annotation, and what any handler takes besides: path
        variables, marked parameters, providers. The handshake passes the layers, which may refuse it.

        `subprotocols` are offered in this order of preference. A page may connect from the application's own origin and
        from `origins`, such as `https://app.example.com`; "*" is any. `max_message` is the largest message in bytes: a
        larger one closes the connection with 1009. Over WSGI a client that is silent for `ping` seconds is asked for a
        sign of life and given up if there is none in as long again; other servers have settings of their own for that.
        The other options are those of `route` that concern no result.
        """
        where = Location.of_caller()
        made = {"websocket": websocket_options(path, subprotocols, origins, max_message, ping, where)}
        _refuse_result_options(f"WebSocket `{path}`", options, where)

        def record(endpoint: F) -> F:
            if isinstance(endpoint, type):
                what = f"the handler of WebSocket `{path}` is class `{endpoint.__qualname__}`"
                fix = "give a function, or an instance with `async def __call__(self, ws)`"
                raise ConfigurationError(Problem(what, where, fix))
            self._add(declare_route(path, endpoint, (WEBSOCKET,), where, options, made))
            return endpoint

        return record

    def sse(
        self,
        path: str,
        *,
        methods: Iterable[str] = ("GET",),
        ping: float | None = 15.0,
        retry: float | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Serve server-sent events (WHATWG HTML §9.2) at `path` with the decorated function.

        It is a generator of events, async or plain, or it returns what an `EventStream` takes as its source, or a
        `Response` to send in its place. It may ask for what any handler may. `ping` and `retry`, in seconds, are those
        of `EventStream`; the other options are those of `route` that concern no result.

        A generator begins when the status is out already: what may refuse the request goes into a layer, a provider, or
        an `async def` handler that returns the generator.
        """

        def record(endpoint: F) -> F:
            where = Location.of_caller()
            made = {"convert": event_converter(path, ping, retry, options, where)}
            self._add(declare_route(path, endpoint, methods, where, {**options, **_EVENTS}, made))
            return endpoint

        return record

    def add_route(
        self, path: str, endpoint: Callable[..., Any], *, methods: Iterable[str] = ("GET",), **options: Any
    ) -> None:
        """Serve `path` with `endpoint`; what `route` decorates with. A class gives a route per method it defines."""
        where = Location.of_caller()
        self._add(declare_route(path, endpoint, methods, where, options))

    def extend_routes(self, routes: Iterable[Callable[..., Any]]) -> None:
        """Serve functions that were declared without an application, by `nacre.get(path)` and its like."""
        declarations: list[RouteDeclaration] = []
        for item in routes:
            records = records_of(item)
            if not records:
                raise ConfigurationError(
                    Problem(
                        f"{describe(item)} in `routes` was declared for no path",
                        Location.of(item) or Location.of_caller(),
                        "decorate it with @nacre.get(path), @nacre.route(path, methods=[…]) or their like",
                    )
                )
            endpoint = item.function if isinstance(item, DeclaredRoute) else item
            for record in records:
                declarations += declare_route(record.path, endpoint, record.methods, record.where, record.options)
        self._add(declarations)

    def include(self, group: Group, prefix: str = "", *, host: str | None = None) -> None:
        """Put a group's routes here, under `prefix` and then the group's own."""
        where = Location.of_caller()
        # Whoever uses no type checker may pass an application here.
        if not isinstance(group, Group):  # pyright: ignore[reportUnnecessaryIsInstance]
            fix = "include a Group; another application is mounted: app.mount(prefix, application)"
            raise ConfigurationError(Problem(f"{describe(group)} is no Group", where, fix))
        if self in group.all_groups():
            raise ConfigurationError(Problem("a group can't include itself", where, "include another group"))
        self._add([Inclusion(group, _checked_prefix(prefix, where), where, host, order=next(_order))], group)

    def mount(self, prefix: str, app: Any, *, name: str | None = None, middlewares: Iterable[Any] = ()) -> None:
        """Hand everything under `prefix` to another application: a Nacre, an ASGI or a WSGI one.

        `middlewares` stand in front of it. A mounted Nacre sees paths without the prefix, which is its `root_path`; its
        lifespan runs within this one's. `url_for("name:route")` builds URLs into it. A `Group` that is no application,
        such as `StaticFiles`, is included under the prefix: its routes are this application's and see whole paths.
        """
        where = Location.of_caller()
        is_group = isinstance(app, Group)
        if not callable(app) and not is_group:
            what = f"a {type(app).__name__} is mounted at {prefix!r}, which can't be called"
            raise ConfigurationError(Problem(what, where, "mount a Nacre, an ASGI or a WSGI application, or a Group"))
        if is_group and self in app.all_groups():
            raise ConfigurationError(Problem(f"{app!r} can't be mounted in itself", where, "mount another one"))
        prefix = _checked_prefix(prefix, where)
        around = MiddlewareList(middlewares, self._declared, where)
        if callable(app):
            mounted: Declaration = MountDeclaration(prefix, app, where, name, around, next(_order))
        else:
            mounted = Inclusion(app, prefix, where, name=name, middlewares=around, order=next(_order))
        self._add([mounted], app if is_group else None)

    def find_problems(self) -> Iterable[Problem]:
        """What is wrong with the group beyond its declarations; asked for when an application that holds it starts.

        For subclasses that depend on more than code: a directory, a server. It may block.
        """
        return ()

    # Hooks and error handlers.

    @overload
    def before_request(self, hook: F, /, *, inline: bool = ...) -> F: ...
    @overload
    def before_request(self, /, *, inline: bool = ...) -> Callable[[F], F]: ...
    def before_request(self, hook: Any = None, /, *, inline: bool = False) -> Any:
        """Call `hook(request)` before each matched handler; what it returns, if not None, is the response."""
        return self._hook("before_request", self.before_hooks, hook, inline, "request")

    @overload
    def after_request(self, hook: F, /, *, inline: bool = ...) -> F: ...
    @overload
    def after_request(self, /, *, inline: bool = ...) -> Callable[[F], F]: ...
    def after_request(self, hook: Any = None, /, *, inline: bool = False) -> Any:
        """Call `hook(request, response)` after each matched handler that raised nothing; a returned value replaces."""
        return self._hook("after_request", self.after_hooks, hook, inline, "request", "response")

    @overload
    def after_error(self, hook: F, /, *, inline: bool = ...) -> F: ...
    @overload
    def after_error(self, /, *, inline: bool = ...) -> Callable[[F], F]: ...
    def after_error(self, hook: Any = None, /, *, inline: bool = False) -> Any:
        """Call `hook(request, response)` with each response made of an error: 404, 405, 413, `abort`, exceptions."""
        return self._hook("after_error", self.error_hooks, hook, inline, "request", "response")

    def error_handler(self, *keys: ErrorKey, inline: bool = False) -> Callable[[F], F]:
        """Answer errors of these statuses or exception classes with the decorated function.

        It takes `(request)`, `(request, error)` or `(app, request, error)` and returns what a handler may return; its
        status is the error's unless it gives another. The most specific class wins, inner scopes before outer ones.
        """

        def record(function: F) -> F:
            where = Location.of(function) or Location.of_caller()
            before = dict(self.error_handlers)
            for key in keys:
                self.error_handlers[key] = HookDeclaration(function, inline, where)
            self._tell(lambda: _restore(self.error_handlers, before))
            return function

        if not keys or not all(is_error_key(key) for key in keys):
            raise ConfigurationError(
                Problem(
                    "error_handler takes statuses from 400 to 599 and exception classes",
                    Location.of_caller(),
                    "write @app.error_handler(404) or @app.error_handler(ZeroDivisionError)",
                )
            )
        return record

    # Providers.

    @overload
    def provider(self, target: F, /) -> F: ...
    @overload
    def provider(self, /, *, scope: Scope = ..., inline: bool = ...) -> Callable[[F], F]: ...
    def provider(self, target: Any = None, /, *, scope: Scope = "request", inline: bool = False) -> Any:
        """Give what the decorated function returns, or yields, to parameters annotated with that type.

        See `Provide` for the options. Inner groups' providers come before outer ones'.
        """

        def record(function: F) -> F:
            where = Location.of(function) or Location.of_caller()
            self._add_providers([Provide(function, scope=scope, inline=inline)], where)
            return function

        return record if target is None else record(target)

    def _add_providers(self, targets: Iterable[Any], where: Location) -> None:
        added: list[Provider] = []
        problems: list[Problem] = []
        for target in targets:
            try:
                provider = registered_provider(target, where)
            except ConfigurationError as error:
                problems += error.problems
                continue
            known = next((one for one in (*self.providers, *added) if one.provides == provider.provides), None)
            if known is not None:
                what = f"{known.label} and {provider.label} both provide {_named_type(provider.provides)}"
                problems.append(Problem(what, where, "keep one of them, or register one for an inner group"))
            added.append(provider)
        if problems:
            raise ConfigurationError(problems)

        def undo() -> None:
            for provider in added:
                self.providers.remove(provider)

        self.providers += added
        self._tell(undo)

    def all_groups(self) -> Iterator[Group]:
        """This group and all that are included or mounted in it, at any depth."""
        yield self
        for item in self.declarations:
            if isinstance(item, Inclusion):
                yield from item.group.all_groups()
            elif isinstance(item, MountDeclaration) and isinstance(item.app, Group):
                yield from item.app.all_groups()

    def _hook(self, kind: str, hooks: list[HookDeclaration], hook: Any, inline: bool, *arguments: str) -> Any:
        def record(function: F) -> F:
            declared = HookDeclaration(function, inline, Location.of(function) or Location.of_caller())
            _check_hook(kind, declared, arguments)
            hooks.append(declared)
            self._tell(lambda: hooks.remove(declared))
            return function

        return record if hook is None else record(hook)

    def _add(self, declarations: Sequence[Declaration], held: Group | None = None) -> None:
        def undo() -> None:
            for declaration in declarations:
                self.declarations.remove(declaration)
            if held is not None:
                held.holders.remove(self)

        self.declarations += declarations
        if held is not None:
            held.holders.append(self)
        self._tell(undo)

    def _tell(self, undo: Callable[[], object]) -> None:
        """Tell of a change; if that makes a mistake anywhere, take the change back everywhere and raise."""
        try:
            self._declared()
        except BaseException:
            undo()
            self._declared()
            raise

    def _declared(self) -> None:
        """Tell whoever holds this group that it has changed."""
        for holder in getattr(self, "holders", ()):
            holder._declared()


def websocket_options(
    path: str,
    subprotocols: Iterable[str],
    origins: Iterable[str],
    max_message: int,
    ping: float | None,
    where: Location,
) -> WebSocketOptions:
    """What a route says of its connections. Raises ConfigurationError for what can't be said in a handshake."""
    problems: list[Problem] = []
    offers = (subprotocols,) if isinstance(subprotocols, str) else tuple(subprotocols)
    allowed: list[str] = []
    for name in offers:
        if not name or name.rstrip(TOKEN):
            what = f"WebSocket `{path}`: {name!r} is no subprotocol"
            problems.append(Problem(what, where, "name it with letters, digits and !#$%&'*+-.^_`|~ (RFC 6455 §4.1)"))
    for origin in (origins,) if isinstance(origins, str) else origins:
        try:
            allowed.append(origin if origin == "*" else normal_origin(origin))
        except ValueError:
            what = f"WebSocket `{path}`: {origin!r} is no origin"
            problems.append(Problem(what, where, "write a scheme and a host without a path: 'https://example.com'"))
    if max_message < 1:
        problems.append(Problem(f"WebSocket `{path}`: max_message={max_message}", where, "give a number of bytes"))
    if ping is not None and not ping > 0:
        problems.append(Problem(f"WebSocket `{path}`: ping={ping}", where, "give seconds, or None for never"))
    if problems:
        raise ConfigurationError(problems)
    return WebSocketOptions(offers, tuple(allowed), max_message, ping)


def _refuse_result_options(what: str, options: Mapping[str, Any], where: Location) -> None:
    problems = [
        Problem(f"{what} has no option `{name}`", where, "leave it out: its handler sends messages and gives no result")
        for name in ("methods", *RESPONSE_OPTIONS)
        if name in options
    ]
    if problems:
        raise ConfigurationError(problems)


# For the OpenAPI document.
_EVENTS = {"response_type": str, "response_validate": False, "content_type": "text/event-stream"}


def event_converter(
    path: str, ping: float | None, retry: float | None, options: Mapping[str, Any], where: Location
) -> Callable[[Any], Response]:
    """What makes a response of a source of events. Raises ConfigurationError for what no event stream can have."""
    from nacre.sse import EventStream  # loaded by applications that have events

    problems = [
        Problem(f"the events at `{path}` can't have `{name}`", where, "leave it out, or return an EventStream")
        for name in RESPONSE_OPTIONS
        if name in options
    ]
    try:
        EventStream((), ping=ping, retry=retry)
    except (TypeError, ValueError) as error:
        problems.append(Problem(f"the events at `{path}`: {error}", where, "give seconds"))
    if problems:
        raise ConfigurationError(problems)

    def convert(value: Any) -> Response:
        return value if isinstance(value, Response) else EventStream(value, ping=ping, retry=retry)

    return convert


def declare_route(
    path: str,
    endpoint: Any,
    methods: Iterable[str],
    where: Location,
    options: Mapping[str, Any],
    made: Mapping[str, Any] | None = None,
) -> list[RouteDeclaration]:
    """The declarations a path and an endpoint make: one, or one per method of a class.

    `made` are further attributes of theirs that were made of options already.
    """
    if isinstance(methods, str):
        raise ConfigurationError(Problem(f"methods={methods!r} is a str", where, f"write methods=[{methods!r}]"))
    if not callable(endpoint):
        what = f"the handler of `{path}` is a {type(endpoint).__name__}, which can't be called"
        raise ConfigurationError(Problem(what, where, "give a function, or a class with a method per HTTP method"))
    known = {name: value for name, value in options.items() if name in _ROUTE_OPTIONS}
    others = {name: value for name, value in options.items() if name not in _ROUTE_OPTIONS}
    _refuse_misspelt(others, where, () if made is None else _WEBSOCKET_OPTIONS)
    middlewares = known.pop("middlewares", ())
    response = {name: known.pop(name) for name in RESPONSE_OPTIONS if name in known}
    told = {name: known.pop(name) for name in DOCUMENTATION_OPTIONS if name in known}
    for key in known.get("error_handlers", ()):
        if not is_error_key(key):
            what = f"error_handlers of `{path}` takes statuses from 400 to 599 and exception classes, not {key!r}"
            fix = "write error_handlers={404: function} or {ZeroDivisionError: function}"
            raise ConfigurationError(Problem(what, where, fix))
    known["tags"] = tuple(known.get("tags", ()))
    if isinstance(endpoint, type):
        pairs = _methods_of(endpoint, where)
    else:
        pairs = [(tuple(dict.fromkeys(method.upper() for method in methods)), endpoint)]
    if not all(names for names, _ in pairs):
        raise ConfigurationError(Problem(f"route `{path}` has no methods", where, 'name some, e.g. `methods=["GET"]`'))
    shared = MiddlewareList(middlewares, where=where)
    return [
        RouteDeclaration(
            path,
            names,
            function,
            where,
            middlewares=shared,
            documentation=document(function, told, f"route `{path}`", where),
            response=response,
            options=others,
            order=next(_order),
            **known,
            **(made or {}),
        )
        for names, function in pairs
    ]


def _refuse_misspelt(options: Mapping[str, Any], where: Location, further: Sequence[str]) -> None:
    """An option that is nearly one of Nacre's own is a misspelt one: a guard that it was to place would be missing."""
    for name in options:
        near = _OTHER_NAMES.get(name) or difflib.get_close_matches(name, (*_ROUTE_OPTIONS, *further), n=1, cutoff=0.75)
        if near:
            fix = f"did you mean `{near[0]}`? Options of your own need names less like it"
            raise ConfigurationError(Problem(f"a route has no option `{name}`", where, fix))


_OTHER_NAMES = {
    "status": ["status_code"],
    "response_model": ["response_type"],
    "include_in_schema": ["hidden"],
    "dependencies": ["middlewares"],
}
"""What other frameworks call some of the options."""

_WEBSOCKET_OPTIONS = ("subprotocols", "origins", "max_message", "ping")

_ROUTE_OPTIONS = (
    *("name", "tags", "middlewares", "error_handlers", "host", "defaults", "slashes", "inline", "max_body"),
    "form_limits",
    *DOCUMENTATION_OPTIONS,
    *RESPONSE_OPTIONS,
)


def _methods_of(cls: type, where: Location) -> list[tuple[tuple[str, ...], Callable[..., Any]]]:
    instance = cls()
    pairs: list[tuple[tuple[str, ...], Callable[..., Any]]] = [
        ((method,), getattr(instance, method.lower()))
        for method in METHODS
        if callable(getattr(instance, method.lower(), None))
    ]
    if not pairs:
        raise ConfigurationError(
            Problem(
                f"class `{cls.__qualname__}` handles no method",
                Location.of(cls) or where,
                "define get(self, request), post(self, request) or another method's name in lower case",
            )
        )
    return pairs


def _checked_prefix(prefix: str, where: Location) -> str:
    if prefix and not prefix.startswith("/"):
        raise ConfigurationError(
            Problem(f"prefix {prefix!r} doesn't begin with a slash", where, f"write {'/' + prefix!r}")
        )
    return prefix.rstrip("/")


def _check_hook(kind: str, hook: HookDeclaration, arguments: Sequence[str]) -> None:
    try:
        signature = inspect.signature(hook.function)
        first = list(signature.parameters.values())[: len(arguments)]
        rest = list(signature.parameters.values())[len(arguments) :]
        # What is annotated besides is bound for each route.
        bare = [one for one in rest if one.annotation is one.empty and not isinstance(one.default, MARKERS)]
        signature.replace(parameters=[*first, *bare]).bind(*arguments)
    except TypeError:
        what = f"{kind} hook {describe(hook.function)} takes the wrong number of arguments"
        fix = f"it is called with ({', '.join(arguments)})"
        raise ConfigurationError(Problem(what, hook.where, fix)) from None
    except ValueError:
        pass  # a builtin without a signature


def _named_type(kind: Any) -> str:
    return f"`{kind.__qualname__ if isinstance(kind, type) else kind}`"


def _restore(changed: dict[ErrorKey, HookDeclaration], before: dict[ErrorKey, HookDeclaration]) -> None:
    changed.clear()
    changed.update(before)


def is_error_key(key: object) -> bool:
    """Whether error handlers may be registered for it."""
    if isinstance(key, type):
        return issubclass(key, Exception)
    return isinstance(key, int) and 400 <= key <= 599
