"""One WebSocket connection (RFC 6455), on any transport: a handshake, then messages both ways until one side closes.

The states are `connecting` (the handshake is a request that the chain answers), `open` and `closed`. A channel is what
a transport gives; the connection above it keeps the rules that are the same everywhere: what may be done in which
state, sizes, codes, and that a message isn't lost when whoever waits for it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from functools import partial
from types import coroutine
from typing import Any, Literal, Protocol

from nacre.body import begin, go_on
from nacre.codecs import decode_json, encode_json
from nacre.errors import BadRequest, ContentTooLarge, UnsupportedMediaType, WebSocketDisconnect
from nacre.headers import TOKEN, check_name, check_value, pairs_of
from nacre.request import Request
from nacre.response import HeaderInput, Response

WebSocketState = Literal["connecting", "open", "closed"]

WEBSOCKET = "WEBSOCKET"
"""The method that stands for a handshake in routes, so that a path may have one for it beside one for GET."""

DEFAULT_MAX_MESSAGE = 1024 * 1024
DEFAULT_PING = 20.0
_REASON_MAX = 123
"""Bytes of a close frame's reason (RFC 6455 §5.5)."""

# Messages of a client to a handler that doesn't ask for them are taken off the connection up to these bounds, since the
# news that the client has left comes behind them.
_AHEAD_COUNT = 16
_AHEAD_SIZE = 64 * 1024
_PATIENCE = 20.0
"""Seconds after which a handler that is full of messages and has never asked for one is taken to want none.

SECURITY: its client's messages are thrown away then. Who sends some and leaves would else never be found to have left.
"""

_BREATH = 16
"""After how many messages in a row the event loop gets a turn in any case."""


class WebSocketChannel(Protocol):
    """What a transport gives for one connection; used by one request, from one event loop."""

    async def accept(self, headers: list[tuple[str, str]], subprotocol: str | None) -> None:
        """Complete the handshake."""
        ...

    async def deny(self, response: Response) -> None:
        """Refuse it, with this response as far as the transport can send one."""
        ...

    async def receive(self) -> str | bytes:
        """The next message. Raises WebSocketDisconnect when the peer has closed or is gone."""
        ...

    async def send(self, data: str | bytes) -> None:
        """Send one message. Raises WebSocketDisconnect when the peer is known to be gone."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close; nothing happens if the peer is gone."""
        ...


Accepted = Callable[[list[tuple[str, str]]], Awaitable[None]]
"""Hands the header fields of the handshake's answer to the chain, and returns when the connection is open."""


