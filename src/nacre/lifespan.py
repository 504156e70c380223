"""Startup and shutdown: an application's own, and that of everything mounted in it."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

from nacre.binding.singletons import Singletons
from nacre.callables import is_async
from nacre.tasks import Tasks
from nacre.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger("nacre")

Lifespan = Callable[..., AbstractAsyncContextManager[Any]]
"""Called with the application or without arguments; what it yields, a mapping or None, starts each request's state."""

LifespanHook = Callable[..., Any]
"""A startup or shutdown function: plain or async, with the application as its argument or without one."""


class Lived(Protocol):
    """An application, as far as its lifespan goes."""

    lifespan_context: Lifespan | None
    startup_hooks: list[LifespanHook]
    shutdown_hooks: list[LifespanHook]
    lifespan_state: dict[str, Any]

    @property
    def singletons(self) -> Singletons: ...

    @property
    def tasks(self) -> Tasks: ...

    def mounted_apps(self) -> list[Any]: ...


@asynccontextmanager
async def lived(app: Lived) -> AsyncGenerator[dict[str, Any]]:
    """Live an application: its lifespan outermost, then those mounted in it, its startup functions, its providers.

    The way out is the reverse, and what was entered is left also when something after it failed to start. Background
    tasks end before all of it, since they use it. Yields the state that all lifespans yielded, which each request gets
    a copy of.
    """
    # Startup functions may start tasks, and so may those of the shutdown.
    async with app.tasks.living():
        # Those mounted take their providers' values from the application that is served.
        async with _lived(app) as state, app.singletons.living():
            try:
                yield state
            finally:
                await app.tasks.end()


@asynccontextmanager
async def _lived(app: Lived) -> AsyncGenerator[dict[str, Any]]:
    everything_mounted = app.mounted_apps()  # compiles: nothing is started for a configuration that is wrong
    async with AsyncExitStack() as stack:
        state: dict[str, Any] = {}
        if app.lifespan_context is not None:
            yielded = await stack.enter_async_context(_with_app(app.lifespan_context, app)())
            state.update(yielded if isinstance(yielded, Mapping) else {})
        for mounted in everything_mounted:
            inner = _lived(mounted) if hasattr(mounted, "startup_hooks") else foreign_lifespan(mounted)
            for name, value in (await stack.enter_async_context(inner)).items():
                state.setdefault(name, value)
        stack.push_async_callback(_run_all, app, list(reversed(app.shutdown_hooks)))
        await _run_each(app, app.startup_hooks)
        _share(app, state)
        yield state


def _share(app: Lived, state: dict[str, Any]) -> None:
    """Let requests begin with the same state in an application and in all that are mounted in it."""
    app.lifespan_state = state
    for mounted in app.mounted_apps():
        if hasattr(mounted, "startup_hooks"):
            _share(mounted, state)


async def _run_each(app: Lived, hooks: list[LifespanHook]) -> None:
    for hook in hooks:
        call = _with_app(hook, app)
        if is_async(hook):
            await call()
        else:
            call()


async def _run_all(app: Lived, hooks: list[LifespanHook]) -> None:
    """Run all, also after one has failed; the first failure is raised at the end, others are logged."""
    failure: Exception | None = None
    for hook in hooks:
        try:
            await _run_each(app, [hook])
        except Exception as error:
            if failure is not None:
                _log.exception("a shutdown function failed")
            failure = failure or error
    if failure is not None:
        raise failure


def _with_app(function: Callable[..., Any], app: object) -> Callable[[], Any]:
    """Give the application to a function that takes an argument."""
    try:
        inspect.signature(function).bind()
    except TypeError:
        return lambda: function(app)
    except ValueError:
        pass
    return function


@asynccontextmanager
async def foreign_lifespan(app: ASGIApp) -> AsyncGenerator[dict[str, Any]]:
    """Live an ASGI application that may or may not support the lifespan protocol."""
    if not is_async(app):
        yield {}
        return
    state: dict[str, Any] = {}
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Message] = asyncio.Queue()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
    task = asyncio.ensure_future(app(scope, inbox.get, answers.put))
    try:
        supported = await _ask(task, inbox, answers, "startup")
        yield state
        if supported:
            await _ask(task, inbox, answers, "shutdown")
    finally:
        if not task.done():
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is not None:
            _log.debug("an application's lifespan ended with an error", exc_info=task.exception())


async def _ask(
    task: asyncio.Future[Any], inbox: asyncio.Queue[Message], answers: asyncio.Queue[Message], event: str
) -> bool:
    """Send one lifespan event; False if the application has no lifespan. Raises RuntimeError if it reports failure."""
    await inbox.put({"type": f"lifespan.{event}"})
    answer = asyncio.ensure_future(answers.get())
    await asyncio.wait([task, answer], return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        return False
    message = answer.result()
    if message["type"] == f"lifespan.{event}.failed":
        raise RuntimeError(f"a mounted application failed at {event}: {message.get('message', '')}")
    return True


class LifespanTask:
    """A lifespan in a task of its own, for servers that call a function at startup and another at shutdown.

    What is entered in a task (a cancel scope, a context variable) has to be left in the same one.
    """

    def __init__(self, make: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._make = make
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when startup is done; raises what it raised."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._live(started), name="nacre-lifespan")
        await asyncio.wait([self._task, started], return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            await self._task

    async def _live(self, started: asyncio.Future[None]) -> None:
        async with self._make():
            started.set_result(None)
            await self._stop.wait()

    async def stop(self) -> None:
        """Shut down, once; raises what shutdown raised."""
        self._stop.set()
        task, self._task = self._task, None
        if task is not None:
            await task


async def serve_lifespan(app: Lived, scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan part of an ASGI application."""
    await receive()
    event = "startup"
    try:
        async with lived(app) as state:
            if isinstance(scope.get("state"), dict):
                scope["state"].update(state)
            await send({"type": "lifespan.startup.complete"})
            event = "shutdown"
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
    except Exception as error:
        # The server logs the message; to log it here too would show it twice.
        await send({"type": f"lifespan.{event}.failed", "message": "".join(traceback.format_exception(error))})
