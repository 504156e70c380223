"""R12: a request is cancelled at every point at which it can be, one after the other.

A request's coroutine is stepped by hand, so each point at which it waits is known by its number. For every number the
request is run anew, and its task is cancelled there.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Generator
from typing import Any

import pytest

from nacre import CallNext, Nacre, Request, Response, StreamingResponse
from rules.application import Boom
from rules.drivers import DRIVERS
from rules.recording import Chain, Recorder, chains, plain_stream

KINDS = ["whole", "stream", "plain", "plain-stream", "error"]
ENOUGH = 400
"""More points than any of these requests has."""


def _application(log: Recorder, chain: Chain) -> Nacre:
    """Every route awaits something before, within and after its answer, and has callbacks of every kind."""

    async def last() -> None:
        log.note("async", "callback")
        await asyncio.sleep(0)

    async def outermost(request: Request, call_next: CallNext) -> Response:
        log.note("outermost", "enter")
        try:
            await asyncio.sleep(0)
            request.after_response(lambda: log.note("plain", "callback"))
            request.after_response(last)
            log.note("outermost", "registered")
            response = await call_next(request)
            await asyncio.sleep(0)
            return response
        finally:
            log.note("outermost", "leave")

    layers = chain.build(log)
    app = Nacre(middlewares=[*layers, outermost] if chain.styles[0].raw else [outermost, *layers], threads=3)

    @app.get("/whole")
    async def whole(request: Request) -> str:
        log.note("handler", "enter")
        try:
            await asyncio.sleep(0)
            return (await request.body()).decode() + "done"
        finally:
            log.note("handler", "leave")

    @app.get("/error")
    async def error(request: Request) -> str:
        await asyncio.sleep(0)
        raise Boom("x")

    @app.error_handler(Boom)
    async def answer(request: Request) -> str:
        await asyncio.sleep(0)
        return "handled"

    @app.get("/stream")
    async def stream(request: Request) -> Response:
        async def pieces() -> Any:
            log.note("source", "enter")
            try:
                for _ in range(2):
                    await asyncio.sleep(0)
                    yield b"piece"
            finally:
                log.note("source", "leave")

        await asyncio.sleep(0)
        return StreamingResponse(pieces())

    @app.get("/plain")
    def plain(request: Request) -> str:
        log.note("handler", "enter")
        try:
            return "done"
        finally:
            log.note("handler", "leave")

    @app.get("/plain-stream")
    def stream_plainly(request: Request) -> Response:
        return StreamingResponse(plain_stream(log, 2))

    return app


class _Sweep:
    """A coroutine whose task is cancelled when it waits for the time of this number."""

    def __init__(self, coroutine: Any, point: int, log: Recorder) -> None:
        self._coroutine = coroutine
        self._point = point
        self._log = log
        self.was_cancelled = False
        self.was_over = False
        """Whether the cancellation came within a callback after the response."""

    def __await__(self) -> Generator[Any, Any, None]:
        error: BaseException | None = None
        for count in itertools.count():
            try:
                awaited = self._coroutine.send(None) if error is None else self._coroutine.throw(error)
            except StopIteration:
                return
            if count == self._point:
                task = asyncio.current_task()
                assert task is not None
                self.was_cancelled = task.cancel()  # it takes effect on what is awaited here and now
                self.was_over = bool(self._log.of("callback"))
            try:
                yield awaited
                error = None
            except BaseException as raised:
                error = raised

    async def run(self) -> None:
        await self


def _swept() -> list[Any]:
    """WSGI cancels nothing. RSGI differs from ASGI in how a response is sent, so one layer of each style tells that."""
    rows = [("asgi", chain) for chain in chains(depths=(3,))]
    rows += [("rsgi", chain) for chain in chains(depths=(1,), mixes=False)]
    return [pytest.param(transport, chain, id=f"{transport}-{chain}") for transport, chain in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("transport", "chain"), _swept())
async def test_r12_cancelled_at_any_point_everything_entered_is_left_once(
    transport: str, chain: Chain, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """For each point: layers, handler and stream left once, callbacks run once, no task and no thread left, no log."""
    for point in range(ENOUGH):
        log = Recorder()
        app = _application(log, chain)
        driver = DRIVERS[transport]("GET", f"/{kind}", body=[b""])
        before = asyncio.all_tasks()
        sweep = _Sweep(driver.serve(app), point, log)
        task = asyncio.create_task(sweep.run())
        await asyncio.wait([task])
        await _settle(app)
        where = f"at point {point}: {log.events}"
        _assert_balanced(log, chain, where)
        left = await _end(asyncio.all_tasks() - before)
        if not sweep.was_over:  # that is the next test's
            assert not left, where
            assert log.who("callback") == (["async", "plain"] if log.who("registered") else []), where
        if not sweep.was_cancelled:
            assert point > 1
            break
        # A request that is over but for the rest of its response may end well: a stream's end waits for nothing more.
        assert task.cancelled() or task.exception() is None, where
    else:
        raise AssertionError(f"more than {ENOUGH} points")
    assert caplog.records == []


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
@pytest.mark.parametrize("kind", KINDS)
async def test_r12_cancelled_within_a_callback_the_others_run_all_the_same(transport: str, kind: str) -> None:
    """The part after the response: each callback runs once, and no task is left."""
    for point in range(ENOUGH):
        log = Recorder()
        app = _application(log, chains(depths=(1,))[0])
        before = asyncio.all_tasks()
        sweep = _Sweep(DRIVERS[transport]("GET", f"/{kind}", body=[b""]).serve(app), point, log)
        task = asyncio.create_task(sweep.run())
        await asyncio.wait([task])
        await _settle(app)
        left = await _end(asyncio.all_tasks() - before)
        assert not left
        assert log.who("callback") == (["async", "plain"] if log.who("registered") else [])
        if not sweep.was_cancelled:
            break


async def _end(tasks: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """End what was left running, so that it disturbs nothing else."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    return tasks


async def _settle(app: Nacre) -> None:
    """Wait for what goes on in threads of a cancelled request, and for what that tells the loop."""
    pool = app.tools.threads.pool
    # As many as there are threads: each is taken by one, so what was begun before is over.
    barrier = threading.Barrier(app.tools.threads.size)
    futures = [pool.submit(barrier.wait, 5) for _ in range(app.tools.threads.size)]
    await asyncio.gather(*map(asyncio.wrap_future, futures))
    for _ in range(3):
        await asyncio.sleep(0)


def _assert_balanced(log: Recorder, chain: Chain, where: str) -> None:
    entered, left = log.who("enter"), log.who("leave")
    around = [name for name, style in zip(chain.names, chain.styles, strict=True) if style.around]
    for who in {*around, "outermost", "handler", "source"}:
        assert entered.count(who) == left.count(who) <= 1, f"{who} {where}"
    for who in set(chain.names) - set(around):
        assert left.count(who) <= 1, f"{who} {where}"
