"""RSGI by hand: a request that waits, a WebSocket that sends back what it gets."""

from __future__ import annotations

from typing import Any

from bench.apps.held import wait

_TEXT = 2


async def app(scope: Any, protocol: Any) -> None:
    if scope.proto == "ws":
        transport = await protocol.accept()
        while (message := await transport.receive()).kind == _TEXT:
            await transport.send_str(message.data)
        protocol.close(None)
    else:
        if scope.path == "/wait":
            await wait()
        protocol.response_bytes(200, [("content-type", "text/plain")], b"Hello, World!")
