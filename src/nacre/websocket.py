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
from types import coroutine
from typing import Any, Literal, Protocol

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
        self._inflow = _Inflow(channel)
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
        self._inflow = _Inflow(self.channel)
        self._listen()

    # Messages.

    def receive(self) -> Coroutine[Any, Any, str | bytes]:
        """The next message: `str` if it is text, `bytes` if it is binary.

        May be cancelled and called again; no message is lost. Raises WebSocketDisconnect when the client has closed or
        is gone, ContentTooLarge (after which the connection is closed with 1009) for more than `max_message` bytes.
        """
        return self._receive(None)

    async def _receive(self, end: type[Exception] | None) -> str | bytes:
        """The next message. Raises `end` in the place of WebSocketDisconnect, if given; else as `receive`."""
        try:
            if not self._ahead and self.state != "open":  # what came before the client left is received still
                await self._opened()
            self._has_received = True
            self._sent_in_row = 0
            if self._arriving is not None or self._is_receiving or self._ahead or self._throws_away:
                message = await self._set_aside()
            else:
                self._is_receiving = True
                try:
                    message = await self._inflow.next()
                except asyncio.CancelledError:
                    if not self._inflow.is_stopped:
                        self._ask()  # a task waits for it from here on
                    raise
                except WebSocketDisconnect as error:
                    self._note_departure(error)
                    message = None
                finally:
                    self._is_receiving = False
            if message is None:
                raise self._departure()
        except WebSocketDisconnect as error:
            raise (error if end is None else end) from None
        limit = self.max_message
        if limit is not None and 4 * len(message) > limit and _size(message) > limit:
            raise ContentTooLarge(f"the message is larger than {limit} bytes, which `max_message` allows here")
        return message

    async def _set_aside(self) -> str | bytes | None:
        """The next message, which has come already or is waited for by a task; None if the connection was closed."""
        if self._throws_away:
            raise RuntimeError("messages came long before the first one was asked for, and were thrown away")
        if self._is_receiving:
            raise RuntimeError("two tasks receive from one WebSocket; let one of them hand the messages on")
        if self._ahead:
            message = self._ahead.popleft()
            self._ahead_size -= len(message)
            return message
        arriving = self._arriving
        assert arriving is not None
        self._is_receiving = True
        try:
            if not arriving.done():
                await asyncio.wait([arriving])
        finally:
            self._is_receiving = False
        if arriving.cancelled():
            return None
        self._arriving = None
        return self._result(arriving)

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

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        return self._receive(StopAsyncIteration)

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
            self._inflow.stop()
            if self._arriving is not None:
                self._arriving.cancel()
            await self.channel.close(code, reason)

    async def end(self) -> None:
        """Stop listening; what runs the session calls this at its end."""
        self.on_gone = None
        if self._patience is not None:
            self._patience.cancel()
        self._inflow.stop()
        arriving, self._arriving = self._arriving, None
        if arriving is not None and not arriving.done():
            arriving.cancel()
            await asyncio.wait([arriving])
        elif arriving is not None and not arriving.cancelled():
            arriving.exception()  # asked for, so that nobody reports that it was not

    # Listening.

    def _ask(self) -> asyncio.Future[str | bytes]:
        """The next message to come: a task, for a server may lose the message when who waits for it is cancelled."""
        self._arriving = asyncio.get_running_loop().create_task(self._inflow.rest())
        self._arriving.add_done_callback(self._inflow.leave)
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

    def __repr__(self) -> str:
        return f"<WebSocket {self.request.path} {self.state}>"


