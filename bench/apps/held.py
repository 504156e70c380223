"""Requests that wait, for the view `memory`: what a handler of the applications `held_*.py` waits for."""

from __future__ import annotations

import asyncio

waiting: list[asyncio.Future[None]] = []


async def wait() -> None:
    """Wait until `let_go` is called."""
    future = asyncio.get_running_loop().create_future()
    waiting.append(future)
    await future


def let_go() -> None:
    for future in waiting:
        future.set_result(None)
    waiting.clear()
