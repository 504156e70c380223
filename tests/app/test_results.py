"""What handlers may return, what it becomes, and what the message says about the rest."""

import enum
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
import pytest

from nacre import JSONResponse, Nacre, Response, Results, StreamingResponse
from nacre.errors import Location

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
BYTES = "application/octet-stream"


@dataclass
class Pearl:
    size: float
    colour: str = "white"


class Shell(msgspec.Struct):
    kind: str


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    pass


async def pieces():
    yield b"a"
    yield "ß"


def plain_pieces():
    yield "b"
    yield b""
    yield b"c"


RESULTS = {
    "str": ("words", 200, b"words", TEXT),
    "empty str": ("", 200, b"", TEXT),
    "subclass of str": (Text("words"), 200, b"words", TEXT),
    "non-ASCII": ("ß", 200, "ß".encode(), TEXT),
    "bytes": (b"\0", 200, b"\0", BYTES),
    "bytearray": (bytearray(b"ab"), 200, b"ab", BYTES),
    "memoryview": (memoryview(b"ab"), 200, b"ab", BYTES),
    "dict": ({"a": 1}, 200, b'{"a":1}', JSON),
    "list": ([1, "a", None, 1.5, True], 200, b'[1,"a",null,1.5,true]', JSON),
    "True": (True, 200, b"true", JSON),
    "False": (False, 200, b"false", JSON),
    "float": (1.5, 200, b"1.5", JSON),
    "dataclass": (Pearl(7.5), 200, b'{"size":7.5,"colour":"white"}', JSON),
    "struct": (Shell("cone"), 200, b'{"kind":"cone"}', JSON),
    "list of structs": ([Shell("cone")], 200, b'[{"kind":"cone"}]', JSON),
    "named tuple": (Point(1, 2), 200, b"[1,2]", JSON),
    "enumeration": (Colour.RED, 200, b'"red"', JSON),
    "None": (None, 204, b"", None),
    "int": (202, 202, b"", None),
    "HTTPStatus": (HTTPStatus.IM_A_TEAPOT, 418, b"", None),
    "body, status": (("a", 201), 201, b"a", TEXT),
    "data, status": (([1], 201), 201, b"[1]", JSON),
    "body, HTTPStatus": (("a", HTTPStatus.CREATED), 201, b"a", TEXT),
    "body, status line": (("a", "201 CREATED"), 201, b"a", TEXT),
    "None, status": ((None, 404), 404, b"", None),
    "body, headers": (("a", {"content-type": "text/x"}), 200, b"a", "text/x"),
    "body, header pairs": (("a", [("Content-Type", "text/x")]), 200, b"a", "text/x"),
    "all three": (("a", 201, {"content-type": "text/x"}), 201, b"a", "text/x"),
    "status, headers": ((201, {"x-a": "b"}), 201, b"", None),
    "response, status": ((JSONResponse({}), 201), 201, b"{}", JSON),
    "nested tuple": ((("a", 201), {"content-type": "text/x"}), 201, b"a", "text/x"),
    "dict, dict": (({"a": 1}, {"x-a": "b"}), 200, b'{"a":1}', JSON),
    "Response": (Response("a", 201), 201, b"a", TEXT),
    "empty Response": (Response(), 200, b"", None),
    "list iterator": (iter(["a", "b"]), 200, b"ab", TEXT),
}


@pytest.mark.parametrize(("value", "status", "body", "type"), RESULTS.values(), ids=RESULTS)
@pytest.mark.parametrize("asynchronous", [True, False], ids=["async", "plain"])
async def test_every_form_of_result(value, status, body, type, asynchronous, client_for):
    app = Nacre()

    async def waiting(request):
        return iter(["a", "b"]) if isinstance(value, Iterator) else value

    def plain(request):
        return iter(["a", "b"]) if isinstance(value, Iterator) else value

    app.add_route("/", waiting if asynchronous else plain)
    async with client_for(app) as client:
        for _ in range(2):  # the second time over, since a response of the user's must not be used up
            response = await client.get("/")
            assert (response.status, response.body, response.headers.get("content-type")) == (status, body, type)


@pytest.mark.parametrize(("make", "body"), [(pieces, "aß"), (plain_pieces, "bc")])
async def test_generator_is_streamed_whether_it_is_returned_or_the_handler_is_one(make, body, client_for):
    app = Nacre()
    app.add_route("/returned", lambda request: make())
    app.add_route("/with-status", lambda request: (make(), 203, {"content-type": "text/x"}))
    app.add_route("/is-one", make)
    async with client_for(app) as client:
        for path, status, type in (("/returned", 200, TEXT), ("/with-status", 203, "text/x"), ("/is-one", 200, TEXT)):
            response = await client.get(path)
            assert (response.status, response.text, response.headers["content-type"]) == (status, body, type)
            assert "content-length" not in response.headers


