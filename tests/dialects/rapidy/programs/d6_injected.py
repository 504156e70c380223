"""A middleware that asks for a response: it is for what the middleware itself returns."""

from rapidy import Rapidy
from rapidy.http import QueryParam, Request, Response, StreamResponse, get, middleware
from rapidy.typedefs import CallNext


@middleware
async def flag(
    request: Request,
    call_next: CallNext,
    response: Response,
    answer: str = QueryParam("inner"),
) -> StreamResponse | str | None:
    response.headers["X-Flag"] = "red"
    response.set_cookie("flag", "red")
    if answer == "text":
        response.set_status(202)
        return "from the mast"
    if answer == "none":
        response.set_status(202)
        return None
    return await call_next(request)


@get("/")
async def deck() -> str:
    return "from the deck"


app = Rapidy(middlewares=[flag], http_route_handlers=[deck])
