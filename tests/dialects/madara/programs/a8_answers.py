from madara.app import Madara
from madara.wrappers import Response


class Log:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers["X-Log"] = "written"
        return response

    def process_view(self, request, callback, callback_kwargs):
        print("log sees", callback.__name__)

    def process_exception(self, request, exception):
        print("log reads", exception)
        return Response("repaired by the log", status=503)


class Customs:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response.headers["X-Customs"] = "seen"
        return response

    def process_view(self, request, callback, callback_kwargs):
        if callback_kwargs.get("goods") == "rum":
            return Response("no rum", status=403)
        if "goods" in callback_kwargs:
            callback_kwargs["goods"] = callback_kwargs["goods"].upper()
        return None

    def process_exception(self, request, exception):
        print("customs reads", exception)
        if isinstance(exception, KeyError):
            return Response("customs knows", status=409)
        return None


app = Madara(config={"middlewares": [Log, Customs]})


@app.route("/goods/<goods>")
def bring(request, goods):
    print("brought", goods)
    return goods


@app.route("/lost")
def lost(request):
    raise KeyError("crate")


@app.route("/sunk")
def sunk(request):
    raise ValueError("hull")
