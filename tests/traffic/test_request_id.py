"""RequestId: one identifier per request, everywhere."""

import asyncio
import io
import logging
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import RFC_4122, UUID

import pytest

from nacre import ConfigurationError, Nacre
from nacre.response import RedirectResponse, Response, StreamingResponse
from nacre.traffic import REQUEST_ID, RequestId, RequestIdFilter, current_request_id, new_request_id


def application(*layers):
    app = Nacre(middlewares=[*layers])

    @app.get("/")
    def index(request):
        return f"{request.state[REQUEST_ID]} {current_request_id()}"

    @app.get("/boom")
    async def boom(request):
        raise RuntimeError

    @app.get("/away")
    async def away(request):
        return RedirectResponse("/")

    @app.get("/stream")
    async def stream(request):
        async def pieces():
            yield f"{current_request_id()} "
            await asyncio.sleep(0)
            yield await asyncio.create_task(in_task())

        return StreamingResponse(pieces())

    async def in_task():
        return current_request_id()

    return app


@pytest.mark.parametrize("path", ["/", "/boom", "/away", "/stream", "/missing"])
async def test_every_response_has_an_identifier_of_its_own(client_for, path):
    async with client_for(application(RequestId())) as client:
        one, other = [(await client.get(path)).headers["x-request-id"] for _ in range(2)]
    assert UUID(one).version == UUID(other).version == 7
    assert one != other


async def test_it_is_in_the_state_and_the_context_of_all_code(client_for):
    async with client_for(application(RequestId())) as client:
        for path in ("/", "/stream"):
            response = await client.get(path)
            assert response.text.split() == [response.headers["x-request-id"]] * 2
    assert current_request_id() is None


SENT = [
    ("plain-1.2_3", True),
    ("a" * 128, True),
    ("a" * 129, False),
    ("", False),
    ("has space", False),
    ("a\tb", False),
    ('quo"te', False),
    ("é", False),
    ("<script>", False),
    ("a,b", False),
]


@pytest.mark.parametrize(("sent", "valid"), SENT)
async def test_an_identifier_of_the_client_is_taken_only_if_told_to_and_valid(client_for, sent, valid):
    for trust, taken in [(True, valid), (False, False), (lambda request: False, False)]:
        async with client_for(application(RequestId(trust=trust))) as client:
            response = await client.get("/", headers={"x-request-id": sent})
        assert (response.headers["x-request-id"] == sent) is taken


async def test_two_identifiers_are_none(client_for):
    async with client_for(application(RequestId(trust=True))) as client:
        response = await client.get("/", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    assert response.headers["x-request-id"] not in ("a", "b")


async def test_header_and_maker_are_chosen(client_for):
    async with client_for(application(RequestId("Trace-Id", make=lambda: "mine"))) as client:
        response = await client.get("/")
    assert (response.headers["trace-id"], response.text) == ("mine", "mine mine")


async def test_an_answer_of_a_layer_further_out_has_one_too(client_for):
    async def refuses(request, call_next):
        return RedirectResponse("/login")

    async with client_for(application(refuses, RequestId())) as client:
        assert "x-request-id" in (await client.get("/")).headers


async def test_handshakes_have_one_and_sessions_keep_it(client_for):
    app = application(RequestId(trust=True))

    @app.websocket("/ws")
    async def session(ws):
        await ws.receive()
        await ws.send(current_request_id())

    async with client_for(app) as client, client.websocket("/ws", headers={"x-request-id": "mine"}) as ws:
        await ws.send("")
        assert await ws.receive() == "mine"


async def test_records_of_the_log_have_it(client_for):
    output = io.StringIO()
    handler = logging.StreamHandler(output)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    logger = logging.getLogger("test.request_id")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    app = application(RequestId(make=lambda: "r1"))

    @app.get("/log")
    def log(request):
        logger.info("inside")
        return ""

    logger.info("outside")
    async with client_for(app) as client:
        await client.get("/log")
    logger.removeHandler(handler)
    assert output.getvalue() == "- outside\nr1 inside\n"


def test_identifiers_sort_by_time_and_differ():
    made = [new_request_id() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one) for one in made
    )
    assert [one[:13] for one in made] == sorted(one[:13] for one in made)
    assert all(str(UUID(one)) == one and UUID(one).variant == RFC_4122 for one in made)
    assert abs(int(made[0].replace("-", "")[:12], 16) / 1000 - time.time()) < 60


def test_identifiers_of_many_threads_differ():
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: [new_request_id() for _ in range(500)], range(16)))
    assert len({one for some in made for one in some}) == 8000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_draws_identifiers_of_its_own():
    def random_parts(count):
        return "".join(new_request_id()[15:] for _ in range(count)).encode()

    random_parts(1)  # more than one is drawn
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, random_parts(64))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    size = len(new_request_id()[15:])
    ours, theirs = random_parts(64), os.read(reader, 64 * size)
    os.close(reader)
    os.close(writer)
    parts = {text[start : start + size] for text in (ours, theirs) for start in range(0, 64 * size, size)}
    assert len(parts) == 128


VISIBLE = [("a b", "a b"), ("a;b", "a;b"), ("", ""), ("x" * 300, "x" * 300)]


@pytest.mark.parametrize(("made", "sent"), VISIBLE)
async def test_what_a_maker_gives_is_sent_in_place_of_what_the_response_has(client_for, made, sent):
    app = application(RequestId(make=lambda: made))
    app.get("/own")(lambda request: Response("", headers={"x-request-id": "own"}))
    async with client_for(app) as client:
        for path in ("/", "/own"):
            assert (await client.get(path)).headers.getlist("x-request-id") == [sent]


async def test_an_identifier_that_cannot_be_sent_ends_no_line(client_for, caplog):
    async with client_for(application(RequestId(make=lambda: "a\r\nb: c"))) as client:
        response = await client.get("/")
    assert "b" not in response.headers
    assert response.headers.get("x-request-id") is None


async def test_only_true_makes_a_client_trusted(client_for):
    async with client_for(application(RequestId(trust=lambda request: "yes"))) as client:
        assert (await client.get("/", headers={"x-request-id": "mine"})).headers["x-request-id"] != "mine"


async def asynchronous(*arguments):
    return True


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"header": "X Request"}, "the header of RequestId"),
        ({"trust": asynchronous}, "the trust of RequestId, `asynchronous`, is async"),
        ({"make": asynchronous}, "the make of RequestId"),
        ({"trust": "proxy"}, "RequestId has trust='proxy'"),
    ],
)
def test_mistakes_are_told_at_once(options, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        RequestId(**options)
    assert caught.value.problems[0].where.file == __file__
