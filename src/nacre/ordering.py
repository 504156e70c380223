"""What layers promise and need of each other, checked in every chain at startup."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from nacre.errors import Location, Problem


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
    return list(found.values())


def _check_layer(chain: Chained, layers: list[Ordered], index: int, layer: Ordered) -> Iterator[tuple[str, Problem]]:
    outside, inside = layers[:index], layers[index + 1 :]
    for need in layer.requires:
        if not any(need in other.provides or need == other.name for other in outside):
            yield need, _missing(chain, layers, inside, layer, need)
    for name in layer.before:
        if culprit := next((other for other in outside if name == other.name or name in other.provides), None):
            yield f"before {name}", _misplaced(chain, layer, "outside", culprit, "before")
    for name in layer.after:
        if culprit := next((other for other in inside if name == other.name or name in other.provides), None):
            yield f"after {name}", _misplaced(chain, layer, "inside", culprit, "after")


def _missing(chain: Chained, layers: list[Ordered], inside: list[Ordered], layer: Ordered, need: str) -> Problem:
    what = f"{layer.label} requires `{need}` on {_route(chain)}"
    late = next((other for other in inside if need in other.provides or need == other.name), None)
    if late is not None:
        return Problem(
            f"{what}, but {late.label} provides it further in", layer.where, f"put `{late.name}` before `{layer.name}`"
        )
    known = [name for other in layers for name in (*other.provides, other.name)]
    near = difflib.get_close_matches(need, known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    return Problem(
        f"{what}, and no layer outside of it provides that{hint}",
        layer.where,
        f"add a layer that provides `{need}` before it",
    )


def _misplaced(chain: Chained, layer: Ordered, place: str, other: Ordered, kind: str) -> Problem:
    return Problem(
        f"{layer.label} must stand {place} of {other.label} on {_route(chain)}",
        layer.where,
        f"move `{layer.name}` {kind} `{other.name}` in the list of middlewares",
    )


def _route(chain: Chained) -> str:
    return f"{chain.method} {chain.route.path}"
