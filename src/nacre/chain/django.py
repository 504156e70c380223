"""Django-style layers: a class built once with `get_response`, whose instances are called with the request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from nacre.callables import Call, is_async, prepare_call
from nacre.chain.onion import Finish
from nacre.chain.stage import Stage
from nacre.request import Request
from nacre.response import Response
from nacre.streams import complete
from nacre.threads import Threads, run_at_once, wait


class Recover(Protocol):
    """Answer an exception that reached a layer which may not see exceptions (`ErrorBoundary.recover`)."""

    def __call__(self, request: Request, error: Exception, /, *, inline: bool) -> Awaitable[Response]: ...


class DjangoLayer:
    """One Django-style class of the user's, built once for all routes it stands in front of.

    Inside it nothing ever raises: an exception from within is first shown to the `process_exception` hooks of this
    layer and those outside it, innermost first, and then answered as a 500.
    """

    def __init__(
        self,
        build: Callable[[Callable[[Request], Any]], Any],
        target: Any,
        finish: Finish,
        threads: Threads,
        key: str,
    ) -> None:
        self._finish = finish
        self._threads = threads
        self._key = key
        self._async = _wants_async(target)
        self.instance = build(self._get_response_async if self._async else self._get_response)
        self.process_view = self._hook("process_view")
        self.process_exception = self._hook("process_exception")

    def _hook(self, name: str) -> Call | None:
        function = getattr(self.instance, name, None)
        return None if function is None else prepare_call(function, self._threads)

    def wrap(self, inner: Stage, recover: Recover) -> Stage:
        """Put this layer around one route's inner chain."""
        key, finish, instance = self._key, self._finish, self.instance
        following = _Following(inner, recover)

        if self._async:

            async def on_loop(request: Request) -> Response:
                setattr(request, key, following)
                result = await instance(request)
                if isinstance(result, Response) and result.owner is request:
                    return result
                response = finish(request, result)
                if response.stream is not None:
                    await complete(response, request, self._threads)
                return response

            return Stage(on_loop, None)

        async def in_worker(request: Request) -> Response:
            await self._threads.admit(request)
            setattr(request, key, following)
            response = finish(request, await self._threads.run(request, lambda: instance(request)))
            if response.stream is not None:
                await complete(response, request, self._threads)
            return response

        async def in_thread(request: Request) -> Response:
            setattr(request, key, following)
            result = instance(request)
            if isinstance(result, Response) and result.owner is request:
                return result
            response = finish(request, result)
            if response.stream is not None:
                await complete(response, request, None)
            return response

        return Stage(in_worker, in_thread if inner.inline is not None else None)

    # The instance is shared by all routes, so what `get_response` runs is kept on the request.

    def _get_response(self, request: Request) -> Response:
        following: _Following = getattr(request, self._key)
        inline = following.inline
        if inline is None:
            return wait(following.run(request))
        try:
            return run_at_once(inline(request))
        except Exception as error:
            return run_at_once(following.answer(request, error, inline=True))

    async def _get_response_async(self, request: Request) -> Response:
        following: _Following = getattr(request, self._key)
        try:
            return await following.handle(request)
        except Exception as error:
            return await following.answer(request, error, inline=False)


class _Following:
    """What stands inside a layer on one route: its handlers, and who answers what they raise."""

    __slots__ = ("_recover", "handle", "inline")

    def __init__(self, inner: Stage, recover: Recover) -> None:
        self.handle = inner.handle
        self.inline = inner.inline
        self._recover = recover

    async def run(self, request: Request) -> Response:
        try:
            return await self.handle(request)
        except Exception as error:
            return await self._recover(request, error, inline=False)

    async def answer(self, request: Request, error: Exception, *, inline: bool) -> Response:
        return await self._recover(request, error, inline=inline)


def _wants_async(target: Any) -> bool:
    """Whether instances are awaited: an `async def __call__`, or Django's `async_capable` flag."""
    if getattr(target, "async_capable", False):
        return True
    call = vars(target).get("__call__") if isinstance(target, type) else target
    return inspect.iscoroutinefunction(call) or (isinstance(target, type) and is_async(target.__call__))


def exception_hooks(layers: Sequence[DjangoLayer]) -> tuple[Call, ...]:
    """The `process_exception` hooks of these layers (outermost first), in the order they are asked: innermost first."""
    return tuple(layer.process_exception for layer in reversed(layers) if layer.process_exception is not None)
