"""Lean ASGI layers for the frameworks that have none of their own: request id, access log, token against forgery.

They do what Nacre's do: an id is taken or made, and is in a context variable while the request runs; a line of JSON
with the same fields is written to the same log when the last byte is sent; a token is bound to the session and masked.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

current_id: ContextVar[str] = ContextVar("current_id", default="-")

VALID_ID = re.compile(rb"[A-Za-z0-9._:=+/@-]{1,128}")
_SIZE = 32


class RequestId:
    """An identifier for each request, sent back with the response."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        known = None
        for name, value in scope["headers"]:
            if name == b"x-request-id" and VALID_ID.fullmatch(value):
                known = value.decode()
        if known is None:
            known = str(uuid.uuid4())
        current_id.set(known)
        scope.setdefault("state", {})["request_id"] = known
        field = (b"x-request-id", known.encode())

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], field]
            await send(message)

        await self.app(scope, receive, send_with_id)


def time_of_day() -> str:
    """The time in UTC, to the millisecond."""
    now = time.time()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03}Z"


class AccessLog:
    """One line of JSON for each request; `user_of` tells the user's number of a scope."""

    def __init__(self, app: App, logger: logging.Logger, user_of: Callable[[Scope], str | None]) -> None:
        self.app = app
        self.logger = logger
        self.user_of = user_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began = time.perf_counter()
        status, size, complete = 0, 0, False

        async def counted(message: Message) -> None:
            nonlocal status, size, complete
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                size += len(message.get("body", b""))
                complete = not message.get("more_body")
            await send(message)

        try:
            await self.app(scope, receive, counted)
        finally:
            self._write(scope, status, size, complete, time.perf_counter() - began)

    def _write(self, scope: Scope, status: int, size: int, complete: bool, seconds: float) -> None:
        fields = {
            "time": time_of_day(),
            "request_id": scope["state"].get("request_id"),
            "client": scope["client"][0],
            "user": self.user_of(scope),
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "bytes": size,
            "duration": round(seconds, 6),
            "outcome": "complete" if complete else "disconnected",
        }
        if scope["query_string"]:
            fields["query"] = scope["query_string"].decode("latin-1")
        for name, value in scope["headers"]:
            if name == b"user-agent":
                fields["agent"] = value.decode("latin-1")
        self.logger.info(json.dumps(fields))


class CSRF:
    """Refuses unsafe requests without a token of the session, which stands in the scope."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS") and not is_genuine(scope):
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.app(scope, receive, send)


def is_genuine(scope: Scope) -> bool:
    """Whether a request has the token of its session."""
    known = scope["session"].get("csrf")
    sent = [value for name, value in scope["headers"] if name == b"x-csrf-token"]
    if known is None or len(sent) != 1:
        return False
    try:
        data = base64.urlsafe_b64decode(sent[0] + b"==")
    except ValueError:
        return False
    return len(data) == 2 * _SIZE and secrets.compare_digest(_xor(data[:_SIZE], data[_SIZE:]), bytes.fromhex(known))


def csrf_token(session: MutableMapping[str, Any]) -> str:
    """A token for the page that is answered now."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_bytes(_SIZE).hex()
    mask = secrets.token_bytes(_SIZE)
    data = mask + _xor(mask, bytes.fromhex(session["csrf"]))
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
