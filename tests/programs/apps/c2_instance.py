"""An instance as a layer, with the types written out."""

from nacre import CallNext, Nacre, Request, Response


class Counter:
    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, request: Request, call_next: CallNext) -> Response:
        self.count += 1
        response = await call_next(request)
        response.headers["x-count"] = str(self.count)
        return response


app = Nacre()
app.middlewares.append(Counter())


@app.get("/")
async def index() -> str:
    return "counted"
