"""A harbour office that uses much of what Madara and Werkzeug have, for the comparison with the original."""

from http import HTTPStatus

from madara.app import Madara
from madara.blueprints import Blueprint
from madara.utils import jsonify
from madara.wrappers import Request, Response, make_response
from werkzeug.exceptions import Forbidden, NotFound, abort
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as WerkzeugResponse


class Stamp:
    """Touches the header fields of what is a response in the original too."""

    def __init__(self, get_response, app):
        self.get_response = get_response
        self.app = app

    def __call__(self, request):
        if request.path == "/gate/closed":
            return Response("the gate is closed", status=423)
        response = self.get_response(request)
        # In the original an error is an exception here, which has neither.
        if getattr(response, "status_code", 500) < 400 or request.headers.get("X-Stamp") == "all":
            response.headers["X-Office"] = str(len(self.app.config["middlewares"]))
            response.headers.add("X-Seen", request.method)
        return response

    def process_view(self, request, callback, callback_kwargs):
        if request.args.get("skip") == "view":
            return make_response(request, ({"skipped": callback.__name__}, 202))
        if "berth" in callback_kwargs:
            callback_kwargs["berth"] += 100
        return None

    def process_exception(self, request, exception):
        if isinstance(exception, ZeroDivisionError):
            return Response("no crew to share among", status=409, content_type="text/plain; charset=ascii")
        return None


class Clerk:
    def __init__(self, get_response, app):
        self.get_response = get_response

    def __call__(self, request):
        if request.headers.get("X-Clerk") == "asleep":
            raise RuntimeError("the clerk sleeps")
        if request.headers.get("X-Clerk") == "divides":
            return 1 // 0
        return self.get_response(request)


app = Madara(config={"Middlewares": [Stamp, Clerk], "Port": 80})
cargo = Blueprint("cargo", url_prefix="/ignored")
crew = Blueprint("crew", url_prefix="/crew/")
bare = Blueprint("bare")


@app.route("/")
def office(request):
    return "The office is open"


@app.route("/bytes")
def raw(request):
    return b"\xc3\xb6l"


@app.route("/array")
def array(request):
    return bytearray(b"ropes")


@app.route("/dict")
def table(request):
    return {"name": "Jörg", "list": [1, 2.5, None, True], "nested": {"b": 1, "a": 2}}


@app.route("/jsonify/<form>")
def made(request, form):
    if form == "one":
        return jsonify([1, 2])
    if form == "many":
        return jsonify(1, "two")
    if form == "named":
        return jsonify(b=1, a="ö")
    if form == "none":
        return jsonify()
    return jsonify(1, a=2)


@app.route("/tuple/<form>")
def pairs(request, form):
    forms = {
        "status": ("made", 201),
        "text": ("made", "201 CREATED"),
        "enum": ("made", HTTPStatus.ACCEPTED),
        "headers": ("made", {"X-Rope": "tarred"}),
        "pairs": ("made", [("X-Rope", "tarred"), ("X-Rope", "dry")]),
        "both": ({"made": True}, 203, {"X-Rope": "tarred"}),
        "type": ("<p>made</p>", 200, {"Content-Type": "text/html; charset=utf-8"}),
        "four": ("made", 200, {}, 1),
        "bytes": (b"made", 206),
        "response": (Response("made", mimetype="text/csv"), 207, {"X-Rope": "dry"}),
    }
    return forms[form]


@app.route("/wrong/<form>")
def wrong(request, form):
    return {"none": None, "int": 5, "list": [1], "bool": True, "float": 1.5, "set": {1}}[form]


@app.route("/response/<form>")
def response(request, form):
    if form == "empty":
        return Response()
    if form == "iterable":
        return Response(iter(["a", "b", "c"]), mimetype="text/plain")
    if form == "list":
        return Response(["one ", b"two"])
    if form == "type":
        return Response("a,b", content_type="text/csv")
    if form == "xml":
        return Response("<a/>", mimetype="application/xml")
    if form == "cookie":
        answer = Response("cookie")
        answer.set_cookie("ship", "sea gull", max_age=60, path="/", httponly=True)
        answer.set_cookie("plain", "1")
        answer.delete_cookie("old")
        return answer
    if form == "changed":
        answer = Response("first", 200)
        answer.data = "second"
        answer.status = "404 NOT FOUND"
        answer.status_code = 410
        answer.mimetype = "text/html"
        answer.headers["X-Length"] = str(len(answer.get_data(as_text=True)))
        answer.headers.extend({"X-Many": ["1", "2"]})
        return answer
    if form == "surface":
        answer = make_response(request, ("x", 201))
        return {
            "status": str(answer.status),
            "same": answer.status == "201 CREATED",
            "starts": answer.status[:3],
            "code": answer.status_code,
            "data": answer.get_data(as_text=True),
            "mimetype": answer.mimetype,
            "content_type": answer.content_type,
            "length": answer.content_length,
            "json": answer.is_json,
            "streamed": answer.is_streamed,
            "header": answer.headers.get("content-type"),
            "default": answer.headers.get("x-none", "-"),
        }
    if form == "etag":
        answer = Response("tagged")
        answer.set_etag("v1")
        answer.cache_control.max_age = 60
        answer.vary.add("Accept")
        answer.location = "/elsewhere"
        return answer.make_conditional(request.environ)
    return abort(404, "no such form")


