"""Pilots, as a Rapidy program."""

from typing import Annotated

from nacre.dialects.rapidy import Rapidy
from nacre.dialects.rapidy.http import Header, PathParam, Request, StreamResponse, get, middleware
from nacre.dialects.rapidy.typedefs import CallNext


@middleware
async def licensed(
    request: Request,
    call_next: CallNext,
    licence: Annotated[str, Header(alias="X-Licence", pattern="^[A-Z]{2}[0-9]{4}$")],
) -> StreamResponse:
    response = await call_next(request)
    response.headers["X-Checked"] = licence
    return response


@get("/{name}")
async def pilot(name: Annotated[str, PathParam()]) -> dict[str, str]:
    return {"pilot": name}


app = Rapidy(http_route_handlers=[pilot], middlewares=[licensed])
