"""Routes as objects, for `Flama(routes=[…])`, `Mount(routes=[…])` and the arguments of `add_route` and its like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nacre.dialects.flama.injection import Component

__all__ = ["BaseRoute", "Mount", "Route", "WebSocketRoute"]


@dataclass
class BaseRoute:
    """What all kinds have in common."""

    path: str
    name: str | None = None
    tags: Mapping[str, Any] | None = None


class Route(BaseRoute):
    """A function or an `HTTPEndpoint` at a path; GET, and HEAD with it, without `methods`."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Iterable[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        pagination: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, name, tags)
        self.endpoint = endpoint
        self.methods = None if methods is None else list(methods)
        self.include_in_schema = include_in_schema
        self.pagination = pagination


class WebSocketRoute(BaseRoute):
    """A function or a `WebSocketEndpoint` at a path."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        name: str | None = None,
        include_in_schema: bool = True,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, name, tags)
        self.endpoint = endpoint
        self.include_in_schema = include_in_schema


class Mount(BaseRoute):
    """An application below a path, or routes of which one is made."""

    def __init__(
        self,
        path: str,
        app: Any = None,
        *,
        routes: Sequence[BaseRoute] | None = None,
        components: Sequence[Component] | None = None,
        name: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(path, name, tags)
        self.app = app
        self.routes = list(routes or ())
        self.components = list(components or ())
