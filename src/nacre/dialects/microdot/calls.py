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
from nacre.callables import Call, is_async
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


class BodyReceiver(Call, frozen=True):
    """What receives the body before plain functions are called.

    SECURITY: they have few threads, and who sends a body slowly must not hold one of them.
    """

    @property
    def __name__(self) -> str:
        return self.on_loop.__name__

    def __call__(self, request: NativeRequest) -> Awaitable[None]:
        result: Awaitable[None] = self.on_loop(request)
        return result


def receiver(view_of: ViewOf) -> BodyReceiver:
    """Make it, in a form for the event loop and one for a thread that may block."""

    async def receive_body(request: NativeRequest) -> None:
        view = view_of(request)
        if view.is_pending:
            await view.receive()

    async def in_thread(request: NativeRequest) -> None:
        view = view_of(request)
        if view.is_pending:
            wait(view.receive())

    return BodyReceiver(receive_body, in_thread)


def endpoint(function: Function, view_of: ViewOf, *, variables: bool = True) -> Function:
    """The handler of a route, which gets the path's variables by name; without `variables`, a hook before it."""

    async def call(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            await view.receive()
        return await function(view, **(request.path_params if variables else _NONE))

    def call_plain(request: NativeRequest) -> Any:
        view = view_of(request)
        if view.is_pending:
            wait(view.receive())
        return function(view, **(request.path_params if variables else _NONE))

    return _named(call if is_async(function) else call_plain, function)


_NONE: dict[str, Any] = {}


def after_hook(function: Function, view_of: ViewOf, wanted: Callable[[NativeResponse], bool] | None = None) -> Function:
    """A hook that runs after the route's function, or after an error, for responses that are `wanted`."""

    async def call(request: NativeRequest, response: NativeResponse) -> Any:
        if wanted is not None and not wanted(response):
            return None
        shown = response if response.__class__ is Response else _shown(response)
        returned = await function(view_of(request), shown)
        if returned is None and shown is response and response.body.__class__ is bytes:
            return None  # PERF: as `_replacement` says of the usual case
        return _replacement(returned, shown, response)

    def call_plain(request: NativeRequest, response: NativeResponse) -> Any:
        if wanted is not None and not wanted(response):
            return None
        shown = response if response.__class__ is Response else _shown(response)
        return _replacement(function(view_of(request), shown), shown, response)

    return _named(call if is_async(function) else call_plain, function)


def error_handler(
    function: Function,
    view_of: ViewOf,
    convert: Callable[[Any], NativeResponse],
    failed: Callable[[NativeRequest, Exception], NativeResponse],
    count: int,
) -> Function:
    """A function that answers an error; its status is 200 unless it says otherwise. It takes `count` arguments.

    If it raises something itself, `failed` answers, so that the hooks for errors see that too.
    """

    async def call(request: NativeRequest, error: Exception) -> Any:
        view = view_of(request)
        if view.is_pending:
            # The body may be what the error is about; then there is none.
            with suppress(HTTPError, OSError):
                await view.receive()
        try:
            return convert(await function(*(view, error)[:count]))
        except Exception as second:
            return failed(request, second)

    def call_plain(request: NativeRequest, error: Exception) -> Any:
        # SECURITY: a thread isn't kept waiting for a body that nothing else has asked for, which may never come.
        try:
            return convert(function(*(view_of(request), error)[:count]))
        except Exception as second:
            return failed(request, second)

    return _named(call if is_async(function) else call_plain, function)


def unless_http(page: Function, handler: Function) -> Function:
    """An error handler that leaves HTTP errors to the page for them."""

    async def call(request: NativeRequest, error: Exception) -> Any:
        return page(request, error) if isinstance(error, HTTPError) else await handler(request, error)

    def call_plain(request: NativeRequest, error: Exception) -> Any:
        return (page if isinstance(error, HTTPError) else handler)(request, error)

    return _named(call if is_async(handler) else call_plain, handler)


def _shown(response: NativeResponse) -> Response:
    """The response as programs know it; of a handshake's answer, one that shares its header fields."""
    if response.status != 101:
        return response.as_kind(Response)
    shown = Response(None)
    shown.status = 101
    shown.raw_headers = response.raw_headers
    return shown


def _replacement(returned: Any, shown: NativeResponse, response: NativeResponse) -> Any:
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
