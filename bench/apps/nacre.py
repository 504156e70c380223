"""Nacre with its own typed binding, on ASGI and RSGI with `async def` handlers, on WSGI with plain ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.apps.items import Item
from bench.apps.nacre_layers import placed
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, static_path
from nacre import Group, Nacre, Request

Handler = Callable[..., Any]


def build(setting: Setting, *, compile: bool = True) -> Nacre:
    places = placed(setting)
    app = Nacre(middlewares=places.app)
    routes = Group(middlewares=places.group)
    _declare_plain(routes) if setting.plain else _declare(routes)
    for index in range(setting.routes):
        routes.get(static_path(index))(_fixed(index, setting.plain))
        routes.get(dynamic_path(index, "<int:number>"))(_numbered(index, setting.plain))
    if setting.extras:
        # PERF: imported here, since what it imports would be part of the start of an application without it.
        from bench.apps.nacre_extras import declare, declare_plain

        declare_plain(routes) if setting.plain else declare(routes)
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
    async def post(user_id: int, slug: str, limit: int) -> dict[str, Any]:
        return {"user_id": user_id, "slug": slug, "limit": limit}

    @routes.post("/items")
    async def item(item: Item) -> Item:
        return item


def _declare_plain(routes: Group) -> None:
    @routes.get("/plain", inline=True)
    def plain(request: Request) -> str:
        return TEXT.decode()

    @routes.get("/json", inline=True)
    def message(request: Request) -> dict[str, str]:
        return MESSAGE

    @routes.get("/users/<int:user_id>/posts/<slug>", inline=True)
    def post(user_id: int, slug: str, limit: int) -> dict[str, Any]:
        return {"user_id": user_id, "slug": slug, "limit": limit}

    @routes.post("/items", inline=True)
    def item(item: Item) -> Item:
        return item


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
