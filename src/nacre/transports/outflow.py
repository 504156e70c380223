"""Sending a stream while watching for the client to leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from nacre.errors import ClientDisconnect
from nacre.streams import BREATH, Pushing, Write, throw_in


async def pour(
    pieces: AsyncGenerator[bytes, None],
    write: Write,
    disconnected: Coroutine[Any, Any, None],
) -> bool:
    """Write all pieces; False if the client left before the end.

    Servers tell of a departure on the receiving side only, so `disconnected` is awaited beside. When it ends, the
    request's task is cancelled at whatever it waits for, which lets the generator see a CancelledError; that
    cancellation ends here. One from elsewhere (a shutdown) goes on. The generator is closed in any case.
    """
    task = asyncio.current_task()
    assert task is not None
    left = over = False

    def leave(watch: asyncio.Task[None]) -> None:
        nonlocal left
        # A failed write may have told of the departure before: then the generator is being closed, undisturbed.
        if not over and not watch.cancelled() and watch.exception() is None:
            left = True
            task.cancel()

    watch = asyncio.create_task(disconnected)
    watch.add_done_callback(leave)
    try:
        if isinstance(pieces, Pushing):
            await pieces.push(write)
        else:
            await _write_all(pieces, write)
        return True
    except asyncio.CancelledError as cancelled:
        over = True
        await throw_in(pieces, cancelled)
        if not left:
            raise
        task.uncancel()
        return False
    except ClientDisconnect:
        over = True
        await throw_in(pieces, asyncio.CancelledError("the client left"))
        return False
    finally:
        over = True
        watch.remove_done_callback(leave)
        try:
            await pieces.aclose()
        finally:
            await _end(watch)


async def _write_all(pieces: AsyncGenerator[bytes, None], write: Write) -> None:
    count = 0
    async for piece in pieces:
        await write(piece)
        count += 1
        if not count % BREATH:
            await asyncio.sleep(0)


async def _end(watch: asyncio.Task[None]) -> None:
    if not watch.done():
        watch.cancel()
        await asyncio.wait([watch])
