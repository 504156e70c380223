"""One compiled step of a chain, together with all that is inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nacre.request import Handler, Request
from nacre.response import Response
from nacre.threads import run_at_once, wait

BlockingNext = Callable[[Request], Response]
"""`call_next` as plain code gets it: it returns the response instead of an awaitable."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A handler in two forms.

    `handle` runs on the event loop and sends plain code to a worker thread. `inline` is for a thread that may block (a
    worker, or the caller under WSGI): the same steps as a coroutine that never suspends, so that `run_at_once` can run
    it without a loop. It is None when something inside is `async def` code of the user's, which may suspend.
    """

    handle: Handler
    inline: Handler | None


def blocking_next(inner: Stage) -> BlockingNext:
    """What a plain layer calls to run everything inside it: directly in this thread if all of that is plain too."""
    inline, handle = inner.inline, inner.handle
    if inline is not None:
        return lambda request: run_at_once(inline(request))

    async def run(request: Request) -> Response:
        return await handle(request)

    return lambda request: wait(run(request))


def adopt(request: Request, response: Response) -> Response:
    """Make a response this request's own, and see that its stream is closed even if another response replaces it."""
    response = response.claim(request)
    if response.stream is not None:
        if request.streams is None:
            request.streams = []
        if response not in request.streams:
            request.streams.append(response)
    return response


def release(request: Request, response: Response) -> None:
    """Leave it to the caller to close a response's stream, and what that is made of."""
    held: Response | None = response
    while held is not None:
        if request.streams is not None and held in request.streams:
            request.streams.remove(held)
        held = held.holds
