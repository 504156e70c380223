"""Rapidy; a layer is an onion function."""

# No annotations as text here: Rapidy doesn't find `CallNext` by its name.

import sys
from typing import Any

import uvloop
from rapidy import Rapidy, run_app
from rapidy.http import Request, StreamResponse, get, middleware
from rapidy.typedefs import CallNext

from bench.workloads import MESSAGE, TEXT, Setting


@get("/plain")
async def _plain() -> str:
    return TEXT.decode()


@get("/json")
async def _message() -> dict[str, str]:
    return MESSAGE


def _layer(name: str, value: str) -> Any:
    @middleware
    async def layer(request: Request, call_next: CallNext) -> StreamResponse:
        response = await call_next(request)
        response.headers[name] = value
        return response

    return layer


def build(setting: Setting) -> Rapidy:
    layers = [_layer(name, value) for name, value in setting.added_headers()]
    return Rapidy(http_route_handlers=[_plain, _message], middlewares=layers)


app = build(Setting.from_environment())

if __name__ == "__main__":
    uvloop.install()
    run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
