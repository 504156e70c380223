"""The response that a function asks for: `response: Response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nacre.response import Response


def answer(convert: Callable[[Any], Response] | None, injected: Response, value: Any) -> Any:
    """What a function gave, with the status, header fields and cookies of the response that it had asked for.

    They apply to plain values only: a Response that is returned is the whole answer. None is that response itself, with
    the status of the function's options unless it has one of its own.
    """
    if isinstance(value, Response):
        return value
    assert convert is not None
    response = convert(value)
    if value is None:
        if injected.status == 200 and response.status != 204:
            injected.status = response.status
        return injected
    if injected.status != 200:
        response.status = injected.status
    for name, text in injected.raw_headers:
        if name == "content-type":
            response.headers.set(name, text)
        else:
            response.raw_headers.append((name, text))
    response.background = response.background or injected.background
    response.sent_callbacks = [*(response.sent_callbacks or ()), *(injected.sent_callbacks or ())] or None
    return response
