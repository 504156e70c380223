"""Rapidy; the body is a pydantic model, a layer is an onion function."""

# No annotations as text here: Rapidy doesn't find `CallNext` by its name.

import sys
from typing import Any

import uvloop
from rapidy import Rapidy, run_app
from rapidy.http import Body, PathParam, QueryParam, Request, StreamResponse, get, middleware, post
from rapidy.typedefs import CallNext

from bench.apps.items_pydantic import Item
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, static_path


@get("/plain")
async def _plain() -> str:
    return TEXT.decode()


@get("/json")
async def _message() -> dict[str, str]:
    return MESSAGE


@get("/users/{user_id}/posts/{slug}")
async def _post(user_id: int = PathParam(), slug: str = PathParam(), limit: int = QueryParam()) -> dict[str, Any]:
    return {"user_id": user_id, "slug": slug, "limit": limit}


@post("/items")
async def _item(item: Item = Body()) -> Item:  # noqa: B008 -- as its documents write it
    return item


def _fixed(index: int) -> Any:
    @get(static_path(index))
    async def answer() -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Any:
    @get(dynamic_path(index, "{number}"))
    async def answer(number: int = PathParam()) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


def _layer(name: str, value: str) -> Any:
    @middleware
    async def layer(request: Request, call_next: CallNext) -> StreamResponse:
        response = await call_next(request)
        response.headers[name] = value
        return response

    return layer


def build(setting: Setting) -> Rapidy:
    handlers = [_plain, _message, _post, _item]
    for index in range(setting.routes):
        handlers += [_fixed(index), _numbered(index)]
    options: dict[str, Any] = {}
    if setting.extras:
        # Some of this its dialect hasn't got: the original alone is asked for it.
        from bench.apps.rapidy_extras import HANDLERS, OPTIONS

        handlers += HANDLERS
        options = OPTIONS
    layers = [_layer(name, value) for name, value in setting.added_headers()]
    return Rapidy(http_route_handlers=handlers, middlewares=layers, **options)


app = build(Setting.from_environment())

if __name__ == "__main__":
    uvloop.install()
    run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
