"""Starlette, which has no providers; bodies are checked by hand, a layer is an ASGI class."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bench.apps.orders import validate_order
from bench.apps.raw_asgi import AddHeader
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

Endpoint = Callable[[Request], Awaitable[Response]]


async def _plain(request: Request) -> Response:
    return PlainTextResponse(TEXT)


async def _message(request: Request) -> Response:
    return JSONResponse(MESSAGE)


async def _post(request: Request) -> Response:
    limit = request.query_params.get("limit", "")
    if not limit.isdigit():
        return JSONResponse({}, 400)
    return JSONResponse({**request.path_params, "limit": int(limit)})


async def _item(request: Request) -> Response:
    try:
        return JSONResponse(validate_item(await request.json()))
    except ValueError:
        return JSONResponse({}, 400)


async def _conflict(request: Request) -> Response:
    raise HTTPException(409, "taken")


async def _order(request: Request) -> Response:
    form = await request.form()
    try:
        return JSONResponse(validate_order(form, form.getlist("tags")))
    except ValueError:
        return JSONResponse({}, 400)


async def _upload(request: Request) -> Response:
    async with request.form() as form:
        title, file = form.get("title"), form.get("upload")
        if not isinstance(title, str) or not isinstance(file, UploadFile):
            return JSONResponse({}, 400)
        return JSONResponse(upload_answer("upload", title, file.filename, await file.read()))


def _file(path: str) -> Endpoint:
    async def file(request: Request) -> Response:
        return FileResponse(path)

    return file


def _fixed(index: int) -> Endpoint:
    async def answer(request: Request) -> Response:
        return JSONResponse({"route": index})

    return answer


def _numbered(index: int) -> Endpoint:
    async def answer(request: Request) -> Response:
        return JSONResponse({"route": index, "number": request.path_params["number"]})

    return answer


def build(setting: Setting) -> Starlette:
    routes = [
        Route("/plain", _plain),
        Route("/json", _message),
        Route("/users/{user_id:int}/posts/{slug}", _post),
        Route("/items", _item, methods=["POST"]),
        Route("/conflict", _conflict),
        Route("/orders", _order, methods=["POST"]),
        Route("/uploads", _upload, methods=["POST"]),
        Route("/files/file.bin", _file(str(served_file()))),
    ]
    for index in range(setting.routes):
        routes.append(Route(static_path(index), _fixed(index)))
        routes.append(Route(dynamic_path(index, "{number:int}"), _numbered(index)))
    layers = [
        Middleware(AddHeader, name=name.encode(), value=value.encode()) for name, value in setting.added_headers()
    ]
    return Starlette(routes=routes, middleware=layers)


app = build(Setting.from_environment())
