"""Rows of the view `parts` about layers: two ways to do the same, of which the sources use the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def layer_parts() -> dict[str, Callable[[], object]]:
    return {**_onions(), **_hooks(), **_asgi(), **_fields()}


def _onions() -> dict[str, Callable[[], object]]:
    from nacre.chain.onion import adapt_onion
    from nacre.chain.stage import Stage
    from nacre.threads import run_at_once

    nobody: Any = None

    async def handler(request: Any) -> Any:
        return request

    async def onion(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    def around(request: Any) -> Any:
        return onion(request, handler)

    copied = adapt_onion(onion, nobody, nobody)(Stage(handler, None)).handle
    return {
        "an onion layer, called by a function of ours": lambda: run_at_once(around(nobody)),
        "an onion layer, copied with its call_next": lambda: run_at_once(copied(nobody)),
    }


def _hooks() -> dict[str, Callable[[], object]]:
    from nacre.callables import Call
    from nacre.chain.hooks import HookLayer, default_fields, fold, fuse
    from nacre.chain.stage import Stage
    from nacre.response import Response
    from nacre.threads import run_at_once

    nobody: Any = None

    async def handler(request: Any) -> Any:
        return request

    def hook() -> Callable[..., None]:
        def after(request: Any, response: Any) -> None:
            pass

        return after

    hooks = [hook() for _ in range(20)]

    async def loop(request: Any) -> Any:
        response = await handler(request)
        for after, awaited in steps:
            result = after(request, response)
            if awaited:
                result = await result
            if result is not None:
                response = result
        return response

    calls = [Call(nobody, None, after, True) for after in hooks]
    steps = [call.step(blocking=False) for call in calls]
    line = fuse([HookLayer(None, call, nobody, nobody) for call in calls], Stage(handler, None)).handle
    single = [default_fields([(f"x-layer-{index}", "1")]).plain for index in range(20)]
    folded = fold([default_fields([(f"x-layer-{index}", "1")]) for index in range(20)])[0].plain
    assert folded is not None

    def each() -> None:
        response = Response(b"")
        for add in single:
            assert add is not None
            add(nobody, response)

    return {
        "20 hooks in a loop": lambda: run_at_once(loop(nobody)),
        "20 hooks in a written line": lambda: run_at_once(line(nobody)),
        "20 fields known at startup, one by one": each,
        "20 fields known at startup, folded": lambda: folded(nobody, Response(b"")),
    }


def _asgi() -> dict[str, Callable[[], object]]:
    from nacre.chain.drive import Drive
    from nacre.threads import run_at_once

    nobody: Any = None
    start = {"type": "http.response.start", "status": 200, "headers": []}
    body = {"type": "http.response.body", "body": b""}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start)
        await send(body)

    async def stepped() -> None:
        drive = Drive(app, {}, nobody)
        while await drive.advance() is not None:
            pass

    return {
        "an ASGI application, message by message": lambda: run_at_once(stepped()),
        "an ASGI application, in one step": lambda: Drive(app, {}, nobody).begin(),
    }


def _fields() -> dict[str, Callable[[], object]]:
    from itertools import count

    from nacre.headers import MutableHeaders, encode_pairs

    numbers = count()

    def once() -> None:
        headers = MutableHeaders([])
        headers.add("x-request-id", f"{next(numbers):032x}")
        encode_pairs(headers.raw)

    vary = MutableHeaders([("vary", "Accept")])
    return {
        "a field whose value comes once, added and encoded": once,
        "Vary merged": lambda: vary.add_vary("Accept", "Cookie"),
    }
