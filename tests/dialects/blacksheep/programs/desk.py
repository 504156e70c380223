"""The desk of a harbour office: much of what a BlackSheep program may use, in one."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import wraps
from typing import List, Literal, Optional
from uuid import UUID

from blacksheep import (
    Application,
    Cookie,
    FromBytes,
    FromCookie,
    FromForm,
    FromHeader,
    FromJSON,
    FromQuery,
    FromRoute,
    FromServices,
    FromText,
    JSONContent,
    Request,
    Response,
    Router,
    TextContent,
    accepted,
    bad_request,
    created,
    file,
    forbidden,
    html,
    json,
    moved_permanently,
    no_content,
    not_found,
    not_modified,
    ok,
    permanent_redirect,
    pretty_json,
    redirect,
    see_other,
    status_code,
    temporary_redirect,
    text,
    unauthorized,
)
from blacksheep.contents import Content, StreamedContent
from blacksheep.cookies import CookieSameSiteMode
from blacksheep.exceptions import BadRequest, Conflict, Forbidden, HTTPException, NotFound, Unauthorized
from blacksheep.server.normalization import ensure_response

router = Router()
app = Application(router=router)
get, post, put, delete, patch, head, options = (
    router.get,
    router.post,
    router.put,
    router.delete,
    router.patch,
    router.head,
    router.options,
)


# Layers.


@app.on_start
async def open_up(application):
    application.opened = True


async def stamp(request: Request, handler):
    response = await handler(request)
    response.add_header(b"x-desk", b"open")
    return response


class Porter:
    async def __call__(self, request, handler):
        if request.query.get("turn") == ["away"]:
            return Response(401, [(b"x-porter", b"no")], TextContent("turned away"))
        return await handler(request)


app.middlewares.append(stamp)
app.middlewares.append(Porter())


def headers(additional):
    def decorate(clerk):
        @wraps(clerk)
        async def answer(*given, **named) -> Response:
            letter = ensure_response(await clerk(*given, **named))
            for stamp_name, stamp_text in additional:
                letter.add_header(stamp_name.encode(), stamp_text.encode())
            return letter

        return answer

    return decorate


# Results.


@get("/")
def home():
    return "The desk is open."


@get("/decorated/{name}")
@headers((("X-Foo", "Foo"), ("X-Bar", "Bar")))
async def decorated(name: str):
    return f"for {name}"


@get("/nothing")
def nothing():
    return None


@get("/int")
def number():
    return 7


@get("/bool")
def truth():
    return True


@get("/float")
def fraction():
    return 2.5


@get("/dict")
def mapping():
    return {"a": [1, None, "ü"], "b": {"c": 2.5}}


@get("/list")
def listing():
    return [1, 2, 3]


@get("/tuple")
def pair():
    return "b", 201


@get("/bytes")
def raw():
    return b"abc"


@dataclass
class Boat:
    name: str
    berths: int = 1
    built: Optional[date] = None


@get("/dataclass")
def boat():
    return Boat("Ada", 4, date(1991, 4, 2))


@get("/boats")
def boats():
    return [Boat("Ada"), Boat("Bea", 2)]


@get("/data")
def data():
    return {
        "when": datetime(2024, 2, 29, 12, 30, 1),
        "day": date(2024, 2, 29),
        "id": UUID("9c5b94b1-35ad-49bb-b118-8e8fc24abf80"),
        "raw": b"xyz",
    }


# Helpers.


@get("/text")
def say():
    return text("said", 203)


@get("/html")
def page():
    return html("<p>ü</p>")


@get("/json")
def as_json():
    return json({"a": 1, "b": [True, None]}, 202)


@get("/pretty")
def pretty():
    return pretty_json({"a": 1, "b": [2]})


@get("/ok/{kind}")
def fine(kind: str):
    return {"text": ok("fine"), "json": ok({"a": 1}), "none": ok(), "number": ok(5)}[kind]


@get("/created")
def made():
    return created({"id": 1}, "/things/1")


@get("/accepted")
def taken():
    return accepted("soon")


@get("/no-content")
def empty():
    return no_content()


@get("/redirect/{kind}")
def away(kind: str):
    kinds = {
        "302": redirect,
        "303": see_other,
        "301": moved_permanently,
        "307": temporary_redirect,
        "308": permanent_redirect,
    }
    return kinds[kind]("/elsewhere?x=1")


@get("/refused/{kind}")
def refused(kind: str):
    kinds = {"400": bad_request, "401": unauthorized, "403": forbidden, "404": not_found}
    return kinds[kind]({"no": kind}) if kind == "403" else kinds[kind]("no " + kind) if kind != "404" else not_found()


@get("/not-modified")
def same():
    return not_modified()


@get("/teapot")
def teapot():
    return status_code(418, "short and stout")


@get("/file")
def download():
    return file(b"a,b\n1,2\n", "text/csv", file_name="boats.csv")


@get("/file/bare")
def download_unnamed():
    return file(b"a,b\n", "text/csv")


@get("/stream")
async def stream():
    async def pieces():
        yield b"one "
        yield b"two"

    return Response(200, content=StreamedContent(b"text/plain", pieces))


@get("/content")
def content():
    return Response(201, [(b"X-A", b"1"), (b"X-A", b"2")], Content(b"text/x-log", b"line"))


@get("/with-content")
def with_content():
    return Response(200).with_content(JSONContent({"x": 1}))


@get("/bare")
def bare():
    return Response(200)


# Cookies.


@get("/cookies")
def cookies(request: Request):
    return request.cookies


@get("/set-cookie")
def set_cookie():
    response = text("set")
    response.set_cookie(Cookie("berth", "12"))
    response.set_cookie(
        Cookie("flag", "a b", path="/x", http_only=True, secure=True, max_age=60, same_site=CookieSameSiteMode.LAX)
    )
    response.set_cookie(Cookie("old", "", expires=datetime(2020, 1, 2, 3, 4, 5)))
    return response


@get("/unset-cookie")
def unset_cookie():
    response = text("unset")
    response.unset_cookie("berth")
    return response


@get("/answered")
def answered():
    response = text("x")
    response.add_header(b"x-one", b"1")
    response.add_header(b"X-One", b"2")
    response.set_header(b"x-two", b"2")
    response.headers.add(b"x-three", b"3")
    response.headers[b"x-four"] = b"4"
    response.add_header(b"x-gone", b"5")
    response.remove_header(b"X-Gone")
    response.add_header(
        b"x-seen",
        repr(
            (
                response.headers.get(b"X-ONE"),
                response.get_first_header(b"x-one"),
                response.has_header(b"x-nothing"),
                b"x-two" in response.headers,
                response.headers.get_single(b"x-two"),
                response.content_type(),
                response.reason,
                response.is_redirect(),
            )
        ).encode(),
    )
    return response


# The request.


@get("/request")
def request_(request: Request):
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "url": request.url.value.decode(),
        "query_raw": request.url.query.decode() if request.url.query else None,
        "scheme": request.scheme,
        "base_path": request.base_path,
        "route_values": request.route_values,
        "host": request.host,
        "ua": [value.decode() for value in request.headers.get(b"User-Agent")],
        "first": (request.get_first_header(b"x-first") or b"none").decode(),
        "has": request.has_header(b"x-first"),
        "get_cookie": request.get_cookie("a"),
        "content_type": (request.content_type() or b"none").decode(),
        "if_none_match": (request.if_none_match or b"none").decode(),
        "declares_json": request.declares_json(),
        "opened": app.opened,
    }


@post("/echo")
async def echo(request: Request):
    return Response(200, content=Content(request.content_type() or b"none/none", await request.read() or b"nothing"))


@post("/echo-length")
async def echo_length(request: Request):
    return {"length": len(await request.read())}


@post("/echo-text")
async def echo_text(request: Request):
    return await request.text()


@post("/echo-json")
async def echo_json(request: Request):
    return json({"got": await request.json()})


@post("/echo-form")
async def echo_form(request: Request):
    return json(await request.form())


@post("/echo-files")
async def echo_files(request: Request):
    return json(
        [
            [part.name.decode(), (part.file_name or b"").decode(), (part.content_type or b"").decode(), len(part.data)]
            for part in await request.files()
        ]
    )


@post("/echo-stream")
async def echo_stream(request: Request):
    size = 0
    async for piece in request.stream():
        size += len(piece)
    return {"size": size}


# Binding.


class Flag(StrEnum):
    RED = "red"
    GREEN = "green"


@get("/bind/{int:boat_id}/{name}")
def bind_route(boat_id: int, name: str):
    return {"boat_id": boat_id, "name": name}


@get("/bind-value/:berth")
def bind_value(berth: int):
    return {"berth": berth}


@get("/bind-uuid/{uuid:key}")
def bind_uuid(key: UUID):
    return {"key": key, "type": type(key).__name__}


@get("/bind-float/{value}")
def bind_float(value: float):
    return {"value": value}


@get("/bind-from-route/{berth}")
def bind_from_route(berth: FromRoute[int]):
    return {"berth": berth.value}


@get("/bind-query")
def bind_query(
    page: int = 1, size: Optional[int] = None, full: bool = False, flag: FromQuery[Flag] = FromQuery(Flag.RED)
):
    return {"page": page, "size": size, "full": full, "flag": flag.value.value}


@get("/bind-literal")
def bind_literal(kind: FromQuery[Literal["a", "b"]]):
    return {"kind": kind.value}


@get("/bind-required")
def bind_required(page: int):
    return {"page": page}


@get("/bind-whole")
def bind_whole(page: Optional[FromQuery[int]], flag: FromCookie[str] = None):
    return {"page": page and page.value, "flag": flag and flag.value}


@get("/bind-list")
def bind_list(tag: FromQuery[List[str]], number: FromQuery[List[int]]):
    return {"tag": tag.value, "number": number.value}


@get("/bind-dates")
def bind_dates(day: FromQuery[date], at: FromQuery[datetime], key: FromQuery[UUID]):
    return {"day": day.value, "at": at.value, "key": key.value}


@get("/bind-from-query")
def bind_from_query(page: FromQuery[int], tags: FromQuery[List[str]]):
    return {"page": page.value, "tags": tags.value}


@get("/bind-optional-query")
def bind_optional_query(page: FromQuery[Optional[int]]):
    return {"page": page.value}


class FromAgent(FromHeader[str]):
    name = "X-Agent"


class FromBerth(FromCookie[int]):
    name = "berth"


@get("/bind-header")
def bind_header(agent: FromAgent):
    return {"agent": agent.value}


@get("/bind-cookie")
def bind_cookie(berth: FromBerth):
    return {"berth": berth.value}


@post("/bind-json")
async def bind_json(data: FromJSON[Boat]):
    return {"name": data.value.name, "berths": data.value.berths, "type": type(data.value).__name__}


@post("/bind-json-implicit")
async def bind_json_implicit(data: Boat):
    return data


@post("/bind-json-dict")
async def bind_json_dict(data: FromJSON[dict]):
    return data.value


@post("/bind-json-list")
async def bind_json_list(data: FromJSON[List[Boat]]):
    return data.value


@post("/bind-json-optional")
async def bind_json_optional(data: FromJSON[Optional[Boat]]):
    return {"data": data.value if data else None}


@post("/bind-form")
async def bind_form(data: FromForm[Boat]):
    return data.value


@post("/bind-text")
async def bind_text(data: FromText):
    return data.value.upper()


@post("/bind-bytes")
async def bind_bytes(data: FromBytes):
    return {"size": len(data.value)}


class Ledger:
    def __init__(self):
        self.lines = ["first"]


app.services.add_instance(Ledger())


@get("/bind-service")
def bind_service(ledger: Ledger):
    return ledger.lines


@get("/bind-services")
def bind_services(ledger: FromServices[Ledger]):
    return ledger.value.lines


# Routing.


@get("/files/*")
def tail(request: Request):
    return {"tail": request.route_values["tail"]}


@get("/whole/{path:rest}")
def whole(rest: str):
    return {"rest": rest}


@get("/a/{path:rest}/z")
def rest(rest: str):
    return {"rest": rest}


@get("/Mixed/Case")
def mixed():
    return "mixed"


@get("/angle/<int:number>")
def angle(number: int):
    return {"number": number}


@get("/order/{name}")
def order_name(name: str):
    return f"named {name}"


@get("/order/static")
def order_static():
    return "static"


@router.route("/many", methods=["GET", "POST"])
def many(request: Request):
    return request.method


@head("/heady")
def heady():
    return Response(200, [(b"x-heady", b"yes")])


@options("/own-options")
def own_options():
    return text("own")


@put("/put/{name}")
def put_(name: str):
    return f"put {name}"


@delete("/delete/{name}")
def delete_(name: str):
    return f"deleted {name}"


@patch("/patch")
async def patch_(data: FromJSON[dict]):
    return {"patched": data.value}


# Errors.


class Sunk(Exception):
    pass


@app.exception_handler(Sunk)
async def sunk(self, request, exc: Sunk):
    return json({"sunk": str(exc)}, 409)


@app.exception_handler(418)
async def tea(self, request, exc: HTTPException):
    return text(f"teapot: {exc}", 418)


@get("/sink")
def sink():
    raise Sunk("the Ada")


@get("/raise/{int:number}")
def raise_(number: int):
    if number == 418:
        raise HTTPException(418, "no coffee")
    raise {
        400: BadRequest("bad thing"),
        401: Unauthorized("who?"),
        403: Forbidden("not you"),
        404: NotFound("no boat"),
        409: Conflict("taken"),
        451: HTTPException(451, "unread"),
        500: ValueError("secret"),
    }[number]
