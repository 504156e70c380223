"""From declarations to pipelines: collect, check, compile. Runs at startup, and again when something is declared later.

Everything wrong with a configuration is found here and raised together, as one ConfigurationError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from nacre.binding import Bound, Injection, Site, bind
from nacre.binding.inputs import BODY_SOURCES
from nacre.binding.singletons import Singleton
from nacre.callables import Call, describe, prepare_call
from nacre.chain.boundary import ErrorBoundary, ErrorPage, Handlers, asks_by_mark, bind_error_handler
from nacre.chain.django import DjangoLayer
from nacre.chain.endpoint import Endpoint
from nacre.chain.hooks import fold
from nacre.chain.layer import Layer, asks_for_more, compose, place_asgi
from nacre.chain.pipeline import Pipeline, answer_refused, bound, guard, wrap_django
from nacre.chain.place import Place
from nacre.chain.stage import Stage
from nacre.chain.upgrade import check_websocket_handler, handshakes_only, upgrade_call
from nacre.collector import Collected, Collector, Scope
from nacre.errors import ConfigurationError, Location, MethodNotAllowed, NotFound, Problem
from nacre.groups import METHODS, HookDeclaration, RouteDeclaration
from nacre.mounts import enter_mount
from nacre.ordering import Requirement, check_order
from nacre.placement import Placement, names_nothing, words_of
from nacre.request import Request
from nacre.response import Response
from nacre.results import Converter, Results
from nacre.route import Route
from nacre.routing import (
    ANY_METHOD,
    NamedRoute,
    Names,
    RouteEntry,
    Router,
)
from nacre.shaping import compile_converter
from nacre.sites import Sites
from nacre.urls import decode_segment, encode_path
from nacre.websocket import WEBSOCKET

T = TypeVar("T")


class Chain(Struct, frozen=True, eq=False):
    """What one route and method passes through, and what it would have passed but skips."""

    route: Route | None
    method: str
    label: str
    scopes: tuple[Scope, ...]
    layers: tuple[tuple[Scope, Layer], ...]
    skipped: tuple[tuple[Scope, Layer, str], ...]
    befores: tuple[HookDeclaration, ...]
    afters: tuple[HookDeclaration, ...]
    pipeline: Pipeline
    owner: Any
    max_body: int | None
    fallback: Fallback | None = None
    """What answers at this route's path for other methods; None in a fallback itself."""
    bounds: tuple[tuple[str, Bound], ...] = ()
    """Who asks for what: the layers, hooks, error handlers and the handler that are given more than their style."""
    requires: tuple[Requirement, ...] = ()
    """What the handler, hooks and error handlers need of the layers around them."""

    @property
    def singles(self) -> Iterator[Singleton]:
        """What is taken of the application itself, each after what it takes."""
        for _, one in self.bounds:
            yield from one.plan.singles.values()


class Compiled(Struct, frozen=True, eq=False, dict=True):
    """Everything a running application reads; replaced as a whole when something changes."""

    router: Router[Chain]
    names: Names
    routes: tuple[Route, ...]
    chains: tuple[Chain, ...]
    fallbacks: tuple[tuple[str, Fallback], ...]
    raw_layers: tuple[Layer, ...]
    singletons: tuple[Singleton, ...] = ()
    """What the chains take of the application itself, each after what it takes."""

    @cached_property
    def bodies(self) -> Mapping[Route, str]:
        """The routes of which a function is given the body, or parts of it, as the source ("body", "form", "file")."""
        return {
            chain.route: one.source
            for chain in self.chains
            for _, bound in chain.bounds
            for one in bound.plan.inputs
            if chain.route is not None and one.source in BODY_SOURCES
        }


class Fallback(Struct, frozen=True, eq=False):
    """The chains for a prefix where no route answers."""

    unknown: Chain
    wrong_method: Chain
    options: Chain
    other_slash: Chain
    refused: Chain


