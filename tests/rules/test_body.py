"""M34–M43: the request body, whoever reads it first."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from nacre import CallNext, Middleware, Nacre, Request, Response, WSGIMiddleware, wait
from nacre.errors import BodyConsumed, ClientDisconnect
from nacre.testing import TestClient
from rules.application import Gate
from rules.drivers import DRIVERS
from rules.recording import INNER, Recorder, Style, ids

ClientFor = Callable[..., TestClient]

TEXT = '{"a": [1, 2, 3]}'
JSON = {"content-type": "application/json"}


async def _streamed(request: Request) -> bytes:
    return b"".join([piece async for piece in request.stream()])


READERS: dict[str, Callable[[Request], Awaitable[Any]]] = {
    "bytes": lambda request: request.body(),
    "text": lambda request: request.text(),
    "json": lambda request: request.json(),
    "stream": _streamed,
}
EXPECTED = {"bytes": TEXT.encode(), "text": TEXT, "json": {"a": [1, 2, 3]}, "stream": TEXT.encode()}


async def _read_async(name: str, request: Request, seen: list[Any]) -> None:
    seen.append(await READERS[name](request))


def _reading_layer(style: str, name: str, seen: list[Any]) -> Any:
    """A layer that reads the whole body on the way in, as code of its style does."""

    async def onion(request: Request, call_next: CallNext) -> Response:
        await _read_async(name, request, seen)
        return await call_next(request)

    def plain(request: Request, call_next: Callable[[Request], Response]) -> Response:
        wait(_read_async(name, request, seen))
        return call_next(request)

    class ASGI:
        """Reads from `receive` and replays, as published ASGI middlewares do."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            messages = []
            while not messages or messages[-1]["more_body"]:
                messages.append(await receive())
            seen.append(EXPECTED[name] if b"".join(m["body"] for m in messages) == TEXT.encode() else messages)

            async def replay() -> Any:
                return messages.pop(0) if messages else await receive()

            await self.app(scope, replay, send)

    class Peeking(ASGI):
        """Reads from `receive` and hands it on empty: the body has been kept for those further in all the same."""

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            body = b""
            while True:
                message = await receive()
                body += message["body"]
                if not message["more_body"]:
                    break
            seen.append(EXPECTED[name] if body == TEXT.encode() else body)
            await self.app(scope, receive, send)

    def wsgi(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            body = environ["wsgi.input"].read()
            seen.append(EXPECTED[name] if body == TEXT.encode() else body)
            return app(environ, start_response)

        return middleware

    return {
        "onion-async": onion,
        "onion-plain": plain,
        "asgi-replaying": Middleware(ASGI, only="/*"),
        "asgi-peeking": Middleware(Peeking, only="/*"),
        "wsgi": WSGIMiddleware(wsgi),
    }[style]


LAYERS = ["onion-async", "onion-plain", "asgi-replaying", "asgi-peeking", "wsgi"]


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
@pytest.mark.parametrize("in_handler", READERS)
@pytest.mark.parametrize("in_layer", READERS)
@pytest.mark.parametrize("style", LAYERS)
async def test_m34_m36_a_body_read_in_a_layer_is_there_again_in_the_handler(
    client_for: ClientFor, style: str, in_layer: str, in_handler: str, chunked: bool
) -> None:
    """Bytes, text, JSON or stream in a layer, then any of them in the handler, twice; after a stream it is an error."""
    seen: list[Any] = []
    app = Nacre(middlewares=[_reading_layer(style, in_layer, seen)])

    @app.post("/")
    async def handler(request: Request) -> str:
        if in_layer == "stream" and style.startswith("onion"):
            with pytest.raises(BodyConsumed, match="streamed and not kept"):
                await READERS[in_handler](request)
            return "consumed"
        await _read_async(in_handler, request, seen)
        if in_handler != "stream":
            seen.append(await READERS[in_handler](request))
        return "read"

    content: Any = [TEXT[:5].encode(), TEXT[5:].encode()] if chunked else TEXT.encode()
    async with client_for(app) as client:
        response = await client.post("/", content=content, headers=JSON)
    assert response.status == 200, response.body
    assert seen[0] == EXPECTED[in_layer]
    assert seen[1:] in ([], [EXPECTED[in_handler]], [EXPECTED[in_handler]] * 2)


async def test_m35_a_stream_that_was_begun_is_an_error_for_who_comes_after(client_for: ClientFor) -> None:
    """Partly consumed, never begun, and read before: a clear error, the whole body, and the whole body."""
    app = Nacre()

    async def begin(request: Request, call_next: CallNext) -> Response:
        pieces = request.stream()
        await anext(pieces)
        return await call_next(request)

    async def only_make(request: Request, call_next: CallNext) -> Response:
        request.stream()
        return await call_next(request)

    async def handler(request: Request) -> Any:
        try:
            return await request.body()
        except BodyConsumed as error:
            return str(error)

    async def again(request: Request) -> Any:
        await request.body()
        return await _streamed(request) + await _streamed(request)

    app.add_route("/begun", handler, methods=["POST"], middlewares=[begin])
    app.add_route("/made", handler, methods=["POST"], middlewares=[only_make])
    app.add_route("/again", again, methods=["POST"])
    async with client_for(app) as client:
        assert "can't be read again" in (await client.post("/begun", content=[b"a", b"b"])).text
        assert (await client.post("/made", content=[b"a", b"b"])).text == "ab"
        assert (await client.post("/again", content=[b"a", b"b"])).text == "abab"


@pytest.mark.parametrize(
    "ways", [["body", "body"], ["body", "chunks"], ["chunks", "chunks", "body"], ["body", "stream"]]
)
async def test_m36_two_readers_at_once_get_the_same_bytes(client_for: ClientFor, ways: list[str]) -> None:
    """Tasks that read side by side each get the whole body: no piece is lost between them, none comes twice."""
    app = Nacre()

    async def read(request: Request, way: str) -> bytes:
        if way == "body":
            return await request.body()
        pieces: AsyncIterator[bytes] = request.stream() if way == "stream" else request.body_reader.chunks()
        return b"".join([piece async for piece in pieces])

    @app.post("/")
    async def handler(request: Request) -> list[str]:
        results = await asyncio.gather(*(read(request, way) for way in ways), return_exceptions=True)
        again = [] if "stream" in ways else [await request.body()]
        return [item.decode() if isinstance(item, bytes) else type(item).__name__ for item in [*results, *again]]

    async def chunks() -> Any:
        for piece in (b"1", b"2", b"3"):
            await asyncio.sleep(0)
            yield piece

    async with client_for(app) as client:
        answers = (await client.post("/", content=chunks())).json()
    assert set(answers) <= ({"123", "BodyConsumed"} if "stream" in ways else {"123"})
    assert "123" in answers


async def test_m36_a_reader_that_is_cancelled_takes_nothing_from_the_next(client_for: ClientFor) -> None:
    """A layer gives up reading after a while; the handler reads the body from its start."""
    gate, waiting = Gate(), Gate()
    app = Nacre()

    async def impatient(request: Request, call_next: CallNext) -> Response:
        reading = asyncio.create_task(request.body())
        beside = asyncio.create_task(request.body())
        await waiting.wait()
        for _ in range(3):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        gate.set()
        request.state.beside = beside
        return await call_next(request)

    @app.post("/", middlewares=[impatient])
    async def handler(request: Request) -> bytes:
        return await request.body() + b"|" + await request.state.beside

    async def chunks() -> Any:
        yield b"first;"
        waiting.set()
        await gate.wait()
        yield b"second"

    async with client_for(app) as client:
        if client.transport == "wsgi":
            return  # there a read blocks the request's own thread, and what blocks can't be cancelled
        assert (await client.post("/", content=chunks())).text == "first;second|first;second"


@pytest.mark.parametrize("style", LAYERS)
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_m38_the_limit_is_the_same_413_whoever_reads(client_for: ClientFor, style: str, chunked: bool) -> None:
    """A body over the limit: 413 with the same words from a layer and from the handler, declared or not."""
    seen: list[Any] = []
    app = Nacre(max_body=4)

    async def handler(request: Request) -> bytes:
        return await request.body()

    app.add_route("/handler", handler, methods=["POST"])
    app.add_route("/layer", handler, methods=["POST"], middlewares=[_reading_layer(style, "bytes", seen)])
    content: Any = [b"123", b"45"] if chunked else b"12345"
    fits: Any = [b"12", b"34"] if chunked else b"1234"
    async with client_for(app) as client:
        refused = await client.post("/handler", content=content)
        from_layer = await client.post("/layer", content=content)
        assert (refused.status, refused.body) == (from_layer.status, from_layer.body)
        assert (refused.status, b"4 bytes" in refused.body) == (413, True)
        assert (await client.post("/handler", content=fits)).body == b"1234"


async def test_m38_m65_a_limit_of_nothing_lets_nothing_in(client_for: ClientFor) -> None:
    """`max_body=0` is no body at all, not no limit."""
    app = Nacre(max_body=0)

    @app.post("/")
    async def handler(request: Request) -> bytes:
        return await request.body()

    async with client_for(app) as client:
        assert (await client.post("/", content=b"1")).status == 413
        assert (await client.post("/", content=[b"1"])).status == 413
        assert (await client.post("/", content=b"")).status == 200


class _Inflated:
    """A body source that decompresses another one."""

    def __init__(self, request: Request) -> None:
        self._pieces = request.body_reader.stream()
        self._inflate = zlib.decompressobj()

    async def read(self) -> bytes:
        async for piece in self._pieces:
            if data := self._inflate.decompress(piece):
                return data
        return self._inflate.flush()


async def _inflating(request: Request, call_next: CallNext) -> Response:
    request.replace_body(_Inflated(request))
    return await call_next(request)


class _InflatingASGI:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        data = zlib.decompress(body)
        headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")]

        async def replaced() -> Any:
            return {"type": "http.request", "body": data, "more_body": False}

        await self.app({**scope, "headers": [*headers, (b"content-length", b"%d" % len(data))]}, replaced, send)


@pytest.mark.parametrize("layer", [_inflating, Middleware(_InflatingASGI, only="/*")], ids=["onion", "asgi"])
@pytest.mark.parametrize("style", INNER, ids=ids)
async def test_m39_m43_a_replaced_body_is_what_all_further_in_read(
    client_for: ClientFor, log: Recorder, layer: Any, style: Style
) -> None:
    """A layer that decompresses: later readers of any kind get its body, and headers that belong to that."""
    inner = style.make(log, "inner", lambda: None, lambda: None)
    app = Nacre(middlewares=[layer, inner, _reading_layer("asgi-peeking", "bytes", seen := [])])

    @app.post("/")
    async def handler(request: Request) -> dict[str, Any]:
        return {
            "json": await request.json(),
            "length": request.headers.get("content-length"),
            "attribute": request.content_length,
            "scope": [name.decode() for name, _ in request.scope["headers"] if name == b"content-length"],
            "type": request.headers["content-type"],
        }

    async with client_for(app) as client:
        response = await client.post("/", content=zlib.compress(TEXT.encode()), headers=JSON)
    assert seen == [TEXT.encode()]
    answer = response.json()
    assert answer["json"] == {"a": [1, 2, 3]}
    assert answer["type"] == "application/json"
    known = [len(TEXT)] if not callable(layer) else []
    assert [answer["attribute"]] == (known or [None])
    assert len(answer["scope"]) == len(known)


async def test_m40_json_is_parsed_once(client_for: ClientFor) -> None:
    """Two calls, in a layer and in the handler, return the same object."""
    seen: list[Any] = []

    async def layer(request: Request, call_next: CallNext) -> Response:
        seen.append(await request.json())
        return await call_next(request)

    app = Nacre(middlewares=[layer])

    @app.post("/")
    async def handler(request: Request) -> str:
        seen.append(await request.json())
        return "x"

    async with client_for(app) as client:
        await client.post("/", json={"a": None})
        await client.post("/", json=None)
    assert seen[0] is seen[1]
    assert seen[2:] == [None, None]


@pytest.mark.parametrize("where", ["layer", "handler"])
async def test_m41_a_client_that_leaves_during_a_read_raises_where_it_is_read(
    client_for: ClientFor, log: Recorder, where: str
) -> None:
    """One ClientDisconnect for the reader, and again for who reads after it: never a short body."""

    async def read_twice(request: Request) -> None:
        for _ in range(2):
            try:
                log.note("body", str(await request.body()))
            except ClientDisconnect as error:
                log.note(where, "raised", error)

    async def layer(request: Request, call_next: CallNext) -> Response:
        if where == "layer":
            await read_twice(request)
        return await call_next(request)

    app = Nacre(middlewares=[layer])

    @app.post("/")
    async def handler(request: Request) -> str:
        if where == "handler":
            await read_twice(request)
        return "x"

    async def chunks() -> Any:
        yield b"first"
        await asyncio.get_running_loop().create_future()

    async with client_for(app) as client:
        await client.post("/", content=chunks(), disconnect_after=1)
    assert [(event.who, event.what) for event in log.events] == [(where, "raised")] * 2


@pytest.mark.parametrize("transport", ["asgi", "rsgi", "wsgi"])
@pytest.mark.parametrize("style", ["none", *(style.name for style in INNER)])
async def test_m42_a_layer_that_refuses_early_reads_nothing(transport: str, style: str, log: Recorder) -> None:
    """A body is received when somebody reads it, so `100 Continue` is not sent for a refused request."""
    found = [candidate for candidate in INNER if candidate.name == style]

    async def refuse(request: Request, call_next: CallNext) -> Any:
        return "no", 401

    app = Nacre(middlewares=[*(one.make(log, "L0", lambda: None, lambda: None) for one in found), refuse])
    app.add_route("/", lambda request: "x", methods=["POST"])
    driver = DRIVERS[transport]("POST", "/", [("expect", "100-continue")], [b"body"])
    await driver.serve(app)
    assert (driver.status, driver.body) == (401, b"no")
    assert driver.reads == 0


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "no-such", "hex", "undefined", "idna", "utf-8\\0", "punycode"])
async def test_m41_a_charset_of_the_clients_never_is_a_500(client_for: ClientFor, charset: str) -> None:
    """Whatever charset a client names, text that can't be read in it is a 400."""
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> str:
        return await request.text()

    async with client_for(app) as client:
        headers = {"content-type": f'text/plain; charset="{charset}"'}
        response = await client.post("/", content=b"\xff\xfe.xn--\x80", headers=headers)
    assert response.status == (200 if charset == "latin-1" else 400)
