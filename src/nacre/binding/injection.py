"""The response that a function asks for: `response: Response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from nacre.response import Response


class Injection(Struct, frozen=True):
    """How a function that asked for a response answers.

    `convert` makes the response of a plain value. `status` is that of the function's options, if it has one.
    `takes_none` says that None is a result: the response that was asked for, as it is.
    """

    convert: Callable[[Any], Response]
    status: int | None = None
    takes_none: bool = False

    def answer(self, injected: Response, value: Any) -> Any:
        """What the function gave, with the status, header fields and cookies of the response that it had asked for.

        They apply to plain values only: a Response that is returned is the whole answer.
        """
        if isinstance(value, Response):
            return value
        if value is None:
            if self.takes_none and self.status is not None and injected.status == 200:
                injected.status = self.status
            return injected if self.takes_none else None
        response = self.convert(value)
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
