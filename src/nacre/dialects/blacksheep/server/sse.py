"""Server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable

from nacre.dialects.blacksheep.contents import ServerSentEvent
from nacre.dialects.blacksheep.headers import HeaderType
from nacre.dialects.blacksheep.messages import Response
from nacre.eventstream import ServerSentEvent as NativeEvent
from nacre.headers import check_pair
from nacre.sse import EventStream


class ServerSentEventsResponse(Response):
    """A stream of the events that the function `events_provider` gives; comments keep the connection open meanwhile."""

    def __init__(
        self,
        events_provider: Callable[[], AsyncIterable[ServerSentEvent]],
        status: int = 200,
        headers: Iterable[HeaderType] | None = None,
    ) -> None:
        native = EventStream(_native_events(events_provider), status)
        vars(self).update(vars(native))
        self.raw_headers += [check_pair(name, value) for name, value in headers or ()]


async def _native_events(provider: Callable[[], AsyncIterable[ServerSentEvent]]) -> AsyncIterator[NativeEvent]:
    async for event in provider():
        yield event.native()
