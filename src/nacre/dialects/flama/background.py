"""What is done after the response."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from nacre.callables import is_async

__all__ = ["BackgroundProcessTask", "BackgroundTask", "BackgroundTasks", "BackgroundThreadTask", "Concurrency"]


class Concurrency(StrEnum):
    """Where a task runs: plain code in a thread, or any code in a process of its own."""

    thread = "thread"
    process = "process"


class BackgroundTask:
    """Call `func` after the response; raises ValueError for a concurrency that isn't known.

    A process is forked or spawned, so what it is given must be known to the platform's way of starting processes.
    """

    def __init__(self, concurrency: Concurrency | str, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.concurrency = Concurrency(concurrency)
        self.func, self.args, self.kwargs = func, args, kwargs

    async def __call__(self) -> None:
        if self.concurrency is Concurrency.process:
            await asyncio.to_thread(_run_in_process, self.func, self.args, self.kwargs)
        elif is_async(self.func):
            await self.func(*self.args, **self.kwargs)
        else:
            await asyncio.to_thread(self.func, *self.args, **self.kwargs)


class BackgroundThreadTask(BackgroundTask):
    """A task in a thread."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__("thread", func, *args, **kwargs)


class BackgroundProcessTask(BackgroundTask):
    """A task in a process of its own."""

    def __init__(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__("process", func, *args, **kwargs)


class BackgroundTasks:
    """Several tasks, run one after the other."""

    def __init__(self, tasks: Sequence[BackgroundTask] | None = None) -> None:
        self.tasks = list(tasks or ())

    def add_task(self, concurrency: Concurrency | str, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Add a task, as `BackgroundTask` makes it."""
        task = BackgroundTask(concurrency, func, *args, **kwargs)
        self.tasks.append(task)

    async def __call__(self) -> None:
        for task in self.tasks:
            await task()


def _run_in_process(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    process = multiprocessing.Process(target=run, args=(func, args, kwargs))
    process.start()
    process.join()


def run(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Call a function of either kind where no loop runs."""
    if is_async(func):
        asyncio.run(func(*args, **kwargs))
    else:
        func(*args, **kwargs)
