from madara.app import Madara


class Watch:
    def __init__(self, get_response):
        self.get_response = get_response
        print("the watch is set")

    def __call__(self, request):
        print("in", request.method)
        response = self.get_response(request)
        print("out", response.status_code)
        return response

    def process_view(self, request, callback, callback_kwargs):
        print("view", callback.__name__, callback_kwargs)
        return None

    def process_exception(self, request, exception):
        print("raised", exception)
        return None


app = Madara(config={"middlewares": [Watch]})


@app.route("/mast/<int:height>")
def mast(request, height):
    return {"height": height}


@app.route("/snap")
def snap(request):
    raise RuntimeError("the line broke")
