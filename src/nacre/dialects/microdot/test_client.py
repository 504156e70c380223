"""Microdot's client for tests."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from typing import Any, cast

from nacre.cookies import parse_cookies
from nacre.errors import WebSocketDisconnect, reason_phrase
from nacre.eventstream import EventDecoder
from nacre.headers import Headers
from nacre.testing import HandshakeDenied
from nacre.testing import TestClient as NativeClient


class ResponseHeaders(Headers):
    """Header fields by name, in any case; those of cookies are a list."""

    def __getitem__(self, name: Any) -> Any:
        return self.getlist(name) if name.lower() == "set-cookie" and name in self else super().__getitem__(name)


class TestResponse:
    """A response: `body` is bytes, None for HEAD; `text`, `json` and `events` are None where it is none of that."""

    __test__ = False

    def __init__(self, status_code: int, headers: Headers, body: bytes | None) -> None:
        self.status_code = status_code
        self.reason = reason_phrase(status_code)
        self.headers = ResponseHeaders(headers)
        self.body = body
        kind = headers.get("content-type", "").partition(";")[0]
        self.text = _text(body)
        self.json: Any = json.loads(body) if body and kind == "application/json" else None
        self.events = _events(body) if body is not None and kind == "text/event-stream" else None


class TestClient:
    """Send requests to an application in this process, with a cookie jar. All methods are awaited.

    Exceptions in a response that has begun are raised here.
    """

    __test__ = False

    def __init__(
        self, app: Any, cookies: Mapping[str, str] | None = None, scheme: str | None = None, host: str | None = None
    ) -> None:
        self.app = app
        self.native = NativeClient(
            app,
            scheme=scheme or "http",
            host=host or "example.com:1234",
            client=("127.0.0.1", 1234),
            cookies=cookies,
            raise_errors=True,
        )

    @property
    def cookies(self) -> Any:
        """The cookies by name; they may be set and deleted."""
        return self.native.cookies

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> TestResponse:
        """Send a request; a dict or list is sent as JSON, a field `Cookie` besides the cookies of the jar."""
        fields = {name.lower(): value for name, value in (headers or {}).items()}
        if isinstance(body, dict | list):
            body = json.dumps(body)
            fields.setdefault("content-type", "application/json")
        cookies = parse_cookies(fields.pop("cookie", "")) if self.cookies else {}
        response = await self.native.request(method, path, headers=fields, content=body or None, cookies=cookies)
        return TestResponse(response.status, response.headers, None if method == "HEAD" else response.body)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        return await self.request("GET", path, headers)

    async def post(self, path: str, headers: Mapping[str, str] | None = None, body: Any = None) -> TestResponse:
        return await self.request("POST", path, headers, body)

    async def put(self, path: str, headers: Mapping[str, str] | None = None, body: Any = None) -> TestResponse:
        return await self.request("PUT", path, headers, body)

    async def patch(self, path: str, headers: Mapping[str, str] | None = None, body: Any = None) -> TestResponse:
        return await self.request("PATCH", path, headers, body)

    async def delete(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        return await self.request("DELETE", path, headers)

    async def websocket(
        self, path: str, client: Callable[[], Any], headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Talk over a WebSocket by a generator, async or not: it yields what is sent, and is given each answer.

        A None sends nothing. Returns what the handshake was answered with.
        """
        talk = _talk(client())
        try:
            async with self.native.websocket(path, headers=headers or {}) as session:
                answered = TestResponse(101, session.headers, None)
                with suppress(StopAsyncIteration, WebSocketDisconnect):
                    message = await anext(talk)
                    while True:
                        if message is not None:
                            await session.send(message)
                        message = await talk.asend(await session.receive())
        except HandshakeDenied as denied:
            answer = denied.response
            answered = TestResponse(answer.status, answer.headers, answer.body)
        finally:
            await talk.aclose()
        return answered


async def _talk(client: Any) -> AsyncGenerator[Any, Any]:
    """A program's generator as an async one."""
    answer = None
    try:
        while True:
            message = await client.asend(answer) if hasattr(client, "asend") else client.send(answer)
            answer = yield message
    except (StopIteration, StopAsyncIteration):
        pass
    finally:
        await client.aclose() if hasattr(client, "aclose") else client.close()


def _text(body: bytes | None) -> str | None:
    try:
        return None if body is None else body.decode()
    except UnicodeDecodeError:
        return None


def _events(body: bytes) -> list[dict[str, Any]]:
    # Each by itself: a browser's `id` stays until another comes, and here it is the event's own.
    found = [event for block in body.split(b"\n\n") for event in EventDecoder().feed(block + b"\n\n")]
    return [
        {
            "data": cast("str", event.data).encode(),
            "data_json": _json(cast("str", event.data)),
            "event": event.event,
            "event_id": event.id,
            "retry": event.retry,
        }
        for event in found
    ]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
