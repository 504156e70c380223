"""The user's functions and stores, called from code that runs in both forms of a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nacre.callables import is_async
from nacre.request import Request
from nacre.threads import runs_event_loop


class UserFunction:
    """A function of the user's, plain or async.

    On an event loop plain code runs in a worker thread, unless `inline` says that it never blocks; in a thread of its
    own (a plain chain) it is called as it is, so that nothing there suspends.
    """

    def __init__(self, function: Callable[..., Any], *, inline: bool = False) -> None:
        self._function = function
        self._inline = inline
        self.is_async = is_async(function)
        self.at_once: Callable[..., Any] | None = function if inline and not self.is_async else None
        """The function itself, if it may be called anywhere."""

    async def __call__(self, request: Request, *arguments: Any) -> Any:
        """Call the function with these arguments; the request, which isn't one of them, lends the thread."""
        if self.is_async:
            return await self._function(*arguments)
        if self._inline or not runs_event_loop():
            return self._function(*arguments)
        return await request.app.workers.run(request, lambda: self._function(*arguments))
