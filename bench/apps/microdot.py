"""Microdot, which has no bodies with types; a layer is an `after_request` function."""

from __future__ import annotations

import sys
from typing import Any

import uvloop
from microdot import Microdot, Request, Response
from microdot.asgi import Microdot as MicrodotASGI

from bench.workloads import MESSAGE, TEXT, Setting


async def _plain(request: Request) -> str:
    return TEXT.decode()


async def _message(request: Request) -> dict[str, str]:
    return MESSAGE


def _layer(app: Microdot, name: str, value: str) -> None:
    @app.after_request
    async def layer(request: Request, response: Response) -> None:
        response.headers[name] = value


def build(setting: Setting, kind: Any = MicrodotASGI) -> Any:
    app = kind()
    app.get("/plain")(_plain)
    app.get("/json")(_message)
    for name, value in setting.added_headers():
        _layer(app, name, value)
    return app


app = build(Setting.from_environment())

if __name__ == "__main__":
    uvloop.install()
    build(Setting.from_environment(), Microdot).run(host="127.0.0.1", port=int(sys.argv[1]))