class Compiler:
    """One compilation of one application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.found = Collector(app)
        self.problems: list[Problem] = self.found.problems
        self.chains: list[Chain] = []
        self.used_words: set[tuple[Layer, str]] = set()
        self._fallbacks: dict[tuple[Any, ...], Fallback] = {}
        self._sites = Sites(app)
        self._scopes: Sequence[Scope] = ()
        self._bindings: list[tuple[str, Bound]] = []
        self._hooks: list[tuple[HookDeclaration, Bound | None]] = []
        self._bound_layers: dict[Any, Layer | list[Problem]] = {}

    def compile(self) -> Compiled:
        """Compile. Raises one ConfigurationError for all problems."""
        found = self.found
        found.collect()
        self._sites = Sites(self.app, found.collected)
        layers_are_known = not self.problems
        entries = [self._entry(route, method) for route in found.collected for method in route.route.methods]
        fallbacks = [(prefix, self._fallback(scopes)) for prefix, scopes in found.prefixes.items()]
        if layers_are_known:
            # A layer that could not be adapted would be missed here once more.
            self._check_placement()
            self.problems += check_order(self.chains)
        router = self._attempt(lambda: Router(entries, decode=decode_segment))
        names = self._attempt(self._names)
        self._fail_if_any()
        assert router is not None
        assert names is not None
        return Compiled(
            router,
            names,
            tuple(dict.fromkeys(collected.route for collected in found.collected)),
            tuple(self.chains),
            tuple(sorted(fallbacks, key=lambda pair: -len(pair[0]))),
            tuple(found.raw_layers),
            tuple(dict.fromkeys(single for chain in self.chains for single in chain.singles)),
        )

    # Check.

    def _attempt(self, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ConfigurationError as error:
            self.problems += error.problems
            return None

    def _fail_if_any(self) -> None:
        if self.problems:
            raise ConfigurationError(list(dict.fromkeys(self.problems)))

    def _check_placement(self) -> None:
        """A selector that selects nothing is a misspelt one."""
        layers = dict.fromkeys(layer for chain in self.chains for scope in chain.scopes for layer in scope.layers)
        for layer, word in [(found, word) for found in layers for word in words_of(found)]:
            if (layer, word) not in self.used_words and word not in METHODS:
                places = [_placement(route, method) for route in self.found.collected for method in route.route.methods]
                self.problems.append(names_nothing(layer, word, places))

    def _names(self) -> Names:
        explicit: dict[str, list[Collected]] = {}
        implicit: dict[str, list[Collected]] = {}
        for collected in self.found.collected:
            name = qualified_name(collected.scopes, collected.route)
            if collected.foreign is not None or name is None:
                continue
            named = explicit if collected.declaration.name else implicit
            named.setdefault(name, []).append(collected)
        unclear = [name for name, found in implicit.items() if len({c.declaration.endpoint for c in found}) > 1]
        routes = [
            named
            for name, found in {**{k: v for k, v in implicit.items() if k not in unclear}, **explicit}.items()
            for named in _named(name, found)
        ]
        return Names(routes)

    # Compile.

    def _entry(self, collected: Collected, method: str) -> RouteEntry[Chain]:
        declaration = collected.declaration
        return RouteEntry(
            collected.pattern,
            frozenset((method,)),
            self._chain(collected, method),
            collected.host_pattern,
            declaration.where,
            _order_of(collected),
            declaration.defaults,
            declaration.slashes or _of_nearest(collected, "slashes", "strict"),
            _of_nearest(collected, "route_order", "specific") == "declared",
            _of_nearest(collected, "case_sensitive", default=True),
        )

    def _chain(self, collected: Collected, method: str) -> Chain:
        return self._build(
            collected.scopes,
            _placement(collected, method),
            lambda boundary, site: self._endpoint_of(collected, boundary, site),
            collected.route,
            method,
            describe(collected.declaration.endpoint),
            hooks=collected.foreign is None,
            fallback=self._fallback_of(collected, method),
            site=self._sites.of_route(collected, method),
        )

    def _endpoint_of(self, collected: Collected, boundary: ErrorBoundary, site: Site) -> Endpoint:
        declaration, owner = collected.declaration, collected.scopes[-1].owner
        convert = self._converter_of(declaration, owner.tools.results)
        if collected.foreign is not None:
            return self._endpoint(collected, boundary, collected.foreign, convert, None)
        inline = declaration.inline
        for scope in reversed(collected.scopes):
            if inline is None and scope.group is not None:
                inline = scope.group.inline
        label = f"handler {describe(declaration.endpoint)}"
        injection = Injection(convert, declaration.response.get("status_code"), takes_none=True)
        bound = bind(declaration.endpoint, ("request",), site, label, handler=True, injection=injection)
        if isinstance(bound, list):
            self.problems += bound
            call = prepare_call(_unbound, owner.tools.threads, inline=True)
        else:
            self._bindings.append((label, bound))
            # A plain layer around the handler gets its answer while that still runs: they can't share a thread.
            threads = owner.tools.threads if declaration.websocket is None else owner.tools.threads.detached()
            call = bound.call(threads, inline=bool(inline))
        if declaration.websocket is not None:
            self.problems += check_websocket_handler(bound, label)
            call = upgrade_call(call, declaration.websocket)
        return self._endpoint(collected, boundary, call, convert, site)

    def _converter_of(self, declaration: RouteDeclaration, results: Results) -> Converter:
        if declaration.convert is not None:
            return declaration.convert
        endpoint, given = declaration.endpoint, declaration.response
        where = Location.of(endpoint) or declaration.where
        name = f"handler {describe(endpoint)}"
        return self._attempt(lambda: compile_converter(results, endpoint, given, name, where)) or results.convert

    def _endpoint(
        self, collected: Collected, boundary: ErrorBoundary, call: Call, convert: Converter, site: Site | None
    ) -> Endpoint:
        """The innermost step of a route; a `site` is where its hooks are bound, None for one without hooks."""
        endpoint, owner = collected.declaration.endpoint, collected.scopes[-1].owner
        where = Location.of(endpoint) or collected.declaration.where
        groups = [] if site is None else [(scope, scope.group) for scope in collected.scopes if scope.group is not None]
        befores = [(scope, hook) for scope, group in groups for hook in group.before_hooks]
        afters = [(scope, hook) for scope, group in reversed(groups) for hook in group.after_hooks]
        return Endpoint(
            call=call,
            convert=convert,
            convert_hook=owner.tools.results.convert,
            label=f"handler {describe(endpoint)} ({where})",
            view=endpoint,
            views=(),
            befores=self._hook_calls(befores, ("request",), site),
            afters=self._hook_calls(afters, ("request", "response"), site),
            boundary=boundary,
            threads=owner.tools.threads,
            prepare_hook=lambda function: prepare_call(function, owner.tools.threads),
        )

    def _hook_calls(
        self, hooks: Sequence[tuple[Scope, HookDeclaration]], given: Sequence[str], site: Site | None
    ) -> list[Call]:
        """How hooks are called; where no route answers, those that need one are left out."""
        calls = [self._hook(hook, scope, given, site) for scope, hook in hooks]
        return [call for call in calls if call is not None]

    def _hook(self, hook: HookDeclaration, scope: Scope, given: Sequence[str], site: Site | None) -> Call | None:
        owner = scope.owner
        if site is not None and asks_for_more(hook.function, len(given)):
            label, site = f"hook {describe(hook.function)}", self._site_at(scope, site)
            bound = self._bind_once(hook, lambda: bind(hook.function, given, site, label), label)
            return None if bound is None else bound.call(owner.tools.threads, inline=hook.inline)
        call: Call | None = owner.adapted.get(hook)
        if call is None:
            call = owner.adapted[hook] = prepare_call(hook.function, owner.tools.threads, inline=hook.inline)
        return call

    def _fallback_of(self, collected: Collected, method: str) -> Fallback:
        """What answers other methods at a route's path: the layers around it, and its own if one answers preflights."""
        *around, own = collected.scopes
        answers = any(getattr(layer.target, "answers_preflights", False) for layer in own.layers)
        return self._fallback(collected.scopes if answers else tuple(around), _placement(collected, method))

    def _fallback(self, scopes: tuple[Scope, ...], placement: Placement | None = None) -> Fallback:
        """The chains for what no route answers in these scopes, or at a route placed there; compiled once."""
        placement = placement or Placement(scopes[-1].prefix or "/", "", None, ())
        key = scopes, tuple(reason is None for _, _, reason in _selection(scopes, placement))
        if key not in self._fallbacks:
            self._fallbacks[key] = self._compile_fallback(scopes, placement)
        return self._fallbacks[key]

    def _compile_fallback(self, scopes: tuple[Scope, ...], placement: Placement) -> Fallback:
        owner = scopes[-1].owner
        mounted = "".join(scope.mount or "" for scope in scopes)

        def chain(method: str, label: str, answer: Callable[[Request], Response]) -> Chain:
            async def call(request: Request) -> Response:
                return answer(request)

            def make(boundary: ErrorBoundary, site: Site) -> Endpoint:
                return Endpoint(
                    call=Call(call, call, answer, inline=True),
                    convert=owner.tools.results.convert,
                    convert_hook=owner.tools.results.convert,
                    label=label,
                    view=answer,
                    views=(),
                    befores=(),
                    afters=(),
                    boundary=boundary,
                    threads=owner.tools.threads,
                    prepare_hook=lambda function: prepare_call(function, owner.tools.threads),
                )

            at = placement if placement.method else replace(placement, method="" if method == ANY_METHOD else method)
            return self._build(scopes, at, make, None, method, label, site=self._sites.of_scopes(scopes))

        return Fallback(
            chain("*", "no route (404)", owner.answer_unknown),
            chain("*", "no route for this method (405)", _raise_wrong_method),
            chain("OPTIONS", "automatic OPTIONS (204)", owner.answer_options),
            chain("*", "other trailing slash (308)", _redirect_to_slash(mounted)),
            chain("*", "refused request (400)", _raise_refusal),
        )

    def _build(
        self,
        scopes: tuple[Scope, ...],
        placement: Placement,
        make: Callable[[ErrorBoundary, Site], Endpoint],
        route: Route | None,
        method: str,
        label: str,
        *,
        hooks: bool = False,
        fallback: Fallback | None = None,
        site: Site,
    ) -> Chain:
        """Compile one chain: pick the layers that apply, then build from the handler outwards."""
        self._scopes, self._bindings, self._hooks = scopes, [], []
        picked, skipped = self._pick(scopes, placement, site, route, method)
        layers = [(scope, layer) for scope, here in picked for layer in here]
        if route is not None and method == WEBSOCKET:
            self.problems += [_no_wsgi(layer) for _, layer in layers if layer.style == "wsgi"]
        stage = self._stage(picked, make, site, matched=route is not None)
        owner = scopes[-1].owner
        boundary = self._boundary(scopes[:1], site, last=self._boundary(scopes, site))
        finalizers = fold([layer.finalize for _, layer in reversed(layers) if layer.finalize is not None])
        groups = [scope.group for scope in scopes if scope.group is not None]
        limits = [scope.max_body for scope in scopes]
        pipeline = (
            guard(stage, boundary, finalizers, scopes[0].owner.tools.threads)
            if layers or any(scope.mount is not None for scope in scopes)
            else Pipeline(stage.handle, stage.inline)
        )
        if method == WEBSOCKET and fallback is not None:
            pipeline = handshakes_only(pipeline, fallback.refused.pipeline)
        chain = Chain(
            route,
            method,
            label,
            scopes,
            tuple(layers),
            tuple(skipped),
            tuple(hook for group in groups for hook in group.before_hooks) if hooks else (),
            tuple(hook for group in reversed(groups) for hook in group.after_hooks) if hooks else (),
            pipeline,
            owner,
            next((limit for limit in reversed(limits) if limit is not None), None),
            fallback,
            tuple(
                dict.fromkeys(
                    [*((f"layer `{layer.name}`", one) for _, layer in layers for one in layer.bounds), *self._bindings]
                )
            ),
            (
                *(Requirement(need, by, one.plan.where) for by, one in self._bindings for need in one.plan.needs),
                *_required_by_marks(route),
            ),
        )
        self.chains.append(chain)
        return chain

    def _pick(
        self, scopes: Sequence[Scope], placement: Placement, site: Site, route: Route | None, method: str
    ) -> tuple[list[tuple[Scope, list[Layer]]], list[tuple[Scope, Layer, str]]]:
        """The layers of each scope that apply here, settled and bound; those that don't, with the reason."""
        if route is not None:
            self.used_words.update(
                (layer, word)
                for scope, inner in _placements(scopes, placement)
                for layer in scope.layers
                for word in words_of(layer)
                if inner.matches(word)
            )
        selection = list(_selection(scopes, placement))
        skipped = [(scope, layer, reason) for scope, layer, reason in selection if reason is not None]
        selected = [(scope, layer) for scope, layer, reason in selection if reason is None]
        picked: dict[int, list[Layer]] = {id(scope): [] for scope in scopes}
        targets = [layer.target for _, layer in selected]
        for index, (scope, layer) in enumerate(selected):
            place = Place(route, method, tuple(targets[:index]), tuple(targets[index + 1 :]))
            settled = self._settle_layer(layer, place)
            bound = settled if isinstance(settled, str) else self._bind_layer(settled, self._site_at(scope, site))
            if isinstance(bound, Layer):
                picked[id(scope)].append(bound)
            else:
                skipped.append((scope, layer, bound or "asks for what only routes have"))
        return [(scope, picked[id(scope)]) for scope in scopes], skipped

    def _settle_layer(self, layer: Layer, place: Place) -> Layer | str:
        """The layer as it is in one chain, or why it isn't in it."""
        if layer.settle is None:
            return layer
        settle = layer.settle
        return self._attempt(lambda: settle(place)) or "can't be settled here"

    def _site_at(self, scope: Scope, site: Site) -> Site:
        """The site of the chain that is being built, as one of its scopes sees it."""
        return self._sites.of_scope(site, self._scopes, scope)

    def _bind_layer(self, layer: Layer, site: Site) -> Layer | None:
        """The layer as it is on one route; None, where no route answers, if it needs a route's path variables."""
        if layer.bind is None:
            return layer
        key = layer, self._sites.key_of(site)
        if key not in self._bound_layers:
            self._bound_layers[key] = layer.bind(site)
        bound = self._bound_layers[key]
        if isinstance(bound, list):
            self.problems += bound
            return None
        return bound

    def _stage(
        self,
        picked: list[tuple[Scope, list[Layer]]],
        make: Callable[[ErrorBoundary, Site], Endpoint],
        site: Site,
        *,
        matched: bool,
    ) -> Stage:
        scopes = [scope for scope, _ in picked]
        django = [layer.django for _, here in picked for layer in here if layer.django is not None]
        endpoint = make(self._boundary(scopes, site), site)
        views = [hook for layer in django if (hook := layer.process_view) is not None]
        is_whole = not any(here or scope.mount is not None for scope, here in picked)
        outermost = self._boundary(scopes[:1], site) if is_whole else None
        stage = replace(endpoint, views=views if matched else (), outermost=outermost).compile()
        for index in range(len(picked) - 1, -1, -1):
            scope, here = picked[index]
            boundary = self._boundary(scopes[: index + 1], site)
            outer = [layer.django for _, layers in picked[:index] for layer in layers if layer.django is not None]
            stage = self._wrap_scope(here, outer, boundary, stage)
            if index and here:
                stage = bound(stage, boundary)
            if scope.mount is not None:
                stage = enter_mount(stage, scope.mount, scope.owner)
        return stage

    def _wrap_scope(
        self, layers: list[Layer], outer: list[DjangoLayer], boundary: ErrorBoundary, stage: Stage
    ) -> Stage:
        for layer in layers:
            place_asgi(layer, self.app.tools.threads)
        own = [layer.django for layer in layers if layer.django is not None]

        def wrap(layer: Layer, inner: Stage) -> Stage:
            assert layer.django is not None
            return wrap_django(layer.django, [*outer, *own[: own.index(layer.django)]], boundary, inner)

        return compose(layers, stage, wrap, lambda inner, bounds: answer_refused(inner, boundary, bounds))

    def _handlers(self, scope: Scope, site: Site) -> Handlers:
        """The error handlers of a scope, those bound that ask for more than the request and the error.

        Where no route answers, those that need one are left out.
        """
        handlers = dict(scope.handlers)
        site = self._site_at(scope, site)
        for key, declared in scope.error_handlers.items():
            if key in handlers and asks_by_mark(declared.function):
                label = f"error handler {describe(declared.function)}"
                make = partial(bind_error_handler, declared.function, scope.owner, site, label)
                bound = self._bind_once(declared, make, label)
                if bound is None:
                    del handlers[key]
                else:
                    handlers[key] = bound.call(scope.owner.tools.threads, inline=declared.inline)
        return handlers

    def _bind_once(
        self, declared: HookDeclaration, make: Callable[[], Bound | list[Problem]], label: str
    ) -> Bound | None:
        """Bind a hook or an error handler once for the chain that is being built."""
        for known, already in self._hooks:
            if known is declared:
                return already
        made = make()
        if isinstance(made, Bound):
            self._bindings.append((label, made))
        else:
            self.problems += made
        bound = made if isinstance(made, Bound) else None
        self._hooks.append((declared, bound))
        return bound

    def _boundary(self, scopes: Sequence[Scope], site: Site, last: ErrorBoundary | None = None) -> ErrorBoundary:
        owner = scopes[-1].owner
        groups = [(scope, scope.group) for scope in reversed(scopes) if scope.group is not None]
        after_error = [(scope, hook) for scope, group in groups for hook in group.error_hooks]
        page: ErrorPage = owner.error_page
        return ErrorBoundary(
            [self._handlers(scope, site) for scope in reversed(scopes) if scope.handlers],
            self._hook_calls(after_error, ("request", "response"), site),
            owner.tools.results,
            page,
            owner.report,
            owner.tools.threads,
            last,
        )


