"""Calling a program's functions, plain or async, from the wrappers that the extensions put around them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from nacre.callables import is_async
from nacre.views import RequestView

Function = Callable[..., Any]


async def invoke(request: RequestView, function: Function, *args: Any, **kwargs: Any) -> Any:
    """Call a function with these arguments and return what it gives; plain code doesn't block the event loop.

    The request, which isn't one of the arguments, lends the thread that plain code runs in.
    """
    if is_async(function):
        return await function(*args, **kwargs)
    native = request.native
    given = await native.app.workers.run(native, lambda: function(*args, **kwargs))
    # SECURITY: plain code may return what async code has given it. As it is, that is true, and so would be any user.
    return await given if inspect.isawaitable(given) else given
