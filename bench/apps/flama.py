"""Flama; a body is a pydantic schema, a form is checked by hand, a layer is an ASGI class that wraps `send`."""

# No annotations as text here: Flama doesn't resolve them. And none of what a handler returns: it would be a schema.

from collections.abc import Callable
from typing import Annotated, Any

from flama import Component, Flama, exceptions, http, types
from flama.middleware import Middleware
from flama.schemas import SchemaMetadata, SchemaType

from bench.apps.items_pydantic import Item
from bench.apps.orders import validate_order
from bench.workloads import MESSAGE, TEXT, Setting, dynamic_path, served_file, static_path, upload_answer


async def _plain() -> http.PlainTextResponse:
    return http.PlainTextResponse(TEXT.decode())


async def _message():  # type: ignore[no-untyped-def]
    return MESSAGE


async def _post(user_id: int, slug: str, limit: int):  # type: ignore[no-untyped-def]
    return {"user_id": user_id, "slug": slug, "limit": limit}


async def _item(item: Annotated[SchemaType, SchemaMetadata(Item)]):  # type: ignore[no-untyped-def]
    return item


async def _order(request: http.Request):  # type: ignore[no-untyped-def]
    form = await request.form()
    try:
        return validate_order(form, form.getlist("tags"))
    except ValueError:
        raise exceptions.HTTPException(400) from None


async def _upload(request: http.Request):  # type: ignore[no-untyped-def]
    form = await request.form()
    file: Any = form["upload"]
    return upload_answer("upload", str(form["title"]), file.filename, await file.read())


async def _conflict():  # type: ignore[no-untyped-def]
    raise exceptions.HTTPException(409)


async def _send() -> http.FileResponse:
    return http.FileResponse(str(served_file()))


class A(int):
    pass


class B(int):
    pass


class C(int):
    pass


class AComponent(Component):
    async def resolve(self) -> A:
        return A(1)


class BComponent(Component):
    async def resolve(self, a: A) -> B:
        return B(a + 1)


class CComponent(Component):
    async def resolve(self, b: B) -> C:
        return C(b + 1)


async def _provided(a: A, b: B, c: C):  # type: ignore[no-untyped-def]
    return {"a": a, "b": b, "c": c}


def _fixed(index: int) -> Callable[..., Any]:
    async def answer():  # type: ignore[no-untyped-def]
        return {"route": index}

    return answer


def _numbered(index: int) -> Callable[..., Any]:
    async def answer(number: int):  # type: ignore[no-untyped-def]
        return {"route": index, "number": number}

    return answer


class AddHeader:
    def __init__(self, app: types.App, name: bytes, value: bytes) -> None:
        self.app = app
        self.field = (name, value)

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_header(message: types.Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), self.field]
            await send(message)

        await self.app(scope, receive, send_with_header)


def build(setting: Setting) -> Flama:
    fields = setting.added_headers()
    app = Flama(
        middleware=[Middleware(AddHeader, name=name.encode(), value=value.encode()) for name, value in fields],
        components=[AComponent(), BComponent(), CComponent()],
    )
    app.route("/plain")(_plain)
    app.route("/json")(_message)
    app.route("/users/{user_id:int}/posts/{slug}")(_post)
    app.route("/items", methods=["POST"])(_item)
    app.route("/orders", methods=["POST"])(_order)
    app.route("/uploads", methods=["POST"])(_upload)
    app.route("/conflict")(_conflict)
    app.route("/files/file.bin")(_send)
    app.route("/provided")(_provided)
    for index in range(setting.routes):
        app.route(static_path(index))(_fixed(index))
        app.route(dynamic_path(index, "{number:int}"))(_numbered(index))
    # Granian gives the application's names to a function, and a Flama has None for whatever it hasn't got.
    app.__name__ = app.__qualname__ = "app"
    return app


app = build(Setting.from_environment())
