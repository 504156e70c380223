"""Server-sent events as a browser's EventSource takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from types import TracebackType

from nacre.eventstream import EventDecoder, ServerSentEvent
from nacre.media import parse_media_type
from nacre.testing.exchange import Exchange
from nacre.testing.response import Answer
from nacre.testing.stream import AsyncStream, Stream, StreamContext


class _Events(Answer):
    """What both kinds have."""

    def __init__(self, stream: AsyncStream | Stream) -> None:
        self._exchange = stream.exchange
        self._decoder = EventDecoder()
        self._waiting: deque[ServerSentEvent] = deque()

    @property
    def exchange(self) -> Exchange:
        return self._exchange

    @property
    def last_event_id(self) -> str:
        """What a browser would send as `Last-Event-ID` if it connected again now."""
        return self._decoder.last_event_id

    @property
    def retry(self) -> float | None:
        """The last delay before connecting again that the application gave, in seconds."""
        return self._decoder.retry

    def check(self) -> None:
        """Raise AssertionError for a response that an EventSource would not read."""
        value = self.headers.get("content-type")
        if self.status != 200 or value is None or parse_media_type(value).essence != "text/event-stream":
            raise AssertionError(
                f"{self._exchange.sent.method} {self._exchange.sent.path}: {self.status} {value or 'without a type'} is"
                " no event stream"
            )


class AsyncEvents(_Events, AsyncIterator[ServerSentEvent]):
    """The events of a response, as the application sends them; iteration ends with the response."""

    def __init__(self, stream: AsyncStream) -> None:
        super().__init__(stream)
        self._stream = stream

    async def __anext__(self) -> ServerSentEvent:
        while not self._waiting:
            self._waiting += self._decoder.feed(await anext(self._stream))
        return self._waiting.popleft()

    async def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        await self._stream.disconnect()


class Events(_Events, Iterator[ServerSentEvent]):
    """The same in plain code."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._stream = stream

    def __next__(self) -> ServerSentEvent:
        while not self._waiting:
            self._waiting += self._decoder.feed(next(self._stream))
        return self._waiting.popleft()

    def disconnect(self) -> None:
        """Leave now, and return when the application has ended."""
        self._stream.disconnect()


class EventsContext:
    """What `client.events(…)` returns: enter it with `async with`, or with `with` in plain code, and iterate.

    Entering raises AssertionError if the response is no event stream. Going out of it is leaving, as with a stream.
    """

    def __init__(self, stream: StreamContext) -> None:
        self._stream = stream

    async def __aenter__(self) -> AsyncEvents:
        events = AsyncEvents(await self._stream.__aenter__())
        try:
            events.check()
        except AssertionError as error:
            await self._stream.__aexit__(type(error), error, None)
            raise
        return events

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stream.__aexit__(kind, error, trace)

    def __enter__(self) -> Events:
        events = Events(self._stream.__enter__())
        try:
            events.check()
        except AssertionError as error:
            self._stream.__exit__(type(error), error, None)
            raise
        return events

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.__exit__(kind, error, trace)
