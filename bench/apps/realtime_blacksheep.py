"""BlackSheep: its own response for events, a WebSocket that is asked in a loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

from blacksheep import Application, Request, Response, WebSocket, WebSocketDisconnectError, json
from blacksheep.server.sse import ServerSentEventsResponse, TextServerSentEvent

from bench.apps.realtime_hub import Hub
from bench.workloads import Setting


def build(setting: Setting) -> Application:
    app = Application()
    hub = Hub()

    async def sent() -> AsyncIterator[TextServerSentEvent]:
        async for event in hub.listen():
            yield TextServerSentEvent(event)

    @app.router.get("/events")
    async def events(request: Request) -> Response:
        return ServerSentEventsResponse(sent)

    @app.router.get("/publish")
    async def publish(listeners: int, count: int) -> Response:
        return json({"told": await hub.publish(listeners, count)})

    @app.router.ws("/echo")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text(await websocket.receive_text())
        except WebSocketDisconnectError:
            pass

    return app


app = build(Setting.from_environment())
