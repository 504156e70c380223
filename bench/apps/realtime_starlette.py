"""Starlette: a streaming response of frames written by hand, a WebSocket that is iterated."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bench.apps.realtime_hub import Hub
from bench.workloads import Setting


def build(setting: Setting) -> Starlette:
    hub = Hub()

    async def frames() -> AsyncIterator[bytes]:
        async for event in hub.listen():
            yield f"data: {event}\n\n".encode()

    async def events(request: Request) -> Response:
        return StreamingResponse(frames(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    async def publish(request: Request) -> Response:
        told = await hub.publish(int(request.query_params["listeners"]), int(request.query_params["count"]))
        return JSONResponse({"told": told})

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(message)

    return Starlette(routes=[Route("/events", events), Route("/publish", publish), WebSocketRoute("/echo", echo)])


app = build(Setting.from_environment())