class _Inflow:
    """The messages of a connection: one coroutine for as long as it is open, advanced by who waits for the next.

    A server may lose a message whose `receive` is cancelled. So who waits doesn't wait for the server's future but for
    this object, which stands before it: cancelled, it leaves `receive` as it is, and a task goes on with that.

    PERF: with a task for every message an echo took 113,000 instructions, now 50,000; a future of asyncio's in this
    one's place would cost another turn of the event loop, 11,000, and a coroutine for each message 3,500.
    """

    _asyncio_future_blocking = False
    _awaited: Any = None
    """What the server's `receive` waits for; None if it may go on."""
    _watched: Any = None
    """What has been asked to call `_wake`."""
    _resume: Callable[[Any], object] | None = None
    _context: Context | None = None
    _message: str | bytes = b""
    is_stopped = False

    def __init__(self, channel: WebSocketChannel) -> None:
        self._channel = channel
        self._messages: Any = self._run()

    @coroutine
    def _run(self) -> Generator[Any, Any, None]:
        while True:
            self._message = yield from self._channel.receive()
            yield _COME

    @coroutine
    def next(self) -> Generator[Any, Any, str | bytes | None]:
        """The next message, or None if there is none to wait for; raises what `receive` raises."""
        while not self.is_stopped:
            try:
                step = self._messages.send(None)
            except BaseException as error:
                self._messages = self._run()
                if isinstance(error, asyncio.CancelledError):
                    return None  # the server's side was cancelled
                raise
            if step is _COME:
                return self._taken()
            try:
                step._asyncio_future_blocking = False  # as a task does with what it is to wait for
            except AttributeError:
                yield step  # a bare yield (asyncio.sleep(0))
            else:
                self._awaited = step
                self._asyncio_future_blocking = True
                yield self
        self._messages.close()
        return None

    async def rest(self) -> str | bytes:
        """The next message, for a task: what it waits for is the server's, and is cancelled with it."""
        return await self._rest()

    @coroutine
    def _rest(self) -> Generator[Any, Any, str | bytes]:
        step, self._awaited, self._watched = self._awaited, None, None  # what stands before a future may come again
        try:
            if step is None:
                step = self._messages.send(None)
            else:
                step._asyncio_future_blocking = True
            while step is not _COME:
                try:
                    yield step
                except BaseException as error:
                    step = self._messages.throw(error)
                else:
                    step = self._messages.send(None)
        except BaseException:
            self._messages = self._run()
            raise
        return self._taken()

    def _taken(self) -> str | bytes:
        message, self._message = self._message, b""  # which may be large, and the next one may be long in coming
        return message

    # What a task asks of a future that it waits for.

    get_loop = staticmethod(asyncio.get_running_loop)

    def add_done_callback(self, resume: Callable[[Any], object], *, context: Context | None = None) -> None:
        awaited = self._awaited
        self._resume, self._context = resume, context
        if awaited is None:
            self._resume_soon(self)
        elif awaited is not self._watched:
            self._watched = awaited
            awaited.add_done_callback(self._wake, context=context)

    def remove_done_callback(self, resume: Callable[[Any], object]) -> int:
        was_waiting, self._resume = self._resume is not None, None
        return int(was_waiting)

    def cancel(self, msg: Any = None) -> bool:
        return self._resume_soon(_CUT)  # if it is about to go on, it is told then

    def result(self) -> None:
        """Nothing went wrong."""

    def _wake(self, awaited: Any) -> None:
        if awaited is not self._awaited:
            return  # a task has taken over
        self._awaited = self._watched = None
        resume, self._resume = self._resume, None
        if resume is not None:
            resume(self)

    def _resume_soon(self, reason: Any) -> bool:
        resume, self._resume = self._resume, None
        if resume is None:
            return False
        self.get_loop().call_soon(resume, reason, context=self._context)
        return True

    # The end.

    def stop(self) -> None:
        """Let who waits give up; a task that runs `rest` is cancelled instead."""
        self.is_stopped = True
        self._resume_soon(self)
        self.leave()

    def leave(self, task: asyncio.Task[Any] | None = None) -> None:
        """Leave nothing behind, even if the task that was to do the rest was cancelled before it began."""
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            self._messages.close()
            awaited.cancel()


class _Cut:
    """What a task that was cancelled is told in the place of a message."""

    def result(self) -> None:
        raise asyncio.CancelledError


_COME = object()
"""What `_Inflow` says when there is a message."""

_CUT = _Cut()


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
