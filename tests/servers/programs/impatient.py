"""An application that waits for bodies no longer than a moment; run by servers as `programs.impatient:app`."""

import msgspec

from nacre import Nacre, Request, Response


def plain_layer(request, call_next):
    return call_next(request)


class Item(msgspec.Struct):
    name: str


app = Nacre(body_timeout=0.5)


@app.post("/read")
async def read(request: Request) -> bytes:
    return await request.body()


@app.post("/plain")
def plain(item: Item) -> str:
    return item.name


@app.post("/layered", middlewares=[plain_layer])
async def layered(item: Item) -> Response:
    return Response(item.name.encode())
