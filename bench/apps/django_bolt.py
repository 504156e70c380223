"""Django Bolt, which serves itself; the body is a msgspec type.

Left out is what version 0.3.12 has no way to: layers (it calls no middleware in Python), a provider that asks for
another, a form's field that is sent more than once (it comes as one text), a body of more than 256 KiB (refused).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django_bolt import BoltAPI
from django_bolt.exceptions import HTTPException
from django_bolt.responses import FileResponse, PlainText

from bench.apps.items import Item
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path

_FILE = str(served_file())


async def _plain() -> PlainText:
    return PlainText(TEXT.decode())


async def _message() -> dict[str, str]:
    return MESSAGE


async def _post(user_id: int, slug: str, limit: int) -> dict[str, Any]:
    return {"user_id": user_id, "slug": slug, "limit": limit}


async def _item(item: Item) -> Item:
    return item


async def _conflict() -> str:
    raise HTTPException(status_code=409)


async def _send() -> FileResponse:
    return FileResponse(_FILE)


def _fixed(index: int) -> Callable[..., Any]:
    async def answer() -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    async def answer(number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


def build(setting: Setting) -> BoltAPI:
    app = BoltAPI(enable_logging=False, compression=False)
    app.get("/plain")(_plain)
    app.get("/json")(_message)
    app.get("/users/{user_id}/posts/{slug}")(_post)
    app.post("/items")(_item)
    app.get("/conflict")(_conflict)
    app.get("/files/file.bin")(_send)
    for index in range(setting.routes):
        app.get(static_path(index))(_fixed(index))
        app.get(dynamic_path(index, "{number}"))(_numbered(index))
    return app


app = build(Setting.from_environment())
