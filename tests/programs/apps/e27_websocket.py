# ruff: noqa: T201 - what it prints is tested too
"""Three echoes from a cave: one for ever, one that can be told to stop, and two that notice when the caller leaves."""

import asyncio

from nacre import Nacre
from nacre.errors import WebSocketDisconnect

app = Nacre()


@app.websocket("/cave")
async def cave(ws):
    while True:
        await ws.send(await ws.receive())


@app.websocket("/cave/polite")
async def polite(ws):
    async for call in ws:
        if call == "enough":
            await ws.send("farewell")
            break
        await ws.send(call)


@app.websocket("/cave/watchful")
async def watchful(ws):
    try:
        while True:
            await ws.send(await ws.receive())
    except WebSocketDisconnect:
        print("the caller has left")


@app.websocket("/cave/dripping")
async def dripping(ws):
    await ws.send("drip")
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        print("nobody hears the next drop")
        raise
