"""Middlewares: `@middleware`, with the options of what they return in the place of a response."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any, Never, TypeAlias

import nacre
from nacre.dialects.rapidy.adaptation import adapt_middleware, fit_of, promised
from nacre.dialects.rapidy.typedefs import CallNext, Unset
from nacre.dialects.rapidy.web_exceptions import HTTPMove, HTTPPermanentRedirect
from nacre.dialects.rapidy.web_request import Request
from nacre.dialects.rapidy.web_response import StreamResponse, response_options
from nacre.shaping.models import holds_pydantic

Function: TypeAlias = Callable[..., Awaitable[Any]]


class RapidyMiddleware(nacre.Middleware):
    """A layer made of a function `(request, call_next, …)`; called with these, it is the function."""

    dialect = "rapidy"

    def __init__(self, function: Function, options: Mapping[str, Any]) -> None:
        layer = adapt_middleware(function, options)
        super().__init__(layer)
        described = nacre.middleware(**validated_options(function, options))(layer)
        self.marks, self.where = described.marks, described.where
        self.function = function

    def __call__(self, *arguments: Any, **values: Any) -> Awaitable[Any]:
        return self.function(*arguments, **values)


def middleware(
    middleware: Any = None,
    *,
    status_code: int | HTTPStatus = HTTPStatus.OK,
    response_validate: bool = True,
    response_type: Any = Unset,
    response_content_type: str | None = None,
    response_charset: str = "utf-8",
    response_zlib_executor: Executor | None = None,
    response_zlib_executor_size: int | None = None,
    response_include_fields: Any = None,
    response_exclude_fields: Any = None,
    response_by_alias: bool = True,
    response_exclude_unset: bool = False,
    response_exclude_defaults: bool = False,
    response_exclude_none: bool = False,
    response_custom_encoder: Any = None,
    response_json_encoder: Callable[[Any], str] = json.dumps,
) -> Any:
    """Make a middleware of an async function `(request, call_next, …)`: `@middleware` or `@middleware(…)`.

    It may ask for what handlers may. The options hold when it returns something else than a response. The result is a
    layer for any list of Nacre's. Raises ConfigurationError for a function that isn't async.
    """
    given = locals()
    usual = {name: one.default for name, one in inspect.signature(_middleware).parameters.items()}
    options = response_options({name: given[name] for name in OPTIONS if given[name] != usual[name]})

    def make(function: Function) -> RapidyMiddleware:
        return RapidyMiddleware(function, options)

    return make if middleware is None else make(middleware)


_middleware: Callable[..., Any] = middleware
OPTIONS = tuple(inspect.signature(middleware).parameters)[1:]
"""The names of the options of responses, which routes have as well."""


def validated_options(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options for the core with Rapidy's defaults: what is annotated is validated, models leave by aliases."""
    kind = promised(function, options)
    found = dict(options)
    if fit_of(function, options) is not None:
        if found:
            found["response_validate"] = False  # it was done before the core sees the result
    elif kind is not inspect.Signature.empty and kind is not Never:
        found.setdefault("response_validate", True)
    if holds_pydantic(kind):
        found.setdefault("by_alias", True)
    return found


def normalize_path_middleware(
    *,
    append_slash: bool = True,
    remove_slash: bool = False,
    merge_slashes: bool = True,
    redirect_class: type[HTTPMove] = HTTPPermanentRedirect,
) -> RapidyMiddleware:
    """A middleware that redirects from a path that no route has to the one that was meant.

    That is one with a slash at its end, or without one, and with one slash for several. Raises ValueError if both
    `append_slash` and `remove_slash` are set.
    """
    if append_slash and remove_slash:
        raise ValueError("a slash can't be both appended and removed; set one of append_slash and remove_slash")

    def meant(path: str) -> list[str]:
        merged = re.sub("//+", "/", path)
        ends = [merged] if merge_slashes else []
        for one in [path, merged] if merge_slashes else [path]:
            ends += [one + "/"] if append_slash and not one.endswith("/") else []
            ends += [one.rstrip("/")] if remove_slash and one.endswith("/") else []
        return [one for one in ends if one and one != path]

    async def normalize_path(request: Request, call_next: CallNext) -> StreamResponse:
        native = request.native
        app: Any = native.app
        if native.route is None and isinstance(app, nacre.Nacre):
            for path in meant(native.path):
                if app.find_route(native.method, path) is not None:
                    # SECURITY: `//host` would lead to another site.
                    url = native.url.replace(path="/" + (native.root_path + path).lstrip("/"))
                    raise redirect_class(str(url).removeprefix(url.origin))
        return await call_next(request)

    return RapidyMiddleware(normalize_path, {})
