# ruff: noqa: T201 - what it prints is tested too
"""Two functions around a handler: the first in the list is the outermost."""

from nacre import Nacre

app = Nacre()


async def keel(request, call_next):
    print("keel in")
    response = await call_next(request)
    print("keel out")
    return response


async def deck(request, call_next):
    print("deck in")
    response = await call_next(request)
    print("deck out")
    return response


app.middlewares.append(keel)
app.middlewares.append(deck)


@app.get("/")
def cabin():
    print("cabin")
    return "OK"
