from nacre import Group, Middleware, Nacre, abort, middleware


@middleware(provides="user")
async def sign_in(request, call_next):
    request.state.user = request.cookies.get("user", "nobody")
    return await call_next(request)


@middleware(requires="user")
async def staff_only(request, call_next):
    if request.state.user != "ada":
        abort(403)
    return await call_next(request)


class Limit:
    def __init__(self, *, requests):
        self.left = requests

    async def __call__(self, request, call_next):
        if self.left == 0:
            abort(429)
        self.left -= 1
        return await call_next(request)


app = Nacre(middlewares=[sign_in, Middleware(Limit, requests=2, only="POST", skip="webhook", name="limit")])
office = Group("/office", middlewares=[staff_only])


@office.get("/")
async def overview(request):
    return f"good morning, {request.state.user}"


@app.post("/orders")
async def order():
    return 201


@app.post("/hook", tags=["webhook"])
async def hook():
    return 204


app.include(office)
