"""From the name of a route and values to its URL."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast
from urllib.parse import quote, urlencode

from msgspec import Struct

from nacre.errors import ConfigurationError, Location, Problem
from nacre.routing.hosts import HostPattern
from nacre.routing.pattern import BuildError, PathPattern


class NamedRoute(Struct, frozen=True):
    """A route that URLs are built for; `patterns` are the paths it was declared with, first to last."""

    name: str
    patterns: tuple[PathPattern, ...]
    host: HostPattern | None = None
    where: Location | None = None


class BuiltURL(NamedTuple):
    """What is known of a URL: the host if the route has one, else None; the path with its query."""

    host: str | None
    path: str


class Names:
    """The names of an application's routes; raises one ConfigurationError for all names that are taken twice."""

    def __init__(self, routes: Iterable[NamedRoute]) -> None:
        self._routes: dict[str, NamedRoute] = {}
        problems: list[Problem] = []
        for route in routes:
            first = self._routes.setdefault(route.name, route)
            if first is not route:
                problems.append(_taken(first, route))
        if problems:
            raise ConfigurationError(problems)

    def __contains__(self, name: object) -> bool:
        return name in self._routes

    def __getitem__(self, name: str) -> NamedRoute:
        """Answer the route of this name; raises KeyError."""
        return self._routes[name]

    def build(self, name: str, values: Mapping[str, object]) -> BuiltURL:
        """Build the URL of a route.

        Of several patterns the one with the most variables among `values` is built. Values that are no variable of it
        become the query: a list or tuple once per item, True and False as `true` and `false`, None not at all. Raises
        BuildError when the name is unknown or the values don't fit.
        """
        route = self._routes.get(name)
        if route is None:
            raise BuildError(self._unknown(name))
        pattern = _choose(route.patterns, values)
        used = {variable.name for variable in pattern.variables}
        path = pattern.build({key: value for key, value in values.items() if key in used})
        host = route.host.build(values) if route.host else None
        used.update(route.host.variables if route.host else ())
        return BuiltURL(host, path + _query({key: value for key, value in values.items() if key not in used}))

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._routes, n=1)
        if near:
            return f"no route is named `{name}`; did you mean `{near[0]}`{_needs(self._routes[near[0]])}?"
        known = ", ".join(f"`{known}`" for known in sorted(self._routes)) or "none"
        return f"no route is named `{name}`; the names are {known}"


def _choose(patterns: tuple[PathPattern, ...], values: Mapping[str, object]) -> PathPattern:
    complete = [pattern for pattern in patterns if all(name in values for name, _ in pattern.variables)]
    return max(complete or patterns[:1], key=lambda pattern: len(pattern.variables))


def _needs(route: NamedRoute) -> str:
    names = [name for name, _ in route.patterns[0].variables]
    names = [*(route.host.variables if route.host else ()), *names]
    return f", which needs {', '.join(f'`{name}`' for name in names)}" if names else ""


def _query(values: Mapping[str, object]) -> str:
    pairs = [(key, _query_text(item)) for key, value in values.items() for item in _items(value) if item is not None]
    return "?" + urlencode(pairs, quote_via=quote) if pairs else ""


def _items(value: object) -> Iterable[object]:
    return cast(Iterable[object], value) if isinstance(value, list | tuple) else (value,)


def _query_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _taken(first: NamedRoute, second: NamedRoute) -> Problem:
    what = f"two routes are named `{second.name}`: `{first.patterns[0]}` and `{second.patterns[0]}`"
    place = f" (it is also at {first.where})" if first.where else ""
    return Problem(what, second.where, f"give one of them another name{place}")
