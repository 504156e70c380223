"""Flattening declarations: every route with the scopes it lies in, outermost first, and their layers adapted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from nacre.callables import Call, describe, is_async, prepare_call
from nacre.chain.boundary import ErrorKey, Handlers, by_arity
from nacre.chain.layer import Layer, Tools, adapt
from nacre.chain.middleware import Layers
from nacre.errors import ConfigurationError, HTTPError, Location, Problem
from nacre.fields import FormLimits
from nacre.groups import Entry, Group, HookDeclaration, Inclusion, MountDeclaration, RouteDeclaration
from nacre.mounts import foreign_call
from nacre.request import Request
from nacre.response import Response
from nacre.route import Route
from nacre.routing import ANY_METHOD, Converters, HostPattern, PathPattern, join, parse_host, parse_pattern

T = TypeVar("T")


class Owner(Protocol):
    """The application that is compiled, and each one mounted in it."""

    tools: Tools
    converters: Converters
    max_body: int | None
    adapted: dict[Any, Any]

    def error_page(self, request: Request, error: HTTPError) -> Response: ...

    def report(self, request: Request, error: Exception) -> Response | None: ...


class Scope(Struct, frozen=True, eq=False):
    """One level a route lies in: the application, a group, a mounted application, or the route itself."""

    label: str
    prefix: str
    layers: tuple[Layer, ...]
    owner: Any
    group: Group | None = None
    handlers: Handlers = {}
    mount: str | None = None
    """The prefix after which this scope's paths begin anew, for a mounted application; as seen in the one around it."""
    name: str | None = None
    """What stands in front of the names of routes in here, for `url_for`."""
    where: Location | None = None
    max_body: int | None = None
    form_limits: FormLimits | None = None
    order: int = 0
    """When its group was put into the one around it."""
    error_handlers: Mapping[ErrorKey, HookDeclaration] = {}
    """What `handlers` was made of."""


class Collected(Struct, frozen=True, eq=False):
    """A route with all that lies around it."""

    declaration: RouteDeclaration
    scopes: tuple[Scope, ...]
    path: str
    host: str | None
    route: Route
    pattern: PathPattern
    host_pattern: HostPattern | None
    foreign: Call | None = None
    """How a mounted application that is no Nacre is called; None for a handler."""


