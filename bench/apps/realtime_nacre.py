"""Nacre: an event stream of an async generator, a WebSocket that is iterated."""

from __future__ import annotations

from bench.apps.realtime_hub import Hub
from bench.workloads import Setting
from nacre import Nacre, Request
from nacre.sse import EventStream
from nacre.websocket import WebSocket


def build(setting: Setting) -> Nacre:
    app = Nacre()
    hub = Hub()

    @app.get("/events")
    async def events(request: Request) -> EventStream:
        return EventStream(hub.listen())

    @app.get("/publish")
    async def publish(listeners: int, count: int) -> dict[str, int]:
        return {"told": await hub.publish(listeners, count)}

    @app.websocket("/echo")
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    app.compile()
    return app


app = build(Setting.from_environment())
