"""Background tasks within the process: tracked from their start to their end, at most so many of them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from nacre.logline import printable
from nacre.threads import Threads, is_abandoned, loop_of_visit

_log = logging.getLogger("nacre.error")

_LAST_WAIT = 5.0
"""Seconds that cancelled tasks have to end; after them they are named in the log and left."""

Work = Callable[..., Any] | Coroutine[Any, Any, Any]
"""What a task does: an async function, a plain one, or a coroutine that nothing has awaited yet."""


class TasksFull(RuntimeError):
    """As many tasks run, and wait, as may; this one was not taken."""


class BackgroundTask:
    """One task. It is held by its `Tasks` until it is over, so nobody else needs to."""

    def __init__(self, name: str, work: Work, loop: asyncio.AbstractEventLoop, owner: Tasks) -> None:
        self.name = name
        self._work = work
        self._loop = loop
        self._owner = owner
        self._context = copy_context()
        self._inner: asyncio.Task[None] | None = None
        self._cancelled = False
        self.over: Future[None] = Future()
        self.over.set_running_or_notify_cancel()  # who waits for it and is cancelled doesn't cancel it

    def done(self) -> bool:
        """Whether it is over: returned, failed or cancelled."""
        return self.over.done()

    def cancel(self) -> None:
        """Raise CancelledError in it where it waits; one that hasn't begun never does. From any thread.

        A plain function can't be stopped: nobody waits for it any more, and it goes on to its end.
        """
        if not self._owner.drop(self):
            self._on_loop(self._cancel)

    async def wait(self) -> None:
        """Return when it is over, however it ended."""
        await _wait_for([self], None)

    @property
    def is_lost(self) -> bool:
        """Whether its loop was closed under it."""
        return self._loop.is_closed()

    def begin(self) -> None:
        """Run on its loop, from any thread. Raises RuntimeError if that is closed."""
        self._on_loop(self._create)

    def finish(self) -> None:
        """Tell those who wait that it is over."""
        if inspect.iscoroutine(self._work):
            self._work.close()  # cancelled before it began
        self.over.set_result(None)

    def _on_loop(self, call: Callable[[], object]) -> None:
        if _running_loop() is self._loop:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    def _create(self) -> None:
        self._inner = self._loop.create_task(self._run(), name=self.name, context=self._context)
        self._inner.add_done_callback(self._ended)
        if self._cancelled:
            self._inner.cancel()

    def _ended(self, inner: asyncio.Task[None]) -> None:
        if not inner.cancelled():
            inner.exception()  # of what ends the process, which asyncio has raised already
        self._owner.settle(self)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._inner is not None:
            self._inner.cancel()

    async def _run(self) -> None:
        work = self._work
        try:
            if inspect.iscoroutine(work):
                await work
            elif inspect.iscoroutinefunction(work):
                await work()
            else:
                result = await self._owner.threads.run(None, self._call)
                if inspect.isawaitable(result):  # of a lambda or a wrapper around an async function
                    await result
        except Exception:
            _log.exception("the background task %s failed", printable(self.name))

    def _call(self) -> Any:
        """Call the plain function, in a worker thread."""
        result = self._work()  # type: ignore[operator]
        if inspect.iscoroutine(result):
            self._work = result  # what is left of it is closed at the end
            if is_abandoned():
                result.close()
        return result

    def __repr__(self) -> str:
        return f"<BackgroundTask {self.name!r}{' (over)' if self.done() else ''}>"


class Tasks:
    """The background tasks of an application: `app.tasks`, or `Nacre(tasks=Tasks(…))` for other bounds.

    At most `limit` of them run at once. `waiting` more begin in turn when others have ended. Plain functions share
    `threads` worker threads of their own, so that they take none from requests.

    When the application shuts down, after the last request and before its lifespan, hooks and providers end, tasks have
    `grace` seconds to end by themselves; then they are cancelled and awaited. They belong to the application that is
    served, also those that one mounted in it has started, and live and die with the process: what must not be lost
    needs a queue outside of it.
    """

    def __init__(self, *, limit: int = 1000, waiting: int = 1000, threads: int = 8, grace: float = 2.0) -> None:
        for name, value, least in (("limit", limit, 1), ("waiting", waiting, 0), ("threads", threads, 1)):
            if value < least:
                raise ValueError(f"{name}={value} is too few; give {least} or more")
        if not grace >= 0:
            raise ValueError(f"grace={grace} is no number of seconds from 0 up")
        self.limit = limit
        self.most_waiting = waiting
        self.grace = grace
        self.threads = Threads(threads)
        self.aside: Callable[[], asyncio.AbstractEventLoop] | None = None
        """What gives a loop where none is known: under WSGI, whose handlers may run without one."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._running: dict[BackgroundTask, None] = {}
        self._waiting: deque[BackgroundTask] = deque()
        self._ending = False

    def start(self, work: Work, /, *args: Any, name: str | None = None, **kwargs: Any) -> BackgroundTask:
        """Run `work(*args, **kwargs)` in the background: on the loop, or in a worker thread if it is a plain function.

        `name` is what the log calls it, by default that of the function. The context variables are those of here, in a
        copy. An exception is logged, once. May be called from any thread; returns at once. Raises TasksFull if too many
        are running and waiting, and RuntimeError while the application shuts down.
        """
        try:
            return self._start(_call_of(work, args, kwargs), name or _name(work))
        except BaseException:
            if inspect.iscoroutine(work):
                work.close()
            raise

    def _start(self, work: Work, name: str) -> BackgroundTask:
        task = BackgroundTask(name, work, self._current_loop(), self)
        with self._lock:
            if self._ending:
                raise RuntimeError(f"the application is shutting down; the task {printable(name)} was not started")
            if len(self._running) >= self.limit:
                if len(self._waiting) >= self.most_waiting:
                    raise TasksFull(
                        f"{self.limit} tasks are running and {len(self._waiting)} wait, so {printable(name)} was not "
                        "taken; try later, or raise `limit` or `waiting`: Nacre(tasks=Tasks(limit=…, waiting=…))"
                    )
                self._waiting.append(task)
                return task
            self._running[task] = None
        try:
            task.begin()
        except RuntimeError:  # its loop was closed in this moment
            self.settle(task)
            raise
        return task

    def _current_loop(self) -> asyncio.AbstractEventLoop:
        loop = _running_loop() or loop_of_visit() or self._loop
        if loop is not None and not loop.is_closed():
            return loop
        if self.aside is None:
            raise RuntimeError("there is no event loop to run a task on; start it from a handler or a startup function")
        return self.aside()

    def __len__(self) -> int:
        """How many are running or waiting."""
        return len(self._running) + len(self._waiting)

    async def join(self) -> None:
        """Return when no task is left, for tests."""
        while tasks := self._all():
            await _wait_for(tasks, None)

    # The tasks' own side.

    def drop(self, task: BackgroundTask) -> bool:
        """Take a task off the queue; False if it doesn't stand there."""
        with self._lock:
            if task not in self._waiting:
                return False
            self._waiting.remove(task)
        task.finish()
        return True

    def settle(self, task: BackgroundTask) -> None:
        """Let the next one begin in the place of one that is over."""
        following: BackgroundTask | None = task
        while following is not None:
            following.finish()
            with self._lock:
                self._running.pop(following, None)
                following = self._waiting.popleft() if self._waiting else None
                if following is not None:
                    self._running[following] = None
            try:
                return None if following is None else following.begin()
            except RuntimeError:  # its loop was closed while it waited
                pass

    # The application's side.

    @asynccontextmanager
    async def living(self) -> AsyncGenerator[None]:
        """The time in which tasks may run on this loop; what is left of them at its end is cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            await self.end()
            self._loop = None

    async def end(self) -> None:
        """Give the tasks `grace` seconds, then cancel all that are left and wait for them."""
        deadline = time.monotonic() + self.grace
        while (tasks := self._all()) and (left := deadline - time.monotonic()) > 0:
            await _wait_for(tasks, left)
        with self._lock:
            self._ending = True
        try:
            tasks = self._all()
            for task in reversed(tasks):  # those that wait first, so that none of them begins
                task.cancel()
            await _wait_for(tasks, _LAST_WAIT)
            for task in self._all():
                _log.error("the background task %s goes on although it was cancelled", printable(task.name))
        finally:
            self._ending = False

    def close(self) -> None:
        """Let the worker threads end."""
        self.threads.close()

    def _all(self) -> list[BackgroundTask]:
        with self._lock:
            for task in [task for task in self._running if task.is_lost]:
                del self._running[task]
            return [*self._running, *self._waiting]


class RequestTasks:
    """Tasks that end with a request: `request.tasks`. What is left of them after the last byte is cancelled."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._started: list[BackgroundTask] = []

    def start(self, work: Work, /, *args: Any, name: str | None = None, **kwargs: Any) -> BackgroundTask:
        """Start a task as `app.tasks.start` does; it is cancelled and awaited when the request is over."""
        task: BackgroundTask = self._request.app.tasks.start(work, *args, name=name, **kwargs)
        if not self._started:
            self._request.after_response(self._end)
        self._started.append(task)
        return task

    async def _end(self) -> None:
        tasks, self._started = self._started, []
        for task in tasks:
            task.cancel()
        await _wait_for(tasks, None)


async def _wait_for(tasks: Iterable[BackgroundTask], seconds: float | None) -> None:
    """Return when all are over, or the time is."""
    waits = [asyncio.wrap_future(task.over) for task in tasks if not task.done()]
    if waits:
        await asyncio.wait(waits, timeout=seconds)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _call_of(work: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Work:
    if inspect.iscoroutine(work):
        if args or kwargs:
            raise TypeError("a coroutine has its arguments already; give the function to pass some")
        return work
    if not callable(work):
        raise TypeError(f"a task is a function or a coroutine, not a {type(work).__name__}")
    return partial(work, *args, **kwargs)


def _name(work: Any) -> str:
    while isinstance(work, partial):
        work = work.func
    return getattr(work, "__qualname__", None) or type(work).__qualname__
