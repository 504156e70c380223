"""A frozen, typed picture of an application: all that tools may know of it.

Options of layers are left out on purpose: they hold secrets.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from nacre.binding import MISSING, Constraints, Input, Source, Validation
from nacre.binding.parser import GroupField, GroupParser
from nacre.callables import Call, describe
from nacre.chain.layer import Layer, written_rows
from nacre.chain.trace import find_origin
from nacre.collector import Scope
from nacre.compiler import Chain, Compiled, Fallback, qualified_name
from nacre.documentation import Documentation, Responses, Security
from nacre.errors import Location
from nacre.groups import MountDeclaration
from nacre.request import Request
from nacre.results import return_annotation
from nacre.route import Route
from nacre.routing import PathPattern, RouteEntry, join
from nacre.shaping.fields import fields_of
from nacre.urls import quote_segment

Outcome = Literal["route", "not_found", "wrong_method", "options", "redirect", "refused"]
"""What a request comes to: a route, or one of the answers where none has it: 404, 405, 204, 308, 400."""


@dataclass(frozen=True, slots=True)
class LayerDescription:
    """One layer as a request meets it.

    `scope` is where it was declared ("app", "group /shop", "route"), `where` the place in the source. `parts` are what
    it has besides being called: `before`, `after`, `process_view`, `process_exception`, `finalize`. A `raw` layer
    stands outside of routing. `skipped` is the word that keeps it out of this chain, or None. `responses` are what it
    may answer itself, `security` the schemes of which it asks for one. `dialect` is the one it is written in, None for
    Nacre's own.
    """

    name: str
    style: str
    scope: str
    where: Location | None
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    raw: bool = False
    skipped: str | None = None
    responses: Responses = field(default_factory=dict[int, Any])
    security: Security = field(default_factory=dict[str, Any])
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class HookDescription:
    """A function that runs at one moment: `kind` is before_request, after_request, after_error or finalize."""

    name: str
    kind: str
    scope: str
    where: Location | None
    dialect: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorHandlerDescription:
    """An error handler: `key` is the status or the name of the class it is for."""

    key: str
    name: str
    scope: str
    where: Location | None


@dataclass(frozen=True, slots=True)
class InputDescription:
    """One thing of the request that a handler, a layer, a hook or a provider of theirs asks for.

    `key` is its name on the wire, `type` the annotation. `many` says that all values of a repeated field are taken,
    `group` that `type` is a model whose fields are all of this source. `fields` are those of such a model; it has none
    if it takes whatever there is. `content_types` are those of a body. `by` names who asks.
    """

    name: str
    source: Source
    key: str
    type: Any
    required: bool
    by: str
    default: Any = MISSING
    many: bool = False
    group: bool = False
    constraints: Constraints = field(default_factory=Constraints)
    description: str | None = None
    examples: tuple[Any, ...] = ()
    deprecated: bool = False
    content_types: tuple[str, ...] = ()
    fields: tuple[GroupField, ...] = ()


@dataclass(frozen=True, slots=True)
class BinderDescription:
    """Code that was written for a chain: the binder that gives a handler, layer or hook (`by`) what it asks for."""

    by: str
    source: str


@dataclass(frozen=True, slots=True)
class RowDescription:
    """The one function that neighbouring hooks were written as; `names` are those of their layers, outermost first."""

    names: str
    source: str


@dataclass(frozen=True, slots=True)
class ResultDescription:
    """What a handler answers: the type of a plain value, `inspect.Signature.empty` if it isn't annotated."""

    type: Any
    status: int | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class ChainDescription:
    """What one request passes through, and what it would have passed but skips.

    Layers go from the outermost to the innermost; hooks, finalizers and error handlers are in the order in which they
    run or are asked. `runs_inline` says that under WSGI no event loop is needed.
    """

    outcome: Outcome
    method: str
    path: str | None
    handler: str
    where: Location | None
    scopes: tuple[str, ...]
    layers: tuple[LayerDescription, ...]
    skipped: tuple[LayerDescription, ...]
    hooks: tuple[HookDescription, ...]
    finalizers: tuple[HookDescription, ...]
    error_handlers: tuple[ErrorHandlerDescription, ...]
    max_body: int | None
    runs_inline: bool
    inputs: tuple[InputDescription, ...] = ()
    result: ResultDescription | None = None
    binders: tuple[BinderDescription, ...] = ()
    validation: Validation = field(default_factory=Validation)
    dialect: str | None = None
    """The one that the handler is written in."""
    rows: tuple[RowDescription, ...] = ()


