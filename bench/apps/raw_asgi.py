"""ASGI by hand: what a framework is compared with. Layers are nested applications that wrap `send`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from bench.apps import by_hand
from bench.workloads import MESSAGE, TEXT, Setting, served_file, static_path, validate_item

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
    message = await receive()
    if not message.get("more_body"):
        body: bytes = message.get("body", b"")
        return body
    pieces = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        pieces.append(message.get("body", b""))
    return b"".join(pieces)


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
    if setting.extras:
        static |= _extras(encode)
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


def _extras(encode: Encode) -> dict[str, App]:
    async def provided(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, encode(await by_hand.provided()))

    async def order(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            value = by_hand.order(await read_body(receive))
        except ValueError:
            return await respond(send, b"{}", status=400)
        await respond(send, encode(value))

    async def upload(scope: Scope, receive: Receive, send: Send) -> None:
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        try:
            value = by_hand.upload(await read_body(receive), kind.decode("latin-1"))
        except (ValueError, KeyError):
            return await respond(send, b"{}", status=400)
        await respond(send, encode(value))

    return {
        "/provided": provided,
        "/conflict": _conflict,
        "/orders": order,
        "/uploads": upload,
        "/files/file.bin": _file(str(served_file())),
    }


async def _conflict(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, b"{}", status=409)


def _file(path: str) -> App:
    """The file as the server sends it, where it does, and otherwise in one piece."""

    async def file(scope: Scope, receive: Receive, send: Send) -> None:
        length = str(os.stat(path).st_size).encode()
        fields = [(b"content-type", b"application/octet-stream"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        if "http.response.pathsend" in scope.get("extensions", ()):
            return await send({"type": "http.response.pathsend", "path": path})
        with open(path, "rb") as opened:  # noqa: ASYNC230 -- what is in the system's cache doesn't block
            await send({"type": "http.response.body", "body": opened.read()})

    return file


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
