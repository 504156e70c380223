"""What runs around the life of an application: hooks at its beginning and end, and context managers."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

LifespanHook: TypeAlias = Callable[..., Any]
"""A function of the application, or of nothing, plain or async."""

LifespanCTX: TypeAlias = AbstractAsyncContextManager[Any] | Callable[[Any], AbstractAsyncContextManager[Any]]
"""An async context manager, or a function of the application that makes one."""


class Hooks(list[LifespanHook]):
    """A list of hooks; called with one it appends it, so that it decorates as well."""

    def __call__(self, hook: F) -> F:
        self.append(hook)
        return hook


class Lifespan:
    """The hooks and managers of one application or router.

    Managers are entered, then `on_startup` is called, then the routers' own begin. At the end the managers are left,
    the last one first, then `on_shutdown` and `on_cleanup` are called, each in its order. What was begun is ended also
    if something later fails.
    """

    def __init__(
        self,
        app: Any,
        on_startup: Iterable[LifespanHook],
        on_shutdown: Iterable[LifespanHook],
        on_cleanup: Iterable[LifespanHook],
        lifespan_managers: Iterable[LifespanCTX],
    ) -> None:
        self.app = app
        self.on_startup = Hooks(on_startup)
        self.on_shutdown = Hooks(on_shutdown)
        self.on_cleanup = Hooks(on_cleanup)
        self.lifespan_managers = list(lifespan_managers)
        self.inner: list[Lifespan] = []
        """Those of the routers that the application holds."""

    def append(self, lifespan: LifespanCTX) -> None:
        """Enter one more manager when the application starts."""
        self.lifespan_managers.append(lifespan)

    @asynccontextmanager
    async def ctx_manager(self) -> AsyncGenerator[None]:
        """Be alive: started on entering, ended on leaving."""
        async with AsyncExitStack() as stack:
            # What is pushed first is called last.
            for hook in reversed([*self.on_shutdown, *self.on_cleanup]):
                stack.push_async_callback(self.call, hook)
            for one in self.lifespan_managers:
                await stack.enter_async_context(one if isinstance(one, AbstractAsyncContextManager) else one(self.app))
            for hook in self.on_startup:
                await self.call(hook)
            for router in self.inner:
                await stack.enter_async_context(router.ctx_manager())
            yield

    async def call(self, hook: LifespanHook) -> None:
        """Call a hook with the application if it takes anything, and await what it gives."""
        arguments = (self.app,) if inspect.signature(hook).parameters else ()
        result = hook(*arguments)
        if inspect.isawaitable(result):
            await result
