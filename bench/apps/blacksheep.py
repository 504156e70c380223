"""BlackSheep with its own typed binding of pydantic models.

A layer is `async (request, handler)`, a provider a scoped service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from blacksheep import Application, FromForm, FromJSON, Request, Response, file, text
from blacksheep.exceptions import Conflict
from blacksheep.server.routing import Router

from bench.apps.items_pydantic import Item, Order
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path, upload_answer

Layer = Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]


class A:
    value = 1


class B:
    def __init__(self, a: A) -> None:
        self.value = a.value + 1


class C:
    def __init__(self, b: B) -> None:
        self.value = b.value + 1


async def _plain() -> Response:
    return text(TEXT.decode())


async def _message():  # type: ignore[no-untyped-def]  # an annotation would be read
    return MESSAGE


async def _post(user_id: int, slug: str, limit: int):  # type: ignore[no-untyped-def]
    return {"user_id": user_id, "slug": slug, "limit": limit}


async def _item(item: FromJSON[Item]):  # type: ignore[no-untyped-def]
    return item.value


async def _provided(a: A, b: B, c: C):  # type: ignore[no-untyped-def]
    return {"a": a.value, "b": b.value, "c": c.value}


async def _conflict() -> Response:
    raise Conflict("taken")


async def _order(order: FromForm[Order]):  # type: ignore[no-untyped-def]
    return order.value


async def _upload(request: Request):  # type: ignore[no-untyped-def]
    title, upload = await request.multipart() or (None, None)
    assert title is not None
    assert upload is not None
    filename = upload.file_name.decode() if upload.file_name else None
    return upload_answer(upload.name.decode(), title.data.decode(), filename, upload.data)


def _file(path: str) -> Callable[..., Any]:
    async def send() -> Response:
        return file(path, "application/octet-stream")

    return send


def _fixed(index: int) -> Callable[..., Any]:
    async def answer():  # type: ignore[no-untyped-def]
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    async def answer(number: int):  # type: ignore[no-untyped-def]
        return {"route": index, "number": number}

    return answer


def _layer(name: bytes, value: bytes) -> Layer:
    async def layer(request: Request, handler: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await handler(request)
        response.headers.add(name, value)
        return response

    return layer


def build(setting: Setting) -> Application:
    router = Router()
    app = Application(router=router)
    router.get("/plain")(_plain)
    router.get("/json")(_message)
    router.get("/users/{user_id}/posts/{slug}")(_post)
    router.post("/items")(_item)
    router.get("/provided")(_provided)
    router.get("/conflict")(_conflict)
    router.post("/orders")(_order)
    router.post("/uploads")(_upload)
    router.get("/files/file.bin")(_file(str(served_file())))
    for service in (A, B, C):
        app.services.add_scoped(service)  # type: ignore[attr-defined]
    for index in range(setting.routes):
        router.get(static_path(index))(_fixed(index))
        router.get(dynamic_path(index, "{number}"))(_numbered(index))
    for name, value in setting.added_headers():
        app.middlewares.append(_layer(name.encode(), value.encode()))
    return app


app = build(Setting.from_environment())
