"""What a request was matched to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from nacre.documentation import Documentation
from nacre.errors import Location
from nacre.fields import FormLimits
from nacre.marks import marks_of
from nacre.types import Scope


class RouteMatch:
    """How a route answers `Route.matches`; equal to any enumeration member of the same name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return getattr(other, "name", None) == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"<RouteMatch {self.name}>"


_NONE, _PARTIAL, _FULL = RouteMatch("NONE"), RouteMatch("PARTIAL"), RouteMatch("FULL")


class Route(Struct, frozen=True, eq=False, dict=True):
    """One route as it was declared, with the prefixes of its groups and mounts in front.

    `endpoint` is the function or method the user wrote; `options` holds every keyword of the declaration that Nacre
    does not use itself, for layers to read (`request.route.options["role"]`).
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Callable[..., Any]
    name: str | None = None
    tags: tuple[str, ...] = ()
    options: Mapping[str, Any] = {}
    host: str | None = None
    where: Location | None = None
    documentation: Documentation = field(default_factory=Documentation)
    response: Mapping[str, Any] = {}
    """The options for what it returns; see `nacre.shaping.ResponseKeywords`."""

    form_limits: FormLimits | None = None
    """What a form may hold: the route's, or those of the group or application around it."""

    @cached_property
    def marks(self) -> Mapping[str, Any]:
        """What decorators such as `@csrf.exempt` have left on the handler, by name; see `nacre.marks`."""
        return marks_of(self.endpoint)

    def matches(self, scope: Scope) -> tuple[RouteMatch, dict[str, Any]]:
        """Say whether a scope is this route's: NONE, PARTIAL (other method) or FULL.

        COMPAT: published ASGI middlewares loop over `scope["app"].routes` and ask each for this.
        """
        found = scope["route"] if "route" in scope else scope["app"].find_route(scope["method"], scope["path"])
        if found is not self:
            return _NONE, {}
        match = _FULL if scope.get("method") in (*self.methods, "HEAD") else _PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": scope.get("path_params", {})}

    def __deepcopy__(self, memo: dict[int, Any]) -> Route:
        # COMPAT: some ASGI middlewares copy the whole scope deeply; a route is a constant.
        return self
