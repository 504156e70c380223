"""Groups in groups: two share a prefix; layers, hooks and error handlers each keep to their own."""

from nacre import Group, Nacre, abort


def note(name):
    async def layer(request, call_next):
        request.state.setdefault("trail", []).append(name)
        response = await call_next(request)
        response.headers.add("x-left", name)
        return response

    return layer


class Trouble(Exception):
    pass


app = Nacre(middlewares=[note("app")])
api = Group("/api", middlewares=[note("api")], tags=["api"])
fish = Group("/fish", middlewares=[note("fish")], tags=["fish"])
more_fish = Group("/fish")


async def trail(request, **values):
    return {"trail": request.state.trail, "hooks": request.state.get("hooks", []), **values}


@app.before_request
def app_before(request):
    request.state.setdefault("hooks", []).append("app")


@fish.before_request
def fish_before(request):
    request.state.setdefault("hooks", []).append("fish")


@api.error_handler(Trouble)
def api_trouble(request, error):
    return f"api: {error}", 500


@fish.error_handler(Trouble)
def fish_trouble(request, error):
    if "bones" in str(error):
        raise error
    return f"fish: {error}", 500


@fish.error_handler(404)
def no_fish(request):
    return "no such fish"


fish.add_route("/<int:number>", trail, name="one", middlewares=[note("route")])
more_fish.add_route("/fresh", trail)
app.add_route("/", trail)


@fish.get("/trouble")
async def trouble(request):
    raise Trouble(request.query["why"])


@fish.get("/none")
async def none(request):
    abort(404)


@api.get("/trouble")
async def api_level(request):
    raise Trouble("rain")


app.include(api)
api.include(fish)
api.include(more_fish)
app.include(fish, prefix="/market")
