"""Cancelling at every point: run something again and again, and cancel it the k-th time that it waits, for each k.

    for run in sweep(lambda cancelled: serve(request)):
        ...what must hold whenever it was cancelled; `run.at` is 0 for the run that came to its end undisturbed

The coroutine runs in a task of its own, and is cancelled as `Task.cancel` does it: what it waits for is cancelled
first, so cleanup code meets exactly what it meets in service. Only what the task itself waits for is a point; what
other tasks and threads do meanwhile isn't.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from dataclasses import dataclass, field
from typing import Any

_POINTS_MAX = 2000


@dataclass
class Run:
    """One run, and how it ended."""

    at: int
    """The point at which it was cancelled, counted from 1; 0 for none."""

    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the cancellation is sent."""

    task: asyncio.Task[Any] | None = None

    @property
    def outcome(self) -> Any:
        """What it returned, or the exception that it ended with."""
        assert self.task is not None
        if self.task.cancelled():
            return asyncio.CancelledError
        return self.task.exception() or self.task.result()


class _Stepped:
    """A coroutine whose waiting is counted."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], run: Run) -> None:
        self._coroutine = coroutine
        self._run = run

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine.__await__()
        points = 0
        try:
            awaited = next(steps)
            while True:
                points += 1
                if points == self._run.at:
                    self._run.cancelled.set()
                    task = asyncio.current_task()
                    assert task is not None
                    task.cancel()
                try:
                    answer = yield awaited
                except BaseException as error:
                    awaited = steps.throw(error)
                else:
                    awaited = steps.send(answer)
        except StopIteration as stop:
            return stop.value


async def sweep(make: Callable[[Run], Coroutine[Any, Any, Any]]) -> AsyncIterator[Run]:
    """Run what `make` gives once undisturbed, then once for each point of that kind, until one lies behind the end."""
    run = await _finished(make, Run(0))
    yield run
    for at in range(1, _POINTS_MAX):
        run = await _finished(make, Run(at))
        if not run.cancelled.is_set():
            return
        yield run
    raise RuntimeError(f"it still waits after {_POINTS_MAX} points")


async def _finished(make: Callable[[Run], Coroutine[Any, Any, Any]], run: Run) -> Run:
    async def stepped() -> Any:
        return await _Stepped(make(run), run)

    run.task = asyncio.create_task(stepped())
    await asyncio.wait([run.task])
    return run
