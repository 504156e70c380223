"""Madara, which has no bodies with types; a layer is a class around `get_response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from madara.app import Madara
from madara.wrappers import Request, Response

from bench.workloads import MESSAGE, TEXT, Setting


def _plain(request: Request) -> str:
    return TEXT.decode()


def _message(request: Request) -> dict[str, str]:
    return MESSAGE


def _layer(name: str, value: str) -> type[Any]:
    class Layer:
        # Madara's code gives it the application as well, its documents don't.
        def __init__(self, get_response: Callable[[Request], Response], app: Madara | None = None) -> None:
            self.get_response = get_response

        def __call__(self, request: Request) -> Response:
            response = self.get_response(request)
            response.headers[name] = value
            return response

    return Layer


def build(setting: Setting) -> Madara:
    app = Madara(config={"middlewares": [_layer(name, value) for name, value in setting.added_headers()]})
    app.route("/plain", methods=["GET"], endpoint="plain")(_plain)
    app.route("/json", methods=["GET"], endpoint="message")(_message)
    return app


app = build(Setting.from_environment())
