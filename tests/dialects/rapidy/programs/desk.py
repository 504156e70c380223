"""A harbour's desk: much of what Rapidy offers in one application."""

import dataclasses
import decimal
import enum
import json
from typing import Annotated

from pydantic import BaseModel, Field
from rapidy import Rapidy, StreamReader, web
from rapidy.enums import ContentType
from rapidy.http import (
    Body,
    Cookie,
    Cookies,
    Header,
    Headers,
    HTTPBadRequest,
    HTTPConflict,
    HTTPFound,
    HTTPMethodNotAllowed,
    HTTPNoContent,
    HTTPOk,
    HTTPRouter,
    HTTPValidationFailure,
    PathParam,
    PathParams,
    QueryParam,
    QueryParams,
    Request,
    Response,
    StreamResponse,
    controller,
    delete,
    get,
    head,
    middleware,
    options,
    patch,
    post,
    put,
)
from rapidy.typedefs import CallNext


class Colour(enum.Enum):
    red = "red"
    green = "green"


class Boat(BaseModel):
    name: str = Field(min_length=2)
    length: float = Field(gt=0)
    tags: list[str] = []


class Berth(BaseModel):
    pier: int
    place: str


@dataclasses.dataclass
class Light:
    colour: str
    seconds: int


class Search(BaseModel):
    word: str
    page: int = 1


@middleware
async def stamp(request: Request, call_next: CallNext) -> StreamResponse:
    try:
        answer = await call_next(request)
    except HTTPConflict as error:
        error.headers["X-Conflict"] = "seen"
        raise
    except HTTPValidationFailure as error:
        if "quiet" not in request.query:
            raise
        return Response({"wrong": len(error.validation_errors)}, status=400)
    answer.headers["X-Desk"] = "open"
    return answer


@get("/text")
async def text() -> str:
    return "ahoy – ahoi"


@get("/number")
async def number() -> int:
    return 5


@get("/half")
async def half() -> float:
    return 2.5


@get("/yes")
async def yes() -> bool:
    return True


@get("/colour")
async def colour() -> Colour:
    return Colour.green


@get("/decimal")
async def price() -> decimal.Decimal:
    return decimal.Decimal("1.50")


@get("/nothing")
async def nothing() -> None:
    return None


@get("/bytes")
async def raw() -> bytes:
    return b"\x00\x01"


@get("/list")
async def numbers() -> list[int]:
    return [1, 2, 3]


@get("/tuple")
async def pair() -> tuple[int, str]:
    return 1, "é"


@get("/set")
async def one() -> set[int]:
    return {7}


@get("/boat")
async def boat() -> Boat:
    return Boat(name="Ida", length=7.5, tags=["old"])


@get("/light")
async def light() -> Light:
    return Light("green", 4)


@get("/created", status_code=201)
async def created() -> dict[str, int]:
    return {"id": 1}


@get("/page", response_content_type=ContentType.text_html)
async def page() -> str:
    return "<p>harbour</p>"


@get("/short", response_exclude_fields={"tags"})
async def short() -> Boat:
    return Boat(name="Ida", length=7.5)


@get("/wrong")
async def wrong() -> int:
    return "no number"


@get("/crash")
async def crash() -> str:
    raise RuntimeError("leak")


@get("/response")
async def response() -> Response:
    return Response({"a": [1, None]}, status=202, headers={"X-A": "1"})


@get("/response-text")
async def response_text() -> Response:
    return Response(text="words", content_type="text/csv")


@get("/response-html")
async def response_html() -> Response:
    return Response("<b>", content_type=ContentType.text_html)


@get("/injected")
async def injected(response: Response) -> dict[str, str]:
    response.set_status(203)
    response.headers["X-Injected"] = "yes"
    response.set_cookie("berth", "b1", max_age=60, httponly=True)
    return {"in": "jected"}


@get("/injected-none")
async def injected_none(response: Response) -> None:
    response.set_status(204)


@get("/request")
async def request_first(request) -> dict[str, str]:
    return {"method": request.method, "path": request.path, "query": request.query_string, "host": request.host}


@get("/request-later")
async def request_later(word: str = QueryParam("none"), request: Request = None) -> str:
    return f"{word} {request.path_qs}"


@get("/berths/{pier}/{place}")
async def berth(pier: int = PathParam(ge=1, le=9), place: str = PathParam(max_length=3)) -> str:
    return f"{pier}{place}"


@get("/plain/{number:[0-9]+}")
async def plain(number: int = PathParam()) -> int:
    return number + 1


@get("/files/{rest:.*}")
async def files(rest: str = PathParam()) -> str:
    return rest


@get("/whole/{pier}/{place}")
async def whole(berth: Berth = PathParams()) -> Berth:
    return berth


@get("/query")
async def query(
    word: Annotated[str, QueryParam(min_length=2)],
    limit: Annotated[int, QueryParam(alias="max", gt=0)] = 10,
    late: bool | None = QueryParam(),
) -> dict[str, str]:
    return {"word": word, "limit": str(limit), "late": str(late)}


@get("/search")
async def search(search: Search = QueryParams()) -> Search:
    return search


