"""A whole compiled chain: what a transport runs for one request."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct

from nacre.binding import Bound
from nacre.callables import Call, Step
from nacre.chain.boundary import ErrorBoundary
from nacre.chain.django import DjangoLayer, exception_hooks
from nacre.chain.stage import BlockingNext, Stage
from nacre.errors import HTTPError
from nacre.request import Carrier, Handler, Request
from nacre.response import Response
from nacre.streams import close_unsent, is_async_stream, prime
from nacre.threads import Threads, run_at_once

_log = logging.getLogger("nacre.error")


class Pipeline(Struct, frozen=True):
    """A route's chain from the outermost layer to the handler and back, finalizers included.

    `handle` never raises an `Exception`. `inline` is the form for a thread without an event loop; None if some part
    must be awaited.
    """

    handle: Handler
    inline: BlockingNext | None


class Dispatch(Protocol):
    """Matches a request that is there already, and gives the pipeline to run."""

    def __call__(self, request: Request, host: str | None, /) -> Pipeline: ...


class Admit(Protocol):
    """What a transport calls for each request, with what it knows of it: the request, matched, and the pipeline to run.

    `host` is the value of `Host`, as it came; `refusal` says what is wrong with the request.
    """

    def __call__(
        self,
        carrier: Carrier,
        raw: Any,
        channel: Any,
        method: str,
        path: str,
        host: str | bytes | None,
        refusal: HTTPError | None,
        /,
    ) -> tuple[Request, Pipeline]: ...


def admitting(dispatch: Dispatch) -> Admit:
    """Make requests first, and have them matched then."""

    def admit(
        carrier: Carrier,
        raw: Any,
        channel: Any,
        method: str,
        path: str,
        host: str | bytes | None,
        refusal: HTTPError | None,
    ) -> tuple[Request, Pipeline]:
        request = Request(carrier, raw, channel, method, path, refusal=refusal)
        return request, dispatch(request, host.decode("latin-1") if isinstance(host, bytes) else host)

    return admit


def bound(inner: Stage, boundary: ErrorBoundary) -> Stage:
    """Answer, between two scopes, the exceptions that the outer scope has handlers for."""

    handle, inline = inner.handle, inner.inline

    async def bounded(request: Request) -> Response:
        try:
            return await handle(request)
        except Exception as error:
            if boundary.handles(error):
                return await boundary.respond(request, error)
            raise

    if inline is None:
        return Stage(bounded, None)

    def bounded_in_thread(request: Request) -> Response:
        try:
            return inline(request)
        except Exception as error:
            if boundary.handles(error):
                return run_at_once(boundary.respond(request, error, inline=True))
            raise

    return Stage(bounded, bounded_in_thread)


def answer_refused(inner: Stage, boundary: ErrorBoundary, bounds: Sequence[Bound]) -> Stage:
    """Answer, for the layers outside, what the binders of these layers refuse; what layers raise goes on."""
    plans = [one.plan for one in bounds]

    handle, inline = inner.handle, inner.inline

    async def answered(request: Request) -> Response:
        try:
            return await handle(request)
        except HTTPError as error:
            if error.refused_by not in plans:
                raise
            return await boundary.respond(request, error)

    if inline is None:
        return Stage(answered, None)

    def answered_in_thread(request: Request) -> Response:
        try:
            return inline(request)
        except HTTPError as error:
            if error.refused_by not in plans:
                raise
            return run_at_once(boundary.respond(request, error, inline=True))

    return Stage(answered, answered_in_thread)


def wrap_django(layer: DjangoLayer, outer: Sequence[DjangoLayer], boundary: ErrorBoundary, inner: Stage) -> Stage:
    """Put a Django-style layer around a stage; `outer` are those outside of it, outermost first."""
    hooks = exception_hooks([*outer, layer])

    def recover(request: Request, error: Exception, *, inline: bool) -> Awaitable[Response]:
        return boundary.recover(request, error, hooks, inline=inline)

    return layer.wrap(inner, recover)


def guard(stage: Stage, boundary: ErrorBoundary, finalizers: Sequence[Call], threads: Threads) -> Pipeline:
    """Close a chain off: nothing it raises gets out, replaced streams are closed, finalizers run on every response.

    `finalizers` are given innermost first, so that the outermost layer has the last word.
    """

    def build(handler: Handler) -> Handler:
        steps = tuple(finalizer.step(blocking=False) for finalizer in finalizers)

        async def again(done: Sequence[Step], request: Request, response: Response) -> None:
            """Run finalizers on the response that takes the place of the one they ran on."""
            for finalize, awaited in done:
                try:
                    result = finalize(request, response)
                    if awaited:
                        await result
                except Exception:
                    _log.exception("a finalizer failed on the response to an error")

        async def pipeline(request: Request) -> Response:
            try:
                response = await handler(request)
                if response.stream is not None and response.eager:
                    await prime(response, request, threads)
            except Exception as error:
                response = await boundary.respond(request, error)
            for index, (finalize, awaited) in enumerate(steps):
                try:
                    result = finalize(request, response)
                    if awaited:
                        await result
                except Exception as error:
                    response = await boundary.respond(request, error)
                    await again(steps[:index], request, response)
            if request.streams is not None:
                await close_all_but(request, response, threads)
            return response

        return pipeline

    handle = build(stage.handle)
    if stage.inline is None or any(call.in_thread is None for call in finalizers):
        return Pipeline(handle, None)
    return Pipeline(handle, _guard_in_thread(stage.inline, boundary, finalizers))


def _guard_in_thread(handler: BlockingNext, boundary: ErrorBoundary, finalizers: Sequence[Call]) -> BlockingNext:
    steps = tuple(finalizer.step(blocking=True)[0] for finalizer in finalizers)

    def again(done: Sequence[Callable[..., Any]], request: Request, response: Response) -> None:
        for finalize in done:
            try:
                finalize(request, response)
            except Exception:
                _log.exception("a finalizer failed on the response to an error")

    def pipeline(request: Request) -> Response:
        try:
            response = handler(request)
            if response.stream is not None and response.eager:
                run_at_once(prime(response, request, None))
        except Exception as error:
            response = run_at_once(boundary.respond(request, error, inline=True))
        for index, finalize in enumerate(steps):
            try:
                finalize(request, response)
            except Exception as error:
                response = run_at_once(boundary.respond(request, error, inline=True))
                again(steps[:index], request, response)
        if request.streams is not None:
            run_at_once(close_all_but(request, response, None))
        return response

    return pipeline


async def close_replaced(request: Request, sent: Response | None, threads: Threads | None = None) -> None:
    """Close every stream that is still open at the end of a request.

    Those are the streams of a chain that was cancelled, and that of `sent` if the transport never came to send it.
    """
    await close_all_but(request, None, threads)


async def close_all_but(request: Request, kept: Response | None, threads: Threads | None) -> None:
    """Close the streams of all responses but one and what that is made of, the outer ones first.

    What raises in its `finally` is logged and stops nothing else. Without `threads` there may be no event loop, and
    those that need one are left to who has it: the transport, at the end of the request.
    """
    streams, keep = request.streams or [], []
    while kept is not None:
        keep.append(kept)
        kept = kept.holds
    if threads is None:
        keep += [response for response in streams if is_async_stream(response.stream)]
    request.streams = [response for response in streams if response in keep] or None
    for response in reversed(streams):
        if response not in keep:
            try:
                await close_unsent(response, request, threads)
            except Exception:
                _log.exception("closing a response that was not sent failed")
