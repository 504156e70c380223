"""A salvage yard: middlewares that add to the application and take bodies apart, and paths that could do harm."""

from functools import partial

from madara.app import Madara
from madara.blueprints import Blueprint
from madara.wrappers import Response
from werkzeug.utils import redirect


def is_found(response):
    # In the original an error is an exception here, which has no fields.
    return getattr(response, "status_code", 500) < 400


class Yard:
    def __init__(self, get_response, app, ledger=None):
        self.get_response = get_response
        self.ledger = ledger
        app.yard = self
        app.add_url_rule("/ledger", "ledger", self.show)

    def show(self, request):
        return {"ledger": self.ledger}

    def __call__(self, request):
        if request.args.get("limit"):
            request.max_content_length = int(request.args["limit"])
        response = self.get_response(request)
        if not is_found(response):
            return response
        del response.headers["X-Nothing"]
        response.headers["X-Told"] = "it was " + response.status + "."
        if request.args.get("body") == "read":
            response.data = response.get_data() + b"!"
        elif request.args.get("body") == "wrap":
            response.response = list(response.response)
            response.headers.pop("Content-Length", None)
        elif request.args.get("body") == "tag":
            response.add_etag()
        return response

    def process_view(self, request, callback, callback_kwargs):
        if "diver" in request.args:
            callback_kwargs["diver"] = request.args["diver"]


class Factory:
    def __init__(self, word):
        self.word = word

    def __call__(self, get_response, app):
        def stamped(request):
            response = get_response(request)
            if is_found(response):
                response.headers.add("X-Stamp", self.word)
            return response

        return stamped


app = Madara(config={"middlewares": [partial(Yard, ledger=["anchor"]), Factory("salvaged")]})
app.yard.ledger.append("bell")
wreck = Blueprint("wreck", url_prefix="/wreck")


class Page(Response):
    default_mimetype = "text/html"


@app.route("/dive")
def dive(request, diver="nobody"):
    return diver


@app.route("/pieces")
def pieces(request):
    return Response(word for word in ("hull", "mast"))


@app.route("/page")
def page(request):
    return Page("<p>found</p>")


@app.route("/crate/<name>")
def crate(request, name):
    return name


@app.route("/file/<path:name>")
def file(request, name):
    return name


@app.route("/far")
def far(request):
    return redirect("/crate/Öl und Teer")


@app.route("/weigh", methods=["POST"])
def weigh(request):
    return str(len(request.get_data()))


@wreck.route("/<float(min=1.5):depth>")
def depth(request, depth):
    return "%.1f" % depth


app.register_blueprint(wreck, middlewares=[Factory("wrecked")])
