"""The harbour master's desk: a little of all that Microdot's core offers."""

import sys
from pathlib import Path

from microdot import Microdot, Response, URLPattern, abort, redirect, send_file
from microdot.multipart import FormDataIter, with_form_data
from microdot.sse import with_sse

PLACES = [Path(__file__).parent, *map(Path, sys.path)]
FOLDER = next(str(place / "harbour") for place in PLACES if (place / "harbour").is_dir())

URLPattern.register_type("knots", pattern="[0-9]+kn", parser=lambda text: int(text[:-2]))

app = Microdot()
piers = Microdot()
crane = Microdot()


class Storm(Exception):
    pass


class Hurricane(Storm):
    pass


@app.before_request
def gate(request):
    request.g.trail = ["gate"]
    if request.args.get("closed"):
        return "closed today", 503, {"Retry-After": "60"}


@app.after_request
async def stamp(request, response):
    response.headers["X-Trail"] = " ".join(request.g.trail)


@app.after_error_request
def mark(request, response):
    response.headers["X-Error"] = str(response.status_code)
    return response


@app.errorhandler(410)
def gone(request):
    return "it has sailed"


@app.errorhandler(409)
async def taken(request):
    return {"berth": "taken", "path": request.path}, 409, {"X-Berth": "full"}


@app.errorhandler(Storm)
def storm(request, exception):
    return {"weather": type(exception).__name__}, 500


@app.route("/")
def index(request):
    return "the desk"


@app.get("/seen")
async def seen(request):
    return {
        "method": request.method,
        "path": request.path,
        "url": request.url,
        "query": request.query_string,
        "args": {name: request.args.getlist(name) for name in request.args},
        "number": request.args.get("n", type=int),
        "cookies": request.cookies,
        "flag": request.headers.get("x-FLAG"),
        "type": request.content_type,
        "length": request.content_length,
        "json": request.json,
        "form": request.form,
        "files": request.files,
        "body": request.body.decode(),
        "scheme": request.scheme,
        "prefix": request.url_prefix,
        "route": request.route.__name__,
    }


@app.route("/sent", methods=["POST", "PUT", "PATCH", "DELETE"])
async def sent(request):
    form = request.form
    return {
        "method": request.method,
        "type": request.content_type,
        "length": request.content_length,
        "json": request.json,
        "form": form and {name: form.getlist(name) for name in form},
        "body": request.body.decode(),
    }


@app.post("/read")
async def read(request):
    first = await request.stream.read(4)
    line = await request.stream.readline()
    rest = await request.stream.read()
    return {"first": first.decode(), "line": line.decode(), "rest": rest.decode(), "body": len(request.body)}


@app.get("/text/<name>")
async def text(request, name):
    return "text " + name


@app.get("/number/<int:number>")
async def number(request, number):
    return {"number": number}


@app.get("/path/<path:rest>")
async def path(request, rest):
    return rest


@app.get("/signal/<re:[a-z]+[0-9]:flag>")
async def signal(request, flag):
    return flag


@app.get("/wind/<knots:speed>")
async def wind(request, speed):
    return {"speed": speed}


@app.delete("/wind/<speed>")
async def calm(request, speed):
    return "calm", 202


ANSWERS = {
    "text": lambda: "ahoy",
    "bytes": lambda: b"ahoy",
    "empty": lambda: "",
    "status": lambda: 202,
    "nothing": lambda: None,
    "204": lambda: 204,
    "two": lambda: ("ahoy", 201),
    "three": lambda: ("<b>ahoy</b>", 201, {"Content-Type": "text/html", "X-More": "1"}),
    "headers": lambda: ("ahoy", {"X-More": "1", "Content-Type": "text/x-log"}),
    "status-headers": lambda: (202, {"X-More": "1"}),
    "dict": lambda: {"a": [1, 2.5, None, True, "é"]},
    "list": lambda: [{"a": 1}],
    "dict-status": lambda: ({"a": 1}, 201),
    "dict-type": lambda: ({"a": 1}, 200, {"Content-Type": "application/problem+json"}),
    "response": lambda: Response("ahoy", 203, {"X-More": "1"}),
    "response-dict": lambda: Response({"a": 1}, reason="Fine"),
    "redirect": lambda: redirect("/seen?a=1"),
    "moved": lambda: redirect("https://pier.example/", 301),
    "page": lambda: send_file(FOLDER + "/index.html"),
    "gull": lambda: send_file(FOLDER + "/gull.jpg", max_age=60),
    "packed": lambda: send_file(FOLDER + "/index.html", compressed=True, content_type="text/x-page"),
    "missing": lambda: send_file(FOLDER + "/no-such.html"),
    "pieces": lambda: iter(["one, ", b"two"]),
    "bool": lambda: True,
    "single": lambda: ("ahoy",),
}


@app.get("/answer/<kind>")
def answer(request, kind):
    if kind not in ANSWERS:
        abort(404)
    return ANSWERS[kind]()


@app.get("/stream")
async def stream(request):
    async def pieces():
        yield "one, "
        yield b"two"

    return pieces(), 201, {"Content-Type": "text/csv"}


@app.get("/cookies")
async def cookies(request):
    @request.after_request
    def more(request, response):
        response.set_cookie("hook", "2", path="/", http_only=True)
        return response

    response = Response("cookies")
    response.set_cookie("plain", "1")
    response.set_cookie("long", "3", path="/a", domain="pier.example", max_age=60, secure=True, partitioned=True)
    response.delete_cookie("gone", path="/")
    return response


@app.get("/fail/<kind>")
async def fail(request, kind):
    if kind == "storm":
        raise Storm
    if kind == "hurricane":
        raise Hurricane
    if kind == "reason":
        abort(403, "not for you")
    if kind == "data":
        abort(422, {"field": "name"})
    if kind.isdigit():
        abort(int(kind))
    raise KeyError(kind)


@app.get("/events")
@with_sse
async def events(request, sse):
    await sse.send("one")
    await sse.send({"two": 2}, event="pair", event_id="2")
    await sse.send("three", retry=1.5)
    await sse.send("hold on", comment=True)
    await sse.send([4])


@app.get("/lines")
@with_sse
async def lines(request, sse):
    await sse.send("one\ntwo")


@app.post("/upload")
@with_form_data
async def upload(request):
    files = request.files or {}
    return {
        "form": request.form,
        "files": {
            name: [file.filename, file.content_type, (await file.read()).decode()] for name, file in files.items()
        },
    }


@app.post("/parts")
async def parts(request):
    got = []
    async for name, value in FormDataIter(request):
        got.append([name, value if isinstance(value, str) else (await value.read()).decode()])
    return got


@app.route("/static/<path:path>")
async def static(request, path):
    if ".." in path:
        return "Not here", 404
    return send_file(FOLDER + "/" + path, max_age=86400)


@crane.before_request
def start(request):
    request.g.trail.append("crane")


@crane.errorhandler(418)
def steam(request):
    return "the crane steams", 418


@crane.get("/")
def lift(request):
    return {"prefix": request.url_prefix, "own": request.subapp is crane}


@crane.get("/fail/<int:status>")
def drop(request, status):
    abort(status)


@piers.get("/")
def list_piers(request):
    return redirect(request.url_prefix + "/1")


@piers.get("/<int:number>")
def pier(request, number):
    return f"pier {number} of {request.url_prefix}"


@piers.post("/")
def build(request):
    return {"built": request.json}, 201


@piers.errorhandler(451)
def forbidden(request):
    return "no papers", 451


piers.mount(crane, url_prefix="/crane", local=True)
app.mount(piers, url_prefix="/piers")
