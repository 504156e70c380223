"""A client for tests: requests to an application in this process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partialmethod
from typing import Any
from urllib.parse import urlencode

from nacre.codecs import decode_json, encode_json
from nacre.dialects.blacksheep.contents import Content
from nacre.dialects.blacksheep.contents import FormContent as FormContent
from nacre.dialects.blacksheep.contents import JSONContent as JSONContent
from nacre.dialects.blacksheep.contents import TextContent as TextContent
from nacre.dialects.blacksheep.messages import Response
from nacre.dialects.blacksheep.server.websocket import WebSocketDisconnectError
from nacre.errors import WebSocketDisconnect
from nacre.headers import pairs_of
from nacre.testing import TestClient as NativeClient

Fields = Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None
Query = bytes | str | Mapping[str, Any] | list[Any] | None


class TestClient:
    """Send requests to an application, which was started with `await app.start()` if it has to be.

    Cookies are kept from one answer to the next request only if they are given.
    """

    __test__ = False

    def __init__(self, app: Any) -> None:
        self.app = app

    async def request(
        self,
        method: str,
        path: str,
        headers: Fields = None,
        query: Query = None,
        content: Content | None = None,
        cookies: Fields = None,
    ) -> Response:
        """Send a request and give its response."""
        given = _texts(headers)
        options: dict[str, Any] = {}
        if content is not None:
            options["content"] = await content.read()
            if not any(name.lower() == "content-type" for name, _ in given):
                given.append(("content-type", content.type.decode()))
        answer = await NativeClient(self.app).request(
            method, path, headers=given, query=_query(query), cookies=dict(_texts(cookies)), **options
        )
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.pairs()]
        kind = answer.headers.get("content-type")
        made = Response(answer.status, [pair for pair in pairs if pair[0] != b"content-type"])
        return made if kind is None else made.with_content(Content(kind.encode(), answer.body))

    get = partialmethod(request, "GET")
    head = partialmethod(request, "HEAD")
    options = partialmethod(request, "OPTIONS")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")

    def websocket_connect(
        self, path: str, headers: Fields = None, query: Query = None, cookies: Fields = None
    ) -> AbstractAsyncContextManager[TestWebSocket]:
        """Open a WebSocket connection, within `async with`."""
        return self._connected(path, _texts(headers), _query(query), dict(_texts(cookies)))

    @asynccontextmanager
    async def _connected(self, path: str, headers: Any, query: Any, cookies: Any) -> AsyncGenerator[TestWebSocket]:
        client = NativeClient(self.app)
        async with client.websocket(path, headers=headers, query=query, cookies=cookies) as socket:
            yield TestWebSocket(socket)


class TestWebSocket:
    """The client's side of a connection."""

    __test__ = False

    def __init__(self, socket: Any) -> None:
        self._socket = socket

    async def send_text(self, data: str) -> None:
        await self._socket.send(data)

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send(data)

    async def send_json(self, data: object) -> None:
        await self._socket.send(encode_json(data).decode())

    async def receive_text(self) -> str:
        return str(await self._received())

    async def receive_bytes(self) -> bytes:
        message = await self._received()
        return message.encode() if isinstance(message, str) else message

    async def receive_json(self) -> Any:
        return decode_json(await self._received())

    async def _received(self) -> Any:
        try:
            return await self._socket.receive()
        except WebSocketDisconnect as error:
            raise WebSocketDisconnectError(error.code, error.reason) from None


def _texts(fields: Fields) -> list[tuple[str, str]]:
    return [(_text(name), _text(value)) for name, value in pairs_of(fields or ())]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _query(query: Query) -> str | None:
    if query is None or isinstance(query, str | bytes):
        return None if query is None else _text(query)
    return urlencode(list(pairs_of(query)), doseq=True)
