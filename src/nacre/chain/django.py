"""Django-style layers: a class built once with `get_response`, whose instances are called with the request."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import MethodType
from typing import Any, Protocol

from nacre.callables import Call, is_async, prepare_call
from nacre.chain.onion import Finish
from nacre.chain.stage import Stage
from nacre.request import Handler, Request
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
    ) -> None:
        self._finish = finish
        self._threads = threads
        self._async = _wants_async(target)
        self.instance = build(_get_response_async if self._async else _get_response)
        self.process_view = self._hook("process_view")
        self.process_exception = self._hook("process_exception")

    def _hook(self, name: str) -> Call | None:
        function = getattr(self.instance, name, None)
        return None if function is None else prepare_call(function, self._threads)

    def wrap(self, inner: Stage, recover: Recover) -> Stage:
        """Put this layer around one route's inner chain."""
        following = _Following(inner, recover, self._finish)
        return self._around_async(following) if self._async else self._around_plain(inner, following)

    def _around_async(self, following: _Following) -> Stage:
        finish, instance, threads = self._finish, self.instance, self._threads

        async def on_loop(request: Request) -> Response:
            _enter(request, following)
            result = await instance(request)
            if isinstance(result, Response) and result.owner is request:
                return result
            response = finish(request, result)
            if response.stream is not None:
                await complete(response, request, threads)
            return response

        return Stage(on_loop, None)

    def _around_plain(self, inner: Stage, following: _Following) -> Stage:
        finish, instance, threads = self._finish, self.instance, self._threads

        async def in_worker(request: Request) -> Response:
            await threads.admit(request)
            _enter(request, following)
            response = finish(request, await threads.run(request, lambda: instance(request)))
            if response.stream is not None:
                await complete(response, request, threads)
            return response

        if inner.inline is None:
            return Stage(in_worker, None)
        call = _as_called(instance)

        def in_thread(request: Request) -> Response:
            _enter(request, following)
            result = call(request)
            if isinstance(result, Response) and result.owner is request:
                return result
            return _finished(finish, request, result)

        return _PlainStage(in_worker, in_thread, call, finish, following)


class _PlainStage(Stage, frozen=True):
    """The stage of a plain layer, with what the layer outside of it needs to call it without this stage's function."""

    call: Callable[[Request], Any]
    finish: Finish
    following: _Following


class _Following:
    """What stands inside a layer on one route, and who answers what that raises.

    PERF: where it is another plain layer, `call` is that layer itself, `finish` looks at what it returns and `inside`
    is what stands inside of it: a function of ours less per layer.
    """

    __slots__ = ("_handle", "_recover", "call", "finish", "inside")

    def __init__(self, inner: Stage, recover: Recover, finish: Finish) -> None:
        self._handle: Handler = inner.handle
        self._recover = recover
        self.call: Callable[[Request], Any] | None = inner.inline
        self.finish = finish
        self.inside: _Following | None = None
        if isinstance(inner, _PlainStage):
            self.call, self.finish, self.inside = inner.call, inner.finish, inner.following

    async def run(self, request: Request) -> Response:
        try:
            return await self._handle(request)
        except Exception as error:
            return await self._recover(request, error, inline=False)

    def answer(self, request: Request, error: Exception) -> Response:
        return run_at_once(self._recover(request, error, inline=True))


def _finished(finish: Finish, request: Request, result: Any) -> Response:
    response = finish(request, result)
    if response.stream is not None:
        run_at_once(complete(response, request, None))
    return response


# An instance is shared by all routes, so what its `get_response` runs is found on the request: in a list of one, since
# to set a field of the request takes longer.


def _enter(request: Request, following: _Following) -> None:
    if request.following is None:
        request.following = [following]
    else:
        request.following[0] = following


def _get_response(request: Request) -> Response:
    place: list[Any] = request.following
    following: _Following = place[0]
    call = following.call
    try:
        if call is None:
            return wait(following.run(request))
        place[0] = following.inside
        result = call(request)
        if isinstance(result, Response) and result.owner is request:
            return result
        return _finished(following.finish, request, result)
    except Exception as error:
        if call is None:
            raise
        return following.answer(request, error)
    finally:
        place[0] = following


async def _get_response_async(request: Request) -> Response:
    place: list[Any] = request.following
    following: _Following = place[0]
    try:
        return await following.run(request)
    finally:
        place[0] = following


def _as_called(instance: Any) -> Callable[[Request], Any]:
    """What a call of a layer calls in the end. PERF: CPython 3.11 enters a method more quickly than a `__call__`."""
    call = inspect.getattr_static(type(instance), "__call__", None)
    return MethodType(call, instance) if inspect.isfunction(call) else instance


def _wants_async(target: Any) -> bool:
    """Whether instances are awaited: an `async def __call__`, or Django's `async_capable` flag."""
    if getattr(target, "async_capable", False):
        return True
    call = vars(target).get("__call__") if isinstance(target, type) else target
    return inspect.iscoroutinefunction(call) or (isinstance(target, type) and is_async(target.__call__))


def exception_hooks(layers: Sequence[DjangoLayer]) -> tuple[Call, ...]:
    """The `process_exception` hooks of these layers (outermost first), in the order they are asked: innermost first."""
    return tuple(layer.process_exception for layer in reversed(layers) if layer.process_exception is not None)
