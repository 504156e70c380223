"""Nacre, on ASGI and RSGI with `async def` handlers, on WSGI with plain ones.

Body and query are taken from the request and checked in the handler: what a handler's parameters are annotated with is
not bound yet. TODO: parameters (`item: Item`, `limit: int`) once typed binding exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from bench.apps.items import Item
from bench.apps.nacre_layers import placed
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, static_path
from nacre import Group, Nacre, Request, abort, wait

Handler = Callable[..., Any]


def build(setting: Setting, *, compile: bool = True) -> Nacre:
    places = placed(setting)
    app = Nacre(middlewares=places.app)
    routes = Group(middlewares=places.group)
    _declare_plain(routes) if setting.plain else _declare(routes)
    for index in range(setting.routes):
        routes.get(static_path(index))(_fixed(index, setting.plain))
        routes.get(dynamic_path(index, "<int:number>"))(_numbered(index, setting.plain))
    app.include(routes)
    for hook in places.after_request:
        app.after_request(hook, inline=True)
    if compile:
        app.compile()
    return app


def _declare(routes: Group) -> None:
    @routes.get("/plain")
    async def plain(request: Request) -> str:
        return TEXT.decode()

    @routes.get("/json")
    async def message(request: Request) -> dict[str, str]:
        return MESSAGE

    @routes.get("/users/<int:user_id>/posts/<slug>")
    async def post(request: Request, user_id: int, slug: str) -> dict[str, Any]:
        return {"user_id": user_id, "slug": slug, "limit": _limit(request)}

    @routes.post("/items")
    async def item(request: Request) -> Item:
        return _item(await request.json())


def _declare_plain(routes: Group) -> None:
    @routes.get("/plain", inline=True)
    def plain(request: Request) -> str:
        return TEXT.decode()

    @routes.get("/json", inline=True)
    def message(request: Request) -> dict[str, str]:
        return MESSAGE

    @routes.get("/users/<int:user_id>/posts/<slug>", inline=True)
    def post(request: Request, user_id: int, slug: str) -> dict[str, Any]:
        return {"user_id": user_id, "slug": slug, "limit": _limit(request)}

    @routes.post("/items", inline=True)
    def item(request: Request) -> Item:
        return _item(wait(request.json()))


def _limit(request: Request) -> int:
    limit = request.query.get("limit", "")
    return int(limit) if limit.isdigit() else abort(400)


def _item(data: Any) -> Item:
    try:
        return msgspec.convert(data, Item)
    except msgspec.ValidationError:
        abort(400)


def _fixed(index: int, plain: bool) -> Handler:
    async def answer(request: Request) -> dict[str, int]:
        return {"route": index}

    def plain_answer(request: Request) -> dict[str, int]:
        return {"route": index}

    return plain_answer if plain else answer


def _numbered(index: int, plain: bool) -> Handler:
    async def answer(request: Request, number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    def plain_answer(request: Request, number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return plain_answer if plain else answer


app = build(Setting.from_environment())
