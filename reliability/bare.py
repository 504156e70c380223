"""Bare applications of each protocol with the routes of the experiments: what they do is the server's own doing."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

PIECE = b"x" * 65536

_counters: Counter[str] = Counter()
_events: dict[str, Counter[str]] = {}


def _record(query: dict[str, str], what: str) -> None:
    _events.setdefault(query["key"], Counter())[what] += 1


def _told(path: str, query: dict[str, str], tasks: int) -> bytes:
    if path == "/counters":
        return json.dumps({"tasks": tasks, **_counters}).encode()
    if path == "/events":
        return json.dumps({key: found for key, found in _events.items() if key.startswith(query["of"])}).encode()
    if path == "/forget":
        _counters.clear()
        _events.clear()
    return b"{}"


Read = Callable[[], Awaitable[bytes]]
Write = Callable[[bytes], Awaitable[None]]


async def _answer(path: str, query: dict[str, str], read: Read, write: Write) -> None:
    """One request; `read` gives b"" at the end of the body, and `write` may raise when the client has left."""
    if path == "/endless/async":
        _counters["opened"] += 1
        try:
            while True:
                await write(PIECE)
                await asyncio.sleep(0)
        finally:
            _counters["closed"] += 1
    elif path in ("/held", "/sipped"):
        _counters["begun"] += 1
        await asyncio.sleep(float(query.get("seconds", "0")))
        length = 0
        while piece := await read():
            length += len(piece)
            _counters["read"] = length
            if path == "/sipped":
                await asyncio.sleep(0.05)
        await write(json.dumps({"read": length}).encode())
    elif path.startswith("/left/"):
        _record(query, "begun")
        try:
            await asyncio.sleep(float(query.get("before", "0")))
            while True:
                await write(b"x" * 100)
                await asyncio.sleep(float(query.get("every", "3600")))
        finally:
            _record(query, "finally")
    else:
        await write(_told(path, query, len(asyncio.all_tasks()) - 1))


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await _echo_asgi(receive, send)
        return
    if scope["type"] != "http":
        raise NotImplementedError
    started = False

    more = True

    async def read() -> bytes:
        nonlocal more
        body = b""
        while more and not body:
            message = await receive()
            body, more = message.get("body", b""), message.get("more_body", False)
        return body

    async def write(piece: bytes) -> None:
        nonlocal started
        if not started:
            started = True
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": piece, "more_body": True})

    await _answer(scope["path"], dict(parse_qsl(scope["query_string"].decode())), read, write)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _echo_asgi(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        content = {name: message[name] for name in ("text", "bytes") if message.get(name) is not None}
        await send({"type": "websocket.send", **content})


async def rsgi(scope: Any, protocol: Any) -> None:
    if scope.proto == "ws":
        await _echo_rsgi(protocol)
        return
    body = aiter(protocol)
    transport: Any = None

    async def read() -> bytes:
        try:
            return bytes(await body.__anext__())
        except StopAsyncIteration:
            return b""

    async def write(piece: bytes) -> None:
        nonlocal transport
        if transport is None:
            transport = protocol.response_stream(200, [])
        await transport.send_bytes(piece)

    await _answer(scope.path, dict(parse_qsl(scope.query_string)), read, write)


async def _echo_rsgi(protocol: Any) -> None:
    transport = await protocol.accept()
    while (message := await transport.receive()).kind:
        if message.kind == 1:
            await transport.send_bytes(message.data)
        else:
            await transport.send_str(message.data)
    protocol.close()


def wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    query = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    start_response("200 OK", [])
    return _pieces(environ["PATH_INFO"], query, environ["wsgi.input"])


def _pieces(path: str, query: dict[str, str], body: Any) -> Iterator[bytes]:
    if path.startswith("/endless/"):
        _counters["opened"] += 1
        try:
            while True:
                yield PIECE
        finally:
            _counters["closed"] += 1
    elif path in ("/held", "/sipped"):
        _counters["begun"] += 1
        time.sleep(float(query.get("seconds", "0")))
        length = 0
        while piece := body.read(65536):
            length += len(piece)
            _counters["read"] = length
            if path == "/sipped":
                time.sleep(0.05)
        yield json.dumps({"read": length}).encode()
    elif path.startswith("/left/"):
        _record(query, "begun")
        try:
            time.sleep(float(query.get("before", "0")))
            while True:
                yield b"x" * 100
                time.sleep(min(float(query.get("every", "3600")), 0.05))
        finally:
            _record(query, "finally")
    else:
        yield _told(path, query, 0)
