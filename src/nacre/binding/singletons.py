"""Providers of the application: each is made once, when the application starts, and torn down when it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from nacre.binding.providers import Provider, Ready
from nacre.binding.running import finish, finish_async, start, start_async
from nacre.threads import Threads

_log = logging.getLogger("nacre.error")

Needs = tuple[tuple[str | None, "Singleton"], ...]
"""What a provider takes: each with the parameter's name, None for what is passed by position."""


class Singleton:
    """One provider of the application with the others that it takes, and its value once that is made."""

    value: Any

    def __init__(self, provider: Provider, needs: Needs = ()) -> None:
        self.provider = provider
        self.needs = needs
        self.is_made = False
        self._finish: Callable[[], Awaitable[None]] | None = None
        if isinstance(provider.function, Ready):
            self._set(provider.function.value)

    async def make(self, threads: Threads) -> None:
        """Ask the provider. What it raises gets a note that names it."""
        given = [need.value for name, need in self.needs if name is None]
        named = {name: need.value for name, need in self.needs if name is not None}
        try:
            await self._make(partial(self.provider.function, *given, **named), threads)
        except BaseException as error:
            error.add_note(f"raised by {self.provider.label}, which the application needs to start")
            raise

    async def _make(self, ask: Callable[[], Any], threads: Threads) -> None:
        match self.provider.kind:
            case "async":
                self._set(await ask())
            case "async generator":
                generator = ask()
                self._set(await start_async(generator))
                self._finish = lambda: finish_async(generator)
            case "generator":
                generator, context = ask(), copy_context()
                self._set(await self._plain(lambda: context.run(start, generator), threads))
                self._finish = lambda: self._plain(lambda: context.run(finish, generator), threads)
            case "plain":
                self._set(await self._plain(ask, threads))

    async def _plain(self, step: Callable[[], Any], threads: Threads) -> Any:
        return step() if self.provider.inline else await threads.run(None, step)

    async def close(self) -> None:
        """Run the provider's teardown, if it has one, and forget the value. Raises what that raises."""
        last = self._finish
        self.forget()
        if last is not None:
            await last()

    def forget(self) -> None:
        """Forget the value, without teardown."""
        self.is_made = False
        self._finish = None
        del self.value

    def _set(self, value: Any) -> None:
        self.value = value
        self.is_made = True

    def __getattr__(self, name: str) -> Any:
        if name != "value":
            raise AttributeError(name)
        raise RuntimeError(f"{self.provider.label} was asked before the application was ready")


class Singletons:
    """The providers that live as long as one application; `changed` is called when some are made or closed.

    What was made stays when the application is compiled again, for an override or a late declaration, and is made anew
    only if it takes something else than before.
    """

    def __init__(self, threads: Threads, changed: Callable[[], object] = lambda: None) -> None:
        self._threads = threads
        self._changed = changed
        self._known: dict[tuple[Callable[..., Any], Needs], Singleton] = {}
        self._wanted: tuple[Singleton, ...] = ()
        self._made: list[Singleton] = []
        self._making: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lives = 0
        self.failure: Exception | None = None
        """What the last attempt to make them raised, until the next one."""

    def of(self, provider: Provider, needs: Needs) -> Singleton:
        """The one for a provider that takes these others."""
        return self._known.setdefault((provider.function, needs), Singleton(provider, needs))

    def expect(self, wanted: Iterable[Singleton]) -> None:
        """Set those that the compiled application asks, each after those it takes."""
        self._wanted = tuple(dict.fromkeys(wanted))
        kept = {*self._wanted, *self._made}
        self._known = {key: single for key, single in self._known.items() if single in kept}
        self._changed()

    @property
    def are_wanted(self) -> bool:
        """Whether the application asks any."""
        return bool(self._wanted)

    @property
    def are_made(self) -> bool:
        """Whether all that the application asks are made."""
        return all(single.is_made for single in self._wanted)

    async def make(self) -> None:
        """Make, in this task, what isn't made yet."""
        self._loop = asyncio.get_running_loop()
        self.failure = None
        while (single := next((one for one in self._wanted if not one.is_made), None)) is not None:
            try:
                await single.make(self._threads)
            except Exception as error:
                self.failure = error
                raise
            self._made.append(single)
        self._changed()

    async def made(self) -> None:
        """Return when all are made: by one task, however many ask, and none of those can cancel it."""
        making, loop = self._making, asyncio.get_running_loop()
        if making is None or making.done() or making.get_loop() is not loop:
            making = self._making = loop.create_task(self.make(), name="nacre-providers")
        await asyncio.shield(making)

    @asynccontextmanager
    async def living(self) -> AsyncGenerator[None]:
        """Make all, and close all at the end, the last one first; of several lives at a time the last one closes."""
        if not self._lives and self._loop is not asyncio.get_running_loop():
            self._forget()
        self._lives += 1
        try:
            await self.make()
            yield
        finally:
            self._lives -= 1
            if not self._lives:
                await self._close()

    async def _close(self) -> None:
        """Close all, also after one has failed; the first failure is raised at the end, others are logged."""
        failure: Exception | None = None
        while self._made:
            single = self._made.pop()
            try:
                await single.close()
            except Exception as error:
                if failure is not None:
                    _log.exception("the teardown of %s failed", single.provider.label)
                failure = failure or error
        self._changed()
        if failure is not None:
            raise failure

    def _forget(self) -> None:
        """Drop what requests had made without a lifespan, on an event loop that is gone, and its teardown with it."""
        for single in self._made:
            single.forget()
        self._made.clear()
