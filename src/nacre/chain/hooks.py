"""Hook-like layers: a part before, a part after, a part on the way to the wire; no `call_next` in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nacre.callables import Call
from nacre.chain.onion import Finish
from nacre.chain.stage import Stage
from nacre.request import Handler, Request
from nacre.response import Response
from nacre.streams import complete
from nacre.threads import Threads

Hook = Callable[..., Any] | Call
"""A function to be called with the request, and with the response on the way out."""


@dataclass(frozen=True)
class Hooks:
    """A layer made of hooks, for any place in a list of middlewares.

    `before(request)` runs on the way in; what it returns, if not None, is the response, and nothing inside runs.
    `after(request, response)` runs on the way out of a request that raised nothing; a returned value replaces the
    response. `finalize(request, response)` runs once for every response, errors and streams too, just before its first
    byte. Each may be plain or async; plain ones run in a worker thread unless `inline` says that they never block. A
    `Call` is one that is there in both forms, as in layers of Nacre's own, which derive from this class.
    """

    before: Hook | None = None
    after: Hook | None = None
    finalize: Hook | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class HookLayer:
    """One hook-like layer, ready to be put in a row with its neighbours."""

    before: Call | None
    after: Call | None
    finish: Finish
    threads: Threads


def fuse(row: Sequence[HookLayer], inner: Stage) -> Stage:
    """Run neighbouring hook-like layers, outermost first, as one straight line around `inner`.

    They behave as if nested: a layer whose `before` answers is left without its own `after`, and those outside it run
    theirs.
    """
    calls = [call for layer in row for call in (layer.before, layer.after) if call is not None]
    handle = _line(row, inner.handle, blocking=False)
    if inner.inline is None or any(call.in_thread is None for call in calls):
        return Stage(handle, None)
    return Stage(handle, _line(row, inner.inline, blocking=True))


def _line(row: Sequence[HookLayer], inner: Handler, *, blocking: bool) -> Handler:
    threads = None if blocking else row[0].threads
    befores = tuple(
        (index, *layer.before.step(blocking=blocking), layer.finish)
        for index, layer in enumerate(row)
        if layer.before is not None
    )
    afters = tuple(
        (index, *layer.after.step(blocking=blocking), layer.finish)
        for index, layer in reversed(list(enumerate(row)))
        if layer.after is not None
    )

    async def after_only(request: Request) -> Response:
        response = await inner(request)
        for _, after, awaited, finish in afters:
            result = after(request, response)
            if awaited:
                result = await result
            if result is not None:
                response = finish(request, result)
                if response.stream is not None:
                    await complete(response, request, threads)
        return response

    async def line(request: Request) -> Response:
        depth = len(row)
        for index, before, awaited, finish in befores:
            result = before(request)
            if awaited:
                result = await result
            if result is not None:
                response, depth = finish(request, result), index
                if response.stream is not None:
                    await complete(response, request, threads)
                break
        else:
            response = await inner(request)
        for index, after, awaited, finish in afters:
            if index < depth:
                result = after(request, response)
                if awaited:
                    result = await result
                if result is not None:
                    response = finish(request, result)
                    if response.stream is not None:
                        await complete(response, request, threads)
        return response

    return line if befores else after_only