@get("/header")
async def header(agent: str = Header(alias="User-Agent"), depth: int = Header(alias="X-Depth", default=3)) -> str:
    return f"{agent} {depth}"


@get("/headers")
async def headers(everything=Headers()) -> str:
    return everything["Host"]


@get("/cookie")
async def cookie(berth: str = Cookie()) -> str:
    return berth


@get("/cookies")
async def cookies(everything: dict[str, str] = Cookies()) -> dict[str, str]:
    return everything


@post("/boats")
async def add_boat(boat: Boat = Body()) -> Boat:
    return boat


@post("/many")
async def add_many(boats: list[Boat] = Body()) -> int:
    return len(boats)


@post("/form")
async def add_form(boat: Boat = Body(content_type=ContentType.x_www_form)) -> Boat:
    return boat


@post("/words")
async def words(text: str = Body(content_type=ContentType.text_plain)) -> str:
    return text.upper()


@post("/any-words")
async def any_words(text: str = Body(content_type=ContentType.text_any)) -> str:
    return text.upper()


@post("/raw")
async def raw_body(data: bytes = Body(content_type=ContentType.stream)) -> int:
    return len(data)


@post("/stream")
async def stream(reader: StreamReader = Body(content_type=ContentType.any, check_content_type=False)) -> int:
    total = 0
    async for piece in reader.iter_chunked(4):
        total += len(piece)
    return total


@post("/unchecked")
async def unchecked(data: dict[str, int] = Body(check_content_type=False)) -> int:
    return sum(data.values())


@post("/decoded")
async def decoded(data: list[str] = Body(json_decoder=lambda text: json.loads(text)[::-1])) -> list[str]:
    return data


@post("/maybe")
async def maybe(boat: Boat | None = Body()) -> str:
    return "none" if boat is None else boat.name


@post("/own-json")
async def own_json(request: Request) -> str:
    try:
        return str((await request.json())["fish"])
    except json.JSONDecodeError:
        raise HTTPBadRequest(text="that is no JSON") from None


@post("/own-form")
async def own_form(request: Request) -> str:
    data = await request.post()
    return str(data["fish"])


@put("/boats/{name}")
async def replace(name: str = PathParam()) -> str:
    return f"put {name}"


@patch("/boats/{name}")
async def change(name: str = PathParam()) -> str:
    return f"patch {name}"


@delete("/boats/{name}")
async def remove(name: str = PathParam()) -> None:
    raise HTTPNoContent


@head("/only-head")
async def only_head(response: Response) -> None:
    response.headers["X-Head"] = "1"


@options("/only-options")
async def only_options() -> str:
    return "options"


@get("/no-head", allow_head=False)
async def no_head() -> str:
    return "no head"


@get("/conflict")
async def conflict() -> str:
    raise HTTPConflict(text="two boats, one berth")


@get("/bare-error")
async def bare_error() -> str:
    raise HTTPBadRequest


@get("/moved")
async def moved() -> str:
    raise HTTPFound("/text")


@get("/ok")
async def ok() -> str:
    raise HTTPOk(text="fine", headers={"X-Ok": "1"})


@get("/own-405")
async def own_405() -> str:
    raise HTTPMethodNotAllowed("GET", ["POST"])


@controller("/piers")
class Piers:
    @get()
    async def all(self) -> list[int]:
        return [1, 2]

    @get("/{pier}")
    async def one(self, pier: int = PathParam()) -> dict[str, int]:
        return {"pier": pier}

    @post(status_code=201)
    async def add(self, pier: int = QueryParam()) -> dict[str, int]:
        return {"added": pier}


@middleware
async def inner(request: Request, call_next: CallNext) -> StreamResponse:
    answer = await call_next(request)
    answer.headers["X-Inner"] = "yes"
    return answer


@get("/log")
async def log(request: Request) -> str:
    return f"{request.app['router']} {request.path}"


async def prepare(app) -> None:
    app["router"] = "ready"


class Crane(web.View):
    async def get(self) -> str:
        return f"lifts {self.request.query.get('what', 'nothing')}"

    async def post(self, load: int = QueryParam()) -> dict[str, int]:
        return {"load": load}


async def old_style(request: Request) -> Response:
    return Response(text="as ever")


app = Rapidy(
    middlewares=[stamp],
    client_max_size=200,
    http_route_handlers=[
        *(text, number, half, yes, colour, price, nothing, raw, numbers, pair, one, boat, light, created, page, short),
        *(wrong, crash, response, response_text, response_html, injected, injected_none, request_first, request_later),
        *(berth, plain, files, whole, query, search, header, headers, cookie, cookies, add_boat, add_many, add_form),
        *(words, any_words, raw_body, stream, unchecked, decoded, maybe, own_json, own_form, replace, change, remove),
        *(only_head, only_options, no_head, conflict, bare_error, moved, ok, own_405, Piers),
        HTTPRouter("/inner", [log], middlewares=[inner], on_startup=[prepare]),
        get.reg("/registered", old_style),
    ],
)
app.router.add_get("/old", old_style)
app.router.add_view("/crane", Crane)
app.add_routes([web.post("/old", old_style)])
