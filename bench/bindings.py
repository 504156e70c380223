"""Calls of bound functions, for the view `parts`: what a binder does for each thing that a function asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from bench.apps.items import Item
from nacre import Header, Provide, Request
from nacre.binding import Bound, Site, bind
from nacre.threads import run_at_once
from nacre.transports.asgi import CARRIER

_BODY = b'{"name":"Blue widget","price":19.95,"quantity":7,"active":true,"tags":["new"],"variants":[]}'
_HEADERS = [
    (b"host", b"127.0.0.1:8000"),
    (b"accept", b"*/*"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(_BODY)),
]
_SCOPE = {"type": "http", "method": "POST", "path": "/", "query_string": b"limit=10", "headers": _HEADERS}
_STEPS = (("limit", int),)


def bindings() -> dict[str, Callable[[], object]]:
    limited, stored, provided = _bound(_limited), _bound(_stored, method="POST"), _bound(_provided)
    layer = _bound(_layer, "call_next")
    known = _request()
    provided(known)
    return {
        "binding: one query field, written": lambda: limited(known),
        "binding: one query field, by a loop over steps": lambda: _by_steps(known),
        "binding: a body, request included": lambda: run_at_once(stored(_request())),
        "binding: a provider, request included": lambda: provided(_request()),
        "binding: a provider that was asked before": lambda: provided(known),
        "binding: an onion layer with a validated header": lambda: layer(known, None),
    }


def _bound(function: Callable[..., object], *given: str, method: str = "GET") -> Callable[..., Any]:
    """What a chain calls for a function that asks for more than it is given."""
    result = bind(function, ("request", *given), Site(method=method), "a part", handler=not given)
    assert isinstance(result, Bound), result
    return result.loop.call


def _request() -> Request:
    return Request(CARRIER, _SCOPE, _receive, "POST", "/")


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": _BODY, "more_body": False}


def _limited(limit: int) -> int:
    return limit


def _by_steps(request: Request) -> int:
    """What the written binder of `_limited` does, by a list of what there is to do."""
    values: list[int] = []
    fields = request.query_firsts()
    try:
        for key, parse in _STEPS:
            raw = fields.get(key)
            if raw is None:
                raise ValueError
            values.append(parse(raw) if raw.isdecimal() and raw.isascii() and len(raw) < 19 else parse("no number"))
    except ValueError:
        return 0
    return _limited(*values)


async def _stored(item: Item) -> None:
    pass


def _answer() -> int:
    return 42


def _provided(number: Annotated[int, Provide(_answer, inline=True)]) -> int:
    return number


def _layer(request: Request, call_next: Any, accept: Annotated[str, Header(min_length=1)]) -> None:
    pass
