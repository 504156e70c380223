"""RSGI by hand. A layer is a coroutine around a coroutine; status, headers and body are handed to the server once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from bench.apps import by_hand
from bench.workloads import MESSAGE, TEXT, Setting, served_file, static_path, validate_item

Reply = tuple[int, list[tuple[str, str]], bytes | str]
"""Status, headers, and a body or the path of a file."""
Step = Callable[[Any, Any], Awaitable[Reply]]

_POST = re.compile(r"/users/(\d+)/posts/([^/]+)$")


def _json(value: Any, status: int = 200) -> Reply:
    return status, [("content-type", "application/json")], json.dumps(value).encode()


async def _plain(scope: Any, protocol: Any) -> Reply:
    return 200, [("content-type", "text/plain; charset=utf-8")], TEXT


async def _message(scope: Any, protocol: Any) -> Reply:
    return _json(MESSAGE)


async def _post(scope: Any, protocol: Any) -> Reply:
    match = _POST.match(scope.path)
    limit = dict(parse_qsl(scope.query_string)).get("limit", "")
    if match is None or not limit.isdigit():
        return _json({}, 400)
    return _json({"user_id": int(match[1]), "slug": match[2], "limit": int(limit)})


async def _item(scope: Any, protocol: Any) -> Reply:
    try:
        return _json(validate_item(json.loads(await protocol())))
    except ValueError:
        return _json({}, 400)


async def _provided(scope: Any, protocol: Any) -> Reply:
    return _json(await by_hand.provided())


async def _conflict(scope: Any, protocol: Any) -> Reply:
    return _json({}, 409)


async def _order(scope: Any, protocol: Any) -> Reply:
    try:
        return _json(by_hand.order(await protocol()))
    except ValueError:
        return _json({}, 400)


async def _upload(scope: Any, protocol: Any) -> Reply:
    try:
        return _json(by_hand.upload(await protocol(), scope.headers.get("content-type", "")))
    except (ValueError, KeyError):
        return _json({}, 400)


def _file(path: str) -> Step:
    async def file(scope: Any, protocol: Any) -> Reply:
        length = str(os.stat(path).st_size)
        return 200, [("content-type", "application/octet-stream"), ("content-length", length)], path

    return file


def _fixed(index: int) -> Step:
    async def answer(scope: Any, protocol: Any) -> Reply:
        return _json({"route": index})

    return answer


def _layer(inner: Step, field: tuple[str, str]) -> Step:
    async def layer(scope: Any, protocol: Any) -> Reply:
        reply = await inner(scope, protocol)
        reply[1].append(field)
        return reply

    return layer


def build(setting: Setting) -> Callable[[Any, Any], Awaitable[None]]:
    static: dict[str, Step] = {"/plain": _plain, "/json": _message, "/items": _item}
    if setting.extras:
        static |= {"/provided": _provided, "/conflict": _conflict, "/orders": _order, "/uploads": _upload}
        static["/files/file.bin"] = _file(str(served_file()))
    static.update({static_path(index): _fixed(index) for index in range(setting.routes)})
    dynamic = {f"d{index}": index for index in range(setting.routes)}

    async def route(scope: Any, protocol: Any) -> Reply:
        path = scope.path
        found = static.get(path)
        if found is not None:
            return await found(scope, protocol)
        parts = path.split("/")
        if parts[1] == "users":
            return await _post(scope, protocol)
        if len(parts) == 5 and parts[1] == "api" and parts[2] in dynamic and parts[3].isdigit():
            return _json({"route": dynamic[parts[2]], "number": int(parts[3])})
        return _json({}, 404)

    chain: Step = route
    for field in reversed(setting.added_headers()):
        chain = _layer(chain, field)

    async def app(scope: Any, protocol: Any) -> None:
        status, headers, body = await chain(scope, protocol)
        if isinstance(body, str):
            protocol.response_file(status, headers, body)
        else:
            protocol.response_bytes(status, headers, body)

    return app


app = build(Setting.from_environment())
