"""Small things that an attack on the framework found, each with what holds now."""

import asyncio
import copy
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar

import msgspec
import pytest

from nacre import Body, File, Nacre, PlainTextResponse, Query, Request, StreamingResponse, wait
from nacre.errors import BodyConsumed, ConfigurationError
from nacre.fields import FormLimits
from nacre.testing import TestClient
from nacre.uploads import UploadFile

T = TypeVar("T")

# Copied requests.


async def _hand_in_a_copy(request, call_next):
    twin = copy.copy(request)
    twin.marked = True
    return await call_next(twin)


async def test_what_follows_the_response_is_kept_by_a_copied_request(client_for):
    done: list[str] = []
    app = Nacre(middlewares=[_hand_in_a_copy])

    @app.post("/")
    async def handler(request: Request) -> str:
        request.after_response(lambda: done.append("ran"))
        return await request.text()

    async with client_for(app) as client:
        assert (await client.post("/", content="body")).text == "body"
    assert done == ["ran"]


async def test_a_copied_request_shares_body_and_state_and_no_attributes(client_for):
    seen: list[Any] = []

    async def outer(request, call_next):
        response = await call_next(copy.copy(request))
        seen.append((await request.text(), request.state.user, hasattr(request, "marked")))
        return response

    async def handler(request: Request) -> str:
        request.state.user = "ann"
        request.marked = True
        return await request.text()

    app = Nacre(middlewares=[outer])
    app.add_route("/", handler, methods=["POST"])
    async with client_for(app) as client:
        assert (await client.post("/", content="body")).text == "body"
    assert seen == [("body", "ann", False)]


class _Closing:
    """A stream that takes its time to close."""

    def __init__(self, log: list[str]) -> None:
        self._log = log

    def __aiter__(self) -> "_Closing":
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self._log.append("closed")


@pytest.mark.parametrize("copied", [False, True], ids=["itself", "copied"])
async def test_a_replaced_stream_whose_closing_waits_is_closed(client_for, copied):
    log: list[str] = []

    def layer(request, call_next):
        call_next(copy.copy(request) if copied else request)
        return PlainTextResponse("another")

    app = Nacre(middlewares=[layer])
    app.add_route("/", lambda request: StreamingResponse(_Closing(log), eager=False))
    async with client_for(app) as client:
        assert (await client.get("/")).text == "another"
    assert log == ["closed"]


# Texts in annotations.


async def _size(items: list["Item"]) -> str:
    return f"{items[0].name} {len(items)}"


async def _first(items: dict[str, list["Item"]]) -> str:
    return next(iter(items.values()))[0].name


async def _optional(item: Optional["Item"] = Body(None)) -> str:
    return item.name if item is not None else "none"


async def _annotated(items: Annotated[list["Item"], Body()]) -> str:
    return items[0].name


async def _generic(box: "Box['Item']") -> str:
    return box.inside.name


def _enclosed() -> Any:
    class Local(msgspec.Struct):
        name: str

    async def handler(items: list["Local"]) -> str:
        return Local.__name__ + items[0].name

    return handler


A = {"name": "a"}
IN_TEXT = {
    "list": (_size, [A, A], "a 2"),
    "dict of lists": (_first, {"x": [A]}, "a"),
    "optional": (_optional, A, "a"),
    "annotated": (_annotated, [A], "a"),
    "text in a text": (_generic, {"inside": A}, "a"),
    "what a function closes over": (_enclosed(), [A], "Locala"),
}


@pytest.mark.parametrize(("handler", "body", "answer"), IN_TEXT.values(), ids=IN_TEXT)
async def test_texts_within_types_are_looked_up(client_for, handler, body, answer):
    app = Nacre()
    app.add_route("/", handler, methods=["POST"])
    async with client_for(app) as client:
        assert (await client.post("/", json=body)).text == answer


async def test_the_texts_of_a_literal_are_its_values(client_for):
    app = Nacre()

    @app.get("/")
    async def handler(kind: Annotated[list[Literal["Item", "x"]], Query()]) -> str:
        return " ".join(kind)

    async with client_for(app) as client:
        assert (await client.get("/?kind=Item&kind=x")).text == "Item x"


def test_a_text_that_names_nothing_is_told_with_its_annotation():
    app = Nacre()

    @app.post("/")
    async def handler(items: list["Nowhere"]) -> None: ...  # noqa: F821 - that is what is tested

    with pytest.raises(ConfigurationError, match=r"`items` with \"list\['Nowhere'\]\", which can't be evaluated"):
        app.compile()


class Item(msgspec.Struct):
    name: str


class Box(msgspec.Struct, Generic[T]):
    inside: T


# Forms of plain handlers.


@pytest.mark.parametrize("transport", ["asgi", "rsgi"])
async def test_a_large_form_is_not_kept_for_a_plain_handler(transport):
    app = Nacre(form_limits=FormLimits(memory=1000))

    @app.post("/")
    def handler(request: Request, upload: Annotated[UploadFile, File()]) -> str:
        try:
            wait(request.body())
        except BodyConsumed:
            return f"{upload.size} bytes, not kept"
        return "kept"

    head = b'--B\r\nContent-Disposition: form-data; name="upload"; filename="a"\r\n\r\n'
    body = head + b"x" * 5000 + b"\r\n--B--\r\n"
    async with TestClient(app, transport) as client:
        kind = {"content-type": "multipart/form-data; boundary=B"}
        assert (await client.post("/", content=body, headers=kind)).text == "5000 bytes, not kept"