@dataclass(frozen=True, slots=True)
class VariableDescription:
    """A variable of a path: `converter` as it may be written, `type` of its values if that is known."""

    name: str
    converter: str
    type: str | None


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """One route with its chains, one per method.

    `name` is the one `url_for` takes, with the names of its groups. `template` is the path with its variables as
    `{name}` and its text percent-encoded.
    """

    path: str
    methods: tuple[str, ...]
    name: str | None
    host: str | None
    tags: tuple[str, ...]
    handler: str
    where: Location | None
    variables: tuple[VariableDescription, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    slashes: str = "strict"
    options: Mapping[str, Any] = field(default_factory=dict)
    chains: tuple[ChainDescription, ...] = ()
    template: str = ""
    documentation: Documentation = field(default_factory=Documentation)


@dataclass(frozen=True, slots=True)
class ScopeDescription:
    """The application, a group, or a mounted application, at the prefix where it is."""

    label: str
    prefix: str
    name: str | None
    where: Location | None
    layers: tuple[LayerDescription, ...]
    hooks: tuple[HookDescription, ...]
    error_handlers: tuple[ErrorHandlerDescription, ...]
    max_body: int | None


@dataclass(frozen=True, slots=True)
class MountDescription:
    """An application under a prefix; `native` if it is a Nacre, whose routes are listed with all others."""

    prefix: str
    app: str
    name: str | None
    where: Location | None
    native: bool


@dataclass(frozen=True, slots=True)
class AppDescription:
    """A whole application: its routes, and the chains where no route answers, by prefix."""

    name: str | None
    debug: bool
    routes: tuple[RouteDescription, ...]
    scopes: tuple[ScopeDescription, ...]
    mounts: tuple[MountDescription, ...]
    fallbacks: Mapping[str, tuple[ChainDescription, ...]]

    @property
    def chains(self) -> tuple[ChainDescription, ...]:
        """All chains of all routes."""
        return tuple(chain for route in self.routes for chain in route.chains)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return plain(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one request would come to, and the chain it would pass.

    `allowed` are the methods of the `Allow` field, `redirect` is the path that a request is sent to, `refusal` and
    `refusal_status` say why a request is refused, and with 400 or 426, `nearest` the routes most like a path that is
    unknown, best first. Routes are without their chains.
    """

    method: str
    path: str
    host: str | None
    outcome: Outcome
    path_params: Mapping[str, Any]
    allowed: tuple[str, ...]
    redirect: str | None
    refusal: str | None
    refusal_status: int | None
    chain: ChainDescription
    route: RouteDescription | None
    nearest: tuple[RouteDescription, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return plain(self)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class FailureDescription:
    """The way of an exception through a chain.

    `raised` and `converted` are indexes of the chain's layers: the layer in whose code it was raised (None: in no
    layer's, so the handler, a hook or the framework), and the layer for which it was made a response (None: the end of
    the chain). `passed` are those it went through in between, innermost first. What is raised in a finalizer or in an
    error handler passes none.
    """

    chain: ChainDescription
    raised: int | None
    in_finalizer: bool
    in_error_handler: bool
    passed: tuple[int, ...]
    converted: int | None


def describe_app(compiled: Compiled, name: str | None, *, debug: bool) -> AppDescription:
    """Draw the picture of a compiled application."""
    return AppDescription(
        name,
        debug,
        _routes(compiled),
        tuple(_scope(scope) for scope in _scopes(compiled)),
        tuple(mount for scope in _scopes(compiled) for mount in _mounts(scope)),
        MappingProxyType(
            {
                prefix: tuple(describe_chain(compiled, chain) for chain, _ in _outcomes(fallback))
                for prefix, fallback in compiled.fallbacks
            }
        ),
    )


def describe_chain(compiled: Compiled, chain: Chain) -> ChainDescription:
    """Draw the picture of one chain of a compiled application."""
    outcome: Outcome = "route"
    if chain.route is None:
        # Those of a prefix, and those of the paths of routes.
        fallbacks = [fallback for _, fallback in compiled.fallbacks]
        fallbacks += [one.fallback for one in compiled.chains if one.fallback is not None]
        outcome = next(name for fallback in fallbacks for one, name in _outcomes(fallback) if one is chain)
    layers = [_layer("app", layer, raw=True) for layer in compiled.raw_layers]
    layers += [_layer(scope.label, layer) for scope, layer in chain.layers]
    return ChainDescription(
        outcome,
        chain.method,
        chain.route.path if chain.route else None,
        _unquoted(chain.label),
        Location.of(chain.route.endpoint) if chain.route else None,
        tuple(scope.label for scope in chain.scopes),
        tuple(layers),
        tuple(_layer(scope.label, layer, skipped=reason) for scope, layer, reason in chain.skipped),
        _hooks(chain),
        tuple(
            HookDescription(layer.name, "finalize", scope.label, layer.where, layer.dialect)
            for scope, layer in reversed(chain.layers)
            if layer.finalize is not None
        ),
        tuple(handler for scope in reversed(chain.scopes) for handler in _error_handlers(scope)),
        chain.max_body,
        chain.pipeline.inline is not None and not compiled.raw_layers,
        tuple(_input(by, one) for by, bound in chain.bounds for one in bound.plan.inputs),
        _result(chain.route) if chain.route else None,
        tuple(BinderDescription(by, bound.source) for by, bound in chain.bounds if bound.source is not None),
        next((bound.plan.validation for _, bound in chain.bounds), Validation()),
        chain.owner.dialect,
        tuple(_rows(chain)),
    )


def _rows(chain: Chain) -> Iterator[RowDescription]:
    for _, layers in itertools.groupby(chain.layers, lambda pair: pair[0]):
        for names, source in written_rows([layer for _, layer in layers]):
            yield RowDescription(names, source)


def _result(route: Route) -> ResultDescription:
    options = route.response
    kind = options.get("response_type")
    return ResultDescription(
        return_annotation(route.endpoint) if kind is None else kind,
        options.get("status_code"),
        options.get("content_type"),
    )


def _input(by: str, one: Input) -> InputDescription:
    return InputDescription(
        one.name,
        one.source,
        one.key,
        one.type,
        one.required,
        by,
        one.default,
        one.many,
        one.group,
        one.mark.constraints,
        one.mark.description,
        one.mark.examples,
        one.mark.deprecated,
        one.content_types,
        one.parser.fields if isinstance(one.parser, GroupParser) else (),
    )


def explain_request(compiled: Compiled, chain: Chain, request: Request, host: str | None) -> Explanation:
    """Say what a request that was matched to this chain comes to."""
    routes = tuple(dataclasses.replace(route, chains=()) for route in _routes(compiled))
    description = describe_chain(compiled, chain)
    return Explanation(
        request.method,
        request.path,
        host,
        description.outcome,
        MappingProxyType(dict(request.path_params)),
        request.allowed_methods,
        request.other_path or None,
        request.refusal.detail if request.refusal is not None else None,
        request.refusal.status if request.refusal is not None else None,
        description,
        next((one for route, one in zip(compiled.routes, routes, strict=True) if route is chain.route), None),
        nearest_routes(routes, request.path)[:3] if description.outcome == "not_found" else (),
    )


def describe_failure(compiled: Compiled, chain: Chain, error: BaseException) -> FailureDescription:
    """Follow an exception, by its traceback, from where it was raised to where it was made a response."""
    layers = [layer for _, layer in chain.layers]
    origin = find_origin(error, layers)
    outside = len(layers) if origin.index is None else origin.index
    # Inside a Django-style layer nothing raises, so the first one further out has it.
    converted = None
    passed: list[int] = []
    if not (origin.in_finalizer or origin.in_error_handler):
        converted = next((at for at in range(outside - 1, -1, -1) if layers[at].django is not None), None)
        passed = list(range(outside - 1, -1 if converted is None else converted, -1))
    first = len(compiled.raw_layers)
    return FailureDescription(
        describe_chain(compiled, chain),
        None if origin.index is None else first + origin.index,
        origin.in_finalizer,
        origin.in_error_handler,
        tuple(first + at for at in passed),
        None if converted is None else first + converted,
    )


def nearest_routes(routes: Iterable[RouteDescription], path: str) -> tuple[RouteDescription, ...]:
    """The routes sorted by likeness to a path, most alike first."""
    return tuple(sorted(routes, key=lambda route: -_likeness(route.path, path)))


def plain(value: Any, depth: int = 12) -> Any:
    """Anything as data that JSON can hold; what has no such form becomes text. Never raises."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if depth == 0:
        return "…"
    if type(value).__module__ in _SHOWN and (fields := fields_of(type(value))) is not None:
        return {one.name: plain(getattr(value, one.name), depth - 1) for one in fields}
    if isinstance(value, Mapping):
        return {str(plain(key, 1)): plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth - 1) for item in value]
    return _text_of(value)


