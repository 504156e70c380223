"""Routes declared before there is an application; functions stay functions, and decorators may stand on either side."""

import functools

from nacre import Group, Nacre, get, post, route


def loud(handler):
    @functools.wraps(handler)
    async def wrapper(*args, **kwargs):
        return (await handler(*args, **kwargs)).upper()

    return wrapper


@get("/shells/<int:number>", name="shell", tags=["shells"])
async def shell(request, number):
    return f"shell {number}"


@loud
@get("/above")
async def above(request):
    return "called out"


@get("/below")
@loud
async def below(request):
    return "called out"


@get("/both")
@post("/both")
@loud
async def both(request):
    return request.method.lower()


class Catalogue:
    def __init__(self, title):
        self.title = title

    @get("/title")
    async def show(self, request):
        return self.title


@route("/scales", ["GET", "PUT"], middlewares=[])
class Scales:
    async def get(self, request):
        return "weighs"

    async def put(self, request):
        return "weighed"


app = Nacre(routes=[shell, above, below, both])
app.include(Group("/group", routes=[shell, Catalogue("Shells of the north").show, Scales]))
