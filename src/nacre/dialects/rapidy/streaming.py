"""Handlers that write their response piece by piece: `prepare`, `write`, `write_eof`, and return it at the end.

Such a handler is suspended where it writes. Its response goes out through the layers, and each piece that is sent
resumes it, in the request's own task, so a slow client slows it down and one that leaves cancels it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import CodeType
from typing import Any

from nacre.chain.drive import Drive
from nacre.dialects.rapidy.web_request import Request
from nacre.types import Message


def writes_itself(function: Callable[..., Any]) -> bool:
    """Whether a handler's own code calls something named `prepare`: only such a one is driven."""
    inner = inspect.unwrap(function)
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    return code is not None and _names_prepare(code)


def _names_prepare(code: CodeType) -> bool:
    return "prepare" in code.co_names or any(_names_prepare(one) for one in code.co_consts if isinstance(one, CodeType))


async def driven(handler: Callable[[], Awaitable[Any]], request: Request) -> Any:
    """What a handler returns, or the response that it has prepared, with a stream that lets it write."""
    returned: list[Any] = []

    async def run(_: Any, __: Any, send: Any) -> None:
        request.__dict__["send_piece"] = send
        returned.append(await handler())

    drive = Drive(run, {}, _receive)
    message = await drive.advance()
    if message is None:
        vars(request).pop("send_piece")  # it holds the handler, which holds the request
        return returned[0]
    response = message["response"]
    response.stream = _pieces(drive, request, response.body)
    return response


async def _pieces(drive: Drive, request: Request, body: bytes) -> AsyncGenerator[bytes]:
    try:
        while (message := await drive.advance()) is not None:
            yield message["piece"]
        if body:
            yield body
    finally:
        vars(request).pop("send_piece")
        await drive.cancel()


async def _receive() -> Message:
    raise RuntimeError("a handler is sent no messages")