def _text_of(value: Any) -> str:
    name = getattr(value, "__qualname__", None)
    if isinstance(name, str):  # a class or a function, whose repr would hold an address
        return f"{getattr(value, '__module__', None)}.{name}"
    try:
        text = repr(value)
    except Exception:
        return f"<{type(value).__qualname__}>"
    return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "…"


_TEXT_MAX = 200
_SHOWN = {__name__, *(one.__module__ for one in (Location, Documentation, Constraints, GroupField, Validation))}
"""The modules whose classes are shown field by field; of all others there is a name at most."""


def _routes(compiled: Compiled) -> tuple[RouteDescription, ...]:
    entries: dict[int, list[RouteEntry[Chain]]] = {}
    for entry in compiled.router.entries:
        entries.setdefault(id(entry.payload.route), []).append(entry)
    return tuple(_route(compiled, entries[id(route)]) for route in compiled.routes)


def _route(compiled: Compiled, entries: Sequence[RouteEntry[Chain]]) -> RouteDescription:
    entry, chain = entries[0], entries[0].payload
    route = chain.route
    assert route is not None
    return RouteDescription(
        route.path,
        route.methods,
        qualified_name(chain.scopes, route),
        route.host,
        route.tags,
        _unquoted(chain.label),
        route.where,
        tuple(
            VariableDescription(name, str(converter), converter.produces.__name__ if converter.produces else None)
            for name, converter in entry.pattern.variables
        ),
        MappingProxyType(dict(entry.defaults)),
        entry.slashes,
        MappingProxyType(dict(route.options)),
        tuple(describe_chain(compiled, one.payload) for one in entries),
        _template(entry.pattern),
        route.documentation,
    )


