"""Whether an override of a provider overrides anything."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from nacre.binding.providers import Override, Provider, Ready
from nacre.callables import describe
from nacre.compiler import Chain
from nacre.errors import ConfigurationError, Location, Problem


def check_override(override: Override, chains: Sequence[Chain], app: Any, where: Location) -> None:
    """Raise ConfigurationError if nothing of an application's own asks for the overridden provider.

    A test that replaces another function than it means to would use the real one.
    """
    asked = [provider for chain in chains if chain.owner is app for provider in _asked(chain)]
    others = [provider for chain in chains if chain.owner is not app for provider in _asked(chain)]
    asked += [provider for known in app.overrides for provider in known.covered]
    if any(override.covers(provider) for provider in asked):
        return
    known = [describe(provider.function) for provider in asked if not isinstance(provider.function, Ready)]
    known += [_type_name(provider.provides) for provider in asked if provider.provides is not None]
    target = override.target
    name = describe(target) if hasattr(target, "__qualname__") else _type_name(target)
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"it asks for {', '.join(dict.fromkeys(known)) or 'no provider'}"
    if any(override.covers(provider) for provider in others):
        fix = "another application of those that are mounted together does: call its `override`"
    raise ConfigurationError(Problem(f"nothing in the application asks for {name}, which is overridden", where, fix))


def _asked(chain: Chain) -> Iterable[Provider]:
    for _, bound in chain.bounds:
        yield from (provider for provider, _ in bound.plan.steps)
        yield from bound.plan.singles


def _type_name(kind: Any) -> str:
    return f"`{kind.__qualname__ if isinstance(kind, type) else kind}`"
