"""A middleware that answers with a response of its own: its options don't touch that."""

from rapidy import Rapidy
from rapidy.enums import ContentType
from rapidy.http import Request, Response, StreamResponse, get, middleware
from rapidy.typedefs import CallNext


@middleware(response_content_type=ContentType.text_html)
async def lifeboat(request: Request, call_next: CallNext) -> StreamResponse:
    try:
        return await call_next(request)
    except Exception:
        return Response(status=500)


@get("/")
async def leak() -> dict[str, str]:
    raise Exception


app = Rapidy(middlewares=[lifeboat], http_route_handlers=[leak])
