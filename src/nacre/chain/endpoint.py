"""The innermost step: hooks, the handler, its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from nacre.callables import Call
from nacre.chain.boundary import ErrorBoundary
from nacre.chain.pipeline import close_all_but
from nacre.chain.stage import BlockingNext, Stage, adopt
from nacre.errors import NextCalledTwice
from nacre.request import Handler, Request
from nacre.response import Response
from nacre.results import Converter
from nacre.streams import prime
from nacre.threads import Threads, run_at_once


class Endpoint(Struct, frozen=True):
    """A handler with all that surrounds it inside the layers, as the compiler collected it.

    `views` are `process_view` hooks, called with `(request, endpoint, path_params)`; `befores` and `afters` are the
    scopes' hooks, each in the order they run.
    """

    call: Call
    convert: Converter
    convert_hook: Converter
    """For what hooks return: the handler's annotation and options are not theirs."""
    label: str
    view: Callable[..., Any]
    views: Sequence[Call]
    befores: Sequence[Call]
    afters: Sequence[Call]
    boundary: ErrorBoundary
    threads: Threads
    prepare_hook: Callable[[Callable[..., Any]], Call]
    outermost: ErrorBoundary | None = None
    """Set where no layer and no finalizer stands around the handler, so that this is the whole chain.

    PERF: `guard` would be a coroutine more, 0.1 µs (bench/parts.py).
    """

    def compile(self) -> Stage:
        """Build the innermost stage."""
        calls = [self.call, *self.views, *self.befores, *self.afters]
        handle = self._on_loop()
        if any(call.in_thread is None for call in calls) or not self.boundary.is_plain:
            return Stage(handle, None)
        return Stage(handle, self._in_thread())

    def _on_loop(self) -> Handler:
        (call, awaited), boundary = self.call.step(blocking=False), self.boundary
        produce = self._with_hooks(inline=False) if self.views or self.befores or self.afters else None
        convert, settle, outermost = self.convert, self._settle, self.outermost
        is_inside = outermost is None

        async def endpoint(request: Request) -> Response:
            if is_inside:
                if request.handled:
                    raise NextCalledTwice(_CALLED_TWICE)
                request.handled = True
            try:
                if produce is not None:
                    response = await produce(request)
                else:
                    value = call(request)
                    if awaited:
                        value = await value
                    try:
                        response = convert(value)
                    except (TypeError, ValueError) as error:
                        raise self._unconvertible(value, error) from error
                    if response is value:
                        response = response.claim(request)  # may give another one, with a stream again
                    else:
                        response.owner = request
                    if response.stream is not None:
                        response = await settle(request, response, inline=False)
                if request.after_hooks is not None:
                    response = await self._after_request(request, response, inline=False)
            except Exception as error:
                if boundary.handles(error):
                    response = await boundary.respond(request, error)
                elif outermost is not None:
                    response = await outermost.respond(request, error)
                else:
                    raise
            if outermost is not None and request.streams is not None:
                await close_all_but(request, response, self.threads)
            return response

        return endpoint

    def _in_thread(self) -> BlockingNext:
        """The same as plain calls. What only some requests need is what the loop has, run at once."""
        (call, _), boundary = self.call.step(blocking=True), self.boundary
        produce = self._with_hooks(inline=True) if self.views or self.befores or self.afters else None
        convert, outermost = self.convert, self.outermost
        is_inside = outermost is None

        def endpoint(request: Request) -> Response:
            if is_inside:
                if request.handled:
                    raise NextCalledTwice(_CALLED_TWICE)
                request.handled = True
            try:
                if produce is not None:
                    response = run_at_once(produce(request))
                else:
                    value = call(request)
                    try:
                        response = convert(value)
                    except (TypeError, ValueError) as error:
                        raise self._unconvertible(value, error) from error
                    if response is value:
                        response = response.claim(request)  # may give another one, with a stream again
                    else:
                        response.owner = request
                    if response.stream is not None:
                        response = run_at_once(self._settle(request, response, inline=True))
                if request.after_hooks is not None:
                    response = run_at_once(self._after_request(request, response, inline=True))
            except Exception as error:
                if boundary.handles(error):
                    response = run_at_once(boundary.respond(request, error, inline=True))
                elif outermost is not None:
                    response = run_at_once(outermost.respond(request, error, inline=True))
                else:
                    raise
            if outermost is not None and request.streams is not None:
                run_at_once(close_all_but(request, response, None))
            return response

        return endpoint

    def _with_hooks(self, *, inline: bool) -> Handler:
        call, call_awaited = self.call.step(blocking=inline)
        views = tuple(hook.step(blocking=inline) for hook in self.views)
        befores = tuple(hook.step(blocking=inline) for hook in self.befores)
        afters = tuple(hook.step(blocking=inline) for hook in self.afters)
        view = self.view

        convert_hook = partial(self._converted, self.convert_hook)

        async def answer(request: Request) -> Response:
            for hook, awaited in views:
                value = hook(request, view, dict(request.path_params))
                if awaited:
                    value = await value
                if value is not None:
                    return convert_hook(value)
            for hook, awaited in befores:
                value = hook(request)
                if awaited:
                    value = await value
                if value is not None:
                    return convert_hook(value)
            value = call(request)
            return self._converted(self.convert, await value if call_awaited else value)

        async def produce(request: Request) -> Response:
            response = await self._settle(request, await answer(request), inline=inline)
            for hook, awaited in afters:
                value = hook(request, response)
                if awaited:
                    value = await value
                if value is not None:
                    response = await self._settle(request, convert_hook(value), inline=inline)
            return response

        return produce

    async def _after_request(self, request: Request, response: Response, *, inline: bool) -> Response:
        for function in request.after_hooks or ():
            hook = self.prepare_hook(function)
            call = hook.in_thread if inline and hook.in_thread is not None else hook.on_loop
            value = await call(request, response)
            if value is not None:
                response = await self._settle(request, self._converted(self.convert_hook, value), inline=inline)
        return response

    def _converted(self, convert: Converter, value: Any) -> Response:
        try:
            return convert(value)
        except (TypeError, ValueError) as error:
            raise self._unconvertible(value, error) from error

    def _unconvertible(self, value: Any, error: Exception) -> TypeError:
        return TypeError(f"{self.label} returned a {type(value).__name__} that makes no response: {error}")

    async def _settle(self, request: Request, response: Response, *, inline: bool) -> Response:
        response = adopt(request, response)
        if response.stream is not None and response.eager:
            await prime(response, request, None if inline else self.threads)
        return response


_CALLED_TWICE = (
    "call_next was called a second time for one request; a handler runs at most once, so a layer that wants to try "
    "again has to do it inside the handler or send the client back with Retry-After"
)
