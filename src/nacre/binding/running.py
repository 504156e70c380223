"""Asking providers: what a written binder does for each, and their teardown after the response.

For each step of its plan a binder holds the lines that `emit` gives. They leave the value in `provided<index>`, and use
the names `function<index>` (the provider's function), `slot<index>` (what its value is kept under), `single<index>`
(the `Singleton` of one with the scope "app"), `provided` (set by the lines of `PROVIDED`), `wait` and those in `NAMES`.
What a request's provider gave is kept in `request.provided`, so that it is asked once. The call that makes it:

| kind               | on the loop                                                  | in a thread that may block |
|--------------------|--------------------------------------------------------------|----------------------------|
| plain              | `await in_thread(request, function, …)`                      | `function(…)`              |
| plain, inline      | `function(…)`                                                | `function(…)`              |
| async              | `await function(…)`                                          | `wait(function(…))`        |
| generator          | `await in_thread(request, open_plain, request, function(…))` | `open_plain(request, …)`   |
| generator, inline  | `open_inline(request, function(…))`                          | `open_plain(request, …)`   |
| async generator    | `await open_async(request, function(…))`                     | `wait(open_async(…))`      |
| any, of scope app  | `single.value`                                               | `single.value`             |

An inline generator counts as waiting too: it is closed where it was opened, so a plain handler is given the lines for a
thread.

Teardown is an `after_response` callback, hence in reverse order, once, after the last byte or the client's departure.
The failure of a request is in `request.failure`: the exception that a binder with generator providers saw, one that
nobody handled, or the cancellation that was its end. It is thrown into those generators that were open when it was
raised.

A cancellation is told only to what was opened since the cancelled binder began: a layer outside of it may go on. On the
loop those generators are closed at once, before the layers further out see the cancellation. Those in use by a thread
are left until that thread is done, and one that the thread opens after the cancellation is closed there at once.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import Future
from contextvars import Context, copy_context
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from nacre.binding.providers import Provider
from nacre.errors import Location
from nacre.request import Request
from nacre.streams import to_the_end
from nacre.threads import Threads, adopt, is_abandoned

T = TypeVar("T")

_log = logging.getLogger("nacre.error")


Begun = tuple[int, int]
"""How many callbacks after the response, and how many values of providers, there were when a binder began."""

BEGUN = "begun = begin(request)"
"""The line with which a binder that opens generators begins."""

PROVIDED = (
    "provided = request.provided",
    "if provided is None:",
    "    provided = request.provided = {}",
)
"""The lines before those of `emit`, if any of the providers is one of the request."""


class Emitted(Struct, frozen=True):
    """The lines of one provider; `waits` says that those for the loop need an `async def` around them."""

    lines: list[str]
    waits: bool = False


def emit(provider: Provider, arguments: str, index: int, *, blocking: bool) -> Emitted:
    """The lines that leave a provider's value in `provided<index>`; `arguments` are written as in a call."""
    if provider.scope == "app":
        return Emitted([f"provided{index} = single{index}.value"])
    made, waits = _made(provider, f"function{index}", arguments, blocking=blocking)
    lines = [
        f"provided{index} = provided.get(slot{index}, UNMADE)",
        f"if provided{index} is UNMADE:",
        f"    provided{index} = provided[slot{index}] = {made}",
    ]
    return Emitted(lines, waits)


def _made(provider: Provider, function: str, arguments: str, *, blocking: bool) -> tuple[str, bool]:
    """The expression that asks a provider, and whether it waits on the loop."""
    called = f"{function}({arguments})"
    match provider.kind:
        case "async":
            return f"wait({called})" if blocking else f"await {called}", True
        case "async generator":
            opened = f"open_async(request, {called})"
            return f"wait({opened})" if blocking else f"await {opened}", True
        case "generator" if blocking:
            return f"open_plain(request, {called})", True
        case "generator" if provider.inline:
            return f"open_inline(request, {called})", True
        case "generator":
            return f"await in_thread(request, open_plain, request, {called})", True
        case "plain" if provider.inline:
            return called, False
        case "plain":
            sent = f"{function}, {arguments}" if arguments else function
            return called if blocking else f"await in_thread(request, {sent})", True


