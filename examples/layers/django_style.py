from nacre import JSONResponse, Nacre


class Errors:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, KeyError):
            return JSONResponse({"missing": exception.args[0]}, 404)


app = Nacre(middlewares=[Errors])


@app.get("/stock/<item>")
def stock(item: str):
    return {"in stock": {"apples": 3}[item]}