def _template(pattern: PathPattern) -> str:
    return "".join(
        "/" + "".join(quote_segment(part) if isinstance(part, str) else f"{{{part.name}}}" for part in parts)
        for parts in ((segment,) if isinstance(segment, str) else segment for segment in pattern.segments)
    )


def _scopes(compiled: Compiled) -> list[Scope]:
    """The application and all below it but the routes, in the order of their declaration."""
    scopes = dict.fromkeys(scope for chain in compiled.chains for scope in chain.scopes)
    return [scope for scope in scopes if scope.group is not None]


def _scope(scope: Scope) -> ScopeDescription:
    group = scope.group
    assert group is not None
    kinds = (
        ("before_request", group.before_hooks),
        ("after_request", group.after_hooks),
        ("after_error", group.error_hooks),
    )
    return ScopeDescription(
        scope.label,
        scope.prefix,
        group.name,
        scope.where,
        tuple(_layer(scope.label, layer) for layer in scope.layers),
        tuple(
            HookDescription(_name(hook.function), kind, scope.label, hook.where, scope.owner.dialect)
            for kind, hooks in kinds
            for hook in hooks
        ),
        tuple(_error_handlers(scope)),
        scope.max_body,
    )


def _mounts(scope: Scope) -> Iterable[MountDescription]:
    for item in scope.group.declarations if scope.group is not None else ():
        if isinstance(item, MountDeclaration):
            native = hasattr(item.app, "describe")
            app = type(item.app).__name__ if native else _name(item.app)
            yield MountDescription(join(scope.prefix, item.prefix) or "/", app, item.name, item.where, native)


