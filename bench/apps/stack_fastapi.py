"""FastAPI with the layers of `stack_starlette.py`; handlers and their bodies are FastAPI's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel

from bench.apps.stack_asgi import csrf_token
from bench.apps.stack_site import User, new_session
from bench.apps.stack_starlette import SiteUser, layers
from bench.workloads import Setting


class Item(BaseModel):
    """What is put into a cart."""

    item: int


async def known_user(request: Request) -> User:
    """The user of the request. Raises HTTPException without one."""
    user = request.user
    if not isinstance(user, SiteUser):
        raise HTTPException(401, "authentication is needed", headers={"www-authenticate": "Bearer"})
    return user.user


KnownUser = Annotated[User, Depends(known_user)]


def build(setting: Setting) -> FastAPI:
    app = FastAPI(middleware=layers("fastapi"), openapi_url=None)

    @app.get("/begin")
    async def begin(request: Request) -> dict[str, str]:
        request.session.update(new_session())
        return {"token": csrf_token(request.session)}

    @app.get("/cart")
    async def cart(request: Request, user: KnownUser) -> dict[str, Any]:
        return {"name": user.name, "cart": request.session["cart"]}

    @app.post("/cart")
    async def add(request: Request, user: KnownUser, item: Item) -> dict[str, Any]:
        session = request.session
        session["cart"] = [*session["cart"], item.item]
        return {"cart": session["cart"]}

    return app


app = build(Setting.from_environment())