class WebSocket:
    """A WebSocket connection, as its handler has it.

    The first `receive` or `send` accepts the handshake, or `accept` does. Messages are `str` (text) and `bytes`
    (binary). `async for message in ws` ends when the client has closed or is gone; `receive` and `send` raise
    WebSocketDisconnect then. When the handler returns, the connection is closed with 1000.

    Sending may be done from several tasks, receiving from one at a time. In plain code every method is waited for:
    `wait(ws.receive())`.
    """

    subprotocol: str | None = None
    """The subprotocol that was agreed on."""

    close_code: int | None = None
    """The code that the connection was closed with, by either side: 1005 if there was none, 1006 if it broke off."""

    close_reason = ""

    def __init__(self, request: Request, channel: WebSocketChannel) -> None:
        self.request = request
        self.channel = channel
        self.state: WebSocketState = "connecting"
        self.max_message: int | None = DEFAULT_MAX_MESSAGE
        self.ping: float | None = DEFAULT_PING
        """Seconds of silence after which a transport that speaks the protocol itself asks for a sign of life."""
        self.offers: tuple[str, ...] = ()
        """The subprotocols of the route, in the order they are preferred."""
        self.accepted: Accepted | None = None
        self.decode: Callable[[Any, bytes], Any] | None = None
        self.on_gone: Callable[[], object] | None = None
        """Called once if the client leaves while the handler has never asked for a message."""
        self._accepting: asyncio.Future[None] | None = None
        self._arrival: _Arrival | None = None
        """The next message, while `receive` waits for it by itself."""
        self._arriving: asyncio.Future[str | bytes] | None = None
        """The next message, while a task waits for it."""
        self._ahead: deque[str | bytes] = deque()
        self._ahead_size = 0
        self._patience: asyncio.TimerHandle | None = None
        self._throws_away = False
        self._has_received = False
        self._is_receiving = False
        self._sent_in_row = 0
        self._is_gone = False

    @property
    def subprotocols(self) -> tuple[str, ...]:
        """What the client offers, in its order of preference."""
        offered = ",".join(self.request.headers.getlist("sec-websocket-protocol"))
        names = (name.strip(" \t") for name in offered.split(","))
        return tuple(name for name in names if name and not name.rstrip(TOKEN))

    # The handshake.

    async def accept(self, subprotocol: str | None = None, headers: HeaderInput | None = None) -> None:
        """Complete the handshake, with further header fields for its answer.

        Without `subprotocol` the first of the route's `subprotocols` that the client offers is agreed on, if there is
        one. Raises ValueError for one that the client doesn't offer, RuntimeError if the handshake was answered before.
        """
        if self.state != "connecting" or self.accepted is None or self._accepting is not None:
            raise RuntimeError("accept() comes once, before the first message; this handshake was answered already")
        offered = self.subprotocols
        if subprotocol is None:
            subprotocol = next((name for name in self.offers if name in offered), None)
        elif subprotocol not in offered:
            raise ValueError(f"the client doesn't offer the subprotocol {subprotocol!r} (RFC 6455 §4.2.2)")
        fields = [(check_name(name), check_value(name, value)) for name, value in pairs_of(headers or ())]
        self.subprotocol = subprotocol
        self._accepting = asyncio.get_running_loop().create_future()
        try:
            await self.accepted(fields)
        finally:
            if not self._accepting.done():
                self._accepting.set_result(None)

    async def _opened(self) -> None:
        """Accept unless that was done; another task may be about it."""
        if self.state == "connecting":
            if self._accepting is None:
                await self.accept()
            else:
                await asyncio.wait([self._accepting])
        if self.state != "open":
            raise self._departure()

    async def begin(self) -> None:
        """Enter the state `open`; what runs the session calls this when the handshake is complete."""
        if self.state == "closed":  # by another task, while the answer was on its way
            await self.channel.close(self.close_code or 1000, self.close_reason)
            return
        self.state = "open"
        self._listen()

    # Messages.

    async def receive(self) -> str | bytes:
        """The next message: `str` if it is text, `bytes` if it is binary.

        May be cancelled and called again; no message is lost. Raises WebSocketDisconnect when the client has closed or
        is gone, ContentTooLarge (after which the connection is closed with 1009) for more than `max_message` bytes.
        """
        if not self._ahead and self.state != "open":  # what came before the client left is received still
            await self._opened()
        self._has_received = True
        self._sent_in_row = 0
        if self._throws_away:
            raise RuntimeError("messages came long before the first one was asked for, and were thrown away")
        if self._is_receiving:
            raise RuntimeError("two tasks receive from one WebSocket; let one of them hand the messages on")
        if self._ahead:
            message = self._ahead.popleft()
            self._ahead_size -= len(message)
            return self._within_limit(message)
        if self._is_gone:
            raise self._departure()
        arriving = self._arriving
        self._is_receiving = True
        try:
            if arriving is None:
                return self._within_limit(await self._next())
            if not arriving.done():
                await asyncio.wait([arriving])
        finally:
            self._is_receiving = False
        if arriving.cancelled():
            raise self._departure()  # closed meanwhile
        self._arriving = None
        return self._within_limit(self._result(arriving))

    async def _next(self) -> str | bytes:
        """The next message, of which nobody waits for the arrival yet."""
        arrival = self._arrival = _Arrival(self.channel.receive(), asyncio.get_running_loop())
        try:
            message = await arrival.wait()
        except WebSocketDisconnect as error:
            raise self._note_departure(error) from None
        except asyncio.CancelledError:
            if not arrival.is_cut:
                raise self._departure() from None  # the server's side was cancelled
            if not arrival.is_stopped:
                self._arriving = arrival.rest()
            raise
        finally:
            self._arrival = None
        if message is None:
            raise self._departure()  # closed meanwhile
        return message

    async def receive_text(self) -> str:
        """The next message, which must be text; raises UnsupportedMediaType for a binary one, and as `receive`."""
        message = await self.receive()
        if isinstance(message, str):
            return message
        raise UnsupportedMediaType("the message is binary, and text was expected")

    async def receive_bytes(self) -> bytes:
        """The next message, which must be binary; raises UnsupportedMediaType for a text one, and as `receive`."""
        message = await self.receive()
        if isinstance(message, bytes):
            return message
        raise UnsupportedMediaType("the message is text, and a binary one was expected")

    async def receive_json(self, type: Any = None) -> Any:
        """The next message, text or binary, decoded from JSON; with `type`, validated as a body of that type is.

        Raises BadRequest for malformed JSON, ValidationError for data that doesn't fit the type, and as `receive`.
        Where the handler doesn't catch these the connection is closed with 1007.
        """
        message = await self.receive()
        if type is not None and self.decode is not None:
            return self.decode(type, message.encode() if isinstance(message, str) else message)
        try:
            return decode_json(message)
        except ValueError:
            raise BadRequest("the message is not valid JSON") from None

    async def send(self, data: str | bytes) -> None:
        """Send one message: text from `str`, binary from bytes. Raises WebSocketDisconnect when the client is gone."""
        if not isinstance(data, str):
            data = _checked_bytes(data)
        if self.state != "open":
            await self._opened()
        if self._arriving is not None and self._arriving.done() and self._arriving.exception() is not None:
            self._result(self._arriving)
        if self._is_gone:
            raise self._departure()
        self._sent_in_row += 1
        if not self._sent_in_row % _BREATH:
            # A server's `send` need never suspend, and then nothing tells that the client has left.
            await asyncio.sleep(0)
        if self._sent_in_row > 1 and self._arriving is None and not self._ahead:
            self._listen()  # servers tell only a receiver that the client has left
        try:
            await self.channel.send(data)
        except WebSocketDisconnect as error:
            raise self._note_departure(error) from None

    async def send_json(self, data: object) -> None:
        """Send data as JSON in a text message. Raises TypeError for data that has no JSON form, and as `send`."""
        await self.send(encode_json(data).decode())

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except WebSocketDisconnect:
            raise StopAsyncIteration from None

    # The end.

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection; before it is accepted, refuse it (403). Does nothing if it is closed.

        `code` is one that an endpoint may send (RFC 6455 §7.4): 1000 to 1003, 1007 to 1014, or 3000 to 4999. `reason`
        has at most 123 bytes. Raises ValueError for others.
        """
        check_close(code, reason)
        if self.state == "closed":
            return
        was_open = self.state == "open"
        self.state = "closed"
        self.close_code, self.close_reason = code, reason
        self._ahead.clear()
        self._ahead_size = 0
        if was_open:
            # Who waits for a message is told now: a client need not answer.
            if self._arrival is not None:
                self._arriving = self._arrival.stop()
            if self._arriving is not None:
                self._arriving.cancel()
            await self.channel.close(code, reason)

    async def end(self) -> None:
        """Stop listening; what runs the session calls this at its end."""
        self.on_gone = None
        if self._patience is not None:
            self._patience.cancel()
        if self._arrival is not None:
            self._arriving = self._arrival.stop()
        arriving, self._arriving = self._arriving, None
        if arriving is not None and not arriving.done():
            arriving.cancel()
            await asyncio.wait([arriving])
        elif arriving is not None and not arriving.cancelled():
            arriving.exception()  # asked for, so that nobody reports that it was not

    # Listening.

    def _ask(self) -> asyncio.Future[str | bytes]:
        """The next message to come: a task, for a server may lose the message when who waits for it is cancelled."""
        self._arriving = asyncio.ensure_future(self.channel.receive())
        return self._arriving

    def _listen(self) -> None:
        """Wait for a message beside the handler, and put it aside until it is asked for."""
        self._ask().add_done_callback(self._put_aside)

    def _put_aside(self, arrived: asyncio.Future[str | bytes]) -> None:
        if self._is_receiving or self._arriving is not arrived or arrived.cancelled():
            return
        self._arriving = None
        try:
            message = self._result(arrived)
        except WebSocketDisconnect:
            callback, self.on_gone = self.on_gone, None
            if callback is not None and not self._has_received:
                callback()
            return
        except Exception:
            return  # told by the transport, and met again by who receives next
        if not self._throws_away:
            self._ahead.append(message)
            self._ahead_size += len(message)
        if len(self._ahead) < _AHEAD_COUNT and self._ahead_size < _AHEAD_SIZE:
            self._listen()
        elif not self._has_received:
            self._patience = arrived.get_loop().call_later(_PATIENCE, self._throw_away)

    def _throw_away(self) -> None:
        if self.state == "open" and not self._has_received:
            self._throws_away = True
            self._ahead.clear()
            self._ahead_size = 0
            self._listen()

    def _result(self, arrived: asyncio.Future[str | bytes]) -> str | bytes:
        try:
            return arrived.result()
        except WebSocketDisconnect as error:
            raise self._note_departure(error) from None

    def _note_departure(self, error: WebSocketDisconnect) -> WebSocketDisconnect:
        if not self._is_gone:
            self._is_gone = True
            self.state = "closed"
            self.close_code, self.close_reason = error.code, error.reason
        return self._departure()

    def _departure(self) -> WebSocketDisconnect:
        """What says that the connection is over: new each time, for the traceback of one that is raised again grows."""
        return WebSocketDisconnect(self.close_code or 1006, self.close_reason)

    def _within_limit(self, message: str | bytes) -> str | bytes:
        limit = self.max_message
        if limit is not None and (len(message) > limit or (4 * len(message) > limit and _size(message) > limit)):
            raise ContentTooLarge(f"the message is larger than {limit} bytes, which `max_message` allows here")
        return message

    def __repr__(self) -> str:
        return f"<WebSocket {self.request.path} {self.state}>"


class _Arrival:
    """A `receive` that is advanced by who waits for it, until that one is cancelled.

    A server may lose a message whose `receive` is cancelled. So who waits doesn't wait for the server's future but for
    this one, which stands before it: cancelled, it leaves the other as it is, and the rest is done by a task.

    PERF: with a task for every message an echo took 113,000 instructions, now 65,000; a future of asyncio's in this
    one's place would cost another turn of the event loop, 11,000.
    """

    # PERF: of the class, since most messages need few of them to be another value.
    _asyncio_future_blocking = False
    _awaited: Any = None
    """What the server's `receive` waits for."""
    _is_watched = False
    _has_come = False
    """Whether it waits no longer, and may go on."""
    _resume: Callable[[Any], object] | None = None
    _context: Context | None = None
    _is_cancelled = False
    _is_handed_over = False
    is_cut = False
    """Whether who waited was cancelled."""
    is_stopped = False

    def __init__(self, receiving: Awaitable[str | bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._receiving = begin(receiving)
        self._loop = loop

    @coroutine
    def wait(self) -> Generator[Any, Any, str | bytes | None]:
        """The message, or None if this was stopped; raises what `receive` raises."""
        try:
            while True:
                awaited = self._awaited = self._receiving.send(None)
                if self.is_stopped:
                    self._has_come = not hasattr(awaited, "_asyncio_future_blocking")
                    self._end(None)
                    return None
                try:
                    if not hasattr(awaited, "_asyncio_future_blocking"):
                        self._has_come = True
                        yield awaited  # a bare yield (asyncio.sleep(0)), or the mark of a drive
                    else:
                        self._has_come = self._is_watched = False
                        awaited._asyncio_future_blocking = False  # as a task does with what it is to wait for
                        self._asyncio_future_blocking = True
                        yield self
                except asyncio.CancelledError:
                    self.is_cut = True
                    raise
                if self._is_handed_over:
                    return None
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]

    # What a task asks of a future that it waits for.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, resume: Callable[[Any], object], *, context: Context | None = None) -> None:
        self._resume, self._context = resume, context
        if self._has_come:
            self._resume_soon()
        elif not self._is_watched:
            self._is_watched = True
            self._awaited.add_done_callback(self._wake, context=context)

    def remove_done_callback(self, resume: Callable[[Any], object]) -> int:
        was_waiting, self._resume = self._resume is not None, None
        return int(was_waiting)

    def cancel(self, msg: Any = None) -> bool:
        if self._resume is None or self._is_handed_over:
            return False  # the task is about to go on, and is told then
        self._is_cancelled = True
        self._resume_soon()
        return True

    def result(self) -> None:
        if self._is_cancelled:
            raise asyncio.CancelledError

    def _wake(self, awaited: Any) -> None:
        self._has_come = True
        resume, self._resume = self._resume, None
        if resume is not None:
            resume(self)

    def _resume_soon(self) -> None:
        resume, self._resume = self._resume, None
        if resume is not None:
            self._loop.call_soon(resume, self, context=self._context)

    # When who waits is cancelled, or told to give up.

    def rest(self) -> asyncio.Task[str | bytes]:
        """A task that does what is left to be done."""
        self._is_handed_over = True
        woken = None
        if not self._has_come:
            woken = self._loop.create_future()
            woken._asyncio_future_blocking = True
            self._resume = partial(_wake_up, woken)
        task = self._loop.create_task(_finish(self._receiving, woken))
        task.add_done_callback(self._end)
        return task

    def stop(self) -> asyncio.Task[str | bytes] | None:
        """Let who waits give up; the task that is left, to be cancelled, or None if the message has come."""
        self.is_stopped = True
        if self._has_come:
            return None
        self._resume_soon()
        return self.rest()

    def _end(self, task: asyncio.Task[str | bytes] | None) -> None:
        """Leave nothing behind, even if the task was cancelled before it began."""
        self._receiving.close()
        if not self._has_come:
            self._awaited.cancel()


def _wake_up(woken: asyncio.Future[None], arrival: _Arrival) -> None:
    if not woken.done():
        woken.set_result(None)


async def _finish(receiving: Coroutine[Any, Any, str | bytes], awaited: Any) -> str | bytes:
    return await go_on(receiving, awaited)


def _size(message: str | bytes) -> int:
    return len(message.encode("utf-8", "surrogatepass")) if isinstance(message, str) else len(message)


def _checked_bytes(data: object) -> bytes:
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"a message is str or bytes, not {type(data).__name__}; send_json encodes data")


def is_sendable(code: int) -> bool:
    """Whether an endpoint may send a close code (RFC 6455 §7.4, and what IANA has added since)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def check_close(code: int, reason: str) -> None:
    """Raise ValueError for what no close frame can say."""
    if not is_sendable(code):
        raise ValueError(f"{code} is no close code that may be sent; take 1000, 1008, or one from 3000 to 4999")
    if len(reason.encode()) > _REASON_MAX:
        raise ValueError(f"the reason is longer than {_REASON_MAX} bytes")


def fitting_reason(text: str) -> str:
    """As much of a text as a close frame can hold, on one line."""
    return " ".join(text.split()).encode("utf-8", "replace")[:_REASON_MAX].decode("utf-8", "ignore")