async def test_return_annotation_says_what_is_data(client_for):
    app = Nacre()

    @app.get("/int")
    def number(request) -> int:
        return 404

    @app.get("/tuple")
    async def pair(request) -> tuple[int, int]:
        return 1, 404

    @app.get("/any")
    async def anything(request) -> Any:
        return 404

    @app.get("/union")
    async def union(request) -> int | Response:
        return 404

    @app.get("/optional")
    async def optional(request) -> dict[str, int] | None:
        return None

    @app.get("/bytes")
    async def stream(request) -> AsyncIterator[bytes]:
        yield b"a"

    @app.get("/unknown")
    async def unknown(request) -> "NotImportedHere":  # noqa: F821 - a name for type checkers only
        return "a"

    async with client_for(app) as client:
        assert (await client.get("/int")).json() == 404
        assert (await client.get("/tuple")).json() == [1, 404]
        assert (await client.get("/any")).status == 404
        assert (await client.get("/union")).status == 404
        assert (await client.get("/optional")).status == 204
        assert (await client.get("/bytes")).headers["content-type"] == BYTES
        assert (await client.get("/unknown")).text == "a"


async def test_headers_of_a_list_are_added_and_replace_what_conversion_set(client_for):
    app = Nacre()
    pairs = [("Content-Type", "text/x"), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("X-A", "1")]
    app.add_route("/", lambda request: ("a", pairs))
    async with client_for(app) as client:
        headers = (await client.get("/")).headers
    assert headers.getlist("set-cookie") == ["a=1", "b=2"]
    assert headers.getlist("content-type") == ["text/x"]
    assert headers.getlist("x-a") == ["1"]


TUPLES = (
    "; return (body, status), (body, headers), (body, status, headers) or (status, headers), "
    "or annotate the function `-> tuple[...]` to send it as JSON"
)

BAD = {
    "number": (7, "int", "7 is no HTTP status (100 to 599); annotate the function `-> int` to send a number as JSON"),
    "negative": (
        -1,
        "int",
        "-1 is no HTTP status (100 to 599); annotate the function `-> int` to send a number as JSON",
    ),
    "status": (
        ("a", 600),
        "tuple",
        "600 is no HTTP status (100 to 599); annotate the function `-> int` to send a number as JSON",
    ),
    "one": (("a",), "tuple", "a tuple of 1 (str) is no result" + TUPLES),
    "four": (("a", 200, {}, 4), "tuple", "a tuple of 4 (str, int, dict, int) is no result" + TUPLES),
    "empty": ((), "tuple", "a tuple of 0 () is no result" + TUPLES),
    "two texts": (("a", "b"), "tuple", "a tuple of 2 (str, str) is no result" + TUPLES),
    "bool status": (("a", True), "tuple", "a tuple of 2 (str, bool) is no result" + TUPLES),
    "set": (object(), "object", "object has no JSON form"),
    "deep": ({"a": [object()]}, "dict", "object has no JSON form"),
    "bad header": (("a", {"x-a": "b\r\nc: d"}), "tuple", "header 'x-a'"),
    "class": (Pearl, "type", "type has no JSON form"),
}


@pytest.mark.parametrize(("value", "kind", "complaint"), BAD.values(), ids=BAD)
async def test_bad_result_names_the_handler_and_says_what_may_be_returned(value, kind, complaint, client_for, caplog):
    app = Nacre()

    @app.get("/")
    def handler(request):
        return value

    async with client_for(app) as client:
        response = await client.get("/")
    assert (response.status, response.text) == (500, "Internal Server Error")
    (record,) = caplog.records
    message = str(record.exc_info[1])
    place = Location.of(handler)
    assert message.startswith(f"handler `{handler.__qualname__}` ({place}) returned a {kind} that makes no response: ")
    assert complaint in message
    assert record.exc_info[0] is TypeError


async def test_rules_may_be_replaced(client_for):
    class Shouting(Results):
        def text(self, value):
            return super().text(value.upper())

        def other(self, value):
            return self.text(value.colour) if isinstance(value, Pearl) else super().other(value)

    rules = Shouting(
        text_type="text/html", bytes_type="image/x", json_type="application/x", none_status=200, int_is_status=False
    )
    app = Nacre(results=rules)
    values = {"text": "a", "bytes": b"b", "json": [], "none": None, "int": 404, "other": Pearl(1), "set": Shell("x")}

    @app.get("/<name>")
    def handler(request, name):
        return values[name]

    async with client_for(app) as client:
        seen = {}
        for name in values:
            response = await client.get(f"/{name}")
            seen[name] = (response.status, response.body, response.headers.get("content-type"))
    assert seen == {
        "text": (200, b"A", "text/html"),
        "bytes": (200, b"b", "image/x"),
        "json": (200, b"[]", "application/x"),
        "none": (200, b"", None),
        "int": (200, b"404", "application/x"),
        "other": (200, b"WHITE", "text/html"),
        "set": (200, b'{"kind":"x"}', "application/x"),
    }


async def test_response_kept_for_many_requests_stays_as_it_was(client_for):
    constant = Response("constant", headers={"x-a": "1"})
    app = Nacre()
    app.add_route("/", lambda request: constant)

    @app.after_request
    def change(request, response):
        response.headers.add("x-a", request.query["n"])
        response.status = 418

    async with client_for(app) as client:
        for n in ("2", "3"):
            assert (await client.get(f"/?n={n}")).headers.getlist("x-a") == ["1", n]


async def test_streaming_response_returned_twice_is_told(client_for, caplog):
    constant = StreamingResponse(iter(["a"]))
    app = Nacre()
    app.add_route("/", lambda request: constant)
    async with client_for(app) as client:
        assert (await client.get("/")).text == "a"
        assert (await client.get("/")).status == 500
    assert "a streaming response was returned for a second request; build a new one for each" in caplog.text
