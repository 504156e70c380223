"""What the applications of the view `realtime` share: who listens, and what they are told.

Each answers `GET /events`, a stream of the hub's events; `GET /publish?listeners=N&count=M`, which waits until so many
listen, sends so many events, ends the streams and answers when it is done; and echoes text at the WebSocket `/echo`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

_PAUSE = 0.002
"""Seconds between two events, so that each is sent by itself."""

_PATIENCE = 10.0


class Hub:
    """Hands each event to all that listen."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[str | None]] = set()

    async def listen(self) -> AsyncIterator[str]:
        """The events from now on, until the hub ends them."""
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._queues.discard(queue)

    async def publish(self, listeners: int, count: int) -> int:
        """Send so many events when so many listen; how many listened."""
        async with asyncio.timeout(_PATIENCE):
            while len(self._queues) < listeners:  # noqa: ASYNC110 -- nothing is measured yet
                await asyncio.sleep(_PAUSE)
        for number in range(count):
            self._tell(event_text(number))
            await asyncio.sleep(_PAUSE)
        told = len(self._queues)
        self._tell(None)
        return told

    def _tell(self, event: str | None) -> None:
        for queue in self._queues:
            queue.put_nowait(event)


def event_text(number: int) -> str:
    """The data of one event: 64 characters."""
    return f"{number:08} " + "the price of the blue widget has changed once more today".ljust(55)[:55]
