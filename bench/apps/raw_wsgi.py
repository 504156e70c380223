"""WSGI by hand. Layers are nested applications that wrap `start_response`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.util import FileWrapper

from bench.apps import by_hand
from bench.workloads import MESSAGE, TEXT, Setting, served_file, static_path, validate_item

Environ = dict[str, Any]
Start = Callable[..., Any]
App = Callable[[Environ, Start], Iterable[bytes]]

_POST = re.compile(r"/users/(\d+)/posts/([^/]+)$")
_LINES = {200: "200 OK", 400: "400 Bad Request", 404: "404 Not Found", 409: "409 Conflict"}


def _respond(start: Start, body: bytes, kind: str, status: int = 200) -> list[bytes]:
    start(_LINES[status], [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def _json(start: Start, value: Any, status: int = 200) -> list[bytes]:
    return _respond(start, json.dumps(value).encode(), "application/json", status)


def _plain(environ: Environ, start: Start) -> Iterable[bytes]:
    return _respond(start, TEXT, "text/plain; charset=utf-8")


def _message(environ: Environ, start: Start) -> Iterable[bytes]:
    return _json(start, MESSAGE)


def _post(environ: Environ, start: Start) -> Iterable[bytes]:
    match = _POST.match(environ["PATH_INFO"])
    limit = dict(parse_qsl(environ["QUERY_STRING"])).get("limit", "")
    if match is None or not limit.isdigit():
        return _json(start, {}, 400)
    return _json(start, {"user_id": int(match[1]), "slug": match[2], "limit": int(limit)})


def _body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _item(environ: Environ, start: Start) -> Iterable[bytes]:
    try:
        return _json(start, validate_item(json.loads(_body(environ))))
    except ValueError:
        return _json(start, {}, 400)


def _provided(environ: Environ, start: Start) -> Iterable[bytes]:
    a = _next(0)
    b = _next(a)
    return _json(start, {"a": a, "b": b, "c": _next(b)})


def _next(value: int) -> int:
    return value + 1


def _conflict(environ: Environ, start: Start) -> Iterable[bytes]:
    return _json(start, {}, 409)


def _order(environ: Environ, start: Start) -> Iterable[bytes]:
    try:
        return _json(start, by_hand.order(_body(environ)))
    except ValueError:
        return _json(start, {}, 400)


def _upload(environ: Environ, start: Start) -> Iterable[bytes]:
    try:
        return _json(start, by_hand.upload(_body(environ), environ.get("CONTENT_TYPE", "")))
    except (ValueError, KeyError):
        return _json(start, {}, 400)


def _file(path: str) -> App:
    """The file as the server sends it, where it does, and otherwise in pieces of 64 KiB."""

    def file(environ: Environ, start: Start) -> Iterable[bytes]:
        length = str(os.stat(path).st_size)
        start(_LINES[200], [("Content-Type", "application/octet-stream"), ("Content-Length", length)])
        wrapper = environ.get("wsgi.file_wrapper", FileWrapper)
        wrapped: Iterable[bytes] = wrapper(open(path, "rb"), 64 * 1024)  # noqa: SIM115 -- closed by the server
        return wrapped

    return file


def _fixed(index: int) -> App:
    return lambda environ, start: _json(start, {"route": index})


def _layer(inner: App, field: tuple[str, str]) -> App:
    def layer(environ: Environ, start: Start) -> Iterable[bytes]:
        def add(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
            headers.append(field)
            return start(status, headers)

        return inner(environ, add)

    return layer


def build(setting: Setting) -> App:
    static: dict[str, App] = {"/plain": _plain, "/json": _message, "/items": _item}
    if setting.extras:
        static |= {"/provided": _provided, "/conflict": _conflict, "/orders": _order, "/uploads": _upload}
        static["/files/file.bin"] = _file(str(served_file()))
    static.update({static_path(index): _fixed(index) for index in range(setting.routes)})
    dynamic = {f"d{index}": index for index in range(setting.routes)}

    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        found = static.get(path)
        if found is not None:
            return found(environ, start)
        parts = path.split("/")
        if parts[1] == "users":
            return _post(environ, start)
        if len(parts) == 5 and parts[1] == "api" and parts[2] in dynamic and parts[3].isdigit():
            return _json(start, {"route": dynamic[parts[2]], "number": int(parts[3])})
        return _json(start, {}, 404)

    chain: App = app
    for field in reversed(setting.added_headers()):
        chain = _layer(chain, field)
    return chain


app = build(Setting.from_environment())
