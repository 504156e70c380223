"""An observatory: nights, stars and telescopes, with most of what a Flama application is written with."""

import datetime
import pathlib
import typing as t
import uuid

import pydantic
from flama import Component, Flama, Module, exceptions, http, types, websockets
from flama.background import BackgroundTask, BackgroundTasks
from flama.endpoints import HTTPEndpoint, WebSocketEndpoint
from flama.middleware import Middleware
from flama.routing import Mount, Route
from flama.schemas import SchemaMetadata, SchemaType

log: list[str] = []


class Star(pydantic.BaseModel):
    name: str
    magnitude: float
    is_double: bool = False


class Stamp:
    """Adds a header, and notes what passes."""

    def __init__(self, app: types.App, label: str = "plain", *, name: str = "nobody"):
        self.app = app
        self.label = label
        self.name = name

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        log.append(f"{self.label} {scope['type']}")
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def stamped(message: types.Message) -> None:
            if message["type"] == "http.response.start":
                stamp = (b"x-stamp", f"{self.label} by {self.name}".encode())
                message["headers"] = [*message.get("headers", []), stamp]
            await send(message)

        await self.app(scope, receive, stamped)


class Doorman:
    """Answers some requests by itself."""

    def __init__(self, app: types.App, *, closed: str):
        self.app = app
        self.closed = closed

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self.closed):
            await http.PlainTextResponse("closed for cleaning", status_code=503)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Porter:
    """Looks at requests as handlers do, changes the headers of answers, and catches what gets lost."""

    def __init__(self, app: types.App):
        self.app = app

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = http.Request(scope, receive)
        scope["porter"] = request.headers.get("x-keeper", "nobody")
        request.state.visits = 1

        async def ushered(message: types.Message) -> None:
            if message["type"] == "http.response.start" and "x-usher" in types.Headers(scope=scope):
                headers = types.MutableHeaders(scope=message)
                headers["x-plate"] = f"{request.method} {request.url.path}"
                headers.append("x-why", "first")
                headers.append("x-why", "second")
                headers.add_vary_header("X-Usher")
            await send(message)

        try:
            await self.app(scope, receive, ushered)
        except LookupError as error:
            await http.JSONResponse({"lost": str(error)}, status_code=502)(scope, receive, send)


class Telescope:
    def __init__(self, name: str) -> None:
        self.name = name


class Keeper:
    def __init__(self, name: str, watch: int) -> None:
        self.name = name
        self.watch = watch


class TelescopeComponent(Component):
    def __init__(self, name: str) -> None:
        self.name = name

    def resolve(self) -> Telescope:
        return Telescope(self.name)


class KeeperComponent(Component):
    async def resolve(self, telescope: Telescope, headers: types.Headers, watch: int = 1) -> Keeper:
        return Keeper(f"{headers.get('x-keeper', 'nobody')} at {telescope.name}", watch)


class Almanac(Module):
    name = "almanac"

    def __init__(self) -> None:
        super().__init__()
        self.pages = 12

    async def on_startup(self) -> None:
        log.append("almanac opened")

    async def on_shutdown(self) -> None:
        log.append("almanac shut")


async def open_dome() -> None:
    log.append("dome opened")


async def shut_dome() -> None:
    log.append("dome shut")


app = Flama(
    middleware=[
        Middleware(Stamp, label="outer", name="night watch"),
        Middleware(Doorman, closed="/attic"),
        Middleware(Stamp),
        Middleware(Porter),
    ],
    components=[TelescopeComponent("Big Eye"), KeeperComponent()],
    modules=[Almanac()],
    events={"startup": [open_dome], "shutdown": [shut_dome]},
    openapi={"info": {"title": "Observatory", "version": "2.0", "description": "What is up there"}},
)


@app.route("/")
async def index():
    return http.PlainTextResponse("The dome is open.")


@app.get("/html")
def html():
    return http.HTMLResponse("<p>Saturn</p>")


@app.get("/json")
def as_json():
    return http.JSONResponse({"planet": "Jupiter", "moons": [1, 2.5, None], "note": "später"})


