"""What each route and scope gives the functions that are bound there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import replace

from nacre.binding import DEFAULT, Site, Validation
from nacre.binding.plan import Slots
from nacre.binding.providers import Provider, ready_provider
from nacre.collector import Collected, Scope
from nacre.groups import Group


class Sites:
    """The sites of one compilation."""

    def __init__(self, app: Any, collected: Sequence[Collected] = ()) -> None:
        self._app = app
        self._shared: dict[tuple[int, ...], Site] = {}
        self._registered: dict[tuple[int, ...], dict[Any, Provider]] = {}
        self._slots: dict[tuple[Callable[..., Any], Slots], object] = {}
        self._variables: dict[Any, list[frozenset[str]]] = {}
        for one in collected:
            self._variables.setdefault(_function(one), []).append(frozenset(_variables(one)))

    def of_scopes(self, scopes: Sequence[Scope]) -> Site:
        """What holds in these scopes, whatever the route."""
        owner = scopes[-1].owner
        groups = [scope.group for scope in scopes if scope.group is not None]
        key = id(owner), *map(id, groups)
        if key not in self._shared:
            self._shared[key] = Site(
                providers=self._providers([scope for scope in scopes if scope.owner is owner]),
                overrides=tuple(owner.overrides),
                validation=_validation(scopes),
                single=self._app.singletons.of,
                slot=self._slot,
                has_route=False,
            )
        return self._shared[key]

    def _providers(self, scopes: Sequence[Scope]) -> dict[Any, Provider]:
        """Those registered by type in scopes of one application, inner before outer ones, and that itself."""
        owner = scopes[-1].owner
        groups = [scope.group for scope in scopes if scope.group is not None and scope.group.providers]
        key = id(owner), *map(id, groups)
        if key not in self._registered:
            itself = ready_provider(owner)
            found: dict[Any, Provider] = {
                cls: itself for cls in type(owner).__mro__ if issubclass(cls, Group) and cls is not Group
            }
            found |= {one.provides: one for group in groups for one in group.providers}
            self._registered[key] = found
        return self._registered[key]

    def _slot(self, function: Callable[..., Any], needs: Slots) -> Any:
        """One object for equal needs: it is hashed for each request, faster than what it stands for."""
        return self._slots.setdefault((function, needs), object()) if needs else function

    def of_scope(self, site: Site, scopes: Sequence[Scope], scope: Scope) -> Site:
        """A site as one of the scopes around it sees it.

        Each application has providers and overrides of its own, and each scope its answer to a failed validation.
        """
        validation = _validation(scopes[: scopes.index(scope) + 1])
        if scope.owner is not scopes[-1].owner:
            shared = self.of_scopes([one for one in scopes if one.owner is scope.owner])
            return replace(site, providers=shared.providers, overrides=shared.overrides, validation=validation)
        return site if validation is site.validation else replace(site, validation=validation)

    def of_route(self, collected: Collected, method: str) -> Site:
        """What one route gives."""
        shared = self.of_scopes(collected.scopes)
        variables = _variables(collected)
        elsewhere = self._variables[_function(collected)]
        return replace(
            shared,
            variables=variables,
            method=method,
            path=collected.path,
            optional=frozenset(name for name in variables if any(name not in names for names in elsewhere)),
            has_route=True,
        )

    def key_of(self, site: Site) -> Any:
        """Equal for sites at which a layer is bound alike."""
        of_route = tuple(site.variables.items()), site.optional, site.has_route, site.method in ("GET", "HEAD")
        return of_route, id(site.providers), site.validation


def _validation(scopes: Sequence[Scope]) -> Validation:
    """The innermost answer to a failed validation that is declared in these scopes."""
    groups = [scope.group for scope in reversed(scopes) if scope.group is not None]
    return next((group.validation for group in groups if group.validation is not None), DEFAULT)


def _function(collected: Collected) -> Any:
    """What tells the functions of routes apart: an instance per route doesn't make another one of a method."""
    endpoint = collected.declaration.endpoint
    if inspect.ismethod(endpoint):
        return endpoint.__func__, type(endpoint.__self__)
    return id(endpoint)


def _variables(collected: Collected) -> dict[str, type | None]:
    found: dict[str, type | None] = {name: type(value) for name, value in collected.declaration.defaults.items()}
    found |= {variable.name: variable.converter.produces for variable in collected.pattern.variables}
    found |= dict.fromkeys(collected.host_pattern.variables if collected.host_pattern else (), str)
    return found
