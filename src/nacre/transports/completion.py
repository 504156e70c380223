"""What follows a response: callbacks after its last byte, run once, whatever became of it."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterator
from functools import lru_cache

from nacre.callables import is_async
from nacre.chain.pipeline import close_replaced
from nacre.logline import printable
from nacre.request import Request
from nacre.response import Response
from nacre.streams import is_async_stream
from nacre.threads import Threads

_log = logging.getLogger("nacre.error")

NO_BODY = frozenset({204, 304})
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def has_work(request: Request, response: Response | None) -> bool:
    """Whether anything waits for the end of this request."""
    return (
        request.after_callbacks is not None
        or request.streams is not None
        or (response is not None and (response.sent_callbacks is not None or response.background is not None))
    )


async def complete(request: Request, response: Response | None, threads: Threads | None) -> None:
    """Run what waits for the end: `on_sent`, the background callable, then `after_response` in reverse order.

    `response` is None when the request was cancelled before it had one. What raises is logged and stops nothing else.
    Plain callbacks run in a worker thread, and what they return is awaited if it can be; without `threads`, here. So do
    those whose attribute `inline` says that they never block.
    """
    cancelled: asyncio.CancelledError | None = None
    if response is None and request.failure is None:
        request.failure = asyncio.CancelledError("the request was cancelled")
    if request.streams is not None:
        try:
            await close_replaced(request, response, threads)
        except asyncio.CancelledError as error:
            cancelled = error
    if response is not None and (response.sent_callbacks is not None or response.background is not None):
        for callback in _callbacks(response):
            cancelled = await _run(request, callback, threads) or cancelled
    while request.after_callbacks:
        callback = request.after_callbacks.pop()
        if getattr(callback, "inline", False):
            stopped = _run_inline(request, callback)
        else:
            stopped = await _run(request, callback, threads)
        cancelled = stopped or cancelled
    request.failure = None  # its traceback holds the request,
    request.views = None  # and so do they
    if cancelled is not None:
        raise cancelled


async def _run(
    request: Request, callback: Callable[[], object], threads: Threads | None
) -> asyncio.CancelledError | None:
    """Run one callback. A cancellation ends it; the others run, and then it goes on."""
    if getattr(callback, "inline", False):
        return _run_inline(request, callback)
    try:
        if is_async(callback):
            await callback()  # type: ignore[misc]
        elif threads is None:
            _refuse_awaitable(callback())
        else:
            result = await threads.run(request, callback)
            if result is not None and inspect.isawaitable(result):  # of a lambda around an async function
                await result
    except asyncio.CancelledError as error:
        return error
    except Exception:
        _report(request)
    return None


def _run_inline(request: Request, callback: Callable[[], object]) -> asyncio.CancelledError | None:
    """The same for one that says that it never blocks. PERF: layers of Nacre's own end so, and need no coroutine."""
    try:
        result = callback()
        if result is not None:
            _refuse_awaitable(result)
    except asyncio.CancelledError as error:
        return error
    except Exception:
        _report(request)
    return None


def _report(request: Request) -> None:
    _log.exception("a callback after the response to %s %s failed", request.method, printable(request.path))


def _refuse_awaitable(result: object) -> None:
    # PERF: most return nothing, and the question looks up an abstract class, 0.4 µs.
    if result is not None and inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError("it returned an awaitable, and runs without an event loop here; make it `async def`")


def needs_loop(request: Request, response: Response) -> bool:
    """Whether some of it is async."""
    if any(is_async_stream(one.stream) for one in request.streams or () if one is not response):
        return True
    pending = [*(request.after_callbacks or ()), *(response.sent_callbacks or ()), response.background]
    return any(is_async(callback) for callback in pending if callback is not None)


def _callbacks(response: Response) -> Iterator[Callable[[], object]]:
    """Each callback is taken off its list as it is run, so none can run twice, and one may add another."""
    while response.sent_callbacks:
        yield response.sent_callbacks.pop(0)
    background, response.background = response.background, None
    if background is not None:
        yield background


def framed(response: Response, head: bool) -> list[tuple[str, str]]:
    """The header fields with the length that belongs to the body (RFC 9112 §6): right, or none where none may be."""
    headers = response.raw_headers
    if response.status in NO_BODY or response.status < 200:
        if response.body or response.stream is not None:
            _log.warning("a %s response can't have a body; it was left out", response.status)
        return [pair for pair in headers if pair[0] not in ("content-length", "transfer-encoding")]
    if response.stream is not None:
        return [pair for pair in headers if pair[0] != "transfer-encoding"]
    # PERF: a loop, not `any(…)` over a generator, which costs 0.2 µs more (bench/parts.py).
    for name, _ in headers:
        if name in _FRAMING:
            break
    else:
        return [*headers, _length_field(len(response.body))]
    if head and not response.body:
        # An application that answers HEAD itself says the length of what GET would give.
        return [pair for pair in headers if pair[0] != "transfer-encoding"]
    return [*(pair for pair in headers if pair[0] not in _FRAMING), _length_field(len(response.body))]


@lru_cache(maxsize=1024)
def _length_field(length: int) -> tuple[str, str]:
    return "content-length", str(length)