@app.route("/foreign/<form>")
def foreign(request, form):
    if form == "werkzeug":
        return WerkzeugResponse("theirs", status=202, headers={"X-Theirs": "1"})
    if form == "redirect":
        return redirect("/harbour?x=1", 303)
    if form == "wsgi":

        def application(environ, start_response):
            start_response("200 OK", [("Content-Type", "text/plain"), ("X-Method", environ["REQUEST_METHOD"])])
            return [b"by ", b"WSGI"]

        return application
    if form == "error":
        return Forbidden("returned")
    raise NotFound("raised")


@app.route("/abort/<int:code>")
def stop(request, code):
    abort(code)


@app.route("/share/<int:among>")
def share(request, among):
    return str(12 // among)


@app.route("/berth/<int:berth>")
def berth(request, berth):
    return "berth %d" % berth


@app.route("/order/<name>")
def by_name(request, name):
    return "name " + name


@app.route("/order/<int:number>")
def by_number(request, number):
    return "number " + str(number)


@app.route("/order/first")
def first(request):
    return "first"


@app.route("/folder/")
def folder(request):
    return "folder"


@app.route("/loose", strict_slashes=False)
def loose(request):
    return "loose"


@app.route("/pages/", defaults={"page": 1})
@app.route("/pages/<int:page>")
def pages(request, page):
    return "page %d" % page


@app.route("/old/<int:number>", redirect_to="/berth/<number>")
def old(request, number):
    return "never"


@app.route("/both", methods=["get", "POST"])
def both(request):
    return request.method


@app.route("/own-options", methods=["GET", "OPTIONS"])
def own_options(request):
    return "mine " + request.method


@app.route("/asked", methods=["GET", "POST"])
def asked(request: Request):
    return {
        "method": request.method,
        "path": request.path,
        "full_path": request.full_path,
        "url": request.url,
        "base_url": request.base_url,
        "host": request.host,
        "scheme": request.scheme,
        "query": request.query_string.decode(),
        "args": sorted(request.args.items(multi=True)),
        "form": sorted(request.form.items(multi=True)),
        "values": sorted(request.values.items(multi=True)),
        "cookies": dict(request.cookies),
        "data": request.get_data(as_text=True),
        "mimetype": request.mimetype,
        "length": request.content_length,
        "json": request.is_json,
        "secure": request.is_secure,
        "endpoint": request.endpoint,
        "view_args": request.view_args,
        "addr": request.remote_addr,
        "agent": request.user_agent.string,
        "language": request.accept_languages.best_match(["de", "en"]),
        "header": request.headers.get("X-Ask"),
        "names": sorted(name for name, _ in request.headers),
        "shallow": request.shallow,
        "environ": request.environ["REQUEST_METHOD"] + " " + request.environ["PATH_INFO"],
        "repr": repr(request),
    }


@app.route("/files", methods=["POST"])
def files(request):
    return {
        "form": request.form.to_dict(),
        "files": {name: [one.filename, one.content_type, one.read().decode()] for name, one in request.files.items()},
    }


@app.route("/json", methods=["POST"])
def read_json(request):
    if request.args.get("force"):
        return {"got": request.get_json(force=True)}
    if request.args.get("silent"):
        return {"got": request.get_json(silent=True)}
    return {"got": request.json, "again": request.get_json(), "data": request.data.decode()}


@app.route("/stream", methods=["POST"])
def read_stream(request):
    return request.stream.read(4) + b"|" + request.stream.read()


@app.route("/missing")
def missing(request):
    return request.args["none"]


@cargo.route("/item", methods=["POST"])
def unload(request):
    return {"code": 0, "result": request.get_json()}


@cargo.route("")
def hold(request):
    return "the hold"


@crew.route("/<name>", endpoint="sailor")
def sailor(request, name):
    return request.endpoint + " " + name


def plain(request):
    return "added"


bare.add_url_rule("/bare", "rope", plain)
app.add_url_rule("/added", view_func=plain)
app.add_url_rule("/added/again", "plain", plain)
app.register_blueprint(cargo, url_prefix="/blueprint")
app.register_blueprint(crew)
app.register_blueprint(bare)
