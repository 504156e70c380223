"""ASGI by hand: a request that waits, a WebSocket that sends back what it gets."""

from __future__ import annotations

from bench.apps.held import wait
from bench.apps.raw_asgi import Receive, Scope, Send, respond


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        for _ in range(2):
            await send({"type": f"{(await receive())['type']}.complete"})
    elif scope["type"] == "websocket":
        await _echo(receive, send)
    else:
        if scope["path"] == "/wait":
            await wait()
        await respond(send, b"Hello, World!", b"text/plain")


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
