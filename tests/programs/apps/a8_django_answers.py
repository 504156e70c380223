# ruff: noqa: T201 - what it prints is tested too
"""Two Django-style layers that answer themselves: one in place of the view, one in place of its exception."""

from nacre import Nacre, Response


class Outer:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers["x-outer"] = "seen"
        return response

    def process_exception(self, request, exception):
        print("outer was asked about", exception)
        return Response("mended by the outer layer", 503)


class Gate:
    def __init__(self, get_response, app):
        self.get_response = get_response
        self.app = app

    def __call__(self, request):
        response = self.get_response(request)
        response.headers["x-gate"] = self.app.name
        return response

    def process_view(self, request, view, view_kwargs):
        if "key" not in request.query:
            return Response("locked", 403)

    def process_exception(self, request, exception):
        if isinstance(exception, LookupError):
            return Response("mended by the gate", 404)


app = Nacre(middlewares=[Outer, Gate], name="lagoon")


@app.get("/room")
def room(request):
    print("the view ran")
    return "inside"


@app.get("/missing")
async def missing(request):
    raise KeyError("chest")


@app.get("/torn")
async def torn(request):
    raise OSError("net")
