"""Asking providers: what a written binder does for each, and their teardown after the response.

For each step of its plan a binder holds the lines that `emit` gives. They leave the value in `provided<index>`, and use
the names `function<index>` (the provider's function), `single<index>` (the `Singleton` of one with the scope "app"),
`wait` and those in `NAMES`. What a request's provider gave is kept in `request.provided`, by function, so that it is
asked once. The call that makes it:

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

Teardown is an `after_response` callback, hence in reverse order, once, after the last byte or the client's departure. A
request that is cancelled on the loop closes its generators at once, before the layers further out see the cancellation.
The failure of a request is in `request.failure`: the exception that a binder with generator providers saw, or one that
nobody handled. It is thrown into those generators that were open when it was raised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from nacre.binding.providers import Provider
from nacre.errors import Location
from nacre.request import Request
from nacre.threads import adopt

_log = logging.getLogger("nacre.error")


@dataclass(frozen=True, slots=True)
class Emitted:
    """The lines of one provider; `waits` says that those for the loop need an `async def` around them."""

    lines: list[str]
    waits: bool = False


def emit(provider: Provider, arguments: str, index: int, *, blocking: bool) -> Emitted:
    """The lines that leave a provider's value in `provided<index>`; `arguments` are written as in a call."""
    if provider.scope == "app":
        return Emitted([f"provided{index} = single{index}.value"])
    made, waits = _made(provider, f"function{index}", arguments, blocking=blocking)
    lines = [
        "provided = request.provided",
        "if provided is None:",
        "    provided = request.provided = {}",
        f"provided{index} = provided.get(function{index}, UNMADE)",
        f"if provided{index} is UNMADE:",
        f"    provided{index} = provided[function{index}] = {made}",
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


def open_inline(request: Request, generator: Generator[Any, None, None]) -> Any:
    """Open a plain generator on the event loop, where it is closed too."""
    value = start(generator)
    request.after_response(partial(_close_inline, request, generator, request.failure))
    return value


def open_plain(request: Request, generator: Generator[Any, None, None]) -> Any:
    """Open a plain generator in a thread.

    All of it runs in one context, however many threads it passes, so that it may reset a context variable that it has
    set. What it sets is seen from here on.
    """
    context = copy_context()
    value = context.run(start, generator)
    adopt(context, {})
    request.after_response(partial(_close_plain, request, generator, request.failure, context))
    return value


async def open_async(request: Request, generator: AsyncGenerator[Any, None]) -> Any:
    """Open an async generator in the request's task."""
    value = await start_async(generator)
    request.after_response(partial(_close_async, request, generator, request.failure))
    return value


async def close_at_once(request: Request, error: BaseException) -> None:
    """End the providers that are open when a request is cancelled, the last one first.

    Layers further out see the cancellation after that. Generators that were opened in a thread are left until after the
    request: code in the thread may still be using them.
    """
    request.failure = error
    callbacks = request.after_callbacks or []
    for callback in reversed(callbacks.copy()):
        if isinstance(callback, partial) and callback.func in (_close_inline, _close_async):
            callbacks.remove(callback)
            try:
                await callback()
            except Exception:
                _log.exception("the teardown of a provider failed")


def _failure_since(request: Request, known: BaseException | None) -> BaseException | None:
    """The request's failure, unless it had failed already when the provider was opened (by an error handler)."""
    return None if request.failure is known else request.failure


async def _close_inline(request: Request, generator: Generator[Any, None, None], known: BaseException | None) -> None:
    finish(generator, _failure_since(request, known))


def _close_plain(
    request: Request, generator: Generator[Any, None, None], known: BaseException | None, context: Context
) -> None:
    context.run(adopt, copy_context(), {})
    context.run(finish, generator, _failure_since(request, known))


async def _close_async(request: Request, generator: AsyncGenerator[Any, None], known: BaseException | None) -> None:
    await finish_async(generator, _failure_since(request, known))


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
    "close_at_once": close_at_once,
    "open_async": open_async,
    "open_inline": open_inline,
    "open_plain": open_plain,
}
"""What the lines of `emit` call."""
