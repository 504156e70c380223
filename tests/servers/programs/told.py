"""Answers say which requests the server made of some bytes, and what it told of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nacre import Nacre, Request, Response
from nacre.websocket import WebSocket

app = Nacre()
NAMES = (
    *("content-length", "transfer-encoding", "content-type", "authorization"),
    *("x", "x-forwarded-user", "x_forwarded_user", "proxy"),
)


@app.route("/told", methods=["GET", "POST", "PUT"])
async def told(request: Request) -> Any:
    body = await request.body()
    return {"told": len(body)} | {name: found for name in NAMES if (found := request.headers.getlist(name))}


@app.post("/unread")
async def unread() -> Any:
    return {"unread": True}


@app.post("/json")
async def take_json(request: Request) -> Any:
    return {"got": str(type(await request.json()).__name__)}


@app.post("/form")
async def take_form(request: Request) -> Any:
    return {"fields": len(await request.form())}


@app.get("/slow")
async def slow() -> Any:
    await asyncio.sleep(0.2)
    return {"slow": True}


@app.get("/endless")
async def endless() -> AsyncIterator[bytes]:
    while True:
        yield bytes(65536)


@app.get("/header")
async def header(request: Request) -> Response:
    """A header that no check has seen."""
    response = Response(b"x")
    response.headers.raw.append(("x", request.query["value"]))
    return response


@app.get("/second")
async def second() -> Any:
    return {"second": True}


@app.get("/smuggled")
async def smuggled() -> Any:
    return {"smuggled": True}


@app.route("/path/<path:rest>", methods=["GET"])
async def path(rest: str) -> Any:
    return {"rest": len(rest)}


@app.websocket("/ws", subprotocols=("chat",))
async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)
