"""WSGI by hand. Layers are nested applications that wrap `start_response`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from bench.workloads import MESSAGE, TEXT, Setting, static_path, validate_item

Environ = dict[str, Any]
Start = Callable[..., Any]
App = Callable[[Environ, Start], Iterable[bytes]]

_POST = re.compile(r"/users/(\d+)/posts/([^/]+)$")
_LINES = {200: "200 OK", 400: "400 Bad Request", 404: "404 Not Found"}


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


def _item(environ: Environ, start: Start) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        return _json(start, validate_item(json.loads(body)))
    except ValueError:
        return _json(start, {}, 400)


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
