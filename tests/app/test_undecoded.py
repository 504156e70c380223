"""A body in a content coding that no layer undoes is refused by the coding, not by what it looks like."""

import gzip

import msgspec
import pytest

from nacre import Nacre, Request


class Pearls(msgspec.Struct):
    pearls: list[int]


@pytest.mark.parametrize("path", ["/json", "/text", "/form", "/model", "/untyped"])
async def test_a_coded_body_that_no_layer_decodes_is_a_415(client_for, path):
    app = Nacre()

    @app.post("/json")
    async def json(request: Request):
        return await request.json()

    @app.post("/text")
    async def text(request: Request):
        return await request.text()

    @app.post("/form")
    async def form(request: Request):
        return dict(await request.form())

    @app.post("/model")
    async def model(pearls: Pearls):
        return pearls

    from nacre import Body

    @app.post("/untyped")
    async def untyped(data: dict = Body()):
        return data

    kind = "application/x-www-form-urlencoded" if path == "/form" else "application/json"
    async with client_for(app) as client:
        coded = {"content-type": kind, "content-encoding": "gzip"}
        response = await client.post(path, content=gzip.compress(b'{"pearls":[1]}'), headers=coded)
    assert (response.status, response.headers.get("accept-encoding")) == (415, "identity")
