"""Checked by mypy and pyright, never run: registering a function leaves its type as it was."""

from typing import assert_type

from nacre import Nacre, Request, Response

app = Nacre()


@app.get("/items/<int:id>")
async def item(request: Request, id: int) -> dict[str, int]:
    return {"id": id}


@app.before_request
def before(request: Request, page: int = 1) -> str | None:
    return None if page else "no page"


@app.after_request(inline=True)
@app.after_error(inline=True)
def after(request: Request, response: Response) -> None: ...


async def call_them(request: Request) -> None:
    assert_type(await item(request, 3), dict[str, int])
    assert_type(before(request, page=3), str | None)
    after(request, Response())
