"""A middleware that asks for a header field of a certain form."""

from rapidy import Rapidy
from rapidy.http import Header, Request, StreamResponse, get, middleware
from rapidy.typedefs import CallNext

TOKEN = r"^[Bb]earer (?P<token>[A-Za-z0-9-_=.]*)"


@middleware
async def guard(
    request: Request,
    call_next: CallNext,
    token: str = Header(alias="Authorization", pattern=TOKEN),
) -> StreamResponse:
    print(f"seen {token}")
    return await call_next(request)


@get("/")
async def cabin() -> str:
    print("entered")
    return "aboard"


app = Rapidy(middlewares=[guard], http_route_handlers=[cabin])