def _placements(scopes: Sequence[Scope], placement: Placement) -> Iterator[tuple[Scope, Placement]]:
    """A place as each scope around it names it."""
    for scope in scopes:
        if scope.mount is not None:
            placement = placement.below(scope.mount)
        yield scope, placement


def _selection(scopes: Sequence[Scope], placement: Placement) -> Iterator[tuple[Scope, Layer, str | None]]:
    """All layers of these scopes, and why their words leave them out here; None if they don't."""
    for scope, inner in _placements(scopes, placement):
        for layer in scope.layers:
            yield scope, layer, inner.skips(layer)


def _required_by_marks(route: Route | None) -> Iterator[Requirement]:
    """What the marks of a handler need the layers around it to leave."""
    if route is None:
        return
    for name, value in route.marks.items():
        for need in getattr(value, "requires", ()):
            yield Requirement(need, f"the mark `{name}` of {describe(route.endpoint)}", Location.of(route.endpoint))


def _no_wsgi(layer: Layer) -> Problem:
    """The problem of a WSGI layer around a WebSocket."""
    what = f"{layer.label} stands in front of a WebSocket, which WSGI has no form for"
    return Problem(what, layer.where, 'leave it out there: Middleware(…, skip="WEBSOCKET")')


def _of_nearest(collected: Collected, option: str, default: Any) -> Any:
    """An option of the nearest group around a route that has it."""
    values = (getattr(scope.group, option) for scope in reversed(collected.scopes) if scope.group is not None)
    return next((value for value in values if value is not None), default)


