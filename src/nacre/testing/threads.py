"""The client's threads: a private event loop for synchronous tests, and threads for code that may block."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


class PrivateLoop:
    """An event loop in a thread of its own. Closed by `close`, or when nobody holds it any more."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_live, args=(self.loop,), name="nacre-testing-loop", daemon=True)
        thread.start()
        self._finalizer = weakref.finalize(self, _stop, self.loop, thread)

    def close(self) -> None:
        """Cancel what still runs there, close the loop and end the thread. Safe to call twice."""
        self._finalizer()


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    if thread.is_alive() and thread is not threading.current_thread():
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def run_on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of another thread, and wait for it here."""
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()  # for KeyboardInterrupt; otherwise it is done
        raise


async def run_in_thread(function: Callable[[], T]) -> T:
    """Run plain code in a new thread, in a copy of this context. Cancellation waits for its end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(function())
        except BaseException as error:
            failure.append(error)
        finally:
            loop.call_soon_threadsafe(_resolve, done)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="nacre-testing", daemon=True)
    thread.start()
    await done
    if failure:
        raise failure.pop()
    return outcome[0]


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class LoopAside:
    """A running event loop as it looks to code in another thread that believes it isn't running yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run_until_complete(self, awaitable: Awaitable[T]) -> T:
        async def await_it() -> T:
            return await awaitable

        return run_on(self._loop, await_it())

    def create_task(self, coroutine: Coroutine[Any, Any, T], **options: Any) -> asyncio.Task[T]:
        async def create() -> asyncio.Task[T]:
            return self._loop.create_task(coroutine, **options)

        return run_on(self._loop, create())

    def call_soon(self, callback: Callable[..., object], *args: Any, **options: Any) -> asyncio.Handle:
        return self._loop.call_soon_threadsafe(callback, *args, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)
