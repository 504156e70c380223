"""aiohttp, which serves itself; bodies are checked by hand, a layer is a middleware function."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvloop
from aiohttp import BodyPartReader, web

from bench.apps.orders import validate_order
from bench.workloads import (
    MESSAGE,
    TEXT,
    Setting,
    dynamic_path,
    served_file,
    static_path,
    upload_answer,
    validate_item,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LARGEST_BODY = 4 * 1024 * 1024


async def _plain(request: web.Request) -> web.Response:
    return web.Response(text=TEXT.decode())


async def _message(request: web.Request) -> web.Response:
    return web.json_response(MESSAGE)


async def _post(request: web.Request) -> web.Response:
    limit = request.query.get("limit", "")
    if not limit.isdigit():
        raise web.HTTPBadRequest
    match = request.match_info
    return web.json_response({"user_id": int(match["user_id"]), "slug": match["slug"], "limit": int(limit)})


async def _item(request: web.Request) -> web.Response:
    try:
        return web.json_response(validate_item(await request.json()))
    except ValueError:
        raise web.HTTPBadRequest from None


async def _order(request: web.Request) -> web.Response:
    form = await request.post()
    try:
        return web.json_response(validate_order(dict(form), form.getall("tags", [])))
    except ValueError:
        raise web.HTTPBadRequest from None


async def _upload(request: web.Request) -> web.Response:
    """Its documents read big files part by part: `post` would copy each into a temporary file."""
    title, answer = "", None
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        if part.filename is None:
            title = await part.text()
        else:
            answer = upload_answer(part.name or "", title, part.filename, bytes(await part.read()))
    return web.json_response(answer)


async def _conflict(request: web.Request) -> web.Response:
    raise web.HTTPConflict


def _fixed(index: int) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"route": index})

    return answer


def _numbered(index: int) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"route": index, "number": int(request.match_info["number"])})

    return answer


def _layer(name: str, value: str) -> Any:
    async def layer(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        response.headers[name] = value
        return response

    return web.middleware(layer)


def build(setting: Setting) -> web.Application:
    layers = [_layer(name, value) for name, value in setting.added_headers()]
    app = web.Application(middlewares=layers, client_max_size=_LARGEST_BODY)
    app.router.add_get("/plain", _plain)
    app.router.add_get("/json", _message)
    app.router.add_get(r"/users/{user_id:\d+}/posts/{slug}", _post)
    app.router.add_post("/items", _item)
    app.router.add_post("/orders", _order)
    app.router.add_post("/uploads", _upload)
    app.router.add_get("/conflict", _conflict)
    app.router.add_static("/files", served_file().parent)
    for index in range(setting.routes):
        app.router.add_get(static_path(index), _fixed(index))
        app.router.add_get(dynamic_path(index, r"{number:\d+}"), _numbered(index))
    return app


app = build(Setting.from_environment())

if __name__ == "__main__":
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)
