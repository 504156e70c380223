"""The innermost step: hooks, the handler, its result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nacre.callables import Call
from nacre.chain.boundary import ErrorBoundary
from nacre.chain.stage import Stage, adopt
from nacre.errors import NextCalledTwice
from nacre.request import Handler, Request
from nacre.response import Response
from nacre.results import Converter
from nacre.streams import prime
from nacre.threads import Threads

Awaited = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """A handler with all that surrounds it inside the layers, as the compiler collected it.

    `views` are `process_view` hooks, called with `(request, endpoint, path_params)`; `befores` and `afters` are the
    scopes' hooks, each in the order they run.
    """

    call: Call
    convert: Converter
    label: str
    view: Callable[..., Any]
    views: Sequence[Call]
    befores: Sequence[Call]
    afters: Sequence[Call]
    boundary: ErrorBoundary
    threads: Threads
    prepare_hook: Callable[[Callable[..., Any]], Call]

    def compile(self) -> Stage:
        """Build the innermost stage."""
        calls = [self.call, *self.views, *self.befores, *self.afters]
        handle = self._build(lambda call: call.on_loop, inline=False)
        if any(call.in_thread is None for call in calls) or not self.boundary.is_plain:
            return Stage(handle, None)
        return Stage(handle, self._build(lambda call: call.in_thread or call.on_loop, inline=True))

    def _build(self, form: Callable[[Call], Awaited], *, inline: bool) -> Handler:
        call, boundary = form(self.call), self.boundary
        produce = self._with_hooks(form, inline) if self.views or self.befores or self.afters else None
        convert, settle = self._convert, self._settle

        async def endpoint(request: Request) -> Response:
            if request.handled:
                raise NextCalledTwice(_CALLED_TWICE)
            request.handled = True
            try:
                if produce is not None:
                    response = await produce(request)
                else:
                    value = await call(request)
                    response = convert(value)
                    if response is value or response.stream is not None:
                        response = await settle(request, response, inline)
                    else:
                        response.owner = request
                if request.after_hooks is not None:
                    response = await self._after_request(request, response, inline)
                return response
            except Exception as error:
                if boundary.handles(error):
                    return await boundary.respond(request, error, inline=inline)
                raise

        return endpoint

    def _with_hooks(self, form: Callable[[Call], Awaited], inline: bool) -> Handler:
        call = form(self.call)
        views = tuple(form(hook) for hook in self.views)
        befores = tuple(form(hook) for hook in self.befores)
        afters = tuple(form(hook) for hook in self.afters)
        view = self.view

        async def answer(request: Request) -> Any:
            for hook in views:
                value = await hook(request, view, dict(request.path_params))
                if value is not None:
                    return value
            for hook in befores:
                value = await hook(request)
                if value is not None:
                    return value
            return await call(request)

        async def produce(request: Request) -> Response:
            response = await self._settle(request, self._convert(await answer(request)), inline)
            for hook in afters:
                value = await hook(request, response)
                if value is not None:
                    response = adopt(request, self._convert(value))
            return response

        return produce

    async def _after_request(self, request: Request, response: Response, inline: bool) -> Response:
        for function in request.after_hooks or ():
            hook = self.prepare_hook(function)
            call = hook.in_thread if inline and hook.in_thread is not None else hook.on_loop
            value = await call(request, response)
            if value is not None:
                response = adopt(request, self._convert(value))
        return response

    def _convert(self, value: Any) -> Response:
        try:
            return self.convert(value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self.label} returned a {type(value).__name__} that makes no response: {error}"
            ) from error

    async def _settle(self, request: Request, response: Response, inline: bool) -> Response:
        response = adopt(request, response)
        if response.stream is not None and response.eager:
            await prime(response, request, None if inline else self.threads)
        return response


_CALLED_TWICE = (
    "call_next was called a second time for one request; a handler runs at most once, so a layer that wants to try "
    "again has to do it inside the handler or send the client back with Retry-After"
)
