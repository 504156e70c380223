"""What layers promise and need of each other, checked in every chain at startup."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from nacre.errors import Location, Problem


class Requirement(Struct, frozen=True):
    """Something that a chain's handler, or a hook around it, needs a layer to leave; `by` is who needs it."""

    need: str
    by: str
    where: Location | None


class Ordered(Protocol):
    """A layer, as far as order goes."""

    name: str
    where: Location | None
    provides: tuple[str, ...]
    requires: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def label(self) -> str: ...


class Chained(Protocol):
    """A chain, as far as order goes: its layers with their scopes, outermost first."""

    @property
    def label(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def route(self) -> Any: ...
    @property
    def layers(self) -> Sequence[tuple[Any, Any]]: ...
    @property
    def skipped(self) -> Sequence[tuple[Any, Any, str]]: ...
    @property
    def requires(self) -> Sequence[Requirement]: ...


def check_order(chains: Iterable[Chained]) -> list[Problem]:
    """Check `requires`, `before` and `after` in all chains; a problem is told once, with the first route it is in."""
    found: dict[tuple[str, str], Problem] = {}
    for chain in chains:
        if chain.route is None:
            continue  # where no route answers, whole scopes may be missing
        layers: list[Ordered] = [layer for _, layer in chain.layers]
        for index, layer in enumerate(layers):
            for kind, problem in _check_layer(chain, layers, index, layer):
                found.setdefault((layer.label, kind), problem)
        for requirement in chain.requires:
            if not any(_leaves(layer, requirement.need) for layer in layers):
                problem = _missing_in_all(chain, layers, requirement)
                found.setdefault((f"{requirement.by} {requirement.where}", requirement.need), problem)
    return list(found.values())


def _check_layer(chain: Chained, layers: list[Ordered], index: int, layer: Ordered) -> Iterator[tuple[str, Problem]]:
    outside, inside = layers[:index], layers[index + 1 :]
    for need in layer.requires:
        if not any(_leaves(other, need) for other in outside):
            yield need, _missing(chain, layers, inside, layer, need)
    for name in layer.before:
        if culprit := next((other for other in outside if _leaves(other, name)), None):
            yield f"before {name}", _misplaced(chain, layer, "outside", culprit, "before")
    for name in layer.after:
        if culprit := next((other for other in inside if _leaves(other, name)), None):
            yield f"after {name}", _misplaced(chain, layer, "inside", culprit, "after")


def _missing(chain: Chained, layers: list[Ordered], inside: list[Ordered], layer: Ordered, need: str) -> Problem:
    what = f"{layer.label} requires `{need}` on {_route(chain)}"
    late = next((other for other in inside if _leaves(other, need)), None)
    if late is not None:
        return Problem(
            f"{what}, but {late.label} provides it further in", layer.where, f"put `{late.name}` before `{layer.name}`"
        )
    return Problem(
        f"{what}, and no layer outside of it provides that{_hint(need, layers)}",
        layer.where,
        f"add a layer that provides `{need}` before it",
    )


def _missing_in_all(chain: Chained, layers: list[Ordered], requirement: Requirement) -> Problem:
    need, where = requirement.need, requirement.where
    what = f"{requirement.by} requires `{need}` on {_route(chain)}"
    absent = next(((layer, reason) for _, layer, reason in chain.skipped if _leaves(layer, need)), None)
    if absent is not None:
        layer, reason = absent
        fix = f"let `{layer.name}` cover the route too"
        return Problem(f"{what}, but {layer.label}, which provides it, is left out there ({reason})", where, fix)
    fix = f"add a layer that provides `{need}`, or take it from a provider instead"
    return Problem(f"{what}, and no layer provides that{_hint(need, layers)}", where, fix)


def _leaves(layer: Ordered, need: str) -> bool:
    return need in layer.provides or need == layer.name


def _hint(need: str, layers: list[Ordered]) -> str:
    known = [name for other in layers for name in (*other.provides, other.name)]
    near = difflib.get_close_matches(need, known, n=1)
    return f"; did you mean `{near[0]}`?" if near else ""


def _misplaced(chain: Chained, layer: Ordered, place: str, other: Ordered, kind: str) -> Problem:
    return Problem(
        f"{layer.label} must stand {place} of {other.label} on {_route(chain)}",
        layer.where,
        f"move `{layer.name}` {kind} `{other.name}` in the list of middlewares",
    )


def _route(chain: Chained) -> str:
    return f"{chain.method} {chain.route.path}"