def _order_of(collected: Collected) -> tuple[int, ...]:
    """When it was declared; in groups that answer in that order, when what holds it was put into each counts first."""
    places: list[int] = []
    in_order = False
    for scope in collected.scopes:
        if scope.group is not None:
            if in_order:
                places.append(scope.order)
            in_order = (scope.group.route_order or ("declared" if in_order else "specific")) == "declared"
    return (*places, collected.declaration.order)


def _placement(collected: Collected, method: str) -> Placement:
    return Placement(collected.path, method, collected.declaration.name or collected.route.name, collected.route.tags)


def qualified_name(scopes: Sequence[Scope], route: Route) -> str | None:
    """The name `url_for` knows a route by: those of its groups and mounts in front, joined by colons."""
    if route.name is None:
        return None
    return ":".join([*(scope.name for scope in scopes[1:] if scope.name), route.name])


def _named(name: str, found: list[Collected]) -> Iterator[NamedRoute]:
    """One named route per endpoint; two endpoints of one explicit name are a problem that `Names` reports."""
    by_place: dict[Any, list[Collected]] = {}
    for collected in found:
        key = getattr(collected.declaration.endpoint, "__self__", None) or collected.declaration.endpoint
        by_place.setdefault(id(key), []).append(collected)
    for group in by_place.values():
        patterns = tuple(dict.fromkeys(collected.pattern for collected in group))
        yield NamedRoute(name, patterns, group[0].host_pattern, group[0].declaration.where)


def _unbound(request: Request) -> None:
    """Stands in for a handler that can't be bound, until that is told with all other problems."""


# What answers where no route does. The transport's matcher has left what they need on the request.


def _raise_wrong_method(request: Request) -> Response:
    raise MethodNotAllowed(request.allowed_methods)


def _redirect_to_slash(mounted: str) -> Callable[[Request], Response]:
    """Answer with the path as it is written; `mounted` is what the mounts around have added to `root_path`."""

    def answer(request: Request) -> Response:
        root = request.root_path.removesuffix(mounted)
        # SECURITY: a location that begins with two slashes names another host.
        location = "/" + encode_path(root + request.other_path).lstrip("/")
        query = f"?{request.query_string}" if request.query_string else ""
        return Response(status=308, headers=[("location", location + query)])

    return answer


def _raise_refusal(request: Request) -> Response:
    raise request.refusal or NotFound()
