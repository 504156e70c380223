"""The user's functions: what they are called in messages, and how a chain calls each."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from nacre.request import Request
from nacre.threads import Threads, run_at_once

Step = tuple[Callable[..., Any], bool]
"""A function, and whether its result is to be awaited."""


class Call(Struct, frozen=True):
    """A function of the user's that takes fixed arguments, beginning with the request, in the forms a chain needs.

    `on_loop` is awaitable and never blocks the loop; `in_thread` is awaitable and never suspends, or None when the
    function must be awaited.
    """

    on_loop: Callable[..., Awaitable[Any]]
    in_thread: Callable[..., Awaitable[Any]] | None
    plain: Callable[..., Any] | None = None
    """The function itself, if it is plain code; `inline` says that it never blocks."""
    inline: bool = False

    def step(self, *, blocking: bool) -> Step:
        """What a chain calls on the loop, or in a thread that may block, and whether it awaits what that returns.

        PERF: plain code that can be called where the chain runs is not made a coroutine first, which costs 0.15 µs.
        """
        if self.plain is not None and (blocking or self.inline):
            return self.plain, False
        if blocking and self.in_thread is not None:
            return at_once(self.in_thread), False
        return self.on_loop, True


def at_once(function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """A function that never suspends, as plain code calls it."""
    return lambda *arguments: run_at_once(function(*arguments))


def prepare_call(
    function: Callable[..., Any] | Call,
    threads: Threads,
    *,
    inline: bool = False,
    asynchronous: bool | None = None,
    either: bool = False,
) -> Call:
    """Settle how `function(request, …)` is called: awaited, in a worker thread, or, `inline`, right on the loop.

    `asynchronous` says that the function returns an awaitable where its looks don't tell; `either`, that it may. A
    `Call` is settled already.
    """
    if isinstance(function, Call):
        return function
    if is_async(function) if asynchronous is None else asynchronous:
        return Call(function, None)

    async def directly(request: Request, *arguments: Any) -> Any:
        return function(request, *arguments)

    async def if_awaitable(request: Request, *arguments: Any) -> Any:
        value = function(request, *arguments)
        return await value if inspect.isawaitable(value) else value

    async def in_worker(request: Request, *arguments: Any) -> Any:
        return await threads.run(request, lambda: function(request, *arguments))

    if either:
        return Call(if_awaitable, None)
    return Call(directly if inline else in_worker, directly, function, inline)


def is_async(function: Any) -> bool:
    """Whether calling it gives an awaitable: `async def`, bound or partial too, or an object with such a `__call__`."""
    while hasattr(function, "func") and hasattr(function, "keywords"):  # functools.partial
        function = function.func
    if inspect.iscoroutinefunction(function) or isinstance(function, type):
        return inspect.iscoroutinefunction(function)
    return inspect.iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - async or not


def describe(target: Any) -> str:
    """A target's name for messages: the qualified name, or that of its class."""
    name = getattr(target, "__qualname__", None)
    return f"`{name}`" if name else f"an instance of `{type(target).__qualname__}`"
