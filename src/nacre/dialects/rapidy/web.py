"""aiohttp's names in one module, as `from rapidy import web` gives them: those of `http`, and those below."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from nacre.dialects.rapidy import http
from nacre.dialects.rapidy.routers import AnyRoute
from nacre.dialects.rapidy.routers import View as View
from nacre.dialects.rapidy.web_app import Application as Application
from nacre.dialects.rapidy.web_app import run_app as run_app
from nacre.dialects.rapidy.web_exceptions import HTTPMove as HTTPMove


def route(method: str, path: str, handler: Any, **options: Any) -> AnyRoute:
    """A route for a function or a View, for `app.add_routes`; the method `*` is every one that a View has."""
    return AnyRoute(method, path, handler, **options)


get, post, put = partial(route, "GET"), partial(route, "POST"), partial(route, "PUT")
patch, delete = partial(route, "PATCH"), partial(route, "DELETE")
head, options, view = partial(route, "HEAD"), partial(route, "OPTIONS"), partial(route, "*")


class RouteTableDef:
    """Routes that are collected by decorators, for `app.add_routes`."""

    def __init__(self) -> None:
        self._routes: list[AnyRoute] = []
        self.get, self.post = partial(self.route, "GET"), partial(self.route, "POST")
        self.put, self.patch = partial(self.route, "PUT"), partial(self.route, "PATCH")
        self.delete, self.head = partial(self.route, "DELETE"), partial(self.route, "HEAD")
        self.options, self.view = partial(self.route, "OPTIONS"), partial(self.route, "*")

    def route(self, method: str, path: str, **options: Any) -> Callable[[Any], Any]:
        """Serve a path with the decorated function or View."""

        def record(handler: Any) -> Any:
            self._routes.append(route(method, path, handler, **options))
            return handler

        return record

    def __iter__(self) -> Iterator[AnyRoute]:
        return iter(self._routes)

    def __len__(self) -> int:
        return len(self._routes)


def __getattr__(name: str) -> Any:
    return getattr(http, name)
