"""One compiled step of a chain, together with all that is inside it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from nacre.request import Handler, Request
from nacre.response import Response
from nacre.threads import wait

BlockingNext = Callable[[Request], Response]
"""`call_next` as plain code gets it, and a handler for a thread that may block: the response, not an awaitable."""


class Stage(Struct, frozen=True):
    """A handler in two forms.

    `handle` runs on the event loop and sends plain code to a worker thread. `inline` is for a thread that may block (a
    worker, or the caller under WSGI): the same steps as a plain function. It is None when something inside is
    `async def` code of the user's, which may suspend.

    PERF: a coroutine that never suspends would do without a twin, but costs 0.1 µs per step (bench/parts.py).
    """

    handle: Handler
    inline: BlockingNext | None


def blocking_next(inner: Stage) -> BlockingNext:
    """What a plain layer calls to run everything inside it: directly in this thread if all of that is plain too."""
    if inner.inline is not None:
        return inner.inline
    handle = inner.handle

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
