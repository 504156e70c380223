"""Checked by mypy and pyright, never run: registering a function leaves its type as it was."""

from typing import assert_type

from nacre import Nacre, Request

app = Nacre()


@app.get("/items/<int:id>")
async def item(request: Request, id: int) -> dict[str, int]:
    return {"id": id}


async def call_the_handler(request: Request) -> None:
    assert_type(await item(request, 3), dict[str, int])
