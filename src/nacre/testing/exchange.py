"""One request and its response between the client and the application, whatever protocol carries it.

A transport double takes body chunks from an exchange and puts the response into it, the client the other way round.
An exchange lives on one event loop and is used from no other thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

from nacre.headers import Headers, check_name, check_value
from nacre.types import Address

Content = bytes | AsyncIterable[bytes] | Iterable[bytes]
"""A request body: whole, or in chunks."""

DisconnectAfter = int | asyncio.Event
"""When the client leaves: after so many body chunks were taken, or when the event is set."""


class ProtocolViolation(AssertionError):
    """The application broke the rules of the protocol it was called by.

    Raised where the application did it, and again in the test, in case the application has swallowed it.
    """


class ClientLeft(Exception):
    """What ends a wait of the application's side when the client leaves; doubles raise their protocol's own error."""


class PeerGone(Exception):
    """Marks the error by which a protocol tells the application that the client has left."""


@dataclass(frozen=True)
class Sent:
    """A request as it stands on the wire. `path` is the raw path, without the query."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    content: Content
    scheme: str
    server: Address
    client: Address
    root_path: str

    @property
    def declared_length(self) -> str | None:
        return next((value for name, value in self.headers if name == "content-length"), None)


class Exchange:
    """One request being answered.

    With `hold` a piece of the response is kept, and its sender waits, until somebody takes it: the client reads a
    stream. Without it pieces are collected as they come.
    """

    def __init__(self, sent: Sent, *, hold: bool, disconnect_after: DisconnectAfter | None = None) -> None:
        self.sent = sent
        self.hold = hold
        self.loop = asyncio.get_running_loop()
        self.status = 0
        self.headers = Headers()
        self.pieces: list[bytes] = []
        self.started = False
        self.bodiless = False
        self.ended = False
        self.left = False
        self.finished = False
        self.error: BaseException | None = None
        self.violations: list[ProtocolViolation] = []
        self._length: int | None = None
        self._size = 0
        self._offers: deque[tuple[bytes, asyncio.Future[bool]]] = deque()
        self._gone: list[asyncio.Future[None]] = []
        self._waiting: set[asyncio.Future[None]] = set()
        self._chunks: AsyncIterator[bytes] | Iterator[bytes] | None = None
        self._next_chunk: asyncio.Task[bytes | None] | None = None
        self._left_after = disconnect_after if isinstance(disconnect_after, int) else None
        self._taken = 0
        self._body_taken = False
        self._watch: asyncio.Task[None] | None = None
        if isinstance(disconnect_after, asyncio.Event):
            self._watch = self.loop.create_task(self._leave_at(disconnect_after))
        elif disconnect_after == 0:
            self.loop.call_soon(self.leave)

    # What both sides wait for.

    async def wait(self) -> None:
        """Return at the next change: a piece, the start or end of the response, the client's or application's end."""
        waiter = self.loop.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _changed(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # The application's side: the request body.

    async def take_chunk(self) -> tuple[bytes, bool]:
        """The next body chunk and whether more may follow; `(b"", False)` at the end. Raises ClientLeft."""
        if self._taken == self._left_after:
            self.leave()
        if self.left:
            raise ClientLeft
        if self._body_taken:
            return b"", False
        content = self.sent.content
        if isinstance(content, bytes):
            self._body_taken = True
            self._count()
            return content, False
        chunk = await self._await_chunk(content)
        if chunk is None:
            self._body_taken = True
            return b"", False
        self._count()
        return chunk, True

    async def _await_chunk(self, content: AsyncIterable[bytes] | Iterable[bytes]) -> bytes | None:
        if isinstance(content, Iterable):
            if self._chunks is None:
                self._chunks = iter(content)
            assert isinstance(self._chunks, Iterator)
            return next(self._chunks, None)
        if self._chunks is None:
            self._chunks = aiter(content)
        assert isinstance(self._chunks, AsyncIterator)
        # The chunk is awaited in a task of its own: who asked for it may be cancelled and ask again.
        if self._next_chunk is None:
            self._next_chunk = self.loop.create_task(_next_of(self._chunks))
            self._next_chunk.add_done_callback(lambda task: self._changed())
        while not self._next_chunk.done():
            await self.wait()
            if self.left:
                raise ClientLeft
        task, self._next_chunk = self._next_chunk, None
        return task.result()

    def _count(self) -> None:
        self._taken += 1
        if self._taken == self._left_after:
            self.loop.call_soon(self.leave)

    # The application's side: the response.

    def start(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """The status and header fields, which are checked as a server would."""
        if self.started:
            raise self.violation("a second response was started")
        self.refuse_if_over("the response was started")
        if not 200 <= status <= 999:
            raise self.violation(f"{status} is not the status of a final response")
        pairs = self.checked_fields(headers)
        self.started = True
        self.bodiless = self.sent.method == "HEAD" or status in (204, 304)
        self._length = self._declared_length(status, pairs)
        if not self.left:
            self.status = status
            self.headers = Headers(pairs)
        self._changed()

    def checked_fields(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Header fields with their names in lower case; raises for one that no server would send."""
        pairs = [(name.lower(), value) for name, value in headers]
        for name, value in pairs:
            try:
                check_name(name)
                check_value(name, value)
            except (ValueError, TypeError) as error:
                raise self.violation(str(error)) from None
        return pairs

    def _declared_length(self, status: int, pairs: list[tuple[str, str]]) -> int | None:
        values = [value for name, value in pairs if name == "content-length"]
        if not values:
            return None
        if len(values) > 1 or not values[0].isdigit():
            raise self.violation(f"Content-Length is {', '.join(values)!r}")
        if status == 204:
            raise self.violation("a 204 response has a Content-Length (RFC 9110 §8.6)")
        return None if self.bodiless else int(values[0])

    async def put(self, piece: bytes) -> None:
        """One piece of the body; returns when it is taken, at once without `hold`. Raises ClientLeft."""
        self.check_piece(piece)
        if self.left:
            raise ClientLeft
        if not piece:
            return
        if not self.hold:
            self.pieces.append(piece)
            await asyncio.sleep(0)  # an application that never waits must not keep everyone else from running
            return
        if not await self.offer(piece):
            raise ClientLeft

    def offer(self, piece: bytes) -> asyncio.Future[bool]:
        """Add a piece that was checked, without waiting; the future says when it is taken, or False if it never is."""
        taken: asyncio.Future[bool] = self.loop.create_future()
        if self.hold and piece:
            self._offers.append((piece, taken))
            self._changed()
        else:
            self.pieces.append(piece)
            taken.set_result(True)
        return taken

    def check_piece(self, piece: bytes) -> None:
        """Count a piece, and refuse one that may not be sent."""
        if not self.started:
            raise self.violation("a body was sent before the response was started")
        self.refuse_if_over("a body was sent")
        self._size += len(piece)
        if piece and self.bodiless:
            raise self.violation(f"a body was sent in a {self.status} answer to {self.sent.method}, which has none")
        if self._length is not None and self._size > self._length:
            raise self.violation(f"{self._size} bytes were sent, and Content-Length is {self._length}")

    def refuse_if_over(self, what: str) -> None:
        """Raise for what the application does after its response is complete or its callable has returned."""
        if self.ended:
            raise self.violation(f"{what} after the end of the response")
        if self.finished:
            raise self.violation(f"{what} after the application had returned")

    def end(self) -> None:
        """The response is complete."""
        if self._length is not None and self._size != self._length and not self.left:
            raise self.violation(f"{self._size} bytes were sent, and Content-Length is {self._length}")
        self.ended = True
        self._changed()

    def finish(self, error: BaseException | None) -> None:
        """The application's callable has returned, or raised `error`."""
        if error is not None:
            self.error = error
        elif not self.ended and not self.left:
            where = "within its response" if self.started else "without a response"
            self.violation(f"the application returned {where}")
        if not self.started and not self.left:
            self.status, self.started = 500, True  # what servers answer then
        self.finished = True
        self._changed()
        for task in (self._watch, self._next_chunk):
            if task is not None:
                task.cancel()

    def violation(self, text: str) -> ProtocolViolation:
        """Note a violation; the caller raises it."""
        violation = ProtocolViolation(f"{self.sent.method} {self.sent.path}: {text}")
        self.violations.append(violation)
        return violation

    # The client's side.

    async def take(self) -> bytes | None:
        """The next piece, as soon as there is one; None at the end."""
        while not self._offers:
            if self.ended or self.finished or self.left:
                return None
            await self.wait()
        piece, taken = self._offers.popleft()
        if not taken.done():
            taken.set_result(True)
        return piece

    def leave(self) -> None:
        """The client goes away, now; of no consequence once the response is complete."""
        if self.left or self.ended or self.finished:
            return
        self.left = True
        while self._offers:
            _, taken = self._offers.popleft()
            if not taken.done():
                taken.set_result(False)
        for gone in self._gone:
            if self.body_sent and not gone.done():
                gone.set_result(None)
        self._changed()

    @property
    def body_sent(self) -> bool:
        """Whether the client sent its whole body, as far as it was to send it."""
        if isinstance(self.sent.content, bytes):
            return not self.sent.content or self._left_after != 0
        return self._body_taken

    def gone(self) -> asyncio.Future[None]:
        """A future of the caller's own, done when the client has left after it had sent its whole body."""
        gone: asyncio.Future[None] = self.loop.create_future()
        if self.left and self.body_sent:
            gone.set_result(None)
        self._gone.append(gone)
        return gone

    async def _leave_at(self, event: asyncio.Event) -> None:
        await event.wait()
        self.leave()

    async def wait_over(self) -> None:
        """Return when the client has left, or the response is complete or will never be."""
        while not (self.left or self.ended or self.finished):
            await self.wait()

    async def wait_started(self) -> None:
        """Return when there is a status, or there will be none."""
        while not (self.started or self.finished):
            await self.wait()


async def _next_of(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)
