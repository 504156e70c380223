"""The program's functions, in the form in which the core calls its own: native request in, what they return out.

Plain functions stay plain and `async def` ones stay so. Before either is called the body has been received, since
Microdot's programs read it from attributes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol

from nacre import HTTPError, wait
from nacre.callables import is_async
from nacre.dialects.microdot.response import Response
from nacre.request import Request as NativeRequest
from nacre.response import Response as NativeResponse

Function = Callable[..., Any]


class View(Protocol):
    """What is needed of the request that the functions get."""

    @property
    def is_pending(self) -> bool: ...

    def receive(self) -> Awaitable[None]: ...


ViewOf = Callable[[NativeRequest], Any]


def endpoint(function: Function, view_of: ViewOf) -> Function:
    """The handler of a route; it gets the path's variables by name."""

    async def call(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            await view.receive()
        return await function(view, **request.path_params)

    def call_plain(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            wait(view.receive())
        return function(view, **request.path_params)

    return _named(call if is_async(function) else call_plain, function)


def before_hook(function: Function, view_of: ViewOf) -> Function:
    """A hook that runs before the route's function."""

    async def call(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            await view.receive()
        return await function(view)

    def call_plain(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            wait(view.receive())
        return function(view)

    return _named(call if is_async(function) else call_plain, function)


def after_hook(function: Function, view_of: ViewOf) -> Function:
    """A hook that runs after the route's function, or after an error."""

    async def call(request: NativeRequest, response: NativeResponse) -> Any:
        shown = _shown(response)
        return _replacement(await function(view_of(request), shown), shown, response)

    def call_plain(request: NativeRequest, response: NativeResponse) -> Any:
        shown = _shown(response)
        return _replacement(function(view_of(request), shown), shown, response)

    return _named(call if is_async(function) else call_plain, function)


def error_handler(
    function: Function, view_of: ViewOf, convert: Callable[[Any], NativeResponse], count: int
) -> Function:
    """A function that answers an error; its status is 200 unless it says otherwise. It takes `count` arguments."""

    async def call(request: NativeRequest, error: Exception) -> Any:
        view = view_of(request)
        if view.is_pending:
            # The body may be what the error is about; then there is none.
            with suppress(HTTPError, OSError):
                await view.receive()
        return convert(await function(*(view, error)[:count]))

    def call_plain(request: NativeRequest, error: Exception) -> Any:
        view = view_of(request)
        if view.is_pending:
            with suppress(HTTPError, OSError):
                wait(view.receive())
        return convert(function(*(view, error)[:count]))

    return _named(call if is_async(function) else call_plain, function)


def unless(kind: type[Exception], page: Function, handler: Function) -> Function:
    """An error handler that leaves errors of one kind to the page for them."""
    # The page is no blocking code, and whether a call gives an awaitable must not depend on the error.

    async def call(request: NativeRequest, error: Exception) -> Any:
        return page(request, error) if isinstance(error, kind) else await handler(request, error)

    def call_plain(request: NativeRequest, error: Exception) -> Any:
        return page(request, error) if isinstance(error, kind) else handler(request, error)

    return _named(call if is_async(handler) else call_plain, handler)


def only_if(wanted: Callable[[NativeResponse], bool], hook: Function) -> Function:
    """An after-hook for some responses."""

    async def call(request: NativeRequest, response: NativeResponse) -> Any:
        return await hook(request, response) if wanted(response) else None

    def call_plain(request: NativeRequest, response: NativeResponse) -> Any:
        return hook(request, response) if wanted(response) else None

    return _named(call if is_async(hook) else call_plain, hook)


def _shown(response: NativeResponse) -> Response:
    """The response as programs know it; of a handshake's answer, one that shares its header fields."""
    if response.status != 101:
        return response.as_kind(Response)
    shown = Response(None, 101)
    shown.raw_headers = response.raw_headers
    return shown


def _replacement(returned: Any, shown: Response, response: NativeResponse) -> Any:
    """What the response is replaced by, None to go on with it."""
    answer = shown if returned is None else returned
    if isinstance(answer, Response):
        answer.settle()
    return None if answer is response or (answer is shown and response.status == 101) else answer


def _named(call: Function, function: Function) -> Function:
    """Let the core see the name and place of the program's function, but not its parameters."""
    functools.update_wrapper(call, function)
    own = inspect.signature(call, follow_wrapped=False).parameters
    call.__dict__["__signature__"] = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in own]
    )
    return call
