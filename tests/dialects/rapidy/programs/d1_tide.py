"""A middleware that prints around a handler of data."""

from rapidy import Rapidy
from rapidy.http import Request, StreamResponse, get, middleware
from rapidy.typedefs import CallNext


@middleware
async def tide(request: Request, call_next: CallNext) -> StreamResponse:
    print("rising")
    answer = await call_next(request)
    print("falling")
    return answer


@get("/")
async def shore() -> dict[str, str]:
    return {"tide": "high"}


app = Rapidy(http_route_handlers=[shore], middlewares=[tide])
