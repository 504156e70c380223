"""Robyn, which serves itself; the body is a pydantic model, a layer is an `after_request` function.

All its functions are plain ones: a handler that is `async` costs half as much again, such a hook twice as much.
"""

# No annotations as text here: Robyn doesn't resolve them.

import sys
from collections.abc import Callable
from typing import Any

from robyn import Request, Response, Robyn
from robyn.exceptions import HTTPException

from bench.apps.items_pydantic import Item
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path, upload_answer


def _plain() -> str:
    return TEXT.decode()


def _message() -> dict[str, str]:
    return MESSAGE


def _post(user_id: int, slug: str, limit: int) -> dict[str, Any]:
    return {"user_id": user_id, "slug": slug, "limit": limit}


def _item(item: Item) -> Item:
    return item


def _upload(request: Request) -> dict[str, Any]:
    # Files come by their names, without those of their fields.
    ((name, data),) = request.files.items()
    return upload_answer("upload", request.form_data["title"], name, bytes(data))


def _conflict() -> str:
    raise HTTPException(409)


def _explain(error: HTTPException) -> Response:
    return Response(status_code=error.status_code, headers={}, description=error.detail)


def _fixed(index: int) -> Callable[..., Any]:
    def answer() -> dict[str, int]:
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    def answer(number: int) -> dict[str, int]:
        return {"route": index, "number": number}

    return answer


def _layer(name: str, value: str) -> Callable[[Response], Response]:
    def layer(response: Response) -> Response:
        response.headers.set(name, value)
        return response

    return layer


def build(setting: Setting) -> Robyn:
    app = Robyn(__file__)
    app.exception(_explain)
    app.get("/plain")(_plain)
    app.get("/json")(_message)
    app.get("/users/:user_id/posts/:slug")(_post)
    app.post("/items")(_item)
    app.post("/uploads")(_upload)
    app.get("/conflict")(_conflict)
    app.serve_directory("/files", str(served_file().parent))
    for index in range(setting.routes):
        app.get(static_path(index))(_fixed(index))
        app.get(dynamic_path(index, ":number"))(_numbered(index))
    for name, value in setting.added_headers():
        app.after_request()(_layer(name, value))
    return app


app = build(Setting.from_environment())

if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(sys.argv[1]))
