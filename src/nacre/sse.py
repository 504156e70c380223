"""Server-sent events: the response, and what hands events to it (WHATWG HTML §9.2)."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from math import inf
from typing import Any

from nacre.errors import ClientDisconnect
from nacre.eventstream import ServerSentEvent, encode_comment, encode_event
from nacre.pieces import close_stream
from nacre.request import Request
from nacre.response import HeaderInput, Response
from nacre.streams import BREATH, SelfWriting, Write, iterate, throw_in, to_the_end

_CONTENT_TYPE = "text/event-stream"
"""Without a charset: the format is UTF-8 and nothing else (WHATWG HTML §9.2.5), and some clients compare the whole."""

_HEADERS = (
    ("content-type", _CONTENT_TYPE),
    # Not `no-cache`, which lets a cache keep what it can't use again: this body is over when somebody leaves.
    ("cache-control", "no-store"),
    # nginx passes on what it gets at once, instead of when 4 or 8 KiB have come together.
    ("x-accel-buffering", "no"),
)
_PING = encode_comment("ping")
_OPENING = 0.1
"""Seconds after which a stream whose source is silent from the start is opened by a comment.

WSGI servers keep status and headers back until there is a body (PEP 3333), and some proxies do so everywhere."""


Put = Callable[[bytes], Awaitable[None]]
"""What sends one event, for the code that makes it."""


class EventStream(Response):
    """Events sent as they happen, until the source ends or the client leaves.

    `source` is an iterable of events, async or plain, or an async function that is called with an `EventSender`. An
    event is a `ServerSentEvent`, or the data of one: text, bytes, or what has a JSON form; None sends nothing. The
    source runs in a task of its own, from its first line to its last, while the response is sent. It is advanced when
    the client has taken what came before. When the client leaves it gets `CancelledError` at its `await` or `yield`.
    A plain iterable is advanced in a worker thread, which it holds while it blocks.

    While the source is silent a comment is sent every `ping` seconds, which keeps proxies from closing the connection
    and shows that a client has gone; None for no comments. `retry` is the time in seconds after which clients are to
    connect again when the connection is lost. They then send the last event's `id` as `Last-Event-ID`.

    The status is sent before the first event. What fails from then on cuts the connection and is logged.
    """

    eager = False

    def __init__(
        self,
        source: EventSource,
        status: int = 200,
        headers: HeaderInput | None = None,
        *,
        ping: float | None = 15.0,
        retry: float | None = None,
        background: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(None, status, None, background=background)
        self.raw_headers = list(_HEADERS)
        self.stream = _Frames(self, _checked_source(source), _checked_ping(ping), ServerSentEvent(retry=retry).encode())
        if headers is not None:
            self._replace_headers(headers)

    def _replace_headers(self, headers: HeaderInput) -> None:
        given = Response(headers=headers).raw_headers
        names = {name for name, _ in given}
        self.raw_headers = [*(pair for pair in self.raw_headers if pair[0] not in names), *given]


class EventSender:
    """Sends events to one client, for code that is called back rather than iterated."""

    def __init__(self, put: Put) -> None:
        self._put = put

    async def send(
        self,
        data: object = None,
        *,
        event: str | None = None,
        id: str | int | None = None,
        retry: float | None = None,
        comment: str | None = None,
    ) -> None:
        """Send one event; returns when the client's connection has taken it and has room for the next.

        The arguments are those of `ServerSentEvent`; `data` may be a whole one. Several tasks may send. Raises
        ClientDisconnect when the stream is over. Who is cancelled here can't know whether the client gets the event:
        give it an `id` if it is sent again.
        """
        if not isinstance(data, ServerSentEvent):
            data = ServerSentEvent(data, event=event, id=id, retry=retry, comment=comment)
        elif (event, id, retry, comment) != (None, None, None, None):
            raise TypeError("send() takes a ServerSentEvent or the fields of one")
        if piece := data.encode():
            await self._put(piece)


EventSource = AsyncIterable[Any] | Iterable[Any] | Callable[[EventSender], Awaitable[object]]
"""Where events come from: an iterable of them, or a function that is given the means to send them."""


def _checked_ping(seconds: float | None) -> float | None:
    """Raise ValueError for what is no time between two comments."""
    if seconds is not None and not seconds > 0:
        raise ValueError(f"ping is a number of seconds above 0, or None for no comments; not {seconds}")
    return seconds


def _checked_source(source: Any) -> Any:
    if inspect.isasyncgenfunction(source) or inspect.isgeneratorfunction(source):
        raise TypeError(f"an event stream takes what {source.__name__}() gives, not the function; call it")
    is_iterable = hasattr(source, "__aiter__") or hasattr(source, "__iter__")
    if isinstance(source, str | bytes | bytearray | memoryview | Mapping) or not (is_iterable or callable(source)):
        raise TypeError(
            f"the source of an event stream is an iterable of events or an async function that takes an EventSender, "
            f"not a {type(source).__name__}"
        )
    return source


class _Frames(SelfWriting):
    """The bytes of an event stream: the source's events, and comments while it has none.

    They are pushed by the task that the source runs in, or iterated where somebody stands in between.
    """

    def __init__(self, response: Response, source: Any, ping: float | None, opening: bytes) -> None:
        self._response = response
        self._source = source
        self._ping = ping
        self._opening = opening
        self._patience = ping if ping is None else min(ping, _OPENING)
        self._handover: _Handover | None = None
        self._is_pushed = False

    async def push(self, write: Write) -> None:
        """Write everything; raises what the source raises, and ClientDisconnect if `write` does.

        PERF: the source's task writes by itself, so an event takes one turn of the event loop where `_Handover` takes
        three: 38,000 instructions instead of 149,000, of which a generator and a queue take 30,000.
        """
        if self._opening:
            await write(self._opening)
        self._is_pushed = True
        await _Outlet(write, self._ping).run(self._run)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._handover is None:
            self._handover = _Handover(self._run)
        opening, self._opening = self._opening, b""
        try:
            piece = opening or await self._handover.take(self._patience)
        except asyncio.CancelledError:
            await self._handover.close()
            raise
        self._patience = self._ping
        if piece is None:
            raise StopAsyncIteration
        return piece or _PING

    async def athrow(self, error: BaseException) -> None:
        """Cancel the source, where it stands at the event that is being sent."""
        await self.aclose()

    async def aclose(self) -> None:
        if self._handover is not None:
            await self._handover.close()
        elif not self._is_pushed:
            await close_stream(self._source)

    async def _run(self, put: Put) -> None:
        """Send all that the source gives; the body of the task that advances it."""
        source, owner = self._source, self._response.owner
        if not hasattr(source, "__aiter__") and not hasattr(source, "__iter__"):
            await source(EventSender(put))
            return
        items: AsyncIterator[Any]
        encode: Callable[[Any], bytes]
        if hasattr(source, "__aiter__"):
            items, encode = aiter(source), encode_event
        else:
            # Without the request: its thread may be waiting for this very stream (WSGI).
            workers = owner.app.workers if isinstance(owner, Request) else None
            items, encode = iterate(source, None, workers, encode_event), _as_it_is
        try:
            async for item in items:
                if piece := encode(item):
                    await put(piece)
        except asyncio.CancelledError as cancelled:
            await throw_in(items, cancelled)
            raise
        finally:
            try:
                await close_stream(items)
            finally:
                if encode is not _as_it_is and items is not source:
                    await close_stream(source)


def _as_it_is(piece: bytes) -> bytes:
    return piece


class _Outlet:
    """Where the task of a source writes its events, while another one keeps the connection alive and waits for the end.

    Whoever writes has the connection to itself until it is done.
    """

    def __init__(self, write: Write, ping: float | None) -> None:
        self._write = write
        self._ping = ping
        self._now = asyncio.get_running_loop().time
        # PERF: by hand, since taking and giving back an `asyncio.Lock` would cost a tenth of an event.
        self._is_busy = False
        self._queue: deque[asyncio.Future[None]] = deque()
        self._written = 0
        self._task: asyncio.Task[None] | None = None
        self._left: ClientDisconnect | None = None
        self._over = False
        # PERF: when the next comment is due is a number; a timer for each event would cost as much as the event.
        self._due = inf if ping is None else self._now() + min(ping, _OPENING)

    async def run(self, make: Callable[[Put], Coroutine[Any, Any, None]]) -> None:
        """Run a source in a task of its own. Raises what it raises, and ClientDisconnect when the client has left."""
        task = self._task = asyncio.create_task(make(self._put), name="nacre-events")
        try:
            while not task.done():
                await asyncio.wait([task], timeout=None if self._ping is None else max(0, self._due - self._now()))
                await self._break_silence()
        except BaseException:
            self._over = True
            await _stop(task)
            raise
        self._over = True
        if self._left is not None:
            await _stop(task)
            raise self._left
        task.result()

    async def _put(self, piece: bytes) -> None:
        if self._is_busy:
            await self._wait_turn()
        self._is_busy = True
        try:
            if not self._over:
                await self._write(piece)
                self._written += 1
                if self._ping is not None:
                    self._due = self._now() + self._ping
        except ClientDisconnect as left:
            self._left, self._over = left, True
            if self._task is not None:
                self._task.cancel("the client left")
        finally:
            if self._queue:
                self._pass_on()
            else:
                self._is_busy = False
        if self._over:
            await asyncio.sleep(0)  # where the source's task is told
            raise ClientDisconnect("the event stream is over")
        if not self._written % BREATH:
            await asyncio.sleep(0)

    async def _break_silence(self) -> None:
        """Send a comment if one is due by now; at the end of the source, wait for other tasks that still send."""
        if self._is_busy:
            await self._wait_turn()
            self._pass_on()
        assert self._task is not None
        if not self._task.done() and self._now() >= self._due:
            await self._put(_PING)

    async def _wait_turn(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._is_busy = False


class _Handover:
    """A task that makes pieces, and the place where another one takes them.

    The maker goes on when the next piece is asked for. Who asks may give up waiting without the maker noticing: it is
    one task from beginning to end, so its context variables, timeouts and cancel scopes are in one piece too.
    """

    def __init__(self, make: Callable[[Put], Awaitable[None]]) -> None:
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._putting = asyncio.Lock()
        self._piece: asyncio.Future[bytes | None] | None = None
        self._over = False

    async def take(self, patience: float | None) -> bytes | None:
        """The next piece; b"" if none comes within `patience` seconds, None at the end. Raises what `make` raised."""
        if self._over:
            return None
        if self._piece is None:
            self._piece = asyncio.get_running_loop().create_future()
            self._asked.set()
        if self._task is None:
            self._task = asyncio.create_task(self._live(), name="nacre-events")
        waits: list[asyncio.Future[Any]] = [self._piece, self._task]
        await asyncio.wait(waits, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if self._piece.done():
            piece, self._piece = self._piece.result(), None
            return piece
        if not self._task.done():
            return b""
        self._end()
        return self._task.result()

    async def close(self) -> None:
        """Cancel the task and wait for its end. Raises what it raised then."""
        if self._over:
            return
        self._end()
        if self._task is not None:
            await _stop(self._task)

    def _end(self) -> None:
        self._over = True
        self._asked.set()

    async def _live(self) -> None:
        await self._make(self._put)

    async def _put(self, piece: bytes) -> None:
        async with self._putting:
            await self._wait_asked()
            assert self._piece is not None
            self._asked.clear()
            self._piece.set_result(piece)
            await self._wait_asked()

    async def _wait_asked(self) -> None:
        await self._asked.wait()
        if self._over:
            raise ClientDisconnect("the event stream is over")


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel the task and wait for its end. Raises what it raised then."""
    task.cancel()
    await to_the_end(_ended(task))
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ClientDisconnect):
        raise error


async def _ended(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task])


__all__ = ["EventSender", "EventSource", "EventStream", "ServerSentEvent"]
