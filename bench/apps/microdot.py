"""Microdot, which has no bodies with types and no providers; a layer is an `after_request` function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import uvloop
from microdot import Microdot, Request, Response, abort, send_file
from microdot.asgi import Microdot as MicrodotASGI
from microdot.multipart import FileUpload, FormDataIter

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

_LARGEST_BODY = 4 * 1024 * 1024
_BUFFER = 64 * 1024


async def _plain(request: Request) -> str:
    return TEXT.decode()


async def _message(request: Request) -> dict[str, str]:
    return MESSAGE


async def _post(request: Request, user_id: int, slug: str) -> Any:
    limit = request.args.get("limit", "")
    if not limit.isdigit():
        return {}, 400
    return {"user_id": user_id, "slug": slug, "limit": int(limit)}


async def _item(request: Request) -> Any:
    try:
        return validate_item(request.json)
    except ValueError:
        return {}, 400


async def _order(request: Request) -> Any:
    form = request.form
    try:
        return validate_order({name: form[name] for name in form}, form.getlist("tags"))
    except ValueError:
        return {}, 400


async def _upload(request: Request) -> dict[str, Any]:
    title, answer = "", {}
    async for name, value in FormDataIter(request):
        if isinstance(value, FileUpload):
            answer = upload_answer(name, title, value.filename, await value.read())
        else:
            title = value
    return answer


async def _conflict(request: Request) -> None:
    abort(409)


async def _send(request: Request) -> Response:
    return send_file(str(served_file()))


def _fixed(index: int) -> Callable[..., Any]:
    async def answer(request: Request) -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    async def answer(request: Request, number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


def _layer(app: Microdot, name: str, value: str) -> None:
    @app.after_request
    async def layer(request: Request, response: Response) -> None:
        response.headers[name] = value


def build(setting: Setting, kind: Any = MicrodotASGI) -> Any:
    app = kind()
    app.get("/plain")(_plain)
    app.get("/json")(_message)
    app.get("/users/<int:user_id>/posts/<slug>")(_post)
    app.post("/items")(_item)
    if setting.extras:
        # Both are as small as suits a microcontroller, and kept by the classes.
        Request.max_content_length = _LARGEST_BODY
        FormDataIter.buffer_size = _BUFFER
        app.post("/orders")(_order)
        app.post("/uploads")(_upload)
        app.get("/conflict")(_conflict)
        app.get("/files/file.bin")(_send)
    for index in range(setting.routes):
        app.get(static_path(index))(_fixed(index))
        app.get(dynamic_path(index, "<int:number>"))(_numbered(index))
    for name, value in setting.added_headers():
        _layer(app, name, value)
    return app


app = build(Setting.from_environment())

if __name__ == "__main__":
    uvloop.install()
    build(Setting.from_environment(), Microdot).run(host="127.0.0.1", port=int(sys.argv[1]))
