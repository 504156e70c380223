"""ASGI as a strict server speaks it: uvicorn's scopes, the specification's rules."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from nacre.testing.asgi_websocket import WebSocketGone, WebSocketMessages
from nacre.testing.exchange import ClientLeft, Exchange, PeerGone, Sent
from nacre.testing.link import Link
from nacre.types import Message, Scope

_VERSIONS = {"version": "3.0", "spec_version": "2.4"}


class ClientGone(PeerGone, OSError):
    """What `send` raises when the client has left, since version 2.4 of the specification."""


class ASGITransport:
    """Calls one ASGI 3 application."""

    link = Link

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lifespan: _Lifespan | None = None
        self._state: dict[str, Any] | None = None

    async def startup(self) -> None:
        """Run the application's startup; raises what it raised."""
        self._lifespan = _Lifespan(self._app)
        self._state = await self._lifespan.start()

    async def shutdown(self) -> None:
        """Run its shutdown; raises what that raised."""
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.stop()

    async def serve(self, exchange: Exchange) -> None:
        """Have the application answer one request."""
        channel = _Channel(exchange)
        await self._app(self._scope(exchange.sent), channel.receive, channel.send)

    async def serve_websocket(self, link: Link) -> None:
        """Have the application answer one handshake, and talk with the client."""
        scope = self._scope(link.sent)
        scope["type"] = "websocket"
        scope["scheme"] = "wss" if link.sent.scheme == "https" else "ws"
        scope["subprotocols"] = list(link.offered)
        scope["extensions"] = {"websocket.http.response": {}}
        del scope["method"]
        messages = WebSocketMessages(link)
        try:
            await self._app(scope, messages.receive, messages.send)
        except WebSocketGone:
            pass  # what the application was told when it sent to a client that had left
        # uvicorn cuts the connection when the application returns, or fails, without closing it.
        link.close_by_application(1006, "")

    def _scope(self, sent: Sent) -> Scope:
        raw_path = sent.root_path + sent.path
        scope: Scope = {
            "type": "http",
            "asgi": dict(_VERSIONS),
            "http_version": "1.1",
            "method": sent.method,
            "scheme": sent.scheme,
            "path": unquote(raw_path),
            "raw_path": raw_path.encode("ascii"),
            "query_string": sent.query.encode("ascii"),
            "root_path": sent.root_path,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.headers],
            "client": sent.client,
            "server": sent.server,
        }
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope


class _Channel:
    """`receive` and `send` of one request."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._body_complete = False

    async def receive(self) -> Message:
        exchange = self._exchange
        if not self._body_complete and not exchange.ended:
            try:
                chunk, more = await exchange.take_chunk()
            except ClientLeft:
                return {"type": "http.disconnect"}
            self._body_complete = not more
            return {"type": "http.request", "body": chunk, "more_body": more}
        await exchange.wait_over()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        kind = message["type"]
        if kind == "http.response.start":
            exchange.start(self._status(message), self._headers(message))
        elif kind == "http.response.body":
            await self._body(message)
        else:
            raise exchange.violation(f"{kind!r} is not a message of a HTTP response")

    async def _body(self, message: Message) -> None:
        exchange = self._exchange
        body = message.get("body", b"")
        if not isinstance(body, bytes | bytearray | memoryview):
            raise exchange.violation(f"the body is bytes, not {type(body).__name__}")
        more = message.get("more_body", False)
        try:
            if more or body:
                await exchange.put(bytes(body))
            else:
                exchange.check_piece(b"")
        except ClientLeft:
            raise ClientGone("the client has left") from None
        if not more:
            exchange.end()

    def _status(self, message: Message) -> int:
        status = message["status"]
        if not isinstance(status, int):
            raise self._exchange.violation(f"the status is an int, not {status!r}")
        return status

    def _headers(self, message: Message) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        for name, value in message.get("headers", ()):
            if not isinstance(name, bytes) or not isinstance(value, bytes):
                raise self._exchange.violation(f"header names and values are bytes, unlike {(name, value)!r}")
            if name != name.lower():
                raise self._exchange.violation(f"header names are in lower case, unlike {name!r}")
            pairs.append((name.decode("latin-1"), value.decode("latin-1")))
        return pairs


class _Lifespan:
    """One application's lifespan, in a task of its own."""

    def __init__(self, app: Callable[[Any, Any, Any], Awaitable[None]]) -> None:
        self._app = app
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._has_failed = False
        self._failure: BaseException | None = None

    async def start(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        self._task = asyncio.create_task(self._run(state), name="nacre-testing-lifespan")
        await self._ask("startup")
        return state

    async def stop(self) -> None:
        assert self._task is not None
        await self._ask("shutdown")
        await self._task

    async def _run(self, state: dict[str, Any]) -> None:
        await self._app({"type": "lifespan", "asgi": dict(_VERSIONS), "state": state}, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._has_failed:
            # Nothing comes after a failure, and an application that goes on all the same would be waited for forever.
            raise asyncio.CancelledError
        return await self._inbox.get()

    async def _send(self, message: Message) -> None:
        if message["type"].endswith(".failed"):
            self._has_failed = True
            # The message holds text only; the exception is the one that is being handled where `send` is called.
            self._failure = sys.exc_info()[1]
        await self._answers.put(message)

    async def _ask(self, event: str) -> None:
        assert self._task is not None
        await self._inbox.put({"type": f"lifespan.{event}"})
        answer = asyncio.create_task(self._answers.get())
        try:
            await asyncio.wait([self._task, answer], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await self._task
                raise RuntimeError(f"the application returned from its lifespan before the end of its {event}")
            message = answer.result()
            if message["type"] == f"lifespan.{event}.failed":
                await asyncio.wait([self._task])
                raise self._failure or RuntimeError(message.get("message", ""))
            if message["type"] != f"lifespan.{event}.complete":
                self._task.cancel()
                await asyncio.wait([self._task])
                raise RuntimeError(f"the application answered lifespan.{event} with {message['type']}")
        finally:
            if not answer.done():
                answer.cancel()
                await asyncio.wait([answer])
