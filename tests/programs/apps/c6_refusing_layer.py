# ruff: noqa: T201 - what it prints is tested too
"""A layer that answers without going on."""

from nacre import Nacre, Response

app = Nacre()


async def doorkeeper(request, call_next):
    if request.headers.get("authorization") != "Bearer pearl":
        return Response(status=401)
    return await call_next(request)


app.middlewares.append(doorkeeper)


@app.get("/vault")
async def vault(request):
    print("opened")
    return "gold"
