"""Sanic, which serves itself; bodies are checked by hand, a layer is a response middleware."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from sanic import HTTPResponse, Request, Sanic, json, text
from sanic.exceptions import BadRequest, SanicException

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

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse]]

# Sanic keeps its applications by name.
_numbers = itertools.count()


async def _plain(request: Request) -> HTTPResponse:
    return text(TEXT.decode())


async def _message(request: Request) -> HTTPResponse:
    return json(MESSAGE)


async def _post(request: Request, user_id: int, slug: str) -> HTTPResponse:
    limit = request.args.get("limit", "")
    if not limit.isdigit():
        raise BadRequest
    return json({"user_id": user_id, "slug": slug, "limit": int(limit)})


async def _item(request: Request) -> HTTPResponse:
    try:
        return json(validate_item(request.json))
    except ValueError:
        raise BadRequest from None


async def _order(request: Request) -> HTTPResponse:
    form = request.form
    assert form is not None
    try:
        return json(validate_order({name: form.get(name) for name in form}, form.getlist("tags", [])))
    except ValueError:
        raise BadRequest from None


async def _upload(request: Request) -> HTTPResponse:
    form, files = request.form, request.files
    assert form is not None
    assert files is not None
    ((field, (file,)),) = files.items()
    return json(upload_answer(field, form["title"][0], file.name, file.body))


async def _conflict(request: Request) -> HTTPResponse:
    raise SanicException(status_code=409, quiet=True)


def _fixed(index: int) -> Handler:
    async def answer(request: Request) -> HTTPResponse:
        return json({"route": index})

    return answer


def _numbered(index: int) -> Handler:
    async def answer(request: Request, number: int) -> HTTPResponse:
        return json({"route": index, "number": number})

    return answer


def _layer(name: str, value: str) -> Callable[..., Coroutine[Any, Any, None]]:
    async def layer(request: Request, response: HTTPResponse) -> None:
        response.headers[name] = value

    return layer


def build(setting: Setting) -> Sanic[Any, Any]:
    app = Sanic(f"bench-{next(_numbers)}", configure_logging=False)
    app.config.ACCESS_LOG = False
    app.add_route(_plain, "/plain")
    app.add_route(_message, "/json")
    app.add_route(_post, "/users/<user_id:int>/posts/<slug:str>")
    app.add_route(_item, "/items", methods=["POST"])
    app.add_route(_order, "/orders", methods=["POST"])
    app.add_route(_upload, "/uploads", methods=["POST"])
    app.add_route(_conflict, "/conflict")
    app.static("/files", served_file().parent)
    for index in range(setting.routes):
        app.add_route(_fixed(index), static_path(index), name=f"fixed-{index}")
        app.add_route(_numbered(index), dynamic_path(index, "<number:int>"), name=f"numbered-{index}")
    for name, value in setting.added_headers():
        app.register_middleware(_layer(name, value), "response")
    return app


app = build(Setting.from_environment())

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(sys.argv[1]), single_process=True, access_log=False, motd=False)
