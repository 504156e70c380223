"""The WebSocket application that every server serves in these tests: `sockets:app`; as a program, with Werkzeug."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from nacre import Nacre, Request, Response, abort
from nacre.threads import wait
from nacre.websocket import WebSocket

ended: dict[str, Any] = {}
"""By key: what a handler saw at its end."""

app = Nacre()


def layer(request: Request, call_next: Any) -> Any:
    response = call_next(request)
    response.set_cookie("seen", "1")
    return response


@app.get("/ended")
async def show(request: Request) -> Any:
    return {"end": ended.get(request.query["key"])}


@app.websocket("/echo", subprotocols=("chat.v2", "chat.v1"), max_message=200_000, middlewares=[layer])
async def echo(ws: WebSocket) -> None:
    try:
        async for message in ws:
            await ws.send(message)
    finally:
        ended[ws.request.query.get("key", "")] = [ws.close_code, ws.close_reason]


@app.websocket("/json")
async def json(ws: WebSocket) -> None:
    while True:
        await ws.send_json({"got": await ws.receive_json()})


@app.websocket("/thread")
def thread(ws: WebSocket) -> None:
    for _ in range(2):
        wait(ws.send(wait(ws.receive_text()).upper()))


@app.websocket("/deny")
async def deny(ws: WebSocket) -> None:
    abort(403, "not you")


@app.websocket("/response")
async def response(ws: WebSocket) -> Response:
    return Response("b" * 100_000, status=418, headers={"x-why": "tea"}, content_type="text/plain")


@app.websocket("/bye")
async def bye(ws: WebSocket) -> None:
    await ws.send("first")
    await ws.close(4001, "adiós")


@app.websocket("/return")
async def come_back(ws: WebSocket) -> None:
    await ws.send("only")


@app.websocket("/fail")
async def fail(ws: WebSocket) -> None:
    await ws.send("first")
    raise ZeroDivisionError("as it should")


@app.websocket("/fail/early")
async def fail_early(ws: WebSocket) -> None:
    raise ZeroDivisionError("as it should")


@app.websocket("/silent")
async def silent(ws: WebSocket) -> None:
    """Never receives: only watching the connection can tell that the client has left."""
    await ws.accept()
    try:
        await asyncio.Event().wait()
    finally:
        ended[ws.request.query["key"]] = [ws.close_code, ws.close_reason]


@app.websocket("/pinged", ping=0.2)
async def pinged(ws: WebSocket) -> None:
    await echo(ws)


@app.websocket("/flood")
async def flood(ws: WebSocket) -> None:
    """Sends as much as the client takes."""
    key = ws.request.query["key"]
    count = 0
    try:
        while True:
            await ws.send(bytes(65536))
            count += 1
            ended[f"{key}:sent"] = count
    finally:
        ended[key] = [ws.close_code, ws.close_reason]


if __name__ == "__main__":
    from werkzeug.serving import run_simple

    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True)
