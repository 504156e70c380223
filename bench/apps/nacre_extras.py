"""What the Nacre application needs for providers, errors, forms and files."""

from __future__ import annotations

from typing import Annotated, Any

from bench.apps.items import Order
from bench.workloads import served_file, upload_answer
from nacre import Form, Group, Provide, Response, UploadFile, abort, wait
from nacre.files import FileResponse
from nacre.forms import FormLimits

# The peers keep 1 MiB of a file in memory. Nacre would put all beyond 256 KiB into a temporary file.
_UPLOADS: dict[str, Any] = {"max_body": 4 << 20, "form_limits": FormLimits(file_memory=2 << 20, memory=2 << 20)}


def declare(routes: Group) -> None:
    file = served_file()

    @routes.get("/provided")
    async def provided(a: A, b: B, c: C) -> dict[str, int]:
        return {"a": a, "b": b, "c": c}

    @routes.get("/conflict")
    async def conflict() -> str:
        abort(409, "taken")

    @routes.post("/orders")
    async def order(order: Annotated[Order, Form()]) -> Order:
        return order

    @routes.post("/uploads", **_UPLOADS)
    async def upload(upload: UploadFile, title: Annotated[str, Form()]) -> dict[str, Any]:
        return upload_answer("upload", title, upload.filename, await upload.read())

    @routes.get("/files/file.bin")
    async def send() -> Response:
        return FileResponse(file)


def declare_plain(routes: Group) -> None:
    file = served_file()

    @routes.get("/provided", inline=True)
    def provided(a: PlainA, b: PlainB, c: PlainC) -> dict[str, int]:
        return {"a": a, "b": b, "c": c}

    @routes.get("/conflict", inline=True)
    def conflict() -> str:
        abort(409, "taken")

    @routes.post("/orders", inline=True)
    def order(order: Annotated[Order, Form()]) -> Order:
        return order

    @routes.post("/uploads", inline=True, **_UPLOADS)
    def upload(upload: UploadFile, title: Annotated[str, Form()]) -> dict[str, Any]:
        return upload_answer("upload", title, upload.filename, wait(upload.read()))

    @routes.get("/files/file.bin", inline=True)
    def send() -> Response:
        return FileResponse(file)


async def _a() -> int:
    return 1


A = Annotated[int, Provide(_a)]


async def _b(a: A) -> int:
    return a + 1


B = Annotated[int, Provide(_b)]


async def _c(b: B) -> int:
    return b + 1


C = Annotated[int, Provide(_c)]


def _plain_a() -> int:
    return 1


PlainA = Annotated[int, Provide(_plain_a, inline=True)]


def _plain_b(a: PlainA) -> int:
    return a + 1


PlainB = Annotated[int, Provide(_plain_b, inline=True)]


def _plain_c(b: PlainB) -> int:
    return b + 1


PlainC = Annotated[int, Provide(_plain_c, inline=True)]