@app.get("/api")
def as_api():
    return http.APIResponse({"planet": "Mars"}, status_code=203)


@app.get("/api-error")
def api_error():
    return http.APIErrorResponse("cloudy", status_code=418)


@app.get("/redirect")
def redirect():
    return http.RedirectResponse("/html")


@app.get("/moved")
def moved():
    return http.RedirectResponse("/html?page=two words", status_code=301)


@app.get("/stream")
def stream():
    async def pieces():
        for number in range(3):
            yield f"plate {number}\n"

    return http.StreamingResponse(pieces(), media_type="text/plain")


@app.get("/raw")
def raw():
    return http.Response(b"\x00\x01", media_type="application/octet-stream", headers={"X-Plate": "7"})


@app.get("/bare")
def bare():
    return http.Response("no type")


@app.get("/file")
def file():
    return http.FileResponse(__file__, filename="observatory.txt", media_type="text/plain")


@app.get("/cookies/set")
def set_cookie():
    response = http.PlainTextResponse("set")
    response.set_cookie("night", "clear sky", max_age=60, httponly=True)
    response.delete_cookie("day")
    return response


@app.get("/cookies")
def cookies(request: http.Request):
    return request.cookies


# What is returned as it is.


@app.get("/plain/text")
def plain_text():
    return "a star"


@app.get("/plain/bytes")
def plain_bytes():
    return b"a star"


@app.get("/plain/dict")
def plain_dict():
    return {"star": "Vega"}


@app.get("/plain/list")
async def plain_list():
    return ["Vega", "Deneb"]


@app.get("/plain/none")
def plain_none():
    return None


@app.get("/plain/empty")
def plain_empty():
    return []


@app.get("/plain/wrong")
def plain_wrong() -> Star:
    return {"name": "Vega"}


@app.get("/plain/annotated")
def plain_annotated() -> t.Annotated[SchemaType, SchemaMetadata(Star)]:
    return {"name": "Vega", "magnitude": 0.03}


# Paths.


@app.get("/stars/{number:int}")
def star(number: int):
    return {"number": number, "type": type(number).__name__}


@app.get("/floats/{value:float}")
def floats(value: float):
    return {"value": value, "type": type(value).__name__}


@app.get("/uuids/{value:uuid}")
def uuids(value: uuid.UUID):
    return {"value": str(value), "type": type(value).__name__}


@app.get("/names/{name}")
def names(name: str):
    return {"name": name}


@app.get("/names/{name}/{page}")
def typed_by_annotation(name: str, page: int):
    return {"name": name, "page": page}


@app.get("/seconds/{number:int}")
def path_params(path_params: types.PathParams):
    return {"values": {name: str(value) for name, value in path_params.items()}}


# What is asked for.


@app.get("/query")
def query(name: str, page: int = 1, ratio: t.Optional[float] = None, deep: bool = False):
    return {"name": name, "page": page, "ratio": ratio, "deep": deep}


@app.get("/query/list")
def query_list(tag: list[str]):
    return {"tag": tag}


@app.get("/query/all")
def query_all(params: types.QueryParams, query: types.QueryString):
    return {"params": dict(params), "query": str(query)}


@app.get("/headers")
def headers(headers: types.Headers):
    return {"keeper": headers.get("x-keeper"), "host": headers["host"], "missing": headers.get("x-missing")}


@app.get("/injected")
def injected(
    request: http.Request,
    method: types.Method,
    url: types.URL,
    scheme: types.Scheme,
    host: types.Host,
    path: types.Path,
    scope: types.Scope,
    receive: types.Receive,
    port: types.Port,
    body: types.Body,
):
    return {
        "request": request.method == method,
        "url": str(url),
        "scheme": str(scheme),
        "host": str(host),
        "path": str(path),
        "scope": scope["type"],
        "callable": callable(receive),
        "port": port,
        "body": len(body),
    }


