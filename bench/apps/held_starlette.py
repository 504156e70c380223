"""Starlette: a request that waits, a WebSocket that sends back what it gets."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from bench.apps.held import wait


async def _plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello, World!")


async def _held(request: Request) -> PlainTextResponse:
    await wait()
    return PlainTextResponse("done")


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket.iter_text():
        await websocket.send_text(message)


app = Starlette(routes=[Route("/plain", _plain), Route("/wait", _held), WebSocketRoute("/echo", _echo)])
