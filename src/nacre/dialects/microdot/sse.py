"""Server-sent events of Microdot's routes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from nacre.dialects.microdot.request import Request
from nacre.dialects.microdot.response import Response
from nacre.sse import EventSender, EventStream


class SSE:
    """Sends events to one client."""

    def __init__(self, sender: EventSender) -> None:
        self.sender = sender

    async def send(
        self,
        data: object,
        event: str | None = None,
        event_id: str | int | None = None,
        retry: float | None = None,
        comment: bool = False,
    ) -> None:
        """Send an event, and return when the client's connection has taken it.

        `data` is text or bytes; a dict or list is sent as JSON, anything else as `str` has it. `retry` is in seconds.
        With `comment` the text is one, which clients pass over. Raises ValueError for line ends in `event` and
        `event_id`; text of several lines arrives as it is.
        """
        if isinstance(data, dict | list):
            data = json.dumps(data)
        elif not isinstance(data, str | bytes):
            data = str(data)
        if comment:
            text = data.decode() if isinstance(data, bytes) else data
            await self.sender.send(event=event, id=event_id, retry=retry, comment=text)
        else:
            await self.sender.send(data, event=event, id=event_id, retry=retry)


def sse_response(request: Request, event_function: Callable[..., Any], *args: Any, **kwargs: Any) -> Response:
    """A response of the events that `event_function(request, sse, …)` sends until it returns.

    When the client leaves, the function is cancelled.
    """

    async def source(sender: EventSender) -> None:
        await event_function(request, SSE(sender), *args, **kwargs)

    response = EventStream(source, ping=None).as_kind(Response)
    # Its documents promise the content type alone.
    response.headers.remove("cache-control")
    response.headers.remove("x-accel-buffering")
    return response


def with_sse(f: Callable[..., Any]) -> Callable[..., Any]:
    """Make a route of `f(request, sse, **variables)`, which sends events until it returns."""

    @functools.wraps(f)
    async def wrapper(request: Request, *args: Any, **kwargs: Any) -> Response:
        return sse_response(request, f, *args, **kwargs)

    return wrapper
