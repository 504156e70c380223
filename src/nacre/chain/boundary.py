"""Where exceptions become responses: the error handlers of nested scopes, and the 500 when there is none."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from nacre.binding import Bound, Site, bind, read_parameters
from nacre.callables import Call
from nacre.chain.stage import adopt
from nacre.errors import BadRequest, ClientDisconnect, HTTPError, InternalServerError, Problem
from nacre.request import Request
from nacre.response import Response
from nacre.results import Results
from nacre.streams import prime
from nacre.threads import Threads

ErrorKey = int | type[BaseException]
Handlers = Mapping[ErrorKey, Call]
ErrorPage = Callable[[Request, HTTPError], Response]
"""Makes the response of an HTTP error nobody handles."""

Report = Callable[[Request, Exception], Response | None]
"""Told of an exception nobody handled: logs it, and may answer with a debug page."""

_log = logging.getLogger("nacre.error")


class ErrorBoundary:
    """Answers exceptions with the handlers visible at one place of a chain, innermost scope first.

    A handler for the most specific class on the exception's MRO wins within a scope, then one for its status. HTTP
    errors without a handler get the default page; for anything else `find` says None, and the exception goes on
    outwards. Every response made here passes the scopes' `after_error` hooks, inner scopes first.

    What nobody handles reaches the outermost boundary, which is the application's; `last` is then the one that sees all
    scopes of the chain, so that a group's handler for 500 and its hooks answer for the group's routes.
    """

    def __init__(
        self,
        scopes: Sequence[Handlers],
        after_error: Sequence[Call],
        results: Results,
        page: ErrorPage,
        report: Report,
        threads: Threads,
        last: ErrorBoundary | None = None,
    ) -> None:
        self._last = last or self
        self._scopes = tuple(scopes)
        self._after_error = tuple(after_error)
        self._convert = results.convert
        self._page = page
        self._report = report
        self._threads = threads

    @property
    def is_plain(self) -> bool:
        """Whether all that may be called here is plain code, so that it can answer without an event loop."""
        calls = [*self._after_error, *(call for handlers in self._scopes for call in handlers.values())]
        return all(call.in_thread is not None for call in calls)

    def find(self, error: Exception) -> Call | None:
        """The handler for this exception, or None."""
        status = getattr(error, "status", None) if isinstance(error, HTTPError) else None
        for handlers in self._scopes:
            for cls in type(error).__mro__:
                # HTTPError itself is less specific than the status that the error has.
                if cls is HTTPError and status is not None and status in handlers:
                    return handlers[status]
                if cls in handlers:
                    return handlers[cls]
        return None

    def handles(self, error: Exception) -> bool:
        """Whether the exception is answered here rather than going on outwards."""
        return isinstance(error, HTTPError) or self.find(error) is not None

    async def respond(self, request: Request, error: Exception, *, inline: bool = False) -> Response:
        """Answer an exception that `handles` accepts; any other is reported and becomes a 500."""
        handler = self.find(error)
        hooks = self._after_error
        try:
            if handler is not None:
                response = await self._ask(handler, request, error, inline)
            elif isinstance(error, HTTPError):
                response = self._page(request, error)
            else:
                hooks = self._last._after_error
                response = await self._last._unhandled(request, error, inline)
            response = adopt(request, response)
            for hook in hooks:
                result = await _form(hook, inline)(request, response)
                if result is not None:
                    response = adopt(request, self._convert(result))
            if response.stream is not None and response.eager:
                await prime(response, request, None if inline else self._threads)
            return response
        except Exception as second:
            if isinstance(second, HTTPError) and second.refused_by is not None:
                return adopt(request, self._page(request, second))  # what the handler or hook asks for isn't there
            # An error handler or after_error hook failed: no handler is asked about that, the plain 500 ends it. An
            # error that nobody handled has been reported already, if it is that one which was raised again.
            is_known = second is error and handler is None and not isinstance(error, HTTPError)
            debug_page = None if is_known else self._report(request, second)
            return adopt(request, debug_page or self._page(request, _failure(second)))

    async def recover(
        self, request: Request, error: Exception, hooks: Sequence[Call], *, inline: bool = False
    ) -> Response:
        """Answer any exception for a Django-style layer: its hooks first, then as `respond` does."""
        if not self.handles(error):
            try:
                for hook in hooks:
                    result = await _form(hook, inline)(request, error)
                    if result is not None:
                        return adopt(request, self._convert(result))
            except Exception as second:
                error = second
        return await self.respond(request, error, inline=inline)

    async def _ask(self, handler: Call, request: Request, error: Exception, inline: bool) -> Response:
        value = await _form(handler, inline)(request, error)
        response = adopt(request, self._convert(value))
        if not isinstance(value, Response) and not _states_status(value):
            response.status = error.status if isinstance(error, HTTPError) else 500
        return response

    async def _unhandled(self, request: Request, error: Exception, inline: bool) -> Response:
        debug_page = self._report(request, error)
        if debug_page is not None:
            return debug_page
        failure = _failure(error)
        handler = self.find(failure)
        if handler is not None:
            shown = failure if isinstance(error, ClientDisconnect) else error
            return await self._ask(handler, request, shown, inline)
        return self._page(request, failure)


def _failure(error: Exception) -> HTTPError:
    """What is answered to an exception that nobody handled."""
    if isinstance(error, ClientDisconnect):
        # It may be there still: what broke off may be a body that the server couldn't read on.
        return BadRequest("the body broke off before it was complete")
    return InternalServerError()


def _form(call: Call, inline: bool) -> Callable[..., Awaitable[Any]]:
    # Inline chains hold no async code of the user's, so all their hooks have this form.
    return call.in_thread if inline and call.in_thread is not None else call.on_loop


def _states_status(value: object) -> bool:
    match value:
        case bool():
            return False
        case int():
            return True
        case (int(), _) | (_, int() | str()) | (_, int() | str(), _):
            return not isinstance(value[0], bool) if len(value) == 2 and isinstance(value[0], int) else True
        case _:
            return False


def by_arity(function: Callable[..., Any], app: object) -> Callable[..., Any] | None:
    """Give an error handler the arguments it takes: `(request)`, `(request, error)` or `(app, request, error)`.

    Returns a function of `(request, error)`, async if the handler is; None if it takes another number of arguments.
    """
    match _arity(function):
        case 1:
            return lambda request, error: function(request)
        case 2:
            return lambda request, error: function(request, error)
        case 3:
            return lambda request, error: function(app, request, error)
        case _:
            return None


def bind_error_handler(function: Callable[..., Any], app: object, site: Site, label: str) -> Bound | list[Problem]:
    """Bind an error handler that asks for more, by marked parameters or by those that have no position."""
    given = ("request", "error")
    count = _arity(function)
    if count == 3:
        function = partial(function, app)
    return bind(function, given, site, label, passed=given[: 1 if count == 1 else 2])


def asks_by_mark(function: Callable[..., Any]) -> bool:
    """Whether a function asks for more by parameters that are marked, or given by name alone."""
    parameters = read_parameters(function)
    if isinstance(parameters, Problem):
        return False
    return any(one.markers or (one.asks and not one.is_positional and not one.is_open) for one in parameters)


def _arity(function: Callable[..., Any]) -> int | None:
    """How many of request, error and app an error handler takes, in the documented forms; None for another number."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    parameters = read_parameters(function)
    if isinstance(parameters, Problem):
        return None
    bound = {one.name for one in parameters if one.markers or not (one.is_positional or one.is_open)}
    signature = signature.replace(parameters=[one for one in signature.parameters.values() if one.name not in bound])
    for count in (2, 3, 1):
        try:
            signature.bind(*range(count))
        except TypeError:
            continue
        return count
    return None
