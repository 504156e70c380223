"""BodyLimit: counted bytes, one 413, whoever reads."""

import gzip

import pytest

from nacre import ConfigurationError, Middleware, Nacre, wait
from nacre.decompression import Decompression
from nacre.traffic import BodyLimit


class Passing:
    """An ASGI layer that hands on what it receives."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def received():
            return await receive()

        await self.app(scope, received, send)


def application(*layers, max_body=1024 * 1024):
    app = Nacre(middlewares=[*layers], max_body=max_body)

    @app.post("/body")
    async def body(request):
        return str(len(await request.body()))

    @app.post("/plain")
    def plain(request):
        return str(len(wait(request.body())))

    @app.post("/stream")
    async def stream(request):
        return str(sum([len(piece) async for piece in request.stream()]))

    @app.post("/form")
    async def form(request):
        return str(len((await request.form())["a"]))

    @app.post("/parts")
    async def parts(request):
        return str(sum([len(piece) async for part in request.parts() async for piece in part]))

    @app.post("/unread")
    async def unread(request):
        return "unread"

    @app.post("/twice")
    async def twice(request):
        for _ in range(2):
            try:
                await request.body()
            except Exception as error:
                found = error
        async for _ in request.stream():
            pass
        return str(found)

    return app


READERS = ["body", "plain", "stream"]
SAYS = "the body is larger than 100 bytes, which `BodyLimit` allows here"


def in_pieces(size):
    return iter([b"x" * 7] * (size // 7) + [b"x" * (size % 7)])


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_bodies_up_to_the_limit_pass_and_larger_ones_are_refused(client_for, reader, chunked):
    async with client_for(application(BodyLimit(100))) as client:
        for size, status, text in [(0, 200, "0"), (100, 200, "100"), (101, 413, SAYS), (5000, 413, SAYS)]:
            content = in_pieces(size) if chunked and size else b"x" * size
            response = await client.post(f"/{reader}", content=content)
            assert (response.status, response.text) == (status, text)


@pytest.mark.parametrize("reader", ["form", "parts"])
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_it_holds_for_forms(client_for, reader, chunked):
    async with client_for(application(BodyLimit(100))) as client:
        for size, status in [(10, 200), (200, 413)]:
            body = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + b"x" * size + b"\r\n--b--"
            kind = {"content-type": "multipart/form-data; boundary=b"}
            content = in_pieces(len(body)) if chunked else body
            if chunked:
                content = iter([body[at : at + 7] for at in range(0, len(body), 7)])
            response = await client.post(f"/{reader}", content=content, headers=kind)
            assert response.status == status, response.text


async def test_all_later_readers_are_told_the_same(client_for):
    async with client_for(application(BodyLimit(100))) as client:
        response = await client.post("/twice", content=in_pieces(500))
    assert (response.status, response.text) == (413, SAYS)


async def test_it_holds_inside_of_asgi_layers(client_for):
    async with client_for(application(BodyLimit(100), Passing)) as client:
        assert (await client.post("/stream", content=in_pieces(100))).text == "100"
        refused = await client.post("/stream", content=in_pieces(101))
    assert (refused.status, refused.text) == (413, SAYS)


async def test_a_declared_length_is_refused_before_anything_runs_and_one_that_isnt_read_is_no_matter(client_for):
    async with client_for(application(BodyLimit(100))) as client:
        assert (await client.post("/unread", content=b"x" * 101)).status == 413
        assert (await client.post("/unread", content=in_pieces(101))).status == 200
        assert (await client.post("/missing", content=b"x" * 101)).status == 413


async def test_the_lowest_limit_counts(client_for):
    async with client_for(application(BodyLimit(300), BodyLimit(100), BodyLimit(200))) as client:
        assert (await client.post("/stream", content=in_pieces(101))).text == SAYS
    async with client_for(application(BodyLimit(300), max_body=50)) as client:
        refused = await client.post("/body", content=in_pieces(60))
        assert refused.text == "the body is larger than 50 bytes, which `max_body` allows here"
        assert (await client.post("/stream", content=in_pieces(60))).text == "60"


async def test_what_a_layer_outside_has_read_counts(client_for):
    async def reads(request, call_next):
        await request.body()
        return await call_next(request)

    async def reads_a_piece(request, call_next):
        async for _ in request.body_reader.chunks():
            break
        return await call_next(request)

    for layer in (reads, reads_a_piece):
        async with client_for(application(layer, BodyLimit(100))) as client:
            for reader in READERS:
                assert (await client.post(f"/{reader}", content=in_pieces(100))).text == "100"
                assert (await client.post(f"/{reader}", content=in_pieces(101))).text == SAYS


async def test_it_counts_the_wire_outside_of_decompression_and_what_is_decoded_inside(client_for):
    coded, kind = gzip.compress(b"x" * 1000), {"content-encoding": "gzip"}
    assert len(coded) < 100
    async with client_for(application(BodyLimit(100), Decompression())) as client:
        assert (await client.post("/body", content=coded, headers=kind)).text == "1000"
    async with client_for(application(Decompression(), BodyLimit(100))) as client:
        assert (await client.post("/body", content=coded, headers=kind)).text == SAYS


async def test_a_limit_of_none_at_all_refuses_every_byte(client_for):
    async with client_for(application(BodyLimit(0))) as client:
        assert (await client.post("/body")).status == 200
        assert (await client.post("/body", content=b"x")).status == 413


@pytest.mark.parametrize("limit", [-1, "10 MB", 1.5, True, None])
def test_anything_but_a_number_of_bytes_is_a_mistake(limit):
    with pytest.raises(ConfigurationError, match=f"not {limit!r}"):
        BodyLimit(limit)


def test_websockets_pass_no_limit_on_bodies():
    app = Nacre(middlewares=[Middleware(BodyLimit, 10)])
    app.websocket("/ws")(lambda ws: None)
    [route] = app.describe().routes
    assert [layer.skipped for chain in route.chains for layer in chain.skipped] == ["a handshake has no body"]
