"""ASGI by hand: what a framework is compared with. Layers are nested applications that wrap `send`."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from bench.workloads import MESSAGE, TEXT, Setting, static_path, validate_item

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Encode = Callable[[Any], bytes]

_POST = re.compile(r"/users/(\d+)/posts/([^/]+)$")


def _encode(value: Any) -> bytes:
    return json.dumps(value).encode()


async def respond(send: Send, body: bytes, kind: bytes = b"application/json", status: int = 200) -> None:
    length = str(len(body)).encode()
    fields = [(b"content-type", kind), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def build(setting: Setting) -> App:
    encode, parse_item = _codec(setting)

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, TEXT, b"text/plain; charset=utf-8")

    async def message(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, encode(MESSAGE))

    async def post(scope: Scope, receive: Receive, send: Send) -> None:
        match = _POST.match(scope["path"])
        limit = dict(parse_qsl(scope["query_string"].decode())).get("limit", "")
        if match is None or not limit.isdigit():
            return await respond(send, b"{}", status=400)
        await respond(send, encode({"user_id": int(match[1]), "slug": match[2], "limit": int(limit)}))

    async def item(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            value = parse_item(await read_body(receive))
        except ValueError:
            return await respond(send, b"{}", status=400)
        await respond(send, encode(value))

    def fixed(index: int) -> App:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await respond(send, encode({"route": index}))

        return answer

    static: dict[str, App] = {"/plain": plain, "/json": message, "/items": item}
    static.update({static_path(index): fixed(index) for index in range(setting.routes)})
    dynamic = {f"d{index}": index for index in range(setting.routes)}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await _live(receive, send)
        path = scope["path"]
        found = static.get(path)
        if found is not None:
            return await found(scope, receive, send)
        parts = path.split("/")
        if parts[1] == "users":
            return await post(scope, receive, send)
        if len(parts) == 5 and parts[1] == "api" and parts[2] in dynamic and parts[3].isdigit():
            return await respond(send, encode({"route": dynamic[parts[2]], "number": int(parts[3])}))
        await respond(send, b"not found", b"text/plain", 404)

    wrapped: App = app
    for name, value in reversed(setting.added_headers()):
        wrapped = AddHeader(wrapped, name.encode(), value.encode())
    return wrapped


def _codec(setting: Setting) -> tuple[Encode, Callable[[bytes], Any]]:
    if setting.codec == "stdlib":
        return _encode, lambda body: validate_item(json.loads(body))
    from bench.apps.items import decode_item, encode

    return encode, decode_item


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


class AddHeader:
    """A raw ASGI layer; the framework applications that take ASGI classes use it too."""

    def __init__(self, app: App, name: bytes, value: bytes) -> None:
        self.app = app
        self.field = (name, value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def add(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append(self.field)
            await send(message)

        await self.app(scope, receive, add)


class PassOn:
    """A raw ASGI layer that does nothing."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


app = build(Setting.from_environment())
