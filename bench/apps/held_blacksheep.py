"""BlackSheep: a request that waits, a WebSocket that sends back what it gets."""

from __future__ import annotations

from blacksheep import Application, Request, Response, WebSocket, WebSocketDisconnectError, text

from bench.apps.held import wait

app = Application()


@app.router.get("/plain")
async def plain(request: Request) -> Response:
    return text("Hello, World!")


@app.router.get("/wait")
async def held(request: Request) -> Response:
    await wait()
    return text("done")


@app.router.ws("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        pass