class Collector:
    """One walk through everything an application declares; problems are gathered, not raised."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.problems: list[Problem] = []
        self.collected: list[Collected] = []
        self.prefixes: dict[str, tuple[Scope, ...]] = {}
        self.raw_layers: list[Layer] = []

    def collect(self) -> None:
        """Walk; afterwards the attributes hold what was found."""
        self.raw_layers, inner = self._split_head()
        root = self._scope(self._app, "app", "", self._app, self._first(self._app, self._app, inner))
        self.prefixes[""] = (root,)
        self._walk(self._app, (root,), "", None)

    def _split_head(self) -> tuple[list[Layer], list[Layer]]:
        """ASGI classes at the head of the application's list see the raw connection; the others are in the chain."""
        layers = self._layers(self._app.middlewares.entries, self._app)
        count = 0
        while count < len(layers) and layers[count].build_asgi and not layers[count].is_placed:
            count += 1
        return layers[:count], layers[count:]

    def _layers(self, entries: Iterable[Entry], owner: Owner) -> list[Layer]:
        layers = []
        for key, item, where in ((key, item, entry.where) for entry in entries for key, item in _items(entry)):
            layer = owner.adapted.get(key)
            if layer is None:
                layer = self._attempt(partial(adapt, item, where, owner.tools))
                if layer is None:
                    continue
                owner.adapted[key] = layer
            layers.append(layer)
        return layers

    def _first(self, group: Group, owner: Owner, layers: list[Layer]) -> list[Layer]:
        """The layers of a group with its first ones in front, or behind those at the head that they stand inside of."""
        first = self._layers(group.first_layers, owner)
        outside = {name for layer in first for name in layer.after}
        count = 0
        while count < len(layers) and outside.intersection(layers[count].provides):
            count += 1
        for late in (layer for layer in layers[count:] if outside.intersection(layer.provides)):
            what = f"{late.label} must stand outside of the layers that `secure` adds"
            fix = "put it first in the list of middlewares, or into `secure=SecureDefaults(…)`"
            self.problems.append(Problem(what, late.where, fix))
        return [*layers[:count], *first, *layers[count:]]

    def _scope(self, group: Group, label: str, prefix: str, owner: Any, layers: Sequence[Layer] | None = None) -> Scope:
        if layers is None:
            layers = self._first(group, owner, self._layers(group.middlewares.entries, owner))
        handlers = {key: self._error_handler(declaration, owner) for key, declaration in group.error_handlers.items()}
        return Scope(
            label,
            prefix,
            tuple(layers),
            owner,
            group,
            {key: call for key, call in handlers.items() if call},
            where=group.where,
            name=group.name,
            max_body=group.max_body,
            form_limits=group.form_limits,
            error_handlers=dict(group.error_handlers),
        )

    def _error_handler(self, declaration: HookDeclaration, owner: Any) -> Call | None:
        call: Call | None = owner.adapted.get(declaration)
        if call is not None:
            return call
        function = by_arity(declaration.function, owner)
        if function is None:
            self.problems.append(
                Problem(
                    f"error handler {describe(declaration.function)} takes the wrong number of arguments",
                    declaration.where,
                    "it may take (request), (request, error) or (app, request, error)",
                )
            )
            return None
        call = prepare_call(
            function, owner.tools.threads, inline=declaration.inline, asynchronous=is_async(declaration.function)
        )
        owner.adapted[declaration] = call
        return call

    def _walk(self, group: Group, scopes: tuple[Scope, ...], prefix: str, host: str | None) -> None:
        host = group.host or host
        for item in group.declarations:
            if isinstance(item, RouteDeclaration):
                self._collect(item, scopes, prefix, item.host or host)
            elif isinstance(item, Inclusion):
                self._include(item, scopes, prefix, item.host or host)
            else:
                self._mount(item, scopes, prefix, host)

    def _include(self, item: Inclusion, scopes: tuple[Scope, ...], prefix: str, host: str | None) -> None:
        around, owner = join(prefix, item.prefix), scopes[-1].owner
        if item.middlewares:
            layers = self._layers(item.middlewares.entries, owner)
            scopes = (*scopes, Scope(f"mount {around or '/'}", around, tuple(layers), owner, where=item.where))
        below = join(around, item.group.prefix)
        inner = self._scope(item.group, f"group {below or '/'}", below, owner)
        inner = replace(inner, name=inner.name if item.name is None else item.name, order=item.order)
        self.problems += item.group.find_problems()
        self.prefixes.setdefault(below, (*scopes, inner))
        self._walk(item.group, (*scopes, inner), below, host)

    def _mount(self, item: MountDeclaration, scopes: tuple[Scope, ...], prefix: str, host: str | None) -> None:
        below = join(prefix, item.prefix)
        owner = scopes[-1].owner
        if any(character in below for character in "<{%"):
            # SECURITY: what stands behind the prefix is cut off by its length, and guards inside see the rest.
            fix = "mount at a fixed path; a group may have variables in its prefix"
            self.problems.append(Problem(f"the mount's prefix {below!r} holds a variable or `%`", item.where, fix))
            return
        layers = self._layers(item.middlewares.entries, owner)
        around = Scope(f"mount {below or '/'}", below, tuple(layers), owner, where=item.where)
        relative = below[len("".join(scope.mount or "" for scope in scopes)) :]
        if isinstance(item.app, Group):
            inner = self._scope(item.app, f"mounted app {below or '/'}", below, item.app)
            inner = replace(inner, mount=relative, name=item.name or item.app.name, order=item.order)
            self.prefixes.setdefault(below, (*scopes, around, inner))
            self._walk(item.app, (*scopes, around, inner), below, host)
            return
        label = f"application {describe(item.app)} mounted at {below or '/'}"
        for path in dict.fromkeys((below or "/", f"{below}/", f"{below}/<path:mounted_path>")):
            declaration = RouteDeclaration(path, (ANY_METHOD,), item.app, item.where, order=item.order)
            self._collect(
                declaration, (*scopes, around), "", host, foreign_call(item.app, relative, label, owner.tools)
            )

    def _collect(
        self,
        declaration: RouteDeclaration,
        scopes: tuple[Scope, ...],
        prefix: str,
        host: str | None,
        foreign: Call | None = None,
    ) -> None:
        owner = scopes[-1].owner
        path = join(prefix, declaration.path) or "/"
        pattern = self._attempt(lambda: parse_pattern(path, owner.converters, declaration.where))
        host_pattern = self._attempt(lambda: parse_host(host, declaration.where)) if host else None
        layers = self._layers(declaration.middlewares.entries, owner)
        declared = {
            key: HookDeclaration(function, False, Location.of(function) or declaration.where)
            for key, function in declaration.error_handlers.items()
        }
        handlers = {key: self._error_handler(handler, owner) for key, handler in declared.items()}
        if pattern is None:
            return
        here = Scope(
            "route",
            path,
            tuple(layers),
            owner,
            None,
            {key: call for key, call in handlers.items() if call},
            where=declaration.where,
            max_body=declaration.max_body,
            form_limits=declaration.form_limits,
            error_handlers=declared,
        )
        tags = tuple(dict.fromkeys(tag for scope in scopes if scope.group for tag in scope.group.tags))
        route = Route(
            path,
            declaration.methods,
            declaration.endpoint,
            declaration.name or getattr(declaration.endpoint, "__name__", None),
            tuple(dict.fromkeys((*tags, *declaration.tags))),
            declaration.options,
            host,
            declaration.where,
            declaration.documentation,
            declaration.response,
            next((scope.form_limits for scope in (here, *reversed(scopes)) if scope.form_limits is not None), None),
        )
        collected = Collected(declaration, (*scopes, here), path, host, route, pattern, host_pattern, foreign)
        self.collected.append(collected)

    def _attempt(self, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ConfigurationError as error:
            self.problems += error.problems
            return None


def _items(entry: Entry) -> Iterator[tuple[Any, Any]]:
    """The layers that one item of a list stands for, each with what it is remembered by."""
    if isinstance(entry.item, Layers):
        yield from (((entry, index), layer) for index, layer in enumerate(entry.item.layers))
    else:
        yield entry, entry.item
