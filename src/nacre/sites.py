"""What each route and scope gives the functions that are bound there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nacre.binding import DEFAULT, Site
from nacre.collector import Collected, Scope


class Sites:
    """The sites of one compilation."""

    def __init__(self, collected: Sequence[Collected] = ()) -> None:
        self._shared: dict[tuple[int, ...], Site] = {}
        self._variables: dict[int, list[frozenset[str]]] = {}
        for one in collected:
            self._variables.setdefault(id(one.declaration.endpoint), []).append(frozenset(_variables(one)))

    def of_scopes(self, scopes: Sequence[Scope]) -> Site:
        """What holds in these scopes, whatever the route."""
        groups = [scope.group for scope in scopes if scope.group is not None]
        key = tuple(map(id, groups))
        if key not in self._shared:
            validation = next((one.validation for one in reversed(groups) if one.validation is not None), DEFAULT)
            self._shared[key] = Site(validation=validation, has_route=False)
        return self._shared[key]

    def of_route(self, collected: Collected, method: str) -> Site:
        """What one route gives."""
        shared = self.of_scopes(collected.scopes)
        variables = _variables(collected)
        elsewhere = self._variables[id(collected.declaration.endpoint)]
        return Site(
            variables,
            shared.providers,
            shared.replaced,
            shared.validation,
            method,
            collected.path,
            frozenset(name for name in variables if any(name not in names for names in elsewhere)),
        )

    def key_of(self, site: Site) -> Any:
        """Equal for sites at which a layer is bound alike."""
        return tuple(site.variables.items()), id(site.providers), site.validation, site.method in ("GET", "HEAD")


def _variables(collected: Collected) -> dict[str, type | None]:
    found: dict[str, type | None] = {name: type(value) for name, value in collected.declaration.defaults.items()}
    found |= {variable.name: variable.converter.produces for variable in collected.pattern.variables}
    found |= dict.fromkeys(collected.host_pattern.variables if collected.host_pattern else (), str)
    return found
