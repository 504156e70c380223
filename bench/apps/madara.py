"""Madara, which has no bodies with types and no providers; a layer is a class around `get_response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from madara.app import Madara
from madara.wrappers import Request, Response
from werkzeug.exceptions import BadRequest, Conflict
from werkzeug.utils import send_file

from bench.apps.orders import validate_order
from bench.workloads import (
    MESSAGE,
    TEXT,
    Setting,
    dynamic_path,
    served_file,
    static_path,
    upload_answer,
    validate_item,
)


def _plain(request: Request) -> str:
    return TEXT.decode()


def _message(request: Request) -> dict[str, str]:
    return MESSAGE


def _post(request: Request, user_id: int, slug: str) -> dict[str, Any]:
    limit = request.args.get("limit", "")
    if not limit.isdigit():
        raise BadRequest
    return {"user_id": user_id, "slug": slug, "limit": int(limit)}


def _item(request: Request) -> dict[str, Any]:
    try:
        return validate_item(request.json)
    except ValueError:
        raise BadRequest from None


def _order(request: Request) -> dict[str, Any]:
    try:
        return validate_order(request.form, request.form.getlist("tags"))
    except ValueError:
        raise BadRequest from None


def _upload(request: Request) -> dict[str, Any]:
    ((field, file),) = request.files.items()
    return upload_answer(field, request.form["title"], file.filename, file.read())


def _conflict(request: Request) -> str:
    raise Conflict


def _send(request: Request) -> Any:
    return send_file(served_file(), request.environ)


def _fixed(index: int) -> Callable[..., Any]:
    def answer(request: Request) -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    def answer(request: Request, number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


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
    app.add_url_rule("/plain", "plain", _plain)
    app.add_url_rule("/json", "message", _message)
    app.add_url_rule("/users/<int:user_id>/posts/<slug>", "post", _post)
    app.add_url_rule("/items", "item", _item, methods=["POST"])
    app.add_url_rule("/orders", "order", _order, methods=["POST"])
    app.add_url_rule("/uploads", "upload", _upload, methods=["POST"])
    app.add_url_rule("/conflict", "conflict", _conflict)
    app.add_url_rule("/files/file.bin", "send", _send)
    for index in range(setting.routes):
        app.add_url_rule(static_path(index), f"fixed{index}", _fixed(index))
        app.add_url_rule(dynamic_path(index, "<int:number>"), f"numbered{index}", _numbered(index))
    return app


app = build(Setting.from_environment())
