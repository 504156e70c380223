"""A decorator that adds headers to whatever a handler returns, plain or async."""

import asyncio
import functools

from nacre import Nacre, Response

app = Nacre()


def with_headers(**fields):
    headers = {name.replace("_", "-"): value for name, value in fields.items()}

    def decorate(handler):
        if asyncio.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def wrapper(*args, **kwargs):
                return await handler(*args, **kwargs), headers
        else:

            @functools.wraps(handler)
            def wrapper(*args, **kwargs):
                return handler(*args, **kwargs), headers

        return wrapper

    return decorate


@app.get("/async")
@with_headers(x_reef="north")
async def asynchronous():
    return "OK"


@app.get("/plain/<int:depth>")
@with_headers(x_reef="south")
def plain(request, depth):
    return {"depth": depth}


@app.get("/response")
@with_headers(x_reef="west")
async def response(request):
    return Response("made", 201, {"x-reef": "replaced"})


@app.get("/bare")
async def bare():
    return "OK"
