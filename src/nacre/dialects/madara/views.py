"""Madara's views as the native chain calls them: with the native request, whatever they are called with themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Rule

from nacre.callables import describe, is_async
from nacre.dialects.madara.responses import Response, as_native
from nacre.dialects.madara.wrappers import PLAIN, Request, make_response
from nacre.errors import ConfigurationError, Location, Problem
from nacre.request import Request as NativeRequest
from nacre.response import RedirectResponse
from nacre.response import Response as NativeResponse

View = Callable[..., Any]

_ONE_REQUEST = inspect.Signature([inspect.Parameter("request", inspect.Parameter.POSITIONAL_ONLY)])


def native_view(view: View) -> View:
    """A view as the native chain calls it."""
    if is_async(view):

        @wraps(view)
        async def call_async(native: NativeRequest, /) -> Any:
            request = Request.of(native)
            await request.receive()
            try:
                result: Any = await view(request, **native.path_params)
            except HTTPException as error:
                result = error
            return result if result.__class__ in PLAIN else _converted(request, result)

        return _marked(call_async, view)

    @wraps(view)
    def call(native: NativeRequest, /) -> Any:
        request = Request.of(native)
        try:
            values = native.path_params
            result: Any = view(request, **values) if values else view(request)
        except HTTPException as error:
            result = error
        return result if result.__class__ in PLAIN else _converted(request, result)

    return _marked(call, view)


def _converted(request: Request, result: Any) -> NativeResponse:
    return as_native(result if isinstance(result, NativeResponse) else make_response(request, result))


def _marked(call: Any, view: View) -> View:
    call.__signature__ = _ONE_REQUEST
    call.madara_view = view
    return call  # type: ignore[no-any-return]


def late_view(views: Mapping[str, View], endpoint: str) -> View:
    """A view that is looked up when it is asked for."""

    def find(request: Request, /, **values: Any) -> Any:
        view = views.get(endpoint)
        if view is None:
            raise NotFound
        return view(request, **values)

    find.__name__ = endpoint
    return native_view(find)


def redirecting_view(rule: Rule, variable: re.Pattern[str]) -> View:
    """What answers for a rule that sends elsewhere."""

    def redirect(request: Request, /, **values: Any) -> Response:
        target = _redirect_target(rule, values, variable)
        if not target.startswith(("/", "http://", "https://")):
            target = f"{request.root_path}/{target}"
        return RedirectResponse(target, 308).as_kind(Response)

    redirect.__name__ = rule.endpoint
    return native_view(redirect)


def check_view(view: View, rule: Rule) -> None:
    """Raise ConfigurationError for a view that can't be called with the request and the rule's variables."""
    try:
        signature = inspect.signature(view)
    except (TypeError, ValueError):
        return  # no signature to check against
    try:
        # What is missing, a `process_view` may give.
        signature.bind_partial(None, **dict.fromkeys(rule.arguments))
    except TypeError as error:
        names = ", ".join(["request", *sorted(rule.arguments)])
        what = f"view {describe(view)} can't be called for rule {rule.rule!r}: {error}"
        raise ConfigurationError(Problem(what, Location.of(view), f"let it take ({names})")) from None


def _redirect_target(rule: Rule, values: dict[str, Any], variable: re.Pattern[str]) -> str:
    """Where a rule with `redirect_to` sends to."""
    to = rule.redirect_to
    if callable(to):
        return to(None, **values)
    text = to or ""
    # What a client sends makes no other host of a path such as `//evil.example`: `RedirectResponse` sees to that.
    return variable.sub(lambda found: quote(str(values[found["name"]]), safe="/"), text)
