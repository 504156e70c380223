"""ASGI and RSGI by hand: what a framework is compared with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from bench.apps.realtime_hub import Hub
from bench.workloads import Setting

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_TEXT = 2
"""The kind of an RSGI message that is text."""

_STREAM = (("content-type", "text/event-stream"), ("cache-control", "no-store"))


class Application:
    """One application, with an entry for each protocol."""

    def __init__(self) -> None:
        self._hub = Hub()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["type"] == "websocket":
            return await _echo(receive, send)
        if scope["path"] == "/events":
            pairs = [(name.encode(), value.encode()) for name, value in _STREAM]
            await send({"type": "http.response.start", "status": 200, "headers": pairs})
            async for event in self._hub.listen():
                await send({"type": "http.response.body", "body": f"data: {event}\n\n".encode(), "more_body": True})
            return await send({"type": "http.response.body", "body": b""})
        body = await self._publish(scope["query_string"].decode())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            channel = await protocol.accept()
            while (message := await channel.receive()).kind == _TEXT:
                await channel.send_str(message.data)
            return protocol.close()
        if scope.path == "/events":
            stream = protocol.response_stream(200, list(_STREAM))
            async for event in self._hub.listen():
                await stream.send_bytes(f"data: {event}\n\n".encode())
            return
        protocol.response_bytes(200, [("content-type", "application/json")], await self._publish(scope.query_string))

    async def _publish(self, query: str) -> bytes:
        fields = parse_qs(query)
        return b'{"told":%d}' % await self._hub.publish(int(fields["listeners"][0]), int(fields["count"][0]))


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


def build(setting: Setting) -> Application:
    return Application()


app = build(Setting.from_environment())
