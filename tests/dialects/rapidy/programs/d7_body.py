"""A body that a middleware and the handler both ask for."""

from pydantic import BaseModel
from rapidy import Rapidy
from rapidy.http import Body, Request, StreamResponse, middleware, post
from rapidy.typedefs import CallNext


class Catch(BaseModel):
    fish: str
    count: int


@middleware
async def scales(request: Request, call_next: CallNext, catch: Catch = Body()) -> StreamResponse:
    print(f"weighed {catch.count}")
    return await call_next(request)


@post("/")
async def market(catch: Catch = Body()) -> dict[str, str]:
    return {"sold": f"{catch.count} {catch.fish}"}


app = Rapidy(middlewares=[scales], http_route_handlers=[market])