@app.get("/request")
async def request_attributes(request: http.Request):
    request.state.seen = True
    return {
        "method": request.method,
        "path": request.url.path,
        "query": dict(request.query_params),
        "list": request.query_params.getlist("a"),
        "agent": request.headers.get("user-agent"),
        "raw": [name for name, _ in request.headers.items() if name == "user-agent"],
        "host": request.url.hostname,
        "base": str(request.base_url),
        "state": request.state.seen,
        "app": request.app is app,
        "scope": request["type"],
        "path_params": request.path_params,
    }


@app.post("/echo")
async def echo(request: http.Request):
    return http.Response(await request.body(), media_type=request.headers.get("content-type"))


@app.post("/echo/json")
async def echo_json(request: http.Request):
    return await request.json()


@app.post("/echo/form")
async def echo_form(request: http.Request):
    form = await request.form()
    return dict(form.items())


@app.post("/echo/body")
def echo_body(body: types.Body):
    return {"length": len(body)}


@app.post("/echo/data")
def echo_data(data: types.RequestData):
    return {"data": data}


@app.post("/stars")
def create(star: t.Annotated[SchemaType, SchemaMetadata(Star)]) -> t.Annotated[SchemaType, SchemaMetadata(Star)]:
    return star


@app.post("/stars/type")
def create_typed(star: t.Annotated[SchemaType, SchemaMetadata(Star)]):
    return http.APIResponse({"type": type(star).__name__, "name": star["name"]}, status_code=201)


@app.post("/stars/many")
def create_many(stars: t.Annotated[list[SchemaType], SchemaMetadata(Star, multiple=True)]):
    return {"names": [star["name"] for star in stars]}


@app.put("/stars/{number:int}")
def replace(number: int, star: t.Annotated[SchemaType, SchemaMetadata(Star)], dry: bool = False):
    return {"number": number, "name": star["name"], "dry": dry}


@app.get("/keeper")
def keeper(keeper: Keeper):
    return {"keeper": keeper.name, "watch": keeper.watch}


@app.get("/telescope")
async def telescope(telescope: Telescope):
    return {"telescope": telescope.name}


@app.get("/module")
def module():
    return {"pages": app.almanac.pages, "log": log[:3]}


@app.get("/porter")
def porter(request: http.Request):
    return {"porter": request.scope["porter"], "again": request["porter"], "visits": request.state.visits}


@app.get("/cookies/typed")
def typed_cookies(cookies: types.Cookies):
    return {name: cookie["value"] for name, cookie in cookies.items()} | {"count": len(cookies)}


@app.get("/urls/typed")
def typed_url(url: types.URL, path: types.Path, method: types.Method):
    return {
        "parts": url.components | {"netloc": ""},
        "path": path,
        "longer": path / "more",
        "method": method,
        "query": url.query,
    }


# Methods.


@app.route("/both", methods=["GET", "POST"], name="both-of-them")
def both(request: http.Request):
    return {"method": request.method}


@app.delete("/stars/{number:int}")
def remove(number: int):
    return http.Response(status_code=204)


@app.patch("/patch")
def patched():
    return {"patched": True}


@app.route("/class/")
class Counter(HTTPEndpoint):
    def get(self, times: int = 1):
        return {"got": times}

    async def post(self, star: t.Annotated[SchemaType, SchemaMetadata(Star)]):
        return {"posted": star["name"]}


@app.route("/class/state", methods=["GET"])
class Stateful(HTTPEndpoint):
    def get(self):
        return {"keys": sorted(self.state), "app": self.state["app"] is app, "path": self.state["scope"]["path"]}

    def post(self):
        return "not declared"


@app.get("/kinds")
def kinds():
    values = [pathlib.PurePath("/a"), ValueError("b"), KeyError, {"c"}, datetime.date(2026, 1, 2), uuid.UUID(int=5)]
    return {"kinds": values}


# Errors.


class Fog(Exception):
    pass


class ThickFog(Fog):
    pass


async def on_fog(scope: types.Scope, receive: types.Receive, send: types.Send, error: Exception):
    response = http.PlainTextResponse(f"{type(error).__name__} at {scope['path']}", status_code=503)
    await response(scope, receive, send)


async def on_teapot(scope: types.Scope, receive: types.Receive, send: types.Send, error: Exception):
    response = http.JSONResponse({"teapot": error.detail}, status_code=418, headers={"X-Brew": "green"})
    await response(scope, receive, send)


