"""What clients are told that send a body which can't be read, and what is logged of those that leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
import pytest

from nacre import Body, Form, Nacre, Request
from nacre.errors import BadRequest, ClientDisconnect


class Item(msgspec.Struct):
    name: str


async def _take(item: Item) -> str:
    return item.name


def _take_plain(item: Item) -> str:
    return item.name


async def _take_form(name: Annotated[str, Form()]) -> str:
    return name


JSON = "application/json"
PROBLEM = "application/problem+json"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"

REFUSED = {
    "not JSON": (b"{", JSON, 400),
    "too large": (b"1" * 200, JSON, 413),
    "another type": (b"name=a", "text/csv", 415),
}


@pytest.mark.parametrize("accept", ["*/*", None, JSON, "image/png"])
@pytest.mark.parametrize(("body", "content_type", "status"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("handler", [_take, _take_plain])
async def test_a_body_that_a_binder_refuses_is_answered_in_json(
    client_for, handler, body, content_type, status, accept
):
    app = Nacre(max_body=100)
    app.add_route("/", handler, methods=["POST"])
    headers = {"content-type": content_type} | ({} if accept is None else {"accept": accept})
    async with client_for(app) as client:
        response = await client.post("/", content=body, headers=headers)
        assert (response.status, response.headers["content-type"]) == (status, PROBLEM)
        assert response.json()["status"] == status
        assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/plain", TEXT),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", HTML),
        ("text/plain, application/json;q=0.5", TEXT),
    ],
)
async def test_who_prefers_another_form_gets_it(client_for, accept, kind):
    app = Nacre()
    app.add_route("/", _take_form, methods=["POST"])
    async with client_for(app) as client:
        response = await client.post("/", content=b"{}", headers={"content-type": JSON, "accept": accept})
        assert (response.status, response.headers["content-type"]) == (415, kind)


async def test_other_errors_are_text_for_who_takes_anything(client_for):
    app = Nacre()

    @app.post("/")
    async def handler(request: Request) -> None:
        raise BadRequest("by the handler")

    async with client_for(app) as client:
        for response in (await client.post("/"), await client.get("/nowhere"), await client.put("/")):
            assert response.headers["content-type"] == TEXT


# Bodies that break off.


async def _first_and_no_more():
    yield b"first"
    await asyncio.get_running_loop().create_future()


async def _read(request: Request) -> bytes:
    return await request.body()


def _app(log: list[str]) -> Nacre:
    app = Nacre()

    @app.provider
    async def session() -> AsyncIterator[Session]:
        try:
            yield Session()
        except ClientDisconnect:
            log.append("told")
            raise

    @app.post("/read/<number>")
    async def read(request: Request, number: int, session: Session) -> bytes:
        return await request.body()

    return app


class Session:
    pass


async def _leave(client, path="/read/1"):
    return await client.post(path, content=_first_and_no_more(), disconnect_after=1)


async def test_a_client_that_leaves_is_one_line_in_the_log(client_for, caplog):
    told: list[str] = []
    async with client_for(_app(told)) as client:
        with caplog.at_level(logging.INFO, logger="nacre.error"):
            await _leave(client)
    [record] = [one for one in caplog.records if one.name == "nacre.error"]
    assert record.levelno == logging.INFO
    assert record.exc_info is None
    assert record.getMessage().startswith("POST /read/1 (route /read/<number>): ")
    assert told == ["told"]


async def test_an_error_handler_for_a_departure_runs_and_nothing_is_logged(client_for, caplog):
    seen: list[type] = []
    app = _app([])

    @app.error_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> str:
        seen.append(type(error))
        return "left"

    async with client_for(app) as client:
        with caplog.at_level(logging.INFO, logger="nacre.error"):
            await _leave(client)
    assert seen == [ClientDisconnect]
    assert not [one for one in caplog.records if one.name == "nacre.error"]


async def test_without_one_that_for_400_is_asked_and_never_that_for_500(client_for):
    seen: list[str] = []
    app = _app([])

    @app.error_handler(400)
    async def refused(request: Request, error: BadRequest) -> str:
        seen.append(error.detail)
        return "refused"

    @app.error_handler(500)
    async def failed(request: Request, error: Exception) -> str:
        seen.append("500")
        return "failed"

    async with client_for(app) as client:
        await _leave(client)
    assert seen == ["the body broke off before it was complete"]


async def test_in_debug_mode_there_is_no_page_of_it(client_for, caplog):
    seen: list[int] = []
    app = _app([])
    app.debug = True

    @app.after_error
    async def note(request: Request, response):
        seen.append(response.status)

    async with client_for(app) as client:
        await _leave(client)
    assert seen == [400]


# Raw JSON.


class Envelope(msgspec.Struct):
    kind: str
    payload: msgspec.Raw


@pytest.mark.parametrize("body", [b'{"kind": "a", "payload": "\xff"}', b'{"kind": "a", "payload": {"\xc3": 1}}'])
async def test_raw_parts_of_a_body_are_utf_8(client_for, body):
    app = Nacre()

    @app.post("/part")
    async def part(envelope: Envelope) -> bytes:
        return bytes(envelope.payload)

    @app.post("/whole")
    async def whole(payload: Annotated[msgspec.Raw, Body()]) -> bytes:
        return bytes(payload)

    async with client_for(app) as client:
        for path in ("/part", "/whole"):
            response = await client.post(path, content=body, headers={"content-type": JSON})
            assert (response.status, response.json()["detail"]) == (400, "the body is not valid JSON")
        sound = '{"kind": "a", "payload": "nácre"}'.encode()
        response = await client.post("/part", content=sound, headers={"content-type": JSON})
        assert response.body == '"nácre"'.encode()


@pytest.mark.parametrize("path", ["/names/%00", "/names/%FF"])
async def test_a_layer_at_the_head_takes_no_refusal_away(client_for, path):
    class Head:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    app = Nacre(middlewares=[Head])

    @app.get("/")
    async def home():
        return "home"

    async with client_for(app) as client:
        assert (await client.get(path)).status == 400
