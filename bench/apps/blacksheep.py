"""BlackSheep with its own typed binding; a layer is `async (request, handler)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from blacksheep import Application, FromJSON, Request, Response, text
from blacksheep.server.routing import Router

from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, static_path

Layer = Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]


@dataclass
class Variant:
    sku: str
    stock: int


@dataclass
class Item:
    name: str
    price: float
    quantity: int
    active: bool
    tags: list[str]
    variants: list[Variant]


async def _plain() -> Response:
    return text(TEXT.decode())


async def _message():  # type: ignore[no-untyped-def]  # an annotation would be read
    return MESSAGE


async def _post(user_id: int, slug: str, limit: int):  # type: ignore[no-untyped-def]
    return {"user_id": user_id, "slug": slug, "limit": limit}


async def _item(item: FromJSON[Item]):  # type: ignore[no-untyped-def]
    return item.value


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
    for index in range(setting.routes):
        router.get(static_path(index))(_fixed(index))
        router.get(dynamic_path(index, "{number}"))(_numbered(index))
    for name, value in setting.added_headers():
        app.middlewares.append(_layer(name.encode(), value.encode()))
    return app


app = build(Setting.from_environment())
