"""A middleware that answers in the place of a handler that fails, as a page."""

from rapidy import Rapidy
from rapidy.enums import ContentType
from rapidy.http import Request, StreamResponse, get, middleware
from rapidy.typedefs import CallNext


@middleware(response_content_type=ContentType.text_html)
async def lifeboat(request: Request, call_next: CallNext) -> StreamResponse | str:
    try:
        return await call_next(request)
    except Exception:
        return "man the lifeboat"


@get("/")
async def leak() -> dict[str, str]:
    raise Exception


app = Rapidy(middlewares=[lifeboat], http_route_handlers=[leak])
