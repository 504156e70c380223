"""Nacre: a request that waits, a WebSocket that sends back what it gets."""

from __future__ import annotations

from bench.apps.held import wait
from nacre import Nacre
from nacre.websocket import WebSocket

app = Nacre()


@app.get("/plain")
async def plain() -> str:
    return "Hello, World!"


@app.get("/wait")
async def held() -> str:
    await wait()
    return "done"


@app.websocket("/echo")
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)
