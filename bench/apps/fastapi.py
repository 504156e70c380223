"""FastAPI with pydantic models; a layer is an ASGI class (`@app.middleware` would cost a hundred times as much)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, File, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse

from bench.apps.items_pydantic import Item, Order
from bench.apps.raw_asgi import AddHeader
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path, upload_answer

Handler = Callable[..., Any]


async def _plain() -> PlainTextResponse:
    return PlainTextResponse(TEXT)


async def _message() -> dict[str, str]:
    return MESSAGE


async def _post(user_id: int, slug: str, limit: int) -> dict[str, int | str]:
    return {"user_id": user_id, "slug": slug, "limit": limit}


async def _item(item: Item) -> Item:
    return item


async def _a() -> int:
    return 1


async def _b(a: Annotated[int, Depends(_a)]) -> int:
    return a + 1


async def _c(b: Annotated[int, Depends(_b)]) -> int:
    return b + 1


async def _provided(
    a: Annotated[int, Depends(_a)], b: Annotated[int, Depends(_b)], c: Annotated[int, Depends(_c)]
) -> dict[str, int]:
    return {"a": a, "b": b, "c": c}


async def _conflict() -> None:
    raise HTTPException(409, "taken")


async def _order(order: Annotated[Order, Form()]) -> Order:
    return order


async def _upload(title: Annotated[str, Form()], upload: Annotated[UploadFile, File()]) -> dict[str, Any]:
    return upload_answer("upload", title, upload.filename, await upload.read())


def _file(path: str) -> Handler:
    async def send() -> FileResponse:
        return FileResponse(path)

    return send


def _fixed(index: int) -> Handler:
    async def answer() -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Handler:
    async def answer(number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


def build(setting: Setting) -> FastAPI:
    app = FastAPI()
    app.get("/plain")(_plain)
    app.get("/json")(_message)
    app.get("/users/{user_id}/posts/{slug}")(_post)
    app.post("/items")(_item)
    app.get("/provided")(_provided)
    app.get("/conflict")(_conflict)
    app.post("/orders")(_order)
    app.post("/uploads")(_upload)
    app.get("/files/file.bin")(_file(str(served_file())))
    for index in range(setting.routes):
        app.get(static_path(index))(_fixed(index))
        app.get(dynamic_path(index, "{number}"))(_numbered(index))
    for name, value in reversed(setting.added_headers()):
        app.add_middleware(AddHeader, name=name.encode(), value=value.encode())
    return app


app = build(Setting.from_environment())
