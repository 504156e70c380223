"""What the Rapidy application needs for providers, errors, forms and files."""

from typing import Any, NewType

from rapidy.depends import FromDI, Provider, Scope, provide
from rapidy.http import FileField, HTTPBadRequest, HTTPConflict, Request, get, post
from rapidy.web import FileResponse

from bench.apps.orders import validate_order
from bench.workloads import served_file, upload_answer

A = NewType("A", int)
B = NewType("B", int)
C = NewType("C", int)


class _Numbers(Provider):
    scope = Scope.REQUEST

    @provide
    async def a(self) -> A:
        return A(1)

    @provide
    async def b(self, a: A) -> B:
        return B(a + 1)

    @provide
    async def c(self, b: B) -> C:
        return C(b + 1)


@get("/provided")
async def _provided(a: FromDI[A], b: FromDI[B], c: FromDI[C]) -> dict[str, int]:
    return {"a": a, "b": b, "c": c}


@get("/conflict")
async def _conflict() -> None:
    raise HTTPConflict


@post("/orders")
async def _order(request: Request) -> dict[str, Any]:
    # Of a field that is sent more than once, a `Body` has the last one only.
    form = await request.post()
    try:
        return validate_order(dict(form), form.getall("tags", []))
    except ValueError:
        raise HTTPBadRequest from None


@post("/uploads")
async def _upload(request: Request) -> dict[str, Any]:
    form = await request.post()
    title, file = form["title"], form["upload"]
    assert isinstance(title, str)
    assert isinstance(file, FileField)
    return upload_answer("upload", title, file.filename, file.file.read())


@get("/files/file.bin")
async def _send() -> FileResponse:
    return FileResponse(served_file())


HANDLERS = [_provided, _conflict, _order, _upload, _send]
OPTIONS: dict[str, Any] = {"di_providers": [_Numbers()], "client_max_size": 4 * 1024 * 1024}
