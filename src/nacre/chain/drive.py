"""Coroutines stepped by hand: run in the request's own task, and suspended where they have something to say.

The `send` that the coroutine is given suspends it with a private mark; the step that sees the mark has the message,
and the coroutine stays where it is until the chain wants to go on. Any other thing it awaits is handed to the event
loop unchanged. So `current_task()`, context variables, timeouts and exceptions are the request's own, and a stream is
resumed piece by piece, which keeps back-pressure.

A `send` from another task (the coroutine has a task group of its own) can't suspend this one. It leaves the message
with the drive, cuts short what the drive is waiting for, and waits until the message has been taken.
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, cast

from nacre.body import go_on
from nacre.errors import ClientDisconnect
from nacre.types import ASGIApp, Message, Receive, Scope, Send

_NOTHING = object()


def _always_same() -> object:
    return _NOTHING


# COMPAT: until 3.12 no task begins within another one's step. PERF: and until then `current_task` isn't written in C.
_current_task: Callable[[], object] = asyncio.current_task if sys.version_info >= (3, 12) else _always_same


class _Wait:
    """A future that the request's task waits for, and that a message from another task may cut short.

    The task protocol of asyncio asks of a yielded object only what stands here (`_asyncio_future_blocking`,
    `add_done_callback`, `cancel`, `result`); passing its calls on to the real future adds no turn of the loop. The
    future may itself be the wait of a drive further in.
    """

    _asyncio_future_blocking = True

    def __init__(self, future: Any) -> None:
        future._asyncio_future_blocking = False
        self._future = future
        self._callback: Callable[[Any], object] | None = None
        self._context: Any = None
        self.was_cut = False
        self.was_cancelled = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._future.get_loop()  # type: ignore[no-any-return]

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Any = None) -> None:
        if self.was_cut:
            self.get_loop().call_soon(callback, self, context=context)
            return
        self._callback, self._context = callback, context
        self._future.add_done_callback(callback, context=context)

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        self._callback = None
        return self._future.remove_done_callback(callback)  # type: ignore[no-any-return]

    def cancel(self, msg: Any = None) -> bool:
        self.was_cancelled = True
        return self._future.cancel(msg=msg)  # type: ignore[no-any-return]

    def result(self) -> None:
        """What the task reads when the wait was cut short: nothing went wrong."""

    def cut_short(self) -> None:
        callback = self._callback
        if callback is None:
            self.was_cut = True  # nobody waits at this moment; who comes next need not wait
        elif self._future.remove_done_callback(callback):
            self.was_cut = True
            self.get_loop().call_soon(callback, self, context=self._context)


class Drive:
    """One run of an ASGI application for one request, advanced from message to message."""

    start: Message | None = None
    body: Message | None = None
    """The two messages of a whole response, as far as `begin` has found them."""

    _message: Message | None = None
    _taken: asyncio.Future[Send | None] | None = None
    _wait: _Wait | None = None
    _forward: Send | None = None
    _beginning = False
    _closed = False
    finished = False

    def __init__(self, app: ASGIApp, scope: Scope, receive: Receive) -> None:
        self._coroutine: Any = app(scope, receive, self._send)
        self._stepping: Any = None
        self._inbox: deque[tuple[Message, asyncio.Future[Send | None]]] | None = None
        self._pending: Any = _NOTHING

    def begin(self) -> bool:
        """Run the application until it waits, streams or returns; whether it has answered whole and returned.

        PERF: nearly all do that in this one step, without being suspended at either message (bench/parts.py). What
        they have sent otherwise comes by `advance`, message by message.
        """
        self._beginning = True
        self._pending = self._step(None)
        self._beginning = False
        if self._pending is self:
            self._pending = _NOTHING
        return self.finished and self.body is not None

    async def _send(self, message: Message) -> None:
        if self._closed:
            raise ClientDisconnect("the response was closed")
        if self._beginning:
            kind = message["type"]
            if self.start is None:
                if kind == "http.response.start":
                    self.start = message
                    return
            elif self.body is None and kind == "http.response.body" and not message.get("more_body", False):
                self.body = message
                return
        # The step may itself run another task's first step (an eager task), which can't be suspended by the mark.
        if self._stepping is not None and self._stepping is _current_task():
            self._message = message
            await self._suspend()
            return
        forward = self._forward
        if forward is None:
            taken = asyncio.get_running_loop().create_future()
            if self._inbox is None:
                self._inbox = deque()
            self._inbox.append((message, taken))
            if self._wait is not None:
                self._wait.cut_short()
            forward = await taken
        if forward is not None:
            await forward(message)

    @types.coroutine
    def _suspend(self) -> Generator[Any, Any, None]:
        yield self

    @types.coroutine
    def advance(self, error: BaseException | None = None, *, wait: bool = True) -> Generator[Any, Any, Message | None]:
        """Go on to the next message, with `error` thrown in if given; None when the application has returned.

        With `wait` False it stops, and returns None too, where the application would wait for the event loop.
        Exceptions of the application pass through as they are.
        """
        self._release()
        if error is None:
            early = self._take_early()
            if early is not None:
                return early
            if self.finished:
                return None
        while True:
            if self._pending is _NOTHING or error is not None:
                awaited, error = self._step(error), None
                if self.finished:
                    return None
                if awaited is self:
                    sent: Message | None = self._take_early()
                    return sent
                self._pending = awaited
            if self._inbox:
                message, self._taken = self._inbox.popleft()
                return message
            if not wait:
                return None
            try:
                yield from self._await_pending()
            except GeneratorExit:
                self.finished = self._closed = True
                self._coroutine.close()
                raise
            except BaseException as raised:
                error = raised

    def _step(self, error: BaseException | None) -> Any:
        self._pending = _NOTHING
        self._stepping = _current_task()
        try:
            return self._coroutine.send(None) if error is None else self._coroutine.throw(error)
        except StopIteration:
            self._finish()
            return None
        except BaseException:
            self._finish()
            raise
        finally:
            self._stepping = None

    def _finish(self) -> None:
        self.finished = self._closed = True
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        """Let other tasks that wait with a message go on."""
        if self._inbox is None:
            return
        for _, taken in self._inbox:
            if not taken.done():
                taken.set_exception(ClientDisconnect("the response was closed"))
        self._inbox.clear()

    def _await_pending(self) -> Generator[Any, Any, None]:
        if not hasattr(self._pending, "_asyncio_future_blocking"):
            awaited, self._pending = self._pending, _NOTHING
            yield awaited  # a bare yield (asyncio.sleep(0)), or the mark of a drive further out
            return
        while True:
            self._wait = wait = _Wait(self._pending)
            try:
                yield wait
            finally:
                self._wait = None
            if not wait.was_cut:
                self._pending = _NOTHING
                return
            if not wait.was_cancelled:
                return
            # Cancelled after it was cut short: the task counts on being told by what it waits for, so wait for that.

    def _take_early(self) -> Message | None:
        """A message that was sent within a step; None if there is none left."""
        for name in ("start", "body", "_message"):
            message: Message | None = getattr(self, name)
            if message is not None:
                setattr(self, name, None)
                return message
        return None

    def _release(self) -> None:
        taken, self._taken = self._taken, None
        if taken is not None and not taken.done():
            taken.set_result(None)

    @types.coroutine
    def run_on(self, forward: Send) -> Generator[Any, Any, None]:
        """Let the application run to its end, awaited as any coroutine is; what it sends from now on goes to `forward`.

        PERF: a WebSocket's echo took 7,000 instructions more while the coroutine was stepped to its end.
        """
        self._forward = forward
        self._release()
        for _, taken in self._inbox or ():
            if not taken.done():
                taken.set_result(forward)
        pending, self._pending = self._pending, _NOTHING
        rest: Any = self._coroutine
        if pending is not _NOTHING:
            if hasattr(pending, "_asyncio_future_blocking"):
                pending._asyncio_future_blocking = True
            rest = cast(Any, go_on(rest, pending))
        try:
            yield from rest
        finally:
            self._inbox = None
            self._finish()

    async def finish(self) -> None:
        """Let the application run to its end; what it still sends is dropped."""
        while not self.finished:
            await self.advance()

    async def cancel(self) -> None:
        """Throw CancelledError into the application and see it to its end; its `send` raises from now on."""
        if self.finished:
            return
        self._closed = True
        self._refuse_waiting()
        pending = self._pending
        if asyncio.isfuture(pending):
            pending.cancel()
        thrown = asyncio.CancelledError()
        try:
            await self.advance(thrown)
            await self.finish()
        except ClientDisconnect:
            pass
        except asyncio.CancelledError as raised:
            task = asyncio.current_task()
            if raised is not thrown and task is not None and task.cancelling():
                raise