class Rain(Exception):
    pass


async def on_rain(scope: types.Scope, receive: types.Receive, send: types.Send, error: Exception):
    return http.JSONResponse({"rain": str(error), "at": scope["path"]}, status_code=503)


def on_gone(scope: types.Scope, receive: types.Receive, send: types.Send, error: Exception):
    return http.PlainTextResponse(f"gone: {error}", status_code=410)


app.add_exception_handler(Rain, on_rain)
app.add_exception_handler(410, on_gone)
app.add_exception_handler(Fog, on_fog)
app.add_exception_handler(418, on_teapot)


@app.get("/errors/fog")
def fog():
    raise ThickFog


@app.get("/errors/rain")
def rain():
    raise Rain("cats")


@app.get("/errors/gone")
def gone():
    raise exceptions.HTTPException(status_code=410, detail="the comet")


@app.get("/errors/lost")
def lost():
    raise LookupError("the key of the dome")


@app.get("/errors/{status:int}")
def bare_status(status: int):
    raise exceptions.HTTPException(status_code=status, detail="")


@app.get("/errors/teapot")
def teapot():
    raise exceptions.HTTPException(status_code=418, detail="short and stout")


@app.get("/errors/forbidden")
async def forbidden():
    raise exceptions.HTTPException(status_code=403)


@app.get("/errors/detail")
async def detail():
    raise exceptions.HTTPException(status_code=409, detail={"taken": [1, 2]}, headers={"X-Why": "taken"})


@app.get("/errors/validation")
async def validation():
    raise exceptions.ValidationError("not a star")


@app.get("/errors/unhandled")
async def unhandled():
    raise RuntimeError("the lens is broken")


# Background.


@app.get("/background")
async def background():
    return http.PlainTextResponse("soon", background=BackgroundTask("thread", log.append, "noted later"))


def note(what: str, times: int = 1) -> None:
    log.append(what * times)


@app.get("/backgrounds")
async def backgrounds():
    tasks = BackgroundTasks()
    tasks.add_task("thread", note, "a", times=2)
    tasks.add_task("thread", note, "b")
    return http.JSONResponse({"tasks": 2}, background=tasks)


@app.get("/log")
def show_log():
    return http.JSONResponse([line for line in log if line in ("noted later", "aa", "b")])


# WebSockets.


@app.websocket_route("/ws/echo")
async def ws_echo(websocket: websockets.WebSocket):
    await websocket.accept()
    text = await websocket.receive_text()
    await websocket.send_json({"text": text, "path": websocket.url.path})
    await websocket.close()


@app.websocket_route("/ws/endpoint")
class Repeat(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket: websockets.WebSocket):
        await websocket.accept()

    async def on_receive(self, websocket: websockets.WebSocket, data: types.Data):
        await websocket.send_json({"data": data})

    async def on_disconnect(self, websocket: websockets.WebSocket, websocket_code: types.Code):
        log.append(f"left with {websocket_code}")


# Elsewhere.

annex = Flama(schema="/schema/", docs=None, openapi={"info": {"title": "Annex", "version": "1"}})


@annex.get("/")
def annex_index(telescope: Telescope):
    return {"annex": telescope.name}


@annex.get("/rooms/{number:int}", name="room")
def room(request: http.Request, number: int):
    return {"room": number, "path": request.url.path, "root": request.scope["root_path"]}


app.mount("/annex", annex, name="annex")


async def shed(scope, receive, send):
    await http.PlainTextResponse(f"{scope['root_path']} {scope['path']}")(scope, receive, send)


app.mount("/shed", shed)


def from_list():
    return {"from": "list"}


app.mount(
    mount=Mount("/wing", routes=[Route("/list", from_list, methods=["GET"])], name="wing"),
)
app.add_route("/late", from_list, methods=["GET"], name="late")
app.add_get("/later", from_list)


@app.get("/urls")
def urls():
    return {"both": app.resolve_url("both-of-them").path, "star": app.resolve_url("star", number=7).path}


app.add_middleware(Middleware(Stamp, label="last"))
