"""A frozen, typed picture of an application: all that tools may know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nacre.compiler import Chain, Compiled
from nacre.errors import Location


@dataclass(frozen=True, slots=True)
class LayerDescription:
    """One layer as a request meets it.

    `scope` is where it was declared ("app", "group /shop", "route"), `where` the place in the source, `skipped` the word
    that keeps it out of this chain, or None.
    """

    name: str
    style: str
    scope: str
    where: Location | None
    provides: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    finalizes: bool = False
    raw: bool = False
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class HookDescription:
    """One before- or after-hook."""

    name: str
    kind: str
    where: Location | None


@dataclass(frozen=True, slots=True)
class ChainDescription:
    """What one request passes through, outermost first, and what it would have passed but skips."""

    method: str
    path: str | None
    handler: str
    where: Location | None
    layers: tuple[LayerDescription, ...]
    skipped: tuple[LayerDescription, ...]
    hooks: tuple[HookDescription, ...]
    max_body: int | None
    runs_inline: bool


@dataclass(frozen=True, slots=True)
class RouteDescription:
    """One route with its chains, one per method."""

    path: str
    methods: tuple[str, ...]
    name: str | None
    host: str | None
    tags: tuple[str, ...]
    handler: str
    where: Location | None
    options: Mapping[str, Any] = field(default_factory=dict)
    chains: tuple[ChainDescription, ...] = ()


@dataclass(frozen=True, slots=True)
class AppDescription:
    """A whole application: its routes, and the chains where no route answers, by prefix."""

    name: str | None
    debug: bool
    routes: tuple[RouteDescription, ...]
    fallbacks: Mapping[str, tuple[ChainDescription, ...]]

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def describe_app(compiled: Compiled, app: Any) -> AppDescription:
    """Draw the picture of a compiled application."""
    raw = tuple(_layer("app", layer, raw=True) for layer in compiled.raw_layers)
    chains = [chain for chain in compiled.chains if chain.route is not None]
    routes = tuple(
        RouteDescription(
            route.path,
            route.methods,
            route.name,
            route.host,
            route.tags,
            next(chain.label for chain in chains if chain.route is route),
            route.where,
            route.options,
            tuple(_chain(chain, raw) for chain in chains if chain.route is route),
        )
        for route in compiled.routes
    )
    fallbacks = {
        prefix: tuple(
            _chain(chain, raw)
            for chain in (found.unknown, found.wrong_method, found.options, found.other_slash, found.refused)
        )
        for prefix, found in compiled.fallbacks
    }
    return AppDescription(app.name, app.debug, routes, fallbacks)


def _chain(chain: Chain, raw: tuple[LayerDescription, ...]) -> ChainDescription:
    hooks = [HookDescription(_name(hook.function), "before_request", hook.where) for hook in chain.befores]
    hooks += [HookDescription(_name(hook.function), "after_request", hook.where) for hook in chain.afters]
    return ChainDescription(
        chain.method,
        chain.route.path if chain.route else None,
        chain.label,
        Location.of(chain.route.endpoint) if chain.route else None,
        (*raw, *(_layer(scope.label, layer) for scope, layer in chain.layers)),
        tuple(_layer(scope.label, layer, skipped=reason) for scope, layer, reason in chain.skipped),
        tuple(hooks),
        chain.max_body,
        chain.pipeline.inline is not None,
    )


def _layer(scope: str, layer: Any, *, raw: bool = False, skipped: str | None = None) -> LayerDescription:
    return LayerDescription(
        layer.name,
        layer.style,
        scope,
        layer.where,
        layer.provides,
        layer.requires,
        layer.before,
        layer.after,
        layer.finalize is not None,
        raw,
        skipped,
    )


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