async def in_thread(request: Request, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
    """Call plain code in a worker thread: the one that waits for this request, if there is one."""
    return await request.app.workers.run(request, lambda: function(*arguments, **named))


# Opening: what the generator yields is the value, and its end is put off until after the response.


class _Open(ABC):
    """A generator that is open; called after the response, it is closed."""

    __slots__ = ("_generator", "_known", "_request", "failure")

    def __init__(self, request: Request, generator: Any) -> None:
        self._request = request
        self._generator = generator
        self._known = request.failure
        self.failure: BaseException | None = None
        """What it is told instead of the request's failure."""

    @abstractmethod
    def __call__(self) -> Any:
        """Close it."""

    def _told(self) -> BaseException | None:
        """What the generator is told: no failure from before it was opened (by an error handler)."""
        failure = self.failure or self._request.failure
        return None if failure is self._known else failure


class _OpenInline(_Open):
    __slots__ = ()

    async def __call__(self) -> None:
        finish(self._generator, self._told())


class _OpenPlain(_Open):
    __slots__ = ("_context",)

    def __init__(self, request: Request, generator: Generator[Any, None, None], context: Context) -> None:
        super().__init__(request, generator)
        self._context = context

    def __call__(self) -> None:
        self._context.run(adopt, copy_context(), {})
        self._context.run(finish, self._generator, self._told())


class _OpenAsync(_Open):
    __slots__ = ()

    async def __call__(self) -> None:
        await finish_async(self._generator, self._told())


def open_inline(request: Request, generator: Generator[Any, None, None]) -> Any:
    """Open a plain generator on the event loop, where it is closed too."""
    value = start(generator)
    request.after_response(_OpenInline(request, generator))
    return value


def open_plain(request: Request, generator: Generator[Any, None, None]) -> Any:
    """Open a plain generator in a thread. Raises CancelledError, after closing it, if the request is over by then.

    All of it runs in one context, however many threads it passes, so that it may reset a context variable that it has
    set. What it sets is seen from here on.
    """
    context = copy_context()
    value = context.run(start, generator)
    adopt(context, {})
    opened = _OpenPlain(request, generator, context)
    request.after_response(opened)
    # Looked at after it was put on the list: before a cancellation it is found there, after it nobody looks any more.
    if is_abandoned():
        opened.failure = asyncio.CancelledError("the request was cancelled")
        if _take_off(request, opened):
            opened()
        raise opened.failure
    return value


async def open_async(request: Request, generator: AsyncGenerator[Any, None]) -> Any:
    """Open an async generator in the request's task."""
    value = await start_async(generator)
    request.after_response(_OpenAsync(request, generator))
    return value


def _take_off(request: Request, opened: _Open) -> bool:
    """Take a generator off the list of what follows the response; False if it has been taken to be closed."""
    try:
        (request.after_callbacks or []).remove(opened)
    except ValueError:
        return False
    return True


# Cancellation.


def begin(request: Request) -> Begun:
    """Note what there is before a binder opens anything."""
    if request.after_callbacks is None:
        request.after_callbacks = []  # here, and not in a thread when the request may be over
    return len(request.after_callbacks), len(request.provided or ())


def give_up(request: Request, begun: Begun, error: BaseException) -> list[_Open]:
    """Tell a cancellation to the generators opened since a binder began, and forget what providers gave since then."""
    opened = [one for one in (request.after_callbacks or [])[begun[0] :] if isinstance(one, _Open)]
    for one in opened:
        one.failure = one.failure or error
    if request.provided is not None:
        request.provided = dict(list(request.provided.items())[: begun[1]])
    return opened


async def close_at_once(request: Request, begun: Begun, error: BaseException) -> None:
    """End the generators that a cancelled binder has opened on the loop, the last one first.

    Layers further out see the cancellation after that. Those that were opened in a thread are left until after the
    request.
    """
    for one in reversed(give_up(request, begun, error)):
        if not isinstance(one, _OpenPlain) and _take_off(request, one):
            try:
                await one()
            except Exception:
                _log.exception("the teardown of a provider failed")


async def run_opening(threads: Threads, request: Request, binder: Callable[[], T]) -> T:
    """Run a binder that opens generators in a thread. If it is cancelled, they are closed after the thread is done."""
    begun = begin(request)
    done: Future[None] = Future()

    def run() -> T:
        try:
            return binder()
        finally:
            done.set_result(None)

    try:
        return await threads.run(request, run)
    except asyncio.CancelledError as error:
        if give_up(request, begun, error) and not done.done():
            request.after_response(partial(_wait, done))
        raise


async def _wait(done: Future[None]) -> None:
    await to_the_end(asyncio.wrap_future(done))


# The two halves of a generator. An exception that comes out again as it was thrown in is known already, and one that
# doesn't come out changes nothing for the client.


def start(generator: Generator[Any, None, None]) -> Any:
    """Run a generator to its `yield`. Raises RuntimeError if it has none."""
    try:
        return next(generator)
    except StopIteration:
        raise RuntimeError(f"{_name(generator)} ended without yielding a value") from None


def finish(generator: Generator[Any, None, None], failure: BaseException | None = None) -> None:
    """Run a generator from its `yield` to the end, with the failure raised there. Raises what it raises otherwise."""
    try:
        if failure is None:
            next(generator)
        else:
            generator.throw(failure)
    except StopIteration:
        return
    except BaseException as error:
        if _is_same(error, failure):
            return
        raise
    mistake = RuntimeError(f"{_name(generator)} yielded a second time")
    try:
        generator.close()
    except Exception as error:
        raise mistake from error
    raise mistake


async def start_async(generator: AsyncGenerator[Any, None]) -> Any:
    """The same as `start`."""
    try:
        return await anext(generator)
    except StopAsyncIteration:
        raise RuntimeError(f"{_name(generator)} ended without yielding a value") from None


async def finish_async(generator: AsyncGenerator[Any, None], failure: BaseException | None = None) -> None:
    """The same as `finish`."""
    try:
        if failure is None:
            await anext(generator)
        else:
            await generator.athrow(failure)
    except StopAsyncIteration:
        return
    except BaseException as error:
        if _is_same(error, failure):
            return
        raise
    mistake = RuntimeError(f"{_name(generator)} yielded a second time")
    try:
        await generator.aclose()
    except Exception as error:
        raise mistake from error
    raise mistake


def _is_same(error: BaseException, failure: BaseException | None) -> bool:
    if error is failure:
        return True
    # PEP 479: a StopIteration doesn't come out of a generator as it is.
    return isinstance(failure, (StopIteration, StopAsyncIteration)) and error.__cause__ is failure


def _name(generator: Any) -> str:
    code = generator.gi_code if hasattr(generator, "gi_code") else generator.ag_code
    return f"provider `{generator.__qualname__}` ({Location(code.co_filename, code.co_firstlineno)})"


NAMES: dict[str, Any] = {
    "UNMADE": object(),
    "in_thread": in_thread,
    "CancelledError": asyncio.CancelledError,
    "begin": begin,
    "close_at_once": close_at_once,
    "give_up": give_up,
    "open_async": open_async,
    "open_inline": open_inline,
    "open_plain": open_plain,
}
"""What the lines of `emit` call."""
