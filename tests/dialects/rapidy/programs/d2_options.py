"""A middleware with every option there is; they hold when it answers by itself."""

import json
from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel, Field
from rapidy import Rapidy
from rapidy.enums import Charset, ContentType
from rapidy.http import Request, StreamResponse, get, middleware
from rapidy.typedefs import CallNext


class Buoy(BaseModel):
    name: str = Field(alias="buoyName")
    depth: int = 3
    colour: str | None = None
    secret: str = "kept"


@middleware(
    status_code=203,
    response_validate=True,
    response_type=Buoy,
    response_content_type=ContentType.json,
    response_charset=Charset.utf8,
    response_zlib_executor=ThreadPoolExecutor(1),
    response_zlib_executor_size=4096,
    response_include_fields={"name", "depth", "colour", "secret"},
    response_exclude_fields={"secret"},
    response_by_alias=True,
    response_exclude_unset=False,
    response_exclude_defaults=False,
    response_exclude_none=True,
    response_custom_encoder=None,
    response_json_encoder=lambda data: json.dumps(data, sort_keys=True),
)
async def buoys(request: Request, call_next: CallNext) -> StreamResponse | Buoy:
    if request.path == "/buoy":
        return Buoy(buoyName="north", depth=9)
    return await call_next(request)


@get("/buoy")
async def never() -> str:
    return "never"


@get("/shore")
async def shore() -> str:
    return "no buoy here"


app = Rapidy(middlewares=[buoys], http_route_handlers=[never, shore])