def _error_handlers(scope: Scope) -> Iterable[ErrorHandlerDescription]:
    for key, handler in scope.error_handlers.items():
        text = key.__qualname__ if isinstance(key, type) else str(key)
        yield ErrorHandlerDescription(text, _name(handler.function), scope.label, handler.where)


def _hooks(chain: Chain) -> tuple[HookDescription, ...]:
    scopes = {
        id(hook): scope
        for scope in chain.scopes
        if scope.group is not None
        for hook in (*scope.group.before_hooks, *scope.group.after_hooks, *scope.group.error_hooks)
    }
    errors = [hook for scope in reversed(chain.scopes) if scope.group is not None for hook in scope.group.error_hooks]
    kinds = (("before_request", chain.befores), ("after_request", chain.afters), ("after_error", errors))
    return tuple(
        HookDescription(_name(hook.function), kind, scope.label, hook.where, scope.owner.dialect)
        for kind, hooks in kinds
        for hook in hooks
        for scope in (scopes[id(hook)],)
    )


def _layer(scope: str, layer: Layer, *, raw: bool = False, skipped: str | None = None) -> LayerDescription:
    return LayerDescription(
        layer.name,
        layer.style,
        scope,
        layer.where,
        layer.only or (),
        layer.skip,
        layer.provides,
        layer.requires,
        layer.before,
        layer.after,
        tuple(_parts(layer)),
        raw,
        skipped,
        MappingProxyType(dict(layer.responses)),
        MappingProxyType(dict(layer.security)),
        layer.dialect,
    )


def _parts(layer: Layer) -> Iterable[str]:
    for holder, names in ((layer.hooks, ("before", "after")), (layer.django, ("process_view", "process_exception"))):
        yield from (name for name in names if getattr(holder, name, None) is not None)
    if layer.finalize is not None:
        yield "finalize"


def _outcomes(fallback: Fallback) -> tuple[tuple[Chain, Outcome], ...]:
    return (
        (fallback.unknown, "not_found"),
        (fallback.wrong_method, "wrong_method"),
        (fallback.options, "options"),
        (fallback.other_slash, "redirect"),
        (fallback.refused, "refused"),
    )


def _likeness(pattern: str, path: str) -> float:
    """How alike a pattern and a path are, from 0 to 1; a variable is like anything."""
    asked = path.split("/")
    segments = [
        asked[at] if at < len(asked) and ("<" in segment or "{" in segment) else segment
        for at, segment in enumerate(pattern.split("/"))
    ]
    return difflib.SequenceMatcher(None, "/".join(segments)[:_TEXT_MAX], path[:_TEXT_MAX], autojunk=False).ratio()


def _name(function: Any) -> str:
    return _unquoted(describe(function.on_loop if isinstance(function, Call) else function))


def _unquoted(text: str) -> str:
    return text.replace("`", "")
