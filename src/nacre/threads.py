"""Blocking code beside the event loop: one worker thread lent to a request, re-entrant, its context copied both ways.

A plain `def` layer or handler runs in a *visit* to a worker thread. While the visit waits for the rest of the chain
(`get_response(request)` in a plain layer), that rest runs in the request's own task, and any further plain code it
meets is sent back to the same waiting thread. So a request holds one thread at most, plain code of one request shares
thread-locals while it is nested, and a pool of size 1 can't deadlock on itself.

Under WSGI the thread that the server calls from plays the worker's part.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, Token, copy_context
from types import CoroutineType
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_log = logging.getLogger("nacre")
_MISSING = object()
_here = threading.local()

Tokens = dict[ContextVar[Any], Token[Any]]
"""What undoes the first setting of a variable that was taken over from the other side."""


_Said = tuple[str, Any, Context]


class _Turn:
    """One plain call within a visit, and the future on which the loop's side waits for what it says."""

    __slots__ = ("abandoned", "reply")

    def __init__(self, reply: asyncio.Future[_Said]) -> None:
        self.reply = reply
        self.abandoned = False


class Visit:
    """One stay of a request in a thread, from the first plain call to its return.

    The loop's side and the thread's side hand each other messages `(kind, value, …)`, where kind is "done", "failed",
    "await" (thread to loop: run this in the request's task) or "call" (loop to thread: run this here, for this turn).
    Each message carries the sender's context variables.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._left: asyncio.Future[None] = loop.create_future()
        self._wanted: asyncio.Future[None] = loop.create_future()
        self._is_over = False
        self._inbox: queue.SimpleQueue[tuple[str, Any, _Turn | None, Context]] = queue.SimpleQueue()
        self._tokens: Tokens = {}
        self._turn: _Turn | None = None
        self.listening = False

    # The event loop's side.

    async def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the thread, which must be `listening`, and answer what it awaits meanwhile."""
        turn = _Turn(self._loop.create_future())
        self._inbox.put(("call", function, turn, copy_context()))
        return await self._converse(turn)  # type: ignore[no-any-return]

    async def start(self, pool: ThreadPoolExecutor, function: Callable[[], T]) -> T:
        """Begin the stay in a thread of `pool`."""
        turn = _Turn(self._loop.create_future())
        pool.submit(copy_context().run, self._run, function, turn)
        return await self._converse(turn)  # type: ignore[no-any-return]

    async def _converse(self, turn: _Turn) -> Any:
        tokens: Tokens = {}
        while True:
            try:
                kind, value, context = await turn.reply
            except BaseException:  # cancelled, or the coroutine is being closed
                self._abandon(turn)
                raise
            adopt(context, tokens)
            if kind == "done":
                return value
            if kind == "failed":
                raise value
            turn.reply = self._loop.create_future()
            try:
                await self._answer(lambda awaited=value: awaited)  # type: ignore[misc]
            except GeneratorExit:
                self._abandon(turn)
                raise

    def _abandon(self, turn: _Turn) -> None:
        turn.abandoned = True
        if turn.reply.done() and not turn.reply.cancelled():
            self._refuse(turn.reply.result())  # said at the very moment at which the request was cancelled

    def _deliver(self, turn: _Turn, message: _Said) -> None:
        if turn.reply.done():
            self._refuse(message)
        else:
            turn.reply.set_result(message)

    def _refuse(self, message: _Said) -> None:
        """Take what the thread says when nobody listens any more; it must not wait for an answer that never comes."""
        kind, value, context = message
        if kind == "await":
            _discard(value)
            self._inbox.put(("failed", asyncio.CancelledError("the request was cancelled"), None, context))
        elif kind == "failed":
            _log_dropped(value)

    async def _answer(self, awaitable: Callable[[], Awaitable[Any]]) -> None:
        outer, self.listening = self.listening, True
        try:
            value = await awaitable()
        except BaseException as error:
            # Cancellation too goes through the plain code first: it leaves its `finally` blocks, then the task ends.
            self._inbox.put(("failed", error, None, copy_context()))
            if isinstance(error, GeneratorExit):
                raise  # this coroutine is being closed and can't wait for the thread
        else:
            self._inbox.put(("done", value, None, copy_context()))
        finally:
            self.listening = outer

    # The thread's side.

    @property
    def is_abandoned(self) -> bool:
        """Whether nobody listens to the plain code that runs now."""
        return self._turn is not None and self._turn.abandoned

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Have the request's task await something, and work for it until that is done."""
        turn = self._turn
        if turn is None or turn.abandoned or not self._send(turn, "await", awaitable):
            _discard(awaitable)
            raise asyncio.CancelledError("the request was cancelled")
        return self._work()  # type: ignore[no-any-return]

    # The same for a whole exchange (WSGI): a task on the loop, and the thread that it answers through.

    def begin(
        self,
        main: Callable[[], Awaitable[None]],
        context: Context,
        after: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Have the loop run `main` as one task in `context`, this thread being its worker from now on.

        The task goes on with `after` when the thread knows that `main` has ended and has no more part in it.
        """

        async def answer() -> None:
            try:
                await self._answer(main)
            except GeneratorExit:
                pass  # raised by the request's own code; the thread has it
            if after is not None:
                await after()

        def start() -> None:
            self._task = self._loop.create_task(answer(), context=context)

        self._loop.call_soon_threadsafe(start)

    async def hand_over(self, value: object) -> None:
        """Give the thread a value; returns when it asks for the next one, or has left."""
        self._wanted = self._loop.create_future()
        self._inbox.put(("handed over", value, None, copy_context()))
        if not self._left.done():
            await asyncio.wait([self._wanted, self._left], return_when=asyncio.FIRST_COMPLETED)

    async def left(self) -> None:
        """Return when the thread has left before the end."""
        await asyncio.shield(self._left)

    def take(self) -> Any:
        """The next value that is handed over; None at the end. Raises what `main` raised."""
        try:
            value = self._work()
        except BaseException:
            self._is_over = True
            raise
        self._is_over = value is None
        return value

    def go_on(self) -> Any:
        """Ask for the next value and take it."""
        self._loop.call_soon_threadsafe(_settle, self._wanted)
        return self.take()

    def leave(self) -> None:
        """Take nothing more, and work for the task until it has ended. Raises what it raised."""
        while not self._is_over:
            self._loop.call_soon_threadsafe(_settle, self._left)
            self.take()

    def _work(self) -> Any:
        while True:
            kind, value, turn, context = self._inbox.get()
            adopt(context, self._tokens)
            if kind in ("done", "handed over"):
                return value
            if kind == "failed":
                raise value
            assert turn is not None
            self._run(value, turn)

    def _run(self, function: Callable[[], object], turn: _Turn) -> None:
        outer_visit, _here.visit = getattr(_here, "visit", None), self
        outer_turn, self._turn = self._turn, turn
        try:
            value = function()
        except BaseException as error:
            if turn.abandoned or not self._send(turn, "failed", error):
                _log_dropped(error)
        else:
            self._send(turn, "done", value)
        finally:
            _here.visit, self._turn = outer_visit, outer_turn

    def _send(self, turn: _Turn, kind: str, value: object) -> bool:
        try:
            self._loop.call_soon_threadsafe(self._deliver, turn, (kind, value, copy_context()))
        except RuntimeError:
            # The loop is closed: the process is going down and nobody listens.
            _log.warning("the event loop closed before a worker thread could answer")
            return False
        return True


def _log_dropped(error: BaseException) -> None:
    if isinstance(error, Exception):
        _log.error("plain code failed after its request was cancelled", exc_info=error)


class Threads:
    """The worker threads of one application; started when first needed, at most `size` of them."""

    def __init__(self, size: int = 40) -> None:
        self.size = size
        self._taken = 0
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    @property
    def pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            with self._lock:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self.size, thread_name_prefix="nacre")
        return self._pool

    async def run(self, request: Any, function: Callable[[], T]) -> T:
        """Run plain code for `request`: in the thread that already waits for it, else in one of the pool.

        Exceptions come back as they are. When the task is cancelled the thread goes on to the end of its code; what it
        returns then is dropped, and an exception is logged.
        """
        visit: Visit | None = getattr(request, "visit", None)
        if visit is not None and visit.listening:
            return await visit.call(function)
        if visit is not None:
            # Another task of this request has the thread busy; this one takes a thread of its own.
            request = None
        visit = Visit(asyncio.get_running_loop())
        if request is not None:
            request.visit = visit
        self._taken += 1
        try:
            return await visit.start(self.pool, function)
        finally:
            self._taken -= 1
            if request is not None:
                request.visit = None

    async def admit(self, request: Any) -> None:
        """Wait, before code that calls inwards is run for `request`, for what it would hold a thread in waiting for.

        SECURITY: as many clients as there are threads would stop all plain code by withholding bodies that functions
        further in are given. So when half of the threads are taken, such a body is received before.
        """
        if 2 * (self._taken + 1) > self.size and request.visit is None:
            await request.app.receive_early(request)

    def detached(self) -> Threads:
        """The same threads for code that outlives the plain code around it, so that it needs a thread of its own."""
        return _Detached(self)

    def close(self) -> None:
        """Let the threads end; running code is not interrupted, and nothing new is begun."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None


class _Detached(Threads):
    """Runs nothing in the thread that waits for a request already."""

    def __init__(self, threads: Threads) -> None:
        super().__init__(threads.size)
        self._threads = threads

    async def run(self, request: Any, function: Callable[[], T]) -> T:
        return await self._threads.run(None, function)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def wait(awaitable: Awaitable[T]) -> T:
    """Await something from plain code: a `def` layer or handler, on any transport.

    The awaitable runs in the request's own task, so its context and its cancellation are the request's. Raises
    RuntimeError on the event loop's thread (use `await` there) and outside of a request. Example:
    `item = wait(request.json())`.
    """
    visit: Visit | None = getattr(_here, "visit", None)
    if visit is not None:
        return visit.wait(awaitable)
    if runs_event_loop():
        _discard(awaitable)
        raise RuntimeError("wait() was called on the event loop, where it would block every request; use `await`")
    coroutine: Awaitable[T] = awaitable if isinstance(awaitable, CoroutineType) else _as_coroutine(awaitable)
    return run_at_once(coroutine)


def loop_of_visit() -> asyncio.AbstractEventLoop | None:
    """The event loop that this plain code was sent from; None in a thread that works for none."""
    visit: Visit | None = getattr(_here, "visit", None)
    return None if visit is None else visit.loop


def is_abandoned() -> bool:
    """Whether the request was cancelled while this plain code has been running for it."""
    visit: Visit | None = getattr(_here, "visit", None)
    return visit is not None and visit.is_abandoned


def run_at_once(awaitable: Awaitable[T]) -> T:
    """Run a coroutine (nothing else is taken) that never suspends, on this thread and without an event loop.

    Raises RuntimeError if it does suspend: there is nothing here that could resume it.
    """
    coroutine: Any = awaitable
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    coroutine.close()
    raise RuntimeError("this needs an event loop, and plain code under WSGI has none; make the handler `async def`")


async def _as_coroutine(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _discard(awaitable: object) -> None:
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()


def runs_event_loop() -> bool:
    """Whether this thread runs an event loop, so that code in it may await what waits."""
    # PERF: `get_running_loop` raises where there is none, 0.5 µs for plain code that calls `wait`.
    return asyncio._get_running_loop() is not None


def adopt(context: Context, tokens: Tokens) -> None:
    """Take over the context variables that were changed on the other side; `tokens` belong to this side."""
    for variable, value in context.items():
        if variable.get(_MISSING) is not value:
            token = variable.set(value)
            if token.old_value is Token.MISSING:
                tokens[variable] = token
    # One that came from there and was reset there has no value again. It can't be told in another way than by a token.
    for variable in [variable for variable in tokens if variable not in context]:
        try:
            variable.reset(tokens.pop(variable))
        except (ValueError, RuntimeError):
            pass  # another task of this request took it over, or it was reset here too
