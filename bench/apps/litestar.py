"""Litestar with msgspec types; a layer is a subclass of `ASGIMiddleware`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, MediaType, get, post
from litestar.datastructures import MutableScopeHeaders, UploadFile
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody, URLEncodedBody
from litestar.response import File
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from bench.apps.items import Item, Order
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path, upload_answer


class Upload(Struct):
    title: str
    upload: UploadFile


@get("/plain", media_type=MediaType.TEXT)
async def _plain() -> str:
    return TEXT.decode()


@get("/json")
async def _message() -> dict[str, str]:
    return MESSAGE


@get("/users/{user_id:int}/posts/{slug:str}")
async def _post(user_id: FromPath[int], slug: FromPath[str], limit: FromQuery[int]) -> dict[str, int | str]:
    return {"user_id": user_id, "slug": slug, "limit": limit}


@post("/items", status_code=200)
async def _item(data: JSONBody[Item]) -> Item:
    return data


async def _a() -> int:
    return 1


async def _b(a: NamedDependency[int]) -> int:
    return a + 1


async def _c(b: NamedDependency[int]) -> int:
    return b + 1


@get("/provided", dependencies={"a": Provide(_a), "b": Provide(_b), "c": Provide(_c)})
async def _provided(a: NamedDependency[int], b: NamedDependency[int], c: NamedDependency[int]) -> dict[str, int]:
    return {"a": a, "b": b, "c": c}


@get("/conflict")
async def _conflict() -> None:
    raise HTTPException("taken", status_code=409)


@post("/orders", status_code=200)
async def _order(data: URLEncodedBody[Order]) -> Order:
    return data


@post("/uploads", status_code=200)
async def _upload(data: MultipartBody[Upload]) -> dict[str, Any]:
    return upload_answer("upload", data.title, data.upload.filename, await data.upload.read())


@get("/files/file.bin")
async def _file() -> File:
    return File(served_file())


def _fixed(index: int) -> HTTPRouteHandler:
    @get(static_path(index))
    async def answer() -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> HTTPRouteHandler:
    @get(dynamic_path(index, "{number:int}"))
    async def answer(number: FromPath[int]) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


class AddHeader(ASGIMiddleware):
    def __init__(self, name: str, value: str) -> None:
        self.field = (name, value)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableScopeHeaders.from_message(message).add(*self.field)
            await send(message)

        await next_app(scope, receive, add)


def build(setting: Setting) -> Litestar:
    handlers = [_plain, _message, _post, _item, _provided, _conflict, _order, _upload, _file]
    for index in range(setting.routes):
        handlers += [_fixed(index), _numbered(index)]
    return Litestar(handlers, middleware=[AddHeader(*field) for field in setting.added_headers()])


app = build(Setting.from_environment())
