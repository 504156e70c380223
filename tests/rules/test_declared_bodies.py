"""Bodies by ASGI whose messages don't say which is the last: Granian's, whose declared length is that of the body."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from nacre import Nacre, Request
from nacre.types import Message, Scope


class Server:
    """Gives messages one by one, each in a later turn of the loop; after them the client says nothing."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.left = pieces[::-1]
        self.asked = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.asked += 1
        await asyncio.sleep(0)
        if self.left:
            return {"type": "http.request", "body": self.left.pop(), "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class Granian(Server):
    """The same, by its name."""

    __module__ = "granian._granian"


class Item(msgspec.Struct):
    name: str


ITEM = b'{"name":"a"}'


async def _bound(item: Item) -> str:
    return item.name


async def _body(request: Request) -> str:
    return str(msgspec.json.decode(await request.body())["name"])


async def _stream(request: Request) -> str:
    return str(msgspec.json.decode(b"".join([piece async for piece in request.stream()]))["name"])


async def _asked(request: Request) -> str:
    assert not await request.is_disconnected()
    return str((await request.json())["name"])


def _scope(*fields: tuple[bytes, bytes]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a"), (b"content-type", b"application/json"), *fields],
    }


LENGTH = (b"content-length", str(len(ITEM)).encode())


async def _answer(server: Server, handler: Any, *fields: tuple[bytes, bytes]) -> bytes:
    app = Nacre()
    app.add_route("/", handler, methods=["POST"])
    app.compile()
    async with asyncio.timeout(5):
        await app(_scope(*fields), server.receive, server.send)
    return b"".join(message.get("body", b"") for message in server.sent)


@pytest.mark.parametrize("handler", [_bound, _body, _stream, _asked], ids=lambda handler: handler.__name__)
@pytest.mark.parametrize("pieces", [[ITEM], [ITEM[:5], ITEM[5:]]], ids=len)
async def test_a_body_is_complete_with_the_last_byte_of_its_length(handler: Any, pieces: list[bytes]) -> None:
    server = Granian(pieces)
    assert (await _answer(server, handler, LENGTH), server.asked) == (b"a", len(pieces))


TOLD_BY_MESSAGES: dict[str, tuple[type[Server], list[tuple[bytes, bytes]]]] = {
    "a layer may give another body": (Server, [LENGTH]),
    "no length": (Granian, []),
    "chunked": (Granian, [LENGTH, (b"transfer-encoding", b"chunked")]),
    "two lengths": (Granian, [LENGTH, LENGTH]),
    "a shorter length": (Granian, [(b"content-length", b"7")]),
}


@pytest.mark.parametrize(("kind", "fields"), TOLD_BY_MESSAGES.values(), ids=TOLD_BY_MESSAGES)
async def test_else_the_messages_tell(kind: type[Server], fields: list[tuple[bytes, bytes]]) -> None:
    server = kind([ITEM[:5], ITEM[5:]])
    assert (await _answer(server, _body, *fields), server.asked) == (b"a", 3)


async def test_a_body_with_less_than_its_length_has_broken_off() -> None:
    server = Granian([ITEM[:5], ITEM[5:]])
    await _answer(server, _body, (b"content-length", b"100"))
    assert server.sent[0]["status"] == 400


class Losing(Granian):
    """Gives a message to who asked for it, though that one is cancelled."""

    __module__ = "granian._granian"

    async def receive(self) -> Message:
        self.asked += 1
        piece = self.left.pop() if self.left else b""
        await asyncio.sleep(0)
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}


async def test_what_a_cancelled_reader_has_lost_is_missed() -> None:
    async def impatient(request: Request) -> bytes:
        first = asyncio.ensure_future(request.body())
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        return await request.body()

    server = Losing([ITEM[:5], ITEM[5:]])
    await _answer(server, impatient, LENGTH)
    assert server.asked > 1
    assert server.sent[0]["status"] == 400
